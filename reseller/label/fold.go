package label

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folded is a text in which letters that a reader takes for the same are the same:
// lower case, without accents, in their compatible form, without what cannot be seen,
// and with one space for each run of white space. in[i] is where in the view the byte i
// comes from.
type folded struct {
	text string
	in   []int32
	view view
}

// broken stands for bytes that are no text, and for what a view has left out: it is
// neither a letter nor anything that may stand between two words.
const broken = 0xff

// fold folds a view.
func fold(v view) folded {
	out := make([]byte, 0, len(v.text))
	in := make([]int32, 0, len(v.text))
	for i := 0; i < len(v.text); {
		c := v.text[i]
		size := 1
		switch {
		case 'A' <= c && c <= 'Z':
			out = append(out, c+('a'-'A'))
		case c == ' ' || '\t' <= c && c <= '\r':
			out = appendSpace(out)
		case c < utf8.RuneSelf:
			out = append(out, c)
		default:
			var r rune
			r, size = utf8.DecodeRune(v.text[i:])
			out = appendFolded(out, r)
		}
		for len(in) < len(out) {
			in = append(in, int32(i))
		}
		i += size
	}
	return folded{string(out), in, v}
}

// foldString folds a word.
func foldString(s string) string { return fold(viewOf([]byte(s))).text }

// appendSpace appends a space unless there is one.
func appendSpace(out []byte) []byte {
	if len(out) > 0 && out[len(out)-1] == ' ' {
		return out
	}
	return append(out, ' ')
}

// appendFolded appends what stands for a rune that is not ASCII.
func appendFolded(out []byte, r rune) []byte {
	if '\u3400' <= r && r <= '\u9fff' { // Chinese, which has neither case nor marks
		return utf8.AppendRune(out, r)
	}
	switch r {
	case 'ß', 'ẞ':
		return append(out, "ss"...)
	case 'æ', 'Æ':
		return append(out, "ae"...)
	case 'ø', 'Ø':
		return append(out, 'o')
	case 'ł', 'Ł':
		return append(out, 'l')
	case 'đ', 'Đ':
		return append(out, 'd')
	case '\u3002', '\uff61':
		return append(out, '.')
	case '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2212':
		return append(out, '-')
	case utf8.RuneError:
		return append(out, broken)
	case '\u2800': // the braille pattern without dots
		return appendSpace(out)
	}
	switch {
	case invisible(r):
		return out
	case unicode.IsSpace(r):
		return appendSpace(out)
	}
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	parts := norm.NFKD.Properties(buf[:n]).Decomposition()
	if parts == nil {
		return utf8.AppendRune(out, unicode.ToLower(r))
	}
	for len(parts) > 0 {
		p, size := utf8.DecodeRune(parts)
		parts = parts[size:]
		switch {
		case invisible(p):
		case p == ' ':
			out = appendSpace(out)
		case p < utf8.RuneSelf:
			out = append(out, byte(unicode.ToLower(p)))
		case p == 'ß' || p == 'æ' || p == 'Æ':
			out = appendFolded(out, p)
		default:
			out = utf8.AppendRune(out, unicode.ToLower(p))
		}
	}
	return out
}

// invisible reports whether nothing of a rune is seen by itself: marks upon other
// letters, controls of formatting, and fillers, which Unicode counts among the letters.
func invisible(r rune) bool {
	if r < '\u0300' {
		return r == '\u00ad'
	}
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0':
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point)
}

// rune returns the rune that the byte at i belongs to, and false outside of the text.
func (f *folded) rune(i int) (rune, bool) {
	if i < 0 || i >= len(f.text) {
		return 0, false
	}
	if c := f.text[i]; c < utf8.RuneSelf {
		return rune(c), true
	}
	for n := 0; i > 0 && n < utf8.UTFMax && !utf8.RuneStart(f.text[i]); n++ {
		i--
	}
	r, _ := utf8.DecodeRuneInString(f.text[i:])
	return r, true
}

// isLetter reports whether the byte at i belongs to a letter or a digit.
func (f *folded) isLetter(i int) bool {
	r, ok := f.rune(i)
	if r < utf8.RuneSelf {
		return ok && ('a' <= r && r <= 'z' || '0' <= r && r <= '9')
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// goesOn reports whether a word that ends before, or begins behind, the byte at i would
// go on there. Where words are not divided by spaces it cannot be told.
func (f *folded) goesOn(i int) bool {
	r, _ := f.rune(i)
	return f.isLetter(i) && spaced(r)
}

func (f *folded) isDigit(i int) bool {
	return i >= 0 && i < len(f.text) && '0' <= f.text[i] && f.text[i] <= '9'
}

// accented reports whether the byte at i stands for a letter with marks.
func (f *folded) accented(i int) bool {
	text, at := f.view.text, int(f.in[i])
	if text[at] >= utf8.RuneSelf {
		return true
	}
	// A mark may be a rune of its own, of which nothing is left.
	return at+1 < len(text) && text[at+1] >= utf8.RuneSelf && (i+1 == len(f.in) || int(f.in[i+1]) > at+1)
}

// spaced reports whether the script of a letter divides words by spaces. Korean does,
// but writes particles and names together.
func spaced(r rune) bool {
	switch {
	case r < 0x0e00:
		return true
	case r == '\u30fc' || r == '\u3005' || isJamo(r):
		return false
	}
	return !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Yi,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Javanese, unicode.Balinese, unicode.Tai_Tham)
}

// isJamo reports whether a rune is a part of a Korean syllable.
func isJamo(r rune) bool { return '\u1100' <= r && r <= '\u11ff' }

// withinSyllable reports whether the Korean syllable of the byte before i goes on at i.
func (f *folded) withinSyllable(i int) bool {
	r, ok := f.rune(i)
	return ok && '\u1160' <= r && r <= '\u11ff'
}
