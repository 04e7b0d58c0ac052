package reseller

import (
	"context"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Statement is what a reseller sees of its account at its parent over some days. What
// its customers cost is in it once their day has closed, never before.
type Statement struct {
	Seller   billing.SellerID
	Account  billing.AccountID // its double
	From, To billing.Date      // inclusive
	// Through is the last day that is closed; zero: none is. Days of the statement after
	// it have no bills yet.
	Through billing.Date
	Opening money.Money // balance before From
	Lines   []billing.StatementLine
	Closing money.Money // balance after To
	// Days are the closed days that have bills.
	Days   []StatementDay
	Totals []StatementTotal // of the bills, by resource
	Total  money.Money      // of all bills, without the parent's taxes
}

// StatementDay is a closed day.
type StatementDay struct {
	Day   billing.Date
	Bills []Bill // by resource
	Total money.Money
}

// StatementTotal is what a resource comes to over the statement's days.
type StatementTotal struct {
	Resource billing.ResourceID
	Amount   money.Money
	Bills    int64
	Shadows  int64 // retail events behind the bills
}

// Statement returns a reseller's statement from one day to another, both included: the
// ledger of its account with its parent, and the bills of closed days by day and by
// resource. All of it is read in one view. Errors: billing.ErrUnknownSeller, and the
// code "not_a_reseller" for a seller without an account at a parent.
func (m *Manager) Statement(ctx context.Context, seller billing.SellerID, from, to billing.Date) (Statement, error) {
	var s Statement
	err := m.view(ctx, func(ctx context.Context, tx storage.Tx, _ Rows) (err error) {
		s, err = m.In(tx).statement(ctx, seller, from, to)
		return err
	})
	if err != nil {
		return Statement{}, err
	}
	return s, nil
}

func (m *Manager) statement(ctx context.Context, id billing.SellerID, from, to billing.Date) (Statement, error) {
	s := Statement{Seller: id, From: from, To: to}
	r, err := m.reseller(ctx, id)
	if err != nil {
		return s, err
	}
	ledger, err := m.engine.Statement(ctx, r.Double, from, to)
	if err != nil {
		return s, err
	}
	s.Account, s.Opening, s.Lines, s.Closing = r.Double, ledger.Opening, ledger.Lines, ledger.Closing
	if s.Through, err = m.ClosedThrough(ctx, id); err != nil {
		return s, err
	}
	zero := money.Zero(s.Opening.Currency())
	s.Total = zero
	totals := map[billing.ResourceID]*StatementTotal{}
	for b, err := range m.Bills(ctx, BillQuery{Seller: id, Since: from, Until: to}) {
		if err != nil {
			return s, err
		}
		if n := len(s.Days); n == 0 || s.Days[n-1].Day != b.Day {
			s.Days = append(s.Days, StatementDay{Day: b.Day, Total: zero})
		}
		day := &s.Days[len(s.Days)-1]
		day.Bills = append(day.Bills, b)
		total := totals[b.Resource]
		if total == nil {
			total = &StatementTotal{Resource: b.Resource, Amount: zero}
			totals[b.Resource] = total
		}
		total.Bills++
		total.Shadows += b.Shadows
		if err := add(b.Amount, &day.Total, &total.Amount, &s.Total); err != nil {
			return s, err
		}
	}
	for _, id := range sortedKeys(totals) {
		s.Totals = append(s.Totals, *totals[id])
	}
	return s, nil
}

// add adds an amount to some sums.
func add(amount money.Money, sums ...*money.Money) (err error) {
	for _, sum := range sums {
		if *sum, err = sum.Add(amount); err != nil {
			return err
		}
	}
	return nil
}
