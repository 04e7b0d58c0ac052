package dns

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// data: what a record's data must be in any zone, beyond what [CheckRData] looks at.
func (v *validator) data(i int) {
	switch d := v.e.Shown[i].Record.Data.(type) {
	case NS:
		v.host(i, "host", d.Host)
		if d.Host == Root {
			v.add(i, "data.host", "bad_target_name", "the root is no name server")
		}
	case MX:
		v.host(i, "host", d.Host)
	case SRV:
		v.host(i, "target", d.Target)
	case SOA:
		v.host(i, "primary", d.Primary)
		if d.Mailbox.Wildcard() || d.Mailbox == Root {
			v.add(i, "data.mailbox", "bad_target_name", "%s is no mailbox", d.Mailbox)
		}
	case PTR:
		if v.e.Zone.Within("in-addr.arpa") || v.e.Zone.Within("ip6.arpa") {
			v.host(i, "target", d.Target)
		}
	case HTTPS:
		v.host(i, "target", d.Target)
	case SVCB:
		v.host(i, "target", d.Target)
	case NAPTR:
		v.naptr(i, d)
	case CAA:
		v.caa(i, d)
	case DS:
		if d.DigestType != 2 && d.DigestType != 4 {
			v.add(i, "data.digesttype", "weak_digest", "digests are SHA-256 or SHA-384: RFC 8624, 3.3")
		}
		v.length(i, "data.digest", len(d.Digest), map[uint8]int{2: 32, 4: 48}[d.DigestType])
	case SSHFP:
		v.length(i, "data.fingerprint", len(d.Fingerprint), map[uint8]int{1: 20, 2: 32}[d.Hash])
	case TLSA:
		v.length(i, "data.data", len(d.Data), map[uint8]int{1: 32, 2: 64}[d.Matching])
	}
}

// host: a name that must be that of a host, and does not look like an address.
func (v *validator) host(i int, field string, n Name) {
	if n == Root {
		return
	}
	last := n[strings.LastIndexByte(string(n), '.')+1:]
	switch {
	case !hostName(n, false) || n.Check() != nil:
		v.add(i, "data."+field, "bad_target_name", "%s is no name of a host: those have letters, digits and hyphens", n)
	case strings.Trim(string(last), "0123456789") == "":
		v.add(i, "data."+field, "bad_target_name", "%s is no name of a host, it looks like an address", n)
	}
}

// length: digests of known algorithms have a length.
func (v *validator) length(i int, field string, have, want int) {
	if want != 0 && have != want {
		v.add(i, field, "bad_digest", "digests of this kind have %d octets, this has %d", want, have)
	}
}

// caa: RFC 8659, 4.
func (v *validator) caa(i int, d CAA) {
	if d.Flags != 0 && d.Flags != 128 {
		v.add(i, "data.flags", "caa_flags", "flags are 0 or 128")
	}
	switch d.Tag {
	case "issue", "issuewild", "issuemail":
		issuer, params, has := strings.Cut(d.Value, ";")
		issuer = strings.Trim(issuer, " \t")
		if issuer != "" {
			if n, err := ParseName(issuer); err != nil || !hostName(n, false) {
				v.add(i, "data.value", "caa_syntax", "%.80q is no name of an authority", issuer)
			}
		}
		if has && strings.Trim(params, " \t") != "" {
			for p := range strings.SplitSeq(params, ";") {
				tag, value, ok := strings.Cut(strings.Trim(p, " \t"), "=")
				if tag = strings.TrimRight(tag, " \t"); !ok || tag == "" || !lettersAndDigits(strings.ReplaceAll(lowerASCII(tag), "-", "")) ||
					strings.ContainsAny(strings.Trim(value, " \t"), " \t;") {
					v.add(i, "data.value", "caa_syntax", "%.80q is no parameter of the form tag=value", p)
				}
			}
		}
	case "iodef":
		u, err := url.Parse(d.Value)
		if err != nil || u.Scheme != "mailto" && u.Scheme != "https" && u.Scheme != "http" {
			v.add(i, "data.value", "caa_syntax", "%.80q is no mailto: or https: address", d.Value)
		}
	}
}

