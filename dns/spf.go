package dns

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
)

// MaxSPFLookups is how many look-ups an SPF policy may cost: RFC 7208, 4.6.4.
const MaxSPFLookups = 10

// IsSPF reports whether a text is an SPF policy (RFC 7208, 4.5).
func IsSPF(text string) bool {
	return strings.EqualFold(text, "v=spf1") || len(text) > 6 && strings.EqualFold(text[:7], "v=spf1 ")
}

// SPF is a policy of who may send mail for a name.
type SPF struct {
	Terms    []SPFTerm // in their order, "all" and modifiers left out
	All      byte      // the qualifier of "all": '+', '-', '~' or '?'; 0: there is none
	Redirect string    // the policy to use instead; "" with All
	Other    []string  // further modifiers, as they stand
}

// SPFTerm is one mechanism.
type SPFTerm struct {
	Qualifier byte   // '+', '-', '~' or '?'; '+' is not written
	Mechanism string // "a", "mx", "include", "ip4", "ip6", "exists" or "ptr"
	Value     string // a name or a network; "" for the name itself
	CIDR      string // "/24", "//64" or "/24//64"
}

// String returns the term as policies write it.
func (t SPFTerm) String() string {
	var b strings.Builder
	if t.Qualifier != '+' && t.Qualifier != 0 {
		b.WriteByte(t.Qualifier)
	}
	b.WriteString(t.Mechanism)
	if t.Value != "" {
		b.WriteString(":" + t.Value)
	}
	b.WriteString(t.CIDR)
	return b.String()
}

// String returns the text of the policy.
func (s SPF) String() string {
	words := []string{"v=spf1"}
	for _, t := range s.Terms {
		words = append(words, t.String())
	}
	words = append(words, s.Other...)
	switch {
	case s.All != 0:
		all := "all"
		if s.All != '+' {
			all = string(s.All) + all
		}
		words = append(words, all)
	case s.Redirect != "":
		words = append(words, "redirect="+s.Redirect)
	}
	return strings.Join(words, " ")
}

// ParseSPF reads a policy. What stands after "all" can never match and is left out.
// Returns a [*tierhost.Invalid] with all faults, paths "terms[i]".
func ParseSPF(text string) (SPF, error) {
	var s SPF
	var issues tierhost.Issues
	if !IsSPF(text) {
		issues.Add("", "not_spf", `an SPF policy begins with "v=spf1"`)
		return SPF{}, issues.Err()
	}
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' || text[i] > '~' {
			issues.Add("", "bad_character", "it holds %q", text[i])
			return SPF{}, issues.Err()
		}
	}
	for i, w := range strings.Fields(text[6:]) {
		s.term(w, tierhost.Path("terms", i), &issues)
	}
	if s.All != 0 {
		s.Redirect = "" // RFC 7208, 6.1
	}
	if err := issues.Err(); err != nil {
		return SPF{}, err
	}
	return s, nil
}

func (s *SPF) term(w, path string, issues *tierhost.Issues) {
	if name, value, ok := strings.Cut(w, "="); ok && !strings.ContainsAny(name, ":/") {
		switch lower := lowerASCII(name); {
		case lower == "redirect" && s.Redirect != "":
			issues.Add(path, "duplicate", "redirect stands once")
		case lower == "redirect" && spfDomain(value):
			s.Redirect = value
		case lower == "redirect" || name == "" || value == "" && lower == "exp":
			issues.Add(path, "spf_syntax", "%.80q is no modifier", w)
		default:
			s.Other = append(s.Other, w)
		}
		return
	}
	t := SPFTerm{Qualifier: '+'}
	rest := w
	if strings.IndexByte("+-~?", rest[0]) >= 0 {
		t.Qualifier, rest = rest[0], rest[1:]
	}
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	t.Mechanism, rest = lowerASCII(rest[:end]), rest[end:]
	ok := false
	switch t.Mechanism {
	case "all":
		if ok = rest == ""; ok && s.All == 0 {
			s.All = t.Qualifier
			return
		}
	case "ip4", "ip6":
		t.Value = strings.TrimPrefix(rest, ":")
		ok = strings.HasPrefix(rest, ":") && spfNetwork(t.Value, t.Mechanism == "ip4")
	case "include", "exists":
		t.Value = strings.TrimPrefix(rest, ":")
		ok = strings.HasPrefix(rest, ":") && spfDomain(t.Value)
	case "a", "mx", "ptr":
		value := rest
		if slash := spfSlash(rest); slash >= 0 {
			value, t.CIDR = rest[:slash], rest[slash:]
		}
		t.Value = strings.TrimPrefix(value, ":")
		ok = (value == "" || value[0] == ':' && spfDomain(t.Value)) && (t.CIDR == "" || t.Mechanism != "ptr" && spfCIDR(t.CIDR))
	}
	if !ok {
		issues.Add(path, "spf_syntax", "%.80q is no term of a policy", w)
		return
	}
	if s.All == 0 && !slices.Contains(s.Terms, t) {
		s.Terms = append(s.Terms, t)
	}
}

