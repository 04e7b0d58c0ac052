package billing

import (
	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// fits tells why an account cannot be on a plan, nil if it can: unknown_period,
// not_in_plan, over_max, in this order. pending is a change of period that was asked
// for.
func (b *book) fits(p *pricedPlan, period, pending Period) *Refusal {
	if !p.hasPeriod(period) || !pending.IsZero() && !p.hasPeriod(pending) {
		return b.refuse(ErrUnknownPeriod, "", "plan "+string(p.id)+" has no period of that length")
	}
	for _, h := range b.holds {
		if h.Quantity.Sign() > 0 && p.line(h.Resource) == nil {
			return b.refuse(ErrNotInPlan, h.Resource, "plan "+string(p.id)+" does not have it; set it to 0 first")
		}
	}
	for _, h := range b.holds {
		if l := p.line(h.Resource); l != nil && l.Max != nil && money.RatOf(h.Quantity).Cmp(l.max) > 0 {
			return b.refuse(ErrOverMax, h.Resource, "plan "+string(p.id)+" allows "+l.Max.String())
		}
	}
	return nil
}

// changePlan moves the account to another plan on a day, within its period (spec
// section 4, Change plan).
func (b *book) changePlan(to *pricedPlan, day Date) error {
	a := &b.acct
	old := b.plan()
	percent := a.RefundPercent
	if b.openedBoundary(a.PeriodFrom, day) {
		percent = decimal.New(100, 0)
	}
	if err := b.refundRest(to, day, percent); err != nil {
		return err
	}
	a.Plan, a.PlanVersion = to.id, to.version
	a.PendingPlan, a.PendingVersion = "", 0
	a.RefundPercent = decimal.Min(a.RefundPercent, to.refund)
	a.MoneyBackDays = min(a.MoneyBackDays, to.terms.MoneyBackDays)
	a.Stretches = append(a.Stretches, Stretch{From: day, Plan: to.id, Version: to.version})
	for _, h := range b.inOrder() {
		b.freshTotals(h)
		if h.monthly() {
			h.giveUp(money.RatOf(h.Top).Sub(money.RatOf(h.Quantity)))
			h.Top = h.Quantity
			b.setLimit(h, h.Quantity, true)
		}
		h.Paid, h.changed = decimal.Decimal{}, true
		if h.Quantity.Sign() <= 0 {
			continue
		}
		if err := b.repriceSetup(CausePlanChange, h, day); err != nil {
			return err
		}
		units := b.rates(h.Resource).billable(money.RatOf(h.Quantity))
		h.Paid = dec(units)
		if err := b.recurring(CausePlanChange, h, units, day, b.remaining(h, day)); err != nil {
			return err
		}
	}
	return b.acquireNew(old, CausePlanChange, day)
}

// remaining is the part of a holding's interval that is left on a day, also of a
// month: the stretch that a change of plan opens begins on it.
func (b *book) remaining(h *hold, day Date) fraction {
	if h.monthly() {
		return fraction{b.acct.MonthTo.Sub(day), b.monthDays()}
	}
	return b.left(day)
}

// refundRest gives back the unused rest of the present plan: in full if the new one
// costs at least as much for the same time, else what the new one costs and the refund
// percent of what is more, each holding in proportion.
func (b *book) refundRest(to *pricedPlan, day Date, percent decimal.Decimal) error {
	a := &b.acct
	type rest struct {
		h     *hold
		exact money.Rat
		f     fraction
		r     *rates
	}
	var rests []rest
	var oldCost, newCost money.Rat
	for _, h := range b.inOrder() {
		r := b.rates(h.Resource)
		f := b.remaining(h, day)
		exact := r.recurring.Mul(money.RatOf(h.Paid)).Mul(f.rat())
		if !exact.IsZero() {
			rests = append(rests, rest{h, exact, f, r})
			oldCost = oldCost.Add(exact)
		}
		nr := to.rates(h.Resource, a.Period)
		newCost = newCost.Add(nr.recurring.Mul(nr.billable(money.RatOf(h.Quantity))).Mul(f.rat()))
	}
	for _, l := range b.newLines(b.plan(), to) {
		f := b.left(day)
		if l.resource.Kind == KindMonthly {
			f = fraction{a.MonthTo.Sub(day), b.monthDays()}
		}
		nr := to.rates(l.Resource, a.Period)
		newCost = newCost.Add(nr.recurring.Mul(nr.billable(l.atSignup)).Mul(f.rat()))
	}
	factor := money.RatInt(1)
	if newCost.Cmp(oldCost) < 0 {
		factor = over(newCost.Add(oldCost.Sub(newCost).Mul(percentOf(percent))), oldCost)
	}
	for _, x := range rests {
		_, end := b.interval(x.h)
		units := money.RatOf(x.h.Paid)
		exact := x.exact.Mul(factor).Neg()
		if exact.IsZero() {
			continue
		}
		basis := b.basis(CausePlanChange, x.h, x.r, units, x.r.recurring, x.f)
		basis.Factor = factor
		if err := b.keep(EntryRefund, x.h, units, day, end, exact, basis); err != nil {
			return err
		}
	}
	return nil
}

// repriceSetup charges the setup that the present plan asks for the quantity held
// beyond what has been paid for it.
func (b *book) repriceSetup(cause Cause, h *hold, day Date) error {
	if h.Quantity.Sign() <= 0 {
		return nil
	}
	r := b.rates(h.Resource)
	units := r.billable(money.RatOf(h.Quantity))
	due := r.setup.Mul(units).Sub(h.SetupPaid)
	return b.setupDue(cause, h, r, due, units, units, day)
}

// newLines are a plan's lines with at_signup quantities of resources that the old
// plan did not have.
func (b *book) newLines(old, to *pricedPlan) []*pricedLine {
	var out []*pricedLine
	for i := range to.lines {
		l := &to.lines[i]
		if l.atSignup.Sign() > 0 && old.line(l.Resource) == nil {
			out = append(out, l)
		}
	}
	return out
}

// acquireNew acquires the at_signup quantities of newLines.
func (b *book) acquireNew(old *pricedPlan, cause Cause, day Date) error {
	for _, l := range b.newLines(old, b.plan()) {
		h := b.acquire(l.resource)
		if money.RatOf(h.Quantity).Cmp(l.atSignup) >= 0 {
			continue
		}
		if err := b.rise(cause, h, l.atSignup, day); err != nil {
			return err
		}
	}
	return nil
}
