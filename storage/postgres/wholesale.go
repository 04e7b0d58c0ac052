package postgres

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// wholesaleTable has the holdings of package reseller.
func wholesaleTable() table {
	return table{"reseller_holdings", columns(
		bigintType, "account",
		textType, "seller resource",
		numericType, "pooled billable charged",
		textType, "list_plan",
		bigintType, "list_version",
		textType, "limits setup_total recurring_total",
	)}
}

func (rs *rowset) wholesale(h *reseller.Holding) {
	rs.begin()
	rs.int(int64(h.Account))
	rs.text(string(h.Seller))
	rs.text(string(h.Resource))
	rs.numeric(h.Pooled)
	rs.numeric(h.Billable)
	rs.numeric(h.Charged)
	rs.text(string(h.List.Plan))
	rs.int(int64(h.List.Version))
	list(rs, h.Limits, appendUnits)
	rs.rat(h.SetupTotal)
	rs.rat(h.RecurringTotal)
}

func (s *scan) wholesale(h *reseller.Holding) {
	h.Account = billing.AccountID(s.int())
	h.Seller = billing.SellerID(s.text())
	h.Resource = billing.ResourceID(s.text())
	h.Pooled = s.numeric()
	h.Billable = s.numeric()
	h.Charged = s.numeric()
	h.List.Plan = billing.PlanID(s.text())
	h.List.Version = int(s.int())
	s.json(&h.Limits)
	h.SetupTotal = s.rat()
	h.RecurringTotal = s.rat()
}

type wholesaleStatements struct {
	insertStatements            // insert or replace
	load             byIDs      // accounts
	list             *statement // seller, account, resource, limit
}

func newWholesaleStatements(x sqlText) wholesaleStatements {
	t := wholesaleTable()
	from := "SELECT " + t.names("") + " FROM {{schema}}.reseller_holdings WHERE "
	return wholesaleStatements{
		insertStatements: newUpsertStatements(x, t, 3),
		load:             newByIDs(x, from+"account = "+anyID+" ORDER BY account, seller, resource", 0),
		list: x.statement(from + `seller = $1::text AND (account, resource) > ($2::bigint, $3::text)
			ORDER BY account, resource LIMIT $4::bigint`),
	}
}

// Holdings implements [reseller.Rows].
func (r resellerRows) Holdings(
	ctx context.Context, seller billing.SellerID, account billing.AccountID, resource billing.ResourceID, limit int,
) ([]reseller.Holding, error) {
	var p params
	p.text(string(seller)).int(int64(account)).text(string(resource)).limit(limit)
	return query(ctx, r.tx, "postgres.Holdings", r.tx.store.sql.wholesale.list, p, (*scan).wholesale)
}
