package label

import (
	"bytes"
	"strconv"
)

// Objects of PDF documents, as far as texts need them: names, numbers without fraction,
// strings, arrays, dictionaries and references. Others are nil.
type (
	pdfName string
	pdfRef  int
	pdfDict map[string]any
)

// pdfReader reads objects from bytes. Every step takes fuel, so that a document cannot
// make it read anything again and again.
type pdfReader struct {
	in   []byte
	at   int
	fuel *int
}

// maxNesting bounds arrays and dictionaries within each other.
const maxNesting = 32

func isPDFSpace(c byte) bool { return isSpace(c) || c == 0 }

func isPDFDelimiter(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

func (r *pdfReader) more() bool { return r.at < len(r.in) && *r.fuel > 0 }

// next returns the byte to be read, 0 at the end.
func (r *pdfReader) next() byte {
	if !r.more() {
		return 0
	}
	return r.in[r.at]
}

func (r *pdfReader) skip() {
	for r.more() {
		switch c := r.in[r.at]; {
		case isPDFSpace(c):
			r.at++
		case c == '%':
			n := bytes.IndexAny(r.in[r.at:], "\r\n")
			if n < 0 {
				n = len(r.in) - r.at
			}
			r.at += n
		default:
			return
		}
		*r.fuel--
	}
}

// word reads what is neither space nor delimiter.
func (r *pdfReader) word() string {
	from := r.at
	for r.more() && !isPDFSpace(r.in[r.at]) && !isPDFDelimiter(r.in[r.at]) {
		r.at++
		*r.fuel--
	}
	return string(r.in[from:r.at])
}

// pdfKeyword is a word that is no object, such as an operator.
type pdfKeyword string

// value reads an object or a keyword. At the end it returns nil and false.
func (r *pdfReader) value(deep int) (any, bool) {
	r.skip()
	if !r.more() {
		return nil, false
	}
	*r.fuel--
	switch c := r.in[r.at]; {
	case c == '/':
		r.at++
		return pdfName(unhash(r.word())), true
	case c == '(':
		return r.literal(), true
	case c == '<' && r.at+1 < len(r.in) && r.in[r.at+1] == '<':
		r.at += 2
		return r.dict(deep + 1), true
	case c == '<':
		return r.hex(), true
	case c == '[':
		r.at++
		return r.array(deep + 1), true
	case isPDFDelimiter(c):
		r.at++
		return pdfKeyword(c), true
	}
	return r.number(), true
}

// number reads a number, a reference or a keyword.
func (r *pdfReader) number() any {
	w := r.word()
	n, err := strconv.Atoi(w)
	if err != nil {
		switch f, err := strconv.ParseFloat(w, 64); {
		case err == nil:
			return f
		case w == "null":
			return nil
		}
		return pdfKeyword(w)
	}
	if n <= 0 {
		return n
	}
	back := r.at // "12 0 R"
	r.skip()
	if generation := r.word(); generation != "" && isDigits(generation) {
		r.skip()
		if r.next() == 'R' && (r.at+1 == len(r.in) || isPDFSpace(r.in[r.at+1]) || isPDFDelimiter(r.in[r.at+1])) {
			r.at++
			return pdfRef(n)
		}
	}
	r.at = back
	return n
}

func (r *pdfReader) array(deep int) []any {
	var all []any
	for {
		v, ok := r.value(deep)
		if !ok || v == pdfKeyword("]") || deep > maxNesting {
			return all
		}
		all = append(all, v)
	}
}

func (r *pdfReader) dict(deep int) pdfDict {
	d := pdfDict{}
	for deep <= maxNesting {
		key, ok := r.value(deep)
		if !ok {
			return d
		}
		if key == pdfKeyword(">") {
			if r.next() == '>' {
				r.at++
			}
			return d
		}
		name, ok := key.(pdfName)
		if !ok {
			continue
		}
		v, ok := r.value(deep)
		if !ok {
			return d
		}
		if v == pdfKeyword(">") { // a name without a value
			r.at--
			continue
		}
		d[string(name)] = v
	}
	return d
}

// literal reads a string in parentheses.
func (r *pdfReader) literal() []byte {
	out := []byte{}
	level := 0
	for ; r.more(); r.at++ {
		*r.fuel--
		switch c := r.in[r.at]; c {
		case '\\':
			if r.at+1 == len(r.in) {
				continue
			}
			plain, n := pdfEscape(r.in[r.at:])
			out = append(out, plain...)
			r.at += n - 1
		case '(':
			if level++; level > 1 {
				out = append(out, c)
			}
		case ')':
			if level--; level == 0 {
				r.at++
				return out
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

// hex reads a string <...>.
func (r *pdfReader) hex() []byte {
	out := []byte{}
	high, half := byte(0), false
	for r.at++; r.more(); r.at++ {
		*r.fuel--
		c := r.in[r.at]
		if c == '>' {
			r.at++
			break
		}
		if d, ok := hexDigit(c); ok {
			if half {
				out = append(out, high<<4|d)
			}
			high, half = d, !half
		}
	}
	if half {
		out = append(out, high<<4)
	}
	return out
}

// unhash reads the escapes of names, #41.
func unhash(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '#' {
			if r, n := hexRun([]byte(s[i+1:]), 2); n == 2 {
				out = append(out, byte(r))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
