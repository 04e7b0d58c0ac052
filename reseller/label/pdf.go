package label

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// pdfFile is a PDF document, as far as its texts need it. It is read from the first byte
// to the last, whatever its tables say: what a table does not name is in the file all the
// same. Of several objects with one number all are looked at, and the last one counts.
type pdfFile struct {
	objects map[int]any // dictionaries, also of streams, and whatever else
	streams []pdfStream
	// text is the file without what is in streams.
	text      []byte
	encrypted bool
	broken    bool // there is more than was read
}

type pdfStream struct {
	number int
	dict   pdfDict
	data   []byte
}

var (
	errEncrypted = errors.New("the document is encrypted")
	errGlyphs    = errors.New("text is drawn with numbers of glyphs that nothing says the letters of")
	errBroken    = errors.New("the document cannot be read to its end")
)

// pdf takes a document apart: what is between the streams, then each stream, decoded, and
// the text that it draws.
func (o *opener) pdf(where string, body []byte, deep int) bool {
	f := readPDF(body)
	if !o.yield(part{where: where, text: f.text}) {
		return false
	}
	if f.broken && !o.fail(where, errBroken) {
		return false
	}
	if f.encrypted {
		return o.fail(where, errEncrypted)
	}
	contents := map[int][]byte{}
	n := 0
	for i := range f.streams {
		s := &f.streams[i]
		if s.dict["Type"] == pdfName("XRef") {
			continue
		}
		n++
		at := fmt.Sprintf("%s: stream %d", where, n)
		plain, err := o.unfilter(s.data, f.filters(s.dict))
		picture := errors.Is(err, errPicture) || s.dict["Subtype"] == pdfName("Image")
		if err != nil && !errors.Is(err, errPicture) && !o.fail(at, err) {
			return false
		}
		switch {
		case picture || f.isData(s.dict):
			if !o.yield(part{where: at, text: mediaText(plain), media: true}) {
				return false
			}
			continue
		case s.dict["Type"] == pdfName("EmbeddedFile"):
			if !o.body(at, "", plain, deep+1) {
				return false
			}
			continue
		case s.dict["Type"] == pdfName("ObjStm"):
			f.unpackObjects(s.dict, plain)
		}
		contents[i] = plain
		if !o.yield(part{where: at, text: plain}) {
			return false
		}
	}
	return o.pdfTexts(where, f, contents)
}

// isData reports whether a stream is of a kind that has no text: fonts, functions,
// profiles of colours, tables.
func (f *pdfFile) isData(d pdfDict) bool {
	for _, key := range []string{"Length1", "FunctionType", "ShadingType", "HalftoneType"} {
		if _, ok := d[key]; ok {
			return true
		}
	}
	switch d["Subtype"] {
	case pdfName("Type1C"), pdfName("CIDFontType0C"), pdfName("OpenType"):
		return true
	}
	_, components := d["N"].(int)
	return components && d["Type"] == nil
}

// readPDF reads all objects of a document.
func readPDF(body []byte) *pdfFile {
	f := &pdfFile{objects: map[int]any{}}
	fuel := 4*len(body) + 1<<12
	ends := find(body, "endstream")
	kept := 0
	for at := 0; ; {
		i := bytes.Index(body[at:], []byte("obj"))
		if i < 0 {
			break
		}
		at += i + len("obj")
		number, ok := objectNumber(body[:at-len("obj")])
		if !ok {
			continue
		}
		r := pdfReader{in: body, at: at, fuel: &fuel}
		v, ok := r.value(0)
		if !ok {
			continue
		}
		f.add(number, v)
		back := r.at
		r.skip()
		d, isDict := v.(pdfDict)
		if !isDict || !bytes.HasPrefix(body[r.at:], []byte("stream")) {
			at = max(at, back)
			continue
		}
		from := r.at + len("stream")
		from += len(body[from:]) - len(bytes.TrimPrefix(bytes.TrimPrefix(body[from:], []byte("\r")), []byte("\n")))
		to := f.streamEnd(body, from, d, ends)
		f.streams = append(f.streams, pdfStream{number, d, body[from:to]})
		f.text = append(f.text, body[kept:from]...)
		kept, at = to, to
	}
	f.text = append(f.text, body[kept:]...)
	f.encrypted = f.encrypted || strings.Contains(unhash(string(f.text)), "/Encrypt")
	f.broken = fuel <= 0
	return f
}

// objectNumber reads "12 0 " at the end of s.
func objectNumber(s []byte) (int, bool) {
	s = s[max(0, len(s)-32):]
	fields := bytes.FieldsFunc(s, func(r rune) bool { return r < 0x80 && isPDFSpace(byte(r)) })
	if len(fields) < 2 || !isDigits(string(fields[len(fields)-1])) {
		return 0, false
	}
	// The number may stand directly behind something else.
	last := fields[len(fields)-2]
	digits := last[len(bytes.TrimRight(last, "0123456789")):]
	n, ok := 0, len(digits) > 0 && len(digits) < 10
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n, ok
}

