package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
)

// both runs fn in an Update with the rows of both packages.
func both(ctx context.Context, s *postgres.Store, fn func(ctx context.Context, b billing.Rows, r reseller.Rows) error) error {
	return s.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		b, err := s.Billing(tx)
		if err != nil {
			return err
		}
		r, err := s.Reseller(tx)
		if err != nil {
			return err
		}
		return fn(ctx, b, r)
	})
}

func shadows(n int) []*reseller.Shadow {
	all := make([]*reseller.Shadow, n)
	for i := range all {
		all[i] = &reseller.Shadow{
			Seller: "acme", Account: billing.AccountID(i%7 + 10), Date: day, Day: day, Kind: billing.EntryRecurring, Resource: "mailbox",
			Quantity: decimal.New(int64(i), 0), Amount: money.FromMinor(int64(i+1), usd), Entry: int64(i), Recorded: noon,
		}
	}
	return all
}

func bill() reseller.Bill {
	return reseller.Bill{Seller: "acme", Day: day, Resource: "mailbox", Amount: money.FromMinor(5, usd), Shadows: 2, Recorded: noon}
}

// books returns what acme's books hold.
func books(t *testing.T, s *postgres.Store) (all []reseller.Shadow, bills []reseller.Bill) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		r, err := s.Reseller(tx)
		require.NoError(t, err)
		all, err = r.Shadows(ctx, reseller.ShadowQuery{Seller: "acme"}, reseller.ShadowID{}, 10_000)
		require.NoError(t, err)
		bills, err = r.Bills(ctx, reseller.BillQuery{Seller: "acme"}, billing.Date{}, "", 10_000)
		return err
	}))
	return all, bills
}

// What is written goes with the next write, the next read or the commit, whichever
// comes first, and the shadows have their numbers then; few, some and many of them.
func TestPendingWrite(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(ctx context.Context, b billing.Rows, r reseller.Rows, written []*reseller.Shadow) error{
		"commit": func(context.Context, billing.Rows, reseller.Rows, []*reseller.Shadow) error { return nil },
		"write": func(ctx context.Context, b billing.Rows, _ reseller.Rows, written []*reseller.Shadow) error {
			defer func() { require.NotZero(t, written[0].Seq) }()
			return b.Write(ctx, &billing.Batch{Accounts: []billing.Account{account(1, 1)}, Entries: []billing.Entry{entry(1, 1)}})
		},
		"final write": func(ctx context.Context, b billing.Rows, _ reseller.Rows, written []*reseller.Shadow) error {
			defer func() { require.NotZero(t, written[0].Seq) }()
			return b.Write(ctx, &billing.Batch{Accounts: []billing.Account{account(1, 1)}, Final: true})
		},
		"final write of nothing": func(ctx context.Context, b billing.Rows, _ reseller.Rows, written []*reseller.Shadow) error {
			defer func() { require.NotZero(t, written[0].Seq) }()
			return b.Write(ctx, &billing.Batch{Final: true})
		},
		"write of streams": func(ctx context.Context, b billing.Rows, _ reseller.Rows, written []*reseller.Shadow) error {
			defer func() { require.NotZero(t, written[0].Seq) }()
			batch := &billing.Batch{Accounts: []billing.Account{account(1, 1)}, Documents: []*billing.Document{document(1, 1)}, Final: true}
			for i := range int64(250) {
				batch.Entries = append(batch.Entries, entry(1, i+1))
				batch.Keys = append(batch.Keys, billing.Key{KeyID: billing.KeyID{Key: fmt.Sprint(i)}, Recorded: noon})
			}
			return b.Write(ctx, batch)
		},
		"read": func(ctx context.Context, b billing.Rows, r reseller.Rows, written []*reseller.Shadow) error {
			got, err := r.Shadows(ctx, reseller.ShadowQuery{Seller: "acme"}, reseller.ShadowID{}, 10_000)
			require.Len(t, got, len(written))
			require.Equal(t, got[0].Seq, written[0].Seq)
			return err
		},
		"catalog": func(ctx context.Context, b billing.Rows, r reseller.Rows, written []*reseller.Shadow) error {
			defer func() { require.NotZero(t, written[0].Seq) }()
			return b.PutCatalog(ctx, billing.CatalogChange{Sellers: []billing.Seller{{ID: "acme", Currency: usd}}})
		},
		"another write": func(ctx context.Context, b billing.Rows, r reseller.Rows, written []*reseller.Shadow) error {
			return r.Write(ctx, &reseller.Batch{Books: []reseller.Books{{Seller: "acme", Through: day}}})
		},
	} {
		for _, n := range []int{1, 20, 450} {
			t.Run(fmt.Sprint(name, "/", n), func(t *testing.T) {
				t.Parallel()
				s := open(t)
				written := shadows(n)
				require.NoError(t, both(t.Context(), s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
					batch := &reseller.Batch{Shadows: written[:n/2], Bills: []reseller.Bill{bill()}}
					require.NoError(t, r.Write(ctx, batch))
					batch.Bills[0].Document = 99 // too late to be written
					require.NoError(t, r.Write(ctx, &reseller.Batch{Shadows: written[n/2:]}))
					for _, x := range written {
						require.Zero(t, x.Seq)
					}
					return then(ctx, b, r, written)
				}))
				got, bills := books(t, s)
				require.Equal(t, []reseller.Bill{bill()}, bills)
				require.Len(t, got, n)
				for i, x := range written {
					require.Equal(t, got[i].Seq, x.Seq)
					require.Equal(t, int64(i), got[i].Entry, "in the order of the slices")
				}
			})
		}
	}
}

