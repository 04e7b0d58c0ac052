package supporttest

import (
	"context"
	"fmt"
	"slices"
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

// BenchmarkDesk compares a page of 50 tickets of a queue, a search by a customer's account,
// and a new message with the bare statements, on many tickets: 1,000 with -short, else
// 100,000 and 1,000,000. It reports medians, and how many times the bare statement's they are.
func BenchmarkDesk(b *testing.B, newStore func(b *testing.B) (support.Store, Bare)) {
	sizes := []int{100_000, 1_000_000}
	if testing.Short() {
		sizes = []int{1000}
	}
	for _, n := range sizes {
		b.Run(fmt.Sprintf("%d tickets", n), func(b *testing.B) {
			st, bare := newStore(b)
			clock := tierhost.NewTestClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC))
			m, err := support.NewManager(st, support.Options{Clock: clock})
			require.NoError(b, err)
			agent := m.Agent("host", "ann")
			require.NoError(b, agent.PutQueue(b.Context(), support.Queue{ID: "help", Name: "Help", AutoClose: -1, Growth: time.Hour}))
			fill(b, st, m, clock, n)
			deskBenchmarks(b, m, bare, n)
		})
	}
}

// fill opens tickets of a thousand customers, many in one transaction.
func fill(b *testing.B, st support.Store, m *support.Manager, clock *tierhost.TestClock, n int) {
	b.Helper()
	const many = 500
	for first := 0; first < n; first += many {
		require.NoError(b, st.Update(b.Context(), func(ctx context.Context, tx storage.Tx) error {
			for i := first; i < min(first+many, n); i++ {
				clock.Advance(time.Second)
				_, err := m.In(tx).Customer("host", fmt.Sprint("account ", i%1000)).Open(ctx, support.NewTicket{
					Queue: "help", Title: fmt.Sprint("Ticket ", i), Text: "It does not work any more, and I do not know why.",
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func deskBenchmarks(b *testing.B, m *support.Manager, bare Bare, n int) {
	agent := m.Agent("host", "ann")
	page := func(q support.TicketQuery) func(ctx context.Context, i int) error {
		return func(ctx context.Context, _ int) error {
			got, _, err := agent.TicketsPage(ctx, q, support.Cursor{}, 50)
			if err == nil && len(got) == 0 {
				err = support.ErrNoTicket
			}
			return err
		}
	}
	bareOf := func(list string) func(ctx context.Context, i int) error {
		return func(ctx context.Context, _ int) error { return bare.Page(ctx, list) }
	}
	for _, c := range []struct {
		name        string
		ours, floor func(ctx context.Context, i int) error
	}{
		{"queue page", page(support.TicketQuery{Queue: "help"}), bareOf("queue/host/help/ours")},
		{"search by account", page(support.TicketQuery{Account: "account 7"}), bareOf("account/host/account%207")},
		{"new message", func(ctx context.Context, i int) error {
			_, err := m.Customer("host", fmt.Sprint("account ", i%min(n, 1000))).Reply(ctx, int64(i%min(n, 1000)+1), support.Reply{Text: "It still does not work."})
			return err
		}, bare.Write},
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
