package label

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decodeQuoted reads quoted-printable: =41, and = at the end of a line.
func decodeQuoted(v view) (view, bool) {
	if bytes.IndexByte(v.text, '=') < 0 {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		if v.text[i] == '=' {
			if r, n := hexRun(v.text[i+1:], 2); n == 2 {
				out.put(v, i, byte(r))
				i += 3
				continue
			}
			if n := softBreak(v.text[i:]); n > 0 {
				out.drop()
				i += n
				continue
			}
		}
		out.keep(v, i)
		i++
	}
	return out.view, out.changed
}

// softBreak returns the length of "=" with the end of the line behind it.
func softBreak(s []byte) int {
	n := 1
	for n < len(s) && (s[n] == ' ' || s[n] == '\t' || s[n] == '\r') {
		n++
	}
	if n < len(s) && s[n] == '\n' {
		return n + 1
	}
	return 0
}

// decodeWords reads the encoded words of mail headers, =?utf-8?q?...?=, and joins those
// that stand one behind the other.
func decodeWords(v view) (view, bool) {
	if !bytes.Contains(v.text, []byte("=?")) {
		return v, false
	}
	out := reader(v)
	for i := 0; i < len(v.text); {
		w, n := encodedWord(v.text[i:])
		if n == 0 {
			out.keep(v, i)
			i++
			continue
		}
		out.put(v, i, w...)
		i += n
		// White space between two of them does not count.
		j := i
		for j < len(v.text) && (v.text[j] == ' ' || v.text[j] == '\t' || v.text[j] == '\r' || v.text[j] == '\n') {
			j++
		}
		if j > i {
			if _, n := encodedWord(v.text[j:]); n > 0 {
				i = j
			}
		}
	}
	return out.view, out.changed
}

// encodedWord reads the encoded word at the beginning of s.
func encodedWord(s []byte) (plain []byte, n int) {
	if len(s) < 8 || s[0] != '=' || s[1] != '?' {
		return nil, 0
	}
	charset, rest, ok := bytes.Cut(s[2:min(len(s), 4096)], []byte("?"))
	if !ok || len(charset) == 0 || len(charset) > 40 || bytes.ContainsAny(charset, " \r\n\t") || len(rest) < 2 || rest[1] != '?' {
		return nil, 0
	}
	kind := rest[0] | 0x20
	text, _, ok := bytes.Cut(rest[2:], []byte("?="))
	if !ok || bytes.ContainsAny(text, "\r\n") {
		return nil, 0
	}
	switch kind {
	case 'q':
		read, _ := decodeQuoted(viewOf(bytes.ReplaceAll(text, []byte("_"), []byte(" "))))
		plain = read.text
	case 'b':
		sextets := make([]sextet, 0, len(text))
		for i, c := range text {
			if x, ok := sextetOf(c); ok {
				sextets = append(sextets, sextet{x, i})
			}
		}
		for _, o := range octets(sextets, 0) {
			plain = append(plain, o.value)
		}
	default:
		return nil, 0
	}
	return toUTF8(plain), 2 + len(charset) + 1 + 2 + len(text) + 2
}

// toUTF8 reads what is not UTF-8 as Windows-1252, which most of it is.
func toUTF8(s []byte) []byte {
	if utf8.Valid(s) {
		return s
	}
	var out []byte
	for _, c := range s {
		out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(c))
	}
	return out
}

type sextet struct {
	value byte
	at    int
}

type octet struct {
	value byte
	at    int
}

// sextetOf reads a character of either alphabet of base64.
func sextetOf(c byte) (byte, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}

// octets decodes sextets from the given one on, as far as they go.
func octets(s []sextet, from int) []octet {
	var out []octet
	acc, bits := 0, 0
	first := 0
	for _, x := range s[min(from, len(s)):] {
		if bits == 0 {
			first = x.at
		}
		acc = acc<<6 | int(x.value)
		if bits += 6; bits >= 8 {
			bits -= 8
			out = append(out, octet{byte(acc >> bits), first})
			first = x.at
		}
	}
	return out
}

// plausible is the least length of a text found in base64: prose decodes to bytes, too.
const plausible = 4

// Where base64 may begin within what looks like it, and how far it is then read: behind
// a line that is not as long as its own, and behind a character that also divides paths
// and names.
const (
	lineReach = 4096
	partReach = 256
)

// decodeBase64 reads everything that could be base64, of either alphabet and over lines.
// Where it begins cannot be told, so that each run is read from each of its first four
// characters on, and again from where lines and parts begin. Only what looks like text
// is kept.
func decodeBase64(v view) (view, bool) {
	var out reading
	var run []sextet
	var line []int // where lines begin in the run
	decode := func(from []sextet) {
		bytes := octets(from, 0)
		readable(bytes, func(text []octet) {
			if len(text) < plausible && len(text) < len(bytes) {
				return
			}
			for _, o := range text {
				out.put(v, o.at, o.value)
			}
			out.put(v, text[len(text)-1].at, '\n')
		})
	}
	flush := func() {
		for start := range min(4, max(len(run)-1, 0)) {
			decode(run[start:])
		}
		for i, start := range line {
			if i > 0 && (i == 1 || start-line[i-1] != line[i-1]-line[i-2]) && start < len(run) {
				decode(run[start:min(start+lineReach, len(run))])
			}
		}
		for i, x := range run[:max(len(run)-1, 0)] {
			if x.value >= 62 {
				decode(run[i+1 : min(i+1+partReach, len(run))])
			}
		}
		run, line = run[:0], line[:0]
	}
	for i := 0; i < len(v.text); i++ {
		if x, ok := sextetOf(v.text[i]); ok {
			if len(run) == 0 {
				line = append(line, 0)
			}
			run = append(run, sextet{x, i})
			continue
		}
		if n := lineBreak(v.text[i:]); n > 0 && len(run) > 0 {
			line = append(line, len(run))
			i += n - 1
			continue
		}
		flush()
	}
	flush()
	return out.view, out.changed
}

// lineBreak returns the length of the white space at the beginning of s if there is an
// end of a line in it, else 0.
func lineBreak(s []byte) int {
	n, ends := 0, false
	for n < len(s) && (s[n] == ' ' || s[n] == '\t' || s[n] == '\r' || s[n] == '\n') {
		ends = ends || s[n] == '\n' || s[n] == '\r'
		n++
	}
	if !ends {
		return 0
	}
	return n
}

// readable calls fn with each stretch that is text. Zero bytes are, for UTF-16, and what
// is not UTF-8 may be Windows-1252.
func readable(all []octet, fn func(text []octet)) {
	raw := make([]byte, len(all))
	for i, o := range all {
		raw[i] = o.value
	}
	start := 0
	for i := 0; i <= len(raw); {
		size, good := 1, false
		if i < len(raw) {
			var r rune
			r, size = utf8.DecodeRune(raw[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				good = raw[i] >= 0xa0
			default:
				good = r == 0 || r == '\n' || r == '\r' || r == '\t' || unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r)
			}
		}
		if !good {
			if i > start {
				fn(all[start:i])
			}
			start = i + size
		}
		i += size
	}
}