// A bill that is there already is told by whatever the rows go with, and nothing is kept.
func TestPendingWriteFails(t *testing.T) {
	t.Parallel()
	s, pool := hosted(t, "")
	require.NoError(t, both(t.Context(), s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
		return r.Write(ctx, &reseller.Batch{Bills: []reseller.Bill{bill()}})
	}))
	again := &reseller.Batch{
		Bills: []reseller.Bill{bill()}, Shadows: shadows(1),
		Books: []reseller.Books{{Seller: "acme", Through: day}}, Stocks: []reseller.Stock{{Seller: "acme"}},
	}
	for name, then := range map[string]func(ctx context.Context, b billing.Rows, r reseller.Rows) error{
		"commit": func(context.Context, billing.Rows, reseller.Rows) error { return nil },
		"write": func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
			return b.Write(ctx, &billing.Batch{Accounts: []billing.Account{account(1, 1)}})
		},
		"final write": func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
			return b.Write(ctx, &billing.Batch{Accounts: []billing.Account{account(1, 1)}, Final: true})
		},
		"ignored": func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
			require.Error(t, b.Write(ctx, &billing.Batch{}))
			_, err := r.Stocks(ctx, "acme")
			require.ErrorIs(t, err, storage.ErrTxDone)
			return nil
		},
		"read": func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
			_, err := b.Revision(ctx)
			return err
		},
	} {
		err := both(t.Context(), s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
			require.NoError(t, r.Write(ctx, again), name)
			return then(ctx, b, r)
		})
		require.ErrorIs(t, err, storage.ErrExists, name)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), name)
		got, bills := books(t, s)
		require.Empty(t, got, name)
		require.Len(t, bills, 1, name)
		require.Zero(t, again.Shadows[0].Seq, name)
	}

	// A rival that was faster comes before a bill that is there.
	signUp(t, s, 1, 1)
	tries := 0
	require.ErrorIs(t, both(t.Context(), s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
		if tries++; tries > 1 {
			return tierhost.ErrPrecondition
		}
		require.NoError(t, r.Write(ctx, again))
		err := b.Write(ctx, &billing.Batch{Accounts: []billing.Account{account(1, 7)}})
		require.ErrorIs(t, err, storage.ErrConflict)
		return err
	}), tierhost.ErrPrecondition)

	// A value that cannot be written is refused at once.
	require.ErrorIs(t, both(t.Context(), s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
		return r.Write(ctx, &reseller.Batch{Books: []reseller.Books{{Seller: "acme"}}, Stocks: []reseller.Stock{{Pooled: decimal.New(1, -20000)}}})
	}), tierhost.ErrInvalid)
	cancelled, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, both(cancelled, s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
		require.NoError(t, r.Write(ctx, &reseller.Batch{Books: []reseller.Books{{Seller: "acme"}}}))
		cancel()
		return nil
	}), context.Canceled)
	require.ErrorIs(t, s.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		r, err := s.Reseller(tx)
		require.NoError(t, err)
		_, err = r.Books(ctx, "acme")
		require.ErrorIs(t, err, storage.ErrNotFound)
		_, err = r.Load(ctx, reseller.LoadQuery{Sellers: []billing.SellerID{"acme"}, Lock: true})
		require.ErrorIs(t, err, storage.ErrReadOnly)
		_, err = r.Lock(ctx, []reseller.StockKey{{Seller: "acme"}})
		require.ErrorIs(t, err, storage.ErrReadOnly)
		return r.Write(ctx, again)
	}), storage.ErrReadOnly)

	// The commit of a host's transaction is out of reach, so there it is sent at once.
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		r, err := s.Reseller(s.Wrap(tx))
		require.NoError(t, err)
		fresh := shadows(300)
		require.NoError(t, r.Write(t.Context(), &reseller.Batch{Shadows: fresh}))
		require.NotZero(t, fresh[299].Seq)
		return r.Write(t.Context(), again)
	})
	require.ErrorIs(t, err, storage.ErrExists)
}

