package reseller

import (
	"context"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// settle charges a month's usage above what was covered: of the records that were not
// rolled up, and for the days on which the reseller's plan did not roll the resource up.
func (s *step) settle(ctx context.Context, d *double, a *billing.Account, m *billing.Movement) error {
	h := s.holding(d, a, m.Resource.ID, false)
	parts := make([]billing.UsagePart, 0, len(m.Parts))
	any := false
	for i := range m.Parts {
		part, used, err := s.usagePart(ctx, d, h, m, i)
		if err != nil {
			return err
		}
		any = any || used
		parts = append(parts, part)
	}
	if !any {
		return nil
	}
	quantity, exact := billing.RateUsage(parts)
	if exact.IsZero() {
		return nil
	}
	last := parts[len(parts)-1]
	basis := billing.Basis{Cause: billing.CauseSettle, Plan: last.Plan, Version: last.Version, Period: m.Period,
		Held: m.After, Units: quantity, Parts: parts}
	var total money.Rat // usage is rounded once per month and resource
	return s.post(d, a, m, billing.EntryUsage, m.Resource.ID, quantity, m.From, m.To, exact, &total, basis, m.ChargeEntry)
}

// usagePart is the wholesale side of a stretch; used reports whether it has records
// that count.
func (s *step) usagePart(ctx context.Context, d *double, h *Holding, m *billing.Movement, i int) (part billing.UsagePart, used bool, err error) {
	mp := &m.Parts[i]
	list, units, err := s.covered(ctx, d, h, m, mp)
	if err != nil {
		return part, false, err
	}
	if mp.RolledUp { // the double's own records, which its own plan rolls up
		units = decimal.Decimal{}
	}
	part = billing.UsagePart{From: mp.From, To: mp.To, Plan: list.Plan, Version: list.Version, Limit: units,
		OfDays: m.OfDays, UnitPrice: list.Rates(m.Resource.ID, m.Period).Usage,
		Level: m.Resource.Aggregate != billing.AggregateSum}
	if part.Days, err = s.sold(ctx, d, m.Resource.ID, mp.From, mp.To); err != nil {
		return part, false, err
	}
	counted := part.Days
	if m.Closing && m.Charged && i == len(m.Parts)-1 {
		counted += m.MonthTo.Sub(mp.To) // what was bought for the month stays whole
	}
	part.Counted = money.RatOf(units).Mul(share(counted, m.OfDays))
	var amounts []decimal.Decimal
	for _, r := range mp.Records {
		if !slices.Contains(r.RolledUp, d.account.ID) {
			amounts = append(amounts, r.Amount)
		}
	}
	part.Used = m.Resource.Aggregate.Figure(amounts)
	return part, len(amounts) > 0, nil
}

// covered returns what a holding covered in a stretch, and the list that prices what is
// above: that of its interval, of a resumed stretch its own; where it has drawn on none,
// the one in force when the stretch began, else when it ended.
func (s *step) covered(ctx context.Context, d *double, h *Holding, m *billing.Movement, mp *billing.MovementPart) (*billing.PriceList, decimal.Decimal, error) {
	var of *Limit
	if h != nil {
		for i := range h.Limits {
			if of == nil || h.Limits[i].Stretch <= mp.Stretch {
				of = &h.Limits[i]
			}
		}
	}
	if of != nil && of.List != (List{}) {
		units := of.Units
		if of.Stretch > mp.Stretch {
			units = decimal.Decimal{} // it drew first later in the month
		}
		list, err := s.part.named(ctx, d, of.List)
		return list, units, err
	}
	list, err := s.part.listOn(ctx, d, mp.From)
	if err == nil && !list.Has(m.Resource.ID) {
		list, err = s.part.listOn(ctx, d, mp.To)
	}
	return list, decimal.Decimal{}, err
}

// sold counts the days from one on and before another on which the reseller's plan did
// not roll a resource up.
func (s *step) sold(ctx context.Context, d *double, id billing.ResourceID, from, to billing.Date) (int, error) {
	n := 0
	for day := from; day.Before(to); day = day.AddDays(1) {
		list, err := s.part.listOn(ctx, d, day)
		if err != nil {
			return 0, err
		}
		if !list.RollsUp(id) {
			n++
		}
	}
	return n, nil
}
