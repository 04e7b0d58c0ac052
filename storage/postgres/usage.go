package postgres

import (
	"context"

	"github.com/tierhost/tierhost/billing"
)

func usageTable() table {
	return table{"billing_usage", columns(
		bigintType, "account",
		textType, "resource",
		dateType, "day",
		numericType, "amount",
		textType, "key",
		bigintType, "source",
		textType, "rolled_up",
		instantType, "recorded",
	)}
}

func (rs *rowset) usage(u *billing.UsageRecord) {
	rs.begin()
	rs.int(int64(u.Account))
	rs.text(string(u.Resource))
	rs.date(u.Day)
	rs.numeric(u.Amount)
	rs.text(u.Key)
	rs.int(int64(u.Source))
	rs.accounts(u.RolledUp)
	rs.instant(u.Recorded)
}

func (s *scan) usage(u *billing.UsageRecord) {
	u.Account = billing.AccountID(s.int())
	u.Resource = billing.ResourceID(s.text())
	u.Day = s.date()
	u.Amount = s.numeric()
	u.Key = s.text()
	u.Source = billing.AccountID(s.int())
	u.RolledUp = s.accounts()
	u.Recorded = s.instant()
	u.Seq = s.int()
}

// usageStatements append and read usage records; the database draws their Seq, which
// the appending ones return in order.
type usageStatements struct {
	insertStatements
	list      *statement // account, after, limit
	unsettled byIDs      // accounts
	keyed     *statement // account, resource, key
}

func newUsageStatements(x sqlText) usageStatements {
	t := usageTable()
	from := "SELECT " + t.names("u.") + ", u.seq FROM {{schema}}.billing_usage u "
	return usageStatements{
		insertStatements: insertStatements{
			table: t,
			one:   x.statement(t.insert(false) + " RETURNING seq"),
			many:  x.statement(t.insert(true) + " RETURNING seq"),
		},
		list: x.statement(from + "WHERE account = $1::bigint AND seq > $2::bigint ORDER BY seq LIMIT $3::bigint"),
		unsettled: newByIDs(x, from+`JOIN {{schema}}.billing_accounts a ON a.id = u.account AND u.seq > a.meter_scan
			WHERE a.id = `+anyID+` ORDER BY u.account, u.seq`, 0),
		keyed: x.statement(from + "WHERE account = $1::bigint AND resource = $2::text AND key = $3::text AND key <> ''"),
	}
}

// Usage implements [billing.BookRows].
func (r rows) Usage(ctx context.Context, account billing.AccountID, after int64, limit int) ([]billing.UsageRecord, error) {
	var p params
	p.int(int64(account)).int(after).limit(limit)
	return query(ctx, r.tx, "postgres.Usage", r.tx.store.sql.usage.list, p, (*scan).usage)
}
