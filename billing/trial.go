package billing

import (
	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// A trial is a month that opens uncharged on the day of signup and runs to TrialEnds.
// What is held in it is logged as units times days; the conversion charges that, then
// opens the first period as a signup does.

// startTrial opens the account's trial on the day of signup.
func (b *book) startTrial(day Date) {
	a := &b.acct
	a.TrialEnds = day.AddDays(b.plan().terms.Trial.Days)
	a.MonthFrom, a.MonthTo, a.MonthCharged = day, a.TrialEnds, false
	a.Stretches = []Stretch{{From: day, Plan: a.Plan, Version: a.PlanVersion}}
	for i := range b.plan().lines {
		l := &b.plan().lines[i]
		if l.atSignup.Sign() > 0 {
			b.trialSet(b.acquire(l.resource), l.atSignup, day)
		}
	}
	b.schedule()
}

// trialSet changes a quantity during a trial: nothing is charged, its use is logged
// as if it lasted to the trial's end.
func (b *book) trialSet(h *hold, q money.Rat, day Date) {
	r := b.rates(h.Resource)
	days := money.RatInt(int64(max(0, b.acct.TrialEnds.Sub(day)))) // none once it has ended
	more := r.billable(q).Sub(r.billable(money.RatOf(h.Quantity)))
	h.TrialUse = dec(money.RatOf(h.TrialUse).Add(more.Mul(days)))
	b.hold(h, q, day)
	if h.monthly() {
		h.Top = decimal.Max(h.Top, h.Quantity)
		b.setLimit(h, h.Quantity, false)
	}
}

// endTrial is the boundary at a trial's end.
func (b *book) endTrial(day Date) error {
	a := &b.acct
	if b.plan().terms.Trial.Convert && a.Status == Active {
		return b.convert(day)
	}
	if a.Status == Active {
		a.Status = Suspended
		a.Suspension = Suspension{Reason: ReasonTrial, By: Actor{Role: RoleTrial}, On: day}
		b.event(AccountSuspended{Account: a.ID, Reason: ReasonTrial, On: day})
	} // else it keeps its reason, and with it who may resume it
	return nil
}

// convert ends the trial on a day, no later than TrialEnds as far as its use is
// concerned, and opens the first period as at signup.
func (b *book) convert(day Date) error {
	a := &b.acct
	end := day
	if a.TrialEnds.Before(end) {
		end = a.TrialEnds
	}
	if b.plan().terms.Trial.Free {
		b.consume(func(r UsageRecord) bool { return r.Day.Before(day) })
	} else if err := b.chargeTrial(end, day); err != nil {
		return err
	}
	held := make([]money.Rat, len(b.holds))
	for i, h := range b.holds {
		held[i] = money.RatOf(h.Quantity)
		b.freshTotals(h)
		h.Quantity, h.Paid, h.Top, h.Limits, h.TrialUse = decimal.Decimal{}, decimal.Decimal{}, decimal.Decimal{}, nil, decimal.Decimal{}
		h.changed = true
	}
	a.TrialEnds, a.Status, a.Suspension = Date{}, Active, Suspension{}
	b.activate(day)
	order := b.inOrder()
	for _, h := range order {
		for i := range b.holds {
			if b.holds[i] == h && held[i].Sign() > 0 {
				if err := b.rise(CauseRise, h, held[i], day); err != nil {
					return err
				}
			}
		}
	}
	b.event(TrialConverted{Account: a.ID, On: day})
	return nil
}

// chargeTrial charges the use of a trial up to end: the recurring price of each unit
// and day, and the usage of the trial as of one month.
func (b *book) chargeTrial(end, day Date) error {
	a := &b.acct
	unused := money.RatInt(int64(a.TrialEnds.Sub(end)))
	period := a.Period.next(a.SignedUp, a.SignedUp).Sub(a.SignedUp)
	month := a.Period.nextMonth(a.SignedUp, a.SignedUp).Sub(a.SignedUp)
	if err := b.settle(day, settleResume); err != nil {
		return err
	}
	for _, h := range b.inOrder() {
		r := b.rates(h.Resource)
		unitDays := money.RatOf(h.TrialUse).Sub(r.billable(money.RatOf(h.Quantity)).Mul(unused))
		if unitDays.Sign() <= 0 {
			continue
		}
		of := period
		if h.monthly() {
			of = month
		}
		units := over(unitDays, money.RatInt(int64(max(1, end.Sub(a.SignedUp)))))
		f := fraction{end.Sub(a.SignedUp), of}
		basis := b.basis(CauseTrial, h, r, units, r.recurring, f)
		exact := r.recurring.Mul(units).Mul(f.rat())
		if err := b.keep(EntryRecurring, h, units, a.SignedUp, end, exact, basis); err != nil {
			return err
		}
	}
	return nil
}

// activate opens the account's first period on a day, with nothing held yet.
func (b *book) activate(day Date) {
	a := &b.acct
	a.Anchor, a.Activated = day, day
	b.openPeriod(day, OpenedSignup)
	b.startMonth(day, true)
	b.schedule()
}

// changeTrialPlan moves an account that is in its trial; its use so far counts above
// the old plan's free units, at the price of the plan on which it is converted.
func (b *book) changeTrialPlan(to *pricedPlan, day Date) error {
	held := make([]money.Rat, len(b.holds))
	if b.acct.TrialEnds.Before(day) {
		day = b.acct.TrialEnds // an ended trial is used no more
	}
	for i, h := range b.holds {
		held[i] = money.RatOf(h.Quantity)
		b.trialSet(h, money.Rat{}, day)
	}
	old := b.plan()
	b.acct.Plan, b.acct.PlanVersion = to.id, to.version
	b.acct.RefundPercent = to.refund
	b.acct.MoneyBackDays = min(b.acct.MoneyBackDays, to.terms.MoneyBackDays)
	b.acct.Stretches = append(b.acct.Stretches, Stretch{From: day, Plan: to.id, Version: to.version})
	for i, h := range b.holds {
		if held[i].Sign() > 0 {
			b.trialSet(h, held[i], day)
		}
	}
	for _, l := range b.newLines(old, to) {
		if h := b.acquire(l.resource); h.Quantity.IsZero() {
			b.trialSet(h, l.atSignup, day)
		}
	}
	return nil
}
