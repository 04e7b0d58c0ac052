package billing

import (
	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// closeAccount closes the account on a day: every holding falls to 0 and the month is
// settled with that day's records; within the money-back window each period resource
// gives back all its recurring charges.
func (b *book) closeAccount(day Date) error {
	a := &b.acct
	if !a.TrialEnds.IsZero() { // not converted, it is not charged for at retail
		if err := b.leaveTrial(day, settleClose); err != nil {
			return err
		}
		return b.end(day)
	}
	back := !a.Lapsed && day.Sub(a.Activated) < a.MoneyBackDays
	for _, h := range b.inOrder() {
		switch {
		case a.Lapsed: // nothing is paid for
		case back && !h.monthly():
			held, mark := h.Quantity, len(b.drafts)
			if err := b.moneyBack(h); err != nil {
				return err
			}
			if b.hooked() && held.Sign() > 0 { // those above give back by their usual rule
				whole := b.openedBoundary(a.PeriodFrom, day)
				m := b.move(MoveFall, h, held, day, b.left(day), mark)
				m.After, m.Opening = decimal.Decimal{}, whole
			}
		case h.Quantity.Sign() > 0 || h.Paid.Sign() > 0:
			if err := b.fall(h, money.Rat{}, day); err != nil {
				return err
			}
		}
	}
	if err := b.settle(day, settleClose); err != nil {
		return err
	}
	return b.end(day)
}

// moneyBack gives back all recurring charges of a period resource, net of discounts
// and refunds, as one refund.
func (b *book) moneyBack(h *hold) error {
	if h.Kept <= 0 || b.silent {
		return nil
	}
	cur := b.seller.Currency
	quantity := money.RatOf(h.Quantity)
	amount := money.FromMinor(h.Kept, cur)
	b.drafts = append(b.drafts, Entry{
		Kind: EntryRefund, Resource: h.Resource, Quantity: shown(quantity),
		From: b.acct.PeriodFrom, To: b.acct.PeriodTo, Amount: amount.Neg(),
		Basis: Basis{Cause: CauseMoneyBack, Plan: b.acct.Plan, Version: b.acct.PlanVersion, Period: b.acct.Period,
			Held: h.Quantity, Exact: amount.Rat().Neg(), Rounding: b.seller.Rounding},
	})
	h.Kept, h.changed = 0, true
	return nil
}

// end leaves the account closed on a day, with nothing held.
func (b *book) end(day Date) error {
	a := &b.acct
	if b.hooked() {
		b.moveAll(MoveEnd, day)
	}
	a.Status, a.Closed, a.Suspension, b.closed = Closed, day, Suspension{}, true
	a.Cancelling, a.Leaving, a.PendingPeriod, a.PendingPlan, a.PendingVersion = false, false, Period{}, "", 0
	for _, h := range b.holds {
		if h.Quantity.Sign() > 0 || h.Paid.Sign() > 0 || h.Top.Sign() > 0 || len(h.Limits) > 0 {
			h.Quantity, h.Paid, h.Top, h.Limits = decimal.Decimal{}, decimal.Decimal{}, decimal.Decimal{}, nil
			h.changed = true
		}
	}
	b.schedule()
	b.event(AccountClosed{Account: a.ID, On: day})
	return nil
}
