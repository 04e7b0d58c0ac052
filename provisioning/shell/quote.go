package shell

import "strings"

// Quote writes words as one line for a POSIX shell, which splits it into the same words
// again, byte by byte. Words of letters, digits and % + - . / : = @ _ stay readable; others are put
// between single quotes. A word with a NUL cannot be passed to any program.
func Quote(words ...string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		if plain(w, i == 0) {
			b.WriteString(w)
			continue
		}
		b.WriteByte('\'')
		b.WriteString(strings.ReplaceAll(w, `'`, `'\''`))
		b.WriteByte('\'')
	}
	return b.String()
}

// plain reports whether a word means itself. The first word of a line with = would be an
// assignment.
func plain(w string, first bool) bool {
	for _, c := range []byte(w) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("%+-./:@_", c) >= 0:
		case c == '=' && !first:
		default:
			return false
		}
	}
	return w != "" && !(first && reserved[w])
}

// reserved are the words of letters that a shell takes for itself at the beginning of a
// line.
var reserved = map[string]bool{
	"case": true, "do": true, "done": true, "elif": true, "else": true, "esac": true, "fi": true,
	"for": true, "function": true, "if": true, "in": true, "select": true, "then": true, "time": true, "until": true, "while": true,
}
