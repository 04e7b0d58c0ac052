package postgres

import (
	"context"

	"github.com/tierhost/tierhost/billing"
)

func periodTable() table {
	return table{"billing_periods", columns(
		bigintType, "account seq",
		dateType, "starts ends",
		textType, "period plan",
		bigintType, "plan_version",
		textType, "opened",
	)}
}

func (rs *rowset) periodRow(p *billing.PeriodRow) {
	rs.begin()
	rs.int(int64(p.Account))
	rs.int(p.Seq)
	rs.date(p.From)
	rs.date(p.To)
	rs.period(p.Period)
	rs.text(string(p.Plan))
	rs.int(int64(p.PlanVersion))
	rs.text(p.Opened)
}

func (s *scan) periodRow(p *billing.PeriodRow) {
	p.Account = billing.AccountID(s.int())
	p.Seq = s.int()
	p.From = s.date()
	p.To = s.date()
	p.Period = s.period()
	p.Plan = billing.PlanID(s.text())
	p.PlanVersion = int(s.int())
	p.Opened = s.text()
}

type periodStatements struct {
	insertStatements
	list *statement // account, after, limit
}

func newPeriodStatements(x sqlText) periodStatements {
	t := periodTable()
	return periodStatements{
		insertStatements: newInsertStatements(x, t),
		list: x.statement("SELECT " + t.names("") + ` FROM {{schema}}.billing_periods
			WHERE account = $1::bigint AND seq > $2::bigint ORDER BY seq LIMIT $3::bigint`),
	}
}

// Periods implements [billing.BookRows].
func (r rows) Periods(ctx context.Context, account billing.AccountID, after int64, limit int) ([]billing.PeriodRow, error) {
	var p params
	p.int(int64(account)).int(after).limit(limit)
	return query(ctx, r.tx, "postgres.Periods", r.tx.store.sql.periods.list, p, (*scan).periodRow)
}
