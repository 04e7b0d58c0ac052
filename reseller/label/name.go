package label

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// token is a word of a name, as it is when folded.
type token struct {
	text string
	// marks says which letters had dots or a stroke that are also written as a second
	// letter, and which ("Müller", "Mueller"); 0: none.
	marks []byte
	// before is what stands before it, without white space, and and whether that is, or
	// may be, a word for "and".
	before string
	and    bool
}

// and are words for "and" in names of companies.
var and = []string{"and", "und", "et", "y", "e", "i", "en", "og", "och", "ja", "es"}

// maxGap is the most that may stand between two words of a name. A run of white space
// is one.
const maxGap = 16

// tokens takes a name apart.
func tokens(s string) []token {
	s = norm.NFC.String(s)
	isWord := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) || invisible(r)
	}
	var all []token
	rest, before := s, ""
	for rest != "" {
		i := strings.IndexFunc(rest, isWord)
		if i < 0 {
			break
		}
		before += foldString(rest[:i])
		rest = rest[i:]
		n := strings.IndexFunc(rest, func(r rune) bool { return !isWord(r) })
		if n < 0 {
			n = len(rest)
		}
		t := newToken(rest[:n])
		rest = rest[n:]
		if t.text == "" {
			continue
		}
		t.before = strings.TrimSpace(before)
		t.and = strings.ContainsAny(t.before, "&+")
		before = ""
		all = append(all, t)
	}
	// A word for "and" between two others need not be there.
	for i := 1; i+1 < len(all); i++ {
		if slices.Contains(and, all[i].text) {
			all[i+1].and, all[i+1].before = true, "&"
			all = slices.Delete(all, i, i+1)
		}
	}
	return joinDigits(all)
}

func newToken(s string) token {
	var t token
	for _, r := range s {
		from := len(t.text)
		t.text += foldString(string(r))
		t.marks = append(t.marks, make([]byte, len(t.text)-from)...)
		if len(t.text) == from {
			continue
		}
		switch unicode.ToLower(r) {
		case 'ä', 'ö', 'ü', 'ø':
			t.marks[from] = 'e'
		case 'å':
			t.marks[from] = 'a'
		}
	}
	return t
}

// joinDigits makes one token of digits that are in groups.
func joinDigits(all []token) []token {
	var out []token
	for _, t := range all {
		if n := len(out); n > 0 && len(t.before) <= 1 && strings.Trim(t.before, ".-/'") == "" && isDigits(t.text) && isDigits(out[n-1].text) {
			out[n-1].text += t.text
			out[n-1].marks = append(out[n-1].marks, t.marks...)
			continue
		}
		out = append(out, t)
	}
	return out
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// name adds words that may be written in other cases, together, or with anything between
// them but letters and digits.
func (c *collector) name(kind LeakKind, s string) {
	all := tokens(s)
	if len(all) == 0 {
		return
	}
	n := name{tokens: all}
	key, letters := "", 0
	for _, t := range all {
		key += " " + t.text
		letters += utf8.RuneCountInString(t.text)
	}
	// What is short stands in many words.
	n.short, n.single = letters < 4, letters == 1
	if n.short && len(all) > 1 {
		key = "short " + s
	}
	c.add(word{kind: kind, shown: s, size: len(key) - len(all), heads: all[0].heads(), match: n.match}, key)
}

// name is a name in words.
type name struct {
	tokens []token
	// short names must stand alone, with what is between their words as it is written;
	// single ones are one letter, alone in any script.
	short, single bool
}

// match returns the end of the name if it begins at i, or 0.
func (n *name) match(f *folded, i int) int {
	if !n.begins(f, i) {
		return 0
	}
	end := n.tokens[0].match(f, i)
	for k := 1; end > 0 && k < len(n.tokens); k++ {
		end = n.next(f, end, &n.tokens[k])
	}
	if end == 0 || !n.ends(f, end) {
		return 0
	}
	return end
}

func (n *name) begins(f *folded, i int) bool {
	first, _ := f.rune(i)
	switch {
	case f.isDigit(i):
		return !f.isDigit(i-1) && !(n.short && f.goesOn(i-1))
	case n.single && !spaced(first):
		return !f.isLetter(i - 1)
	}
	return !n.short || !spaced(first) || !f.goesOn(i-1)
}

func (n *name) ends(f *folded, end int) bool {
	last, _ := f.rune(end - 1)
	switch {
	case f.isDigit(end - 1):
		return !f.isDigit(end) && !(n.short && f.goesOn(end))
	case isJamo(last) && f.withinSyllable(end):
		return false
	case n.single && !spaced(last):
		return !f.isLetter(end)
	}
	return !n.short || !spaced(last) || !f.goesOn(end)
}

// next returns the end of a token that stands behind a gap, or 0.
func (n *name) next(f *folded, from int, t *token) int {
	at := f.gap(from)
	if end := t.match(f, at); end > 0 && n.between(f.text[from:at], t) {
		return end
	}
	if !t.and {
		return 0
	}
	for _, w := range and {
		if strings.HasPrefix(f.text[at:], w) {
			if end := t.match(f, f.gap(at+len(w))); end > 0 {
				return end
			}
		}
	}
	return 0
}

// between reports whether what stands before a token does not count.
func (n *name) between(gap string, t *token) bool {
	if !n.short {
		return true
	}
	gap, spaces := strings.TrimSpace(gap), gap != ""
	if t.and && (gap == "&" || gap == "+") {
		return true
	}
	return gap == t.before && (gap != "" || spaces)
}

// gap returns where what is between two words ends.
func (f *folded) gap(from int) int {
	at := from
	for at < len(f.text) && at-from < maxGap && f.text[at] != broken && !f.isLetter(at) {
		at++
	}
	return at
}

// heads are what the token may begin with.
func (t *token) heads() []string {
	if len(t.text) < 2 || t.grouped(1) {
		return []string{t.text[:1]}
	}
	heads := []string{t.text[:2]}
	if t.marks[0] != 0 {
		heads = append(heads, t.text[:1]+string(t.marks[0]))
	}
	if t.digraph(0) {
		if len(t.text) == 2 {
			return []string{t.text[:1]}
		}
		heads = append(heads, t.text[:1]+t.text[2:3])
	}
	return heads
}

// digraph reports whether two letters of the token are also written as one, with dots.
func (t *token) digraph(k int) bool {
	if k+1 >= len(t.text) {
		return false
	}
	switch t.text[k : k+2] {
	case "ae", "oe", "ue", "aa":
		return true
	}
	return false
}

// grouped reports whether a number goes on at k: long ones are written in groups.
func (t *token) grouped(k int) bool {
	return len(t.text) >= 4 && k > 0 && k < len(t.text) && isDigits(t.text[k-1:k+1])
}

// match returns the end of the token if it stands at i, or 0.
func (t *token) match(f *folded, i int) int {
	at := i
	for k := 0; k < len(t.text); k++ {
		if t.grouped(k) {
			for n := 0; n < 2 && at < len(f.text) && strings.IndexByte(" .-/'", f.text[at]) >= 0; n++ {
				at++
			}
		}
		if at >= len(f.text) || f.text[at] != t.text[k] {
			return 0
		}
		here := at
		at++
		switch {
		case t.digraph(k) && f.accented(here) && (at >= len(f.text) || f.text[at] != t.text[k+1]):
			k++
		case t.marks[k] != 0 && !f.accented(here) && at < len(f.text) && f.text[at] == t.marks[k] && (k+1 == len(t.text) || t.text[k+1] != t.marks[k]):
			at++
		}
	}
	return at
}
