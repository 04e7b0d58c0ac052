package resellertest

import (
	"context"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// failure is an error of the suite's own, to be told from all others.
type failure string

func (f failure) Error() string { return string(f) }

const errRefused failure = "the suite's function refuses"

// all is how many rows the suite asks for where it wants all of them.
const all = 10_000

type (
	rowsFunc = func(ctx context.Context, rows reseller.Rows) error
	bothFunc = func(ctx context.Context, books billing.Rows, rows reseller.Rows) error
)

// update runs fn with the rows in an Update.
func update(ctx context.Context, st reseller.Store, fn rowsFunc) error {
	return st.Update(ctx, within(st, alone(fn)))
}

// view runs fn with the rows in a View.
func view(ctx context.Context, st reseller.Store, fn rowsFunc) error {
	return st.View(ctx, within(st, alone(fn)))
}

func alone(fn rowsFunc) bothFunc {
	return func(ctx context.Context, _ billing.Rows, rows reseller.Rows) error { return fn(ctx, rows) }
}

func within(st reseller.Store, fn bothFunc) func(context.Context, storage.Tx) error {
	return func(ctx context.Context, tx storage.Tx) error {
		books, err := st.Billing(tx)
		if err != nil {
			return fmt.Errorf("rows of package billing: %w", err)
		}
		rows, err := st.Reseller(tx)
		if err != nil {
			return fmt.Errorf("rows of package reseller: %w", err)
		}
		return fn(ctx, books, rows)
	}
}

// read runs fn in a View and returns what it read.
func read[T any](t *conformance.T, st reseller.Store, fn func(ctx context.Context, rows reseller.Rows) (T, error)) (got T) {
	t.Helper()
	t.OK(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) (err error) {
		got, err = fn(ctx, rows)
		return err
	}), "read")
	return got
}

// write writes b and commits.
func write(t *conformance.T, st reseller.Store, b *reseller.Batch) {
	t.Helper()
	t.OK(tryWrite(t.Context(), st, b), "write")
}

func tryWrite(ctx context.Context, st reseller.Store, b *reseller.Batch) error {
	return update(ctx, st, func(ctx context.Context, rows reseller.Rows) error { return rows.Write(ctx, b) })
}

// put writes a catalog change and commits.
func put(t *conformance.T, st reseller.Store, c billing.CatalogChange) {
	t.Helper()
	t.OK(st.Update(t.Context(), within(st, func(ctx context.Context, books billing.Rows, _ reseller.Rows) error {
		return books.PutCatalog(ctx, c)
	})), "write the catalog")
}

// open returns a store with the suite's sellers, and with accounts 1 to 20 of the host.
func open(t *conformance.T, h Harness) reseller.Store {
	t.Helper()
	st := h.New(t.Test())
	b := &billing.Batch{}
	for i := range 20 {
		b.Accounts = append(b.Accounts, account(billing.AccountID(i+1), host))
	}
	t.OK(st.Update(t.Context(), within(st, func(ctx context.Context, books billing.Rows, _ reseller.Rows) error {
		if err := books.PutCatalog(ctx, billing.CatalogChange{Sellers: sellers()}); err != nil {
			return err
		}
		return books.Write(ctx, b)
	})), "write sellers and accounts")
	return st
}

// dump is [Dump] in a test.
func dump(t *conformance.T, st reseller.Store) string {
	t.Helper()
	text, err := Dump(t.Context(), st)
	t.OK(err, "dump")
	return text
}

func shadowsOf(t *conformance.T, st reseller.Store, seller billing.SellerID) []reseller.Shadow {
	t.Helper()
	return read(t, st, func(ctx context.Context, rows reseller.Rows) ([]reseller.Shadow, error) {
		return rows.Shadows(ctx, reseller.ShadowQuery{Seller: seller}, reseller.ShadowID{}, all)
	})
}

func billsOf(t *conformance.T, st reseller.Store, seller billing.SellerID) []reseller.Bill {
	t.Helper()
	return read(t, st, func(ctx context.Context, rows reseller.Rows) ([]reseller.Bill, error) {
		return rows.Bills(ctx, reseller.BillQuery{Seller: seller}, billing.Date{}, "", all)
	})
}

func stocksOf(t *conformance.T, st reseller.Store, seller billing.SellerID) []reseller.Stock {
	t.Helper()
	return read(t, st, func(ctx context.Context, rows reseller.Rows) ([]reseller.Stock, error) {
		return rows.Stocks(ctx, seller)
	})
}

func holdingsOf(t *conformance.T, st reseller.Store, seller billing.SellerID) []reseller.Holding {
	t.Helper()
	return read(t, st, func(ctx context.Context, rows reseller.Rows) ([]reseller.Holding, error) {
		return rows.Holdings(ctx, seller, 0, "", all)
	})
}

// sorted returns a copy of list in order.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	list = slices.Clone(list)
	slices.SortStableFunc(list, compare)
	return list
}

// checkPages reads a list of which all rows are wanted in pages of every size and from
// every place. The key of none of them is the zero key.
func checkPages[R, K any](
	t *conformance.T, st reseller.Store, what string, want []R, keyOf func(R) K,
	next func(ctx context.Context, rows reseller.Rows, after K, limit int) ([]R, error),
) {
	t.Helper()
	err := view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
		for cut := range len(want) + 1 {
			var after K
			if cut > 0 {
				after = keyOf(want[cut-1])
			}
			for _, limit := range []int{1, 2, len(want) - cut, len(want) + 1} {
				if limit < 1 {
					continue
				}
				page, err := next(ctx, rows, after, limit)
				if err != nil {
					return err
				}
				t.Equal(page, want[cut:min(cut+limit, len(want))], "%s: page of %d after %s", what, limit, conformance.Text(after))
			}
		}
		return nil
	})
	t.OK(err, "%s: read pages", what)
}

// held is a transaction that is kept open on a goroutine of its own.
type held struct {
	release chan struct{}
	done    chan struct{}
	err     error
}

// hold runs fn in an Update and keeps it open until end is called; it then returns
// result.
func hold(t *conformance.T, st reseller.Store, fn rowsFunc, result error) *held {
	t.Helper()
	x := &held{release: make(chan struct{}), done: make(chan struct{})}
	ready := make(chan struct{}, 1)
	go func() {
		defer close(x.done)
		x.err = update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
			if err := fn(ctx, rows); err != nil {
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
			return result
		})
	}()
	select {
	case <-ready:
	case <-x.done:
		t.Fatalf("the first transaction: %v", x.err)
	}
	return x
}

// end lets the transaction end.
func (x *held) end(t *conformance.T, h Harness) {
	t.Helper()
	close(x.release)
	if !conformance.Closed(x.done, h.patience()) {
		t.Fatalf("the first transaction is stuck")
	}
	if x.err != nil && x.err != error(errRefused) {
		t.Fatalf("the first transaction: %v", x.err)
	}
}
