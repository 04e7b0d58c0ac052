package resellertest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// txRules are about rows and the transaction that they belong to; what transactions
// themselves must do is tested by storagetest.
func txRules() []Rule {
	return []Rule{
		{
			ID: "TX-1", Name: "foreign",
			Text: "Reseller refuses a transaction that another store made with storage.ErrForeignTx.",
			Why:  "Rows written through a transaction of the wrong database are outside of every transaction.",
			Check: func(t *conformance.T, h Harness) {
				a, b := open(t, h), open(t, h)
				var ofA, stranger, none error
				t.OK(a.Update(t.Context(), func(_ context.Context, tx storage.Tx) error {
					_, ofA = b.Reseller(tx)
					_, stranger = b.Reseller(strange{})
					_, none = b.Reseller(nil)
					return nil
				}), "Update")
				t.Is(ofA, storage.ErrForeignTx, "Reseller for a transaction of another store of the same kind")
				t.Is(stranger, storage.ErrForeignTx, "Reseller for a transaction of a type that the store does not know")
				t.Is(none, storage.ErrForeignTx, "Reseller for no transaction")
			},
		},
		{
			ID: "TX-2", Name: "done",
			Text: "Rows of a transaction that has ended refuse everything with storage.ErrTxDone, and so does Reseller.",
			Why:  "A goroutine that outlives its transaction must not write into the next user's.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				before := dump(t, st)
				for ending, result := range map[string]error{"commit": nil, "error": errRefused} {
					var kept storage.Tx
					var rows reseller.Rows
					var keptCtx context.Context
					err := st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) (err error) {
						kept, keptCtx = tx, context.WithoutCancel(ctx)
						if rows, err = st.Reseller(tx); err != nil {
							return err
						}
						return result
					})
					if !errors.Is(err, result) || rows == nil {
						t.Fatalf("Update that ends by %s: %v", ending, err)
					}
					_, err = st.Reseller(kept)
					t.Is(err, storage.ErrTxDone, "Reseller after the end by %s", ending)
					for name, call := range calls() {
						t.Is(call(keptCtx, rows), storage.ErrTxDone, "%s after the end by %s", name, ending)
					}
				}
				t.Equal(dump(t, st), before, "the store")
			},
		},
		{
			ID: "TX-3", Name: "read-only",
			Text: "In a View all reads work, and Write fails with storage.ErrReadOnly, at once, and changes nothing.",
			Why:  "Views run on replicas and without locks.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				before := dump(t, st)
				for name, call := range calls() {
					err := view(t.Context(), st, call)
					if name == "Write" || name == "Lock" {
						t.Is(err, storage.ErrReadOnly, "%s in a View", name)
					} else if err != nil && !errors.Is(err, storage.ErrNotFound) {
						t.Errorf("%s in a View: %v", name, err)
					}
				}
				t.OK(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					t.Is(rows.Write(ctx, filledBatch(1)), storage.ErrReadOnly, "Write in a View that succeeds")
					return nil
				}), "View")
				t.Equal(dump(t, st), before, "the store")
			},
		},
		{
			ID: "TX-4", Name: "rollback",
			Text: "When the function fails, panics or is cancelled nothing of what it wrote stays, of any kind of row, nor of the stocks that it locked.",
			Why:  "A unit that is drawn by nobody is lost to the pool.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, filledBatch(1))
				before := dump(t, st)
				for _, ending := range []string{"error", "panic", "cancel"} {
					for _, sent := range []bool{false, true} {
						b := filledBatch(2)
						b.Bills[0].Resource = "another"
						b.Transfers = append(b.Transfers, transfer(2, reseller.TransferWaiting))
						b.Books = append(b.Books, books(below, 1))
						ctx, cancel := context.WithCancel(t.Context())
						var got error
						value := recovered(func() {
							got = update(ctx, st, func(ctx context.Context, rows reseller.Rows) error {
								if _, err := rows.Lock(ctx, []reseller.StockKey{{Seller: acme, Resource: "locked"}}); err != nil {
									return err
								}
								if err := rows.Write(ctx, b); err != nil {
									return err
								}
								if sent {
									if _, err := rows.Stocks(ctx, acme); err != nil {
										return err
									}
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
						t.Equal(dump(t, st), before, "the store after the end by %s (sent before: %v)", ending, sent)
						t.Equal(len(read(t, st, func(ctx context.Context, rows reseller.Rows) ([]reseller.OpenDay, error) {
							return rows.OpenDays(ctx, billing.NewDate(9999, 12, 31), reseller.OpenDay{}, 10)
						})), 1, "open days after the end by %s", ending)
					}
				}
			},
		},
		{
			ID: "TX-5", Name: "one commit",
			Text: "Rows of this package, of billing and events written in one transaction are committed together, and a View sees one state of all.",
			Why:  "That is what the explicit transaction is for.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				n := int64(0)
				three := func(ctx context.Context, tx storage.Tx) error {
					n++
					rows, err := st.Reseller(tx)
					if err != nil {
						return err
					}
					ob, err := st.Outbox(tx)
					if err != nil {
						return err
					}
					if err := rows.Write(ctx, &reseller.Batch{Shadows: []*reseller.Shadow{shadow(acme, 1, 5, 100)}}); err != nil {
						return err
					}
					if err := ob.Append(ctx, []*storage.Event{event(fmt.Sprint("event ", n))}); err != nil {
						return err
					}
					books, err := st.Billing(tx)
					if err != nil {
						return err
					}
					return books.Write(ctx, &billing.Batch{Entries: []billing.Entry{entry(1, n)}})
				}
				counts := func() (text string) {
					t.OK(st.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
						ob, err := st.Outbox(tx)
						if err != nil {
							return err
						}
						pending, err := ob.Pending(ctx)
						if err != nil {
							return err
						}
						return within(st, func(ctx context.Context, books billing.Rows, rows reseller.Rows) error {
							list, err := rows.Shadows(ctx, reseller.ShadowQuery{Seller: acme}, reseller.ShadowID{}, all)
							if err != nil {
								return err
							}
							entries, err := books.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, all)
							text = fmt.Sprint(len(list), len(entries), pending)
							return err
						})(ctx, tx)
					}), "View")
					return text
				}
				t.Is(st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error { return errors.Join(three(ctx, tx), errRefused) }), errRefused, "Update that is rolled back")
				t.Equal(counts(), "0 0 0", "shadows, entries and events after a rollback")
				t.OK(st.Update(t.Context(), three), "Update")
				t.Equal(counts(), "1 1 1", "shadows, entries and events after a commit")

				var seen string
				done, failed := make(chan struct{}), error(nil)
				t.OK(st.View(t.Context(), within(st, func(ctx context.Context, books billing.Rows, rows reseller.Rows) error {
					list, err := rows.Shadows(ctx, reseller.ShadowQuery{Seller: acme}, reseller.ShadowID{}, all)
					if err != nil {
						return err
					}
					go func() {
						defer close(done)
						failed = st.Update(t.Context(), three)
					}()
					conformance.Closed(done, moment) // a store may make it wait for the View
					sums, err := rows.Sums(ctx, acme, day(5))
					if err != nil || len(sums) != 1 {
						return fmt.Errorf("%d sums: %w", len(sums), err)
					}
					entries, err := books.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, all)
					seen = fmt.Sprint(len(list), sums[0].Shadows, len(entries))
					return err
				})), "View")
				if !conformance.Closed(done, h.patience()) {
					t.Fatalf("an Update that began within a View is stuck after it")
				}
				t.OK(failed, "Update meanwhile")
				t.Equal(seen, "1 1 1", "shadows, shadows of the sum and entries in one View")
				t.Equal(counts(), "2 2 2", "shadows, entries and events after it")
			},
		},
	}
}

// strange is a transaction of no store.
type strange struct{}

func (strange) StoreID() any { return "strange" }

// calls are all methods of reseller.Rows.
func calls() map[string]rowsFunc {
	out := map[string]rowsFunc{
		"Write": func(ctx context.Context, rows reseller.Rows) error { return rows.Write(ctx, filledBatch(1)) },
	}
	for name, look := range looks() {
		out[name] = func(ctx context.Context, rows reseller.Rows) error {
			_, err := look(ctx, rows)
			return err
		}
	}
	return out
}

// recovered returns what fn panics with, as text.
func recovered(fn func()) (value string) {
	defer func() {
		if p := recover(); p != nil {
			value = fmt.Sprint(p)
		}
	}()
	fn()
	return ""
}
