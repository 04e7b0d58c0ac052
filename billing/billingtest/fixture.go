package billingtest

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// failure is an error of the suite's own, to be told from all others.
type failure string

func (f failure) Error() string { return string(f) }

const errRefused failure = "the suite's function refuses"

type rowsFunc = func(ctx context.Context, rows billing.Rows) error

// update runs fn with the rows in an Update.
func update(ctx context.Context, st billing.Store, fn rowsFunc) error {
	return st.Update(ctx, within(st, fn))
}

// view runs fn with the rows in a View.
func view(ctx context.Context, st billing.Store, fn rowsFunc) error {
	return st.View(ctx, within(st, fn))
}

func within(st billing.Store, fn rowsFunc) func(context.Context, storage.Tx) error {
	return func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Billing(tx)
		if err != nil {
			return fmt.Errorf("rows of package billing: %w", err)
		}
		return fn(ctx, rows)
	}
}

// read runs fn in a View and returns what it read.
func read[T any](t *conformance.T, st billing.Store, fn func(ctx context.Context, rows billing.Rows) (T, error)) T {
	t.Helper()
	got, err := tryRead(t.Context(), st, fn)
	t.OK(err, "read")
	return got
}

func tryRead[T any](
	ctx context.Context, st billing.Store, fn func(ctx context.Context, rows billing.Rows) (T, error),
) (got T, err error) {
	err = view(ctx, st, func(ctx context.Context, rows billing.Rows) (err error) {
		got, err = fn(ctx, rows)
		return err
	})
	return got, err
}

// write writes b and commits.
func write(t *conformance.T, st billing.Store, b *billing.Batch) {
	t.Helper()
	t.OK(tryWrite(t.Context(), st, b), "write")
}

func tryWrite(ctx context.Context, st billing.Store, b *billing.Batch) error {
	return update(ctx, st, func(ctx context.Context, rows billing.Rows) error { return rows.Write(ctx, b) })
}

// refused writes b in a transaction that is rolled back in any case, and returns what
// Write said. The error that the store sees is not the conflict itself, so that it is
// not run again.
func refused(t *conformance.T, st billing.Store, b *billing.Batch) (got error) {
	t.Helper()
	err := update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
		got = rows.Write(ctx, b)
		return errRefused
	})
	t.Is(err, errRefused, "Update whose function refuses")
	return got
}

// put writes a catalog change and commits.
func put(t *conformance.T, st billing.Store, c billing.CatalogChange) {
	t.Helper()
	t.OK(tryPut(t.Context(), st, c), "write the catalog")
}

func tryPut(ctx context.Context, st billing.Store, c billing.CatalogChange) error {
	return update(ctx, st, func(ctx context.Context, rows billing.Rows) error { return rows.PutCatalog(ctx, c) })
}

// load reads without a lock.
func load(t *conformance.T, st billing.Store, q billing.LoadQuery) billing.Loaded {
	t.Helper()
	return read(t, st, func(ctx context.Context, rows billing.Rows) (billing.Loaded, error) { return rows.Load(ctx, q) })
}

// accountAt returns an account as it is stored.
func accountAt(t *conformance.T, st billing.Store, id billing.AccountID) billing.Account {
	t.Helper()
	states := load(t, st, billing.LoadQuery{IDs: []billing.AccountID{id}}).States
	if len(states) != 1 {
		t.Fatalf("account %d: %d states, want 1", id, len(states))
	}
	return states[0].Account
}

// open returns a store with the suite's sellers, and with accounts 1 to n of the host.
func open(t *conformance.T, h Harness, n int) billing.Store {
	t.Helper()
	st := h.New(t.Test())
	put(t, st, billing.CatalogChange{Sellers: sellers()})
	if n > 0 {
		b := &billing.Batch{}
		for i := range n {
			b.Accounts = append(b.Accounts, account(billing.AccountID(i+1), host))
		}
		write(t, st, b)
	}
	return st
}

// dump is [Dump] in a test.
func dump(t *conformance.T, st billing.Store, keys ...billing.KeyID) string {
	t.Helper()
	text, err := Dump(t.Context(), st, keys...)
	t.OK(err, "dump")
	return text
}

// pending counts the events that wait.
func pending(t *conformance.T, st billing.Store) (n int64) {
	t.Helper()
	t.OK(st.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		ob, err := st.Outbox(tx)
		if err != nil {
			return err
		}
		n, err = ob.Pending(ctx)
		return err
	}), "count the events")
	return n
}