// spfSlash finds the slash before the lengths, outside of macros.
func spfSlash(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '/':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

func spfNetwork(s string, v4 bool) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Is4() == v4 && a.Zone() == ""
	}
	p, err := netip.ParsePrefix(s)
	return err == nil && p.Addr().Is4() == v4
}

func spfCIDR(s string) bool {
	v4, v6, both := strings.Cut(s[1:], "//")
	if strings.HasPrefix(s, "//") {
		v4, v6, both = "", s[2:], true
	}
	length := func(s string, bits uint64) bool {
		n, err := parseUint(s, 8)
		return err == nil && n <= bits && strconv.Itoa(int(n)) == s
	}
	return (v4 == "" && both || length(v4, 32)) && (!both || length(v6, 128))
}

// spfDomain takes names, also with macros (RFC 7208, 7), as far as their characters go.
func spfDomain(s string) bool {
	if strings.Contains(s, "%") {
		for rest := s; ; {
			_, after, found := strings.Cut(rest, "%")
			if !found {
				return true
			}
			switch {
			case after != "" && strings.IndexByte("%_-", after[0]) >= 0:
				rest = after[1:]
			case strings.HasPrefix(after, "{") && strings.Contains(after, "}") && len(after) > 2 && strings.IndexByte("slodiphcrtvSLODIPHCRTV", after[1]) >= 0:
				_, rest, _ = strings.Cut(after, "}")
			default:
				return false
			}
		}
	}
	n, err := ParseName(s)
	return err == nil && n.NumLabels() >= 2
}

// MergeSPF makes one policy of several: all mechanisms, each once, the first policy's
// first, and the laxest "all" of those that have one, so that no policy refuses what
// another one only suspects. A redirect becomes an include beside the others. Returns a [*tierhost.Invalid], with code "spf_lookups" if the
// outcome costs more than [MaxSPFLookups] look-ups of its own.
func MergeSPF(policies ...string) (string, error) {
	var merged SPF
	var issues tierhost.Issues
	var parsed []SPF
	for i, text := range policies {
		p, err := ParseSPF(text)
		if err != nil {
			addIssues(&issues, tierhost.Path("policies", i), err)
			continue
		}
		parsed = append(parsed, p)
	}
	if err := issues.Err(); err != nil {
		return "", err
	}
	if len(parsed) == 1 {
		return parsed[0].String(), nil
	}
	const strictness = "-~?+" // the laxest last
	merged.All = 0
	for _, p := range parsed {
		terms := p.Terms
		if p.Redirect != "" {
			terms = append(slices.Clone(terms), SPFTerm{Qualifier: '+', Mechanism: "include", Value: p.Redirect})
		}
		for _, t := range terms {
			if !slices.Contains(merged.Terms, t) {
				merged.Terms = append(merged.Terms, t)
			}
		}
		for _, o := range p.Other {
			if !slices.Contains(merged.Other, o) {
				merged.Other = append(merged.Other, o)
			}
		}
		if p.All != 0 && (merged.All == 0 || strings.IndexByte(strictness, p.All) > strings.IndexByte(strictness, merged.All)) {
			merged.All = p.All
		}
	}
	if n := merged.lookups(); n > MaxSPFLookups {
		issues.Add("", "spf_lookups", "the policy costs %d look-ups, at most %d are allowed", n, MaxSPFLookups)
		return "", issues.Err()
	}
	return merged.String(), nil
}

// lookups counts the terms that cost a look-up, without those of included policies.
func (s SPF) lookups() int {
	n := 0
	for _, t := range s.Terms {
		if t.Mechanism != "ip4" && t.Mechanism != "ip6" {
			n++
		}
	}
	if s.All == 0 && s.Redirect != "" {
		n++
	}
	return n
}

// Policies finds the SPF policy of a name; ok is false if it is not known.
type Policies func(Name) (text string, ok bool)

// CountSPF counts the look-ups that a policy costs, with those of policies that it
// includes or redirects to as far as find knows them; nil knows none. Policies that
// include themselves count until they are past [MaxSPFLookups].
func CountSPF(text string, find Policies) (int, error) {
	s, err := ParseSPF(text)
	if err != nil {
		return 0, err
	}
	n := 0
	s.count(find, &n)
	return n, nil
}

func (s SPF) count(find Policies, n *int) {
	*n += s.lookups()
	if find == nil {
		return
	}
	follow := func(domain string) {
		name, err := ParseName(domain)
		if err != nil || *n > MaxSPFLookups { // a macro, or enough
			return
		}
		if text, ok := find(name); ok {
			if inner, err := ParseSPF(text); err == nil {
				inner.count(find, n)
			}
		}
	}
	for _, t := range s.Terms {
		if t.Mechanism == "include" {
			follow(t.Value)
		}
	}
	if s.All == 0 && s.Redirect != "" {
		follow(s.Redirect)
	}
}
