package label

import (
	"bytes"
	"html"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/encoding/charmap"
)

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// hexRun reads up to most hexadecimal digits.
func hexRun(s []byte, most int) (value rune, n int) {
	for n < len(s) && n < most {
		d, ok := hexDigit(s[n])
		if !ok {
			break
		}
		value = value<<4 | rune(d)
		n++
	}
	return value, n
}

func runeBytes(r rune) []byte { return utf8.AppendRune(nil, r) }

// escapes reads what begins with a byte: plain stands for the n bytes at i, where n of 0
// says that they are what they are. Nothing is written if nothing is escaped.
func escapes(v view, mark byte, read func(i int) (plain []byte, n int)) reading {
	var out reading
	kept := 0
	for i := 0; ; {
		j := bytes.IndexByte(v.text[i:], mark)
		if j < 0 {
			break
		}
		i += j
		plain, n := read(i)
		if n == 0 {
			i++
			continue
		}
		if out.text == nil {
			out = reader(v)
		}
		out.keep(v, kept, i)
		if len(plain) > 0 {
			out.put(v, i, plain...)
		} else {
			out.drop()
		}
		i += n
		kept = i
	}
	if out.text != nil {
		out.keep(v, kept, len(v.text))
	}
	return out
}

// decodeHTML reads the character references of HTML and XML, with or without a
// semicolon.
func decodeHTML(v view) reading {
	return escapes(v, '&', func(i int) ([]byte, int) {
		rest := v.text[i:min(i+40, len(v.text))]
		n := reference(rest)
		if n == 0 {
			return nil, 0
		}
		plain := html.UnescapeString(string(rest[:n]))
		if plain == string(rest[:n]) {
			return nil, 0
		}
		return []byte(plain), n
	})
}

// reference returns the length of what may be a character reference at the beginning
// of s.
func reference(s []byte) int {
	n := 1
	switch {
	case len(s) > 2 && s[1] == '#' && (s[2] == 'x' || s[2] == 'X'):
		_, digits := hexRun(s[3:], len(s))
		if n = 3 + digits; digits == 0 {
			return 0
		}
	case len(s) > 2 && s[1] == '#':
		for n = 2; n < len(s) && '0' <= s[n] && s[n] <= '9'; n++ {
		}
		if n == 2 {
			return 0
		}
	default:
		for n < len(s) && (s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || '0' <= s[n] && s[n] <= '9') {
			n++
		}
	}
	if n < len(s) && s[n] == ';' {
		n++
	}
	return n
}

// decodePercent reads the escapes of URLs, %41 and %u0041.
func decodePercent(v view) reading {
	return escapes(v, '%', func(i int) ([]byte, int) {
		rest := v.text[i+1:]
		if r, n := hexRun(rest, 2); n == 2 {
			return []byte{byte(r)}, 3
		}
		if len(rest) > 4 && rest[0]|0x20 == 'u' {
			if r, n := hexRun(rest[1:], 4); n == 4 {
				return runeBytes(r), 6
			}
		}
		return nil, 0
	})
}

// decodeEscapes reads the escapes of strings in JSON, JavaScript and many others: \u0041,
// \u{41}, \x41, \101, \/ and a backslash at the end of a line.
func decodeEscapes(v view) reading {
	return escapes(v, '\\', func(i int) ([]byte, int) {
		if i+1 == len(v.text) {
			return nil, 0
		}
		return escape(v.text[i:])
	})
}

// escape reads the escape at the beginning of s.
func escape(s []byte) (plain []byte, n int) {
	switch c := s[1]; c {
	case 'n':
		return []byte{'\n'}, 2
	case 'r':
		return []byte{'\r'}, 2
	case 't', 'b', 'f', 'v':
		return []byte{' '}, 2
	case '\n':
		return nil, 2
	case '\r':
		if len(s) > 2 && s[2] == '\n' {
			return nil, 3
		}
		return nil, 2
	case 'x':
		if r, n := hexRun(s[2:], 2); n == 2 {
			return []byte{byte(r)}, 4
		}
	case 'u', 'U':
		if len(s) > 2 && s[2] == '{' {
			if r, n := hexRun(s[3:], 6); n > 0 && 3+n < len(s) && s[3+n] == '}' {
				return runeBytes(r), 4 + n
			}
		}
		if r, n := hexRun(s[2:], 8); c == 'U' && n == 8 {
			return runeBytes(r), 10
		}
		if r, n := hexRun(s[2:], 4); n == 4 {
			if utf16.IsSurrogate(r) && len(s) >= 12 && s[6] == '\\' && s[7]|0x20 == 'u' {
				if low, n := hexRun(s[8:], 4); n == 4 {
					return runeBytes(utf16.DecodeRune(r, low)), 12
				}
			}
			return runeBytes(r), 6
		}
	default:
		value, n := 0, 1
		for n < len(s) && n < 4 && '0' <= s[n] && s[n] <= '7' {
			value = value<<3 | int(s[n]-'0')
			n++
		}
		if n > 1 {
			return []byte{byte(value)}, n
		}
	}
	return []byte{s[1]}, 2
}

