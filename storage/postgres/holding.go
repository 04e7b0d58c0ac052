package postgres

import (
	"github.com/tierhost/tierhost/billing"
)

func holdingTable() table {
	return table{"billing_holdings", columns(
		bigintType, "account",
		textType, "resource",
		numericType, "quantity paid top",
		textType, "limits",
		numericType, "setup_units",
		textType, "setup_paid setup_total setup_discount recurring_total recurring_discount",
		bigintType, "kept",
		numericType, "trial_use",
	)}
}

func (rs *rowset) holding(h *billing.Holding) {
	rs.begin()
	rs.int(int64(h.Account))
	rs.text(string(h.Resource))
	rs.numeric(h.Quantity)
	rs.numeric(h.Paid)
	rs.numeric(h.Top)
	list(rs, h.Limits, appendLimit)
	rs.numeric(h.SetupUnits)
	rs.rat(h.SetupPaid)
	rs.rat(h.SetupTotal)
	rs.rat(h.SetupDiscount)
	rs.rat(h.RecurringTotal)
	rs.rat(h.RecurringDiscount)
	rs.int(h.Kept)
	rs.numeric(h.TrialUse)
}

func (s *scan) holding(h *billing.Holding) {
	h.Account = billing.AccountID(s.int())
	h.Resource = billing.ResourceID(s.text())
	h.Quantity = s.numeric()
	h.Paid = s.numeric()
	h.Top = s.numeric()
	s.json(&h.Limits)
	h.SetupUnits = s.numeric()
	h.SetupPaid = s.rat()
	h.SetupTotal = s.rat()
	h.SetupDiscount = s.rat()
	h.RecurringTotal = s.rat()
	h.RecurringDiscount = s.rat()
	h.Kept = s.int()
	h.TrialUse = s.numeric()
}

type holdingStatements struct {
	insertStatements       // insert or replace
	load             byIDs // accounts
}

func newHoldingStatements(x sqlText) holdingStatements {
	t := holdingTable()
	return holdingStatements{
		insertStatements: newUpsertStatements(x, t, 2),
		load:             newByIDs(x, "SELECT "+t.names("")+" FROM {{schema}}.billing_holdings WHERE account = "+anyID+" ORDER BY account, resource", 0),
	}
}
