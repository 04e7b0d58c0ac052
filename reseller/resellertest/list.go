package resellertest

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// listRules are about the lists.
func listRules() []Rule {
	return []Rule{
		{
			ID: "LIST-1", Name: "shadows",
			Text:  "Shadows returns the seller's shadows that match all that the query says, days inclusive, by the day with which they are billed and Seq; a page goes on exactly where the last one ended, at any cut.",
			Why:   "A reseller's statement that loses or repeats a line at a page's end does not add up.",
			Check: checkShadows,
		},
		{
			ID: "LIST-2", Name: "holdings",
			Text: "Holdings returns the seller's holdings by account and by resource in the order of its bytes, in pages.",
			Why:  "The verification of a pool adds them up.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				var own []reseller.Holding
				b := &reseller.Batch{}
				for i, id := range oddIDs() {
					x := holding(acme, billing.AccountID([]int{2, 10, 9}[i%3]), billing.ResourceID(id), int64(i))
					own = append(own, x)
					b.Holdings = append(b.Holdings, x)
					for _, seller := range []billing.SellerID{below, "Acme", "acm", "acme2"} {
						x.Seller = seller
						b.Holdings = append(b.Holdings, x)
					}
				}
				slices.Reverse(b.Holdings)
				write(t, st, b)
				own = sorted(own, func(a, b reseller.Holding) int {
					return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Resource, b.Resource))
				})
				next := func(ctx context.Context, rows reseller.Rows, after customerResource, limit int) ([]reseller.Holding, error) {
					return rows.Holdings(ctx, acme, after.account, after.resource, limit)
				}
				checkPages(t, st, "holdings", own, func(h reseller.Holding) customerResource { return customerResource{h.Account, h.Resource} }, next)
				t.OK(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					for _, after := range []customerResource{{2, ""}, {3, "zzz"}, {9, "aaa"}, {10, "日"}, {99, ""}} {
						got, err := next(ctx, rows, after, all)
						if err != nil {
							return err
						}
						t.Equal(got, keep(own, func(h reseller.Holding) bool {
							return cmp.Or(cmp.Compare(h.Account, after.account), cmp.Compare(h.Resource, after.resource)) > 0
						}), "holdings after %v", after)
					}
					return nil
				}), "View")
				t.Equal(len(holdingsOf(t, st, other)), 0, "holdings of a seller that has none")
			},
		},
		{
			ID: "LIST-3", Name: "stocks",
			Text: "Stocks returns all stocks of the seller, by resource in the order of its bytes, the count of customers first.",
			Why:  "Callers search it.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				b := &reseller.Batch{}
				var own []reseller.Stock
				for i, id := range append([]string{""}, oddIDs()...) {
					own = append(own, stock(acme, billing.ResourceID(id), int64(i)))
					for _, seller := range []billing.SellerID{below, "Acme", "acm", "acme2"} {
						b.Stocks = append(b.Stocks, stock(seller, billing.ResourceID(id), -int64(i)))
					}
				}
				b.Stocks = append(b.Stocks, own...)
				slices.Reverse(b.Stocks)
				write(t, st, b)
				t.Equal(stocksOf(t, st, acme), own, "stocks")
				t.Equal(len(stocksOf(t, st, other)), 0, "stocks of a seller that has none")
			},
		},
		{
			ID: "LIST-4", Name: "books",
			Text: "Books returns the seller's books, and storage.ErrNotFound if there are none.",
			Why:  "A seller that has no books has not closed a day; it has not closed all of them.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				write(t, st, &reseller.Batch{Books: []reseller.Books{books(acme, 3), books("Acme", 4), {Seller: below}}})
				for _, want := range []reseller.Books{books(acme, 3), books("Acme", 4), {Seller: below}} {
					t.Equal(read(t, st, func(ctx context.Context, rows reseller.Rows) (reseller.Books, error) {
						return rows.Books(ctx, want.Seller)
					}),
						want, "books of %s", want.Seller)
				}
				for _, seller := range []billing.SellerID{other, "ACME", "acme ", ""} {
					t.Is(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error { _, err := rows.Books(ctx, seller); return err }),
						storage.ErrNotFound, "Books of %q, which has none", seller)
				}
			},
		},
		{
			ID: "LIST-5", Name: "bills",
			Text: "Bills returns the seller's bills, days inclusive, by day and by resource in the order of its bytes, in pages.",
			Why:  "It is what a reseller checks its parent's invoice with.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				b := &reseller.Batch{}
				for i, id := range oddIDs() {
					b.Bills = append(b.Bills, bill(acme, []int{3, 1, 7, 4}[i%4], billing.ResourceID(id), int64(i)))
					for _, seller := range []billing.SellerID{other, "Acme", "acm", "acme2"} {
						b.Bills = append(b.Bills, bill(seller, i%7, billing.ResourceID(id), -int64(i)))
					}
				}
				write(t, st, b)
				own := sorted(keep(b.Bills, func(b reseller.Bill) bool { return b.Seller == acme }), func(a, b reseller.Bill) int {
					return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Resource, b.Resource))
				})
				for _, q := range []reseller.BillQuery{
					{}, {Since: day(3)}, {Until: day(3)}, {Since: day(3), Until: day(3)}, {Since: day(2), Until: day(4)}, {Since: day(4), Until: day(3)}, {Since: day(8)},
				} {
					q.Seller = acme
					want := keep(own, func(b reseller.Bill) bool { return between(q.Since, b.Day, q.Until) })
					next := func(ctx context.Context, rows reseller.Rows, after dayResource, limit int) ([]reseller.Bill, error) {
						return rows.Bills(ctx, q, after.day, after.resource, limit)
					}
					checkPages(t, st, "bills "+conformance.Text(q), want, func(b reseller.Bill) dayResource { return dayResource{b.Day, b.Resource} }, next)
					t.OK(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
						for _, after := range []dayResource{{day(1), ""}, {day(2), "zz"}, {day(3), "a!"}, {day(9), ""}, {day(0), "x"}} {
							got, err := next(ctx, rows, after, all)
							if err != nil {
								return err
							}
							t.Equal(got, keep(want, func(b reseller.Bill) bool {
								return cmp.Or(b.Day.Compare(after.day), cmp.Compare(b.Resource, after.resource)) > 0
							}), "bills %s after %v", conformance.Text(q), after)
						}
						return nil
					}), "View")
				}
				t.Equal(len(billsOf(t, st, below)), 0, "bills of a seller that has none")
			},
		},
		{
			ID: "LIST-6", Name: "transfers",
			Text: "Transfer returns an account's transfer, or storage.ErrNotFound; Transfers those in one state, of all sellers, by account and in pages.",
			Why:  "A customer whose transfer is not found stays where it was, and nobody is told.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				states := []reseller.TransferState{reseller.TransferWaiting, reseller.TransferFailed, reseller.TransferDone}
				b := &reseller.Batch{}
				for i := range 18 {
					x := transfer(billing.AccountID((i*7)%18+2), states[i%3])
					x.From, x.To = []billing.SellerID{acme, below, other}[i%3], []billing.SellerID{host, acme}[i%2]
					x.Requested = day(20 - i)
					b.Transfers = append(b.Transfers, x)
				}
				write(t, st, b)
				check := func() {
					t.Helper()
					for _, state := range states {
						want := sorted(keep(b.Transfers, func(x reseller.Transfer) bool { return x.State == state }), func(a, b reseller.Transfer) int {
							return cmp.Compare(a.Account, b.Account)
						})
						checkPages(t, st, "transfers "+string(state), want, func(x reseller.Transfer) billing.AccountID { return x.Account },
							func(ctx context.Context, rows reseller.Rows, after billing.AccountID, limit int) ([]reseller.Transfer, error) {
								return rows.Transfers(ctx, state, after, limit)
							})
					}
				}
				check()
				for i := range b.Transfers[:9] { // on they go
					b.Transfers[i].State = states[(i+1)%3]
				}
				write(t, st, &reseller.Batch{Transfers: b.Transfers[:9]})
				check()
				for _, want := range b.Transfers {
					t.Equal(read(t, st, func(ctx context.Context, rows reseller.Rows) (reseller.Transfer, error) {
						return rows.Transfer(ctx, want.Account)
					}),
						want, "transfer of %d", want.Account)
				}
				for _, id := range []billing.AccountID{1, 99, 0} {
					t.Is(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error { _, err := rows.Transfer(ctx, id); return err }),
						storage.ErrNotFound, "Transfer of %d, which has none", id)
				}
			},
		},
	}
}