// naptr: RFC 3402, 3.2, RFC 3403, 4.1.
func (v *validator) naptr(i int, d NAPTR) {
	if !lettersAndDigits(lowerASCII(d.Flags)) {
		v.add(i, "data.flags", "naptr_syntax", "flags are letters and digits")
	}
	if !printable(d.Service) {
		v.add(i, "data.service", "naptr_syntax", "%.80q is no service", d.Service)
	}
	if d.Regexp == "" {
		return
	}
	if d.Replacement != Root {
		v.add(i, "data.replacement", "naptr_syntax", "with an expression the replacement is the root")
	}
	if !substitution(d.Regexp) {
		v.add(i, "data.regexp", "naptr_syntax", "%.80q is no substitution of the form !expression!replacement!", d.Regexp)
	}
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// substitution reports whether s is delimiter, expression, delimiter, replacement,
// delimiter and flags.
func substitution(s string) bool {
	if !printable(s) {
		return false
	}
	delimiter := s[0]
	if delimiter == '\\' || delimiter >= '0' && delimiter <= '9' || delimiter == 'i' || delimiter == ' ' {
		return false
	}
	parts := []string{""}
	highest := 0
	for i := 1; i < len(s); i++ {
		c := s[i]
		last := &parts[len(parts)-1]
		switch {
		case c == delimiter:
			parts = append(parts, "")
		case c == '\\':
			if i++; i == len(s) || s[i] == '0' {
				return false
			}
			if d := s[i]; len(parts) == 2 && d >= '1' && d <= '9' {
				highest = max(highest, int(d-'0'))
			}
			if s[i] == delimiter {
				*last += string(delimiter)
			} else {
				*last += s[i-1 : i+1]
			}
		default:
			*last += string(c)
		}
	}
	if len(parts) != 3 || strings.Trim(parts[2], "i") != "" || parts[0] == "" {
		return false
	}
	// Servers check the expression with readers of their own, of which the simplest knows
	// only what POSIX has.
	expression, err := regexp.CompilePOSIX(parts[0])
	return err == nil && expression.NumSubexp() >= highest && !repeatsNothing(parts[0])
}

// repeatsNothing: a repetition of an anchor, of a repetition, or of nothing, which POSIX
// leaves undefined.
func repeatsNothing(expression string) bool {
	before := byte('(')
	for i := 0; i < len(expression); i++ {
		c := expression[i]
		if strings.IndexByte("*+?{", c) >= 0 && strings.IndexByte("*+?{}^$(|", before) >= 0 {
			return true
		}
		switch before = c; c {
		case '\\':
			i++
		case '[':
			if i++; i < len(expression) && expression[i] == '^' {
				i++
			}
			for i++; i < len(expression) && expression[i] != ']'; i++ {
			}
		case '{':
			if end := strings.IndexByte(expression[i:], '}'); end > 0 {
				i += end
			}
		}
	}
	return false
}

// texts: policies that stand once at a name, and are read by machines.
func (v *validator) texts(name Name, n *node) {
	if !n.has(TypeTXT) {
		return
	}
	spf, dmarc := 0, 0
	for _, i := range n.at {
		d, ok := v.e.Shown[i].Record.Data.(TXT)
		if !ok {
			continue
		}
		switch version := textVersion(d.Text); {
		case version == "v=spf1":
			if spf++; spf > 1 {
				v.add(i, "", "spf_many", "a name has one SPF policy: RFC 7208, 3.2")
				continue
			}
			v.spf(i, d.Text)
		case version == "v=dmarc1" && name.First() == "_dmarc":
			if dmarc++; dmarc > 1 {
				v.add(i, "", "dmarc_many", "a name has one DMARC policy: RFC 7489, 6.6.3")
				continue
			}
			if _, err := ParseDMARC(d.Text); err != nil {
				v.add(i, "data.text", "dmarc_syntax", "%s", issuesOf(err)[0].Message)
			}
		}
	}
}

func (v *validator) spf(i int, text string) {
	n, err := CountSPF(text, v.policy)
	if err != nil {
		for _, issue := range issuesOf(err) {
			v.add(i, "data.text", "spf_syntax", "%s", issue.Message)
		}
		return
	}
	if n > MaxSPFLookups {
		v.add(i, "data.text", "spf_lookups", "the policy costs %d look-ups, at most %d are allowed: RFC 7208, 4.6.4", n, MaxSPFLookups)
	}
}

// policy finds the SPF policy of a name, in the zone first.
func (v *validator) policy(name Name) (string, bool) {
	if n := v.nodes[name]; n.has(TypeTXT) {
		for _, i := range n.at {
			if d, ok := v.e.Shown[i].Record.Data.(TXT); ok && IsSPF(d.Text) {
				return d.Text, true
			}
		}
	}
	if v.opt.Policies == nil {
		return "", false
	}
	return v.opt.Policies(name)
}

// target: names in the zone that records lead to are there, and are no aliases where
// that is not allowed (RFC 2181, 10.3).
func (v *validator) target(i int) {
	r := v.e.Shown[i].Record
	name, ok := Target(r.Data)
	if !ok || !name.Within(v.e.Zone) {
		return
	}
	field := "data.target"
	switch r.Data.(type) {
	case CNAME, ALIAS:
		v.loop(i, name)
		return
	case HTTPS, SVCB:
		if p := svcPriority(r.Data); p == 0 && name == r.Name {
			v.add(i, field, "alias_loop", "it leads to itself")
		}
		return
	case NS, MX:
		field = "data.host"
	case SRV:
	default:
		return
	}
	if cut, below := v.cut(name); below {
		if r.Type() == TypeNS && !v.nodes[name].address() {
			v.add(i, field, "glue_missing", "%s is within %s, which is delegated: its address must stand here too", name, cut)
		}
		return
	}
	if v.outside(name) {
		return
	}
	n, wild := v.find(name)
	switch {
	case n.has(TypeCNAME):
		v.add(i, field, "target_is_alias", "%s is an alias: RFC 2181, 10.3", name)
	case v.underDNAME(name):
		v.add(i, field, "target_is_alias", "%s is below a DNAME: RFC 2181, 10.3", name)
	case !n.address(), wild && r.Type() == TypeNS:
		v.add(i, field, "target_missing", "%s has no address", name)
	}
}

// outside reports whether a name is in a zone of its own below.
func (v *validator) outside(name Name) bool {
	return slices.ContainsFunc(v.opt.Below, name.Within)
}

func svcPriority(d RData) uint16 {
	switch d := d.(type) {
	case HTTPS:
		return d.Priority
	case SVCB:
		return d.Priority
	}
	return 1
}

func (v *validator) underDNAME(name Name) bool {
	_, below := v.below(name, TypeDNAME)
	return below
}

// find returns what answers for a name, which may be a wildcard (RFC 4592, 3.3).
func (v *validator) find(name Name) (n *node, wildcard bool) {
	if n := v.nodes[name]; n != nil || v.exists == nil || v.exists[name] {
		return n, false
	}
	for p := name.Parent(); p.Within(v.e.Zone); p = p.Parent() {
		if !v.exists[p] {
			continue
		}
		star := Name("*")
		if p != Root {
			star += "." + p
		}
		return v.nodes[star], true
	}
	return nil, false
}

// maxAliases is how many aliases in a row are followed; resolvers give up at about as many.
const maxAliases = 16

// loop: an alias that leads back to itself, or on and on.
func (v *validator) loop(i int, name Name) {
	start := v.e.Shown[i].Record.Name
	for range maxAliases {
		if name == start {
			v.add(i, "data.target", "alias_loop", "it leads back to itself")
			return
		}
		n, _ := v.find(name)
		if v.outside(name) || !n.has(TypeCNAME) && !n.has(TypeALIAS) {
			return
		}
		next := Name("")
		for _, j := range n.at {
			switch d := v.e.Shown[j].Record.Data.(type) {
			case CNAME:
				next = d.Target
			case ALIAS:
				next = d.Target
			}
		}
		if next == "" {
			return
		}
		name = next
	}
	v.add(i, "data.target", "alias_loop", "it leads on through more than %d aliases, and resolvers give up", maxAliases)
}
