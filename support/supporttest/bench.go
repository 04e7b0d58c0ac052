package supporttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

// Bare are the statements that a store cannot do without, on the data of a store of the same kind.
type Bare struct {
	// Page reads the 50 rows in front of a list.
	Page func(ctx context.Context, list string) error
	// Write inserts and commits one row of about the size of a message.
	Write func(ctx context.Context, n int) error
}

// BenchmarkDesk compares a page of 50 tickets of a queue, those of a customer, those that are
// late, searches by words, and a new message with the bare statements, on many tickets: 1,000
// with -short, else 1,000,000, or as many as TIERHOST_TICKETS says. It reports medians, and
// how many times the bare statement's they are.
func BenchmarkDesk(b *testing.B, newStore func(b *testing.B) (support.Store, Bare)) {
	n := 1_000_000
	if testing.Short() {
		n = 1000
	}
	if s := os.Getenv("TIERHOST_TICKETS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(b, err)
	}
	b.Run(fmt.Sprintf("%d tickets", n), func(b *testing.B) {
		st, bare := newStore(b)
		clock := tierhost.NewTestClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC))
		m, err := support.NewManager(st, support.Options{Clock: clock})
		require.NoError(b, err)
		require.NoError(b, m.Agent("host", "ann").PutQueue(b.Context(), support.Queue{
			ID: "help", Name: "Help", AutoClose: -1, Growth: time.Hour, FirstAnswer: 8 * time.Hour,
		}))
		began := time.Now()
		fill(b, st, clock, n)
		filled := time.Now()
		index(b, m)
		b.Logf("%d tickets written in %s, their words indexed in %s", n, filled.Sub(began).Round(time.Millisecond), time.Since(filled).Round(time.Millisecond))
		clock.Advance(24 * time.Hour)
		deskBenchmarks(b, m, bare, n)
	})
}

// fill opens tickets of a thousand customers, many in one transaction whose rows are written
// at once.
func fill(b *testing.B, st support.Store, clock *tierhost.TestClock, n int) {
	b.Helper()
	const many = 1000
	all := &bulk{Store: st, known: map[support.Key]support.Row{}}
	m, err := support.NewManager(all, support.Options{Clock: clock})
	require.NoError(b, err)
	word := words()
	for first := 0; first < n; first += many {
		require.NoError(b, st.Update(b.Context(), func(ctx context.Context, tx storage.Tx) error {
			all.rows, all.drawn = nil, int64(first)
			for i := first; i < min(first+many, n); i++ {
				clock.Advance(time.Second)
				var text strings.Builder
				for range 20 {
					text.WriteString(word() + " ")
				}
				_, err := m.In(tx).Customer("host", fmt.Sprint("account ", i%1000)).Open(ctx, support.NewTicket{
					Queue: "help", Title: fmt.Sprintf("%s %s", word(), side(i)), Text: fmt.Sprintf("%sdomain%d", text.String(), i),
				})
				if err != nil {
					return err
				}
			}
			rows, err := st.Support(tx)
			if err != nil {
				return err
			}
			return rows.Put(ctx, all.rows)
		}))
	}
}

// words returns words of a language of five thousand, the common ones often.
func words() func() string {
	rnd := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rnd, 1.3, 8, 4999)
	return func() string { return "word" + strconv.FormatUint(zipf.Uint64(), 10) }
}

// side is one of two words that never meet, each in every second ticket.
func side(i int) string { return []string{"left", "right"}[i%2] }

// index has all words of tickets indexed.
func index(b *testing.B, m *support.Manager) {
	b.Helper()
	for worked := true; worked; {
		var err error
		worked, err = m.Step(b.Context())
		require.NoError(b, err)
	}
}

// bulk is a store that keeps what is put for one write. Of what was there before it knows
// what was read first, it draws numbers by itself, and it tells nobody.
type bulk struct {
	support.Store
	known map[support.Key]support.Row
	rows  []support.Row
	drawn int64
}

