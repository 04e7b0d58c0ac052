package label

import (
	"fmt"
	"io/fs"
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/language"

	"github.com/tierhost/tierhost"
)

// Bounds of a brand. They keep a request that is decoded into one, and the row that
// holds it, small.
const (
	maxList  = 100      // hosts, name servers, senders, colours, images, languages, links
	maxTexts = 10_000   // over all languages
	maxShort = 255      // bytes of names and the like
	maxText  = 16 << 10 // bytes of one text
	maxURL   = 2048
	maxLines = 10
)

// Normal returns the brand as it is kept: host names as A-labels in lower case, mail
// domains likewise, colours in lower case, language tags in their canonical form. It
// fails with a [*tierhost.Invalid] that lists all faults.
func (b Brand) Normal() (Brand, error) {
	b = b.Clone()
	c := checker{}
	if b.Seller == "" {
		c.Add("seller", "required", "a brand belongs to a seller")
	}
	c.short("seller", string(b.Seller))
	if b.Version < 0 {
		c.Add("version", "negative", "versions count from 0")
	}
	c.hosts("hosts", b.Hosts)
	c.company(&b.Company)
	c.hosts("name_servers", b.NameServers)
	c.senders(b.Senders)
	named(&c, "colors", b.Colors, func(path, color string) string {
		normal, ok := normalColor(color)
		if !ok {
			c.Add(path, "invalid_color", "%.40q is not a colour: write #rgb or #rrggbb", color)
		}
		return normal
	})
	named(&c, "images", b.Images, func(path, image string) string {
		if !fs.ValidPath(image) || image == "." || !c.short(path, image) {
			c.Add(path, "invalid_path", "%.80q is not a path within the look", image)
		}
		return image
	})
	named(&c, "links", b.Links, func(path, link string) string {
		c.url(path, link)
		return link
	})
	b.Languages = c.languages(b.Languages)
	b.Texts = c.texts(b.Texts)
	c.money(b.Money)
	if err := c.Err(); err != nil {
		return Brand{}, err
	}
	return b, nil
}

// Validate returns nil, or the faults that [Brand.Normal] finds.
func (b Brand) Validate() error {
	_, err := b.Normal()
	return err
}

// checker collects the faults of one brand.
type checker struct{ tierhost.Issues }

// line checks a text of one line.
func (c *checker) line(path, s string, limit int) bool {
	switch {
	case len(s) > limit:
		c.Add(path, "too_long", "more than %d bytes", limit)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		c.Add(path, "invalid_text", "control characters or broken UTF-8")
	default:
		return true
	}
	return false
}

func (c *checker) short(path, s string) bool { return c.line(path, s, maxShort) }

func (c *checker) count(path string, n, limit int) {
	if n > limit {
		c.Add(path, "too_many", "%d, more than %d", n, limit)
	}
}

// hosts makes names normal, in place.
func (c *checker) hosts(path string, hosts []string) {
	c.count(path, len(hosts), maxList)
	seen := map[string]bool{}
	for i, h := range hosts {
		at := tierhost.Path(path, i)
		normal, err := ParseHost(h)
		switch {
		case err != nil && tierhost.CodeOf(err) == "ip_host":
			c.Add(at, "ip_host", "%.80q is an IP address, not a host name", h)
		case err != nil:
			c.Add(at, "invalid_host", "%.80q is not a host name", h)
		case strings.Contains(h, ":"):
			c.Add(at, "host_port", "%.80q has a port: a brand is found by name only", h)
		case !strings.Contains(normal, "."):
			c.Add(at, "single_label", "%s is not below any domain", normal)
		case isSuffix(normal):
			c.Add(at, "public_suffix", "names below %s belong to many", normal)
		case seen[normal]:
			c.Add(at, "duplicate", "%s is listed already", normal)
		}
		seen[normal] = err == nil
		hosts[i] = normal
	}
}

// isSuffix reports whether domains are registered directly below a name.
func isSuffix(host string) bool {
	suffix, _ := publicsuffix.PublicSuffix(host)
	return suffix == host
}

