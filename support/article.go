package support

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/tierhost/tierhost"
)

// ArticleID names an article among those of all sellers.
type ArticleID string

// Audience is who may read an article.
type Audience string

// The audiences, each a part of the one after it.
const (
	AudiencePublic    Audience = "public"    // everybody
	AudienceCustomers Audience = "customers" // those who are logged in
	AudienceStaff     Audience = "staff"     // the seller's desk
)

func (a Audience) rank() int {
	switch a {
	case AudiencePublic:
		return 1
	case AudienceCustomers:
		return 2
	}
	return 3
}

// Category is a part of a knowledge base.
type Category struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Position int    `json:"position,omitempty"` // among the others, from 0
}

// Article is a version of an article.
type Article struct {
	ID       ArticleID `json:"id"`
	Version  int64     `json:"version"`
	Category string    `json:"category"`
	Title    string    `json:"title"`
	Body     string    `json:"body"` // Markdown
	Audience Audience  `json:"audience"`
	// Shared: sellers below may show it to theirs, in their own name. It names nobody.
	Shared    bool      `json:"shared,omitempty"`
	Withdrawn bool      `json:"withdrawn,omitempty"` // nobody but the desk reads it
	At        time.Time `json:"at"`
	// By is the person who has written the version; readers do not see it.
	By string `json:"by,omitempty"`
}

// shown is the article for readers.
func (a *Article) shown() Article {
	c := *a
	c.By = ""
	return c
}

// baseRow is the knowledge base of a seller.
type baseRow struct {
	Revision int64 `json:"revision"`
	Inherit  bool  `json:"inherit,omitempty"`
}

func baseKey(seller string) Key                  { return Key{"base", name(seller)} }
func categoryKey(seller, id string) Key          { return Key{"category", name(seller, id)} }
func articleKey(seller string, id ArticleID) Key { return Key{"article", name(seller, string(id))} }

func editionKey(seller string, id ArticleID, version int64) Key {
	return Key{"edition", name(seller, string(id), strconv.FormatInt(version, 10))}
}

// revise notes that a knowledge base has changed. Writers of one base take turns by it.
func (u *unit) revise(ctx context.Context, seller string, change func(*baseRow)) error {
	base, _, err := find[baseRow](ctx, u, baseKey(seller))
	if err != nil {
		return err
	}
	base.Revision++
	change(&base)
	return u.put(baseKey(seller), base)
}

// Inherit says whether the seller's readers also get the articles that the seller above
// shares, and those that reach that one in the same way.
func (a *Agent) Inherit(ctx context.Context, yes bool) error {
	return a.m.transact(ctx, "support.Inherit", func(ctx context.Context, u *unit) error {
		return u.revise(ctx, a.seller, func(b *baseRow) { b.Inherit = yes })
	})
}

// PutCategory makes a category, or changes the one with its ID.
func (a *Agent) PutCategory(ctx context.Context, c Category) error {
	var issues tierhost.Issues
	checkNeeded(&issues, "id", c.ID)
	checkNeeded(&issues, "name", c.Name)
	if c.Position < 0 {
		issues.Add("position", "out_of_range", "positions are from 0")
	}
	if err := issues.Err(); err != nil {
		return err
	}
	return a.m.transact(ctx, "support.PutCategory", func(ctx context.Context, u *unit) error {
		k := categoryKey(a.seller, c.ID)
		if err := u.load(ctx, k); err != nil {
			return err
		}
		return u.put(k, c, Place{name("categories", a.seller), numberSort(int64(c.Position))})
	})
}

// PutArticle writes an article: a new one if it has no ID, and else the version after the
// one that it has, which must be the latest ([ErrStale]). All versions are kept. ID, Version,
// At and By are set in what is returned. It fails with [ErrNoArticle], [ErrNoCategory] and a
// [*tierhost.Invalid].
func (a *Agent) PutArticle(ctx context.Context, x Article) (Article, error) {
	var issues tierhost.Issues
	checkWord(&issues, "id", string(x.ID))
	checkNeeded(&issues, "category", x.Category)
	checkNeeded(&issues, "title", x.Title)
	checkText(&issues, "body", x.Body, true)
	switch x.Audience {
	case AudiencePublic, AudienceCustomers, AudienceStaff:
	default:
		issues.Add("audience", "unknown_audience", "%.60q", x.Audience)
	}
	if x.Shared && x.Audience == AudienceStaff {
		issues.Add("shared", "not_for_others", "what is for the desk is not shared")
	}
	if err := issues.Err(); err != nil {
		return Article{}, err
	}
	var done Article
	err := a.m.transact(ctx, "support.PutArticle", func(ctx context.Context, u *unit) error {
		done = x
		_, there, err := find[Category](ctx, u, categoryKey(a.seller, x.Category))
		if err != nil {
			return err
		}
		if !there {
			return ErrNoCategory
		}
		if done.ID == "" {
			done.ID, done.Version = ArticleID(a.m.opt.IDs.NewID("art")), 0
		} else {
			old, there, err := find[Article](ctx, u, articleKey(a.seller, done.ID))
			switch {
			case err != nil:
				return err
			case !there:
				return ErrNoArticle
			case old.Version != done.Version:
				return fmt.Errorf("%w: the article is at version %d", ErrStale, old.Version)
			}
		}
		done.Version++
		done.At, done.By = u.now, a.person
		if err := u.put(editionKey(a.seller, done.ID, done.Version), done); err != nil {
			return err
		}
		u.event(a.seller, "article/"+name(a.seller, string(done.ID)), ArticleChanged{
			Article: done.ID, Version: done.Version, Audience: done.Audience, Withdrawn: done.Withdrawn, By: a.person,
		})
		if err := u.put(articleKey(a.seller, done.ID), done, Place{name("articles", a.seller), name(done.Category) + "/" + string(done.ID)}); err != nil {
			return err
		}
		return u.revise(ctx, a.seller, func(*baseRow) {})
	})
	if err != nil {
		return Article{}, err
	}
	return done, nil
}

