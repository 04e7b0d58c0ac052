package label

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// LeakKind is what a leak tells of a seller above.
type LeakKind string

// The kinds of leaks.
const (
	LeakName       LeakKind = "name"        // of the company, or of a sender
	LeakAddress    LeakKind = "address"     // a line of the postal address, the register number
	LeakHost       LeakKind = "host"        // a host name
	LeakDomain     LeakKind = "domain"      // the registrable domain of a host, a link or a mail address
	LeakNameServer LeakKind = "name_server" // a name server
	LeakMail       LeakKind = "mail"        // a mail address
	LeakHandle     LeakKind = "handle"      // what a page at a provider that others use as well is called in its address
	LeakPhone      LeakKind = "phone"
	LeakIP         LeakKind = "ip"
	// LeakUnscanned is a part that could not be looked into. It is no proof of a leak,
	// but none of the contrary either.
	LeakUnscanned LeakKind = "unscanned"
)

// words returns what the parents must not be known by, the longest first.
func words(parents []Brand, o LeakOptions) []word {
	c := collector{shared: o.Shared}
	for _, p := range parents {
		c.brand(p)
	}
	for _, s := range o.Words {
		c.name(LeakName, s)
	}
	for _, a := range o.Addrs {
		c.addr(a)
	}
	slices.SortStableFunc(c.words, func(a, b word) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.kind, b.kind), cmp.Compare(a.shown, b.shown))
	})
	return c.words
}

type collector struct {
	words  []word
	seen   map[string]bool
	shared []string // further domains that are not the parents' own
}

func (c *collector) add(w word, key string) {
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	if key = fmt.Sprintf("%v/%s", w.kind == LeakPhone, key); !c.seen[key] {
		c.seen[key] = true
		c.words = append(c.words, w)
	}
}

func (c *collector) brand(p Brand) {
	c.company(p.Company.Name)
	for _, line := range p.Company.Address {
		// A town alone tells nothing.
		if strings.ContainsFunc(line, unicode.IsDigit) {
			c.name(LeakAddress, line)
		}
	}
	if len(p.Company.Address) > 1 {
		c.name(LeakAddress, strings.Join(p.Company.Address, " "))
	}
	c.name(LeakAddress, p.Company.Registration)
	c.phone(p.Company.Phone)
	c.mail(p.Company.Email)
	c.url(p.Company.URL)
	for _, h := range p.Hosts {
		c.host(LeakHost, h)
	}
	for _, h := range p.NameServers {
		c.host(LeakNameServer, h)
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Senders)) {
		s := p.Senders[kind]
		c.company(s.Name)
		c.mail(s.Address)
		c.mail(s.ReplyTo)
		c.mail(s.EnvelopeFrom)
	}
	for _, role := range slices.Sorted(maps.Keys(p.Links)) {
		c.url(p.Links[role])
	}
}

// company adds a name, and the name without the form of the company.
func (c *collector) company(s string) {
	c.name(LeakName, s)
	fields := strings.Fields(s)
	for n := len(fields); n > 1; n-- {
		if !isLegalForm(fields[n-1]) {
			break
		}
		c.name(LeakName, strings.TrimRight(strings.Join(fields[:n-1], " "), " ,&+-"))
	}
}

func isLegalForm(s string) bool {
	switch strings.NewReplacer(".", "", ",", "", "(", "", ")", "", "/", "").Replace(strings.ToLower(s)) {
	case "inc", "incorporated", "llc", "llp", "lp", "ltd", "limited", "plc", "corp", "corporation", "co", "company",
		"gmbh", "mbh", "ag", "kg", "ohg", "ug", "se", "ev", "eg", "kgaa", "haftungsbeschränkt",
		"sa", "sas", "sasu", "sarl", "eurl", "srl", "spa", "sl", "slu", "bv", "nv", "vof", "ab", "oy", "oyj", "as", "asa", "aps",
		"sro", "spzoo", "zoo", "sp", "z", "oo", "doo", "dd", "kft", "zrt", "eood", "ood", "ooo", "oü", "sia", "uab",
		"pty", "pte", "pvt", "kk", "ltda", "group", "&", "+", "und", "and", "":
		return true
	}
	return false
}

// host adds a host name and its registrable domain. Where the domain is shared with
// others only the name itself is added.
func (c *collector) host(kind LeakKind, s string) {
	name, err := ParseHost(s)
	if err != nil || c.isShared(name) {
		return
	}
	if _, icann := publicsuffix.PublicSuffix(name); strings.Contains(name, ".") || !icann {
		c.exactHost(kind, name)
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil && !c.isShared(domain) {
		c.exactHost(LeakDomain, domain)
	}
}

// exactHost adds a name in both of its forms. It is found where it is the end of a
// longer name, but not within a label.
func (c *collector) exactHost(kind LeakKind, name string) {
	forms := []string{name}
	if u, err := idna.Punycode.ToUnicode(name); err == nil && u != name {
		forms = append(forms, u)
	}
	for _, form := range forms {
		labels := strings.Split(foldString(form), ".")
		first := labels[0]
		if first == "" {
			continue
		}
		c.add(word{kind: kind, shown: name, size: len(form), heads: []string{first[:min(2, len(first))]}, match: func(f *folded, i int) int {
			return f.matchHost(i, labels)
		}}, strings.Join(labels, "."))
	}
}

// matchHost returns the end of a host name that begins at i, or 0.
func (f *folded) matchHost(i int, labels []string) int {
	end := i
	for k, label := range labels {
		if k > 0 {
			if end >= len(f.text) || strings.IndexByte("._-", f.text[end]) < 0 {
				return 0
			}
			end++
		}
		if !strings.HasPrefix(f.text[end:], label) {
			return 0
		}
		end += len(label)
	}
	if f.insideLabel(i) || f.goesOn(end) || f.withinSyllable(end) {
		return 0
	}
	return end
}

// insideLabel reports whether the label of a host name goes on before text[i].
func (f *folded) insideLabel(i int) bool {
	for i > 0 && f.text[i-1] == '-' {
		i--
	}
	return f.goesOn(i - 1)
}

func (c *collector) mail(s string) {
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return
	}
	text := foldString(s)
	c.add(fixed(LeakMail, s, text, func(f *folded, from, to int) bool { return !f.goesOn(from-1) && !f.goesOn(to) }), text)
	c.host(LeakDomain, s[at+1:])
	// In a zone the first dot is the at sign.
	c.exactHost(LeakMail, strings.ReplaceAll(s[:at], ".", `\.`)+"."+s[at+1:])
}

func (c *collector) url(s string) {
	u, err := url.Parse(s)
	if err != nil {
		return
	}
	if u.Scheme == "mailto" {
		c.mail(u.Opaque)
		return
	}
	host, err := ParseHost(u.Hostname())
	if err == nil && c.isShared(host) {
		c.handle(u)
		return
	}
	c.host(LeakHost, u.Hostname())
}
