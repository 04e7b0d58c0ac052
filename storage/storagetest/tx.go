package storagetest

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// txRules are about what becomes of a transaction.
func txRules() []Rule {
	return []Rule{
		{
			ID: "TX-1", Name: "commit",
			Text: "When fn returns nil Update commits, and every View and Update that begins after Update has returned sees it.",
			Why:  "An invoice that was reported as issued and cannot be read is issued twice.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				for i := range int64(3) {
					put(t, st, event(fmt.Sprint("event-", i), "s"))
					t.Equal(pending(t, st), i+1, "pending after %d commits", i+1)
				}
				t.Equal(ids(peek(t, st, noon())), []string{"event-0", "event-1", "event-2"}, "what an Update sees")
			},
		},
		{
			ID: "TX-2", Name: "rollback on error",
			Text: "When fn returns an error the transaction is rolled back whole, and Update returns that error.",
			Why:  "Half an action is money that was taken without an entry, or an entry without the service.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("before", "s"))
				err := update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
					if err := ob.Append(ctx, events("lost", 3)); err != nil {
						return err
					}
					if err := ob.Append(ctx, events("lost too", 1)); err != nil {
						return err
					}
					return fmt.Errorf("in the suite: %w", errRefused)
				})
				t.Is(err, errRefused, "Update")
				t.Equal(ids(peek(t, st, noon())), []string{"before"}, "events after the rollback")
				put(t, st, event("after", "s"))
				t.Equal(pending(t, st), 2, "pending after a further commit")
			},
		},
		{
			ID: "TX-3", Name: "rollback on panic",
			Text: "When fn panics the transaction is rolled back and the panic goes on with its value; the store stays usable.",
			Why:  "A host that recovers panics of its handlers must find neither half an action nor a locked store.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				value := recovered(func() {
					_ = update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
						if err := ob.Append(ctx, events("lost", 2)); err != nil {
							return err
						}
						panic(errRefused)
					})
				})
				t.Equal(value, errRefused, "what Update panicked with")
				value = recovered(func() {
					_ = view(t.Context(), st, func(context.Context, storage.Outbox) error { panic(errRefused) })
				})
				t.Equal(value, errRefused, "what View panicked with")

				ctx, cancel := context.WithTimeout(t.Context(), h.patience())
				defer cancel()
				t.OK(appendTo(ctx, st, event("after", "s")), "Update after the panics")
				t.Equal(pending(t, st), 1, "pending after a rollback and a commit")
			},
		},
		{
			ID: "TX-4", Name: "cancellation",
			Text: "When ctx is cancelled before the commit nothing is changed, and Update returns an error.",
			Why:  "A caller who gave up must not find out later that it happened.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				ctx, cancel := context.WithCancel(t.Context())
				err := update(ctx, st, func(ctx context.Context, ob storage.Outbox) error {
					if err := ob.Append(ctx, events("lost", 2)); err != nil {
						return err
					}
					cancel()
					return nil
				})
				if err == nil {
					t.Errorf("Update that was cancelled within fn returned nil")
				}
				if err := appendTo(ctx, st, event("late", "s")); err == nil {
					t.Errorf("Update with a cancelled context returned nil")
				}
				t.Equal(pending(t, st), 0, "pending")
				put(t, st, event("after", "s"))
				t.Equal(pending(t, st), 1, "pending after a further commit")
			},
		},
		{
			ID: "TX-5", Name: "own writes",
			Text: "Reads in a transaction see what it has written.",
			Why:  "Code that joins the host's transaction reads what the step before it wrote.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("before", "s"))
				var n int64
				var due []storage.Event
				err := update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) (err error) {
					if err = ob.Append(ctx, events("own", 2)); err != nil {
						return err
					}
					if n, err = ob.Pending(ctx); err != nil {
						return err
					}
					due, err = ob.Lease(ctx, "token", noon(), noon(), 10)
					return err
				})
				t.OK(err, "Update")
				t.Equal(n, 3, "pending within the transaction")
				t.Equal(ids(due), []string{"before", "own/1", "own/2"}, "due within the transaction")
			},
		},
		{
			ID: "TX-6", Name: "run again on conflict",
			Text: "When fn reports storage.ErrConflict Update rolls back and runs fn anew in a new transaction.",
			Why:  "The function decides anew on what the faster transaction left; two decisions in one commit are one too many.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				runs := 0
				var seen []int64
				var txs []storage.Tx
				err := st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
					runs++
					txs = append(txs, tx)
					ob, err := st.Outbox(tx)
					if err != nil {
						return err
					}
					n, err := ob.Pending(ctx)
					if err != nil {
						return err
					}
					seen = append(seen, n)
					if err := ob.Append(ctx, []*storage.Event{event("same", "s")}); err != nil {
						return err
					}
					if runs < 3 {
						return fmt.Errorf("in the suite: %w", storage.ErrConflict)
					}
					return nil
				})
				t.OK(err, "Update whose third run succeeds")
				t.Equal(runs, 3, "runs of fn")
				t.Equal(seen, []int64{0, 0, 0}, "pending at the start of each run")
				t.Equal(ids(peek(t, st, noon())), []string{"same"}, "events after the commit")
				for i, tx := range txs {
					_, err := st.Outbox(tx)
					t.Is(err, storage.ErrTxDone, "Outbox for the transaction of run %d", i+1)
				}
			},
		},
		{
			ID: "TX-7", Name: "conflicts are bounded",
			Text: "Update gives up after a bounded number of conflicts, returns storage.ErrConflict and has changed nothing.",
			Why:  "A request that is retried for ever looks like an outage.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				const enough = 1000
				runs := 0
				err := update(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
					if runs++; runs > enough {
						return errRefused
					}
					if err := ob.Append(ctx, events("lost", 1)); err != nil {
						return err
					}
					return storage.ErrConflict
				})
				t.Is(err, storage.ErrConflict, "Update after %d runs", runs)
				if runs < 2 {
					t.Errorf("fn was run %d times, want it to be run again", runs)
				}
				t.Equal(pending(t, st), 0, "pending")
			},
		},
		{
			ID: "TX-8", Name: "only conflicts are run again",
			Text: "An error that is not storage.ErrConflict ends Update after one run.",
			Why:  "A refusal that is asked for twenty times is slow, and may not be a refusal the second time.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				for _, want := range []error{errRefused, storage.ErrExists, storage.ErrNotFound} {
					runs := 0
					err := update(t.Context(), st, func(context.Context, storage.Outbox) error {
						runs++
						return want
					})
					t.Is(err, want, "Update")
					t.Equal(runs, 1, "runs of fn that returned %q", want)
				}
				err := view(t.Context(), st, func(context.Context, storage.Outbox) error { return errRefused })
				t.Is(err, errRefused, "View")
			},
		},
	}
}

// recovered returns what fn panics with.
func recovered(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}
