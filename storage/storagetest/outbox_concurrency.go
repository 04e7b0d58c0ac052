package storagetest

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// outboxConcurrencyRules are about the outbox while two transactions are open.
func outboxConcurrencyRules() []Rule {
	return []Rule{
		{
			ID: "OUT-10", Name: "late commits are delivered", Skip: notConcurrent,
			Text: "An event that commits after events with a larger Seq were delivered is still returned.",
			Why:  "Numbers are drawn before the commit: a reader that remembers the last number skips the slow transaction's events for ever.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				late := open(t, st, func(ctx context.Context, ob storage.Outbox) error {
					return ob.Append(ctx, []*storage.Event{event("late", "s"), event("late too", "t")})
				})
				rival := make(chan error, 1)
				ended := conformance.Within(h.patience()/4, func() {
					rival <- appendTo(t.Context(), st, event("early", "s"), event("early too", "u"))
				})
				if ended { // else the store makes appends wait, which is another way to keep the rule
					deliverAll(t, st)
				}
				late.end(t, h)
				t.OK(<-rival, "Append of the faster transaction")
				deliverAll(t, st)
				t.Equal(pending(t, st), 0, "pending after all was delivered")
				list := append(events("probe", 1), event("late", "s"))
				t.Is(appendTo(t.Context(), st, list...), storage.ErrExists, "Append of what was committed late")
			},
		},
		{
			ID: "OUT-11", Name: "leases do not overtake", Skip: notConcurrent,
			Text: "While one transaction is leasing an event, another gets neither that event nor a later one of its subject.",
			Why:  "Skipping locked rows without looking at their subject delivers out of order exactly under load.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("s1", "s"), event("s2", "s"), event("t1", "t"))
				until := noon().Add(time.Hour)
				first := open(t, st, func(ctx context.Context, ob storage.Outbox) error {
					list, err := ob.Lease(ctx, "a", noon(), until, 1)
					if err == nil && len(list) != 1 {
						return errUnwanted
					}
					return err
				})
				var got []storage.Event
				rival := make(chan error, 1)
				conformance.Within(moment, func() {
					list, err := leaseFrom(t.Context(), st, "b", noon(), until, 10)
					got = list
					rival <- err
				})
				first.end(t, h)
				t.OK(<-rival, "Lease of the second transaction")
				for _, e := range got {
					if e.Subject == "s" {
						t.Errorf("%s was leased to another while s1 was being leased", e.ID)
					}
				}
				t.Equal(ids(peek(t, st, until)), []string{"s1", "s2", "t1"}, "due after the leases")
			},
		},
	}
}

// held is a transaction that is kept open on a goroutine of its own.
type held struct {
	release chan struct{}
	done    chan struct{}
	err     error
}

// open runs fn in an Update and keeps it open until end is called.
func open(t *conformance.T, st storage.OutboxStore, fn func(ctx context.Context, ob storage.Outbox) error) *held {
	t.Helper()
	x := &held{release: make(chan struct{}), done: make(chan struct{})}
	ready := make(chan struct{}, 1)
	go func() {
		defer close(x.done)
		x.err = update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
			if err := fn(ctx, ob); err != nil {
				return err
			}
			select {
			case ready <- struct{}{}:
			default: // run again
			}
			select {
			case <-x.release:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	select {
	case <-ready:
	case <-x.done:
		t.Fatalf("the first transaction: %v", x.err)
	}
	return x
}

// end lets the transaction commit.
func (x *held) end(t *conformance.T, h Harness) {
	t.Helper()
	close(x.release)
	if !conformance.Closed(x.done, h.patience()) {
		t.Fatalf("the first transaction is stuck")
	}
	t.OK(x.err, "the first transaction")
}

// deliverAll delivers everything that is due.
func deliverAll(t *conformance.T, st storage.OutboxStore) {
	t.Helper()
	for {
		due := lease(t, st, "deliver", noon(), noon().Add(time.Hour), 1)
		if len(due) == 0 {
			return
		}
		if ack(t, st, "deliver", seqs(due)...) != len(due) {
			t.Fatalf("%q were leased and not acknowledged", ids(due))
		}
	}
}
