package resellertest

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// copyRules are about memory that is not shared.
func copyRules() []Rule {
	return []Rule{
		{
			ID: "COPY-1", Name: "what is given",
			Text: "What the caller does to the rows it gave, after the call, changes nothing in the store, committed or not, sent or not.",
			Why:  "The engine goes on working with its rows.",
			Check: func(t *conformance.T, h Harness) {
				st, twin := open(t, h), open(t, h)
				t.OK(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					b := filledBatch(1)
					if err := rows.Write(ctx, b); err != nil {
						return err
					}
					conformance.Scramble(b)
					keys := []reseller.StockKey{{Seller: acme, Resource: "new"}}
					if _, err := rows.Lock(ctx, keys); err != nil {
						return err
					}
					keys[0] = reseller.StockKey{}
					return nil
				}), "write")
				write(t, twin, filledBatch(1))
				write(t, twin, &reseller.Batch{Stocks: []reseller.Stock{{Seller: acme, Resource: "new"}}})
				t.Equal(dump(t, st), dump(t, twin), "the store, compared with one whose input was left alone")
			},
		},
		{
			ID: "COPY-2", Name: "what is returned",
			Text: "What the caller does to rows that it was given back changes nothing in the store, nor in what later reads return.",
			Why:  "A caller that changes the stock it locked, and then refuses, would have drawn on the pool.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, filledBatch(1))
				before := dump(t, st)
				for what, within := range map[string]func(context.Context, reseller.Store, rowsFunc) error{"View": view, "Update": update} {
					t.OK(within(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
						for name, look := range looks() {
							if name == "Lock" && what == "View" {
								continue
							}
							first, err := look(ctx, rows)
							if err != nil {
								return err
							}
							text := conformance.Text(first)
							conformance.Scramble(first)
							second, err := look(ctx, rows)
							if err != nil {
								return err
							}
							t.Equal(conformance.Text(second), text, "%s in one %s, after the first result was overwritten", name, what)
							conformance.Scramble(second)
						}
						return nil
					}), "read and overwrite in a %s", what)
					t.Equal(dump(t, st), before, "the store after a %s", what)
				}
			},
		},
	}
}

// looks are all methods that return rows, each of which finds something of what
// filledBatch holds.
func looks() map[string]func(ctx context.Context, rows reseller.Rows) (any, error) {
	return map[string]func(ctx context.Context, rows reseller.Rows) (any, error){
		"Load": func(ctx context.Context, rows reseller.Rows) (any, error) {
			return rows.Load(ctx, reseller.LoadQuery{Accounts: []billing.AccountID{1}, Sellers: []billing.SellerID{acme}})
		},
		"Lock": func(ctx context.Context, rows reseller.Rows) (any, error) {
			return rows.Lock(ctx, []reseller.StockKey{{Seller: acme, Resource: "r"}})
		},
		"Shadows": func(ctx context.Context, rows reseller.Rows) (any, error) {
			return rows.Shadows(ctx, reseller.ShadowQuery{Seller: acme}, reseller.ShadowID{}, 10)
		},
		"Holdings": func(ctx context.Context, rows reseller.Rows) (any, error) { return rows.Holdings(ctx, acme, 0, "", 10) },
		"Stocks":   func(ctx context.Context, rows reseller.Rows) (any, error) { return rows.Stocks(ctx, acme) },
		"Books":    func(ctx context.Context, rows reseller.Rows) (any, error) { return rows.Books(ctx, acme) },
		"Bills": func(ctx context.Context, rows reseller.Rows) (any, error) {
			return rows.Bills(ctx, reseller.BillQuery{Seller: acme}, billing.Date{}, "", 10)
		},
		"Sums": func(ctx context.Context, rows reseller.Rows) (any, error) {
			return rows.Sums(ctx, acme, filledBatch(1).Shadows[0].Day)
		},
		"Transfer": func(ctx context.Context, rows reseller.Rows) (any, error) { return rows.Transfer(ctx, 1) },
		"Transfers": func(ctx context.Context, rows reseller.Rows) (any, error) {
			return rows.Transfers(ctx, reseller.TransferDone, 0, 10)
		},
		"OpenDays": func(ctx context.Context, rows reseller.Rows) (any, error) {
			return rows.OpenDays(ctx, billing.NewDate(9999, 12, 31), reseller.OpenDay{}, 10)
		},
	}
}
