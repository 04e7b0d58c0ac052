package billingtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// txRules are about rows and the transaction that they belong to; what transactions
// themselves must do is tested by storagetest.
func txRules() []Rule {
	return []Rule{
		{
			ID: "TX-1", Name: "foreign",
			Text: "Billing refuses a transaction that another store made with storage.ErrForeignTx.",
			Why:  "Rows written through a transaction of the wrong database are outside of every transaction.",
			Check: func(t *conformance.T, h Harness) {
				a, b := open(t, h, 0), open(t, h, 0)
				var ofA, stranger, none error
				t.OK(a.Update(t.Context(), func(_ context.Context, tx storage.Tx) error {
					_, ofA = b.Billing(tx)
					_, stranger = b.Billing(strange{})
					_, none = b.Billing(nil)
					return nil
				}), "Update")
				t.Is(ofA, storage.ErrForeignTx, "Billing for a transaction of another store of the same kind")
				t.Is(stranger, storage.ErrForeignTx, "Billing for a transaction of a type that the store does not know")
				t.Is(none, storage.ErrForeignTx, "Billing for no transaction")
			},
		},
		{
			ID: "TX-2", Name: "done",
			Text: "Rows of a transaction that has ended refuse everything with storage.ErrTxDone, and so does Billing.",
			Why:  "A goroutine that outlives its transaction must not write into the next user's.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				before := dump(t, st)
				for ending, result := range map[string]error{"commit": nil, "error": errRefused} {
					var kept storage.Tx
					var rows billing.Rows
					var keptCtx context.Context
					err := st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) (err error) {
						kept, keptCtx = tx, context.WithoutCancel(ctx)
						if rows, err = st.Billing(tx); err != nil {
							return err
						}
						return result
					})
					if !errors.Is(err, result) || rows == nil {
						t.Fatalf("Update that ends by %s: %v", ending, err)
					}
					_, err = st.Billing(kept)
					t.Is(err, storage.ErrTxDone, "Billing after the end by %s", ending)
					for name, call := range calls() {
						t.Is(call(keptCtx, rows), storage.ErrTxDone, "%s after the end by %s", name, ending)
					}
				}
				t.Equal(dump(t, st), before, "the store")
			},
		},
		{
			ID: "TX-3", Name: "read-only",
			Text: "In a View all reads work, and Write and PutCatalog fail with storage.ErrReadOnly and change nothing.",
			Why:  "Views run on replicas and without locks.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				before := dump(t, st)
				for name, call := range calls() {
					err := view(t.Context(), st, call)
					if name == "Write" || name == "PutCatalog" {
						t.Is(err, storage.ErrReadOnly, "%s in a View", name)
					} else if err != nil && !errors.Is(err, storage.ErrNotFound) {
						t.Errorf("%s in a View: %v", name, err)
					}
				}
				t.Equal(dump(t, st), before, "the store")
				t.Equal(pending(t, st), 0, "events")
			},
		},
		{
			ID: "TX-4", Name: "rollback",
			Text: "When the function fails, panics or is cancelled nothing of what it wrote stays, of any kind of row, nor of the events.",
			Why:  "Half an action is money that was taken without an entry.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				c, b := everything()
				c.Sellers = sellers() // the others are new, these are replaced
				c.Sellers[0].Name = "changed"
				b.Accounts[0].ID = 7
				b.Accounts = append(b.Accounts, later(account(1, host)))
				id := b.Keys[0].KeyID
				before := dump(t, st, id)
				revision := load(t, st, billing.LoadQuery{}).Revision
				for _, ending := range []string{"error", "panic", "cancel"} {
					ctx, cancel := context.WithCancel(t.Context())
					var got error
					value := recovered(func() {
						got = update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
							if err := errors.Join(rows.PutCatalog(ctx, c), rows.Write(ctx, b)); err != nil {
								return err
							}
							switch ending {
							case "panic":
								panic(errRefused)
							case "cancel":
								cancel()
								return nil
							}
							return errRefused
						})
					})
					cancel()
					switch ending {
					case "panic":
						t.Equal(value, fmt.Sprint(errRefused), "what Update panicked with")
					case "error":
						t.Is(got, errRefused, "Update")
					default:
						if got == nil {
							t.Errorf("Update that was cancelled returned nil")
						}
					}
					t.Equal(dump(t, st, id), before, "the store after the end by %s", ending)
					t.Equal(load(t, st, billing.LoadQuery{}).Revision, revision, "revision after the end by %s", ending)
					t.Equal(pending(t, st), 0, "events after the end by %s", ending)
				}
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					return errors.Join(rows.PutCatalog(ctx, c), rows.Write(ctx, b))
				}), "the same, committed")
			},
		},
		{
			ID: "TX-5", Name: "one commit",
			Text: "Rows and events written in one transaction, through whichever interface, are committed together, and a View sees one state of both.",
			Why:  "That is what the explicit transaction is for.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				both := func(ctx context.Context, tx storage.Tx) error {
					rows, err := st.Billing(tx)
					if err != nil {
						return err
					}
					ob, err := st.Outbox(tx)
					if err != nil {
						return err
					}
					if err := rows.Write(ctx, &billing.Batch{Entries: []billing.Entry{entry(1, 1, 5)}}); err != nil {
						return err
					}
					return ob.Append(ctx, []*storage.Event{event("one")})
				}
				err := st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error { return errors.Join(both(ctx, tx), errRefused) })
				t.Is(err, errRefused, "Update that is rolled back")
				t.Equal(fmt.Sprint(len(entries(t, st, billing.EntryQuery{})), pending(t, st)), "0 0", "entries and events after a rollback")
				t.OK(st.Update(t.Context(), both), "Update")
				t.Equal(fmt.Sprint(len(entries(t, st, billing.EntryQuery{})), pending(t, st)), "1 1", "entries and events after a commit")

				first, second := int64(0), 0
				done, failed := make(chan struct{}), error(nil)
				t.OK(view(t.Context(), st, func(ctx context.Context, rows billing.Rows) (err error) {
					if first, err = rows.Sum(ctx, 1, billing.Date{}); err != nil {
						return err
					}
					go func() {
						defer close(done)
						failed = tryWrite(t.Context(), st, &billing.Batch{Entries: []billing.Entry{entry(1, 2, 7)}})
					}()
					conformance.Closed(done, moment) // a store may make it wait for the View
					page, err := rows.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, 10)
					second = len(page)
					return err
				}), "View")
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("an Update that began within a View is stuck after it")
				}
				t.OK(failed, "Update meanwhile")
				t.Equal(fmt.Sprint(first, second), "5 1", "sum and number of entries in one View")
				t.Equal(len(entries(t, st, billing.EntryQuery{})), 2, "entries after it")
			},
		},
	}
}

// strange is a transaction of no store.
type strange struct{}

func (strange) StoreID() any { return "strange" }

// calls are all methods of billing.Rows.
func calls() map[string]rowsFunc {
	all := map[string]rowsFunc{
		"PutCatalog": func(ctx context.Context, rows billing.Rows) error {
			return rows.PutCatalog(ctx, billing.CatalogChange{Sellers: []billing.Seller{{ID: "lost", Currency: usd()}}})
		},
		"Write": func(ctx context.Context, rows billing.Rows) error {
			return rows.Write(ctx, &billing.Batch{
				Accounts: []billing.Account{later(account(1, host))}, Entries: []billing.Entry{entry(1, 1, 1)}, Events: []*storage.Event{event("lost")},
			})
		},
		"Revision": func(ctx context.Context, rows billing.Rows) error { _, err := rows.Revision(ctx); return err },
		"Sum": func(ctx context.Context, rows billing.Rows) error {
			_, err := rows.Sum(ctx, 1, billing.Date{})
			return err
		},
	}
	for name, look := range looks(billing.KeyID{Scope: "s", Action: "a", Key: "k"}) {
		all[name] = func(ctx context.Context, rows billing.Rows) error {
			_, err := look(ctx, rows)
			return err
		}
	}
	return all
}
