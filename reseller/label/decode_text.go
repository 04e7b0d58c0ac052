package label

import (
	"bytes"
	"html"
	"strings"
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

// decodeHTML reads the character references of HTML and XML, with or without a
// semicolon.
func decodeHTML(v view) (view, bool) {
	if bytes.IndexByte(v.text, '&') < 0 {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		if v.text[i] != '&' {
			out.keep(v, i)
			i++
			continue
		}
		rest := v.text[i:min(i+40, len(v.text))]
		n := reference(rest)
		if n == 0 {
			out.keep(v, i)
			i++
			continue
		}
		plain := html.UnescapeString(string(rest[:n]))
		if plain == string(rest[:n]) {
			out.keep(v, i)
			i++
			continue
		}
		out.put(v, i, []byte(plain)...)
		i += n
	}
	return out.view, out.changed
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

// withoutTags takes the tags out of HTML and XML: those within a line of text without a
// trace, the others leave a space.
func withoutTags(v view) (view, bool) {
	if bytes.IndexByte(v.text, '<') < 0 {
		return v, false
	}
	out := reader(v)
	last := bytes.LastIndexByte(v.text, '>')
	for i := 0; i < len(v.text); {
		n := 0
		if v.text[i] == '<' && i < last {
			n = tagLength(v.text[i:])
		}
		if n == 0 {
			out.keep(v, i)
			i++
			continue
		}
		if isInline(v.text[i : i+n]) {
			out.drop()
		} else {
			out.put(v, i, ' ')
		}
		i += n
	}
	return out.view, out.changed
}

func tagLength(s []byte) int {
	if len(s) < 3 {
		return 0
	}
	if bytes.HasPrefix(s, []byte("<!--")) {
		if end := bytes.Index(s, []byte("-->")); end >= 0 {
			return end + 3
		}
		return 0
	}
	if c := s[1]; !(c|0x20 >= 'a' && c|0x20 <= 'z' || c == '/' || c == '!' || c == '?') {
		return 0
	}
	quote := byte(0)
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	// A quote that does not end: up to the first bracket.
	return bytes.IndexByte(s, '>') + 1
}

func isInline(tag []byte) bool {
	if bytes.HasPrefix(tag, []byte("<!--")) {
		return true
	}
	name := strings.ToLower(strings.TrimLeft(string(tag), "</"))
	if i := strings.IndexFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }); i >= 0 {
		name = name[:i]
	}
	switch name {
	case "a", "abbr", "b", "big", "bdi", "bdo", "cite", "code", "em", "font", "i", "ins", "kbd", "mark", "s", "samp",
		"small", "span", "strong", "sub", "sup", "tspan", "tt", "u", "var", "wbr":
		return true
	}
	return false
}

// decodePercent reads the escapes of URLs, %41 and %u0041.
func decodePercent(v view) (view, bool) {
	if bytes.IndexByte(v.text, '%') < 0 {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		if v.text[i] == '%' {
			rest := v.text[i+1:]
			if r, n := hexRun(rest, 2); n == 2 {
				out.put(v, i, byte(r))
				i += 3
				continue
			}
			if len(rest) > 4 && rest[0]|0x20 == 'u' {
				if r, n := hexRun(rest[1:], 4); n == 4 {
					out.put(v, i, runeBytes(r)...)
					i += 6
					continue
				}
			}
		}
		out.keep(v, i)
		i++
	}
	return out.view, out.changed
}

// decodeEscapes reads the escapes of strings in JSON, JavaScript and many others: \u0041,
// \u{41}, \x41, \101, \/ and a backslash at the end of a line.
func decodeEscapes(v view) (view, bool) {
	if bytes.IndexByte(v.text, '\\') < 0 {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		if v.text[i] != '\\' || i+1 == len(v.text) {
			out.keep(v, i)
			i++
			continue
		}
		plain, n := escape(v.text[i:])
		out.put(v, i, plain...)
		i += n
	}
	return out.view, out.changed
}

