package postgres

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

func transferTable() table {
	return table{"reseller_transfers", columns(
		bigintType, "account",
		textType, "from_seller to_seller name plan period state",
		bigintType, "opened",
		dateType, "requested ended",
		textType, "reason by_role by_name",
	)}
}

func (rs *rowset) transfer(x *reseller.Transfer) {
	rs.begin()
	rs.int(int64(x.Account))
	rs.text(string(x.From))
	rs.text(string(x.To))
	rs.text(x.Name)
	rs.text(string(x.Plan))
	rs.period(x.Period)
	rs.text(string(x.State))
	rs.int(int64(x.Opened))
	rs.date(x.Requested)
	rs.date(x.Ended)
	rs.text(x.Reason)
	rs.text(string(x.By.Role))
	rs.text(x.By.Name)
}

func (s *scan) transfer(x *reseller.Transfer) {
	x.Account = billing.AccountID(s.int())
	x.From = billing.SellerID(s.text())
	x.To = billing.SellerID(s.text())
	x.Name = s.text()
	x.Plan = billing.PlanID(s.text())
	x.Period = s.period()
	x.State = reseller.TransferState(s.text())
	x.Opened = billing.AccountID(s.int())
	x.Requested = s.date()
	x.Ended = s.date()
	x.Reason = s.text()
	x.By.Role = billing.Role(s.text())
	x.By.Name = s.text()
}

type transferStatements struct {
	insertStatements            // insert or replace
	find             *statement // account
	list             *statement // state, after, limit
}

func newTransferStatements(x sqlText) transferStatements {
	t := transferTable()
	from := "SELECT " + t.names("") + " FROM {{schema}}.reseller_transfers WHERE "
	return transferStatements{
		insertStatements: newUpsertStatements(x, t, 1),
		find:             x.statement(from + "account = $1::bigint"),
		// The order by state and account, where the state is but one, is what only one index has.
		list: x.statement(from + `(state, account) > ($1::text, $2::bigint) AND state <= $1::text
			ORDER BY state, account LIMIT $3::bigint`),
	}
}

// Transfer implements [reseller.Rows].
func (r resellerRows) Transfer(ctx context.Context, account billing.AccountID) (reseller.Transfer, error) {
	var p params
	p.int(int64(account))
	return single(query(ctx, r.tx, "postgres.Transfer", r.tx.store.sql.transfers.find, p, (*scan).transfer))
}

// Transfers implements [reseller.Rows].
func (r resellerRows) Transfers(
	ctx context.Context, state reseller.TransferState, after billing.AccountID, limit int,
) ([]reseller.Transfer, error) {
	var p params
	p.text(string(state)).int(int64(after)).limit(limit)
	return query(ctx, r.tx, "postgres.Transfers", r.tx.store.sql.transfers.list, p, (*scan).transfer)
}
