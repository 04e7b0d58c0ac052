package supporttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
	"github.com/tierhost/tierhost/support"
)

// Chain are sellers, each below the one before it, for tests: "a" is below "host", "b"
// below "a". The account that each has at its parent is "account of" and its name.
type Chain []string

// Parent implements [support.Parents].
func (c Chain) Parent(_ context.Context, _ storage.Tx, seller string) (support.Parent, error) {
	i := slices.Index(c, seller)
	if i < 1 {
		return support.Parent{}, support.ErrNoParent
	}
	return support.Parent{Seller: c[i-1], Account: "account of " + seller}, nil
}

// desk is a manager on a store, with a queue "help" for each of some sellers.
func desk(t *conformance.T, st support.Store, sellers ...string) *support.Manager {
	t.Helper()
	m, err := support.NewManager(st, support.Options{
		Clock: tierhost.NewTestClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)), Parents: Chain(sellers),
	})
	t.OK(err, "NewManager")
	for _, s := range sellers {
		t.OK(m.Agent(s, "boss").PutQueue(t.Context(), support.Queue{ID: "help", Name: "Help", AutoClose: -1}), "PutQueue")
	}
	return m
}

func opened(t *conformance.T, m *support.Manager, seller, account string) int64 {
	t.Helper()
	o, err := m.Customer(seller, account).Open(t.Context(), support.NewTicket{Queue: "help", Title: "It does not work", Text: "Please help."})
	t.OK(err, "Open")
	return o.Number
}

// deskRules are what the manager promises of a store with several at once.
func deskRules() []StoreRule {
	return []StoreRule{
		{
			ID: "DESK-1", Name: "one gets it",
			Text: "Of several persons that pick up one ticket at once one gets it, and the others are told.",
			Why:  "Two answers to one question contradict each other.",
			Check: func(t *conformance.T, h StoreHarness) {
				m := desk(t, h.New(t.Test()), "host")
				n := opened(t, m, "host", "alice")
				var mu sync.Mutex
				won := 0
				h.AtOnce(t, 5, func(i int) {
					err := m.Agent("host", fmt.Sprint("person ", i)).PickUp(t.Context(), n)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won++
					} else {
						t.Is(err, support.ErrTaken, "the one that came second")
					}
				})
				t.Equal(won, 1, "how many of five have got it")
			},
		},
		{
			ID: "DESK-2", Name: "numbers and keys",
			Text: "Tickets of a seller that are opened at once have the numbers from 1 without a gap; one key opens one.",
			Why:  "A mail that comes twice is one ticket.",
			Check: func(t *conformance.T, h StoreHarness) {
				m := desk(t, h.New(t.Test()), "host")
				var mu sync.Mutex
				var numbers, keyed []int64
				h.AtOnce(t, 6, func(i int) {
					n := support.NewTicket{Queue: "help", Title: "It does not work", Text: "Please help."}
					if i%2 == 0 {
						n.Key = "one"
					}
					o, err := m.Customer("host", "alice").Open(t.Context(), n)
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Errorf("Open: %v", err)
					}
					if numbers = append(numbers, o.Number); i%2 == 0 {
						keyed = append(keyed, o.Number)
					}
				})
				slices.Sort(numbers)
				t.Equal(slices.Compact(numbers), []int64{1, 2, 3, 4}, "the numbers of three and one with a key")
				t.Equal(len(slices.Compact(keyed)), 1, "numbers of one key")
			},
		},
		{
			ID: "DESK-3", Name: "all or nothing over tiers",
			Text: "Passing a ticket up writes both sellers' tickets and the events, or nothing.",
			Why:  "A question that is on hold here and nowhere above is never answered.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				m := desk(t, st, "host", "acme")
				n := opened(t, m, "acme", "alice")
				agent := m.Agent("acme", "ann")
				up := support.PassUp{Queue: "help", Title: "From below", Text: "Can you look?"}
				err := st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
					_, err := m.In(tx).Agent("acme", "ann").PassUp(ctx, n, up)
					return errors.Join(err, conformance.ErrRefused)
				})
				t.Is(err, conformance.ErrRefused, "the host's transaction")
				ticket, err := agent.Ticket(t.Context(), n)
				t.OK(err, "Ticket")
				t.Equal(ticket.State, support.StateNew, "after a rollback")
				above, err := agent.PassUp(t.Context(), n, up)
				t.OK(err, "PassUp")
				t.Equal(above.Number, int64(1), "the number above, whose first was rolled back")
				_, err = m.Agent("host", "hugo").Answer(t.Context(), above.Number, support.Reply{Text: "Try again."})
				t.OK(err, "Answer")
				notes := 0
				for note, err := range agent.Notes(t.Context(), n) {
					t.OK(err, "Notes")
					t.Equal(note.Text, "Try again.", "the note")
					notes++
				}
				t.Equal(notes, 1, "notes that have come back")
			},
		},
		{
			ID: "DESK-4", Name: "found by words",
			Text: "A search finds the tickets that have all its words, of the seller and the latest first, before they are indexed and after.",
			Why:  "What was answered once is answered again if nobody finds it; what is another seller's is never found.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				m := desk(t, st, "host", "acme")
				texts := []string{"zebra mail", "mail", "mails bounce", "a disk and a mail", "zebra disk"}
				said := map[string][]string{} // by seller, from ticket 1
				t.OK(st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
					clear(said)
					for i := range 60 {
						seller := []string{"host", "acme", "acme"}[i%3]
						said[seller] = append(said[seller], texts[i%5])
						_, err := m.In(tx).Customer(seller, "alice").Open(ctx, support.NewTicket{Queue: "help", Title: odd, Text: texts[i%5]})
						if err != nil {
							return err
						}
					}
					return nil
				}), "open tickets")
				_, err := m.Agent("acme", "ann").Note(t.Context(), 3, support.Reply{Text: "A zebra on a disk"})
				t.OK(err, "Note")
				said["acme"][2] += " zebra disk"
				for _, when := range []string{"before they are indexed", "after"} {
					for _, c := range [][]string{{"zebra", "zebra"}, {"Disk of ZEBRAS", "zebra", "disk"}, {"bouncing mail", "bounce", "mail"}, {"zebra bounces", "zebra", "bounce"}, {"nothing", "nothing"}} {
						for _, seller := range []string{"host", "acme"} {
							var want, got []int64
							for i, text := range slices.Backward(said[seller]) {
								if !slices.ContainsFunc(c[1:], func(word string) bool { return !strings.Contains(text, word) }) {
									want = append(want, int64(i+1))
								}
							}
							for below, next := int64(0), int64(1); next != 0; below = next {
								var page []support.Ticket
								page, next, err = m.Agent(seller, "ann").FindTickets(t.Context(), c[0], below, 7)
								t.OK(err, "FindTickets")
								for i := range page {
									got = append(got, page[i].Number)
								}
							}
							t.Equal(got, want, "%s of %s %s", c[0], seller, when)
						}
					}
					for worked := true; worked; {
						worked, err = m.Step(t.Context())
						t.OK(err, "Step")
					}
				}
			},
		},
	}
}
