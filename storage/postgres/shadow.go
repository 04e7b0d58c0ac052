package postgres

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

func shadowTable() table {
	return table{"reseller_shadows", columns(
		textType, "seller",
		bigintType, "account",
		dateType, "date day",
		textType, "kind resource",
		numericType, "quantity",
		dateType, "starts ends",
		textType, "currency",
		bigintType, "amount entry",
		textType, "plan",
		bigintType, "plan_version",
		textType, "basis",
		instantType, "recorded",
	)}
}

func (rs *rowset) shadow(x *reseller.Shadow) {
	rs.begin()
	rs.shadowValues(x)
}

func (rs *rowset) shadowValues(x *reseller.Shadow) {
	rs.text(string(x.Seller))
	rs.int(int64(x.Account))
	rs.date(x.Date)
	rs.day(x.Day)
	rs.text(string(x.Kind))
	rs.text(string(x.Resource))
	rs.numeric(x.Quantity)
	rs.date(x.From)
	rs.date(x.To)
	rs.amount(x.Amount, rs.currency(x.Amount))
	rs.int(x.Entry)
	rs.text(string(x.Plan))
	rs.int(int64(x.PlanVersion))
	rs.basis(&x.Basis)
	rs.instant(x.Recorded)
}

func (s *scan) shadow(x *reseller.Shadow) {
	x.Seq = s.int()
	x.Seller = billing.SellerID(s.text())
	x.Account = billing.AccountID(s.int())
	x.Date = s.date()
	x.Day = s.date()
	x.Kind = billing.EntryKind(s.text())
	x.Resource = billing.ResourceID(s.text())
	x.Quantity = s.numeric()
	x.From = s.date()
	x.To = s.date()
	x.Amount = s.amount(s.currency())
	x.Entry = s.int()
	x.Plan = billing.PlanID(s.text())
	x.PlanVersion = int(s.int())
	s.json(&x.Basis)
	x.Recorded = s.instant()
}

// shadowStatements append and read shadows; the database draws their Seq, which the
// appending ones return in order. A stream returns nothing, so its numbers are drawn
// before.
type shadowStatements struct {
	insertStatements // copyIn: of numbered
	numbered         table
	draw             *statement // how many
	list             string     // seller, after: day, seq; to be filtered
	sums             *statement // seller, day
}

func newShadowStatements(x sqlText) shadowStatements {
	t := shadowTable()
	numbered := table{t.name, append([]column{{"seq", bigintType}}, t.columns...)}
	return shadowStatements{
		insertStatements: insertStatements{
			table:  t,
			one:    x.statement(t.insert(false) + " RETURNING seq"),
			many:   x.statement(t.insert(true) + " RETURNING seq"),
			copyIn: x.statement(numbered.copyIn()),
		},
		numbered: numbered,
		draw:     x.statement("SELECT nextval('{{schema}}.reseller_shadow_seq') FROM generate_series(1, $1::bigint)"),
		list:     "SELECT " + numbered.names("") + " FROM {{schema}}.reseller_shadows WHERE seller = $1::text AND (day, seq) > ($2::date, $3::bigint)",
		sums: x.statement(`SELECT resource, currency, coalesce(sum(amount), 0)::bigint, count(*) FROM {{schema}}.reseller_shadows
			WHERE seller = $1::text AND day = $2::date GROUP BY resource, currency ORDER BY resource, currency`),
	}
}

// add adds shadows to what is pending.
func (p *pending) add(sql *shadowStatements, shadows []*reseller.Shadow) {
	first := len(p.shadows)
	p.shadows = append(p.shadows, shadows...)
	w, read := p.writer, appendInt(&p.seqs)
	if len(shadows) < many {
		w.rows(&sql.table, sql.one, sql.many, len(shadows), func(rs *rowset, i int) { rs.shadow(shadows[i]) }, read)
		return
	}
	rs := w.rowset()
	rs.byRow(&sql.numbered)
	at := make([]int, len(shadows))
	for i, x := range shadows {
		rs.begin()
		rs.int(0)
		at[i] = len(rs.bufs[0]) - 8
		rs.shadowValues(x)
	}
	if rs.err != nil {
		w.fail(rs.err)
		return
	}
	var count params
	count.int(int64(len(shadows)))
	w.round.add(sql.draw, count, read)
	w.streams = append(w.streams, stream{sql.copyIn, rs})
	p.copied = append(p.copied, copied{rs, first, at})
}

// Shadows implements [reseller.Rows].
func (r resellerRows) Shadows(ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int) ([]reseller.Shadow, error) {
	// One bound only: of two the server may read from the wrong one.
	if after.Day.Before(q.Since) {
		after = reseller.ShadowID{Day: q.Since}
	}
	var f filter
	f.params.text(string(q.Seller)).day(after.Day).int(after.Seq)
	if q.Account != 0 {
		f.params.int(int64(q.Account))
		f.add("account = ?::bigint")
	}
	f.text("resource = ?::text", string(q.Resource))
	f.between("day", billing.Date{}, q.Until)
	f.limit("day, seq", limit)
	st := r.tx.store.text().statement(r.tx.store.sql.shadows.list + f.sql.String())
	return query(ctx, r.tx, "postgres.Shadows", st, f.params, (*scan).shadow)
}

// Sums implements [reseller.Rows].
func (r resellerRows) Sums(ctx context.Context, seller billing.SellerID, day billing.Date) ([]reseller.Sum, error) {
	var p params
	p.text(string(seller)).day(day)
	return query(ctx, r.tx, "postgres.Sums", r.tx.store.sql.shadows.sums, p, func(s *scan, x *reseller.Sum) {
		x.Resource = billing.ResourceID(s.text())
		x.Currency = s.currency()
		x.Minor = s.int()
		x.Shadows = s.int()
	})
}
