package reseller

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// A trial is an interval at wholesale too, whose charges wait for its end: whether the
// customer then buys or not, the reseller pays for what was used, units times days at the
// recurring price, and usage above that. Meanwhile Holding.RecurringTotal is what it will
// come to if nothing changes, and the limit is what is held on the mean of its days.

// try is a change of quantity within a trial.
func (s *step) try(ctx context.Context, d *double, a *billing.Account, h *Holding, m *billing.Movement) error {
	today, err := s.part.listOn(ctx, d, m.On)
	if err != nil {
		return err
	}
	if h.List == (List{}) {
		if !today.Has(h.Resource) {
			return nil // rolled up: there is nothing to draw on
		}
		h.List = listOf(today)
	}
	list, err := s.part.named(ctx, d, h.List)
	if err != nil {
		return err
	}
	by, billable := m.After.Sub(m.Before), decimal.Decimal{}
	if by.Sign() > 0 {
		got, err := s.draw(ctx, d, a, today, h.Resource, by, m.On)
		if err != nil {
			return err
		}
		billable = by.Sub(got)
		h.Pooled = h.Pooled.Add(got)
	} else {
		billable = decimal.Max(by, h.Billable.Neg())
		back := decimal.Min(billable.Sub(by), h.Pooled)
		h.Pooled = h.Pooled.Sub(back)
		if err := s.giveBack(ctx, d, a, h.Resource, back, billing.Date{}); err != nil {
			return err
		}
	}
	h.Billable = h.Billable.Add(billable)
	price := list.Rates(h.Resource, m.Period).Recurring
	h.RecurringTotal = compact(h.RecurringTotal.Add(price.Mul(money.RatOf(billable)).Mul(share(m.Days, m.OfDays))))
	if m.Resource.Kind == billing.KindMonthly {
		h.meanLimit(money.RatOf(by).Mul(share(m.Days, m.Trial)))
	}
	return nil
}

// meanLimit changes what a holding covers in a trial, on the mean of its days.
func (h *Holding) meanLimit(by money.Rat) {
	var mean decimal.Decimal
	if len(h.Limits) > 0 {
		mean = h.Limits[0].Units
	}
	h.Limits = []Limit{{Units: units(money.RatOf(mean).Add(by)), List: h.List}}
}

// units are exact units as they are kept: to 18 digits where they do not end.
func units(q money.Rat) decimal.Decimal {
	if d, ok := q.Decimal(); ok {
		return d
	}
	return q.RoundTo(18, money.HalfUp)
}

// tried is the end of a trial: what was held in it is charged.
func (s *step) tried(ctx context.Context, d *double, a *billing.Account, h *Holding, m *billing.Movement) error {
	if h == nil || h.List == (List{}) {
		return nil
	}
	list, err := s.part.named(ctx, d, h.List)
	if err != nil {
		return err
	}
	unused := m.Trial - m.Days // days that were noted and did not come
	price := list.Rates(h.Resource, m.Period).Recurring
	exact := h.RecurringTotal.Sub(price.Mul(money.RatOf(h.Billable)).Mul(share(unused, m.OfDays)))
	if m.Resource.Kind == billing.KindMonthly && m.Days > 0 && len(h.Limits) > 0 {
		of := money.RatOf(h.Limits[0].Units).Mul(money.RatInt(int64(m.Trial)))
		of = of.Sub(money.RatOf(h.Pooled.Add(h.Billable)).Mul(money.RatInt(int64(unused))))
		h.Limits = []Limit{{Units: units(of.Mul(share(1, m.Days))), List: h.List}}
	}
	if err := s.giveBack(ctx, d, a, h.Resource, h.Pooled, billing.Date{}); err != nil {
		return err
	}
	mean := money.Rat{} // units that were billable, on the mean of the days
	if used := price.Mul(share(m.Days, m.OfDays)); m.Days > 0 && !used.IsZero() {
		if mean, err = exact.Quo(used); err != nil {
			return err
		}
	}
	h.Pooled, h.Billable, h.RecurringTotal = decimal.Decimal{}, decimal.Decimal{}, money.Rat{}
	return s.post(d, a, m, billing.EntryRecurring, h.Resource, mean, m.From, m.To, exact, &h.RecurringTotal,
		s.basis(billing.CauseTrial, h, m, mean, price, true), m.ChargeEntry)
}

// trialEnd makes an end of a trial's holdings: what follows draws anew.
func (s *step) trialEnd(ctx context.Context, d *double, a *billing.Account) error {
	return s.each(ctx, d, a, func(h *Holding, _ bool) error {
		h.List, h.Limits, h.RecurringTotal = List{}, nil, money.Rat{}
		return nil
	})
}
