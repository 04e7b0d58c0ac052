package sqlite

import (
	"context"

	"github.com/tierhost/tierhost/billing"
)

const (
	holdingColumns = "account, resource, quantity, paid, top, limits, setup_units, setup_paid, setup_total, " +
		"setup_discount, recurring_total, recurring_discount, kept, trial_use"
	holdingCount    = 14
	holdingConflict = "ON CONFLICT (account, resource) DO UPDATE SET quantity = excluded.quantity, paid = excluded.paid, " +
		"top = excluded.top, limits = excluded.limits, setup_units = excluded.setup_units, " +
		"setup_paid = excluded.setup_paid, setup_total = excluded.setup_total, setup_discount = excluded.setup_discount, " +
		"recurring_total = excluded.recurring_total, recurring_discount = excluded.recurring_discount, " +
		"kept = excluded.kept, trial_use = excluded.trial_use"

	queryUpdateHolding = "UPDATE billing_holdings SET paid = ?, top = ?, limits = ?, recurring_total = ?, " +
		"recurring_discount = ?, kept = ? WHERE account = ? AND resource = ?"

	selectHoldings    = "SELECT " + holdingColumns + " FROM billing_holdings "
	orderHoldings     = " ORDER BY account, resource"
	queryHolding      = selectHoldings + "WHERE account = ? ORDER BY resource"
	queryHoldingRange = selectHoldings + "WHERE account" + inRange + orderHoldings
	queryHoldingList  = selectHoldings + "WHERE account" + inList + orderHoldings
)

func bindHolding(b *binder, h *billing.Holding) {
	b.int(int64(h.Account))
	b.string(string(h.Resource))
	b.decimal(h.Quantity)
	b.decimal(h.Paid)
	b.decimal(h.Top)
	b.text = appendLimits(b.text[:0], h.Limits)
	b.bytes(b.text)
	b.decimal(h.SetupUnits)
	b.rat(h.SetupPaid)
	b.rat(h.SetupTotal)
	b.rat(h.SetupDiscount)
	b.rat(h.RecurringTotal)
	b.rat(h.RecurringDiscount)
	b.int(h.Kept)
	b.decimal(h.TrialUse)
}

// holding reads holdingColumns.
func (r *row) holding(h *billing.Holding) {
	h.Account = billing.AccountID(r.int())
	h.Resource = billing.ResourceID(r.string())
	h.Quantity = r.decimal()
	h.Paid = r.decimal()
	h.Top = r.decimal()
	h.Limits = read(r, parseLimits)
	h.SetupUnits = r.decimal()
	h.SetupPaid = r.rat()
	h.SetupTotal = r.rat()
	h.SetupDiscount = r.rat()
	h.RecurringTotal = r.rat()
	h.RecurringDiscount = r.rat()
	h.Kept = r.int()
	h.TrialUse = r.decimal()
}

// writeHoldings inserts or replaces holdings, in their order. Of one that was loaded
// in this transaction only what has changed is written, if it is no more than a run
// changes.
func (t *tx) writeHoldings(holdings []billing.Holding) error {
	whole := 0 // holdings before i that are to be written whole
	for i := range holdings {
		if !t.onlyRun(&holdings[i]) {
			whole++
			continue
		}
		if err := t.putHoldings(holdings[i-whole : i]); err != nil {
			return err
		}
		if err := t.updateHolding(&holdings[i]); err != nil {
			return err
		}
		whole = 0
	}
	return t.putHoldings(holdings[len(holdings)-whole:])
}

// onlyRun reports whether a holding differs from what is stored in nothing but what
// updateHolding writes. Else it is taken for written whole from then on.
func (t *tx) onlyRun(h *billing.Holding) bool {
	m := t.images[h.Account]
	if m == nil {
		return false
	}
	o := m.holding(h.Resource)
	if o == nil || sameRest(o, h) {
		return o != nil
	}
	*o = *h
	o.Limits = nil
	return false
}

func (t *tx) putHoldings(holdings []billing.Holding) error {
	return insertRows(t, &t.store.inserts.holding, &t.work.holding, holdings, bindHolding)
}

func (t *tx) updateHolding(h *billing.Holding) error {
	b := t.work.update.start()
	b.decimal(h.Paid)
	b.decimal(h.Top)
	b.text = appendLimits(b.text[:0], h.Limits)
	b.bytes(b.text)
	b.rat(h.RecurringTotal)
	b.rat(h.RecurringDiscount)
	b.int(h.Kept)
	b.int(int64(h.Account))
	b.string(string(h.Resource))
	_, err := t.exec(queryUpdateHolding, b)
	return err
}

// holdings reads the holdings of accounts, which are distinct and in order.
func (r billingRows) holdings(ids []billing.AccountID) ([]billing.Holding, error) {
	b := r.work.misc.start()
	query := byIDs{queryHolding, queryHoldingRange, queryHoldingList}.bind(b, ids)
	all := make([]billing.Holding, 0, 4*len(ids))
	wanted := ids
	err := r.each(query, b, holdingCount, func(row *row) {
		if wants(&wanted, row) {
			all = append(all, billing.Holding{})
			row.holding(&all[len(all)-1])
		}
	})
	if len(all) == 0 {
		return nil, err
	}
	return all, err
}

// Holdings implements [billing.AccountRows].
func (r billingRows) Holdings(ctx context.Context, ids []billing.AccountID) ([]billing.Holding, error) {
	if err := r.reading(ctx); err != nil || len(ids) == 0 {
		return nil, err
	}
	all, err := r.holdings(ordered(ids))
	return all, failure(ctx, "Holdings", err)
}
