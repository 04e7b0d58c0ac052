package label

import (
	"net/netip"
	"slices"
	"strings"
)

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// phone adds a number in any way of writing it, and without its country's code.
func (c *collector) phone(s string) {
	all := digitsOf(s)
	forms := []string{all}
	if strings.HasPrefix(strings.TrimSpace(s), "+") {
		for n := 1; n <= 3 && len(all)-n >= 8; n++ {
			forms = append(forms, all[n:])
		}
	} else if national := strings.TrimLeft(all, "0"); national != all && len(national) >= 8 {
		forms = append(forms, national)
	}
	for _, digits := range forms {
		if len(digits) < 5 {
			continue
		}
		c.add(word{kind: LeakPhone, shown: s, size: len(digits), heads: []string{digits[:1]}, match: func(f *folded, i int) int {
			return f.matchPhone(i, digits)
		}}, digits)
	}
}

// matchPhone returns the end of digits with any of what people put between them.
func (f *folded) matchPhone(i int, digits string) int {
	// "0" may take the place of the country's code.
	if f.isDigit(i-1) && f.text[i-1] != '0' {
		return 0
	}
	end, n := i, 0
	for n < len(digits) && end < len(f.text) && end-i < 4*len(digits) {
		switch ch := f.text[end]; {
		case ch == digits[n]:
			n++
		case n > 0 && strings.IndexByte(" ().-/+", ch) >= 0:
		case n > 0 && n < 4 && ch == '0' && f.text[end-1] == '(': // +44 (0)20
		default:
			return 0
		}
		end++
	}
	if n < len(digits) || f.isDigit(end) {
		return 0
	}
	return end
}

// addr adds an IP address in every way of writing it, and its name in the reverse zone.
func (c *collector) addr(a netip.Addr) {
	if a = a.Unmap().WithZone(""); !a.IsValid() {
		return
	}
	text := a.String()
	var labels []string
	if a.Is4() {
		c.add(fixed(LeakIP, text, text, func(f *folded, from, to int) bool {
			return !f.isDigit(from-1) && !f.isDigit(to) &&
				!(from > 1 && f.text[from-1] == '.' && f.isDigit(from-2)) && !(to+1 < len(f.text) && f.text[to] == '.' && f.isDigit(to+1))
		}), "ip "+text)
		labels = strings.Split(text, ".")
		slices.Reverse(labels)
		labels = append(labels, "in-addr", "arpa")
	} else {
		c.add(word{kind: LeakIP, shown: text, size: len(text), addr: a}, "ip "+text)
		for _, nibble := range slices.Backward([]byte(strings.ReplaceAll(a.StringExpanded(), ":", ""))) {
			labels = append(labels, string(nibble))
		}
		labels = append(labels, "ip6", "arpa")
	}
	reverse := strings.Join(labels, ".")
	c.add(fixed(LeakIP, text, reverse, func(f *folded, from, _ int) bool { return !f.isLetter(from - 1) }), "ip "+reverse)
}

// findIPv6 reads whatever looks like an address.
func (m *matcher) findIPv6(f *folded, yield func(word, from, to int)) {
	part := func(i int) bool {
		_, hex := hexDigit(f.text[i])
		return hex || f.text[i] == ':' || f.text[i] == '.'
	}
	for i := 0; i < len(f.text); i++ {
		if !part(i) {
			continue
		}
		end := i
		for end < len(f.text) && part(end) {
			end++
		}
		if strings.Count(f.text[i:end], ":") > 1 {
			m.findIPv6In(f, i, end, yield)
		}
		i = end
	}
}

// longest is the most that an IPv6 address takes.
const longestIPv6 = len("0000:0000:0000:0000:0000:0000:255.255.255.255")

// findIPv6In looks for addresses between two bytes: there may be "ip6:" or the like
// before one, and a full stop or a colon behind it.
func (m *matcher) findIPv6In(f *folded, from, end int, yield func(word, from, to int)) {
	for i := from; i < end; i++ {
		if i > from && f.text[i-1] != ':' && f.text[i-1] != '.' {
			continue
		}
		to := min(end, i+longestIPv6+2)
		for range 3 {
			got, err := netip.ParseAddr(f.text[i:to])
			if err == nil {
				if w, ok := m.v6[got.Unmap()]; ok {
					yield(w, i, to)
					i = to
				}
				break
			}
			if c := f.text[to-1]; to <= i+2 || c != ':' && c != '.' {
				break
			}
			to--
		}
	}
}
