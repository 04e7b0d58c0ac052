package billingtest_test

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/billing"
)

func listMutants() []mutant {
	due := func(f func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error)) func() hooks {
		return func() hooks { return hooks{due: f} }
	}
	accounts := func(f func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error)) func() hooks {
		return func() hooks { return hooks{accounts: f} }
	}
	entries := func(f func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error)) func() hooks {
		return func() hooks { return hooks{entries: f} }
	}
	byID := func(f func(next billing.Rows, ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error)) func() hooks {
		return func() hooks { return hooks{entriesByID: f} }
	}
	documents := func(f func(next billing.Rows, ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error)) func() hooks {
		return func() hooks { return hooks{documents: f} }
	}
	sum := func(f func(next billing.Rows, ctx context.Context, id billing.AccountID, until billing.Date) (int64, error)) func() hooks {
		return func() hooks { return hooks{sum: f} }
	}
	// dueIf lists accounts that match.
	dueIf := func(match func(a billing.Account, day billing.Date) bool) func() hooks {
		return due(func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
			all, err := next.Accounts(ctx, billing.AccountQuery{}, after, 1000)
			var page []billing.DueAccount
			for _, a := range all {
				if len(page) < limit && match(a, q.Day) && (len(q.Sellers) == 0 || slices.Contains(q.Sellers, a.Seller)) {
					page = append(page, dueAccount(a))
				}
			}
			return page, err
		})
	}
	// entriesBy lists entries in another order.
	entriesBy := func(compare func(a, b billing.EntryID) int) func() hooks {
		return entries(func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
			all, err := next.Entries(ctx, q, billing.EntryID{}, 1000)
			slices.SortStableFunc(all, func(a, b billing.Entry) int { return compare(a.ID(), b.ID()) })
			all = without(all, func(e billing.Entry) bool { return compare(e.ID(), after) <= 0 })
			return all[:min(limit, len(all))], err
		})
	}
	return []mutant{
		{name: "parked accounts are due in lists", rules: []string{"LIST-1", "MODEL-1"}, hooks: dueIf(func(a billing.Account, day billing.Date) bool {
			return !a.Next.IsZero() && !a.Next.After(day)
		})},
		{name: "due the day after", rules: []string{"LIST-1"}, hooks: dueIf(func(a billing.Account, day billing.Date) bool {
			return !a.Next.IsZero() && a.Next.Before(day) && a.Parked.Code == ""
		})},
		{name: "never is always", rules: []string{"LIST-1"}, hooks: dueIf(func(a billing.Account, day billing.Date) bool {
			return !a.Next.After(day) && a.Parked.Code == ""
		})},
		{name: "due by day", rules: []string{"LIST-1"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				ids, err := next.Due(ctx, q, after, limit)
				slices.Reverse(ids)
				return ids, err
			})},
		{name: "a page of due accounts lacks its last row", rules: []string{"LIST-1"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				ids, err := next.Due(ctx, q, after, limit)
				if len(ids) == limit && limit > 1 {
					ids = ids[:limit-1]
				}
				return ids, err
			})},
		{name: "sellers of due accounts are not looked at", rules: []string{"LIST-4", "MODEL-1"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				q.Sellers = nil
				return next.Due(ctx, q, after, limit)
			})},
		{name: "due accounts of the first seller", rules: []string{"LIST-4"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				q.Sellers = q.Sellers[:min(1, len(q.Sellers))]
				return next.Due(ctx, q, after, limit)
			})},
		{name: "due accounts seller by seller", rules: []string{"LIST-4"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				if len(q.Sellers) == 0 {
					return next.Due(ctx, q, after, limit)
				}
				var all []billing.DueAccount
				for _, s := range q.Sellers {
					page, err := next.Due(ctx, billing.DueQuery{Day: q.Day, Sellers: []billing.SellerID{s}}, after, limit)
					if err != nil {
						return nil, err
					}
					all = append(all, page...)
				}
				return all[:min(limit, len(all))], nil
			})},
		{name: "sellers of due accounts without case", rules: []string{"LIST-4"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				q.Sellers = each(q.Sellers, func(s *billing.SellerID) { *s = billing.SellerID(strings.ToLower(string(*s))) })
				return next.Due(ctx, q, after, limit)
			})},
		{name: "the lowest of those above is the top", rules: []string{"LIST-5", "MODEL-1"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				page, err := next.Due(ctx, q, after, limit)
				return each(page, func(d *billing.DueAccount) {
					if a, ok := stored(ctx, next, d.ID); ok && len(a.Above) > 0 {
						d.Top = a.Above[len(a.Above)-1]
					}
				}), err
			})},
		{name: "due accounts of some sellers have no top", rules: []string{"LIST-5"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				page, err := next.Due(ctx, q, after, limit)
				return each(page, func(d *billing.DueAccount) {
					if len(q.Sellers) > 0 {
						d.Top = 0
					}
				}), err
			})},
		{name: "who is nobody's customer is its own top", rules: []string{"LIST-5"}, hooks: due(
			func(next billing.Rows, ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int) ([]billing.DueAccount, error) {
				page, err := next.Due(ctx, q, after, limit)
				return each(page, func(d *billing.DueAccount) {
					if d.Top == 0 {
						d.Top = d.ID
					}
				}), err
			})},
		{name: "closed accounts are open", rules: []string{"LIST-2", "MODEL-1"}, hooks: accounts(
			func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
				q.Open = false
				return next.Accounts(ctx, q, after, limit)
			})},
		{name: "open is active", rules: []string{"LIST-2"}, hooks: accounts(
			func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
				if q.Open && q.Status == "" {
					q.Open, q.Status = false, billing.Active
				}
				return next.Accounts(ctx, q, after, limit)
			})},
		{name: "a balance of 0 is debt", rules: []string{"LIST-2"}, hooks: accounts(
			func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
				debt := q.InDebt
				q.InDebt = false
				all, err := next.Accounts(ctx, q, after, 1000)
				all = without(all, func(a billing.Account) bool { return debt && a.Balance.Sign() > 0 })
				return all[:min(limit, len(all))], err
			})},
		{name: "one filter forgotten", rules: []string{"LIST-2"}, hooks: accounts(
			func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
				q.Status = ""
				return next.Accounts(ctx, q, after, limit)
			})},
		{name: "filtered after the limit", rules: []string{"LIST-2"}, hooks: accounts(
			func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
				page, err := next.Accounts(ctx, billing.AccountQuery{Seller: q.Seller, Plan: q.Plan, Status: q.Status, Open: q.Open, InDebt: q.InDebt}, after, limit)
				return without(page, func(a billing.Account) bool { return q.Parked && a.Parked.Code == "" }), err
			})},
		{name: "holdings without case", rules: []string{"LIST-3"}, hooks: func() hooks {
			return hooks{holdings: func(next billing.Rows, ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
				all, err := next.Holdings(ctx, ids)
				slices.SortStableFunc(all, func(a, b billing.Holding) int {
					return cmp.Or(cmp.Compare(a.Account, b.Account), strings.Compare(strings.ToLower(string(a.Resource)), strings.ToLower(string(b.Resource))))
				})
				return all, err
			}}
		}},
		{name: "holdings in the order of the question", rules: []string{"LIST-3"}, hooks: func() hooks {
			return hooks{holdings: func(next billing.Rows, ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
				var all []billing.Holding
				for _, id := range ids {
					one, err := next.Holdings(ctx, []billing.AccountID{id})
					if err != nil {
						return nil, err
					}
					all = append(all, one...)
				}
				return all, nil
			}}
		}},

		{name: "entries by number", rules: []string{"BOOK-1"}, hooks: entriesBy(func(a, b billing.EntryID) int {
			return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Account, b.Account))
		})},
		{name: "entries newest first", rules: []string{"BOOK-1"}, hooks: entries(
			func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
				page, err := next.Entries(ctx, q, after, limit)
				slices.Reverse(page)
				return page, err
			})},
		{name: "a page of entries lacks its last row", rules: []string{"BOOK-1"}, hooks: entries(
			func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
				page, err := next.Entries(ctx, q, after, limit)
				if len(page) == limit && limit > 1 {
					page = page[:limit-1]
				}
				return page, err
			})},
		{name: "a page of entries goes on with the next account", rules: []string{"BOOK-1"}, hooks: entries(
			func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
				page, err := next.Entries(ctx, q, after, 1000)
				page = without(page, func(e billing.Entry) bool {
					return e.Account < after.Account || e.Seq <= after.Seq && after.Account != 0
				})
				return page[:min(limit, len(page))], err
			})},
		{name: "entries of two sellers mixed", rules: []string{"BOOK-1"}, hooks: entries(
			func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
				q.Seller = ""
				return next.Entries(ctx, q, after, limit)
			})},
		{name: "the last day is left out", rules: []string{"BOOK-1"}, hooks: entries(
			func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
				if !q.Until.IsZero() {
					q.Until = q.Until.AddDays(-1)
				}
				return next.Entries(ctx, q, after, limit)
			})},
		{name: "one row too many", rules: []string{"BOOK-1"}, hooks: entries(
			func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
				return next.Entries(ctx, q, after, limit+1)
			})},
		{name: "resources without case", rules: []string{"BOOK-1"}, hooks: entries(
			func(next billing.Rows, ctx context.Context, q billing.EntryQuery, after billing.EntryID, limit int) ([]billing.Entry, error) {
				q.Resource = billing.ResourceID(strings.ToLower(string(q.Resource)))
				return next.Entries(ctx, q, after, limit)
			})},
		{name: "documents by day of issue", rules: []string{"BOOK-2"}, hooks: documents(
			func(next billing.Rows, ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error) {
				since, until := q.Since, q.Until
				q.Since, q.Until = billing.Date{}, billing.Date{}
				all, err := next.Documents(ctx, q, after, 1000)
				all = without(all, func(d billing.Document) bool {
					return !since.IsZero() && d.Issued.Before(since) || !until.IsZero() && d.Issued.After(until)
				})
				return all[:min(limit, len(all))], err
			})},
		{name: "documents that have a number", rules: []string{"BOOK-2"}, hooks: documents(
			func(next billing.Rows, ctx context.Context, q billing.DocumentQuery, after billing.DocumentID, limit int) ([]billing.Document, error) {
				all, err := next.Documents(ctx, q, after, 1000)
				all = without(all, func(d billing.Document) bool { return d.Number == 0 })
				return all[:min(limit, len(all))], err
			})},
		{name: "periods by day", rules: []string{"BOOK-3"}, hooks: func() hooks {
			return hooks{periods: func(next billing.Rows, ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.PeriodRow, error) {
				page, err := next.Periods(ctx, id, after, limit)
				slices.SortFunc(page, func(a, b billing.PeriodRow) int { return a.From.Compare(b.From) })
				return page, err
			}}
		}},
		{name: "usage begins with the last row again", rules: []string{"BOOK-3"}, hooks: func() hooks {
			return hooks{usage: func(next billing.Rows, ctx context.Context, id billing.AccountID, after int64, limit int) ([]billing.UsageRecord, error) {
				return next.Usage(ctx, id, after-1, limit)
			}}
		}},
		{name: "entries in the order of the question", rules: []string{"BOOK-5"}, hooks: byID(
			func(next billing.Rows, ctx context.Context, ids []billing.EntryID) (all []billing.Entry, err error) {
				for _, id := range slices.Compact(slices.Clone(ids)) {
					one, err := next.EntriesByID(ctx, []billing.EntryID{id})
					if err != nil {
						return nil, err
					}
					all = append(all, one...)
				}
				return all, nil
			})},
		{name: "an entry asked for twice comes twice", rules: []string{"BOOK-5"}, hooks: byID(
			func(next billing.Rows, ctx context.Context, ids []billing.EntryID) (all []billing.Entry, err error) {
				ids = slices.Clone(ids)
				slices.SortFunc(ids, billing.EntryID.Compare)
				for _, id := range ids {
					one, err := next.EntriesByID(ctx, []billing.EntryID{id})
					if err != nil {
						return nil, err
					}
					all = append(all, one...)
				}
				return all, nil
			})},
		{name: "the next entry for one that is not there", rules: []string{"BOOK-5"}, hooks: byID(
			func(next billing.Rows, ctx context.Context, ids []billing.EntryID) (all []billing.Entry, err error) {
				ids = slices.Clone(ids)
				slices.SortFunc(ids, billing.EntryID.Compare)
				for _, id := range slices.Compact(ids) {
					page, err := next.Entries(ctx, billing.EntryQuery{Account: id.Account}, billing.EntryID{Account: id.Account, Seq: id.Seq - 1}, 1)
					if err != nil {
						return nil, err
					}
					all = append(all, page...)
				}
				return all, nil
			})},
		{name: "some of all accounts and all numbers", rules: []string{"BOOK-5"}, hooks: byID(
			func(next billing.Rows, ctx context.Context, ids []billing.EntryID) ([]billing.Entry, error) {
				var crossed []billing.EntryID
				for _, a := range ids {
					for _, b := range ids {
						crossed = append(crossed, billing.EntryID{Account: a.Account, Seq: b.Seq})
					}
				}
				return next.EntriesByID(ctx, crossed)
			})},
		{name: "the sum of all days", rules: []string{"BOOK-4", "MODEL-1"}, hooks: sum(
			func(next billing.Rows, ctx context.Context, id billing.AccountID, _ billing.Date) (int64, error) {
				return next.Sum(ctx, id, billing.Date{})
			})},
		{name: "the sum before the day", rules: []string{"BOOK-4"}, hooks: sum(
			func(next billing.Rows, ctx context.Context, id billing.AccountID, until billing.Date) (int64, error) {
				if !until.IsZero() {
					until = until.AddDays(-1)
				}
				return next.Sum(ctx, id, until)
			})},
		{name: "entries without a date are left out of sums", rules: []string{"BOOK-4"}, hooks: sum(
			func(next billing.Rows, ctx context.Context, id billing.AccountID, until billing.Date) (int64, error) {
				if until.IsZero() {
					return next.Sum(ctx, id, until)
				}
				early, err := next.Sum(ctx, id, billing.NewDate(1, 1, 1))
				if err != nil {
					return 0, err
				}
				n, err := next.Sum(ctx, id, until)
				return n - early, err
			})},
		{name: "the sum as a float", rules: []string{"BOOK-4"}, hooks: sum(
			func(next billing.Rows, ctx context.Context, id billing.AccountID, until billing.Date) (int64, error) {
				n, err := next.Sum(ctx, id, until)
				return int64(float64(n)), err
			})},
	}
}

// dueAccount is an account as Due returns it.
func dueAccount(a billing.Account) billing.DueAccount {
	d := billing.DueAccount{ID: a.ID}
	if len(a.Above) > 0 {
		d.Top = a.Above[0]
	}
	return d
}