// chain signs up 1, the double of a reseller, 2, of one below it, and customers of both.
func chain(t *testing.T, s *postgres.Store) {
	t.Helper()
	accounts := []billing.Account{account(1, 1), account(2, 1), account(3, 1), account(4, 1), account(5, 1)}
	accounts[0].Sells, accounts[1].Sells = "acme", "sub"
	accounts[1].Seller, accounts[1].Above = "acme", []billing.AccountID{1}
	accounts[2].Seller, accounts[2].Above = "sub", []billing.AccountID{1, 2}
	accounts[3].Seller, accounts[3].Above = "acme", []billing.AccountID{1}
	require.NoError(t, write(t.Context(), s, &billing.Batch{Accounts: accounts}))
}

func ids(accounts []billing.Account) (all []billing.AccountID) {
	for _, a := range accounts {
		all = append(all, a.ID)
	}
	return all
}

func TestAbove(t *testing.T) {
	t.Parallel()
	s := open(t)
	chain(t, s)
	for _, c := range []struct {
		ids, too, want []billing.AccountID
	}{
		{[]billing.AccountID{3}, nil, []billing.AccountID{1, 2}},
		{[]billing.AccountID{5, 1}, nil, nil},
		{[]billing.AccountID{5, 4, 99, 3, 2, 1}, nil, []billing.AccountID{1, 2}},
		{[]billing.AccountID{4}, []billing.AccountID{2, 1, 77}, []billing.AccountID{1, 2}},
		{nil, []billing.AccountID{2, 1}, []billing.AccountID{1, 2}},
		{nil, nil, nil},
	} {
		for _, above := range []billing.Above{billing.AboveRead, billing.AboveShare} {
			require.NoError(t, update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
				loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: c.ids, AboveToo: c.too, Above: above, Lock: billing.LockWait})
				require.Equal(t, c.want, ids(loaded.Above), "%+v", c)
				return err
			}))
		}
	}
	require.NoError(t, view(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
		loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{3}, Above: billing.AboveRead})
		require.NoError(t, err)
		require.Len(t, loaded.Above, 2)
		loaded, err = rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{3}, AboveToo: []billing.AccountID{1}})
		require.NoError(t, err)
		require.Empty(t, loaded.Above, "not asked for")
		_, err = rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{3}, Above: billing.AboveShare})
		require.ErrorIs(t, err, storage.ErrReadOnly)
		due, err := rows.Due(ctx, billing.DueQuery{Day: day.AddMonths(1)}, 1, 10)
		require.NoError(t, err)
		require.Equal(t, []billing.DueAccount{{ID: 2, Top: 1}, {ID: 3, Top: 1}, {ID: 4, Top: 1}, {ID: 5}}, due)
		due, err = rows.Due(ctx, billing.DueQuery{Day: day.AddMonths(1), Sellers: []billing.SellerID{"sub", "host", "none"}}, 0, 2)
		require.Equal(t, []billing.DueAccount{{ID: 1}, {ID: 3, Top: 1}}, due)
		return err
	}))
}

