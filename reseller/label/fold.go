package label

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folded is a text in which letters that a reader takes for the same are the same:
// lower case, without accents, in their compatible form, without what cannot be seen.
// in[i] is where in the view the byte i comes from.
type folded struct {
	text string
	in   []int32
	view view
}

// fold folds a view.
func fold(v view) folded {
	out := make([]byte, 0, len(v.text))
	in := make([]int32, 0, len(v.text))
	for i := 0; i < len(v.text); {
		c := v.text[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			out, in = append(out, c), append(in, int32(i))
			i++
			continue
		}
		r, size := utf8.DecodeRune(v.text[i:])
		before := len(out)
		out = appendFolded(out, r)
		for range len(out) - before {
			in = append(in, int32(i))
		}
		i += size
	}
	return folded{string(out), in, v}
}

// foldString folds a word.
func foldString(s string) string { return fold(viewOf([]byte(s))).text }

// appendFolded appends what stands for a rune that is not ASCII.
func appendFolded(out []byte, r rune) []byte {
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
		return append(out, 0xff) // matches nothing
	}
	switch {
	case unicode.Is(unicode.Mn, r), unicode.Is(unicode.Cf, r):
		return out
	case unicode.IsSpace(r):
		return append(out, ' ')
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
		case unicode.Is(unicode.Mn, p), unicode.Is(unicode.Cf, p):
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

// isLetter reports whether the rune that begins at text[i] is a letter or a digit.
func (f folded) isLetter(i int) bool {
	if i < 0 || i >= len(f.text) {
		return false
	}
	c := f.text[i]
	if c < utf8.RuneSelf {
		return 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
	}
	for i > 0 && !utf8.RuneStart(f.text[i]) {
		i--
	}
	r, _ := utf8.DecodeRuneInString(f.text[i:])
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func (f folded) isDigit(i int) bool {
	return i >= 0 && i < len(f.text) && '0' <= f.text[i] && f.text[i] <= '9'
}
