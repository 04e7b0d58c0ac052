package billingtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// listRules are about the lists of accounts and holdings.
func listRules() []Rule {
	return []Rule{
		{
			ID: "LIST-1", Name: "due",
			Text: "Due returns, in order and in pages, the IDs of the accounts whose Next is on or before the day and which are not parked.",
			Why:  "An account that is left out is not billed; a parked one has a broken book.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				write(t, st, &billing.Batch{Accounts: dueAccounts()})
				due := func(n int) []billing.AccountID {
					return read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.AccountID, error) {
						return dueIDs(rows.Due(ctx, billing.DueQuery{Day: day(n)}, 0, 100))
					})
				}
				t.Equal(due(4), []billing.AccountID{}, "due on day 4")
				t.Equal(due(5), []billing.AccountID{1}, "due on day 5")
				t.Equal(due(6), []billing.AccountID{1, 2}, "due on day 6")
				b := &billing.Batch{}
				for i, a := range dueAccounts() {
					a = later(a)
					a.Next, a.Parked = day(10-i), billing.Parking{}
					b.Accounts = append(b.Accounts, a)
				}
				b.Accounts[1].Next = billing.Date{}
				b.Accounts[2].Parked.Code = "too_many_entries"
				for i := range 9 {
					a := account(billing.AccountID(1000-100*i), host)
					a.Next = day(i)
					b.Accounts = append(b.Accounts, a)
				}
				write(t, st, b)
				t.Equal(due(6), []billing.AccountID{5, 400, 500, 600, 700, 800, 900, 1000}, "due on day 6 after another write")
				want := []billing.AccountID{1, 4, 5, 200, 300, 400, 500, 600, 700, 800, 900, 1000}
				checkPages(t, st, "due accounts", want, func(ctx context.Context, rows billing.Rows, after billing.AccountID, limit int) ([]billing.AccountID, error) {
					return dueIDs(rows.Due(ctx, billing.DueQuery{Day: day(10)}, after, limit))
				})
			},
		},
		{
			ID: "LIST-2", Name: "accounts",
			Text: "Accounts returns the accounts that match all that the query says, by ID and in pages.",
			Why:  "What a reseller may see is decided by it, and who gets a dunning letter.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				var all []billing.Account
				for i := range 32 {
					seller := host
					if i&1 != 0 {
						seller = reseller
					}
					a := account(billing.AccountID(i+1), seller)
					a.Balance = entryOf(seller, a.ID, 1, int64(i%3-1)).Amount // -1: debt
					if i&2 != 0 {
						a.Plan = "other"
					}
					if i&4 != 0 {
						a.Status = billing.Suspended
					}
					if i%7 == 0 {
						a.Status, a.Closed = billing.Closed, day(9)
					}
					if i&8 != 0 {
						a.Parked = billing.Parking{Code: "code", On: day(1)}
					}
					all = append(all, a)
				}
				shuffled := sorted(all, func(a, b billing.Account) int { return cmp.Compare(a.ID%7, b.ID%7) })
				write(t, st, &billing.Batch{Accounts: shuffled})
				for _, q := range []billing.AccountQuery{
					{}, {Seller: host}, {Seller: reseller}, {Seller: "nobody"}, {Plan: "other"}, {Plan: "oth"}, {Status: billing.Suspended}, {Status: billing.Closed},
					{Parked: true}, {InDebt: true}, {Seller: reseller, InDebt: true}, {Seller: host, Plan: "basic", Status: billing.Active},
					{Seller: reseller, Plan: "other", Status: billing.Suspended, Parked: true, InDebt: true},
					{Open: true}, {Open: true, Seller: reseller}, {Open: true, Status: billing.Closed}, {Open: true, Status: billing.Suspended, Plan: "other"},
				} {
					var want []billing.AccountID
					for _, a := range all {
						if (q.Seller == "" || q.Seller == a.Seller) && (q.Plan == "" || q.Plan == a.Plan) && (q.Status == "" || q.Status == a.Status) &&
							(!q.Open || a.Status != billing.Closed) && (!q.Parked || a.Parked.Code != "") && (!q.InDebt || a.Balance.Sign() < 0) {
							want = append(want, a.ID)
						}
					}
					checkPages(t, st, "accounts "+conformance.Text(q), want, func(ctx context.Context, rows billing.Rows, after billing.AccountID, limit int) ([]billing.AccountID, error) {
						page, err := rows.Accounts(ctx, q, after, limit)
						for _, a := range page {
							t.Equal(a, all[a.ID-1], "account %d", a.ID)
						}
						return idsOf(page, func(a billing.Account) billing.AccountID { return a.ID }), err
					})
				}
			},
		},
		{
			ID: "LIST-3", Name: "holdings",
			Text: "Holdings returns the holdings of the accounts asked for, by account and by resource in the order of its bytes.",
			Why:  "Callers walk it beside the list of accounts.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 11)
				var all []billing.Holding
				for i, name := range oddIDs() {
					for _, id := range []billing.AccountID{2, 10, 3} {
						all = append(all, holding(id, billing.ResourceID(name), int64(i)))
					}
				}
				write(t, st, &billing.Batch{Holdings: all})
				want := slices.DeleteFunc(sorted(all, func(a, b billing.Holding) int {
					return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Resource, b.Resource))
				}), func(h billing.Holding) bool { return h.Account == 3 })
				for _, ids := range [][]billing.AccountID{{2, 10}, {10, 99, 2, 1, 10}} {
					got := read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Holding, error) {
						return rows.Holdings(ctx, ids)
					})
					t.Equal(got, want, "holdings of %v", ids)
				}
				none := read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Holding, error) {
					return rows.Holdings(ctx, nil)
				})
				t.Equal(len(none), 0, "holdings of no accounts")
			},
		},
		{
			ID: "LIST-4", Name: "due of some sellers",
			Text: "With Sellers, Due returns the due accounts of these sellers only; without, those of all.",
			Why:  "A reseller's own run bills its customers and nobody else's.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				own := map[billing.SellerID][]billing.AccountID{}
				b := &billing.Batch{}
				var all []billing.AccountID
				for i := range 18 {
					seller := []billing.SellerID{host, reseller, "Reseller", "reseller2", "o'brien,\"x\""}[i%5]
					a := account(billing.AccountID(i+1), seller)
					a.Next = day(18 - i)
					if i >= 15 {
						a.Parked = billing.Parking{Code: "code"}
					}
					b.Accounts = append(b.Accounts, a)
					if !a.Next.After(day(12)) && i < 15 {
						own[seller] = append(own[seller], a.ID)
						all = append(all, a.ID)
					}
				}
				write(t, st, b)
				for _, sellers := range [][]billing.SellerID{
					nil, {}, {host}, {reseller}, {"Reseller"}, {"o'brien,\"x\""}, {reseller, host}, {"nobody"}, {"nobody", "reseller2", reseller, reseller},
				} {
					want := all
					if len(sellers) > 0 {
						want = nil
						for _, s := range slices.Compact(slices.Clone(sellers)) {
							want = append(want, own[s]...)
						}
						slices.Sort(want)
					}
					checkPages(t, st, fmt.Sprintf("due accounts of %q", sellers), want,
						func(ctx context.Context, rows billing.Rows, after billing.AccountID, limit int) ([]billing.AccountID, error) {
							return dueIDs(rows.Due(ctx, billing.DueQuery{Day: day(12), Sellers: sellers}, after, limit))
						})
				}
			},
		},
		{
			ID: "LIST-5", Name: "who is above those due",
			Text: "Due returns with each account the highest of those above it, and 0 if nobody is.",
			Why:  "The run bills the customers below one reseller one after the other; two workers would draw on one pool in any order.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				write(t, st, &billing.Batch{Accounts: family()})
				want := []billing.DueAccount{{ID: 1}, {ID: 2, Top: 1}, {ID: 3}, {ID: 10, Top: 1}, {ID: 11, Top: 1}, {ID: 12, Top: 3}, {ID: 13}}
				for _, q := range []billing.DueQuery{{Day: day(31)}, {Day: day(31), Sellers: []billing.SellerID{host, "first", "other", "below"}}} {
					checkPages(t, st, "due accounts with those above", idsOf(want, func(d billing.DueAccount) billing.AccountID { return d.ID }),
						func(ctx context.Context, rows billing.Rows, after billing.AccountID, limit int) ([]billing.AccountID, error) {
							page, err := rows.Due(ctx, q, after, limit)
							for _, d := range page {
								for _, w := range want {
									if w.ID == d.ID {
										t.Equal(d, w, "due account %d", d.ID)
									}
								}
							}
							return dueIDs(page, err)
						})
				}
			},
		},
	}
}

