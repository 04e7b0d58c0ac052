package billingtest_test

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

type (
	txFunc  = func(ctx context.Context, tx storage.Tx) error
	runFunc = func(ctx context.Context, fn txFunc) error
)

// hooks stand in the place of a store's methods; nil ones let the call through. next
// is the method, or the rows, of the store below.
type hooks struct {
	update  func(next runFunc, ctx context.Context, fn txFunc) error
	view    func(next runFunc, ctx context.Context, fn txFunc) error
	billing func(st billing.Store, tx storage.Tx) (billing.Rows, error)

	putCatalog  func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error
	revision    func(next billing.Rows, ctx context.Context) (int64, error)
	resources   func(next billing.Rows, ctx context.Context) ([]billing.Resource, error)
	seller      func(next billing.Rows, ctx context.Context, id billing.SellerID) (billing.Seller, error)
	sellers     func(next billing.Rows, ctx context.Context, after billing.SellerID, limit int) ([]billing.Seller, error)
	plans       func(next billing.Rows, ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int) ([]billing.Plan, error)
	planVersion func(next billing.Rows, ctx context.Context, seller billing.SellerID, id billing.PlanID, version int) (billing.PlanVersion, error)
	load        func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error)
	write       func(next billing.Rows, ctx context.Context, b *billing.Batch) error
	due         func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error)
	accounts    func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error)
	holdings    func(next billing.Rows, ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error)
	entries     func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error)
	entriesByID func(next billing.Rows, ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error)
	documents   func(next billing.Rows, ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error)
	series      func(next billing.Rows, ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error)
	periods     func(next billing.Rows, ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.PeriodRow, error)
	usage       func(next billing.Rows, ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.UsageRecord, error)
	sum         func(next billing.Rows, ctx context.Context, id billing.AccountID, until billing.Date) (int64, error)
}

// broken is a store with hooks.
type broken struct {
	billing.Store
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
	open := b.Store.Billing
	if b.hooks.billing != nil {
		open = func(tx storage.Tx) (billing.Rows, error) { return b.hooks.billing(b.Store, tx) }
	}
	rows, err := open(tx)
	if err != nil {
		return nil, err
	}
	return &brokenRows{rows, &b.hooks}, nil
}

// brokenRows are rows with hooks.
type brokenRows struct {
	billing.Rows
	h *hooks
}

func (r *brokenRows) PutCatalog(ctx context.Context, c billing.CatalogChange) error {
	if r.h.putCatalog != nil {
		return r.h.putCatalog(r.Rows, ctx, c)
	}
	return r.Rows.PutCatalog(ctx, c)
}

func (r *brokenRows) Revision(ctx context.Context) (int64, error) {
	if r.h.revision != nil {
		return r.h.revision(r.Rows, ctx)
	}
	return r.Rows.Revision(ctx)
}

func (r *brokenRows) Resources(ctx context.Context) ([]billing.Resource, error) {
	if r.h.resources != nil {
		return r.h.resources(r.Rows, ctx)
	}
	return r.Rows.Resources(ctx)
}

func (r *brokenRows) Seller(ctx context.Context, id billing.SellerID) (billing.Seller, error) {
	if r.h.seller != nil {
		return r.h.seller(r.Rows, ctx, id)
	}
	return r.Rows.Seller(ctx, id)
}

func (r *brokenRows) Sellers(ctx context.Context, after billing.SellerID, limit int) ([]billing.Seller, error) {
	if r.h.sellers != nil {
		return r.h.sellers(r.Rows, ctx, after, limit)
	}
	return r.Rows.Sellers(ctx, after, limit)
}

func (r *brokenRows) Plans(ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int) ([]billing.Plan, error) {
	if r.h.plans != nil {
		return r.h.plans(r.Rows, ctx, seller, after, limit)
	}
	return r.Rows.Plans(ctx, seller, after, limit)
}

func (r *brokenRows) PlanVersion(ctx context.Context, seller billing.SellerID, id billing.PlanID, version int) (billing.PlanVersion, error) {
	if r.h.planVersion != nil {
		return r.h.planVersion(r.Rows, ctx, seller, id, version)
	}
	return r.Rows.PlanVersion(ctx, seller, id, version)
}

func (r *brokenRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	if r.h.load != nil {
		return r.h.load(r.Rows, ctx, q)
	}
	return r.Rows.Load(ctx, q)
}

func (r *brokenRows) Write(ctx context.Context, b *billing.Batch) error {
	if r.h.write != nil {
		return r.h.write(r.Rows, ctx, b)
	}
	return r.Rows.Write(ctx, b)
}

func (r *brokenRows) Due(ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
	if r.h.due != nil {
		return r.h.due(r.Rows, ctx, q, after, limit)
	}
	return r.Rows.Due(ctx, q, after, limit)
}

func (r *brokenRows) Accounts(ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
	if r.h.accounts != nil {
		return r.h.accounts(r.Rows, ctx, q, after, limit)
	}
	return r.Rows.Accounts(ctx, q, after, limit)
}

func (r *brokenRows) Holdings(ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
	if r.h.holdings != nil {
		return r.h.holdings(r.Rows, ctx, ids)
	}
	return r.Rows.Holdings(ctx, ids)
}

func (r *brokenRows) Entries(ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
	if r.h.entries != nil {
		return r.h.entries(r.Rows, ctx, q, after, limit)
	}
	return r.Rows.Entries(ctx, q, after, limit)
}

func (r *brokenRows) EntriesByID(ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error) {
	if r.h.entriesByID != nil {
		return r.h.entriesByID(r.Rows, ctx, ids)
	}
	return r.Rows.EntriesByID(ctx, ids)
}

func (r *brokenRows) Documents(ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error) {
	if r.h.documents != nil {
		return r.h.documents(r.Rows, ctx, q, after, limit)
	}
	return r.Rows.Documents(ctx, q, after, limit)
}

func (r *brokenRows) Series(ctx context.Context, seller billing.SellerID, kind billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
	if r.h.series != nil {
		return r.h.series(r.Rows, ctx, seller, kind, after, limit)
	}
	return r.Rows.Series(ctx, seller, kind, after, limit)
}

func (r *brokenRows) Periods(ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.PeriodRow, error) {
	if r.h.periods != nil {
		return r.h.periods(r.Rows, ctx, id, after, limit)
	}
	return r.Rows.Periods(ctx, id, after, limit)
}

func (r *brokenRows) Usage(ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.UsageRecord, error) {
	if r.h.usage != nil {
		return r.h.usage(r.Rows, ctx, id, after, limit)
	}
	return r.Rows.Usage(ctx, id, after, limit)
}

func (r *brokenRows) Sum(ctx context.Context, id billing.AccountID, until billing.Date) (int64, error) {
	if r.h.sum != nil {
		return r.h.sum(r.Rows, ctx, id, until)
	}
	return r.Rows.Sum(ctx, id, until)
}
