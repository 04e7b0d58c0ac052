package label

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Leak is one place where a customer sees something of a seller above.
type Leak struct {
	Where   string   `json:"where"`   // "GET /login: body", "mail invoice: header From"
	Kind    LeakKind `json:"kind"`    // what it tells
	Word    string   `json:"word"`    // as it stands in the parent's brand
	Excerpt string   `json:"excerpt"` // the text around it, decoded
}

// String returns the leak in one line.
func (l Leak) String() string {
	return fmt.Sprintf("%s: %s %q in %q", l.Where, l.Kind, l.Word, l.Excerpt)
}

// LeakOptions are what a leak test knows beyond the brands. The zero value works.
type LeakOptions struct {
	// Allow are texts that may be shown although a word of a parent is in them: a
	// shared name server, a domain under which the brand has its host. An occurrence
	// within such a text is not a leak; elsewhere the word still is.
	Allow []string
	// Words are further names that must not be shown, such as those of products.
	Words []string
	// Addrs are IP addresses that must not be shown.
	Addrs []netip.Addr
}

// Leaks reports every occurrence of the parents' names, hosts, domains, name servers,
// mail addresses, postal addresses, telephone numbers and IP addresses in what a brand's
// customers are shown, and in the brand itself. It finds them in any case and spelling
// of letters, and through the encodings that pages, mails, documents and zones use, one
// upon another up to three deep: see the package's documentation.
//
// Leaks are in the order in which they were shown. An error that shown yields is
// returned with the leaks found before it: what cannot be rendered is not tested.
func Leaks(brand Brand, parents []Brand, shown iter.Seq2[Shown, error], o LeakOptions) ([]Leak, error) {
	s := NewScanner(parents, o)
	all := s.Scan(Data(brand))
	if shown == nil {
		return all, nil
	}
	for x, err := range shown {
		if err != nil {
			return all, fmt.Errorf("label.Leaks: %s: %w", x.Where, err)
		}
		all = append(all, s.Scan(x)...)
	}
	return all, nil
}

// Scanner looks for the words of some parents. It is safe for concurrent use.
type Scanner struct {
	words []word
	allow []word
}

// NewScanner returns a scanner for what the parents must not be known by.
func NewScanner(parents []Brand, o LeakOptions) *Scanner {
	var allow collector
	for _, s := range o.Allow {
		allow.allow(s)
	}
	return &Scanner{words: words(parents, o), allow: allow.words}
}

// allow adds a text as it is, of whatever kind.
func (c *collector) allow(s string) {
	c.name(LeakName, s)
	if a, err := netip.ParseAddr(s); err == nil {
		c.addr(a)
	}
	if d := digitsOf(s); len(d) >= 5 && strings.Trim(s, "0123456789 ().-/+") == "" {
		c.phone(s)
	}
	if h, err := ParseHost(s); err == nil {
		c.exactHost(LeakHost, h)
	}
}

// Data is the brand's own data, as something that is shown.
func Data(b Brand) Shown {
	text, err := json.MarshalIndent(b, "", " ")
	if err != nil { // strings and numbers always marshal
		text = nil
	}
	return Shown{Where: "brand " + string(b.Seller), Media: "application/json", Body: text}
}

// Scan returns the leaks in one thing that is shown.
func (s *Scanner) Scan(x Shown) []Leak {
	if len(s.words) == 0 {
		return nil
	}
	var all []Leak
	for p := range parts(x) {
		if p.err != nil {
			all = append(all, Leak{Where: p.where, Kind: LeakUnscanned, Excerpt: clean(p.err.Error())})
			continue
		}
		for _, l := range s.source(p.where, p.text) {
			// The whole of a mail repeats what its parts have shown.
			if p.repeats && slices.ContainsFunc(all, func(o Leak) bool { return o.Word == l.Word && o.Kind == l.Kind }) {
				continue
			}
			all = append(all, l)
		}
	}
	return all
}

// span is a stretch of a source.
type span struct{ from, to int32 }

type found struct {
	span
	word int // index
	leak Leak
}

// source returns the leaks in one text, by their place in it: of those that overlap, the
// one with the longest word, as it was read first.
func (s *Scanner) source(where string, text []byte) []Leak {
	if len(text) == 0 {
		return nil
	}
	var all []found
	var allowed []span
	ways, whole := views(text)
	for _, v := range ways {
		f := fold(v)
		var here []span // as they lie in this view
		for _, w := range s.allow {
			w.find(f, func(from, to int) {
				here = append(here, span{int32(from), int32(to)})
				allowed = append(allowed, f.span(from, to))
			})
		}
		for i, w := range s.words {
			w.find(f, func(from, to int) {
				if within(here, span{int32(from), int32(to)}) {
					return
				}
				all = append(all, found{f.span(from, to), i, Leak{Where: where, Kind: w.kind, Word: w.shown, Excerpt: f.excerpt(from, to)}})
			})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.word, b.word) })
	var hits []found
	for _, x := range all {
		if !within(allowed, x.span) &&
			!slices.ContainsFunc(hits, func(h found) bool { return h.from < x.to && x.from < h.to }) {
			hits = append(hits, x)
		}
	}
	slices.SortStableFunc(hits, func(a, b found) int { return cmp.Compare(a.from, b.from) })
	leaks := make([]Leak, 0, len(hits)+1)
	for _, h := range hits {
		leaks = append(leaks, h.leak)
	}
	if !whole {
		leaks = append(leaks, Leak{Where: where, Kind: LeakUnscanned, Excerpt: "it can be read in too many ways"})
	}
	return leaks
}

func within(spans []span, x span) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.from <= x.from && x.to <= s.to })
}

// span returns where in the source a stretch of f comes from.
func (f folded) span(from, to int) span {
	lo, hi := f.view.at[f.in[from]], int32(0)
	for _, i := range f.in[from:to] {
		lo, hi = min(lo, f.view.at[i]), max(hi, f.view.at[i])
	}
	return span{lo, hi + 1}
}

// excerpt is the text around an occurrence, as the view has it.
func (f folded) excerpt(from, to int) string {
	const around = 30
	text := f.view.text
	return clean(string(text[max(int(f.in[from])-around, 0):min(int(f.in[to-1])+1+around, len(text))]))
}

// clean makes a text fit for one line.
func clean(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.IsSpace(r) {
			space = true
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}
