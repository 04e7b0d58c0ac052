package postgres

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

func bookTable() table {
	return table{"reseller_books", columns(textType, "seller", dateType, "through")}
}

func (rs *rowset) books(b *reseller.Books) {
	rs.begin()
	rs.text(string(b.Seller))
	rs.date(b.Through)
}

func (s *scan) books(b *reseller.Books) {
	b.Seller = billing.SellerID(s.text())
	b.Through = s.date()
}

type bookStatements struct {
	insertStatements            // insert or replace
	load             byIDs      // sellers
	open             *statement // until, after: day, seller, limit
}

func newBookStatements(x sqlText) bookStatements {
	t := bookTable()
	return bookStatements{
		insertStatements: newUpsertStatements(x, t, 1),
		load:             newBySellers(x, "SELECT "+t.names("")+" FROM {{schema}}.reseller_books WHERE seller = "+anyID+" ORDER BY seller", 0),
		// From seller to seller and from day to day in the index, behind the days that are
		// closed: what it costs depends on the days that are open, not on the shadows.
		open: x.statement(`WITH RECURSIVE sellers AS (
				(SELECT seller FROM {{schema}}.reseller_shadows ORDER BY seller LIMIT 1)
			UNION ALL
				SELECT (SELECT n.seller FROM {{schema}}.reseller_shadows n WHERE n.seller > s.seller ORDER BY n.seller LIMIT 1)
				FROM sellers s WHERE s.seller IS NOT NULL),
			days AS (
				SELECT s.seller, (SELECT n.day FROM {{schema}}.reseller_shadows n WHERE n.seller = s.seller AND n.day <= $1::date
					AND n.day > greatest(b.through, CASE WHEN s.seller > $3::text THEN $2::date - 1 ELSE $2::date END)
					ORDER BY n.day LIMIT 1) AS day
				FROM sellers s LEFT JOIN {{schema}}.reseller_books b ON b.seller = s.seller WHERE s.seller IS NOT NULL
			UNION ALL
				SELECT d.seller, (SELECT n.day FROM {{schema}}.reseller_shadows n WHERE n.seller = d.seller AND n.day <= $1::date
					AND n.day > d.day ORDER BY n.day LIMIT 1)
				FROM days d WHERE d.day IS NOT NULL)
			SELECT day, seller FROM days WHERE day IS NOT NULL ORDER BY day, seller LIMIT $4::bigint`),
	}
}

// Books implements [reseller.Rows].
func (r resellerRows) Books(ctx context.Context, seller billing.SellerID) (reseller.Books, error) {
	var p params
	p.text(string(seller))
	return single(query(ctx, r.tx, "postgres.Books", r.tx.store.sql.books.load.few[0], p, (*scan).books))
}

// OpenDays implements [reseller.Rows].
func (r resellerRows) OpenDays(ctx context.Context, until billing.Date, after reseller.OpenDay, limit int) ([]reseller.OpenDay, error) {
	var p params
	p.day(until).day(after.Day).text(string(after.Seller)).limit(limit)
	return query(ctx, r.tx, "postgres.OpenDays", r.tx.store.sql.books.open, p, func(s *scan, d *reseller.OpenDay) {
		d.Day = s.date()
		d.Seller = billing.SellerID(s.text())
	})
}