// decodeCSS reads the escapes of style sheets, \41 with a space behind it.
func decodeCSS(v view) reading {
	return escapes(v, '\\', func(i int) ([]byte, int) {
		r, n := hexRun(v.text[i+1:], 6)
		if n == 0 {
			return nil, 0
		}
		if next := i + 1 + n; next < len(v.text) && (v.text[next] == ' ' || v.text[next] == '\n' || v.text[next] == '\t') {
			n++
		}
		return runeBytes(r), 1 + n
	})
}

// decodeZone reads what zone files have of their own: \065 in decimal, and a text in
// several strings.
func decodeZone(v view) reading {
	numbers := escapes(v, '\\', func(i int) ([]byte, int) {
		if i+3 >= len(v.text) {
			return nil, 0
		}
		n := 0
		for _, d := range v.text[i+1 : i+4] {
			if d < '0' || d > '9' {
				return nil, 0
			}
			n = n*10 + int(d-'0')
		}
		if n > 255 {
			return nil, 0
		}
		return []byte{byte(n)}, 4
	})
	plain := v
	if len(numbers.changes) > 0 {
		plain = numbers.view
	}
	joined := escapes(plain, '"', func(i int) ([]byte, int) {
		j := i + 1
		for j < len(plain.text) && isSpace(plain.text[j]) {
			j++
		}
		if j > i+1 && j < len(plain.text) && plain.text[j] == '"' {
			return nil, j + 1 - i
		}
		return nil, 0
	})
	switch {
	case len(joined.changes) == 0:
		return numbers
	case len(numbers.changes) > 0:
		joined.changes = []stretch{{0, len(joined.text)}}
	}
	return joined
}

// decodePunycode reads A-labels.
func decodePunycode(v view) reading {
	if !bytes.Contains(v.text, []byte("--")) {
		return reading{}
	}
	out := reader(v)
	kept := 0
	for i := 0; i+4 < len(v.text); i++ {
		if v.text[i]|0x20 != 'x' || !strings.EqualFold(string(v.text[i:i+4]), "xn--") {
			continue
		}
		n := 4
		for i+n < len(v.text) && n < 63 {
			if c := v.text[i+n]; !(c|0x20 >= 'a' && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-') {
				break
			}
			n++
		}
		label := strings.ToLower(string(v.text[i : i+n]))
		if plain, err := idna.Punycode.ToUnicode(label); err == nil && plain != label {
			out.keep(v, kept, i)
			out.put(v, i, []byte(plain)...)
			kept = i + n
		}
		i += n - 1
	}
	out.keep(v, kept, len(v.text))
	return out
}

// decodeUTF16 reads UTF-16 of either order from either byte on, one after the other, as
// far as there are signs of it: a file may hold a text anywhere.
func decodeUTF16(v view) reading {
	var out reading
	if bytes.IndexByte(v.text, 0) < 0 && !bytes.Contains(v.text, []byte{0xfe, 0xff}) && !bytes.Contains(v.text, []byte{0xff, 0xfe}) {
		return out
	}
	for variant := range 4 {
		big, start := variant&1, variant>>1
		unit := func(i int) rune { return rune(v.text[i+1-big]) | rune(v.text[i+big])<<8 }
		signs := 0
		for i := start; i+1 < len(v.text) && signs < 2; i += 2 {
			switch r := unit(i); {
			case r == 0xfeff:
				signs = 2
			case r < unicode.MaxASCII && (r >= ' ' || r == '\n'):
				signs++
			}
		}
		if signs < 2 {
			continue
		}
		for i := start; i+1 < len(v.text); i += 2 {
			r := unit(i)
			if utf16.IsSurrogate(r) && i+3 < len(v.text) {
				if both := utf16.DecodeRune(r, unit(i+2)); both != utf8.RuneError {
					out.put(v, i, runeBytes(both)...)
					i += 2
					continue
				}
			}
			out.put(v, i, runeBytes(r)...)
		}
		out.put(v, len(v.text)-1, broken)
	}
	return out
}

// decodeLatin reads bytes that are not UTF-8 as Windows-1252.
func decodeLatin(v view) reading {
	var out reading
	kept := 0
	for i := 0; i < len(v.text); {
		if v.text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(v.text[i:])
		if r == utf8.RuneError && size == 1 && v.text[i] != broken {
			if out.text == nil {
				out = reader(v)
			}
			out.keep(v, kept, i)
			out.put(v, i, runeBytes(charmap.Windows1252.DecodeByte(v.text[i]))...)
			kept = i + 1
		}
		i += size
	}
	if out.text != nil {
		out.keep(v, kept, len(v.text))
	}
	return out
}
