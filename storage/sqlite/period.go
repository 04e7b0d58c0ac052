package sqlite

import (
	"context"

	"github.com/tierhost/tierhost/billing"
)

const (
	periodColumns = "account, seq, starts, ends, period, plan, plan_version, opened"
	periodCount   = 8

	queryPeriods = "SELECT " + periodColumns + " FROM billing_periods WHERE account = ? AND seq > ? ORDER BY seq LIMIT ?"
)

func bindPeriod(b *binder, p *billing.PeriodRow) {
	b.int(int64(p.Account))
	b.int(p.Seq)
	b.date(p.From)
	b.date(p.To)
	b.period(p.Period)
	b.string(string(p.Plan))
	b.int(int64(p.PlanVersion))
	b.string(p.Opened)
}

func (t *tx) writePeriods(periods []billing.PeriodRow) error {
	return exists("period", insertRows(t, &t.store.inserts.period, &t.work.period, periods, bindPeriod))
}

// Periods implements [billing.BookRows].
func (r billingRows) Periods(
	ctx context.Context, account billing.AccountID, after int64, limit int,
) (page []billing.PeriodRow, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.work.misc.start()
	b.int(int64(account))
	b.int(after)
	b.int(int64(limit))
	err = r.list(ctx, queryPeriods, b, periodCount, func(row *row) {
		page = append(page, billing.PeriodRow{
			Account:     billing.AccountID(row.int()),
			Seq:         row.int(),
			From:        row.date(),
			To:          row.date(),
			Period:      row.period(),
			Plan:        billing.PlanID(row.string()),
			PlanVersion: int(row.int()),
			Opened:      row.string(),
		})
	})
	return page, failure(ctx, "Periods", err)
}