func (c *checker) company(x *Company) {
	if strings.TrimSpace(x.Name) == "" {
		c.Add("company.name", "required", "customers must know who they deal with")
	}
	c.short("company.name", x.Name)
	c.count("company.address", len(x.Address), maxLines)
	for i, line := range x.Address {
		c.short(tierhost.Path("company.address", i), line)
	}
	if c.short("company.phone", x.Phone) && x.Phone != "" && len(digitsOf(x.Phone)) < 3 {
		c.Add("company.phone", "invalid_phone", "%.40q is not a telephone number", x.Phone)
	}
	c.short("company.registration", x.Registration)
	x.Email = c.address("company.email", x.Email)
	if x.URL != "" {
		c.url("company.url", x.URL)
	}
}

// address returns a bare mail address with its domain in normal form; "" is fine.
func (c *checker) address(path, s string) string {
	if s == "" {
		return ""
	}
	normal, err := normalAddress(s)
	if err != nil || !c.short(path, s) {
		c.Add(path, "invalid_address", "%.80q is not a mail address", s)
	}
	return normal
}

func normalAddress(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return "", err
	}
	at := strings.LastIndexByte(a.Address, '@')
	if a.Name != "" || a.Address != s || at < 1 {
		return "", fmt.Errorf("not a bare address")
	}
	domain, err := ParseHost(s[at+1:])
	if err != nil || strings.Contains(s[at+1:], ":") {
		return "", fmt.Errorf("not a domain")
	}
	return s[:at+1] + domain, nil
}

func (c *checker) senders(all map[MessageKind]Sender) {
	c.count("senders", len(all), maxList)
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		s, path := all[kind], tierhost.Path("senders", string(kind))
		if !isName(string(kind)) {
			c.Add(path, "invalid_name", "%.40q is not a name: use a-z, 0-9, - and _", string(kind))
		}
		if s.Address == "" {
			c.Add(path+".address", "required", "mails need a sender")
		}
		c.short(path+".name", s.Name)
		s.Address = c.address(path+".address", s.Address)
		s.ReplyTo = c.address(path+".reply_to", s.ReplyTo)
		s.EnvelopeFrom = c.address(path+".envelope_from", s.EnvelopeFrom)
		all[kind] = s
	}
	if _, ok := all[MessageDefault]; len(all) > 0 && !ok {
		c.Add("senders."+string(MessageDefault), "required", "for kinds of messages without a sender of their own")
	}
}

// named checks values by name, in place.
func named[M ~map[string]string](c *checker, path string, all M, check func(path, value string) string) {
	c.count(path, len(all), maxList)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !isName(name) {
			c.Add(tierhost.Path(path, name), "invalid_name", "%.40q is not a name: use a-z, 0-9, - and _", name)
		}
		all[name] = check(tierhost.Path(path, name), all[name])
	}
}

// isName accepts what can be the name of a role, of a custom property of CSS and of a
// part of a path.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && s[0] >= 'a' && s[0] <= 'z' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func (c *checker) url(path, s string) {
	u, err := url.Parse(s)
	if err != nil || !c.line(path, s, maxURL) {
		c.Add(path, "invalid_url", "%.80q is not an address", s)
		return
	}
	switch u.Scheme {
	case "http", "https":
		if _, err := ParseHost(u.Hostname()); err != nil || u.User != nil {
			c.Add(path, "invalid_url", "%.80q names no host, or a password", s)
		}
	case "mailto":
		if _, err := normalAddress(u.Opaque); err != nil {
			c.Add(path, "invalid_url", "%.80q names no mail address", s)
		}
	default:
		c.Add(path, "invalid_url", "%.80q: use https, http or mailto", s)
	}
}

