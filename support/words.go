package support

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"golang.org/x/text/unicode/norm"
)

// WordOptions say what the words of a text are. The zero value works.
type WordOptions struct {
	// Stem returns what the forms of a word, in lower case, have in common; nil: the English
	// stem.
	Stem func(word string) string
	// Common reports words that say nothing; nil: some of English.
	Common func(word string) bool
}

// wordIndex ranks articles by BM25 over stems, those of titles counting several times.
type wordIndex struct {
	opt      WordOptions
	ids      []ArticleID
	lengths  []float64
	average  float64
	postings map[string][]posting // by stem
	stems    []string             // sorted, to look for those that were meant
}

type posting struct {
	article int
	weight  float64 // how often the stem is there
}

const (
	titleWeight = 3
	// longestWord is how many bytes of letters and digits a word has at most; more is none.
	longestWord = 64
	// mostStems is how many different words of one text of a ticket are found.
	mostStems = 2000
	// The usual constants of BM25.
	saturation = 1.2
	leveling   = 0.75
	// misspelt is what a stem counts that is one typing error away; twice for two.
	misspelt = 0.5
)

// NewWordIndex makes an index in memory: enough for a knowledge base, whose articles
// are some thousands. Of the words of a search that no article has, 16 are taken for misspelt.
func NewWordIndex(articles []Article, o WordOptions) Index {
	x := &wordIndex{opt: o.filled(), postings: map[string][]posting{}}
	total := 0.0
	for i := range articles {
		counts := map[string]float64{}
		length := 0.0
		for _, part := range []struct {
			text   string
			weight float64
		}{{articles[i].Title, titleWeight}, {articles[i].Body, 1}} {
			for _, s := range x.opt.split(part.text) {
				counts[s] += part.weight
				length += part.weight
			}
		}
		x.ids = append(x.ids, articles[i].ID)
		x.lengths = append(x.lengths, length)
		total += length
		for s, n := range counts {
			x.postings[s] = append(x.postings[s], posting{i, n})
		}
	}
	if len(articles) > 0 {
		x.average = max(total/float64(len(articles)), 1)
	}
	for s := range x.postings {
		x.stems = append(x.stems, s)
	}
	slices.Sort(x.stems)
	return x
}

// EnglishStem returns the stem of an English word in lower case.
func EnglishStem(word string) string {
	env := snowballstem.NewEnv(word)
	english.Stem(env)
	return env.Current()
}

func englishCommon(word string) bool {
	switch word {
	case "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "does", "for", "from", "how", "i", "if", "in", "is", "it", "my", "not",
		"of", "on", "or", "our", "so", "that", "the", "this", "to", "was", "we", "what", "when", "where", "why", "will", "with", "you", "your":
		return true
	}
	return false
}

// filled are the options with what stands for nil.
func (o WordOptions) filled() WordOptions {
	if o.Stem == nil {
		o.Stem = EnglishStem
	}
	if o.Common == nil {
		o.Common = englishCommon
	}
	return o
}

// split returns the stems of a text, in order.
func (o *WordOptions) split(text string) []string { return slices.Collect(o.each(text)) }

// each yields the stems of a text, in order. Letters that are written in one way or another in
// Unicode are the same.
func (o *WordOptions) each(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for word := range strings.FieldsFuncSeq(norm.NFC.String(strings.ToLower(text)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(word) > longestWord || o.Common(word) {
				continue
			}
			if stem := o.Stem(word); stem != "" && len(stem) <= longestWord && !yield(stem) {
				return
			}
		}
	}
}

// first returns the different stems by which a text is found, in order: not all of a text that
// has very many.
func (o *WordOptions) first(text string) (stems []string) {
	seen := map[string]bool{}
	for stem := range o.each(text) {
		if seen[stem] {
			continue
		}
		seen[stem] = true
		if stems = append(stems, stem); len(stems) == mostStems {
			break
		}
	}
	return stems
}

// distinct returns the different stems of a text, sorted.
func (o *WordOptions) distinct(text string) []string {
	stems := o.split(text)
	slices.Sort(stems)
	return slices.Compact(stems)
}

// meant returns the stems that a stem may stand for, with what each counts: itself if
// articles have it, and else those that are one or two typing errors away.
func (x *wordIndex) meant(stem string) map[string]float64 {
	if x.postings[stem] != nil {
		return map[string]float64{stem: 1}
	}
	most := 0
	switch n := utf8.RuneCountInString(stem); {
	case n >= 8:
		most = 2
	case n >= 4:
		most = 1
	}
	found := map[string]float64{}
	for errors := 1; errors <= most && len(found) == 0; errors++ {
		for _, s := range x.stems {
			if d := utf8.RuneCountInString(s) - utf8.RuneCountInString(stem); d <= errors && -d <= errors && distance(stem, s) <= errors {
				found[s] = misspelt / float64(errors)
			}
		}
	}
	return found
}

// Search implements [Index].
func (x *wordIndex) Search(words string, limit int) []Hit {
	if limit < 1 {
		return nil
	}
	scores := map[int]float64{}
	unknown := 0
	for _, stem := range x.opt.distinct(words) {
		if x.postings[stem] == nil {
			if unknown++; unknown > maxStems {
				continue // each of them is compared with all words that there are
			}
		}
		meant := x.meant(stem)
		best := map[int]float64{} // of those that the word may have meant
		for s, counts := range meant {
			list := x.postings[s]
			n := float64(len(list))
			rarity := math.Log(1 + (float64(len(x.ids))-n+0.5)/(n+0.5))
			for _, p := range list {
				length := 1 - leveling + leveling*x.lengths[p.article]/x.average
				score := counts * rarity * p.weight * (saturation + 1) / (p.weight + saturation*length)
				best[p.article] = max(best[p.article], score)
			}
		}
		for article, score := range best {
			scores[article] += score
		}
	}
	hits := make([]Hit, 0, len(scores))
	for article, score := range scores {
		hits = append(hits, Hit{x.ids[article], score})
	}
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Article, b.Article)) })
	return hits[:min(len(hits), limit)]
}

// distance is how many typing errors lead from one word to another: a letter too many or
// missing, another one, or two that have changed places.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, now := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		now[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(t)]
}
