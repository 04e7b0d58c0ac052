package dns

import (
	"fmt"
	"iter"
	"strings"

	"golang.org/x/net/idna"

	"github.com/tierhost/tierhost"
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

// ParseName reads a name as people write it: with or without a dot at the end, in upper
// or lower case, with U-labels or A-labels. Labels hold letters, digits and "-" inside,
// and "_" and "/", which only some records may have (see [Validate]); the first one may
// be "*". Returns a [*tierhost.Invalid]; "." is [Root].
func ParseName(text string) (Name, error) {
	if plainName(text) {
		return Name(text), nil
	}
	return parseStrictName(text)
}

// plainName takes the usual case without allocation: a name in its stored form that needs
// no further look.
func plainName[T string | []byte](text T) bool {
	if len(text) == 0 || len(text) > maxName-2 {
		return false
	}
	label := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '.':
			if label == 0 || text[i-1] == '-' {
				return false
			}
			label = 0
			continue
		case c == '-':
			if label == 0 {
				return false
			}
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_':
		default:
			return false
		}
		if label++; label > maxLabel || label == 4 && c == '-' && text[i-1] == '-' && text[i-2] == 'n' && text[i-3] == 'x' {
			return false
		}
	}
	return label > 0 && text[len(text)-1] != '-'
}

func nameError(text, code, format string, args ...any) error {
	var issues tierhost.Issues
	issues.Add("", code, "name %.80q: %s", text, fmt.Sprintf(format, args...))
	return issues.Err()
}

func parseStrictName(text string) (Name, error) {
	if text == "." {
		return Root, nil
	}
	if text == "" {
		return "", nameError(text, "required", "there is no name")
	}
	if len(text) > 4*maxName {
		return "", nameError(text[:maxName], "too_long", "a name has at most %d octets", maxName)
	}
	// The full stops of other scripts separate labels too: UTS 46, 4.5.
	whole := text
	if !isASCII([]byte(text)) {
		whole = strings.NewReplacer("。", ".", "．", ".", "｡", ".").Replace(text)
	}
	labels := strings.Split(strings.TrimSuffix(whole, "."), ".")
	for i, label := range labels {
		a, code, why := parseLabel(label, i == 0)
		if code != "" {
			return "", nameError(text, code, "%s", why)
		}
		labels[i] = a
	}
	name := Name(strings.Join(labels, "."))
	if name.WireLen() > maxName {
		return "", nameError(text, "too_long", "a name has at most %d octets", maxName)
	}
	return name, nil
}

// labelProfile is for labels that are not plain: UTS 46 for look-up, not transitional, so
// that ß stays ß.
func labelProfile() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true), idna.BidiRule(),
		idna.CheckHyphens(false), idna.CheckJoiners(true), idna.ValidateLabels(true))
}

func parseLabel(label string, first bool) (a, code, why string) {
	if label == "" {
		return "", "empty_label", "there is nothing between two dots"
	}
	if label == "*" {
		if !first {
			return "", "wildcard_inside", "* stands only first"
		}
		return label, "", ""
	}
	lower := strings.ToLower(label)
	ascii := true
	for i := 0; i < len(label); i++ {
		ascii = ascii && label[i] < 0x80
	}
	if !ascii {
		mapped, err := labelProfile().ToASCII(label)
		if err != nil || strings.Contains(mapped, ".") {
			return "", "bad_idn", fmt.Sprintf("the label %.80q is not allowed in internationalised names", label)
		}
		lower = mapped
	}
	if len(lower) > maxLabel {
		return "", "label_too_long", fmt.Sprintf("a label has at most %d octets", maxLabel)
	}
	if lower[0] == '-' || lower[len(lower)-1] == '-' {
		return "", "bad_hyphen", fmt.Sprintf("the label %q begins or ends with a hyphen", lower)
	}
	for i := 0; i < len(lower); i++ {
		if c := lower[i]; !plainOctet(c) || c == '*' {
			return "", "bad_character", fmt.Sprintf("the label %q holds %q", lower, c)
		}
	}
	if strings.HasPrefix(lower, "xn--") {
		u, err := labelProfile().ToUnicode(lower)
		if err == nil {
			var back string
			if back, err = labelProfile().ToASCII(u); err == nil && (back != lower || u == lower) {
				err = tierhost.ErrInvalid
			}
		}
		if err != nil {
			return "", "bad_idn", fmt.Sprintf("%q is not the A-label of any label", lower)
		}
	}
	return lower, "", ""
}

// plainOctet: what a stored name holds unescaped, besides dots.
func plainOctet(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '*' || c == '/'
}

