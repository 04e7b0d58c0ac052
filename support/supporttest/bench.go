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
		b.Logf("%d tickets written and indexed in %s", n, time.Since(began).Round(time.Millisecond))
		clock.Advance(24 * time.Hour)
		deskBenchmarks(b, m, bare, n)
	})
}

// fill opens tickets of a thousand customers and has their words indexed, a block of
// numbers at a time, whose rows are written at once.
func fill(b *testing.B, st support.Store, clock *tierhost.TestClock, n int) {
	b.Helper()
	const many = 4096
	all := &bulk{Store: st, known: map[support.Key]support.Row{}}
	m, err := support.NewManager(all, support.Options{Clock: clock})
	require.NoError(b, err)
	word := words()
	for first := 1; first <= n; first = first/many*many + many {
		require.NoError(b, st.Update(b.Context(), func(ctx context.Context, tx storage.Tx) error {
			all.begin(int64(first - 1))
			for i := first; i <= n && (i == first || i%many != 0); i++ {
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
			for worked := true; worked; {
				var err error
				if worked, err = m.In(tx).Step(ctx); err != nil {
					return err
				}
			}
			rows, err := st.Support(tx)
			if err != nil {
				return err
			}
			return rows.Put(ctx, all.written())
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

// bulk is a store that keeps what is put for one write, in which each row is new. Of what was
// there before it knows the queues, it draws numbers by itself, and it tells nobody.
type bulk struct {
	support.Store
	known map[support.Key]support.Row // of all transactions
	rows  map[support.Key]support.Row // of this one
	order []support.Key
	wait  []support.Key // messages that wait to be indexed
	drawn int64
}

func (s *bulk) begin(drawn int64) {
	s.rows, s.order, s.wait, s.drawn = map[support.Key]support.Row{}, nil, nil, drawn
}

// written is what was put, each row as it is at last.
func (s *bulk) written() []support.Row {
	var all []support.Row
	for _, k := range s.order {
		row := s.rows[k]
		row.Version = 1
		all = append(all, row)
	}
	return all
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

const waitingList = "unindexed/message"

func (r *bulkRows) Put(_ context.Context, rows []support.Row) error {
	for i := range rows {
		row := rows[i].Clone()
		if _, ok := r.s.rows[row.Key]; !ok {
			r.s.order = append(r.s.order, row.Key)
		}
		r.s.rows[row.Key] = row
		if slices.ContainsFunc(row.Places, func(p support.Place) bool { return p.List == waitingList }) {
			r.s.wait = append(r.s.wait, row.Key)
		}
	}
	return nil
}

func (r *bulkRows) Get(ctx context.Context, keys []support.Key) (found []support.Row, err error) {
	for _, k := range keys {
		row, ok := r.s.rows[k]
		if !ok {
			row, ok = r.s.known[k]
		}
		if !ok && k.Kind == "queue" {
			rows, err := r.Rows.Get(ctx, []support.Key{k})
			if err != nil {
				return nil, err
			}
			row, ok = rows[0], true
			r.s.known[k] = row
		}
		if ok {
			found = append(found, row)
		}
	}
	return found, nil
}

// List gives out what waits, each once: whoever asks has it indexed.
func (r *bulkRows) List(_ context.Context, list string, _ support.Cursor, limit int) (page []support.Listed, err error) {
	if list != waitingList {
		return nil, nil
	}
	some := r.s.wait[:min(limit, len(r.s.wait))]
	r.s.wait = r.s.wait[len(some):]
	for _, k := range some {
		row := r.s.rows[k]
		for _, p := range row.Places {
			if p.List == list {
				page = append(page, support.Listed{Row: row, Sort: p.Sort})
			}
		}
	}
	return page, nil
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
			number := int64(i%min(n, 1000) + 1)
			_, err := m.Customer("host", fmt.Sprint("account ", number%1000)).Reply(ctx, number, support.Reply{Text: "It still does not work."})
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
