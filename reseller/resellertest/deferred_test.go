package resellertest_test

import (
	"context"
	"reflect"
	"sync"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// deferred is a store that keeps what Write was given until the next write of billing's
// rows, the next read or the commit, as the contract allows.
type deferred struct {
	*memory.Store
	fault string

	mu      sync.Mutex
	pending map[storage.Tx]*[]kept
}

// kept is a batch, and the shadows that are to get their numbers.
type kept struct {
	batch reseller.Batch
	given []*reseller.Shadow
}

func newDeferred(fault string) *deferred {
	return &deferred{Store: memory.New(), fault: fault, pending: map[storage.Tx]*[]kept{}}
}

func (s *deferred) Update(ctx context.Context, fn txFunc) error {
	var first *[]kept
	return s.Store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		list := new([]kept)
		if s.fault == "runs add up" && first != nil {
			list = first
		}
		first = list
		s.mu.Lock()
		s.pending[tx] = list
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.pending, tx)
		}()
		if err := fn(ctx, tx); err != nil {
			return err
		}
		if len(*list) == 0 || s.fault == "lost at the commit" {
			return nil
		}
		rows, err := s.Store.Reseller(tx)
		if err != nil {
			return err
		}
		return s.flush(ctx, list, rows)
	})
}

// flush writes what is pending.
func (s *deferred) flush(ctx context.Context, list *[]kept, rows reseller.Rows) error {
	if list == nil {
		return nil
	}
	all := *list
	*list = nil
	for _, k := range all {
		if s.fault == "nobody is told" {
			k.batch.Bills = without(k.batch.Bills, func(b reseller.Bill) bool { return billThere(ctx, rows, b) })
		}
		if err := rows.Write(ctx, &k.batch); err != nil {
			return err
		}
		for i, x := range k.given {
			if s.fault != "no numbers" {
				x.Seq = k.batch.Shadows[i].Seq
			}
		}
	}
	return nil
}

func (s *deferred) of(tx storage.Tx) *[]kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending[tx]
}

func (s *deferred) Billing(tx storage.Tx) (billing.Rows, error) {
	rows, err := s.Store.Billing(tx)
	if err != nil {
		return nil, err
	}
	own, err := s.Store.Reseller(tx)
	return &deferredBilling{rows, s, s.of(tx), own}, err
}

func (s *deferred) Reseller(tx storage.Tx) (reseller.Rows, error) {
	rows, err := s.Store.Reseller(tx)
	if err != nil {
		return nil, err
	}
	list := s.of(tx)
	h := &hooks{write: func(next reseller.Rows, ctx context.Context, b *reseller.Batch) error {
		if err := next.Write(ctx, &reseller.Batch{}); err != nil {
			return err // it is too late, or a View
		}
		k := kept{batch: *b, given: b.Shadows}
		if s.fault != "memory of the caller" {
			k.batch = deepCopy(reflect.ValueOf(*b)).Interface().(reseller.Batch)
			k.given = append([]*reseller.Shadow(nil), b.Shadows...)
		}
		*list = append(*list, k)
		return nil
	}}
	before := func(ctx context.Context) error {
		if s.fault == "reads do not send" {
			return nil
		}
		return s.flush(ctx, list, rows)
	}
	h.load = func(next reseller.Rows, ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
		if err := before(ctx); err != nil {
			return reseller.Loaded{}, err
		}
		return next.Load(ctx, q)
	}
	h.lock = func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
		if err := before(ctx); err != nil {
			return nil, err
		}
		return next.Lock(ctx, keys)
	}
	h.shadows = func(next reseller.Rows, ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
		if err := before(ctx); err != nil {
			return nil, err
		}
		return next.Shadows(ctx, q, after, limit)
	}
	h.holdings = func(
		next reseller.Rows, ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int,
	) ([]reseller.Holding, error) {
		if err := before(ctx); err != nil {
			return nil, err
		}
		return next.Holdings(ctx, seller, account, resource, limit)
	}
	h.stocks = func(next reseller.Rows, ctx context.Context, seller billing.SellerID) ([]reseller.Stock, error) {
		if err := before(ctx); err != nil {
			return nil, err
		}
		return next.Stocks(ctx, seller)
	}
	h.books = func(next reseller.Rows, ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
		if err := before(ctx); err != nil {
			return reseller.Books{}, err
		}
		return next.Books(ctx, seller)
	}
	h.bills = func(
		next reseller.Rows, ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int,
	) ([]reseller.Bill, error) {
		if err := before(ctx); err != nil {
			return nil, err
		}
		return next.Bills(ctx, q, day, resource, limit)
	}
	h.sums = func(next reseller.Rows, ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
		if err := before(ctx); err != nil {
			return nil, err
		}
		return next.Sums(ctx, seller, day)
	}
	h.transfer = func(next reseller.Rows, ctx context.Context, account billing.AccountID) (reseller.Transfer, error) {
		if err := before(ctx); err != nil {
			return reseller.Transfer{}, err
		}
		return next.Transfer(ctx, account)
	}
	h.transfers = func(next reseller.Rows, ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int) ([]reseller.Transfer, error) {
		if err := before(ctx); err != nil {
			return nil, err
		}
		return next.Transfers(ctx, state, after, limit)
	}
	h.openDays = func(next reseller.Rows, ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
		if err := before(ctx); err != nil {
			return nil, err
		}
		return next.OpenDays(ctx, until, after, limit)
	}
	return &brokenRows{rows, h}, nil
}

// deferredBilling sends what is pending with its writes.
type deferredBilling struct {
	billing.Rows
	st   *deferred
	list *[]kept
	own  reseller.Rows
}

func (r *deferredBilling) Write(ctx context.Context, b *billing.Batch) error {
	if r.st.fault == "lost behind a final write" && b.Final {
		*r.list = nil
	}
	if err := r.st.flush(ctx, r.list, r.own); err != nil {
		return err
	}
	return r.Rows.Write(ctx, b)
}
