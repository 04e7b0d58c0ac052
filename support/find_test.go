package support_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
)

// numbers are those of the tickets that are found, over all pages of a size.
func numbers(t testing.TB, a *support.Agent, words string, size int) (list []int64) {
	t.Helper()
	for below := int64(0); ; {
		found, next, err := a.FindTickets(t.Context(), words, below, size)
		require.NoError(t, err)
		require.LessOrEqual(t, len(found), size)
		for _, f := range found {
			list = append(list, f.Number)
		}
		if next == 0 {
			return list
		}
		require.True(t, below == 0 || next < below, "pages go down")
		below = next
	}
}

// What finds whom, before and after the words are in the index.
func TestFindTickets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.m.Agent("acme", "ann")
	say := func(n int64, text string) {
		t.Helper()
		_, err := d.m.Customer("acme", "alice").Reply(d.ctx, n, support.Reply{Text: text})
		require.NoError(t, err)
	}
	bounce, zurich, merged := d.open("acme", "alice", "Mails are bouncing"), d.open("acme", "alice", "Server in Zürich"), d.open("acme", "alice", "Mailbox of web3.example.com")
	say(bounce, "The mailbox is full")
	_, err := ann.Note(d.ctx, zurich, support.Reply{Text: "His invoices are unpaid; she bounced."})
	require.NoError(t, err)
	d.open("other", "alice", "Mails are bouncing at the other's")
	title, before := "Mails come back", "Mails are bouncing"
	require.NoError(t, ann.Set(d.ctx, bounce, support.Settings{Title: &title}))
	require.NoError(t, ann.Set(d.ctx, bounce, support.Settings{Title: &before}))
	require.NoError(t, ann.Set(d.ctx, bounce, support.Settings{Title: &title}))
	into := d.open("acme", "alice", "Something else")
	require.NoError(t, ann.Merge(d.ctx, merged, into))
	for _, when := range []string{"before it is indexed", "after it"} {
		for words, want := range map[string][]int64{
			"bouncing":             {zurich, bounce},
			"BOUNCE mails":         {bounce},
			"the mail, is coming!": {bounce}, // its new title; the words that say nothing do not count
			"mailbox":              {into, bounce},
			"mailbox full":         {bounce},
			"mailbox bounced":      {bounce}, // one in the title and one in a message
			"zu\u0308rich":         {zurich}, // written in another way
			"invoice":              {zurich}, // of a note
			"web3 example":         {into},
			"example else":         nil, // each ticket by its own words
			"zurich":               nil,
			"bounce nothing":       nil,
			"it is the":            nil,
			"":                     nil,
			"other":                nil,
		} {
			require.Equal(t, want, numbers(t, ann, words, 9), "%q %s", words, when)
		}
		d.settle()
	}
	say(bounce, "The quota was raised")
	require.Equal(t, []int64{bounce}, numbers(t, ann, "quota bouncing", 1), "one word that waits and one that is indexed")
	_, _, err = ann.FindTickets(d.ctx, strings.Repeat("é", 3000), 0, 5)
	require.NoError(t, err)
}

// Whatever is written, and whenever it is indexed, a search finds what looking at every ticket finds.
func TestFindTicketsFindsAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t)
		gaps := &gapped{Store: d.store}
		m, err := support.NewManager(gaps, support.Options{Clock: d.clock, IDs: tierhost.NewSequenceIDs()})
		require.NoError(t, err)
		d.m = m
		words := []string{"mail", "disk", "site", "slow", "zebra"}
		text := rapid.Custom(func(t *rapid.T) string {
			return "x " + strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 3).Draw(t, "words"), " ")
		})
		has := map[int64]string{}
		var opened []int64
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch said := text.Draw(rt, "text"); {
			case len(opened) == 0 || rapid.IntRange(0, 2).Draw(rt, "open") > 0:
				// Numbers that are far apart stand in different blocks.
				gaps.skip = rapid.SampledFrom([]int64{0, 0, 3, 2000, 9000}).Draw(rt, "skip")
				n := d.open("acme", "alice", said)
				opened, has[n] = append(opened, n), said
			case rapid.Bool().Draw(rt, "note"):
				n := rapid.SampledFrom(opened).Draw(rt, "ticket")
				_, err := d.m.Agent("acme", "ann").Note(d.ctx, n, support.Reply{Text: said})
				require.NoError(t, err)
				has[n] += " " + said
			default:
				if _, err := d.m.Step(d.ctx); err != nil {
					rt.Fatal(err)
				}
			}
			d.clock.Advance(time.Second)
			query := rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, 3, rapid.ID).Draw(rt, "query")
			var want []int64
			for _, n := range slices.Backward(opened) {
				all := true
				for _, w := range query {
					all = all && slices.Contains(strings.Fields(has[n]), w)
				}
				if all {
					want = append(want, n)
				}
			}
			if got := numbers(t, d.m.Agent("acme", "ann"), strings.Join(query, " "), rapid.IntRange(1, 4).Draw(rt, "size")); !slices.Equal(want, got) {
				rt.Fatalf("%v: found %v, not %v", query, got, want)
			}
		}
	})
}