// Those who share the lock of an account above do not wait for each other; who writes
// it waits for them, and they for it, and then see what it has left.
func TestShareLocks(t *testing.T) {
	t.Parallel()
	s := open(t)
	chain(t, s)
	share := func(id billing.AccountID, lock billing.Lock) billing.LoadQuery {
		return billing.LoadQuery{IDs: []billing.AccountID{id}, Lock: lock, Above: billing.AboveShare}
	}
	waits := func(q billing.LoadQuery, what string) {
		t.Helper()
		short, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, update(short, s, func(ctx context.Context, rows billing.Rows) error {
			_, err := rows.Load(ctx, q)
			return err
		}), context.DeadlineExceeded, what)
	}
	require.NoError(t, update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
		_, err := rows.Load(ctx, share(3, billing.LockWait))
		require.NoError(t, err)
		require.NoError(t, update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
			loaded, err := rows.Load(ctx, share(4, billing.LockWait))
			require.Equal(t, []billing.AccountID{1}, ids(loaded.Above))
			require.Len(t, loaded.States, 1)
			return err
		}), "a second sharer")
		waits(billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait}, "a writer")
		waits(billing.LoadQuery{IDs: []billing.AccountID{3}, Lock: billing.LockWait}, "of the account itself")
		return nil
	}))
	waiting := make(chan error, 1)
	require.NoError(t, update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
		require.NoError(t, actIn(ctx, rows, 1, "key", false))
		waits(share(4, billing.LockWait), "for the writer")
		waits(share(4, billing.LockSkip), "for the writer, though it skips what is below")
		require.NoError(t, view(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
			loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{4}, Above: billing.AboveRead})
			require.Equal(t, int64(1), loaded.Above[0].Version)
			return err
		}))
		go func() {
			waiting <- update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
				loaded, err := rows.Load(ctx, share(3, billing.LockWait))
				if err == nil && (len(loaded.Above) != 2 || loaded.Above[0].Version != 2) {
					err = fmt.Errorf("%+v", loaded.Above)
				}
				return err
			})
		}()
		time.Sleep(50 * time.Millisecond) // until it waits, or the test shows less
		return nil
	}))
	require.NoError(t, <-waiting)
}

