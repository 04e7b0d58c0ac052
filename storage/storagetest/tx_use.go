package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// txUseRules are about mistakes in the use of a transaction that a store detects.
func txUseRules() []Rule {
	return []Rule{
		{
			ID: "TX-9", Name: "nested",
			Text: "Update or View of the same store within fn, with fn's context, returns storage.ErrNestedTx; it does not block, join or run its function.",
			Why:  "With one connection it is a deadlock; with two it commits a part of what was to be atomic.",
			Check: func(t *conformance.T, h Harness) {
				kinds := []string{"Update", "View"}
				for _, outer := range kinds {
					for _, inner := range kinds {
						checkNested(t, h, outer, inner)
					}
				}
			},
		},
		{
			ID: "TX-10", Name: "two stores",
			Text: "A transaction of one store may be opened within one of another.",
			Why:  "Moving data between two databases is the host's right; only its own store would deadlock.",
			Check: func(t *conformance.T, h Harness) {
				a, b := h.New(t.Test()), h.New(t.Test())
				err := a.Update(t.Context(), func(ctx context.Context, _ storage.Tx) error {
					return appendTo(ctx, b, event("inner", "s"))
				})
				t.OK(err, "Update of one store within Update of another")
				t.Equal(pending(t, a), 0, "pending in the outer store")
				t.Equal(pending(t, b), 1, "pending in the inner store")
			},
		},
		{
			ID: "TX-11", Name: "foreign",
			Text: "A transaction that another store made is refused with storage.ErrForeignTx, and nothing happens to either.",
			Why:  "Rows written through a transaction of the wrong database are outside of every transaction.",
			Check: func(t *conformance.T, h Harness) {
				a, b := h.New(t.Test()), h.New(t.Test())
				var ofA, stranger, none error
				err := a.Update(t.Context(), func(_ context.Context, tx storage.Tx) error {
					_, ofA = b.Outbox(tx)
					_, stranger = b.Outbox(strange{})
					_, none = b.Outbox(nil)
					return nil
				})
				t.OK(err, "Update")
				t.Is(ofA, storage.ErrForeignTx, "Outbox for a transaction of another store of the same kind")
				t.Is(stranger, storage.ErrForeignTx, "Outbox for a transaction of a type that the store does not know")
				t.Is(none, storage.ErrForeignTx, "Outbox for no transaction")
			},
		},
		{
			ID: "TX-12", Name: "identity",
			Text: "Tx.StoreID is equal for all transactions of one store and differs between stores.",
			Why:  "Packages ask it whether two things can be in one commit.",
			Check: func(t *conformance.T, h Harness) {
				identity := func(st storage.OutboxStore) (id any) {
					t.OK(st.Update(t.Context(), func(_ context.Context, tx storage.Tx) error {
						id = tx.StoreID()
						return nil
					}), "Update")
					var again any
					t.OK(st.View(t.Context(), func(_ context.Context, tx storage.Tx) error {
						again = tx.StoreID()
						return nil
					}), "View")
					if id != again || id == nil {
						t.Errorf("one store has the identities %v and %v", id, again)
					}
					return id
				}
				if a, b := identity(h.New(t.Test())), identity(h.New(t.Test())); a == b {
					t.Errorf("two stores have the same identity %v", a)
				}
			},
		},
		{
			ID: "TX-13", Name: "done",
			Text: "A transaction that has ended, however it ended, is refused with storage.ErrTxDone, and so is whatever was made from it.",
			Why:  "A goroutine that outlives its transaction must not write into the next user's.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				for _, ending := range []string{"commit", "error", "panic", "view"} {
					checkDone(t, st, ending)
				}
				t.Equal(pending(t, st), 0, "pending")
			},
		},
		{
			ID: "TX-14", Name: "read-only",
			Text: "A write in a View fails with storage.ErrReadOnly and changes nothing.",
			Why:  "Views run on replicas and without locks; a write there would be lost or unprotected.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, event("one", "s"), event("two", "t"))
				first := lease(t, st, "token", noon(), noon().Add(time.Hour), 1)
				leased := seqs(first)
				writes := map[string]func(ctx context.Context, ob storage.Outbox) error{
					"Append": func(ctx context.Context, ob storage.Outbox) error {
						return ob.Append(ctx, events("lost", 1))
					},
					"Lease": func(ctx context.Context, ob storage.Outbox) error {
						_, err := ob.Lease(ctx, "thief", noon(), noon(), 10)
						return err
					},
					"Ack": func(ctx context.Context, ob storage.Outbox) error {
						_, err := ob.Ack(ctx, "token", leased)
						return err
					},
					"Release": func(ctx context.Context, ob storage.Outbox) error {
						return ob.Release(ctx, "token", leased, noon(), true)
					},
					"Purge": func(ctx context.Context, ob storage.Outbox) error {
						_, err := ob.Purge(ctx, noon(), 10)
						return err
					},
				}
				for name, write := range writes {
					var got error
					_ = view(t.Context(), st, func(ctx context.Context, ob storage.Outbox) error {
						got = write(ctx, ob)
						return got
					})
					t.Is(got, storage.ErrReadOnly, "%s in a View", name)
				}
				t.Equal(pending(t, st), 2, "pending")
				t.Equal(ack(t, st, "token", leased...), len(leased), "acknowledged under the old lease")
			},
		},
	}
}

