package dns

import (
	"iter"
	"strings"
)

// Name is a domain name: absolute, in lower case, internationalised labels as A-labels
// ("xn--…"), without the dot at the end. It is the only form that is stored, so names are
// the same if they are equal. The zero Name is none at all; [Root] is the root.
//
// Octets other than letters, digits, "-", "_", "*" and "/" are written \DDD with three
// decimal digits, also those that zone files may write in other ways; a dot thus always
// separates labels. [ParseName] refuses such names; they come from other people's servers
// and files only (see [ParseAnyName]).
//
// In JSON a name is a string; reading it takes what [ParseAnyName] takes.
type Name string

// Root is the root of all names. As a target it says "no host" in MX and SRV records.
const Root Name = "."

const (
	maxLabel = 63  // octets of a label: RFC 1035, 2.3.4
	maxName  = 255 // octets of a name on the wire, lengths and root included
)

// Check returns nil if n is in its stored form and has only what [ParseName] takes, else
// a [*tierhost.Invalid].
func (n Name) Check() error {
	if plainName(strings.TrimPrefix(n.String(), "*.")) && n.WireLen() <= maxName {
		return nil
	}
	parsed, err := parseStrictName(string(n))
	if err == nil && parsed != n {
		err = nameError(string(n), "not_canonical", "it is stored as %q", string(parsed))
	}
	return err
}

// wellFormed reports whether n is in its stored form, whatever octets it has.
func (n Name) wellFormed() bool {
	if n == Root || plainName(n.String()) {
		return true
	}
	parsed, err := ParseAnyName(string(n), "")
	return err == nil && parsed == n
}

// String returns the stored form.
func (n Name) String() string { return string(n) }

// FQDN returns the name with a dot at the end, as zone files write it.
func (n Name) FQDN() string {
	return string(n.appendText(make([]byte, 0, len(n)+1)))
}

// appendText writes the name for a zone file. Whatever n holds it stays one word.
func (n Name) appendText(b []byte) []byte {
	for i := 0; i < len(n); i++ {
		c := n[i]
		switch {
		case c == '.' || plainOctet(c):
			b = append(b, c)
		case c == '\\' && n.escapeAt(i):
			b = append(b, n[i:i+4]...)
			i += 3
		default:
			b = appendDecimal(b, c)
		}
	}
	if n != Root {
		b = append(b, '.')
	}
	return b
}

func (n Name) escapeAt(i int) bool {
	_, last, ok := unescape(string(n), i)
	return ok && last == i+3
}

// Unicode returns the name for people, with U-labels where a label has one.
func (n Name) Unicode() string {
	if !strings.Contains(string(n), "xn--") {
		return string(n)
	}
	labels := strings.Split(string(n), ".")
	for i, label := range labels {
		if strings.HasPrefix(label, "xn--") {
			if u, err := labelProfile().ToUnicode(label); err == nil {
				labels[i] = u
			}
		}
	}
	return strings.Join(labels, ".")
}

// Labels yields the labels in their stored form, leftmost first; none for the root.
func (n Name) Labels() iter.Seq[string] {
	if n == Root || n == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(string(n), ".")
}

// NumLabels returns how many labels the name has.
func (n Name) NumLabels() int {
	if n == Root || n == "" {
		return 0
	}
	return strings.Count(string(n), ".") + 1
}

// WireLen returns the octets of the name on the wire, without compression.
func (n Name) WireLen() int {
	if n == Root || n == "" {
		return 1
	}
	return len(n) + 2 - 3*strings.Count(string(n), `\`)
}

// First returns the leftmost label; "" for the root.
func (n Name) First() string {
	if n == Root {
		return ""
	}
	first, _, _ := strings.Cut(string(n), ".")
	return first
}

// Parent returns the name without its first label. The root's parent is the root.
func (n Name) Parent() Name {
	if i := strings.IndexByte(string(n), '.'); i >= 0 && n != Root {
		return n[i+1:]
	}
	return Root
}

// Child returns the name of labels below n, such as "www" or "_dmarc". It fails as
// [ParseName] does; "@" and "" are n itself.
func (n Name) Child(labels string) (Name, error) {
	switch {
	case labels == "" || labels == "@":
		return n, nil
	case n == "":
		return "", nameError(labels, "no_origin", "it is below no name")
	case n == Root:
		return ParseName(labels)
	}
	if strings.HasSuffix(labels, ".") {
		return "", nameError(labels, "empty_label", "it ends with a dot, and is to be below %s", n)
	}
	return ParseName(labels + "." + string(n))
}

// Within reports whether n is zone or below it.
func (n Name) Within(zone Name) bool { return n == zone || n.Below(zone) }

// Below reports whether n is below zone.
func (n Name) Below(zone Name) bool {
	if zone == Root {
		return n != Root && n != ""
	}
	return zone != "" && len(n) > len(zone) && strings.HasSuffix(string(n), string(zone)) && n[len(n)-len(zone)-1] == '.'
}

// Relative returns n as seen from zone: "@" for the zone itself, "www" for a name below
// it, the name with a dot at the end for any other.
func (n Name) Relative(zone Name) string {
	switch {
	case n == zone:
		return "@"
	case zone == Root:
		return string(n)
	case n.Below(zone):
		return string(n[:len(n)-len(zone)-1])
	}
	return n.FQDN()
}

// Wildcard reports whether the first label is "*" (RFC 4592).
func (n Name) Wildcard() bool { return n == "*" || strings.HasPrefix(string(n), "*.") }

// Compare orders names as DNSSEC does: by their labels from the right, a parent before
// its children (RFC 4034, 6.1). Plain names compare exactly so; labels with escapes by
// their stored form.
func (n Name) Compare(o Name) int {
	a, b := string(n), string(o)
	switch {
	case n == o:
		return 0
	case n == "" || n == Root && o != "":
		return -1
	case o == "" || o == Root:
		return 1
	}
	i, j := len(a)-1, len(b)-1
	for i >= 0 && j >= 0 && a[i] == b[j] {
		i--
		j--
	}
	switch { // one is above the other
	case i < 0 && b[j] == '.':
		return -1
	case j < 0 && a[i] == '.':
		return 1
	}
	return strings.Compare(labelAt(a, i), labelAt(b, j))
}

// labelAt returns the label that the octet at i is in, or that begins after it.
func labelAt(s string, i int) string {
	if i >= 0 && s[i] == '.' { // the label after it is the other's without its beginning
		i++
	}
	start := strings.LastIndexByte(s[:max(i, 0)], '.') + 1
	rest := s[start:]
	if end := strings.IndexByte(rest, '.'); end >= 0 {
		return rest[:end]
	}
	return rest
}

// MarshalText returns the stored form.
func (n Name) MarshalText() ([]byte, error) { return []byte(n), nil }

// UnmarshalText reads what [ParseAnyName] takes, and nothing from nothing.
func (n *Name) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*n = ""
		return nil
	}
	parsed, err := ParseAnyName(string(text), "")
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}
