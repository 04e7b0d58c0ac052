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
						return rows.Due(ctx, day(n), 0, 100)
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
					return rows.Due(ctx, day(10), after, limit)
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
				} {
					var want []billing.AccountID
					for _, a := range all {
						if (q.Seller == "" || q.Seller == a.Seller) && (q.Plan == "" || q.Plan == a.Plan) && (q.Status == "" || q.Status == a.Status) &&
							(!q.Parked || a.Parked.Code != "") && (!q.InDebt || a.Balance.Sign() < 0) {
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
	}
}