func (s *bulk) Support(tx storage.Tx) (support.Rows, error) {
	rows, err := s.Store.Support(tx)
	return &bulkRows{rows, s}, err
}

func (s *bulk) Outbox(tx storage.Tx) (storage.Outbox, error) {
	out, err := s.Store.Outbox(tx)
	return silent{out}, err
}

type bulkRows struct {
	support.Rows
	s *bulk
}

func (r *bulkRows) Put(_ context.Context, rows []support.Row) error {
	for i := range rows {
		r.s.rows = append(r.s.rows, rows[i].Clone())
	}
	return nil
}

func (r *bulkRows) Get(ctx context.Context, keys []support.Key) (found []support.Row, err error) {
	for _, k := range keys {
		row, ok := r.s.known[k]
		if !ok {
			rows, err := r.Rows.Get(ctx, []support.Key{k})
			if err != nil || len(rows) == 0 {
				return found, err
			}
			row = rows[0]
			r.s.known[k] = row
		}
		found = append(found, row.Clone())
	}
	return found, nil
}

func (r *bulkRows) Draw(context.Context, string) (int64, error) {
	r.s.drawn++
	return r.s.drawn, nil
}

type silent struct{ storage.Outbox }

func (silent) Append(context.Context, []*storage.Event) error { return nil }

func deskBenchmarks(b *testing.B, m *support.Manager, bare Bare, n int) {
	agent := m.Agent("host", "ann")
	some := func(found int, err error) error {
		if err == nil && found == 0 {
			err = support.ErrNoTicket
		}
		return err
	}
	page := func(q support.TicketQuery) func(ctx context.Context, i int) error {
		return func(ctx context.Context, _ int) error {
			got, _, err := agent.TicketsPage(ctx, q, support.Cursor{}, 50)
			return some(len(got), err)
		}
	}
	search := func(words string, found bool) func(ctx context.Context, i int) error {
		return func(ctx context.Context, _ int) error {
			got, _, err := agent.FindTickets(ctx, words, 0, 50)
			if !found {
				require.Empty(b, got)
				return err
			}
			return some(len(got), err)
		}
	}
	late := func(ctx context.Context, _ int) error {
		got := 0
		for _, err := range agent.Overdue(ctx) {
			if got++; err != nil || got == 50 {
				return err
			}
		}
		return some(got, nil)
	}
	bareOf := func(list string) func(ctx context.Context, i int) error {
		return func(ctx context.Context, _ int) error { return bare.Page(ctx, list) }
	}
	for _, c := range []struct {
		name        string
		ours, floor func(ctx context.Context, i int) error
	}{
		{"queue page", page(support.TicketQuery{Queue: "help"}), bareOf("queue/host/help/ours")},
		{"of an account", page(support.TicketQuery{Account: "account 7"}), bareOf("account/host/account%207")},
		{"overdue", late, bareOf("late/host")},
		{"search, one word", search("word1", true), bareOf("word/host/word1")},
		{"search, two words", search("word3 left", true), bareOf("word/host/word3")},
		{"search, words that never meet", search("left right", false), bareOf("word/host/left")},
		{"search, one of all", search("left domain500", true), bareOf("word/host/domain500")},
		{"new message", func(ctx context.Context, i int) error {
			_, err := m.Customer("host", fmt.Sprint("account ", i%min(n, 1000))).Reply(ctx, int64(i%min(n, 1000)+1), support.Reply{Text: "It still does not work."})
			return err
		}, bare.Write},
		{"search, with what waits", search("word1", true), bareOf("word/host/word1")},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ours, floor []time.Duration
			for i := 0; b.Loop(); i++ {
				start := time.Now()
				require.NoError(b, c.floor(b.Context(), i))
				between := time.Now()
				require.NoError(b, c.ours(b.Context(), i))
				floor, ours = append(floor, between.Sub(start)), append(ours, time.Since(between))
			}
			b.ReportMetric(float64(middle(ours).Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(middle(ours))/float64(max(middle(floor), 1)), "x-bare")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