// dueIDs are the IDs of due accounts.
func dueIDs(list []billing.DueAccount, err error) ([]billing.AccountID, error) {
	return idsOf(list, func(d billing.DueAccount) billing.AccountID { return d.ID }), err
}

// family are accounts of which some are above others: 1 and 3 are the doubles of two
// resellers of the host, 2 that of a reseller below 1; 10 is a customer of 1, 11 of
// 2, 12 of 3 and 13 of the host.
func family() []billing.Account {
	of := func(id billing.AccountID, seller, sells billing.SellerID, above ...billing.AccountID) billing.Account {
		a := account(id, seller)
		a.Sells, a.Above = sells, above
		return a
	}
	return []billing.Account{
		of(1, host, "first"), of(2, "first", "below", 1), of(3, host, "other"),
		of(10, "first", "", 1), of(11, "below", "", 1, 2), of(12, "other", "", 3), of(13, host, ""),
	}
}

// bookRules are about the lists of the ledger.
func bookRules() []Rule {
	return []Rule{
		{
			ID: "BOOK-1", Name: "entries",
			Text:  "Entries returns the entries that match all that the query says, dates inclusive, by account and Seq; a page goes on exactly where the last one ended, at any cut.",
			Why:   "A statement that loses or repeats a line at a page's end does not add up.",
			Check: checkEntries,
		},
		{
			ID: "BOOK-2", Name: "documents",
			Text:  "Documents returns the documents that match all that the query says, dates inclusive, by account and Seq, in pages.",
			Why:   "The export to the bookkeeper is made of it.",
			Check: checkDocuments,
		},
		{
			ID: "BOOK-3", Name: "periods and usage",
			Text: "Periods and Usage return the rows of one account by Seq, in pages.",
			Why:  "They are what a bill is explained with.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 2)
				b := &billing.Batch{}
				for i := range 9 {
					p := period(1, int64(9-i))
					p.From = day(i) // not the order of Seq
					b.Periods = append(b.Periods, p, period(2, int64(i+5)))
					u := usage(1, billing.ResourceID(fmt.Sprint("r", i%2)), "")
					u.Day = day(-i)
					b.Usage = append(b.Usage, u, usage(2, "r", ""))
				}
				write(t, st, b)
				checkPages(t, st, "periods", counting(9), func(ctx context.Context, rows billing.Rows, after int64, limit int) ([]int64, error) {
					page, err := rows.Periods(ctx, 1, after, limit)
					for _, p := range page {
						t.Equal(p, b.Periods[2*(9-p.Seq)], "period %d", p.Seq)
					}
					return idsOf(page, func(p billing.PeriodRow) int64 { return p.Seq }), err
				})
				var want []int64
				for i, u := range b.Usage {
					if i%2 == 0 {
						want = append(want, u.Seq)
					}
				}
				checkPages(t, st, "usage", want, func(ctx context.Context, rows billing.Rows, after int64, limit int) ([]int64, error) {
					page, err := rows.Usage(ctx, 1, after, limit)
					return idsOf(page, func(u billing.UsageRecord) int64 { return u.Seq }), err
				})
				t.OK(view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					periods, err := rows.Periods(ctx, 99, 0, 10)
					if err != nil {
						return err
					}
					records, err := rows.Usage(ctx, 99, 0, 10)
					t.Equal(len(periods)+len(records), 0, "rows of an account that is not there")
					return err
				}), "View")
			},
		},
		{
			ID: "BOOK-4", Name: "sum",
			Text: "Sum adds up the account's entries dated on or before the day, or all, in minor units; one without a date comes before any day; without entries it is 0.",
			Why:  "The balance is checked against it.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 3)
				amounts := []int64{1, -20, 300, 0, -4000, 50000, 1 << 53, 2} // more than a float holds
				b := &billing.Batch{}
				for i, minor := range amounts {
					e := entry(1, int64(len(amounts)-i), minor)
					e.Date = day(i / 2)
					b.Entries = append(b.Entries, e, entry(2, int64(i+1), 7))
				}
				write(t, st, b)
				sum := func(id billing.AccountID, until billing.Date) int64 {
					return read(t, st, func(ctx context.Context, rows billing.Rows) (int64, error) { return rows.Sum(ctx, id, until) })
				}
				total := int64(0)
				for i := range len(amounts) / 2 {
					t.Equal(sum(1, day(i).AddDays(-1)), total, "sum before day %d", i)
					total += amounts[2*i] + amounts[2*i+1]
					t.Equal(sum(1, day(i)), total, "sum until day %d", i)
				}
				t.Equal(sum(1, billing.Date{}), total, "sum of all")
				t.Equal(sum(2, billing.Date{}), int64(7*len(amounts)), "sum of the other account")
				t.Equal(sum(3, billing.Date{}), int64(0), "sum of an account without entries")
				t.Equal(sum(99, billing.Date{}), int64(0), "sum of an account that is not there")

				undated := entry(3, 1, 11)
				undated.Date = billing.Date{}
				write(t, st, &billing.Batch{Entries: []billing.Entry{undated}})
				t.Equal(sum(3, day(0)), int64(11), "sum until a day of an entry without a date")
				t.Equal(sum(3, billing.Date{}), int64(11), "sum of all, of an entry without a date")
			},
		},
		{
			ID: "BOOK-5", Name: "entries by ID",
			Text: "EntriesByID returns those of the entries asked for that are there, each once, by account and Seq.",
			Why:  "What stands beside an entry, a shadow or a bill, is checked against it by the hundred.",
			Check: func(t *conformance.T, h Harness) {
				st := openBooks(t, h)
				b := &billing.Batch{}
				for _, seq := range []int64{2, 9, 1, 3} {
					for _, id := range []billing.AccountID{12, 3, 2} {
						b.Entries = append(b.Entries, entryOf(sellerOf(id), id, seq, seq))
					}
				}
				write(t, st, b)
				all := sorted(b.Entries, func(a, b billing.Entry) int { return a.ID().Compare(b.ID()) })
				var every []billing.EntryID
				for i := range 20 {
					for _, id := range []billing.AccountID{99, 12, 1, 2, 3} {
						every = append(every, billing.EntryID{Account: id, Seq: int64(20 - i)})
					}
				}
				for _, ids := range [][]billing.EntryID{
					nil, {{Account: 12, Seq: 9}}, {{Account: 12, Seq: 4}}, {{Account: 1, Seq: 1}}, {{Account: 99, Seq: 1}}, {{Account: 12}},
					{{Account: 12, Seq: 1}, {Account: 2, Seq: 3}, {Account: 3, Seq: 2}, {Account: 2, Seq: 1}},
					{{Account: 2, Seq: 9}, {Account: 2, Seq: 8}, {Account: 2, Seq: 9}}, every,
				} {
					var want []billing.Entry
					for _, e := range all {
						if slices.Contains(ids, e.ID()) {
							want = append(want, e)
						}
					}
					got := read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Entry, error) {
						return rows.EntriesByID(ctx, ids)
					})
					t.Equal(len(got), len(want), "entries %v", ids)
					for i := range min(len(got), len(want)) {
						t.Equal(got[i], want[i], "entry %d of %v", i, ids)
					}
				}
			},
		},
	}
}
