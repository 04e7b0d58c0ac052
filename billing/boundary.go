package billing

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// advance handles every boundary up to and including a day, each dated at its own
// day, by date.
func (b *book) advance(to Date) error {
	for !b.acct.Next.IsZero() && !b.acct.Next.After(to) {
		if err := b.boundary(b.acct.Next); err != nil {
			return err
		}
	}
	return nil
}

// boundary handles the boundary on a day: the month is settled, the period opens, the
// month opens; all in one document.
func (b *book) boundary(day Date) error {
	b.begin(day)
	if err := b.cross(day); err != nil {
		return err
	}
	n := len(b.documents)
	if err := b.finish(); err != nil {
		return err
	}
	b.acct.LastRun, b.acct.LastRunOn = money.Zero(b.seller.Currency), day
	if len(b.documents) > n {
		b.acct.LastRun = b.documents[n].Total
	}
	b.schedule()
	return nil
}

func (b *book) cross(day Date) error {
	if b.acct.TrialEnds == day {
		return b.endTrial(day)
	}
	if err := b.settle(day, settleMonthEnd); err != nil {
		return err
	}
	if b.acct.Lapsed || day.Before(b.acct.PeriodTo) {
		return b.openMonth(day, !b.acct.suspendedOn(day))
	}
	switch {
	case b.acct.Cancelling:
		return b.end(day)
	case b.acct.suspendedOn(day):
		b.acct.Lapsed = true
		for _, h := range b.holds {
			if !h.monthly() && h.Paid.Sign() > 0 {
				h.Paid, h.changed = decimal.Decimal{}, true
			}
		}
		if b.hooked() {
			b.moveAll(MoveLapse, day)
		}
		return b.openMonth(day, false)
	}
	return b.renew(day, OpenedRenewal)
}

// schedule sets the day of the next boundary.
func (b *book) schedule() {
	a := &b.acct
	switch {
	case a.Status == Closed:
		a.Next = Date{}
	case a.tried():
		a.Next = Date{} // an ended trial waits to be converted or closed
	case !a.TrialEnds.IsZero():
		a.Next = a.TrialEnds
	default:
		a.Next = a.MonthTo
	}
}

// renew opens the next period and its first month on a day: the change of period that
// was asked for takes effect, then the move to another plan or version.
func (b *book) renew(day Date, why string) error {
	a := &b.acct
	if why == OpenedResume {
		a.Anchor = day
	}
	if err := b.takePeriod(day); err != nil {
		return err
	}
	before := b.plan()
	moved, err := b.takePending(day)
	if err != nil {
		return err
	}
	a.Lapsed = false
	b.openPeriod(day, why)
	order := b.inOrder()
	b.startMonth(day, true)
	if moved {
		// What the opening gives up has come off; now the setup of the new prices is due.
		for _, h := range order {
			if err := b.repriceSetup(CauseRenewal, h, day); err != nil {
				return err
			}
		}
	}
	for _, kind := range []ResourceKind{KindPeriod, KindMonthly} {
		for _, h := range order {
			if h.res.Kind == kind {
				if err := b.openInterval(h, true); err != nil {
					return err
				}
			}
		}
	}
	if moved {
		return b.acquireNew(before, CauseRenewal, day)
	}
	return nil
}

// takePeriod begins the period length that was asked for, if those above offer for it all
// that the account has by now.
func (b *book) takePeriod(day Date) error {
	a := &b.acct
	next := a.PendingPeriod
	if next.IsZero() {
		return nil
	}
	a.PendingPeriod = Period{}
	if r, err := b.askPeriod("renew", next, day); r != nil || err != nil {
		return err
	}
	if next.InDays() || a.Period.InDays() {
		a.Anchor = day
	}
	a.Period = next
	return nil
}

