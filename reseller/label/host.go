package label

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"

	"github.com/tierhost/tierhost"
)

// ParseHost returns the normal form of a host name: A-labels in lower case. It accepts
// what stands in a Host header or is typed by people: upper case, U-labels, one dot at
// the end, and a port. It fails with tierhost.ErrInvalid for IP addresses in any
// notation that a browser takes for one, and for what is not a host name.
func ParseHost(s string) (string, error) {
	if len(s) > 1024 {
		return "", badHost("invalid_host")
	}
	name, ok := cutPort(s)
	if !ok {
		return "", badHost("invalid_host")
	}
	if isAddress(name) {
		return "", badHost("ip_host")
	}
	// Made anew: a Profile is a few words.
	profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true),
		idna.BidiRule(), idna.VerifyDNSLength(true))
	ascii, err := profile.ToASCII(strings.TrimSuffix(foldDots(name), "."))
	if err != nil || ascii == "" || strings.HasSuffix(ascii, ".") {
		return "", badHost("invalid_host")
	}
	if isAddress(ascii) { // full-width digits have become digits
		return "", badHost("ip_host")
	}
	// Labels that mean the same must be one name.
	if strings.Contains(ascii, "xn--") {
		unicode, err := profile.ToUnicode(ascii)
		if err != nil {
			return "", badHost("invalid_host")
		}
		if again, err := profile.ToASCII(unicode); err != nil || again != ascii {
			return "", badHost("invalid_host")
		}
	}
	return ascii, nil
}

func badHost(code string) error {
	return tierhost.E("label.ParseHost", tierhost.KindInvalid, code, nil)
}

// cutPort takes a port off. A bracketed IPv6 literal loses its brackets.
func cutPort(s string) (name string, ok bool) {
	if rest, bracketed := strings.CutPrefix(s, "["); bracketed {
		name, port, closed := strings.Cut(rest, "]")
		return name, closed && strings.Contains(name, ":") && (port == "" || isPort(port))
	}
	i := strings.IndexByte(s, ':')
	switch {
	case i < 0:
		return s, s != ""
	case strings.Count(s, ":") > 1:
		return s, true // a bare IPv6 address, or nothing that is a name
	}
	return s[:i], i > 0 && isPort(s[i:])
}

// isPort accepts ":", which browsers leave away, and ":8443".
func isPort(s string) bool {
	return s != "" && s[0] == ':' && len(s) <= 6 && strings.Trim(s[1:], "0123456789") == ""
}

// foldDots maps the full stops of other scripts as IDNA does.
func foldDots(s string) string {
	return strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".").Replace(s)
}

// isAddress reports whether a browser takes the name for an IP address: it ends in a
// label that is a number, decimal, octal or hexadecimal ("127.1", "0x7f000001").
func isAddress(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	if last == "" {
		return false
	}
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}