// Article returns a version of one of the seller's articles, the latest for 0, or
// [ErrNoArticle].
func (a *Agent) Article(ctx context.Context, id ArticleID, version int64) (x Article, err error) {
	err = a.m.view(ctx, "support.Article", func(ctx context.Context, u *unit) error {
		k := articleKey(a.seller, id)
		if version != 0 {
			k = editionKey(a.seller, id, version)
		}
		var there bool
		if x, there, err = find[Article](ctx, u, k); err == nil && !there {
			err = ErrNoArticle
		}
		return err
	})
	return x, err
}

// Articles yields the latest versions of all of the seller's articles by category and ID.
func (a *Agent) Articles(ctx context.Context) iter.Seq2[Article, error] {
	return pages[Article](ctx, a.m, "support.Articles", name("articles", a.seller))
}

// Categories yields the seller's categories by position.
func (a *Agent) Categories(ctx context.Context) iter.Seq2[Category, error] {
	return pages[Category](ctx, a.m, "support.Categories", name("categories", a.seller))
}

// reader is somebody who reads a seller's knowledge base.
type reader struct {
	m        *Manager
	seller   string
	audience Audience
}

func (p *Public) reader() reader   { return reader{p.m, p.seller, AudiencePublic} }
func (c *Customer) reader() reader { return reader{c.m, c.seller, AudienceCustomers} }
func (a *Agent) reader() reader    { return reader{a.m, a.seller, AudienceStaff} }

// sources are the sellers whose articles a seller's readers get, its own first, with the
// revisions of their bases.
func (u *unit) sources(ctx context.Context, seller string) (sellers []string, revisions string, err error) {
	const tiers = 20
	for len(sellers) < tiers {
		base, _, err := find[baseRow](ctx, u, baseKey(seller))
		if err != nil {
			return nil, "", err
		}
		sellers = append(sellers, seller)
		revisions += name(seller, strconv.FormatInt(base.Revision, 10)) + " "
		if !base.Inherit {
			break
		}
		parent, err := u.parent(ctx, seller)
		if errors.Is(err, ErrNoParent) {
			break
		}
		if err != nil {
			return nil, "", err
		}
		seller = parent.Seller
	}
	return sellers, revisions, nil
}

// readable reports whether the reader gets an article, its seller's own or that of one above.
func (r *reader) readable(x *Article, own bool) bool {
	return !x.Withdrawn && x.Audience.rank() <= r.audience.rank() && (own || x.Shared)
}

// article returns an article that the reader gets.
func (r *reader) article(ctx context.Context, u *unit, id ArticleID) (Article, error) {
	sellers, _, err := u.sources(ctx, r.seller)
	if err != nil {
		return Article{}, err
	}
	for i, s := range sellers {
		x, there, err := find[Article](ctx, u, articleKey(s, id))
		if err != nil {
			return Article{}, err
		}
		if there && r.readable(&x, i == 0) {
			return x.shown(), nil
		}
	}
	return Article{}, ErrNoArticle
}

func (r *reader) read(ctx context.Context, id ArticleID) (x Article, err error) {
	err = r.m.view(ctx, "support.Article", func(ctx context.Context, u *unit) error {
		x, err = r.article(ctx, u, id)
		return err
	})
	return x, err
}

// Article returns the latest version of an article for everybody, or [ErrNoArticle].
func (p *Public) Article(ctx context.Context, id ArticleID) (Article, error) {
	r := p.reader()
	return r.read(ctx, id)
}

// Article returns the latest version of an article for customers, or [ErrNoArticle].
func (c *Customer) Article(ctx context.Context, id ArticleID) (Article, error) {
	r := c.reader()
	return r.read(ctx, id)
}
