package billing_test

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// bent is a store whose rows are altered on the way, as a defect or a hand in the
// database would. Functions that are nil alter nothing.
type bent struct {
	*memory.Store
	load      func(*billing.Loaded, error) error
	accounts  func([]billing.Account) []billing.Account
	entries   func([]billing.Entry) []billing.Entry
	documents func([]billing.Document) []billing.Document
	series    func([]billing.Document) []billing.Document
	periods   func([]billing.PeriodRow) []billing.PeriodRow
	version   func(*billing.PlanVersion)
	seller    func(*billing.Seller)
	resources func([]billing.Resource) []billing.Resource
	write     func(*billing.Batch) error
}

func (s *bent) Billing(tx storage.Tx) (billing.Rows, error) {
	rows, err := s.Store.Billing(tx)
	return bentRows{rows, s}, err
}

type bentRows struct {
	billing.Rows
	s *bent
}

func (r bentRows) Seller(ctx context.Context, id billing.SellerID) (billing.Seller, error) {
	v, err := r.Rows.Seller(ctx, id)
	if r.s.seller != nil {
		r.s.seller(&v)
	}
	return v, err
}

func (r bentRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	l, err := r.Rows.Load(ctx, q)
	if r.s.load != nil {
		err = r.s.load(&l, err)
	}
	return l, err
}

func (r bentRows) Accounts(ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
	l, err := r.Rows.Accounts(ctx, q, after, limit)
	if r.s.accounts != nil {
		l = r.s.accounts(l)
	}
	return l, err
}

func (r bentRows) Entries(ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
	l, err := r.Rows.Entries(ctx, q, after, limit)
	if r.s.entries != nil {
		l = r.s.entries(l)
	}
	return l, err
}

func (r bentRows) Documents(ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error) {
	l, err := r.Rows.Documents(ctx, q, after, limit)
	if r.s.documents != nil {
		l = r.s.documents(l)
	}
	return l, err
}

func (r bentRows) Series(ctx context.Context, s billing.SellerID, k billing.DocumentKind, after int64, limit int) ([]billing.Document, error) {
	l, err := r.Rows.Series(ctx, s, k, after, limit)
	if r.s.series != nil {
		l = r.s.series(l)
	}
	return l, err
}

func (r bentRows) Periods(ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.PeriodRow, error) {
	l, err := r.Rows.Periods(ctx, id, after, limit)
	if r.s.periods != nil {
		l = r.s.periods(l)
	}
	return l, err
}

func (r bentRows) PlanVersion(ctx context.Context, s billing.SellerID, id billing.PlanID, n int) (billing.PlanVersion, error) {
	v, err := r.Rows.PlanVersion(ctx, s, id, n)
	if r.s.version != nil {
		r.s.version(&v)
	}
	return v, err
}

func (r bentRows) Resources(ctx context.Context) ([]billing.Resource, error) {
	l, err := r.Rows.Resources(ctx)
	if r.s.resources != nil {
		l = r.s.resources(l)
	}
	return l, err
}

func (r bentRows) Write(ctx context.Context, b *billing.Batch) error {
	if r.s.write != nil {
		if err := r.s.write(b); err != nil {
			return err
		}
	}
	return r.Rows.Write(ctx, b)
}
