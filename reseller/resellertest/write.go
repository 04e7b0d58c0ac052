package resellertest

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// writeRules are about what Write writes.
func writeRules() []Rule {
	return []Rule{
		{
			ID: "WRITE-1", Name: "holdings",
			Text: "Write inserts or replaces holdings whole, by seller, account and resource, and touches no others; one of nothing stays.",
			Why:  "A holding that is gone has forgotten which setup was charged.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				rich := holding(acme, 1, "mailbox", 5)
				rich.Billable, rich.Charged, rich.List = dec("2"), dec("1.5"), reseller.List{Plan: "gold", Version: 3}
				rich.Limits = []reseller.Limit{{Stretch: 1, Units: dec("3")}, {Stretch: 2}}
				rich.SetupTotal, rich.RecurringTotal = frac(1, 3), frac(2, 7)
				write(t, st, &reseller.Batch{Holdings: []reseller.Holding{
					rich, holding(acme, 1, "traffic", 7), holding(acme, 2, "mailbox", 8), holding(below, 1, "mailbox", 9),
				}})
				t.Equal(holdingsOf(t, st, acme)[0], rich, "the holding that was inserted")
				write(t, st, &reseller.Batch{Holdings: []reseller.Holding{holding(acme, 1, "mailbox", 0), holding(acme, 3, "mailbox", 1)}})
				t.Equal(holdingsOf(t, st, acme), []reseller.Holding{
					holding(acme, 1, "mailbox", 0), holding(acme, 1, "traffic", 7), holding(acme, 2, "mailbox", 8), holding(acme, 3, "mailbox", 1),
				}, "holdings of the seller")
				t.Equal(holdingsOf(t, st, below), []reseller.Holding{holding(below, 1, "mailbox", 9)}, "holdings of the other seller")
			},
		},
		{
			ID: "WRITE-2", Name: "stocks, books and transfers",
			Text: "Write inserts or replaces stocks whole, by seller and resource, books by seller and transfers by account, and touches no others.",
			Why:  "A return that stays after it was taken back gives the pool units that are not there.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				limit := dec("10")
				rich := stock(acme, "mailbox", 5)
				rich.Limit, rich.Held = &limit, dec("7")
				rich.Returns = []reseller.Return{{On: day(3), Units: dec("1")}, {On: day(4), Units: dec("2.5")}}
				failed := transfer(2, reseller.TransferFailed)
				failed.Reason, failed.Ended, failed.By = "name_taken", day(5), billing.Actor{Role: billing.RoleSeller, Name: "ann"}
				write(t, st, &reseller.Batch{
					Stocks:    []reseller.Stock{rich, stock(acme, "", 3), stock(below, "mailbox", 9)},
					Books:     []reseller.Books{books(acme, 3), books(below, 4)},
					Transfers: []reseller.Transfer{failed, transfer(1, reseller.TransferWaiting)},
				})
				t.Equal(stocksOf(t, st, acme), []reseller.Stock{stock(acme, "", 3), rich}, "stocks that were inserted")
				done := transfer(1, reseller.TransferDone)
				done.Opened, done.Ended = 7, day(9)
				write(t, st, &reseller.Batch{
					Stocks: []reseller.Stock{stock(acme, "mailbox", 0)}, Books: []reseller.Books{books(acme, 2)},
					Transfers: []reseller.Transfer{transfer(2, reseller.TransferWaiting), done},
				})
				t.Equal(stocksOf(t, st, acme), []reseller.Stock{stock(acme, "", 3), stock(acme, "mailbox", 0)}, "stocks of the seller")
				t.Equal(stocksOf(t, st, below), []reseller.Stock{stock(below, "mailbox", 9)}, "stocks of the other seller")
				for _, want := range []reseller.Books{books(acme, 2), books(below, 4)} {
					got := read(t, st, func(ctx context.Context, rows reseller.Rows) (reseller.Books, error) {
						return rows.Books(ctx, want.Seller)
					})
					t.Equal(got, want, "books of %s", want.Seller)
				}
				for _, want := range []reseller.Transfer{done, transfer(2, reseller.TransferWaiting)} {
					got := read(t, st, func(ctx context.Context, rows reseller.Rows) (reseller.Transfer, error) {
						return rows.Transfer(ctx, want.Account)
					})
					t.Equal(got, want, "transfer of %d", want.Account)
				}
			},
		},
		{
			ID: "WRITE-3", Name: "numbers of shadows",
			Text: "Write assigns Shadow.Seq, growing in slice order and from one Write to the next, within a transaction and across them, whatever the caller left there; when the transaction has ended it is set in the given rows.",
			Why:  "The order of shadows of a day is the order of events; a running total is checked along it.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				last := int64(0)
				stored := map[billing.SellerID][]reseller.Shadow{}
				check := func(round int, list []*reseller.Shadow) {
					t.Helper()
					for i, s := range list {
						if s.Seq <= last || s.Seq == 1<<50 {
							t.Errorf("round %d: shadow %d has number %d after %d", round, i, s.Seq, last)
						}
						last = s.Seq
						stored[s.Seller] = append(stored[s.Seller], *s)
					}
				}
				make := func(round int) []*reseller.Shadow {
					list := []*reseller.Shadow{shadow(acme, 1, 5, 1), shadow(below, 1, 5, 2), shadow(acme, 2, 5, 3), shadow(other, 2, 5, 4), shadow(acme, 1, 5, 5)}
					for i, s := range list {
						s.Seq, s.Entry = 1<<50, int64(10*round+i)
					}
					return list
				}
				for round := range 3 {
					list := make(round)
					write(t, st, &reseller.Batch{Shadows: list})
					check(round, list)
				}
				first, second := make(3), make(4)
				t.OK(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					if err := rows.Write(ctx, &reseller.Batch{Shadows: first}); err != nil {
						return err
					}
					return rows.Write(ctx, &reseller.Batch{Shadows: second})
				}), "write twice in a transaction")
				check(3, first)
				check(4, second)
				t.Is(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					if err := rows.Write(ctx, &reseller.Batch{Shadows: make(5)}); err != nil {
						return err
					}
					return errRefused
				}), errRefused, "Update that is rolled back")
				list := make(6)
				write(t, st, &reseller.Batch{Shadows: list})
				check(6, list)
				for seller, want := range stored {
					t.Equal(shadowsOf(t, st, seller), want, "stored shadows of %s", seller)
				}
			},
		},
		{
			ID: "WRITE-4", Name: "together with billing's rows",
			Text: "Rows written before or after a write of billing's, of either order of accounts and their rows, are committed with it, also if it is Final; Seq and the numbers of documents are set by then.",
			Why:  "A charge and its cost are one event; a customer is opened after its seller was asked.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				id := billing.AccountID(100)
				batch := func(id billing.AccountID) *billing.Batch {
					return &billing.Batch{
						Accounts: []billing.Account{account(id, host)}, Entries: []billing.Entry{entry(id, 1)},
						Documents: []*billing.Document{{Account: id, Seq: 1, Seller: host, Kind: billing.Invoice, Net: usdOf(1), Tax: usdOf(0), Total: usdOf(1), Numbered: true, Recorded: now()}},
						Usage:     []*billing.UsageRecord{{Account: id, Resource: "traffic", Day: day(0), Recorded: now()}}, Events: []*storage.Event{event(fmt.Sprint("opened/", id))},
					}
				}
				var shadows []reseller.Shadow
				for round, order := range []struct{ before, after, final bool }{
					{true, false, false}, {true, false, true}, {false, true, false}, {true, true, false},
				} {
					id++
					b := batch(id)
					b.Final = order.final
					parts := [2]*reseller.Batch{}
					for i := range parts {
						minor := int64(2*round + i)
						parts[i] = &reseller.Batch{
							Holdings: []reseller.Holding{holding(acme, id, billing.ResourceID(fmt.Sprint("r", i)), minor)},
							Shadows:  []*reseller.Shadow{shadow(acme, id, 5, minor)}, Bills: []reseller.Bill{bill(acme, round, billing.ResourceID(fmt.Sprint("r", i)), minor)},
						}
					}
					t.OK(st.Update(t.Context(), within(st, func(ctx context.Context, books billing.Rows, rows reseller.Rows) error {
						if order.before {
							if err := rows.Write(ctx, parts[0]); err != nil {
								return err
							}
						}
						if err := books.Write(ctx, b); err != nil {
							return err
						}
						if order.after {
							return rows.Write(ctx, parts[1])
						}
						return nil
					})), "write both, %+v", order)
					t.Equal(b.Documents[0].Number, int64(round+1), "number of the document, %+v", order)
					for i, written := range []bool{order.before, order.after} {
						if !written {
							continue
						}
						s := parts[i].Shadows[0]
						if s.Seq <= 0 {
							t.Errorf("the shadow has the number %d, %+v", s.Seq, order)
						}
						shadows = append(shadows, *s)
						t.Equal(read(t, st, func(ctx context.Context, rows reseller.Rows) ([]reseller.Bill, error) {
							q := reseller.BillQuery{Seller: acme, Since: day(round), Until: day(round)}
							list, err := rows.Bills(ctx, q, billing.Date{}, "", all)
							return keep(list, func(b reseller.Bill) bool { return b.Resource == parts[i].Bills[0].Resource }), err
						}), parts[i].Bills, "bills, %+v", order)
					}
				}
				t.Equal(shadowsOf(t, st, acme), shadows, "shadows")
				t.Equal(len(holdingsOf(t, st, acme)), len(shadows), "holdings")
				t.OK(st.View(t.Context(), within(st, func(ctx context.Context, books billing.Rows, _ reseller.Rows) error {
					got, err := books.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, all)
					t.Equal(len(got), 4, "entries")
					return err
				})), "View")
			},
		},
		{
			ID: "WRITE-5", Name: "nothing",
			Text: "A batch without rows succeeds and does nothing.",
			Why:  "A run that draws nothing on its reseller's pool writes nothing.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, filledBatch(1))
				before := dump(t, st)
				write(t, st, &reseller.Batch{})
				t.Equal(dump(t, st), before, "the store")
			},
		},
		{
			ID: "WRITE-6", Name: "many at once",
			Text: "A batch of hundreds of rows of each kind is written like hundreds of batches.",
			Why:  "The nightly run does nothing else.",
			Check: func(t *conformance.T, h Harness) {
				const n = 520
				a, b := open(t, h), open(t, h)
				one := func(i int) *reseller.Batch {
					seller := []billing.SellerID{acme, below, other}[i%3]
					r := billing.ResourceID(fmt.Sprint("r", i%7))
					s := shadow(seller, billing.AccountID(i%20+1), i%5, int64(i))
					s.Entry = int64(i)
					x := &reseller.Batch{
						Holdings: []reseller.Holding{holding(seller, billing.AccountID(i+1), r, int64(i))}, Shadows: []*reseller.Shadow{s},
						Bills:     []reseller.Bill{bill(seller, i, r, int64(i))},
						Transfers: []reseller.Transfer{transfer(billing.AccountID(i+1), reseller.TransferWaiting)},
						Stocks:    []reseller.Stock{stock(seller, billing.ResourceID(fmt.Sprint("s", i)), int64(i))},
					}
					if i < 3 {
						x.Books = []reseller.Books{books(seller, i)}
					}
					return x
				}
				for round := range 2 { // the second time what can be replaced is
					many := &reseller.Batch{}
					t.OK(update(t.Context(), b, func(ctx context.Context, rows reseller.Rows) error {
						for i := range n {
							x := one(i)
							if round > 0 {
								x.Bills = nil
								x.Holdings[0].Pooled = dec(fmt.Sprint(i, ".5"))
							}
							if err := rows.Write(ctx, x); err != nil {
								return err
							}
						}
						return nil
					}), "write %d batches", n)
					for i := range n {
						x := one(i)
						if round > 0 {
							x.Bills = nil
							x.Holdings[0].Pooled = dec(fmt.Sprint(i, ".5"))
						}
						many.Holdings, many.Stocks, many.Books = append(many.Holdings, x.Holdings...), append(many.Stocks, x.Stocks...), append(many.Books, x.Books...)
						many.Shadows, many.Bills = append(many.Shadows, x.Shadows...), append(many.Bills, x.Bills...)
						many.Transfers = append(many.Transfers, x.Transfers...)
					}
					write(t, a, many)
					for i, s := range many.Shadows {
						if i > 0 && s.Seq <= many.Shadows[i-1].Seq {
							t.Errorf("shadow %d has number %d after %d", i, s.Seq, many.Shadows[i-1].Seq)
							break
						}
					}
				}
				t.Equal(dump(t, a), dump(t, b), "one batch of %d, compared with %d batches", n, n)
				t.Equal(len(shadowsOf(t, a, acme))+len(shadowsOf(t, a, below))+len(shadowsOf(t, a, other)), 2*n, "shadows")
				list := make([]reseller.StockKey, n)
				for i := range list {
					list[i] = one(i).Stocks[0].Key()
				}
				t.OK(update(t.Context(), a, func(ctx context.Context, rows reseller.Rows) error {
					got, err := rows.Lock(ctx, list)
					t.Equal(len(got), n, "stocks that were locked")
					return err
				}), "lock")
				ids := make([]billing.AccountID, n)
				for i := range ids {
					ids[i] = billing.AccountID(i + 1)
				}
				got := read(t, a, func(ctx context.Context, rows reseller.Rows) (reseller.Loaded, error) {
					return rows.Load(ctx, reseller.LoadQuery{Accounts: ids, Sellers: []billing.SellerID{acme, below, other}})
				})
				t.Equal(fmt.Sprint(len(got.Holdings), len(got.Stocks), len(got.Books)), fmt.Sprint(n, n, 3), "holdings, stocks and books that were loaded")
			},
		},
		{
			ID: "WRITE-7", Name: "again after a conflict",
			Text: "A function that is run again writes its rows once, with numbers that are those of the run that was committed.",
			Why:  "An action that was decided anew must not be charged twice.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				s := shadow(acme, 1, 5, 7)
				runs := 0
				t.OK(st.Update(t.Context(), within(st, func(ctx context.Context, books billing.Rows, rows reseller.Rows) error {
					runs++
					if err := rows.Write(ctx, &reseller.Batch{
						Shadows: []*reseller.Shadow{s}, Bills: []reseller.Bill{bill(acme, 1, "mailbox", 7)}, Stocks: []reseller.Stock{stock(acme, "mailbox", int64(runs))},
					}); err != nil {
						return err
					}
					if runs == 1 {
						return storage.ErrConflict // before anything was sent, perhaps
					}
					a := account(1, host)
					a.Version = int64(5 - runs) // 3, which is too far, then 2
					return books.Write(ctx, &billing.Batch{Accounts: []billing.Account{a}})
				})), "Update")
				t.Equal(runs, 3, "runs of the function")
				t.Equal(shadowsOf(t, st, acme), []reseller.Shadow{*s}, "shadows")
				t.Equal(stocksOf(t, st, acme), []reseller.Stock{stock(acme, "mailbox", 3)}, "stocks")
				t.Equal(len(billsOf(t, st, acme)), 1, "bills")
			},
		},
	}
}

func usdOf(minor int64) money.Money { return money.FromMinor(minor, usd()) }

// keep returns the rows that match.
func keep[R any](rows []R, match func(R) bool) []R {
	var out []R
	for _, r := range rows {
		if match(r) {
			out = append(out, r)
		}
	}
	return out
}
