package label

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// pdfFont says which letters the codes of a font are.
type pdfFont struct {
	wide bool // codes of two bytes
	// utf16 codes are letters by themselves; those of simple fonts are nearly Latin-1.
	utf16 bool
	known []pdfCodes     // what the document says, by code
	named map[int]string // what the names of glyphs say
	// blind fonts have codes that mean nothing by themselves.
	blind bool
}

// pdfCodes are codes one behind the other, the first of which means some text, and the
// others the letters behind its last one.
type pdfCodes struct {
	from, to int
	text     []rune
}

// pdfFonts are the fonts of a document.
type pdfFonts struct {
	file     *pdfFile
	byNumber map[int]int
	contents map[int][]byte
	read     map[any]*pdfFont // by reference
	// stranger is the font of a text for which none is named.
	stranger *pdfFont
}

func newPDFFonts(f *pdfFile, byNumber map[int]int, contents map[int][]byte) *pdfFonts {
	p := &pdfFonts{file: f, byNumber: byNumber, contents: contents, read: map[any]*pdfFont{}, stranger: &pdfFont{}}
	for _, o := range f.objects { // it may be one of numbers of glyphs
		if d, ok := o.(pdfDict); ok && (d["Subtype"] == pdfName("Type0") || d["Subtype"] == pdfName("Type3")) {
			p.stranger.blind = true
		}
	}
	return p
}

// named returns the fonts that a name may mean: of a font, or of a state with one.
func (p *pdfFonts) named(kind, name string, resources []pdfDict) (all []*pdfFont) {
	for _, d := range resources {
		v := p.file.dict(d[kind])[name]
		if kind == "ExtGState" {
			state := p.file.list(p.file.dict(v)["Font"])
			if v = nil; len(state) > 0 {
				v = state[0]
			}
		}
		if v == nil {
			continue
		}
		ref, isRef := v.(pdfRef)
		if font := p.read[ref]; isRef && font != nil {
			if !slices.Contains(all, font) {
				all = append(all, font)
			}
			continue
		}
		font := p.font(p.file.dict(v))
		if isRef {
			p.read[ref] = font
		}
		all = append(all, font)
	}
	return all
}

func (p *pdfFonts) font(d pdfDict) *pdfFont {
	font := &pdfFont{}
	if ref, ok := d["ToUnicode"].(pdfRef); ok {
		if i, ok := p.byNumber[int(ref)]; ok {
			font.known = readCodes(p.contents[i])
		}
	}
	if font.wide = d["Subtype"] == pdfName("Type0"); font.wide {
		encoding, _ := p.file.resolve(d["Encoding"]).(pdfName)
		name := string(encoding)
		font.utf16 = strings.HasPrefix(name, "Uni") && (strings.Contains(name, "UCS2") || strings.Contains(name, "UTF16"))
		font.blind = !font.utf16
		return font
	}
	font.blind = d["Subtype"] == pdfName("Type3")
	encoding := p.file.dict(d["Encoding"])
	differences, _ := p.file.resolve(encoding["Differences"]).([]any)
	code := 0
	for _, x := range differences {
		switch v := x.(type) {
		case int:
			code = v
		case pdfName:
			if font.named == nil {
				font.named = map[int]string{}
			}
			font.named[code] = glyph(string(v))
			code++
		}
	}
	return font
}

