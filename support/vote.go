package support

import (
	"context"
)

// voteRow is what a reader has said of an article.
type voteRow struct {
	Helped bool `json:"helped"`
}

// Votes are how many of a seller's readers an article has helped, and how many not.
type Votes struct {
	Helped, NotHelped int64
}

func voteList(seller string, id ArticleID, helped bool) string {
	what := "no"
	if helped {
		what = "yes"
	}
	return name("votes", seller, string(id), what)
}

// Helped says whether an article has helped the customer. Each has one vote; another one
// takes its place. It fails with [ErrNoArticle] if the customer cannot read it.
func (c *Customer) Helped(ctx context.Context, id ArticleID, helped bool) error {
	return c.m.transact(ctx, "support.Helped", func(ctx context.Context, u *unit) error {
		r := c.reader()
		if _, err := r.article(ctx, u, id); err != nil {
			return err
		}
		k := Key{"vote", name(c.seller, string(id), c.account)}
		old, there, err := find[voteRow](ctx, u, k)
		if err != nil || there && old.Helped == helped {
			return err
		}
		return u.put(k, voteRow{helped}, Place{voteList(c.seller, id, helped), ""})
	})
}

// Votes counts what the seller's customers say of an article, its own or one of a seller
// above.
func (a *Agent) Votes(ctx context.Context, id ArticleID) (v Votes, err error) {
	err = a.m.view(ctx, "support.Votes", func(ctx context.Context, u *unit) error {
		if v.Helped, err = u.rows.Count(ctx, voteList(a.seller, id, true)); err != nil {
			return err
		}
		v.NotHelped, err = u.rows.Count(ctx, voteList(a.seller, id, false))
		return err
	})
	return v, err
}