func (c *checker) languages(all []string) []string {
	c.count("languages", len(all), maxList)
	seen := map[string]bool{}
	for i, s := range all {
		tag, ok := normalLanguage(s)
		switch path := tierhost.Path("languages", i); {
		case !ok:
			c.Add(path, "invalid_language", "%.40q is not a BCP 47 language tag", s)
		case seen[tag]:
			c.Add(path, "duplicate", "%s is listed already", tag)
		}
		seen[tag] = ok
		all[i] = tag
	}
	return all
}

func normalLanguage(s string) (string, bool) {
	tag, err := language.Parse(s)
	if err != nil || tag == language.Und || len(s) > 35 {
		return "", false
	}
	return tag.String(), true
}

func (c *checker) texts(all map[string]map[string]string) map[string]map[string]string {
	if all == nil {
		return nil
	}
	normal := make(map[string]map[string]string, len(all))
	n := 0
	for _, lang := range slices.Sorted(maps.Keys(all)) {
		path := tierhost.Path("texts", lang)
		tag, ok := normalLanguage(lang)
		switch {
		case !ok:
			c.Add(path, "invalid_language", "%.40q is not a BCP 47 language tag", lang)
		case normal[tag] != nil:
			c.Add(path, "duplicate", "%s is there already", tag)
		}
		normal[tag] = all[lang]
		for _, key := range slices.Sorted(maps.Keys(all[lang])) {
			n++
			c.text(tierhost.Path(path, key), key, all[lang][key])
		}
	}
	c.count("texts", n, maxTexts)
	return normal
}

func (c *checker) text(path, key, text string) {
	if key == "" || len(key) > maxShort || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == unicode.ReplacementChar }) {
		c.Add(path, "invalid_name", "%.40q is not a key", key)
	}
	switch {
	case len(text) > maxText:
		c.Add(path, "too_long", "more than %d bytes", maxText)
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		c.Add(path, "invalid_text", "a zero byte or broken UTF-8")
	case !goodFormat(text):
		c.Add(path, "invalid_format", "a single %% must be written %%%%, arguments as %%s, %%d, %%v or %%[1]s")
	}
}

// goodFormat reports whether each % of a text is a verb that shows an argument, or %%,
// with a width of two digits at most.
func goodFormat(s string) bool {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return true
		}
		s = s[i+1:]
		flags := len(s) - len(strings.TrimLeft(s, "+-#0123456789."))
		if longestNumber(s[:flags]) > 2 {
			return false
		}
		s = s[flags:]
		if rest, ok := strings.CutPrefix(s, "["); ok {
			n, tail, closed := strings.Cut(rest, "]")
			if !closed || n == "" || n == "0" || len(n) > 2 || strings.Trim(n, "0123456789") != "" {
				return false
			}
			s = tail
		}
		if s == "" || !strings.Contains("%sdvfxq", s[:1]) {
			return false
		}
		s = s[1:]
	}
}

// longestNumber returns the length of the longest run of digits.
func longestNumber(s string) (n int) {
	for _, digits := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		n = max(n, len(digits))
	}
	return n
}

func (c *checker) money(f MoneyFormat) {
	for path, s := range map[string]string{"money.symbol": f.Symbol, "money.gap": f.Gap, "money.decimal": f.Decimal, "money.group": f.Group} {
		if len(s) > 16 || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			c.Add(path, "invalid_text", "at most 16 bytes, without control characters")
		}
	}
	for path, s := range map[string]string{"money.decimal": f.Decimal, "money.group": f.Group} {
		if strings.ContainsAny(s, "0123456789-") {
			c.Add(path, "invalid_text", "a separator has no digit or sign")
		}
	}
	if f.Group != "" && f.Group == f.Decimal || f.Group == "." && f.Decimal == "" {
		c.Add("money.group", "ambiguous", "groups and decimals must be told apart")
	}
	slices.SortStableFunc(c.Issues, func(a, b tierhost.Issue) int {
		if strings.HasPrefix(a.Path, "money.") && strings.HasPrefix(b.Path, "money.") {
			return strings.Compare(a.Path, b.Path)
		}
		return 0
	})
}
