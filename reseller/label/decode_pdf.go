package label

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
)

// decodePDF reads the strings of a PDF document's objects and pages, (...) and <...>: all
// of them joined, as a line of text is drawn in pieces, and then each by itself.
func decodePDF(v view) (view, bool) {
	if !isPDF(v.text) {
		return v, false
	}
	var joined, apart reading
	for i := 0; i < len(v.text); {
		var n int
		before := len(joined.text)
		switch v.text[i] {
		case '(':
			n = pdfLiteral(v, i, &joined)
		case '<':
			n = pdfHex(v, i, &joined)
		case '%', '\n', '\r':
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
		return v, false
	}
	end := len(v.text) - 1
	joined.put(v, end, '\n')
	joined.text, joined.at = append(joined.text, apart.text...), append(joined.at, apart.at...)
	return joined.view, true
}

// maxString bounds the strings that are read: longer ones are not drawn on pages.
const maxString = 8 << 10

// isPDF recognises a document, and the contents of a page.
func isPDF(s []byte) bool {
	if bytes.HasPrefix(s, []byte("%PDF-")) || bytes.Contains(s[:min(len(s), 1024)], []byte("%PDF-")) {
		return true
	}
	return (bytes.Contains(s, []byte("TJ")) || bytes.Contains(s, []byte("Tj"))) && bytes.Contains(s, []byte("BT"))
}

// pdfLiteral reads the string in parentheses at i and returns its length, 0 if it is
// none.
func pdfLiteral(v view, i int, out *reading) int {
	level := 0
	start := len(out.text)
	for j := i; j < len(v.text) && j-i < maxString; j++ {
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
	out.text, out.at = out.text[:start], out.at[:start]
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
func pdfHex(v view, i int, out *reading) int {
	start := len(out.text)
	high, half := byte(0), false
	for j := i + 1; j < len(v.text) && j-i < maxString; j++ {
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
		break
	}
	out.text, out.at = out.text[:start], out.at[:start]
	return 0
}

// maxInflated bounds what a compressed part may grow to.
const maxInflated = 32 << 20

var errTooLarge = errors.New("it inflates to more than is scanned")

// pdfStreams returns the compressed streams of a PDF document; an error says that there
// are more.
func pdfStreams(s []byte) (streams [][]byte, err error) {
	if !bytes.HasPrefix(s, []byte("%PDF-")) && !bytes.Contains(s[:min(len(s), 1024)], []byte("%PDF-")) {
		return nil, nil
	}
	for total := 0; ; {
		i := bytes.Index(s, []byte("stream"))
		if i < 0 {
			return streams, nil
		}
		ended := i >= 3 && bytes.HasSuffix(s[:i], []byte("end"))
		s = s[i+len("stream"):]
		if ended {
			continue
		}
		body := bytes.TrimLeft(s, "\r\n")
		z, zerr := zlib.NewReader(bytes.NewReader(body))
		if zerr != nil {
			continue // not compressed, or in a way that is scanned as it is
		}
		plain, rerr := readBounded(z)
		if total += len(plain); errors.Is(rerr, errTooLarge) || total > maxInflated {
			return streams, errTooLarge
		}
		if len(plain) > 0 {
			streams = append(streams, plain)
		}
	}
}

// readBounded reads what there is, also of a stream that is cut off.
func readBounded(r io.Reader) ([]byte, error) {
	plain, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	if len(plain) > maxInflated {
		return plain[:maxInflated], errTooLarge
	}
	return plain, err
}
