package dns

import (
	"bytes"
	"fmt"
	"strconv"
)

// word is one word of an entry of a zone file, escapes not undone, quotes taken off.
type word struct {
	raw    []byte
	quoted bool
}

// decode undoes the escapes.
func (w word) decode() (string, bool) {
	if bytes.IndexByte(w.raw, '\\') < 0 {
		return string(w.raw), true
	}
	raw := string(w.raw)
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' {
			var ok bool
			if c, i, ok = unescape(raw, i); !ok {
				return "", false
			}
		}
		out = append(out, c)
	}
	return string(out), true
}

// cutEquals splits key=value and key="value".
func (w word) cutEquals() (key string, value word) {
	k, v, _ := bytes.Cut(w.raw, []byte("="))
	if len(v) >= 2 && v[0] == '"' {
		return string(k), word{raw: v[1 : len(v)-1], quoted: true}
	}
	return string(k), word{raw: v}
}

// span is a word by its place in the buffer, which may move while it grows.
type span struct {
	start, end int
	quoted     bool
}

// lexer splits an entry into words: a line, or several lines joined by parentheses.
type lexer struct {
	buf      []byte
	spans    []span
	words    []word
	depth    int
	comments bool // ";" begins a comment; without it is refused
	indented bool // the entry begins with white space
}

func (l *lexer) reset() {
	l.buf, l.spans, l.words = l.buf[:0], l.spans[:0], l.words[:0]
	l.depth, l.indented = 0, false
}

// lexError is a fault of the form of a line.
type lexError struct{ code, message string }

func (e *lexError) Error() string { return e.message + " (" + e.code + ")" }

// line takes in one line, without its end, and reports whether the entry is complete.
func (l *lexer) line(line []byte) (complete bool, err error) {
	if len(l.buf) == 0 {
		l.indented = len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
	}
	base := len(l.buf)
	l.buf = append(append(l.buf, line...), ' ')
	line = l.buf[base : len(l.buf)-1]
	for i := 0; i < len(line); {
		switch c := line[i]; c {
		case ' ', '\t', '\r':
			i++
		case ';':
			if !l.comments {
				return false, &lexError{"unquoted_semicolon", `";" begins a comment: put the text in quotes`}
			}
			return l.depth == 0, nil
		case '(':
			l.depth++
			i++
		case ')':
			if l.depth--; l.depth < 0 {
				return false, &lexError{"bad_parenthesis", "a parenthesis is closed that was not opened"}
			}
			i++
		case '"':
			end, ok := closing(line, i+1)
			if !ok {
				return false, &lexError{"unclosed_quote", "a quote is not closed in its line"}
			}
			l.spans = append(l.spans, span{base + i + 1, base + end, true})
			if i = end + 1; i < len(line) && !delimiter(line[i]) {
				return false, &lexError{"bad_quote", "there is no space after a quoted text"}
			}
		default:
			end, err := wordEnd(line, i)
			if err != nil {
				return false, err
			}
			l.spans = append(l.spans, span{base + i, base + end, false})
			i = end
		}
	}
	return l.depth == 0, nil
}

// closing returns the index of the quote that closes a text which begins at i.
func closing(line []byte, i int) (int, bool) {
	for ; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i, true
		}
	}
	return 0, false
}

func delimiter(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == ';' || c == '(' || c == ')'
}

func wordEnd(line []byte, i int) (int, error) {
	for start := i; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			if i++; i == len(line) {
				return 0, &lexError{"bad_escape", "a backslash ends the line"}
			}
		case c == '"':
			if i == start || line[i-1] != '=' {
				return 0, &lexError{"bad_quote", "a quote stands inside of a word"}
			}
			end, ok := closing(line, i+1)
			if !ok {
				return 0, &lexError{"unclosed_quote", "a quote is not closed in its line"}
			}
			if i = end; i+1 < len(line) && !delimiter(line[i+1]) {
				return 0, &lexError{"bad_quote", "there is no space after a quoted text"}
			}
		case c < ' ' && c != '\t' && c != '\r' || c == 0x7f:
			return 0, &lexError{"control_character", fmt.Sprintf("the control character %q", c)}
		case delimiter(c):
			return i, nil
		}
	}
	return i, nil
}

// entry returns the words of the complete entry. They are valid until reset.
func (l *lexer) entry() []word {
	l.words = l.words[:0]
	for _, s := range l.spans {
		l.words = append(l.words, word{raw: l.buf[s.start:s.end], quoted: s.quoted})
	}
	return l.words
}

// splitWords splits text that a person typed: one entry, no comments.
func splitWords(text string) ([]word, error) {
	var l lexer
	complete := true
	for line := range bytes.Lines([]byte(text)) {
		if complete && len(l.spans) > 0 && len(bytes.TrimSpace(line)) > 0 {
			return nil, nameless("", "line_break", "there is more than one line")
		}
		var err error
		if complete, err = l.line(bytes.TrimRight(line, "\r\n")); err != nil {
			e := err.(*lexError)
			return nil, nameless("", e.code, "%s", e.message)
		}
	}
	if !complete {
		return nil, nameless("", "bad_parenthesis", "a parenthesis is not closed")
	}
	return l.entry(), nil
}

func parseUint(text string, bits int) (uint64, error) {
	if text == "" || text[0] == '+' {
		return 0, fmt.Errorf("%.40q is no number", text)
	}
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no number from 0 to %d", text, uint64(1)<<bits-1)
	}
	return n, nil
}

func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