// takePending moves the account to its pending plan version, if it still fits, and
// reports whether it did.
func (b *book) takePending(day Date) (bool, error) {
	a := &b.acct
	if a.PendingPlan == "" {
		return false, nil
	}
	ref := planRef{a.PendingPlan, a.PendingVersion}
	a.PendingPlan, a.PendingVersion = "", 0
	to := b.plans[ref]
	if b.fits(to, a.Period, Period{}) != nil {
		return false, nil
	}
	if r, err := b.askPlan("renew", to, a.Period, day); r != nil || err != nil {
		return false, err
	}
	a.Plan, a.PlanVersion = ref.id, ref.version
	a.MoneyBackDays = min(a.MoneyBackDays, to.terms.MoneyBackDays)
	b.event(PlanChanged{Account: a.ID, Plan: ref.id, Version: ref.version, On: b.docDate})
	return true, nil
}

// openPeriod opens a period on a day; the holdings are not yet charged.
func (b *book) openPeriod(day Date, why string) {
	a := &b.acct
	a.PeriodFrom, a.PeriodTo = day, a.Period.next(a.Anchor, day)
	a.RefundPercent = b.plan().refund
	a.PeriodSeq++
	b.periods = append(b.periods, PeriodRow{
		Account: a.ID, Seq: a.PeriodSeq, From: a.PeriodFrom, To: a.PeriodTo, Period: a.Period,
		Plan: a.Plan, PlanVersion: a.PlanVersion, Opened: why,
	})
}

// startMonth opens a billing month on a day; monthly holdings give up what they held
// above their quantity.
func (b *book) startMonth(day Date, charged bool) {
	a := &b.acct
	a.MonthFrom, a.MonthTo = day, a.Period.nextMonth(a.Anchor, day)
	a.MonthCharged = charged
	a.Stretches = []Stretch{{From: day, Plan: a.Plan, Version: a.PlanVersion}}
	for _, h := range b.holds {
		if !h.monthly() {
			continue
		}
		h.giveUp(money.RatOf(h.Top).Sub(money.RatOf(h.Quantity)))
		if !h.Top.Equal(h.Quantity) {
			h.Top, h.changed = h.Quantity, true
		}
		if !charged {
			if len(h.Limits) > 0 {
				h.Limits, h.changed = nil, true
			}
		} else if len(h.Limits) != 1 || !h.Limits[0].Equal(h.Quantity) {
			h.Limits, h.changed = []decimal.Decimal{h.Quantity}, true
		}
	}
}

// openMonth opens a month within the period, or while lapsed, and charges the monthly
// holdings for it if it is charged.
func (b *book) openMonth(day Date, charged bool) error {
	b.startMonth(day, charged)
	for _, h := range b.inOrder() {
		if h.monthly() {
			if err := b.openInterval(h, charged); err != nil {
				return err
			}
		}
	}
	return nil
}

// resume brings a suspended account back on a day (spec section 4).
func (b *book) resume(day Date) error {
	a := &b.acct
	a.Status, a.Suspension = Active, Suspension{}
	switch {
	case a.Lapsed:
		if err := b.settle(day, settleResume); err != nil {
			return err
		}
		return b.renew(day, OpenedResume)
	case a.MonthCharged:
		return nil
	}
	a.Stretches = append(a.Stretches, Stretch{From: day, Plan: a.Plan, Version: a.PlanVersion})
	a.MonthCharged = true
	for _, h := range b.inOrder() {
		if !h.monthly() {
			continue
		}
		b.freshTotals(h)
		b.setLimit(h, h.Quantity, false)
		paid := b.rates(h.Resource).billable(money.RatOf(h.Quantity))
		h.Paid, h.changed = dec(paid), true
		mark := len(b.drafts)
		if err := b.recurring(CauseResume, h, paid, day, b.share()); err != nil {
			return err
		}
		if b.hooked() {
			b.move(MoveResume, h, h.Quantity, day, b.share(), mark)
		}
	}
	return nil
}

// consume marks the loaded usage records that a settlement took as settled. Those that are
// left may be older than others that were: MeterSeen never goes back.
func (b *book) consume(settled func(UsageRecord) bool) {
	a := &b.acct
	rest := slices.DeleteFunc(slices.Clone(b.usage), settled)
	if n := len(b.usage); n > 0 {
		a.MeterSeen = max(a.MeterSeen, b.usage[n-1].Seq)
		a.MeterScan = a.MeterSeen
	}
	if len(rest) > 0 {
		a.MeterScan = rest[0].Seq - 1
	}
	b.usage = rest
}