func (f *pdfFile) add(number int, v any) {
	f.objects[number] = v
	if d, ok := v.(pdfDict); ok {
		if _, ok := d["Encrypt"]; ok {
			f.encrypted = true
		}
	}
}

// streamEnd returns where a stream ends: where its dictionary says, if that is true.
func (f *pdfFile) streamEnd(body []byte, from int, d pdfDict, ends *finder) int {
	if n, ok := f.resolve(d["Length"]).(int); ok && n >= 0 && n <= len(body)-from {
		if bytes.HasPrefix(bytes.TrimLeft(body[from+n:min(len(body), from+n+16)], "\r\n \t"), []byte("endstream")) {
			return from + n
		}
	}
	if to := ends.from(from); to >= 0 {
		return to
	}
	return len(body)
}

// unpackObjects reads the objects in a stream of objects.
func (f *pdfFile) unpackObjects(d pdfDict, plain []byte) {
	first, _ := f.resolve(d["First"]).(int)
	if first < 0 || first > len(plain) {
		return
	}
	fuel := 4*len(plain) + 1<<12
	index := pdfReader{in: plain[:first], fuel: &fuel}
	for {
		number, ok := index.value(0)
		n, isNumber := number.(int)
		offset, ok2 := index.value(0)
		at, isOffset := offset.(int)
		if !ok || !ok2 || !isNumber || !isOffset {
			return
		}
		if at < 0 || at > len(plain)-first {
			continue
		}
		r := pdfReader{in: plain, at: first + at, fuel: &fuel}
		if v, ok := r.value(0); ok {
			f.add(n, v)
		}
	}
}

// resolve follows references.
func (f *pdfFile) resolve(v any) any {
	for range 8 {
		ref, ok := v.(pdfRef)
		if !ok {
			return v
		}
		v = f.objects[int(ref)]
	}
	return nil
}

func (f *pdfFile) dict(v any) pdfDict {
	d, _ := f.resolve(v).(pdfDict)
	return d
}

// pdfTexts yields what each page and form draws, with the fonts that it names.
func (o *opener) pdfTexts(where string, f *pdfFile, contents map[int][]byte) bool {
	byNumber, room := map[int]int{}, 0
	for i, s := range f.streams {
		byNumber[s.number] = i
		room += 4 * len(contents[i])
	}
	fonts := newPDFFonts(f, byNumber, contents)
	inPages := map[int]bool{}
	var all []pdfDict
	draw := func(at string, content []byte, resources []pdfDict) bool {
		if room -= len(content); room < 0 { // pages that all draw the same
			return o.fail(at, errBroken)
		}
		apart, joined, err := fonts.draw(content, resources)
		return o.yield(part{where: at, text: apart, repeats: true}) && o.yield(part{where: at, text: joined, repeats: true}) &&
			(err == nil || o.fail(at, err))
	}
	for _, number := range slices.Sorted(maps.Keys(f.objects)) {
		page := f.dict(f.objects[number])
		if page == nil || page["Contents"] == nil {
			continue
		}
		resources := f.inherited(page, "Resources")
		all = append(all, resources)
		var content []byte // its streams are one
		for _, ref := range f.refs(page["Contents"]) {
			if i, ok := byNumber[int(ref)]; ok {
				inPages[i] = true
				if len(content) <= room {
					content = append(append(content, contents[i]...), '\n')
				}
			}
		}
		if !draw(fmt.Sprintf("%s: page, object %d", where, number), content, []pdfDict{resources}) {
			return false
		}
	}
	for _, i := range slices.Sorted(maps.Keys(contents)) {
		if inPages[i] || !hasPDFText(contents[i]) {
			continue
		}
		resources := all
		if own := f.dict(f.streams[i].dict["Resources"]); own != nil {
			resources = []pdfDict{own}
		}
		if !draw(fmt.Sprintf("%s: text of object %d", where, f.streams[i].number), contents[i], resources) {
			return false
		}
	}
	return true
}

// inherited returns a dictionary that a page has from those above it.
func (f *pdfFile) inherited(page pdfDict, key string) pdfDict {
	for n := 0; page != nil && n < maxNesting; n++ {
		if d := f.dict(page[key]); d != nil {
			return d
		}
		page = f.dict(page["Parent"])
	}
	return nil
}

// refs returns the references in an object, which may be one itself.
func (f *pdfFile) refs(v any) (all []pdfRef) {
	list, ok := f.resolve(v).([]any)
	if !ok {
		list = []any{v}
	}
	for _, x := range list {
		if ref, ok := x.(pdfRef); ok {
			all = append(all, ref)
		}
	}
	return all
}