// ParseAnyName reads a name as zone files write it, with every octet that DNS allows: \X
// and \DDD are undone, upper case becomes lower case, and a name without a dot at the end
// is below origin, unless origin is empty. "@" is the origin. What [ParseName] refuses is
// told by [Name.Check]. Returns a [*tierhost.Invalid].
func ParseAnyName(text string, origin Name) (Name, error) {
	switch {
	case text == "":
		return "", nameError(text, "required", "there is no name")
	case text == "@":
		if origin == "" {
			return "", nameError(text, "no_origin", "@ needs an origin")
		}
		return origin, nil
	case text == ".":
		return Root, nil
	}
	var raw [maxName]byte // the labels with their dots as they are stored, until an escape comes
	out := raw[:0]
	label, wire := 0, 1
	absolute := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			if label == 0 {
				return "", nameError(text, "empty_label", "there is nothing between two dots")
			}
			wire += label + 1
			label = 0
			if i == len(text)-1 {
				absolute = true
				break
			}
			out = append(out, '.')
			continue
		}
		if c == '\\' {
			var ok bool
			if c, i, ok = unescape(text, i); !ok {
				return "", nameError(text, "bad_escape", "a backslash stands before a character or three digits up to 255")
			}
		}
		out = appendNameOctet(out, c)
		if label++; label > maxLabel {
			return "", nameError(text, "label_too_long", "a label has at most %d octets", maxLabel)
		}
		if wire+label > maxName {
			return "", nameError(text, "too_long", "a name has at most %d octets", maxName)
		}
	}
	if label > 0 {
		wire += label + 1
	}
	if !absolute && origin != "" && origin != Root {
		out = append(out, '.')
		out = append(out, origin...)
		wire += origin.WireLen() - 1
	}
	if wire > maxName {
		return "", nameError(text, "too_long", "a name has at most %d octets", maxName)
	}
	return Name(out), nil
}

// unescape undoes the escape that begins at text[i] and returns the index of its last
// character.
func unescape(text string, i int) (c byte, last int, ok bool) {
	if i+1 >= len(text) {
		return 0, i, false
	}
	if d := text[i+1]; d < '0' || d > '9' {
		return d, i + 1, true
	}
	if i+3 >= len(text) {
		return 0, i, false
	}
	n := 0
	for _, d := range []byte(text[i+1 : i+4]) {
		if d < '0' || d > '9' {
			return 0, i, false
		}
		n = n*10 + int(d-'0')
	}
	return byte(n), i + 3, n <= 255
}

func appendNameOctet(b []byte, c byte) []byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	if plainOctet(c) {
		return append(b, c)
	}
	return appendDecimal(b, c)
}

// appendDecimal writes \DDD.
func appendDecimal(b []byte, c byte) []byte {
	return append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
}

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

// appendWire writes n for the wire, uncompressed. The name must be well formed.
func (n Name) appendWire(b []byte) []byte {
	if n == Root || n == "" {
		return append(b, 0)
	}
	length := len(b)
	b = append(b, 0)
	for i := 0; i < len(n); i++ {
		c := n[i]
		if c == '.' {
			b[length] = byte(len(b) - length - 1)
			length = len(b)
			b = append(b, 0)
			continue
		}
		if c == '\\' {
			c, i, _ = unescape(string(n), i)
		}
		b = append(b, c)
	}
	b[length] = byte(len(b) - length - 1)
	return append(b, 0)
}

// AppendWire appends the name for the wire, uncompressed (RFC 1035, 3.1), or fails with a
// [*tierhost.Invalid] if it is not in its stored form.
func (n Name) AppendWire(b []byte) ([]byte, error) {
	if !n.wellFormed() {
		return b, nameError(string(n), "not_canonical", "it is not in the form that is stored")
	}
	return n.appendWire(b), nil
}

// ParseWireName reads an uncompressed name at the start of b and returns it with the
// number of octets that it takes.
func ParseWireName(b []byte) (Name, int, error) {
	var raw [4 * maxName]byte
	out := raw[:0]
	for i := 0; i < len(b) && i < maxName; {
		n := int(b[i])
		if n == 0 {
			if len(out) == 0 {
				return Root, 1, nil
			}
			return Name(out), i + 1, nil
		}
		if n > maxLabel || i+1+n >= len(b) {
			break
		}
		if len(out) > 0 {
			out = append(out, '.')
		}
		for _, c := range b[i+1 : i+1+n] {
			out = appendNameOctet(out, c)
		}
		i += n + 1
	}
	return "", 0, nameError("", "bad_wire", "the octets are not an uncompressed name")
}
