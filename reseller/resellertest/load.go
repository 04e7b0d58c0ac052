package resellertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// loadRules are about Load, and about reads of what the transaction has written.
func loadRules() []Rule {
	return []Rule{
		{
			ID: "LOAD-1", Name: "what is asked for",
			Text: "Load returns the holdings of the accounts asked for, at every seller, by account, seller and resource, and the stocks and books of the sellers asked for, by seller and resource, each once; with Lock too.",
			Why:  "A holding that is missing is charged from nothing; one that comes twice is charged twice.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				b := &reseller.Batch{}
				for i, id := range oddIDs() {
					for k, seller := range []billing.SellerID{other, acme, below} {
						b.Holdings = append(b.Holdings, holding(seller, billing.AccountID((7*i+k)%12+1), billing.ResourceID(id), int64(10*i+k)))
						b.Stocks = append(b.Stocks, stock(seller, billing.ResourceID(id), int64(10*i+k)))
					}
				}
				b.Stocks = append(b.Stocks, stock(acme, "", 5))
				b.Books = []reseller.Books{books(other, 3), books(acme, 5)}
				write(t, st, b)
				for _, q := range []reseller.LoadQuery{
					{}, {Accounts: []billing.AccountID{1}}, {Accounts: []billing.AccountID{12, 2, 99, 2, 10}}, {Sellers: []billing.SellerID{acme}},
					{Sellers: []billing.SellerID{other, "nobody", acme, other}}, {Sellers: []billing.SellerID{below}, Accounts: []billing.AccountID{3, 1}},
					{Sellers: []billing.SellerID{host, below}}, {Accounts: []billing.AccountID{20}},
				} {
					want := reseller.Loaded{
						Holdings: sorted(keep(b.Holdings, func(h reseller.Holding) bool { return slices.Contains(q.Accounts, h.Account) }), func(a, b reseller.Holding) int {
							return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Resource, b.Resource))
						}),
						Stocks: sorted(keep(b.Stocks, func(s reseller.Stock) bool { return slices.Contains(q.Sellers, s.Seller) }), func(a, b reseller.Stock) int {
							return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Resource, b.Resource))
						}),
						Books: sorted(keep(b.Books, func(b reseller.Books) bool { return slices.Contains(q.Sellers, b.Seller) }), func(a, b reseller.Books) int {
							return cmp.Compare(a.Seller, b.Seller)
						}),
					}
					what := conformance.Text(q)
					t.Equal(read(t, st, func(ctx context.Context, rows reseller.Rows) (reseller.Loaded, error) { return rows.Load(ctx, q) }), want, "Load %s", what)
					q.Lock = true
					t.OK(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
						got, err := rows.Load(ctx, q)
						t.Equal(got, want, "Load %s, with Lock", what)
						return err
					}), "Update")
				}
				t.Equal(len(stocksOf(t, st, host)), 0, "stocks that Load has made")
			},
		},
		{
			ID: "LOAD-2", Name: "reads of the own writes",
			Text: "Every read sees what the transaction has written, also before it was sent.",
			Why:  "The second customer of a batch draws on the pool that the first has left.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, &reseller.Batch{Stocks: []reseller.Stock{stock(acme, "r", 1)}, Transfers: []reseller.Transfer{transfer(1, reseller.TransferWaiting)}})
				names := slices.Sorted(maps.Keys(looks()))
				within := map[string]string{}
				for n, name := range names {
					// Each read by itself, so that none is helped by another that sent the rows.
					err := update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
						if err := rows.Write(ctx, filledBatch(1)); err != nil {
							return err
						}
						got, err := looks()[name](ctx, rows)
						if err != nil {
							return fmt.Errorf("%s: %w", name, err)
						}
						within[name] = seqless(got)
						if n == len(names)-1 {
							return nil
						}
						return errRefused
					})
					if n < len(names)-1 {
						t.Is(err, errRefused, "Update that writes and calls %s", name)
					} else {
						t.OK(err, "Update that writes and calls %s", name)
					}
				}
				t.Is(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					for _, name := range names {
						got, err := looks()[name](ctx, rows)
						if err != nil {
							return err
						}
						t.Equal(within[name], seqless(got), "what %s returned to the transaction, compared with what it left", name)
						if within[name] == "[]" || within[name] == "{}" {
							t.Errorf("%s found nothing", name)
						}
					}
					return errRefused
				}), errRefused, "Update that looks")
				t.OK(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					for i := range 3 { // what was written twice, and not read between
						if err := rows.Write(ctx, &reseller.Batch{Stocks: []reseller.Stock{stock(acme, "r", int64(10+i))}, Books: []reseller.Books{books(acme, i)}}); err != nil {
							return err
						}
					}
					got, err := rows.Lock(ctx, []reseller.StockKey{{Seller: acme, Resource: "r"}})
					t.Equal(got, []reseller.Stock{stock(acme, "r", 12)}, "the stock that was written three times")
					return err
				}), "Update")
				t.Equal(stocksOf(t, st, acme), []reseller.Stock{stock(acme, "r", 12)}, "the stock after it")
			},
		},
		{
			ID: "LOAD-3", Name: "not in a View",
			Text: "In a View, Lock and Load with Lock fail with storage.ErrReadOnly; Load without works.",
			Why:  "A lock that is not held is a mistake.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, &reseller.Batch{Stocks: []reseller.Stock{stock(acme, "r", 1)}})
				q := reseller.LoadQuery{Sellers: []billing.SellerID{acme}, Lock: true}
				t.Is(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error { _, err := rows.Load(ctx, q); return err }),
					storage.ErrReadOnly, "Load with Lock in a View")
				for _, key := range []reseller.StockKey{{Seller: acme, Resource: "r"}, {Seller: acme, Resource: "new"}} {
					t.Is(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
						_, err := rows.Lock(ctx, []reseller.StockKey{key})
						return err
					}), storage.ErrReadOnly, "Lock of %s in a View", conformance.Text(key))
				}
				q.Lock = false
				got := read(t, st, func(ctx context.Context, rows reseller.Rows) (reseller.Loaded, error) { return rows.Load(ctx, q) })
				t.Equal(got.Stocks, []reseller.Stock{stock(acme, "r", 1)}, "stocks that were loaded without")
			},
		},
	}
}

// seqless is the text of what was read, without the numbers of shadows: those of a
// transaction that was rolled back need not come again.
func seqless(v any) string {
	if list, ok := v.([]reseller.Shadow); ok {
		list = slices.Clone(list)
		for i := range list {
			list[i].Seq = 0
		}
		v = list
	}
	return conformance.Text(v)
}
