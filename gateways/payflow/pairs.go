package payflow

import (
	"fmt"
	"strconv"
	"strings"
)

// pairs are names and values, in order.
type pairs []struct{ name, value string }

func (p *pairs) add(name, value string) {
	if value != "" {
		*p = append(*p, struct{ name, value string }{name, value})
	}
}

// encode writes the pairs as Payflow reads them: each value with its length in octets, so
// that it may hold whatever character, and not encoded further.
func (p pairs) encode() string {
	var b strings.Builder
	for i, x := range p {
		if i > 0 {
			b.WriteByte('&')
		}
		fmt.Fprintf(&b, "%s[%d]=%s", x.name, len(x.value), x.value)
	}
	return b.String()
}

// decode reads an answer: pairs with or without lengths. It reports false for anything else.
func decode(text string) (map[string]string, bool) {
	all := map[string]string{}
	text = strings.TrimRight(text, "\r\n")
	for text != "" {
		name, rest, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, false
		}
		end := strings.IndexByte(rest, '&')
		if open := strings.IndexByte(name, '['); open > 0 && strings.HasSuffix(name, "]") {
			n, err := strconv.Atoi(name[open+1 : len(name)-1])
			if err != nil || n < 0 || n > len(rest) || n < len(rest) && rest[n] != '&' {
				return nil, false
			}
			name, end = name[:open], n
		}
		if end < 0 {
			end = len(rest)
		}
		if _, twice := all[name]; twice {
			return nil, false
		}
		all[name] = rest[:end]
		if end == len(rest) {
			break
		}
		text = rest[end+1:]
	}
	return all, len(all) > 0
}
