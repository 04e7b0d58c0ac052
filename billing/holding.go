package billing

import (
	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// basis of a charge of a holding at the present plan.
func (b *book) basis(cause Cause, h *hold, r *rates, units, price money.Rat, f fraction) Basis {
	return Basis{
		Cause: cause, Plan: b.acct.Plan, Version: b.acct.PlanVersion, Period: b.acct.Period,
		Held: h.Quantity, Free: dec(r.free), Units: units, UnitPrice: price,
		Days: f.days, OfDays: f.of,
	}
}

// interval is the running interval of a holding: its period or its month.
func (b *book) interval(h *hold) (from, to Date) {
	if h.monthly() {
		return b.acct.MonthFrom, b.acct.MonthTo
	}
	return b.acct.PeriodFrom, b.acct.PeriodTo
}

// fraction of a change of a holding on a day (spec section 4).
func (b *book) fraction(h *hold, day Date) fraction {
	if h.monthly() {
		return b.share()
	}
	return b.left(day)
}

// recurring charges units of a holding from a day to its interval's end.
func (b *book) recurring(cause Cause, h *hold, units money.Rat, from Date, f fraction) error {
	r := b.rates(h.Resource)
	if units.Sign() <= 0 || r.recurring.IsZero() {
		return nil
	}
	_, to := b.interval(h)
	exact := r.recurring.Mul(units).Mul(f.rat())
	return b.keep(EntryRecurring, h, units, from, to, exact, b.basis(cause, h, r, units, r.recurring, f))
}

// keep posts a recurring charge or refund with its discount, on the interval's
// totals, and counts what is kept of it for the money-back window.
func (b *book) keep(kind EntryKind, h *hold, units money.Rat, from, to Date, exact money.Rat, basis Basis) error {
	h.changed = true
	n, err := b.post(kind, h, units, from, to, exact, &h.RecurringTotal, basis)
	if err != nil {
		return err
	}
	d, err := b.discount(EntryRecurring, h, units, from, to, exact, &h.RecurringDiscount, basis)
	if err != nil {
		return err
	}
	if !h.monthly() && b.mayComeBack() {
		if n, err = add64(n, d); err == nil {
			h.Kept, err = add64(h.Kept, n)
		}
	}
	return err
}

// mayComeBack reports whether what is charged now may yet be given back by the money-back
// window, which never widens. A sum that nobody will ask for need not be kept, nor bound
// what an account can be charged in its life.
func (b *book) mayComeBack() bool {
	a := &b.acct
	return !a.TrialEnds.IsZero() || b.docDate.Sub(a.Activated) < a.MoneyBackDays
}

// settled is the largest quantity for which setup is looked at: what is held, of a
// monthly resource the largest held in the month.
func (h *hold) settled() money.Rat {
	if h.monthly() {
		return money.RatOf(h.Top)
	}
	return money.RatOf(h.Quantity)
}

// setup charges the setup of a rise to a quantity, and settles its units.
func (b *book) setup(cause Cause, h *hold, to money.Rat, day Date) error {
	top := h.settled()
	if to.Cmp(top) <= 0 {
		return nil
	}
	r := b.rates(h.Resource)
	units := r.billable(to)
	due := r.setup.Mul(units).Sub(money.RatMax(h.SetupPaid, r.setup.Mul(r.billable(top))))
	return b.setupDue(cause, h, r, due, units.Sub(r.billable(top)), units, day)
}

// setupDue charges an amount of setup and settles units.
func (b *book) setupDue(cause Cause, h *hold, r *rates, due, quantity, units money.Rat, day Date) error {
	h.changed = true
	if due.Sign() > 0 {
		h.SetupPaid = h.SetupPaid.Add(due)
		basis := b.basis(cause, h, r, quantity, r.setup, fraction{})
		if _, err := b.post(EntrySetup, h, quantity, day, day, due, &h.SetupTotal, basis); err != nil {
			return err
		}
		if _, err := b.discount(EntrySetup, h, quantity, day, day, due, &h.SetupDiscount, basis); err != nil {
			return err
		}
	}
	h.SetupUnits = dec(money.RatMax(money.RatOf(h.SetupUnits), units))
	return nil
}

// giveUp takes units out of what setup is settled for; the money goes down in
// proportion.
func (h *hold) giveUp(units money.Rat) {
	if units.Sign() <= 0 {
		return
	}
	h.changed = true
	s := money.RatOf(h.SetupUnits)
	left := s.Sub(units)
	if left.Sign() <= 0 {
		h.SetupUnits, h.SetupPaid = decimal.Decimal{}, money.Rat{}
		return
	}
	h.SetupUnits, h.SetupPaid = dec(left), bounded(h.SetupPaid.Mul(over(left, s)))
}

// setLimit notes the largest quantity held in the running stretch; when lower is
// true it is set even if it falls.
func (b *book) setLimit(h *hold, q decimal.Decimal, lower bool) {
	at := len(b.acct.Stretches) - 1
	limits := make([]decimal.Decimal, at+1)
	copy(limits, h.Limits)
	if lower || limits[at].Cmp(q) < 0 {
		limits[at] = q
	}
	h.Limits, h.changed = limits, true
}

// hold sets the quantity held.
func (b *book) hold(h *hold, q money.Rat, day Date) {
	h.Quantity, h.changed = dec(q), true
	b.event(QuantityChanged{Account: b.acct.ID, Resource: h.Resource, Quantity: h.Quantity.String(), On: day})
}

// rise is the first row of the table in spec section 4: the quantity rises to q.
func (b *book) rise(cause Cause, h *hold, q money.Rat, day Date) error {
	before, mark, f := h.Quantity, len(b.drafts), b.fraction(h, day)
	if err := b.raise(cause, h, q, day); err != nil {
		return err
	}
	if b.hooked() {
		b.move(MoveRise, h, before, day, f, mark)
	}
	return nil
}

func (b *book) raise(cause Cause, h *hold, q money.Rat, day Date) error {
	if err := b.setup(cause, h, q, day); err != nil {
		return err
	}
	b.hold(h, q, day)
	if h.monthly() {
		h.Top = decimal.Max(h.Top, h.Quantity)
		b.setLimit(h, h.Quantity, false)
	}
	paid := money.RatOf(h.Paid)
	billable := b.rates(h.Resource).billable(q)
	units := billable.Sub(paid)
	if units.Sign() <= 0 {
		return nil
	}
	h.Paid = dec(billable)
	return b.recurring(cause, h, units, day, b.fraction(h, day))
}

// fall is the quantity's fall to q: a refund for period resources; for monthly ones
// nothing, but on the very day a boundary opened the month.
func (b *book) fall(h *hold, q money.Rat, day Date) error {
	from, _ := b.interval(h)
	opening := b.openedBoundary(from, day)
	held, mark := h.Quantity, len(b.drafts)
	before := money.RatOf(held)
	top := h.settled()
	b.hold(h, q, day)
	if h.monthly() && !opening {
		return nil
	}
	percent := b.acct.RefundPercent
	whole := b.openedBoundary(b.acct.PeriodFrom, day) || opening
	if whole {
		percent = decimal.New(100, 0)
	}
	if err := b.refund(h, q, day, percent); err != nil {
		return err
	}
	if b.hooked() {
		b.move(MoveFall, h, held, day, b.fraction(h, day), mark).Opening = whole
	}
	if h.monthly() {
		h.giveUp(top.Sub(q))
		h.Top = h.Quantity
		b.setLimit(h, h.Quantity, true)
		return nil
	}
	h.giveUp(before.Sub(q))
	return nil
}

// refund gives back the units that are paid above b(q), for the rest of the interval.
func (b *book) refund(h *hold, q money.Rat, day Date, percent decimal.Decimal) error {
	r := b.rates(h.Resource)
	billable := r.billable(q)
	units := money.RatOf(h.Paid).Sub(billable)
	if units.Sign() <= 0 {
		return nil
	}
	h.Paid = dec(billable)
	f := b.fraction(h, day)
	exact := r.recurring.Mul(units).Mul(f.rat()).Mul(percentOf(percent)).Neg()
	if exact.IsZero() {
		return nil
	}
	_, to := b.interval(h)
	basis := b.basis(CauseFall, h, r, units, r.recurring, f)
	basis.Percent = percent
	return b.keep(EntryRefund, h, units, day, to, exact, basis)
}

// openInterval opens a holding's period or month: the totals start anew, and if it is
// charged the billable units are paid for.
func (b *book) openInterval(h *hold, charged bool) error {
	mark := len(b.drafts)
	if err := b.chargeInterval(h, charged); err != nil {
		return err
	}
	if b.hooked() {
		from, to := b.interval(h)
		b.move(MoveOpen, h, h.Quantity, from, fraction{to.Sub(from), to.Sub(from)}, mark).Charged = charged
	}
	return nil
}

func (b *book) chargeInterval(h *hold, charged bool) error {
	b.freshTotals(h)
	paid := money.Rat{}
	if charged {
		paid = b.rates(h.Resource).billable(money.RatOf(h.Quantity))
	}
	if !money.RatOf(h.Paid).Equal(paid) {
		h.Paid, h.changed = dec(paid), true
	}
	if !charged {
		return nil
	}
	from, to := b.interval(h)
	days := to.Sub(from)
	return b.recurring(CauseOpen, h, paid, from, fraction{days, days})
}

// freshTotals starts the interval's running totals anew.
func (b *book) freshTotals(h *hold) {
	if !h.RecurringTotal.IsZero() || !h.RecurringDiscount.IsZero() {
		h.RecurringTotal, h.RecurringDiscount, h.changed = money.Rat{}, money.Rat{}, true
	}
}
