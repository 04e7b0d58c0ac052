package label

import "bytes"

// decodePDF reads the strings of a PDF document's objects and pages, (...) and <...>: all
// of them joined, as a line of text is drawn in pieces, and then each by itself.
func decodePDF(v view) reading {
	if !hasPDFText(v.text) {
		return reading{}
	}
	var joined, apart reading
	// Strings that do not end are not read again and again.
	fuel := 4*len(v.text) + maxString
	for i := 0; i < len(v.text); {
		n := 0
		before := len(joined.text)
		switch v.text[i] {
		case '(':
			n = pdfLiteral(v, i, &joined, &fuel)
		case '<':
			n = pdfHex(v, i, &joined, &fuel)
		}
		if n == 0 {
			i++
			continue
		}
		for j := before; j < len(joined.text); j++ {
			apart.text, apart.at = append(apart.text, joined.text[j]), append(apart.at, joined.at[j])
		}
		apart.put(v, i+n-1, '\n')
		i += n
	}
	if len(joined.text) == 0 {
		return reading{}
	}
	joined.put(v, len(v.text)-1, broken)
	joined.text, joined.at = append(joined.text, apart.text...), append(joined.at, apart.at...)
	joined.changes = []stretch{{0, len(joined.text)}}
	return joined
}

// maxString bounds the strings that are read: longer ones are not drawn on pages.
const maxString = 8 << 10

// isPDF recognises a document.
func isPDF(s []byte) bool { return bytes.Contains(s[:min(len(s), 1024)], []byte("%PDF-")) }

// hasPDFText recognises a document, and the contents of a page.
func hasPDFText(s []byte) bool {
	return isPDF(s) || (bytes.Contains(s, []byte("TJ")) || bytes.Contains(s, []byte("Tj"))) && bytes.Contains(s, []byte("BT"))
}

// pdfLiteral reads the string in parentheses at i and returns its length, 0 if it is
// none.
func pdfLiteral(v view, i int, out *reading, fuel *int) int {
	level := 0
	start, changes := len(out.text), len(out.changes)
	for j := i; j < len(v.text) && j-i < maxString && *fuel > 0; j++ {
		*fuel--
		switch c := v.text[j]; c {
		case '\\':
			if j+1 >= len(v.text) {
				continue
			}
			plain, n := pdfEscape(v.text[j:])
			out.put(v, j, plain...)
			j += n - 1
		case '(':
			if level++; level > 1 {
				out.put(v, j, c)
			}
		case ')':
			if level--; level == 0 {
				return j - i + 1
			}
			out.put(v, j, c)
		default:
			out.put(v, j, c)
		}
	}
	out.text, out.at, out.changes = out.text[:start], out.at[:start], out.changes[:changes]
	return 0
}

func pdfEscape(s []byte) (plain []byte, n int) {
	switch s[1] {
	case 'x', 'u', 'U', 'v': // of JavaScript, not of PDF
		return s[1:2], 2
	}
	return escape(s)
}

// pdfHex reads the string <...> at i and returns its length, 0 if it is none.
func pdfHex(v view, i int, out *reading, fuel *int) int {
	start, changes := len(out.text), len(out.changes)
	high, half := byte(0), false
loop:
	for j := i + 1; j < len(v.text) && j-i < maxString && *fuel > 0; j++ {
		*fuel--
		c := v.text[j]
		if d, ok := hexDigit(c); ok {
			if half {
				out.put(v, j-1, high<<4|d)
			}
			high, half = d, !half
			continue
		}
		switch c {
		case ' ', '\n', '\r', '\t':
			continue
		case '>':
			if half {
				out.put(v, j-1, high<<4)
			}
			if len(out.text) > start {
				return j - i + 1
			}
		}
		break loop
	}
	out.text, out.at, out.changes = out.text[:start], out.at[:start], out.changes[:changes]
	return 0
}
