package sqlite

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

const (
	shadowColumns = "seq, seller, account, date, day, kind, resource, quantity, starts, ends, amount, currency, " +
		"entry, plan, plan_version, recorded, basis"
	shadowCount = 17

	selectShadows   = "SELECT " + shadowColumns + " FROM reseller_shadows "
	queryShadowLast = `SELECT max(seq) FROM reseller_shadows`
	querySums       = `SELECT resource, currency, sum(amount), count(*) FROM reseller_shadows
WHERE seller = ? AND day = ? GROUP BY resource, currency ORDER BY resource, currency`

	// From seller to seller and from day to day, each found by its index: it costs
	// nothing how many shadows and closed days there are. Parameters: the day before the
	// first one wanted, until (twice), and the day and seller after which to begin.
	queryOpenDays = `WITH RECURSIVE
sellers(seller) AS (
    SELECT min(seller) FROM reseller_shadows
    UNION ALL
    SELECT (SELECT min(x.seller) FROM reseller_shadows AS x WHERE x.seller > s.seller) FROM sellers AS s WHERE s.seller IS NOT NULL
),
days(seller, day) AS (
    SELECT s.seller, (SELECT min(x.day) FROM reseller_shadows AS x
        WHERE x.seller = s.seller AND x.day > max(?, coalesce((SELECT through FROM reseller_books WHERE seller = s.seller), '')))
    FROM sellers AS s WHERE s.seller IS NOT NULL
    UNION ALL
    SELECT d.seller, (SELECT min(x.day) FROM reseller_shadows AS x WHERE x.seller = d.seller AND x.day > d.day)
    FROM days AS d WHERE d.day < ?
)
SELECT day, seller FROM days WHERE day <= ? AND (day, seller) > (?, ?) ORDER BY day, seller LIMIT ?`
)

func bindShadow(b *binder, p **reseller.Shadow) {
	s := *p
	b.int(s.Seq)
	b.string(string(s.Seller))
	b.int(int64(s.Account))
	b.date(s.Date)
	b.behind(s.Day)
	b.string(string(s.Kind))
	b.string(string(s.Resource))
	b.decimal(s.Quantity)
	b.date(s.From)
	b.date(s.To)
	c := s.Amount.Currency()
	b.amount(s.Amount, c)
	b.currency(c)
	b.int(s.Entry)
	b.string(string(s.Plan))
	b.int(int64(s.PlanVersion))
	b.instant(s.Recorded)
	b.basis(&s.Basis)
}

// shadow reads shadowColumns.
func (r *row) shadow(s *reseller.Shadow) {
	s.Seq = r.int()
	s.Seller = billing.SellerID(r.string())
	s.Account = billing.AccountID(r.int())
	s.Date = r.date()
	s.Day = r.date()
	s.Kind = billing.EntryKind(r.string())
	s.Resource = billing.ResourceID(r.string())
	s.Quantity = r.decimal()
	s.From = r.date()
	s.To = r.date()
	minor, ok := r.minor()
	s.Amount = amount(minor, ok, r.currency())
	s.Entry = r.int()
	s.Plan = billing.PlanID(r.string())
	s.PlanVersion = int(r.int())
	s.Recorded = r.instant()
	s.Basis = read(r, parseBasis)
}

// writeShadows numbers shadows from the last one on. They are never deleted, so the
// largest number is the last.
func (r resellerRows) writeShadows(shadows []*reseller.Shadow) error {
	if len(shadows) == 0 {
		return nil
	}
	var last int64
	if err := r.each(queryShadowLast, r.work.misc.start(), 1, func(row *row) { last = row.int() }); err != nil {
		return err
	}
	for i, s := range shadows {
		s.Seq = last + int64(i) + 1
	}
	return insertRows(r.tx, &r.store.inserts.shadow, &r.work.shadow, shadows, bindShadow)
}

// Shadows implements [reseller.Rows]: what is left of the day of after, then the days
// behind it, as SQLite finds no place by a pair of which one is the rowid.
func (r resellerRows) Shadows(
	ctx context.Context, q reseller.ShadowQuery, after reseller.ShadowID, limit int,
) (page []reseller.Shadow, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	read := func(row *row) {
		page = append(page, reseller.Shadow{})
		row.shadow(&page[len(page)-1])
	}
	if after.Day.Before(q.Since) {
		after = reseller.ShadowID{Day: q.Since}
	}
	days := "day >= ?"
	if after.Seq > 0 {
		days = "day > ?"
		err = r.list(ctx, shadowsQuery(&q, r.work, "day = ?", after, limit), &r.work.misc, shadowCount, read)
	}
	if err == nil && len(page) < limit {
		rest := reseller.ShadowID{Day: after.Day}
		err = r.list(ctx, shadowsQuery(&q, r.work, days, rest, limit-len(page)), &r.work.misc, shadowCount, read)
	}
	if err != nil {
		return nil, failure(ctx, "Shadows", err)
	}
	return page, nil
}

// shadowsQuery binds and returns the query for some days. The unary plus leaves SQLite
// one index: that by account, else that by day.
func shadowsQuery(q *reseller.ShadowQuery, w *scratch, days string, after reseller.ShadowID, limit int) string {
	f := newFilter(selectShadows, w)
	f.where("seller = ?").string(string(q.Seller))
	if q.Account != 0 {
		f.where("account = ?").int(int64(q.Account))
	}
	f.where(days).behind(after.Day)
	if after.Seq > 0 {
		f.where("seq > ?").int(after.Seq)
	}
	if !q.Until.IsZero() {
		f.where("day <= ?").date(q.Until)
	}
	if q.Resource != "" {
		f.where("+resource = ?").string(string(q.Resource))
	}
	return f.query("day, seq", limit)
}

// Sums implements [reseller.Rows].
func (r resellerRows) Sums(
	ctx context.Context, seller billing.SellerID, day billing.Date,
) (all []reseller.Sum, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	b := r.work.misc.start()
	b.string(string(seller))
	b.behind(day)
	err = r.list(ctx, querySums, b, 4, func(row *row) {
		all = append(all, reseller.Sum{
			Resource: billing.ResourceID(row.string()),
			Currency: row.currency(),
			Minor:    row.int(),
			Shadows:  row.int(),
		})
	})
	return all, failure(ctx, "Sums", err)
}

// OpenDays implements [reseller.Rows].
func (r resellerRows) OpenDays(
	ctx context.Context, until billing.Date, after reseller.OpenDay, limit int,
) (page []reseller.OpenDay, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 || until.IsZero() {
		return nil, err
	}
	b := r.work.misc.start()
	b.behind(before(after.Day))
	b.date(until)
	b.date(until)
	b.behind(after.Day)
	b.string(string(after.Seller))
	b.int(int64(limit))
	err = r.list(ctx, queryOpenDays, b, 2, func(row *row) {
		page = append(page, reseller.OpenDay{Day: row.date(), Seller: billing.SellerID(row.string())})
	})
	return page, failure(ctx, "OpenDays", err)
}

// before returns the day before, the zero Date for itself.
func before(d billing.Date) billing.Date {
	if d.IsZero() {
		return d
	}
	return d.AddDays(-1)
}

// behind binds a day after which others are asked for: "" lies before all days.
func (b *binder) behind(d billing.Date) {
	if d.IsZero() {
		b.string("")
		return
	}
	b.date(d)
}