// decode appends the text of a string. It reports whether all of it could be read.
func (f *pdfFont) decode(out []byte, s []byte) (_ []byte, ok bool) {
	ok = true
	size := 1
	if f.wide {
		size = 2
	}
	for ; len(s) >= size; s = s[size:] {
		code := int(s[0])
		if f.wide {
			code = code<<8 | int(s[1])
		}
		if text, found := f.lookup(code); found {
			out = append(out, text...)
			continue
		}
		name, isNamed := f.named[code]
		switch {
		case isNamed && name != "":
			out = append(out, name...)
		case f.utf16 && !utf16.IsSurrogate(rune(code)):
			out = utf8.AppendRune(out, rune(code))
		case f.utf16 && len(s) >= 4:
			out = utf8.AppendRune(out, utf16.DecodeRune(rune(code), rune(s[2])<<8|rune(s[3])))
			s = s[2:]
		case f.blind || isNamed || len(f.known) > 0 || code < ' ' && !isSpace(byte(code)):
			ok = false
			out = append(out, broken)
		default:
			out = append(out, toUTF8([]byte{byte(code)})...)
		}
	}
	return out, ok
}

func (f *pdfFont) lookup(code int) (string, bool) {
	i, exact := slices.BinarySearchFunc(f.known, code, func(c pdfCodes, code int) int { return cmp.Compare(c.from, code) })
	if !exact {
		i--
	}
	if i < 0 || code > f.known[i].to || len(f.known[i].text) == 0 {
		return "", false
	}
	text := slices.Clone(f.known[i].text)
	text[len(text)-1] += rune(code - f.known[i].from)
	return string(text), true
}

