package postgres

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

func billTable() table {
	return table{"reseller_bills", columns(
		textType, "seller",
		dateType, "day",
		textType, "resource currency",
		bigintType, "amount shadows account document entry",
		instantType, "recorded",
	)}
}

func (rs *rowset) bill(b *reseller.Bill) {
	rs.begin()
	rs.text(string(b.Seller))
	rs.day(b.Day)
	rs.text(string(b.Resource))
	rs.amount(b.Amount, rs.currency(b.Amount))
	rs.int(b.Shadows)
	rs.int(int64(b.Account))
	rs.int(b.Document)
	rs.int(b.Entry)
	rs.instant(b.Recorded)
}

func (s *scan) bill(b *reseller.Bill) {
	b.Seller = billing.SellerID(s.text())
	b.Day = s.date()
	b.Resource = billing.ResourceID(s.text())
	b.Amount = s.amount(s.currency())
	b.Shadows = s.int()
	b.Account = billing.AccountID(s.int())
	b.Document = s.int()
	b.Entry = s.int()
	b.Recorded = s.instant()
}

type billStatements struct {
	insertStatements
	list string // seller, day, resource; to be filtered
}

func newBillStatements(x sqlText) billStatements {
	t := billTable()
	return billStatements{
		insertStatements: newInsertStatements(x, t),
		list: "SELECT " + t.names("") + ` FROM {{schema}}.reseller_bills
			WHERE seller = $1::text AND (day, resource) > ($2::date, $3::text)`,
	}
}

// Bills implements [reseller.Rows].
func (r resellerRows) Bills(
	ctx context.Context, q reseller.BillQuery, day billing.Date, resource billing.ResourceID, limit int,
) ([]reseller.Bill, error) {
	var f filter
	f.params.text(string(q.Seller)).day(day).text(string(resource))
	f.between("day", q.Since, q.Until)
	f.limit("day, resource", limit)
	st := r.tx.store.text().statement(r.tx.store.sql.bills.list + f.sql.String())
	return query(ctx, r.tx, "postgres.Bills", st, f.params, (*scan).bill)
}
