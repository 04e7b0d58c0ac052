package label

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/tierhost/tierhost"
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
	// Shared are domains of providers at which the parents have addresses or pages and
	// others, too, beyond those that this package knows ("gmail.com", "github.com"). Only
	// the address itself, or the name in the path of the page, tells of a parent.
	Shared []string
}

// Leaks reports every occurrence of the parents' names, hosts, domains, name servers,
// mail addresses, postal addresses, telephone numbers and IP addresses in what a brand's
// customers are shown, and in the brand itself. It finds them in any case and spelling
// of letters, and through the encodings that pages, mails, documents and zones use, one
// upon another up to three deep: see the package's documentation.
//
// Leaks are in the order in which they were shown. An error that shown yields is
// returned with the leaks found before it: what cannot be rendered is not tested. A test
// that has nothing to look for is [ErrNoWords]; [Manager.Above] collects the parents.
func Leaks(brand Brand, parents []Brand, shown iter.Seq2[Shown, error], o LeakOptions) ([]Leak, error) {
	const op = "label.Leaks"
	s := NewScanner(parents, o)
	for i, p := range parents {
		if !tells(p, o) {
			return nil, tierhost.E(op, 0, "", fmt.Errorf("%w of parent %d, %q", ErrNoWords, i, p.Seller))
		}
	}
	if s.Empty() {
		return nil, tierhost.E(op, 0, "", ErrNoWords)
	}
	all := s.Scan(Data(brand))
	if shown == nil {
		return all, nil
	}
	for x, err := range shown {
		if err != nil {
			return all, fmt.Errorf("%s: %s: %w", op, x.Where, err)
		}
		all = append(all, s.Scan(x)...)
	}
	return all, nil
}

// tells reports whether there is anything by which a parent can be known.
func tells(p Brand, o LeakOptions) bool {
	return len(words([]Brand{p}, LeakOptions{Shared: o.Shared})) > 0
}

// Scanner looks for the words of some parents. It is safe for concurrent use.
type Scanner struct {
	words *matcher
	allow *matcher
	id    [sha256.Size]byte // of what is looked for and what is allowed
	// scans counts the things that were scanned.
	scans atomic.Int64
}

// NewScanner returns a scanner for what the parents must not be known by.
func NewScanner(parents []Brand, o LeakOptions) *Scanner {
	var allow collector
	for _, s := range o.Allow {
		allow.allow(s)
	}
	s := &Scanner{words: newMatcher(words(parents, o)), allow: newMatcher(allow.words)}
	h := sha256.New()
	for _, m := range []*matcher{s.words, s.allow} {
		for _, w := range m.words {
			fmt.Fprintf(h, "%s %q %d\n", w.kind, w.shown, w.size)
		}
		fmt.Fprintln(h)
	}
	s.id = [sha256.Size]byte(h.Sum(nil))
	return s
}

// Empty reports whether there is nothing to look for.
func (s *Scanner) Empty() bool { return len(s.words.words) == 0 }

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

// Scan returns the leaks in one thing that is shown. The time that it takes is in
// proportion to the size: see the package's documentation.
func (s *Scanner) Scan(x Shown) []Leak {
	if s.Empty() {
		return nil
	}
	leaks, _ := s.scan(x)
	return leaks
}

// scan also returns how many bytes were read, decoded and searched.
func (s *Scanner) scan(x Shown) (all []Leak, work int) {
	s.scans.Add(1)
	told := map[[2]string]bool{}
	for p := range parts(x) {
		if p.err != nil {
			all = append(all, Leak{Where: p.where, Kind: LeakUnscanned, Excerpt: clean(p.err.Error())})
			continue
		}
		leaks, n := s.source(p)
		work += n
		for _, l := range leaks {
			// The whole of a mail repeats what its parts have shown.
			key := [2]string{string(l.Kind), l.Word}
			if p.repeats && told[key] {
				continue
			}
			told[key] = true
			all = append(all, l)
		}
	}
	return all, work
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
func (s *Scanner) source(p part) (leaks []Leak, work int) {
	type hit struct {
		span
		word int
	}
	seen := map[hit]bool{}
	var all []found
	var allowed cover
	reach := 6*max(s.words.span, s.allow.span) + 32
	depth := depthOfText
	if p.media {
		depth = depthOfMedia
	}
	work, whole := views(p.text, depth, reach, func(v view) {
		f := fold(v)
		var here cover // as they lie in this view
		s.allow.find(&f, func(_, from, to int) {
			here.add(span{int32(from), int32(to)})
			allowed.add(f.span(from, to))
		})
		s.words.find(&f, func(w, from, to int) {
			h := hit{f.span(from, to), w}
			if seen[h] || here.has(span{int32(from), int32(to)}) {
				return
			}
			seen[h] = true
			word := s.words.words[w]
			all = append(all, found{h.span, w, Leak{Where: p.where, Kind: word.kind, Word: word.shown, Excerpt: f.excerpt(from, to)}})
		})
	})
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.word, b.word) })
	taken := make(occupied, len(p.text)/64+1)
	hits := all[:0]
	for _, x := range all {
		if !allowed.has(x.span) && taken.free(x.span) {
			taken.take(x.span)
			hits = append(hits, x)
		}
	}
	slices.SortStableFunc(hits, func(a, b found) int { return cmp.Compare(a.from, b.from) })
	for _, h := range hits {
		leaks = append(leaks, h.leak)
	}
	if !whole {
		leaks = append(leaks, Leak{Where: p.where, Kind: LeakUnscanned, Excerpt: "it can be read in too many ways"})
	}
	return leaks, work
}

// cover answers whether one of many spans holds another.
type cover struct {
	spans  []span
	sorted int // how many were sorted
}

func (c *cover) add(s span) { c.spans = append(c.spans, s) }

func (c *cover) has(x span) bool {
	if c.sorted < len(c.spans) {
		slices.SortFunc(c.spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
		// Those that lie within others hold nothing that the others do not.
		kept := c.spans[:0]
		for _, s := range c.spans {
			if n := len(kept); n == 0 || s.to > kept[n-1].to {
				kept = append(kept, s)
			}
		}
		c.spans = kept
		c.sorted = len(kept)
	}
	i, _ := slices.BinarySearchFunc(c.spans, x.from+1, func(s span, from int32) int { return cmp.Compare(s.from, from) })
	return i > 0 && c.spans[i-1].to >= x.to
}

// occupied are the bytes of a source that a leak was found in.
type occupied []uint64

func (b occupied) free(s span) bool {
	for i := s.from; i < s.to; i++ {
		if i%64 == 0 && s.to-i >= 64 {
			if b[i/64] != 0 {
				return false
			}
			i += 63
			continue
		}
		if b[i/64]&(1<<(i%64)) != 0 {
			return false
		}
	}
	return true
}

func (b occupied) take(s span) {
	for i := s.from; i < s.to; i++ {
		b[i/64] |= 1 << (i % 64)
	}
}

// span returns where in the source a stretch of f comes from.
func (f *folded) span(from, to int) span {
	lo, hi := f.view.at[f.in[from]], int32(0)
	for _, i := range f.in[from:to] {
		lo, hi = min(lo, f.view.at[i]), max(hi, f.view.at[i])
	}
	return span{lo, hi + 1}
}

// excerpt is the text around an occurrence, as the view has it.
func (f *folded) excerpt(from, to int) string {
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
