package sqlite

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

const (
	billColumns = "seller, day, resource, amount, currency, shadows, account, document, entry, recorded"
	billCount   = 10

	selectBills     = "SELECT " + billColumns + " FROM reseller_bills "
	upToBills       = " AND day <= ? ORDER BY day, resource LIMIT ?"
	queryBillsSince = selectBills + "WHERE seller = ? AND day >= ?" + upToBills
	queryBillsAfter = selectBills + "WHERE seller = ? AND (day, resource) > (?, ?)" + upToBills

	booksColumns  = "seller, through"
	booksCount    = 2
	booksConflict = "ON CONFLICT (seller) DO UPDATE SET through = excluded.through"
	queryBooks    = "SELECT " + booksColumns + " FROM reseller_books WHERE seller = ?"
)

func bindBill(b *binder, x *reseller.Bill) {
	b.string(string(x.Seller))
	b.date(x.Day)
	b.string(string(x.Resource))
	c := x.Amount.Currency()
	b.amount(x.Amount, c)
	b.currency(c)
	b.int(x.Shadows)
	b.int(int64(x.Account))
	b.int(x.Document)
	b.int(x.Entry)
	b.instant(x.Recorded)
}

// bill reads billColumns.
func (r *row) bill(x *reseller.Bill) {
	x.Seller = billing.SellerID(r.string())
	x.Day = r.date()
	x.Resource = billing.ResourceID(r.string())
	minor, ok := r.minor()
	x.Amount = amount(minor, ok, r.currency())
	x.Shadows = r.int()
	x.Account = billing.AccountID(r.int())
	x.Document = r.int()
	x.Entry = r.int()
	x.Recorded = r.instant()
}

// Bills implements [reseller.Rows].
func (r resellerRows) Bills(
	ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int,
) (page []reseller.Bill, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.work.misc.start()
	b.string(string(q.Seller))
	query := queryBillsAfter
	if day.Before(q.Since) {
		query = queryBillsSince
		b.date(q.Since)
	} else {
		b.behind(day)
		b.string(string(resource))
	}
	if q.Until.IsZero() {
		b.string("~") // behind all days
	} else {
		b.date(q.Until)
	}
	b.int(int64(limit))
	err = r.list(ctx, query, b, billCount, func(row *row) {
		page = append(page, reseller.Bill{})
		row.bill(&page[len(page)-1])
	})
	return page, failure(ctx, "Bills", err)
}

func bindBooks(b *binder, x *reseller.Books) {
	b.string(string(x.Seller))
	b.date(x.Through)
}

// Books implements [reseller.Rows].
func (r resellerRows) Books(ctx context.Context, seller billing.SellerID) (x reseller.Books, err error) {
	if err := r.reading(ctx); err != nil {
		return x, err
	}
	all, err := r.books(seller, nil)
	if err == nil && len(all) == 0 {
		return x, errNotFound("books of seller %.80q", seller)
	}
	if err != nil {
		return x, failure(ctx, "Books", err)
	}
	return all[0], nil
}

// books appends the books of a seller, if they are there.
func (r resellerRows) books(seller billing.SellerID, all []reseller.Books) ([]reseller.Books, error) {
	b := r.work.misc.start()
	b.string(string(seller))
	err := r.each(queryBooks, b, booksCount, func(row *row) {
		all = append(all, reseller.Books{Seller: billing.SellerID(row.string()), Through: row.date()})
	})
	return all, err
}