// Stocks are counters that many move at once: none is lost, and locks that are taken in
// whatever order do not stand in each other's way.
func TestStocksAreLocked(t *testing.T) {
	t.Parallel()
	s := open(t)
	const workers, rounds = 6, 25
	sellers := []billing.SellerID{"acme", "sub"}
	resources := []billing.ResourceID{"", "disk", "mailbox", "traffic", "ü", "z"}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				err := both(t.Context(), s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
					var stocks []reseller.Stock
					if i%5 == 4 {
						loaded, err := r.Load(ctx, reseller.LoadQuery{Sellers: []billing.SellerID{"sub", "acme"}, Lock: true, Accounts: []billing.AccountID{1}})
						if err != nil {
							return err
						}
						stocks = loaded.Stocks
					}
					if len(stocks) < len(sellers)*len(resources) {
						var keys []reseller.StockKey
						for n := range len(sellers) * len(resources) {
							n = (n*5 + w*7) % 12
							keys = append(keys, reseller.StockKey{Seller: sellers[n%2], Resource: resources[n/2]})
						}
						if i%5 < 4 {
							keys = append(keys[i%7:i%7+1+i%4], keys[0], keys[0])
						}
						var err error
						if stocks, err = r.Lock(ctx, keys); err != nil {
							return err
						}
					}
					one := decimal.New(1, 0)
					for n := range stocks {
						stocks[n].Pooled = stocks[n].Pooled.Add(one)
						stocks[n].Held = stocks[n].Pooled
						if n > 0 && stocks[n-1].Seller > stocks[n].Seller {
							return errors.New("not in order")
						}
					}
					total := reseller.Holding{Seller: "acme", Account: billing.AccountID(w), Resource: "n"}
					loaded, err := r.Load(ctx, reseller.LoadQuery{Accounts: []billing.AccountID{total.Account}})
					if err != nil {
						return err
					}
					if len(loaded.Holdings) > 0 {
						total = loaded.Holdings[0]
					}
					total.Pooled = total.Pooled.Add(decimal.New(int64(len(stocks)), 0))
					return r.Write(ctx, &reseller.Batch{Stocks: stocks, Holdings: []reseller.Holding{total}})
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, both(t.Context(), s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
		var moved, counted decimal.Decimal
		for _, seller := range sellers {
			stocks, err := r.Stocks(ctx, seller)
			require.NoError(t, err)
			require.Len(t, stocks, len(resources))
			for _, x := range stocks {
				moved = moved.Add(x.Pooled)
			}
		}
		holdings, err := r.Holdings(ctx, "acme", 0, "zz", 100)
		require.NoError(t, err)
		require.Len(t, holdings, workers-1)
		holdings, err = r.Holdings(ctx, "acme", -1, "", 100)
		for _, h := range holdings {
			counted = counted.Add(h.Pooled)
		}
		require.True(t, moved.Equal(counted), "%s of %s", moved, counted)
		return err
	}))
}

func TestOpenDays(t *testing.T) {
	t.Parallel()
	s := open(t)
	var all []*reseller.Shadow
	for _, seller := range []billing.SellerID{"a", "b", "c"} {
		for d := range 3 {
			for range 2 {
				all = append(all, &reseller.Shadow{Seller: seller, Day: day.AddDays(d), Resource: "mailbox", Amount: money.FromMinor(2, usd)})
			}
		}
	}
	require.NoError(t, both(t.Context(), s, func(ctx context.Context, b billing.Rows, r reseller.Rows) error {
		require.NoError(t, r.Write(ctx, &reseller.Batch{Shadows: all, Books: []reseller.Books{{Seller: "b", Through: day}, {Seller: "c"}}}))
		want := []reseller.OpenDay{{Day: day, Seller: "a"}, {Day: day, Seller: "c"}}
		for _, seller := range []billing.SellerID{"a", "b", "c"} {
			want = append(want, reseller.OpenDay{Day: day.AddDays(1), Seller: seller})
		}
		for cut := range want {
			for _, limit := range []int{1, 10} {
				after := reseller.OpenDay{}
				if cut > 0 {
					after = want[cut-1]
				}
				got, err := r.OpenDays(ctx, day.AddDays(1), after, limit)
				require.NoError(t, err)
				require.Equal(t, want[cut:min(cut+limit, len(want))], got)
			}
		}
		sums, err := r.Sums(ctx, "b", day)
		require.Equal(t, []reseller.Sum{{Resource: "mailbox", Currency: usd, Minor: 4, Shadows: 2}}, sums)
		return err
	}))
}
