package supporttest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/support"
)

// TestIndex checks an implementation of support.Index for English texts.
func TestIndex(t *testing.T, newIndex func(articles []support.Article) support.Index) {
	t.Helper()
	x := newIndex([]support.Article{
		{ID: "bounce", Title: "Bounced mail", Body: "Mail that could not be delivered comes back to the sender. A database of causes is kept."},
		{ID: "database", Title: "Creating a database", Body: "Databases are created in the panel. The database has a user of its own."},
		{ID: "ftp", Title: "Uploading files", Body: "Upload your files by FTP. A file of more than 2 GB takes long."},
		{ID: "umlaut", Title: "Müller's domain", Body: "A domain with an umlaut."},
		{ID: "twin", Title: "Müller's domain", Body: "A domain with an umlaut."},
	})
	for _, c := range []struct {
		words string
		want  []support.ArticleID
		why   string
	}{
		{"database", []support.ArticleID{"database", "bounce"}, "INDEX-1: titles and many mentions are better"},
		{"DATABASES", []support.ArticleID{"database", "bounce"}, "INDEX-2: forms of a word, and letters of either case, are the same"},
		{"bouncing", []support.ArticleID{"bounce"}, "INDEX-2: forms of a word are the same"},
		{"datbase", []support.ArticleID{"database", "bounce"}, "INDEX-3: a letter is missing"},
		{"uplaod", []support.ArticleID{"ftp"}, "INDEX-3: letters have changed places"},
		{"bounced flying elephants", []support.ArticleID{"bounce"}, "INDEX-4: not all words are needed"},
		{"müller", []support.ArticleID{"twin", "umlaut"}, "INDEX-5: those that are equally good are in the order of their IDs"},
		{"zzzzzz", nil, "INDEX-6: what nothing has finds nothing"},
		{"", nil, "INDEX-6: no words find nothing"},
		{"the of a", nil, "INDEX-6: words that say nothing find nothing"},
	} {
		var got []support.ArticleID
		last := 0.0
		for i, h := range x.Search(c.words, 10) {
			require.Positive(t, h.Score, c.why)
			require.True(t, i == 0 || h.Score <= last, "%s: scores fall", c.why)
			last = h.Score
			got = append(got, h.Article)
		}
		require.Equal(t, c.want, got, "%s: %q", c.why, c.words)
	}
	require.Len(t, x.Search("database", 1), 1, "INDEX-7: at most the limit")
	require.Empty(t, x.Search("database", 0), "INDEX-7: at most the limit")
	require.Empty(t, newIndex(nil).Search("database", 1), "INDEX-8: no articles")
}
