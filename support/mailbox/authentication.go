package mailbox

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// authentic reports whether the address in From is believed: without Options.Authserv each
// is, else the one whose domain has passed at that server.
func (o *Office) authentic(m *Mail) bool {
	if o.opt.Authserv == "" {
		return m.From != ""
	}
	_, domain, _ := strings.Cut(m.From, "@")
	for _, v := range m.Header.Values("Authentication-Results") {
		// Servers put their field in front: the first of that name is the server's own.
		if r := results(v); strings.EqualFold(r.server, o.opt.Authserv) {
			return r.passed(domain)
		}
	}
	return false
}

// authResults is a field Authentication-Results.
type authResults struct {
	server  string
	methods []authMethod
}

type authMethod struct {
	name, result string
	properties   map[string]string // "header.d": "example.org"
}

// passed reports whether a domain has: by DMARC, or by DKIM or SPF for the same
// organisation's domain.
func (r *authResults) passed(domain string) bool {
	for _, m := range r.methods {
		var of string
		switch m.name {
		case "dmarc":
			of = m.properties["header.from"]
		case "dkim":
			of = m.properties["header.d"]
			if of == "" {
				of = m.properties["header.i"]
			}
		case "spf":
			of = m.properties["smtp.mailfrom"]
		}
		of = of[strings.LastIndexByte(of, '@')+1:]
		if m.result == "pass" && of != "" && aligned(of, domain) {
			return true
		}
	}
	return false
}

// aligned reports whether two domains are of one organisation (RFC 7489, relaxed).
func aligned(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSuffix(a, ".")), strings.ToLower(strings.TrimSuffix(b, "."))
	if a == b {
		return a != ""
	}
	x, err := publicsuffix.EffectiveTLDPlusOne(a)
	if err != nil {
		return false
	}
	y, err := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && x == y
}

// results reads a field Authentication-Results (RFC 8601). Comments and quoted texts are
// read as such: what a sender has put there is no result.
func results(v string) (r authResults) {
	for i, part := range strings.Split(strip(v[:min(len(v), 4<<10)]), "\x00") {
		words := strings.Fields(part)
		switch {
		case len(words) == 0:
		case i == 0:
			if r.server = words[0]; len(words) > 1 && words[1] != "1" {
				return authResults{}
			}
		default:
			m := authMethod{properties: map[string]string{}}
			for j, w := range words {
				name, value, ok := strings.Cut(w, "=")
				name = strings.ToLower(name)
				switch {
				case !ok:
				case j == 0:
					m.name, _, _ = strings.Cut(name, "/") // its version
					m.result = strings.ToLower(value)
				default:
					if _, twice := m.properties[name]; !twice {
						m.properties[name] = strings.ReplaceAll(value, "\x01", "")
					}
				}
			}
			r.methods = append(r.methods, m)
		}
	}
	return r
}

// strip removes comments, joins what stands around "=", and puts NUL for the semicolons
// that separate results. Spaces and semicolons within quotes become U+0001.
func strip(v string) string {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c < 0x20 && c != '\t':
		case c == '\\' && (depth > 0 || quoted):
			if i++; quoted && depth == 0 && i < len(v) {
				b.WriteByte('\x01')
			}
		case depth > 0:
			if c == '(' {
				depth++
			} else if c == ')' {
				depth--
			}
		case c == '"':
			quoted = !quoted
		case quoted && (c == ' ' || c == ';' || c == '\t' || c == '='):
			b.WriteByte('\x01')
		case quoted:
			b.WriteByte(c)
		case c == '(':
			depth++
			b.WriteByte(' ')
		case c == ';':
			b.WriteByte('\x00')
		default:
			b.WriteByte(c)
		}
	}
	s := b.String()
	for _, sep := range []string{" =", "= ", "\t=", "=\t"} {
		for strings.Contains(s, sep) {
			s = strings.ReplaceAll(s, sep, "=")
		}
	}
	return s
}
