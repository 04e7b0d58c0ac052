package support

import (
	"context"
	"sync"
)

// Index finds articles by words. It is safe for concurrent use.
//
// Within v1 no method will be added to this interface.
type Index interface {
	// Search returns up to limit articles for words that somebody has typed, the best
	// first; those that are equally good by ID. Words that are forms of the same word are
	// the same, and typing errors are forgiven. An article needs not have all words.
	Search(words string, limit int) []Hit
}

// Hit is an article that was found.
type Hit struct {
	Article ArticleID
	Score   float64 // above 0; to compare hits of one search only
}

// Found is an article that was found.
type Found struct {
	Article Article
	Score   float64
}

type indexKey struct {
	seller   string
	audience Audience
}

type builtIndex struct {
	revisions string
	index     Index
	articles  map[ArticleID]Article
	bytes     int // of text, about
}

// indexCache keeps the index of each knowledge base until it changes.
type indexCache struct {
	mu    *sync.Mutex
	built map[indexKey]builtIndex
	bytes int // of all
}

// The bounds of what is kept: how many, and the text that they are made of.
const (
	maxIndexes    = 1000
	maxIndexBytes = 128 << 20
)

// keep keeps an index, and lets go of all others if they are too many.
func (c *indexCache) keep(at indexKey, b builtIndex) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes -= c.built[at].bytes
	delete(c.built, at)
	if len(c.built) >= maxIndexes || c.bytes+b.bytes > maxIndexBytes {
		clear(c.built)
		c.bytes = 0
	}
	c.built[at] = b
	c.bytes += b.bytes
}

// index returns the index of what the reader gets. It is built from the articles as the
// transaction sees them, so every store finds the same. One made in a transaction of the
// host's is not kept: that may be rolled back.
func (r *reader) index(ctx context.Context, u *unit) (builtIndex, error) {
	sellers, revisions, err := u.sources(ctx, r.seller)
	if err != nil {
		return builtIndex{}, err
	}
	at, c := indexKey{r.seller, r.audience}, r.m.cache
	c.mu.Lock()
	b, ok := c.built[at]
	c.mu.Unlock()
	if ok && b.revisions == revisions && r.m.tx == nil {
		return b, nil
	}
	b = builtIndex{revisions: revisions, articles: map[ArticleID]Article{}}
	var all []Article
	for i, s := range sellers {
		for l, err := range list[Article](ctx, u, name("articles", s), Cursor{}, pageSize) {
			if err != nil {
				return builtIndex{}, err
			}
			if x := l.value.shown(); r.readable(&x, i == 0) {
				all = append(all, x)
				b.articles[x.ID] = x
				b.bytes += len(x.Title) + len(x.Body)
			}
		}
	}
	b.index = r.m.opt.Indexer(all)
	if r.m.tx != nil {
		return b, nil
	}
	c.keep(at, b)
	return b, nil
}

func (r *reader) search(ctx context.Context, op, words string, limit int) (found []Found, err error) {
	const longest = 2000 // bytes that are looked at
	words = words[:min(len(words), longest)]
	err = r.m.view(ctx, op, func(ctx context.Context, u *unit) error {
		found = nil
		b, err := r.index(ctx, u)
		if err != nil || limit < 1 {
			return err
		}
		for _, h := range b.index.Search(words, limit) {
			found = append(found, Found{b.articles[h.Article], h.Score})
		}
		return nil
	})
	return found, err
}

// Search returns up to limit articles for everybody, the best first.
func (p *Public) Search(ctx context.Context, words string, limit int) ([]Found, error) {
	r := p.reader()
	return r.search(ctx, "support.Search", words, limit)
}

// Search returns up to limit articles for customers, the best first.
func (c *Customer) Search(ctx context.Context, words string, limit int) ([]Found, error) {
	r := c.reader()
	return r.search(ctx, "support.Search", words, limit)
}

// Search returns up to limit of all articles that the desk has, the best first.
func (a *Agent) Search(ctx context.Context, words string, limit int) ([]Found, error) {
	r := a.reader()
	return r.search(ctx, "support.Search", words, limit)
}

// Suggest returns up to limit articles that may answer a ticket: those found by the words of
// its title and first message.
func (a *Agent) Suggest(ctx context.Context, number int64, limit int) ([]Found, error) {
	words := ""
	err := a.m.view(ctx, "support.Suggest", func(ctx context.Context, u *unit) error {
		t, err := u.ticket(ctx, a.ref(number))
		if err != nil {
			return err
		}
		first, _, err := find[Message](ctx, u, messageKey(t.ref(), 1))
		words = t.Title + "\n" + first.Text
		return err
	})
	if err != nil {
		return nil, err
	}
	r := a.reader()
	return r.search(ctx, "support.Suggest", words, limit)
}