// escape reads the escape at the beginning of s.
func escape(s []byte) (plain []byte, n int) {
	switch c := s[1]; c {
	case 'n', 'r':
		return []byte{'\n'}, 2
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
func decodeCSS(v view) (view, bool) {
	if bytes.IndexByte(v.text, '\\') < 0 {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		if v.text[i] == '\\' {
			if r, n := hexRun(v.text[i+1:], 6); n > 0 {
				out.put(v, i, runeBytes(r)...)
				if i += 1 + n; i < len(v.text) && (v.text[i] == ' ' || v.text[i] == '\n' || v.text[i] == '\t') {
					i++
				}
				continue
			}
		}
		out.keep(v, i)
		i++
	}
	return out.view, out.changed
}

// decodeZone reads what zone files have of their own: \065 in decimal, and a text in
// several strings.
func decodeZone(v view) (view, bool) {
	if bytes.IndexByte(v.text, '\\') < 0 && bytes.IndexByte(v.text, '"') < 0 {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		switch c := v.text[i]; {
		case c == '\\' && i+3 < len(v.text):
			n := 0
			for _, d := range v.text[i+1 : i+4] {
				if d < '0' || d > '9' {
					n = 256
				}
				n = n*10 + int(d-'0')
			}
			if n < 256 {
				out.put(v, i, byte(n))
				i += 4
				continue
			}
		case c == '"':
			j := i + 1
			for j < len(v.text) && (v.text[j] == ' ' || v.text[j] == '\t' || v.text[j] == '\n' || v.text[j] == '\r') {
				j++
			}
			if j > i+1 && j < len(v.text) && v.text[j] == '"' {
				out.drop()
				i = j + 1
				continue
			}
		}
		out.keep(v, i)
		i++
	}
	return out.view, out.changed
}

// decodePunycode reads A-labels.
func decodePunycode(v view) (view, bool) {
	if !bytes.Contains(v.text, []byte("--")) {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		if v.text[i]|0x20 == 'x' && i+4 < len(v.text) && strings.EqualFold(string(v.text[i:i+4]), "xn--") {
			n := 4
			for i+n < len(v.text) && n < 63 {
				if c := v.text[i+n]; !(c|0x20 >= 'a' && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-') {
					break
				}
				n++
			}
			label := strings.ToLower(string(v.text[i : i+n]))
			if plain, err := idna.Punycode.ToUnicode(label); err == nil && plain != label {
				out.put(v, i, []byte(plain)...)
				i += n
				continue
			}
		}
		out.keep(v, i)
		i++
	}
	return out.view, out.changed
}

// decodeUTF16 reads UTF-16 of either order from either byte on, one after the other:
// a file may hold a text anywhere.
func decodeUTF16(v view) (view, bool) {
	if bytes.IndexByte(v.text, 0) < 0 && !bytes.HasPrefix(v.text, []byte{0xfe, 0xff}) && !bytes.HasPrefix(v.text, []byte{0xff, 0xfe}) {
		return v, false
	}
	out := reader(v)
	for variant := range 4 {
		big, start := variant&1, variant>>1
		for i := start; i+1 < len(v.text); i += 2 {
			unit := func(i int) rune { return rune(v.text[i+1-big]) | rune(v.text[i+big])<<8 }
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
		if len(v.text) > 0 {
			out.put(v, len(v.text)-1, '\n')
		}
	}
	return out.view, out.changed
}

// decodeLatin reads bytes that are not UTF-8 as Windows-1252.
func decodeLatin(v view) (view, bool) {
	if utf8.Valid(v.text) {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		r, size := utf8.DecodeRune(v.text[i:])
		if r == utf8.RuneError && size == 1 {
			out.put(v, i, runeBytes(charmap.Windows1252.DecodeByte(v.text[i]))...)
			i++
			continue
		}
		for range size {
			out.keep(v, i)
			i++
		}
	}
	return out.view, out.changed
}
