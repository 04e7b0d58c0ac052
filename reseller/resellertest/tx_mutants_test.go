package resellertest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/reseller/resellertest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func txMutants() []mutant {
	return []mutant{
		{name: "foreign is accepted", rules: []string{"TX-1"}, hooks: func() hooks {
			return hooks{reseller: func(st reseller.Store, tx storage.Tx) (reseller.Rows, error) {
				if tx != nil {
					if owner, ok := tx.StoreID().(*memory.Store); ok {
						return owner.Reseller(tx)
					}
				}
				return st.Reseller(tx)
			}}
		}},
		{name: "no transaction is a View", rules: []string{"TX-1"}, hooks: func() hooks {
			return hooks{reseller: func(st reseller.Store, tx storage.Tx) (rows reseller.Rows, err error) {
				if tx == nil {
					return nil, errors.New("no transaction")
				}
				return st.Reseller(tx)
			}}
		}},
		{name: "done is not noticed", rules: []string{"TX-2"}, hooks: func() hooks {
			return hooks{reseller: func(st reseller.Store, tx storage.Tx) (rows reseller.Rows, err error) {
				if rows, err = st.Reseller(tx); errors.Is(err, storage.ErrTxDone) {
					err = aside(st, context.Background(), func(_ context.Context, other reseller.Rows) error {
						rows = other
						return nil
					})
				}
				return rows, err
			}}
		}},
		{name: "a write after the end is lost quietly", rules: []string{"TX-2"}, hooks: func() hooks {
			return hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
				return masked(next.Write(ctx, b), storage.ErrTxDone, nil)
			}}
		}},
		{name: "a View can write", rules: []string{"TX-3"}, make: func() reseller.Store {
			st := memory.New()
			return &broken{st, hooks{view: func(_ runFunc, ctx context.Context, fn txFunc) error { return st.Update(ctx, fn) }}}
		}},
		{name: "a write in a View is lost quietly", rules: []string{"TX-3"}, hooks: func() hooks {
			return hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
				return masked(next.Write(ctx, b), storage.ErrReadOnly, nil)
			}}
		}},
		{name: "no rollback on error", rules: []string{"TX-4"}, hooks: func() hooks {
			return hooks{update: func(next runFunc, ctx context.Context, fn txFunc) error {
				var got error
				err := next(ctx, func(ctx context.Context, tx storage.Tx) error {
					if got = fn(ctx, tx); errors.Is(got, storage.ErrConflict) {
						return got
					}
					return nil
				})
				return errors.Join(got, err)
			}}
		}},
		{name: "no rollback on cancellation", rules: []string{"TX-4"}, hooks: func() hooks {
			return hooks{update: func(next runFunc, ctx context.Context, fn txFunc) error { return next(context.WithoutCancel(ctx), fn) }}
		}},
		{name: "stocks are made for good", rules: []string{"TX-4"}, make: func() reseller.Store {
			st := memory.New()
			var locked []reseller.StockKey
			return &broken{st, hooks{
				lock: func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
					locked = append(locked, keys...)
					return next.Lock(ctx, keys)
				},
				update: func(next runFunc, ctx context.Context, fn txFunc) error {
					locked = nil
					err := next(ctx, fn)
					if err != nil && len(locked) > 0 {
						_ = st.Update(context.WithoutCancel(ctx), inside(st, func(ctx context.Context, rows reseller.Rows) error {
							_, err := rows.Lock(ctx, locked)
							return err
						}))
					}
					return err
				},
			}}
		}},
		{name: "rows commit by themselves", rules: []string{"TX-5", "TX-4"}, make: func() reseller.Store {
			st := memory.New()
			// What is read or written of billing's is in the transaction, the rest is not.
			var after []*reseller.Batch
			return &broken{st, hooks{
				write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
					after = append(after, b)
					return nil
				},
				update: func(next runFunc, ctx context.Context, fn txFunc) error {
					after = nil
					defer func() {
						for _, b := range after {
							_ = st.Update(context.WithoutCancel(ctx), inside(st, func(ctx context.Context, rows reseller.Rows) error { return rows.Write(ctx, b) }))
						}
					}()
					return next(ctx, fn)
				},
			}}
		}},
		{name: "sums in a View are newer than lists", rules: []string{"TX-5"}, make: func() reseller.Store {
			st := memory.New()
			return &broken{st, hooks{sums: func(_ reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) (list []reseller.Sum, err error) {
				err = aside(st, ctx, func(ctx context.Context, rows reseller.Rows) (err error) {
					list, err = rows.Sums(ctx, seller, day)
					return err
				})
				return list, err
			}}}
		}},
		{name: "a restart forgets", rules: []string{"DUR-1"}, hooks: func() hooks { return hooks{} }, shape: func(h *resellertest.Harness) {
			h.Reopen = func(*testing.T, reseller.Store) reseller.Store { return memory.New() }
		}},
		{name: "a restart counts shadows from one", rules: []string{"DUR-1"}, make: func() reseller.Store { return memory.New() }, shape: func(h *resellertest.Harness) {
			h.Reopen = func(_ *testing.T, s reseller.Store) reseller.Store {
				return &broken{s, hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
					err := next.Write(ctx, b)
					for i, x := range b.Shadows {
						x.Seq = int64(i + 1)
					}
					return err
				}}}
			}
		}},
	}
}
