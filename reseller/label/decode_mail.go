package label

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decodeQuoted reads quoted-printable: =41, and = at the end of a line.
func decodeQuoted(v view) reading {
	return escapes(v, '=', func(i int) ([]byte, int) {
		if r, n := hexRun(v.text[i+1:], 2); n == 2 {
			return []byte{byte(r)}, 3
		}
		return nil, softBreak(v.text[i:])
	})
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

// longestWord bounds the encoded words that are read. RFC 2047 allows 75 characters.
const longestWord = 4096

// decodeWords reads the encoded words of mail headers, =?utf-8?q?...?=, and joins those
// that stand one behind the other.
func decodeWords(v view) reading {
	if !bytes.Contains(v.text, []byte("=?")) {
		return reading{}
	}
	ends, lines := find(v.text, "?="), find(v.text, "\n")
	return escapes(v, '=', func(i int) ([]byte, int) {
		plain, n := encodedWord(v.text, i, ends, lines)
		if n == 0 {
			return nil, 0
		}
		// White space between two of them does not count.
		j := i + n
		for j < len(v.text) && isSpace(v.text[j]) {
			j++
		}
		if j > i+n && bytes.HasPrefix(v.text[j:], []byte("=?")) {
			n = j - i
		}
		return plain, n
	})
}

// encodedWord reads the encoded word at i.
func encodedWord(text []byte, i int, ends, lines *finder) (plain []byte, n int) {
	s := text[i:]
	if len(s) < 8 || s[1] != '?' {
		return nil, 0
	}
	charset, rest, ok := bytes.Cut(s[2:min(len(s), 48)], []byte("?"))
	if !ok || len(charset) == 0 || bytes.ContainsAny(charset, " \r\n\t") || len(rest) < 2 || rest[1] != '?' {
		return nil, 0
	}
	from := i + 2 + len(charset) + 3
	end := ends.from(from)
	if end < 0 || end-from > longestWord {
		return nil, 0
	}
	if line := lines.from(from); line >= 0 && line < end {
		return nil, 0
	}
	switch word := text[from:end]; rest[0] | 0x20 {
	case 'q':
		word = bytes.ReplaceAll(word, []byte("_"), []byte(" "))
		plain = word
		if r := decodeQuoted(viewOf(word)); len(r.changes) > 0 {
			plain = r.text
		}
	case 'b':
		sextets := make([]sextet, 0, len(word))
		for k, c := range word {
			if x, ok := sextetOf(c); ok {
				sextets = append(sextets, sextet{x, k})
			}
		}
		for _, o := range octets(sextets) {
			plain = append(plain, o.value)
		}
	default:
		return nil, 0
	}
	return toUTF8(plain), end + 2 - i
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

// decodeContinued joins the parameters of headers that are continued (RFC 2231):
// filename*0="Corner "; filename*1="Shop".
func decodeContinued(v view) reading {
	var out reading
	kept := 0
	for i := 0; ; {
		j := bytes.IndexByte(v.text[i:], '*')
		if j < 0 {
			break
		}
		i += j
		from, n := continuation(v.text, i, kept)
		if n == 0 {
			i++
			continue
		}
		if out.text == nil {
			out = reader(v)
		}
		out.keep(v, kept, from)
		out.drop()
		i += n
		kept = i
	}
	if out.text != nil {
		out.keep(v, kept, len(v.text))
	}
	return out
}

// continuation looks for "; name*1=" with its star at i, and the quotes around it: from
// where to how far behind the star it reaches. n is 0 if it is none.
func continuation(s []byte, i, floor int) (from, n int) {
	j := i + 1
	for j < len(s) && j < i+4 && '0' <= s[j] && s[j] <= '9' {
		j++
	}
	if j == i+1 || j == i+2 && s[i+1] == '0' {
		return 0, 0
	}
	if j < len(s) && s[j] == '*' {
		j++
	}
	if j >= len(s) || s[j] != '=' {
		return 0, 0
	}
	if j++; j < len(s) && s[j] == '"' {
		j++
	}
	from = i
	for from > floor && i-from < 64 && (s[from-1]|0x20 >= 'a' && s[from-1]|0x20 <= 'z' || s[from-1] == '-' || '0' <= s[from-1] && s[from-1] <= '9') {
		from--
	}
	for from > floor && isSpace(s[from-1]) {
		from--
	}
	if from <= floor || s[from-1] != ';' {
		return 0, 0
	}
	from--
	for from > floor && isSpace(s[from-1]) {
		from--
	}
	if from > floor && s[from-1] == '"' {
		from--
	}
	return from, j - i
}

// decodeUTF7 reads the letters that UTF-7 encodes, "+APY-", and those of the names of
// mailboxes in IMAP, "&APY-".
func decodeUTF7(v view) reading {
	plus := utf7(v, '+')
	if len(plus.changes) > 0 {
		return plus
	}
	return utf7(v, '&')
}

func utf7(v view, mark byte) reading {
	over := 0 // no letters before this
	return escapes(v, mark, func(i int) ([]byte, int) {
		if i < over {
			return nil, 0
		}
		var plain []byte
		acc, bits, n := 0, 0, 1
		for good := true; i+n < len(v.text); n++ {
			c := v.text[i+n]
			x, ok := sextetOf(c)
			if !ok || c == '-' || c == '_' {
				break
			}
			acc = (acc<<6 | int(x)) & 0xfffff
			if bits += 6; bits >= 16 && good {
				bits -= 16
				r := rune(acc >> bits & 0xffff)
				if good = isText(r); good {
					plain = utf8.AppendRune(plain, r)
				}
			}
			if !good {
				plain, bits = nil, 0
			}
		}
		over = i + n
		if len(plain) == 0 || bits >= 6 || acc&(1<<bits-1) != 0 {
			return nil, 0
		}
		if i+n < len(v.text) && v.text[i+n] == '-' {
			n++
		}
		return plain, n
	})
}
