package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// What is read ahead is what the database would have answered, and it is not used for
// anything else, nor after anything was written.
func TestReadAhead(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	s, err := Open(t.Context(), dsn, Options{Schema: schema})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	r := rand.New(rand.NewPCG(7, 8))
	var accounts billing.Batch
	for id, a := range map[billing.AccountID]billing.Account{
		1: {Sells: "b"}, 2: {Sells: "a", Above: []billing.AccountID{1}}, 3: {Sells: "c"}, 10: {Above: []billing.AccountID{1}},
		11: {Above: []billing.AccountID{1, 2}}, 12: {Above: []billing.AccountID{3}}, 13: {},
	} {
		accounts.Accounts = append(accounts.Accounts, filled(r, func(x *billing.Account) {
			x.ID, x.Version, x.Above, x.Sells, x.Name = id, 1, a.Above, a.Sells, fmt.Sprint(id)
		}))
	}
	var batch reseller.Batch
	for _, seller := range []billing.SellerID{"a", "b"} {
		for _, id := range []billing.AccountID{10, 11, 12, 20} {
			batch.Holdings = append(batch.Holdings, filled(r, func(x *reseller.Holding) { x.Seller, x.Account = seller, id }))
		}
		for _, resource := range []billing.ResourceID{"", "disk"} {
			if seller == "b" {
				batch.Stocks = append(batch.Stocks, filled(r, func(x *reseller.Stock) { x.Seller, x.Resource = seller, resource }))
			}
		}
	}
	batch.Books = []reseller.Books{{Seller: "a"}, {Seller: "b", Through: billing.NewDate(2030, 1, 1)}}
	in := func(fn func(ctx context.Context, tx *txn, b billing.Rows, r reseller.Rows)) {
		t.Helper()
		require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			b, err := s.Billing(tx)
			require.NoError(t, err)
			r, err := s.Reseller(tx)
			require.NoError(t, err)
			fn(ctx, tx.(*txn), b, r)
			return nil
		}))
	}
	in(func(ctx context.Context, tx *txn, b billing.Rows, r reseller.Rows) {
		require.NoError(t, r.Write(ctx, &batch))
		require.NoError(t, b.Write(ctx, &accounts))
		_, err := b.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{10}, Above: billing.AboveShare})
		require.NoError(t, err)
		require.Nil(t, tx.ahead, "no reseller was seen before")
	})
	ids := func(list ...billing.AccountID) []billing.AccountID { return list }
	sellers := func(list ...billing.SellerID) []billing.SellerID { return list }
	share := billing.AboveShare
	for what, c := range map[string]struct {
		load  billing.LoadQuery
		ask   reseller.LoadQuery
		known bool
	}{
		"one":            {billing.LoadQuery{IDs: ids(11), Above: share}, reseller.LoadQuery{Accounts: ids(11), Sellers: sellers("a", "b")}, true},
		"less":           {billing.LoadQuery{IDs: ids(11, 10), Above: share}, reseller.LoadQuery{Accounts: ids(10), Sellers: sellers("a")}, true},
		"nothing there":  {billing.LoadQuery{IDs: ids(12, 11, 13), Above: share}, reseller.LoadQuery{Accounts: ids(12, 13), Sellers: sellers("c")}, true},
		"not locked":     {billing.LoadQuery{IDs: ids(10), Above: billing.AboveRead}, reseller.LoadQuery{Accounts: ids(10), Sellers: sellers("b")}, true},
		"a list":         {billing.LoadQuery{IDs: ids(12), Above: share, AboveToo: ids(1, 2)}, reseller.LoadQuery{Accounts: ids(12), Sellers: sellers("c", "b")}, true},
		"a list only":    {billing.LoadQuery{Above: share, AboveToo: ids(1)}, reseller.LoadQuery{Sellers: sellers("b")}, true},
		"to be locked":   {billing.LoadQuery{IDs: ids(11), Above: share}, reseller.LoadQuery{Accounts: ids(11), Sellers: sellers("b"), Lock: true}, false},
		"other account":  {billing.LoadQuery{IDs: ids(11), Above: share}, reseller.LoadQuery{Accounts: ids(11, 10), Sellers: sellers("b")}, false},
		"other seller":   {billing.LoadQuery{IDs: ids(10), Above: share}, reseller.LoadQuery{Accounts: ids(10), Sellers: sellers("b", "a")}, false},
		"many":           {billing.LoadQuery{IDs: ids(10, 11, 12, 13, 14), Above: share}, reseller.LoadQuery{Accounts: ids(10)}, false},
		"a run":          {billing.LoadQuery{IDs: ids(10), Lock: billing.LockWait, Above: billing.AboveRead}, reseller.LoadQuery{Accounts: ids(10)}, false},
		"nobody above":   {billing.LoadQuery{IDs: ids(13), Above: share}, reseller.LoadQuery{Accounts: ids(13)}, false},
		"above not read": {billing.LoadQuery{IDs: ids(10)}, reseller.LoadQuery{Accounts: ids(10)}, false},
	} {
		in(func(ctx context.Context, tx *txn, b billing.Rows, r reseller.Rows) {
			_, err := b.Load(ctx, c.load)
			require.NoError(t, err)
			_, known := tx.ahead.answer(&c.ask)
			require.Equal(t, c.known, known, what)
			_, err = b.Load(ctx, c.load)
			require.NoError(t, err)
			first, err := r.Load(ctx, c.ask)
			require.NoError(t, err)
			require.Nil(t, tx.ahead, what)
			again, err := r.Load(ctx, c.ask)
			require.NoError(t, err)
			require.Equal(t, again, first, what)
		})
	}
	customer, ask := billing.LoadQuery{IDs: ids(10), Above: share}, reseller.LoadQuery{Accounts: ids(10), Sellers: sellers("b")}
	in(func(ctx context.Context, tx *txn, b billing.Rows, r reseller.Rows) {
		loaded, err := b.Load(ctx, billing.LoadQuery{NewID: true, Above: share, AboveToo: ids(1, 2)})
		require.NoError(t, err)
		got, known := tx.ahead.answer(&reseller.LoadQuery{Accounts: ids(loaded.NewID), Sellers: sellers("a")})
		require.True(t, known)
		require.Equal(t, reseller.Loaded{Holdings: got.Holdings, Stocks: got.Stocks, Books: batch.Books[:1]}, got)
		require.Empty(t, got.Holdings)
		require.Empty(t, got.Stocks)
	})
	for what, between := range map[string]func(ctx context.Context, b billing.Rows, r reseller.Rows) error{
		"write": func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
			return r.Write(ctx, &reseller.Batch{Books: []reseller.Books{{Seller: "b", Through: billing.NewDate(2031, 1, 1)}}})
		},
		"lock": func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
			_, err := r.Lock(ctx, []reseller.StockKey{{Seller: "b", Resource: "new"}})
			return err
		},
		"billing": func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
			return b.Write(ctx, &billing.Batch{Keys: []billing.Key{{KeyID: billing.KeyID{Key: "key"}}}})
		},
	} {
		in(func(ctx context.Context, tx *txn, b billing.Rows, r reseller.Rows) {
			_, err := b.Load(ctx, customer)
			require.NoError(t, err)
			require.NotNil(t, tx.ahead)
			require.NoError(t, between(ctx, b, r))
			require.Nil(t, tx.ahead, what)
			first, err := r.Load(ctx, ask)
			require.NoError(t, err)
			again, err := r.Load(ctx, ask)
			require.NoError(t, err)
			require.Equal(t, again, first, what)
		})
	}
	require.True(t, s.belows.likely(ids(13, 10)))
	require.False(t, s.belows.likely(ids(13)))
}
