package resellertest_test

import (
	"context"
	"errors"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// change is what happens to rows on their way; nil fields change nothing.
type change struct {
	holding  func(*reseller.Holding)
	stock    func(*reseller.Stock)
	books    func(*reseller.Books)
	shadow   func(*reseller.Shadow)
	bill     func(*reseller.Bill)
	transfer func(*reseller.Transfer)
}

// each applies f to copies of the rows.
func each[R any](rows []R, f func(*R)) []R {
	out := append([]R(nil), rows...)
	for i := range out {
		if f != nil {
			f(&out[i])
		}
	}
	return out
}

// eachShadow applies f to copies of shadows, and returns how to bring the numbers back
// to the given ones.
func eachShadow(list []*reseller.Shadow, f func(*reseller.Shadow)) (changed []*reseller.Shadow, back func()) {
	for _, s := range list {
		c := *s
		if f != nil {
			f(&c)
		}
		changed = append(changed, &c)
	}
	return changed, func() {
		for i, s := range list {
			s.Seq = changed[i].Seq
		}
	}
}

// rewriting changes rows on their way in and out.
func rewriting(in, out *change) hooks {
	if in == nil {
		in = &change{}
	}
	if out == nil {
		out = &change{}
	}
	return hooks{
		write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
			c := *b
			var numbers func()
			c.Holdings, c.Stocks, c.Books = each(b.Holdings, in.holding), each(b.Stocks, in.stock), each(b.Books, in.books)
			c.Bills, c.Transfers = each(b.Bills, in.bill), each(b.Transfers, in.transfer)
			c.Shadows, numbers = eachShadow(b.Shadows, in.shadow)
			err := next.Write(ctx, &c)
			numbers()
			return err
		},
		load: func(next reseller.Rows, ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
			l, err := next.Load(ctx, q)
			l.Holdings, l.Stocks, l.Books = each(l.Holdings, out.holding), each(l.Stocks, out.stock), each(l.Books, out.books)
			return l, err
		},
		lock: func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
			list, err := next.Lock(ctx, keys)
			return each(list, out.stock), err
		},
		shadows: func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
			page, err := next.Shadows(ctx, q, after, limit)
			return each(page, out.shadow), err
		},
		holdings: func(
			next reseller.Rows, ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int,
		) ([]reseller.Holding, error) {
			page, err := next.Holdings(ctx, seller, account, resource, limit)
			return each(page, out.holding), err
		},
		stocks: func(next reseller.Rows, ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
			list, err := next.Stocks(ctx, seller)
			return each(list, out.stock), err
		},
		books: func(next reseller.Rows, ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
			b, err := next.Books(ctx, seller)
			return each([]reseller.Books{b}, out.books)[0], err
		},
		bills: func(
			next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int,
		) ([]reseller.Bill, error) {
			page, err := next.Bills(ctx, q, day, resource, limit)
			return each(page, out.bill), err
		},
		transfer: func(next reseller.Rows, ctx context.Context, account billing.AccountID) (reseller.Transfer, error) {
			x, err := next.Transfer(ctx, account)
			return each([]reseller.Transfer{x}, out.transfer)[0], err
		},
		transfers: func(next reseller.Rows, ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error) {
			page, err := next.Transfers(ctx, state, after, limit)
			return each(page, out.transfer), err
		},
	}
}

func rewritingIn(c change) func() hooks  { return func() hooks { return rewriting(&c, nil) } }
func rewritingOut(c change) func() hooks { return func() hooks { return rewriting(nil, &c) } }

// writing replaces Write by one that changes a copy of the batch.
func writing(change func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error) func() hooks {
	return func() hooks {
		return hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
			c := *b
			if err := change(ctx, next, &c); err != nil {
				return err
			}
			return next.Write(ctx, &c)
		}}
	}
}

// without returns the rows that do not match.
func without[R any](rows []R, match func(R) bool) []R {
	var out []R
	for _, r := range rows {
		if !match(r) {
			out = append(out, r)
		}
	}
	return out
}

// masked returns err without one of its kinds.
func masked(err, kind, instead error) error {
	if errors.Is(err, kind) {
		return instead
	}
	return err
}

// unmarked hides what a context carries, the mark against nesting included.
type unmarked struct{ context.Context }

func (unmarked) Value(any) any { return nil }

// aside runs fn on the rows in a View of its own, as committed.
func aside(st reseller.Store, ctx context.Context, fn func(ctx context.Context, rows reseller.Rows) error) error {
	return st.View(unmarked{ctx}, inside(st, fn))
}

func inside(st reseller.Store, fn func(ctx context.Context, rows reseller.Rows) error) txFunc {
	return func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Reseller(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	}
}