// gapped is a store whose numbers are as far apart as it is told.
type gapped struct {
	*memory.Store
	last, skip int64
}

func (g *gapped) Support(tx storage.Tx) (support.Rows, error) {
	rows, err := g.Store.Support(tx)
	return &gappedRows{rows, g}, err
}

type gappedRows struct {
	support.Rows
	g *gapped
}

func (r *gappedRows) Draw(context.Context, string) (int64, error) {
	r.g.last += 1 + r.g.skip
	return r.g.last, nil
}

// A backlog is found as far as it is said, and all of it once it is indexed.
func TestFindTicketsInABacklog(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann := d.m.Agent("acme", "ann")
	n := d.open("acme", "alice", "first")
	for i := range 600 {
		_, err := d.m.Customer("acme", "alice").Reply(d.ctx, n, support.Reply{Text: fmt.Sprint("word", i)})
		require.NoError(t, err)
		d.clock.Advance(time.Second)
	}
	require.Len(t, numbers(t, ann, "word400", 5), 1)
	require.Empty(t, numbers(t, ann, "word599", 5), "too far behind")
	d.settle()
	require.Len(t, numbers(t, ann, "word599 word1", 5), 1)
}

// What a sender writes into a hundred mails keeps no step busy for long: of one text the first
// 2,000 different words are found, and no step writes more than some thousands of them.
func TestFindTicketsInHostileText(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ann, most := d.m.Agent("acme", "ann"), 0
	m, err := support.NewManager(&counting{d.store, &most}, support.Options{Clock: d.clock, IDs: tierhost.NewSequenceIDs()})
	require.NoError(t, err)
	n := d.open("acme", "alice", "Help")
	for mail := range 8 {
		var b strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&b, "%dx%d ", mail, i)
		}
		_, err := d.m.Customer("acme", "alice").Reply(d.ctx, n, support.Reply{Text: b.String()})
		require.NoError(t, err)
		d.clock.Advance(time.Second)
	}
	d.m = m
	for range 2 { // before it is indexed, and after it
		for mail := range 8 {
			require.Len(t, numbers(t, ann, fmt.Sprintf("%dx0 %dx1999", mail, mail), 5), 1)
			require.Empty(t, numbers(t, ann, fmt.Sprintf("%dx2000", mail), 5))
		}
		d.settle()
	}
	require.LessOrEqual(t, most, 8000)
	require.NoError(t, second(ann.Erase(d.ctx, n)))
	require.Empty(t, numbers(t, ann, "0x0", 5))
}

// counting is a store that notes how many rows are written at once.
type counting struct {
	*memory.Store
	most *int
}

func (s *counting) Support(tx storage.Tx) (support.Rows, error) {
	rows, err := s.Store.Support(tx)
	return &countingRows{rows, s}, err
}

type countingRows struct {
	support.Rows
	s *counting
}

func (r *countingRows) Put(ctx context.Context, rows []support.Row) error {
	*r.s.most = max(*r.s.most, len(rows))
	return r.Rows.Put(ctx, rows)
}

// A search of many words that no article has takes some of them for misspelt, and counts the
// others for what they are.
func TestSearchOfManyWords(t *testing.T) {
	t.Parallel()
	x := support.NewWordIndex([]support.Article{{ID: "a", Title: "Zebras", Body: "They run."}}, support.WordOptions{})
	nonsense := func(n int) (words string) {
		for i := range n {
			words += fmt.Sprintf("a%03d ", i)
		}
		return words
	}
	require.Len(t, x.Search(nonsense(15)+"zebrra", 5), 1)
	require.Empty(t, x.Search(nonsense(16)+"zebrra", 5))
	require.Len(t, x.Search(nonsense(400)+"zebra", 5), 1)
}
