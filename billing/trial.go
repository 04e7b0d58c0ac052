package billing

import (
	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// A trial is a month that opens uncharged on the day of signup and runs to TrialEnds.
// What is held in it is logged as units times days; the conversion charges that, then
// opens the first period as a signup does.
//
// Those above are told of what is held (MoveTry), and when the trial ends, in whatever
// way, of its end and its usage: what they are owed for it is not up to the account's
// seller, who may give it away.

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
	before := h.Quantity
	more := r.billable(q).Sub(r.billable(money.RatOf(before)))
	h.TrialUse = dec(money.RatOf(h.TrialUse).Add(more.Mul(days)))
	b.hold(h, q, day)
	if h.monthly() {
		h.Top = decimal.Max(h.Top, h.Quantity)
		b.setLimit(h, h.Quantity, false)
	}
	b.moveTry(h, before, h.Quantity, day)
}

// moveTry notes a change of quantity within a trial.
func (b *book) moveTry(h *hold, before, after decimal.Decimal, day Date) {
	a := &b.acct
	if !b.hooked() || b.acct.tried() || before.Equal(after) {
		return
	}
	m := b.move(MoveTry, h, before, day, fraction{a.TrialEnds.Sub(day), a.trialOf(h)}, len(b.drafts))
	m.After, m.To = after, a.TrialEnds
}

// tryAnew notes, for a change in a trial of how prices are read, that all that is held is
// held anew from a day on; change makes the change.
func (b *book) tryAnew(day Date, change func()) {
	for _, h := range b.inOrder() {
		b.moveTry(h, h.Quantity, decimal.Decimal{}, day)
	}
	change()
	for _, h := range b.inOrder() {
		b.moveTry(h, decimal.Decimal{}, h.Quantity, day)
	}
}

// moveTried notes that the trial ends on a day, and returns where each holding's note is.
func (b *book) moveTried(day Date) map[*hold]int {
	a := &b.acct
	if !b.hooked() || b.acct.tried() {
		return nil
	}
	at := map[*hold]int{}
	for _, h := range b.inOrder() {
		at[h] = len(b.moves)
		b.move(MoveTried, h, h.Quantity, a.SignedUp, fraction{day.Sub(a.SignedUp), a.trialOf(h)}, len(b.drafts)).To = day
	}
	return at
}

// leaveTrial ends a trial on a day for those above only: nothing of it is charged here.
func (b *book) leaveTrial(day Date, why settling) error {
	if !b.hooked() {
		return nil
	}
	b.moveTried(day)
	silent := b.silent
	b.silent = true
	err := b.settle(day, why)
	b.silent = silent
	b.moveAll(MoveTrialEnd, day)
	return err
}

// trialDays is how long the account's trial lasts; 0: it is in none.
func (a *Account) trialDays() int {
	if a.TrialEnds.IsZero() {
		return 0
	}
	return a.TrialEnds.Sub(a.SignedUp)
}

// tried reports whether the account's trial has ended by itself; those above have been
// told.
func (a *Account) tried() bool { return !a.TrialEnds.IsZero() && !a.LastRunOn.Before(a.TrialEnds) }

// trialInterval returns the days of the period and of the month that a trial stands in for.
func (a *Account) trialInterval() (period, month int) {
	return a.Period.next(a.SignedUp, a.SignedUp).Sub(a.SignedUp), a.Period.nextMonth(a.SignedUp, a.SignedUp).Sub(a.SignedUp)
}

// trialOf is the interval that prices of a holding are for within a trial, in days.
func (a *Account) trialOf(h *hold) int {
	period, month := a.trialInterval()
	if h.monthly() {
		return month
	}
	return period
}

// endTrial is the boundary at a trial's end.
func (b *book) endTrial(day Date) error {
	a := &b.acct
	if b.plan().terms.Trial.Convert && a.Status == Active {
		return b.convert(day)
	}
	if err := b.leaveTrial(day, settleTrial); err != nil {
		return err
	}
	if n := len(b.usage); n > 0 && b.hooked() { // they have been told of these
		a.MeterSeen = b.usage[n-1].Seq
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
		if err := b.leaveTrial(day, settleResume); err != nil {
			return err
		}
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
	tried := b.moveTried(end)
	if err := b.settle(day, settleResume); err != nil {
		return err
	}
	for _, h := range b.inOrder() {
		r := b.rates(h.Resource)
		unitDays := money.RatOf(h.TrialUse).Sub(r.billable(money.RatOf(h.Quantity)).Mul(unused))
		if unitDays.Sign() <= 0 {
			continue
		}
		units := over(unitDays, money.RatInt(int64(max(1, end.Sub(a.SignedUp)))))
		f := fraction{end.Sub(a.SignedUp), a.trialOf(h)}
		basis := b.basis(CauseTrial, h, r, units, r.recurring, f)
		exact := r.recurring.Mul(units).Mul(f.rat())
		mark := len(b.drafts)
		if err := b.keep(EntryRecurring, h, units, a.SignedUp, end, exact, basis); err != nil {
			return err
		}
		if i, ok := tried[h]; ok && len(b.drafts) > mark {
			b.moves[i].ChargeEntry = int64(mark) + 1
		}
	}
	if b.hooked() {
		b.moveAll(MoveTrialEnd, day)
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
