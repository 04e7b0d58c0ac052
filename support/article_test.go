package support_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

func (d *desk) article(seller string, x support.Article) support.Article {
	d.t.Helper()
	a := d.m.Agent(seller, "writer")
	require.NoError(d.t, a.PutCategory(d.ctx, support.Category{ID: "c", Name: "C"}))
	x.Category = "c"
	if x.Body == "" {
		x.Body = x.Title
	}
	done, err := a.PutArticle(d.ctx, x)
	require.NoError(d.t, err)
	return done
}

func titles(found []support.Found, err error) string {
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, f := range found {
		list = append(list, f.Article.Title)
	}
	return fmt.Sprint(list)
}

// What whom finds: audiences, versions, what is withdrawn, what sellers above share.
func TestKnowledgeBase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann, alice, everybody := d.m.Agent("acme", "ann"), d.m.Customer("acme", "alice"), d.m.Public("acme")
	public := d.article("acme", support.Article{Title: "Passwords", Audience: support.AudiencePublic})
	d.article("acme", support.Article{Title: "Password of your mailbox", Audience: support.AudienceCustomers})
	d.article("acme", support.Article{Title: "Password of the root", Audience: support.AudienceStaff})
	d.article("host", support.Article{Title: "Choosing a password", Audience: support.AudiencePublic, Shared: true})
	d.article("host", support.Article{Title: "Passwords at Host Inc", Audience: support.AudiencePublic})
	const word = "password"
	require.Equal(t, "[Passwords]", titles(everybody.Search(d.ctx, word, 9)))
	require.Equal(t, "[Passwords Password of your mailbox]", titles(alice.Search(d.ctx, word, 9)))
	require.Equal(t, "[Passwords Password of your mailbox Password of the root]", titles(ann.Search(d.ctx, word, 9)))
	require.NoError(t, ann.Inherit(d.ctx, true))
	require.Equal(t, "[Passwords Choosing a password]", titles(everybody.Search(d.ctx, word, 9)), "what is shared, in the seller's own name")

	public.Title, public.Body = "Secrets", "How to keep a secret"
	stale := public
	second, err := ann.PutArticle(d.ctx, public)
	require.NoError(t, err)
	require.Equal(t, int64(2), second.Version)
	_, err = ann.PutArticle(d.ctx, stale)
	require.ErrorIs(t, err, support.ErrStale)
	require.Equal(t, "[Choosing a password]", titles(everybody.Search(d.ctx, word, 9)), "the index follows")
	first, err := ann.Article(d.ctx, public.ID, 1)
	require.NoError(t, err)
	require.Equal(t, "Passwords", first.Title, "versions are kept")
	shown, err := everybody.Article(d.ctx, public.ID)
	require.NoError(t, err)
	require.Empty(t, shown.By)
	second.Withdrawn = true
	_, err = ann.PutArticle(d.ctx, second)
	require.NoError(t, err)
	_, err = everybody.Article(d.ctx, public.ID)
	require.ErrorIs(t, err, support.ErrNoArticle)
	require.Equal(t, "[]", titles(everybody.Search(d.ctx, "secret", 9)))
}

// An index that was made of what is rolled back is not used.
func TestSearchInATransaction(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.article("acme", support.Article{Title: "One", Audience: support.AudiencePublic})
	refuse := errors.New("refuse")
	err := d.store.Update(d.ctx, func(ctx context.Context, tx storage.Tx) error {
		m := d.m.In(tx)
		_, err := m.Agent("acme", "ann").PutArticle(ctx, support.Article{Category: "c", Title: "Two", Body: "two", Audience: support.AudiencePublic})
		require.NoError(t, err)
		require.Equal(t, "[Two]", titles(m.Public("acme").Search(ctx, "two", 9)))
		return refuse
	})
	require.ErrorIs(t, err, refuse)
	d.article("acme", support.Article{Title: "Three", Audience: support.AudiencePublic})
	require.Equal(t, "[]", titles(d.m.Public("acme").Search(d.ctx, "two", 9)))
	require.Equal(t, "[Three]", titles(d.m.Public("acme").Search(d.ctx, "three", 9)))
}

func TestSuggestionsAndVotes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	x := d.article("acme", support.Article{Title: "Bounced mail", Body: "Why mail comes back", Audience: support.AudienceCustomers})
	d.article("acme", support.Article{Title: "Databases", Audience: support.AudienceCustomers})
	ann := d.m.Agent("acme", "ann")
	n := d.open("acme", "alice", "My mails are bouncing")
	require.Equal(t, "[Bounced mail]", titles(ann.Suggest(d.ctx, n, 3)))
	for account, helped := range map[string]bool{"alice": true, "bob": true, "carol": false} {
		require.NoError(t, d.m.Customer("acme", account).Helped(d.ctx, x.ID, helped))
		require.NoError(t, d.m.Customer("acme", account).Helped(d.ctx, x.ID, helped), "each has one vote")
	}
	votes, err := ann.Votes(d.ctx, x.ID)
	require.NoError(t, err)
	require.Equal(t, support.Votes{Helped: 2, NotHelped: 1}, votes)
	require.NoError(t, d.m.Customer("acme", "bob").Helped(d.ctx, x.ID, false), "another one takes its place")
	votes, err = ann.Votes(d.ctx, x.ID)
	require.NoError(t, err)
	require.Equal(t, support.Votes{Helped: 1, NotHelped: 2}, votes)
	require.ErrorIs(t, d.m.Customer("other", "x").Helped(d.ctx, x.ID, true), support.ErrNoArticle)
}

// Words, their forms and their typing errors.
func TestWordIndex(t *testing.T) {
	t.Parallel()
	supporttest.TestIndex(t, func(articles []support.Article) support.Index {
		return support.NewWordIndex(articles, support.WordOptions{})
	})
}

// Any text can be indexed and searched for, and each article is found by its own words.
func TestWordIndexFindsAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var articles []support.Article
		for i := range rapid.IntRange(1, 8).Draw(t, "articles") {
			articles = append(articles, support.Article{
				ID: support.ArticleID(fmt.Sprint(i)), Title: rapid.String().Draw(t, "title"), Body: fmt.Sprintf("unique%d ", i) + rapid.String().Draw(t, "body"),
			})
		}
		x := support.NewWordIndex(articles, support.WordOptions{})
		for i := range articles {
			hits := x.Search(fmt.Sprintf("unique%d", i), 1)
			if len(hits) != 1 || hits[0].Article != articles[i].ID || hits[0].Score <= 0 {
				t.Fatalf("article %d: %v", i, hits)
			}
		}
		x.Search(rapid.String().Draw(t, "words"), 5)
	})
}
