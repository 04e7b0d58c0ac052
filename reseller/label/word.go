package label

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

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
	LeakPhone      LeakKind = "phone"
	LeakIP         LeakKind = "ip"
	// LeakUnscanned is a part that could not be looked into. It is no proof of a leak,
	// but none of the contrary either.
	LeakUnscanned LeakKind = "unscanned"
)

// word is something that must not be shown.
type word struct {
	kind  LeakKind
	shown string // as it is reported
	find  func(f folded, yield func(from, to int))
	size  int // of what is looked for: longer words are reported rather than parts of them
}

// words returns what the parents must not be known by, the longest first.
func words(parents []Brand, o LeakOptions) []word {
	var c collector
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
	words []word
	seen  map[string]bool
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

// name adds words that may be written in other cases, together, or with anything between
// them but letters and digits.
func (c *collector) name(kind LeakKind, s string) {
	tokens := tokensOf(foldString(s))
	if len(tokens) == 0 {
		return
	}
	key := strings.Join(tokens, " ")
	size := len(key) - len(tokens) + 1
	// What is short stands in many words.
	alone := utf8.RuneCountInString(strings.Join(tokens, "")) < 4
	c.add(word{kind: kind, shown: s, size: size, find: func(f folded, yield func(int, int)) {
		findTokens(f, tokens, 0, 16, func(i, end int) {
			if !alone || !f.isLetter(i-1) && !f.isLetter(end) {
				yield(i, end)
			}
		}, func(at int) bool { return !f.isLetter(at) })
	}}, key)
}

func tokensOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// findTokens calls yield for each place with the tokens one behind the other, with from
// least to most bytes between two for which between says that they do not count.
func findTokens(f folded, tokens []string, least, most int, yield func(from, to int), between func(at int) bool) {
	for i := 0; ; {
		j := strings.Index(f.text[i:], tokens[0])
		if j < 0 {
			return
		}
		i += j
		end := i + len(tokens[0])
		ok := true
		for _, t := range tokens[1:] {
			gap := 0
			for end < len(f.text) && gap < most && between(end) {
				end++
				gap++
			}
			if ok = gap >= least && strings.HasPrefix(f.text[end:], t); !ok {
				break
			}
			end += len(t)
		}
		if ok {
			yield(i, end)
		}
		_, size := utf8.DecodeRuneInString(f.text[i:])
		i += size
	}
}

// host adds a host name and its registrable domain.
func (c *collector) host(kind LeakKind, s string) {
	name, err := ParseHost(s)
	if err != nil {
		return
	}
	if _, icann := publicsuffix.PublicSuffix(name); strings.Contains(name, ".") || !icann {
		c.exactHost(kind, name)
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
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
		c.add(word{kind: kind, shown: name, size: len(form), find: func(f folded, yield func(int, int)) {
			findTokens(f, labels, 1, 1, func(i, end int) {
				if !f.insideLabel(i) && !f.isLetter(end) {
					yield(i, end)
				}
			}, func(at int) bool { return strings.IndexByte("._-", f.text[at]) >= 0 })
		}}, strings.Join(labels, "."))
	}
}

// insideLabel reports whether the label of a host name goes on before text[i].
func (f folded) insideLabel(i int) bool {
	for i > 0 && f.text[i-1] == '-' {
		i--
	}
	return f.isLetter(i - 1)
}

func (c *collector) mail(s string) {
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return
	}
	text := foldString(s)
	c.add(word{kind: LeakMail, shown: s, size: len(text), find: func(f folded, yield func(int, int)) {
		findTokens(f, []string{text}, 0, 0, func(i, end int) {
			if !f.isLetter(i-1) && !f.isLetter(end) {
				yield(i, end)
			}
		}, func(int) bool { return false })
	}}, text)
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
	c.host(LeakHost, u.Hostname())
}

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
		c.add(word{kind: LeakPhone, shown: s, size: len(digits), find: func(f folded, yield func(int, int)) {
			f.findPhone(digits, yield)
		}}, digits)
	}
}

// findPhone finds digits with any of what people put between them.
func (f folded) findPhone(digits string, yield func(from, to int)) {
	for i := 0; i < len(f.text); i++ {
		// "0" may take the place of the country's code.
		if f.text[i] != digits[0] || f.isDigit(i-1) && f.text[i-1] != '0' {
			continue
		}
		end, n := i, 0
		for n < len(digits) && end < len(f.text) && end-i < 4*len(digits) {
			switch ch := f.text[end]; {
			case ch == digits[n]:
				n++
			case n > 0 && strings.IndexByte(" ().-/+", ch) >= 0:
			case n > 0 && n < 4 && ch == '0' && f.text[end-1] == '(': // +44 (0)20
			default:
				end = len(f.text)
			}
			end++
		}
		if n == len(digits) && !f.isDigit(end) {
			yield(i, end)
		}
	}
}

// addr adds an IP address in every way of writing it, and its name in the reverse zone.
func (c *collector) addr(a netip.Addr) {
	if a = a.Unmap().WithZone(""); !a.IsValid() {
		return
	}
	text := a.String()
	c.add(word{kind: LeakIP, shown: text, size: len(text), find: func(f folded, yield func(int, int)) {
		if a.Is4() {
			f.findIPv4(text, yield)
		} else {
			f.findIPv6(a, yield)
		}
	}}, "ip "+text)
	var labels []string
	if a.Is4() {
		for _, octet := range slices.Backward(strings.Split(text, ".")) {
			labels = append(labels, octet)
		}
		labels = append(labels, "in-addr", "arpa")
	} else {
		for _, nibble := range slices.Backward([]byte(strings.ReplaceAll(a.StringExpanded(), ":", ""))) {
			labels = append(labels, string(nibble))
		}
		labels = append(labels, "ip6", "arpa")
	}
	reverse := strings.Join(labels, ".")
	c.add(word{kind: LeakIP, shown: text, size: len(reverse), find: func(f folded, yield func(int, int)) {
		findTokens(f, []string{reverse}, 0, 0, yield, func(int) bool { return false })
	}}, "ip "+reverse)
}

func (f folded) findIPv4(text string, yield func(from, to int)) {
	findTokens(f, []string{text}, 0, 0, func(i, end int) {
		if f.isDigit(i-1) || f.isDigit(end) ||
			i > 1 && f.text[i-1] == '.' && f.isDigit(i-2) || end+1 < len(f.text) && f.text[end] == '.' && f.isDigit(end+1) {
			return
		}
		yield(i, end)
	}, func(int) bool { return false })
}

// findIPv6 reads whatever looks like an address.
func (f folded) findIPv6(a netip.Addr, yield func(from, to int)) {
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
		f.findIPv6In(a, i, end, yield)
		i = end
	}
}

// findIPv6In looks for the address between two bytes: it may have "ip6:" or the like
// before it, and a full stop or a colon behind it.
func (f folded) findIPv6In(a netip.Addr, from, end int, yield func(from, to int)) {
	if end-from > 256 || strings.Count(f.text[from:end], ":") < 2 {
		return
	}
	for i := from; i < end; i++ {
		if i > from && f.text[i-1] != ':' && f.text[i-1] != '.' {
			continue
		}
		for to := end; to > i+1; to-- {
			got, err := netip.ParseAddr(f.text[i:to])
			if err == nil && got.Unmap() == a {
				yield(i, to)
				return
			}
			if c := f.text[to-1]; c != ':' && c != '.' {
				break
			}
		}
	}
}
