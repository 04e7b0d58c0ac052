package label

import (
	"net/netip"
	"strings"
)

// word is something that must not be shown.
type word struct {
	kind  LeakKind
	shown string // as it is reported
	size  int    // of what is looked for: longer words are reported rather than parts of them
	// heads are what it may begin with: one byte, or two.
	heads []string
	// addr is an IPv6 address, which has no heads.
	addr netip.Addr
	// match returns the end of an occurrence that begins at i, or 0.
	match func(f *folded, i int) int
}

// matcher finds all of its words in one pass. What it does for a byte of text is bounded
// by the words that begin with that byte and their length.
type matcher struct {
	words []word
	heads [256][]head
	v6    map[netip.Addr]int
	// span is the most bytes that an occurrence takes in plain text.
	span int
}

type head struct {
	second int16 // -1: any
	word   int32
}

func newMatcher(words []word) *matcher {
	m := &matcher{words: words, v6: map[netip.Addr]int{}}
	for i, w := range words {
		m.span = max(m.span, w.size+maxGap)
		if w.addr.IsValid() {
			m.v6[w.addr] = i
		}
		for _, h := range w.heads {
			at := head{second: -1, word: int32(i)}
			if len(h) > 1 {
				at.second = int16(h[1])
			}
			m.heads[h[0]] = append(m.heads[h[0]], at)
		}
	}
	return m
}

// find calls yield for each occurrence of each word.
func (m *matcher) find(f *folded, yield func(word, from, to int)) {
	for i := range len(f.text) {
		for _, h := range m.heads[f.text[i]] {
			if h.second >= 0 && (i+1 == len(f.text) || int16(f.text[i+1]) != h.second) {
				continue
			}
			if end := m.words[h.word].match(f, i); end > 0 {
				yield(int(h.word), i, end)
			}
		}
	}
	if len(m.v6) > 0 && strings.IndexByte(f.text, ':') >= 0 {
		m.findIPv6(f, yield)
	}
}

// fixed is a text that stands as it is, with edges that the text around must respect.
func fixed(kind LeakKind, shown, text string, edges func(f *folded, from, to int) bool) word {
	return word{kind: kind, shown: shown, size: len(text), heads: []string{text[:min(2, len(text))]},
		match: func(f *folded, i int) int {
			if strings.HasPrefix(f.text[i:], text) && edges(f, i, i+len(text)) {
				return i + len(text)
			}
			return 0
		}}
}