func between(since, day, until billing.Date) bool {
	return (since.IsZero() || !day.Before(since)) && (until.IsZero() || !day.After(until))
}

func compareIDs(a, b reseller.ShadowID) int {
	return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Seq, b.Seq))
}

func checkShadows(t *conformance.T, h Harness) {
	st := open(t, h)
	var written []*reseller.Shadow
	for i := range 30 {
		s := shadow(acme, []billing.AccountID{12, 3, 1, 2}[i%4], 5-(i/3)%6, int64(i))
		s.Resource = []billing.ResourceID{"traffic", "Traffic", "mailbox"}[i%3]
		s.Date = s.Day.AddDays(i%2 - 1) // not the day with which it is billed
		written = append(written, s)
		for _, seller := range []billing.SellerID{other, "Acme", "acm", "acme2"} {
			x := *s
			x.Seller = seller
			written = append(written, &x)
		}
	}
	write(t, st, &reseller.Batch{Shadows: written[:61]})
	write(t, st, &reseller.Batch{Shadows: written[61:]})
	var own []reseller.Shadow
	for _, s := range written {
		if s.Seller == acme {
			own = append(own, *s)
		}
	}
	own = sorted(own, func(a, b reseller.Shadow) int { return compareIDs(a.ID(), b.ID()) })
	for _, q := range []reseller.ShadowQuery{
		{}, {Account: 1}, {Account: 12}, {Account: 99}, {Resource: "traffic"}, {Resource: "TRAFFIC"}, {Since: day(2)}, {Until: day(2)},
		{Since: day(2), Until: day(2)}, {Since: day(1), Until: day(3)}, {Since: day(3), Until: day(1)}, {Account: 3, Resource: "Traffic"},
		{Account: 2, Since: day(2), Until: day(2)}, {Resource: "mailbox", Since: day(4), Until: day(4)}, {Account: 1, Resource: "traffic", Since: day(1), Until: day(4)},
		{Account: 3, Since: day(9)}, {Account: 3, Until: day(0)},
	} {
		q.Seller = acme
		want := keep(own, func(s reseller.Shadow) bool {
			return (q.Account == 0 || s.Account == q.Account) && (q.Resource == "" || s.Resource == q.Resource) && between(q.Since, s.Day, q.Until)
		})
		next := func(ctx context.Context, rows reseller.Rows, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
			return rows.Shadows(ctx, q, after, limit)
		}
		checkPages(t, st, "shadows "+conformance.Text(q), want, reseller.Shadow.ID, next)
		t.OK(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
			// A cut that is none of the list: behind a filter's hits, or between two days.
			for _, after := range []reseller.ShadowID{
				{Day: day(2)}, {Day: day(2), Seq: math.MaxInt64}, {Day: day(-9), Seq: math.MaxInt64}, {Day: day(9)}, own[7].ID(), own[13].ID(), {Seq: math.MaxInt64},
			} {
				got, err := next(ctx, rows, after, all)
				if err != nil {
					return err
				}
				t.Equal(got, keep(want, func(s reseller.Shadow) bool { return compareIDs(s.ID(), after) > 0 }), "shadows %s after %s", conformance.Text(q), conformance.Text(after))
			}
			return nil
		}), "View")
	}
	t.Equal(len(shadowsOf(t, st, below)), 0, "shadows of a seller that has none")
}
