package reseller_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// touched counts what happens to the rows of resellers.
type touched struct {
	LocksDouble, SharesDouble, WritesDouble int
	LocksStock, WritesStock, WritesBooks    int
	Customers                               int // rows of customers that were written
}

// countingStore counts what happens to the rows of some doubles and of their sellers.
type countingStore struct {
	reseller.Store
	doubles []billing.AccountID
	n       touched
}

func (s *countingStore) Billing(tx storage.Tx) (billing.Rows, error) {
	rows, err := s.Store.Billing(tx)
	return countingRows{rows, s}, err
}

func (s *countingStore) Reseller(tx storage.Tx) (reseller.Rows, error) {
	rows, err := s.Store.Reseller(tx)
	return countingWholesale{rows, s}, err
}

type countingRows struct {
	billing.Rows
	s *countingStore
}

func (r countingRows) Load(ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
	loaded, err := r.Rows.Load(ctx, q)
	for _, st := range loaded.States {
		if q.Lock != billing.LockNone && slices.Contains(r.s.doubles, st.Account.ID) {
			r.s.n.LocksDouble++
		}
	}
	if q.Above == billing.AboveShare {
		r.s.n.SharesDouble += len(loaded.Above)
	}
	return loaded, err
}

func (r countingRows) Write(ctx context.Context, b *billing.Batch) error {
	for i := range b.Accounts {
		if slices.Contains(r.s.doubles, b.Accounts[i].ID) {
			r.s.n.WritesDouble++
		} else {
			r.s.n.Customers++
		}
	}
	return r.Rows.Write(ctx, b)
}

type countingWholesale struct {
	reseller.Rows
	s *countingStore
}

func (r countingWholesale) Load(ctx context.Context, q reseller.LoadQuery) (reseller.Loaded, error) {
	loaded, err := r.Rows.Load(ctx, q)
	if q.Lock {
		r.s.n.LocksStock += len(loaded.Stocks)
	}
	return loaded, err
}

func (r countingWholesale) Lock(ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
	r.s.n.LocksStock += len(keys)
	return r.Rows.Lock(ctx, keys)
}

func (r countingWholesale) Write(ctx context.Context, b *reseller.Batch) error {
	r.s.n.WritesStock += len(b.Stocks)
	r.s.n.WritesBooks += len(b.Books)
	return r.Rows.Write(ctx, b)
}

// A night touches a reseller's rows once a batch, and not once a customer: it locks the
// highest double, and the stocks, and writes of them what has changed, whether two
// customers draw on them or two hundred. Where everybody renews nothing has.
func TestANightTouchesAResellersRowsByTheBatch(t *testing.T) {
	t.Parallel()
	night := func(customers, leave, batch int) touched {
		store := &countingStore{Store: memory.New()}
		s := newShopOn(t, store, 2)
		acme, sub := s.enroll("acme", "host"), s.enroll("sub", "acme")
		store.doubles = []billing.AccountID{acme.ID, sub.ID}
		for i := range customers {
			id := s.signup([]billing.SellerID{"acme", "sub"}[i%2], fmt.Sprint("customer ", i))
			if i%2 == 0 || i < 4 {
				require.NoError(t, s.set(id, "mailbox", 2))
			}
		}
		for _, seller := range []billing.SellerID{"acme", "sub"} {
			for _, id := range []billing.ResourceID{reseller.Customers, "mailbox"} {
				require.NoError(t, s.m.SetLimit(s.ctx, seller, id, price("100000")))
			}
		}
		for a, err := range s.e.Accounts(s.ctx, billing.AccountQuery{Seller: "sub"}) { // so that something changes
			require.NoError(t, err)
			if leave--; leave >= 0 {
				s.do(billing.Cancel{Account: a.ID})
			}
		}
		s.to(1, 31)
		store.n = touched{}
		s.at(2, 1, 12)
		_, err := s.m.Run(s.ctx, s.today(), billing.RunOptions{Batch: batch})
		require.NoError(t, err)
		return store.n
	}
	few, many := night(4, 1, 1000), night(400, 1, 1000)
	require.Equal(t, []int{4, 400}, []int{few.Customers, many.Customers})
	many.Customers, few.Customers = 0, 0
	require.Equal(t, few, many, "one batch, one touch")
	require.Positive(t, many.WritesStock, "or nothing was drawn")

	require.Zero(t, night(400, 0, 1000).WritesStock)
	batches := night(400, 1, 50) // 8 batches of customers, and perhaps one that is not full
	t.Logf("in one batch %+v, in many %+v", many, batches)
	require.LessOrEqual(t, batches.LocksDouble, many.LocksDouble+9)
	require.LessOrEqual(t, batches.LocksStock, 9*many.LocksStock)
	require.LessOrEqual(t, batches.WritesStock, 9*many.WritesStock)
	require.Equal(t, many.WritesDouble, batches.WritesDouble)
	require.Equal(t, many.WritesBooks, batches.WritesBooks)
}
