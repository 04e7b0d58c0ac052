package sqlite

import (
	"cmp"
	"context"
	"slices"

	"github.com/tierhost/tierhost/billing"
)

// Due implements [billing.AccountRows]. The pages come from an index by day and ID,
// day by day, because there are few of them on which somebody is due: a page costs
// what is on it, and not all who are due.
func (r billingRows) Due(
	ctx context.Context, q billing.DueQuery, after billing.AccountID, limit int,
) ([]billing.DueAccount, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	var all []billing.DueAccount
	query := queryDue
	if len(q.Sellers) > 0 {
		query = queryDueOf
	}
	b := &r.work.misc
	for on := (billing.Date{}); ; {
		b.start().bytes(appendDate(nil, on)) // "0000-12-31" lies before all days
		b.date(q.Day)
		var next billing.Date
		if err := r.each(queryNextDue, b, 1, func(row *row) { next = row.date() }); err != nil {
			return nil, failure(ctx, "Due", err)
		}
		if next.IsZero() {
			break
		}
		on = next
		b.start().date(on)
		b.int(int64(after))
		if len(q.Sellers) > 0 {
			b.bytes(appendSellers(nil, q.Sellers))
		}
		b.int(int64(limit))
		if err := r.each(query, b, 2, func(row *row) { all = append(all, row.due()) }); err != nil {
			return nil, failure(ctx, "Due", err)
		}
	}
	slices.SortFunc(all, func(a, b billing.DueAccount) int { return cmp.Compare(a.ID, b.ID) })
	return all[:min(limit, len(all))], nil
}

// due reads an ID and who is above.
func (r *row) due() billing.DueAccount {
	d := billing.DueAccount{ID: billing.AccountID(r.int())}
	if above := read(r, parseIDs); len(above) > 0 {
		d.Top = above[0]
	}
	return d
}

// Accounts implements [billing.AccountRows].
func (r billingRows) Accounts(
	ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int,
) ([]billing.Account, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectAccounts, r.work)
	f.where("id > ?").int(int64(after))
	if q.Seller != "" {
		f.where("seller = ?").string(string(q.Seller))
	}
	if q.Plan != "" {
		f.where("plan = ?").string(string(q.Plan))
	}
	if q.Status != "" {
		f.where("status = ?").string(string(q.Status))
	}
	if q.Open {
		f.where("status <> ?").string(string(billing.Closed))
	}
	if q.Parked {
		f.where("parked_code <> ''")
	}
	if q.InDebt {
		f.where("balance < 0")
	}
	var page []billing.Account
	err := r.list(ctx, f.query("id", limit), f.b, accountCount, func(row *row) {
		page = append(page, billing.Account{})
		row.account(&page[len(page)-1])
	})
	return page, failure(ctx, "Accounts", err)
}
