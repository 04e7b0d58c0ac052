package dns

import (
	"fmt"
	"strings"

	"golang.org/x/net/idna"

	"github.com/tierhost/tierhost"
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
		if err != nil || mapped == "" || strings.Contains(mapped, ".") {
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
