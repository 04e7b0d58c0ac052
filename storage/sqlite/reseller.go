package sqlite

import (
	"context"
	"slices"

	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

var _ reseller.Store = (*Store)(nil)

// resellerRows is the rows of package reseller within a transaction.
type resellerRows struct{ *tx }

// Reseller implements [reseller.Store].
func (s *Store) Reseller(x storage.Tx) (reseller.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return resellerRows{t}, nil
}

// Load implements [reseller.Rows].
func (r resellerRows) Load(ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
	if err := r.reading(ctx); err != nil {
		return reseller.Loaded{}, err
	}
	if !r.write && q.Lock {
		return reseller.Loaded{}, storage.ErrReadOnly
	}
	var out reseller.Loaded
	if err := r.load(&q, &out); err != nil {
		return reseller.Loaded{}, failure(ctx, "Load", err)
	}
	return out, nil
}

func (r resellerRows) load(q *reseller.LoadQuery, out *reseller.Loaded) (err error) {
	if q.Lock {
		if err := r.lock(); err != nil {
			return err
		}
	}
	if out.Holdings, err = r.loadWholesale(q.Accounts); err != nil {
		return err
	}
	sellers := slices.Clone(q.Sellers)
	slices.Sort(sellers)
	for _, id := range slices.Compact(sellers) {
		if out.Stocks, err = r.stocks(id, out.Stocks); err != nil {
			return err
		}
		if out.Books, err = r.books(id, out.Books); err != nil {
			return err
		}
	}
	return nil
}

// Write implements [reseller.Rows]. It writes at once, which costs no round trip here.
func (r resellerRows) Write(ctx context.Context, batch *reseller.Batch) error {
	return r.atomically(ctx, "Write", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		in, w := r.store.inserts, r.work
		if err := exists("bill", insertRows(r.tx, &in.bill, &w.bill, batch.Bills, bindBill)); err != nil {
			return err
		}
		if err := insertRows(r.tx, &in.wholesale, &w.wholesale, batch.Holdings, bindWholesale); err != nil {
			return err
		}
		if err := insertRows(r.tx, &in.stock, &w.stock, batch.Stocks, bindStock); err != nil {
			return err
		}
		if err := insertRows(r.tx, &in.books, &w.books, batch.Books, bindBooks); err != nil {
			return err
		}
		if err := insertRows(r.tx, &in.transfer, &w.transfer, batch.Transfers, bindTransfer); err != nil {
			return err
		}
		return r.writeShadows(batch.Shadows)
	})
}