// strange is a transaction of no store.
type strange struct{}

func (strange) StoreID() any { return "strange" }

func checkNested(t *conformance.T, h Harness, outer, inner string) {
	st := h.New(t.Test())
	open := func(kind string) func(context.Context, func(context.Context, storage.Tx) error) error {
		if kind == "View" {
			return st.View
		}
		return st.Update
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // frees an inner transaction that blocks
	var got error
	returned, ran := false, false
	err := open(outer)(ctx, func(ctx context.Context, tx storage.Tx) error {
		result := make(chan error, 1)
		returned = conformance.Within(h.patience(), func() {
			result <- open(inner)(ctx, func(context.Context, storage.Tx) error {
				ran = true
				return errUnwanted
			})
		})
		if !returned {
			cancel()
			return errRefused
		}
		got = <-result
		if outer == "View" {
			return nil
		}
		ob, err := st.Outbox(tx)
		if err != nil {
			return err
		}
		return ob.Append(ctx, events("outer", 1))
	})
	if !returned {
		t.Errorf("%s within %s blocked for %v", inner, outer, h.patience())
		return
	}
	t.Is(got, storage.ErrNestedTx, "%s within %s", inner, outer)
	if ran {
		t.Errorf("%s within %s ran its function", inner, outer)
	}
	t.OK(err, "%s with a refused %s in it", outer, inner)
	if outer == "Update" {
		t.Equal(pending(t, st), 1, "pending after %s with a refused %s in it", outer, inner)
	}
}

// checkDone uses a transaction after its end.
func checkDone(t *conformance.T, st storage.OutboxStore, ending string) {
	var kept storage.Tx
	var keptBox storage.Outbox
	var keptCtx context.Context
	run := st.Update
	if ending == "view" {
		run = st.View
	}
	_ = recovered(func() {
		_ = run(t.Context(), func(ctx context.Context, tx storage.Tx) (err error) {
			kept, keptCtx = tx, context.WithoutCancel(ctx)
			if keptBox, err = st.Outbox(tx); err != nil {
				return err
			}
			switch ending {
			case "error":
				return errRefused
			case "panic":
				panic(errRefused)
			}
			return nil
		})
	})
	if keptBox == nil {
		t.Fatalf("Outbox gave nothing within a transaction that ends by %s", ending)
	}
	_, err := st.Outbox(kept)
	t.Is(err, storage.ErrTxDone, "Outbox after the end by %s", ending)
	for name, use := range map[string]func() error{
		"Append":  func() error { return keptBox.Append(keptCtx, events(fmt.Sprint("lost by ", ending), 1)) },
		"Lease":   func() error { _, err := keptBox.Lease(keptCtx, "token", noon(), noon(), 1); return err },
		"Ack":     func() error { _, err := keptBox.Ack(keptCtx, "token", []int64{1}); return err },
		"Release": func() error { return keptBox.Release(keptCtx, "token", []int64{1}, noon(), true) },
		"Purge":   func() error { _, err := keptBox.Purge(keptCtx, noon(), 1); return err },
		"Pending": func() error { _, err := keptBox.Pending(keptCtx); return err },
	} {
		t.Is(use(), storage.ErrTxDone, "%s after the end by %s", name, ending)
	}
}
