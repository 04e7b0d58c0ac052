package resellertest_test

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

type (
	txFunc  = func(ctx context.Context, tx storage.Tx) error
	runFunc = func(ctx context.Context, fn txFunc) error
)

// hooks stand in the place of a store's methods; nil ones let the call through. next
// is the method, or the rows, of the store below.
type hooks struct {
	update   func(next runFunc, ctx context.Context, fn txFunc) error
	view     func(next runFunc, ctx context.Context, fn txFunc) error
	billing  func(next billing.Rows) billing.Rows
	reseller func(st reseller.Store, tx storage.Tx) (reseller.Rows, error)

	load      func(next reseller.Rows, ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error)
	lock      func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error)
	write     func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error
	shadows   func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error)
	holdings  func(next reseller.Rows, ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int) ([]reseller.Holding, error)
	stocks    func(next reseller.Rows, ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error)
	books     func(next reseller.Rows, ctx context.Context, seller billing.SellerID) (reseller.Books, error)
	bills     func(next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int) ([]reseller.Bill, error)
	sums      func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error)
	transfer  func(next reseller.Rows, ctx context.Context, account billing.AccountID) (reseller.Transfer, error)
	transfers func(next reseller.Rows, ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error)
	openDays  func(next reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error)
}

// broken is a store with hooks.
type broken struct {
	reseller.Store
	hooks hooks
}

func (b *broken) Update(ctx context.Context, fn txFunc) error {
	if b.hooks.update != nil {
		return b.hooks.update(b.Store.Update, ctx, fn)
	}
	return b.Store.Update(ctx, fn)
}

func (b *broken) View(ctx context.Context, fn txFunc) error {
	if b.hooks.view != nil {
		return b.hooks.view(b.Store.View, ctx, fn)
	}
	return b.Store.View(ctx, fn)
}

func (b *broken) Billing(tx storage.Tx) (billing.Rows, error) {
	rows, err := b.Store.Billing(tx)
	if err == nil && b.hooks.billing != nil {
		rows = b.hooks.billing(rows)
	}
	return rows, err
}

func (b *broken) Reseller(tx storage.Tx) (reseller.Rows, error) {
	open := b.Store.Reseller
	if b.hooks.reseller != nil {
		open = func(tx storage.Tx) (reseller.Rows, error) { return b.hooks.reseller(b.Store, tx) }
	}
	rows, err := open(tx)
	if err != nil {
		return nil, err
	}
	return &brokenRows{rows, &b.hooks}, nil
}

// brokenRows are rows with hooks.
type brokenRows struct {
	reseller.Rows
	h *hooks
}

func (r *brokenRows) Load(ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
	if r.h.load != nil {
		return r.h.load(r.Rows, ctx, q)
	}
	return r.Rows.Load(ctx, q)
}

func (r *brokenRows) Lock(ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
	if r.h.lock != nil {
		return r.h.lock(r.Rows, ctx, keys)
	}
	return r.Rows.Lock(ctx, keys)
}

func (r *brokenRows) Write(ctx context.Context, b *reseller.Batch) error {
	if r.h.write != nil {
		return r.h.write(r.Rows, ctx, b)
	}
	return r.Rows.Write(ctx, b)
}

func (r *brokenRows) Shadows(ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
	if r.h.shadows != nil {
		return r.h.shadows(r.Rows, ctx, q, after, limit)
	}
	return r.Rows.Shadows(ctx, q, after, limit)
}

func (r *brokenRows) Holdings(
	ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int,
) ([]reseller.Holding, error) {
	if r.h.holdings != nil {
		return r.h.holdings(r.Rows, ctx, seller, account, resource, limit)
	}
	return r.Rows.Holdings(ctx, seller, account, resource, limit)
}

func (r *brokenRows) Stocks(ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
	if r.h.stocks != nil {
		return r.h.stocks(r.Rows, ctx, seller)
	}
	return r.Rows.Stocks(ctx, seller)
}

func (r *brokenRows) Books(ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
	if r.h.books != nil {
		return r.h.books(r.Rows, ctx, seller)
	}
	return r.Rows.Books(ctx, seller)
}

func (r *brokenRows) Bills(
	ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int,
) ([]reseller.Bill, error) {
	if r.h.bills != nil {
		return r.h.bills(r.Rows, ctx, q, day, resource, limit)
	}
	return r.Rows.Bills(ctx, q, day, resource, limit)
}

func (r *brokenRows) Sums(ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
	if r.h.sums != nil {
		return r.h.sums(r.Rows, ctx, seller, day)
	}
	return r.Rows.Sums(ctx, seller, day)
}

func (r *brokenRows) Transfer(ctx context.Context, account billing.AccountID) (reseller.Transfer, error) {
	if r.h.transfer != nil {
		return r.h.transfer(r.Rows, ctx, account)
	}
	return r.Rows.Transfer(ctx, account)
}

func (r *brokenRows) Transfers(
	ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int,
) ([]reseller.Transfer, error) {
	if r.h.transfers != nil {
		return r.h.transfers(r.Rows, ctx, state, after, limit)
	}
	return r.Rows.Transfers(ctx, state, after, limit)
}

func (r *brokenRows) OpenDays(ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
	if r.h.openDays != nil {
		return r.h.openDays(r.Rows, ctx, until, after, limit)
	}
	return r.Rows.OpenDays(ctx, until, after, limit)
}