// readCodes reads a ToUnicode map.
func readCodes(cmap []byte) (all []pdfCodes) {
	fuel := 4*len(cmap) + 1<<12
	r := pdfReader{in: cmap, fuel: &fuel}
	var args []any
	for {
		v, ok := r.value(0)
		if !ok {
			break
		}
		switch v {
		case pdfKeyword("beginbfchar"), pdfKeyword("beginbfrange"):
			args = args[:0]
		case pdfKeyword("endbfchar"):
			for i := 0; i+1 < len(args); i += 2 {
				code := codeOf(args[i])
				all = append(all, pdfCodes{code, code, lettersOf(args[i+1])})
			}
		case pdfKeyword("endbfrange"):
			for i := 0; i+2 < len(args); i += 3 {
				from, to := codeOf(args[i]), codeOf(args[i+1])
				if list, ok := args[i+2].([]any); ok {
					for k, x := range list {
						all = append(all, pdfCodes{from + k, from + k, lettersOf(x)})
					}
					continue
				}
				all = append(all, pdfCodes{from, to, lettersOf(args[i+2])})
			}
		default:
			if args = append(args, v); len(args) > 3*100*8 { // a block has at most 100 entries
				args = args[:0]
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pdfCodes) int { return cmp.Compare(a.from, b.from) })
	return all
}

func codeOf(v any) (n int) {
	s, _ := v.([]byte)
	for _, c := range s[:min(len(s), 4)] {
		n = n<<8 | int(c)
	}
	return n
}

// lettersOf reads UTF-16.
func lettersOf(v any) []rune {
	s, _ := v.([]byte)
	var units []uint16
	for ; len(s) > 1; s = s[2:] {
		units = append(units, uint16(s[0])<<8|uint16(s[1]))
	}
	return utf16.Decode(units)
}

// glyph returns the text of a glyph by its name, "" for names that are of the font only.
func glyph(name string) string {
	name, _, _ = strings.Cut(name, ".")
	if rest, ok := strings.CutPrefix(name, "uni"); ok && len(rest) >= 4 {
		if r, n := hexRun([]byte(rest), 4); n == 4 {
			return string(r)
		}
	}
	if len(name) == 1 {
		return name
	}
	base, mark := name[:min(1, len(name))], ""
	if len(name) > 1 {
		mark = name[1:]
	}
	if combining, ok := map[string]string{
		"acute": "\u0301", "grave": "\u0300", "circumflex": "\u0302", "tilde": "\u0303", "dieresis": "\u0308", "ring": "\u030a",
		"cedilla": "\u0327", "caron": "\u030c", "ogonek": "\u0328", "dotaccent": "\u0307", "breve": "\u0306", "macron": "\u0304",
		"hungarumlaut": "\u030b", "slash": "\u0338",
	}[mark]; ok {
		return base + combining
	}
	return map[string]string{
		"space": " ", "period": ".", "comma": ",", "colon": ":", "semicolon": ";", "hyphen": "-", "endash": "-", "emdash": "-", "underscore": "_", "slash": "/",
		"ampersand": "&", "plus": "+", "at": "@", "parenleft": "(", "parenright": ")", "quoteright": "'", "quotesingle": "'", "germandbls": "ß", "ae": "æ", "AE": "Æ",
		"oe": "œ", "OE": "Œ", "oslash": "ø", "Oslash": "Ø", "lslash": "ł", "Lslash": "Ł", "fi": "fi", "fl": "fl", "ff": "ff", "ffi": "ffi", "ffl": "ffl", "dotlessi": "i",
		"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
		"bullet": "•", "periodcentered": "·", "registered": "®", "copyright": "©", "trademark": "™", "Euro": "€", "sterling": "£", "section": "§",
		"exclam": "!", "question": "?", "quotedbl": "\"", "quotedblleft": "\"", "quotedblright": "\"", "quoteleft": "'", "percent": "%", "equal": "=", "asterisk": "*",
		"numbersign": "#", "dollar": "$", "less": "<", "greater": ">", "bracketleft": "[", "bracketright": "]", "bar": "|", "ellipsis": "...", "degree": "°",
	}[name]
}

// draw returns the text that a page draws: piece by piece, and all of it together, as a
// line may be drawn in pieces. An error says that some of it cannot be read.
func (p *pdfFonts) draw(content []byte, resources []pdfDict) (apart, joined []byte, err error) {
	fuel := 4*len(content) + 1<<12
	r := pdfReader{in: content, fuel: &fuel}
	ends := find(content, "EI")
	fonts := []*pdfFont{p.stranger}
	var args []any
	write := func(s []byte) {
		for _, font := range fonts[:min(len(fonts), maxSameName)] {
			plain, ok := font.decode(nil, s)
			if !ok {
				err = errGlyphs
			}
			joined, apart = append(joined, plain...), append(apart, plain...)
		}
	}
	for {
		v, ok := r.value(0)
		if !ok {
			break
		}
		op, isOp := v.(pdfKeyword)
		if !isOp {
			if args = append(args, v); len(args) > 64 {
				args = args[1:]
			}
			continue
		}
		last := any(nil)
		if len(args) > 0 {
			last = args[len(args)-1]
		}
		switch op {
		case "Tf":
			if len(args) > 1 {
				name, _ := args[len(args)-2].(pdfName)
				if fonts = p.named("Font", string(name), resources); len(fonts) == 0 {
					fonts = []*pdfFont{p.stranger}
				}
				if len(fonts) > maxSameName {
					err = errGlyphs
				}
			}
		case "gs":
			name, _ := last.(pdfName)
			if named := p.named("ExtGState", string(name), resources); len(named) > 0 {
				fonts = named
			}
		case "Tj", "'", "\"":
			if s, ok := last.([]byte); ok {
				write(s)
				apart = append(apart, '\n')
			}
		case "TJ":
			list, _ := last.([]any)
			for _, x := range list {
				switch v := x.(type) {
				case []byte:
					write(v)
				case int:
					if v < -180 { // about a space
						apart = append(apart, ' ')
					}
				case float64:
					if v < -180 {
						apart = append(apart, ' ')
					}
				}
			}
			apart = append(apart, '\n')
		case "ID": // a picture, up to EI
			for at := ends.from(r.at); at >= 0; at = ends.from(at + 1) {
				if r.at = at + 2; isPDFSpace(content[at-1]) && (r.at == len(content) || isPDFSpace(content[r.at])) {
					break
				}
			}
		}
		args = args[:0]
	}
	if r.at < len(content) && err == nil {
		err = errBroken
	}
	return apart, joined, err
}

// maxSameName bounds the fonts that one name is taken for.
const maxSameName = 4
