package billingtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/billing/billingtest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func txMutants() []mutant {
	return []mutant{
		{name: "foreign is accepted", rules: []string{"TX-1"}, hooks: func() hooks {
			return hooks{billing: func(st billing.Store, tx storage.Tx) (billing.Rows, error) {
				if tx != nil {
					if owner, ok := tx.StoreID().(*memory.Store); ok {
						return owner.Billing(tx)
					}
				}
				return st.Billing(tx)
			}}
		}},
		{name: "done is not noticed", rules: []string{"TX-2"}, hooks: func() hooks {
			return hooks{billing: func(st billing.Store, tx storage.Tx) (rows billing.Rows, err error) {
				if rows, err = st.Billing(tx); errors.Is(err, storage.ErrTxDone) {
					err = aside(st, context.Background(), func(_ context.Context, other billing.Rows) error {
						rows = other
						return nil
					})
				}
				return rows, err
			}}
		}},
		{name: "a write after the end is lost quietly", rules: []string{"TX-2"}, hooks: func() hooks {
			return hooks{write: func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
				return masked(next.Write(ctx, b), storage.ErrTxDone, nil)
			}}
		}},
		{name: "a View can write", rules: []string{"TX-3"}, make: func() billing.Store {
			st := memory.New()
			return &broken{st, hooks{view: func(_ runFunc, ctx context.Context, fn txFunc) error { return st.Update(ctx, fn) }}}
		}},
		{name: "a catalog in a View is lost quietly", rules: []string{"TX-3"}, hooks: func() hooks {
			return hooks{putCatalog: func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error {
				return masked(next.PutCatalog(ctx, c), storage.ErrReadOnly, nil)
			}}
		}},
		{name: "no rollback on error", rules: []string{"TX-4", "NUM-2"}, hooks: func() hooks {
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
		{name: "no rollback on cancellation", rules: []string{"TX-4", "NUM-2"}, hooks: func() hooks {
			return hooks{update: func(next runFunc, ctx context.Context, fn txFunc) error { return next(context.WithoutCancel(ctx), fn) }}
		}},
		{name: "rows commit by themselves", rules: []string{"TX-5", "TX-4"}, make: func() billing.Store {
			st := memory.New()
			return &broken{st, hooks{
				update: func(_ runFunc, ctx context.Context, fn txFunc) error { return st.View(ctx, fn) },
				write: func(_ billing.Rows, ctx context.Context, b *billing.Batch) error {
					return st.Update(unmarked{ctx}, func(ctx context.Context, tx storage.Tx) error {
						rows, err := st.Billing(tx)
						if err != nil {
							return err
						}
						return rows.Write(ctx, b)
					})
				},
			}}
		}},
		{name: "lists in a View are newer than sums", rules: []string{"TX-5"}, make: func() billing.Store {
			st := memory.New()
			return &broken{st, hooks{entries: func(
				_ billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int,
			) (page []billing.Entry, err error) {
				err = aside(st, ctx, func(ctx context.Context, rows billing.Rows) (err error) {
					page, err = rows.Entries(ctx, q, after, limit)
					return err
				})
				return page, err
			}}}
		}},
		{name: "a restart forgets", rules: []string{"DUR-1"}, hooks: func() hooks { return hooks{} }, shape: func(h *billingtest.Harness) {
			h.Reopen = func(*testing.T, billing.Store) billing.Store { return memory.New() }
		}},
	}
}
