package reseller

import (
	"context"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// step works out the shadows of one account; nothing is kept of it until keep.
type step struct {
	part     *part
	holdings map[holdingKey]*Holding
	stocks   map[StockKey]*Stock
	shadows  []*Shadow
}

// keep makes what the step has worked out the part's. What came out as it was, as in
// most renewals, need not be written.
func (s *step) keep() {
	p := s.part
	for k, h := range s.holdings {
		if old := p.holdings[k]; !p.noted[k] && (old == nil || !old.same(h)) {
			p.noted[k] = true
			p.changed = append(p.changed, k)
		}
		p.hold(k, h)
	}
	for k, x := range s.stocks {
		if old := p.stocks[k]; old != nil && old.same(x) {
			continue
		}
		if !slices.Contains(p.moved, k) {
			p.moved = append(p.moved, k)
		}
		p.stocks[k] = &stock{Stock: *x, changed: true}
	}
	p.shadows = append(p.shadows, s.shadows...)
}

// holding returns what the account holds at a reseller, to be changed; made, where
// there is none and it is wanted.
func (s *step) holding(d *double, a *billing.Account, id billing.ResourceID, wanted bool) *Holding {
	k := holdingKey{a.ID, d.account.Sells, id}
	if h := s.holdings[k]; h != nil {
		return h
	}
	var h Holding
	if old := s.part.holdings[k]; old != nil {
		h = *old
	} else if wanted {
		h = Holding{Seller: d.account.Sells, Account: a.ID, Resource: id}
	} else {
		return nil
	}
	s.holdings[k] = &h
	return &h
}

// same reports whether a holding is as another one of the same key.
func (h *Holding) same(o *Holding) bool {
	return h.Pooled.Equal(o.Pooled) && h.Billable.Equal(o.Billable) && h.Charged.Equal(o.Charged) && h.List == o.List &&
		h.SetupTotal.Equal(o.SetupTotal) && h.RecurringTotal.Equal(o.RecurringTotal) &&
		slices.EqualFunc(h.Limits, o.Limits, func(a, b Limit) bool {
			return a.Stretch == b.Stretch && a.List == b.List && a.Units.Equal(b.Units)
		})
}

func (h *Holding) covers() decimal.Decimal { return h.Pooled.Add(h.Charged) }

// setLimit notes what a monthly holding covers from a stretch on.
func (h *Holding) setLimit(stretch int) {
	l := Limit{Stretch: stretch, Units: h.covers(), List: h.List}
	h.Limits = slices.Clone(h.Limits)
	for i := range h.Limits {
		if h.Limits[i].Stretch == stretch {
			h.Limits[i] = l
			return
		}
	}
	h.Limits = append(h.Limits, l)
}

func listOf(l *billing.PriceList) List { return List{l.Plan, l.Version} }

// move works out what a movement costs a reseller (spec section 6).
func (s *step) move(ctx context.Context, d *double, a *billing.Account, m *billing.Movement) error {
	if m.Trial > 0 && s.part.freeTrials && m.Kind != billing.MoveEnd {
		return nil
	}
	switch m.Kind {
	case billing.MoveLapse:
		return s.lapse(ctx, d, a)
	case billing.MoveEnd:
		return s.end(ctx, d, a, m)
	case billing.MoveSettle:
		return s.settle(ctx, d, a, m)
	case billing.MoveTried:
		return s.tried(ctx, d, a, s.holding(d, a, m.Resource.ID, false), m)
	case billing.MoveTrialEnd:
		return s.trialEnd(ctx, d, a)
	}
	if m.RolledUp {
		return s.leave(ctx, d, a, m)
	}
	h := s.holding(d, a, m.Resource.ID, true)
	switch m.Kind {
	case billing.MoveRise:
		return s.rise(ctx, d, a, h, m)
	case billing.MoveFall:
		return s.fall(ctx, d, a, h, m)
	case billing.MoveOpen, billing.MoveResume:
		return s.open(ctx, d, a, h, m)
	case billing.MoveTry:
		return s.try(ctx, d, a, h, m)
	}
	return nil
}

// leave takes a holding of a double out of the list: its own plan rolls the resource up.
func (s *step) leave(ctx context.Context, d *double, a *billing.Account, m *billing.Movement) error {
	if m.Kind != billing.MoveOpen {
		return nil
	}
	h := s.holding(d, a, m.Resource.ID, false)
	if h == nil {
		return nil
	}
	if err := s.giveBack(ctx, d, a, h.Resource, h.Pooled, billing.Date{}); err != nil {
		return err
	}
	*h = Holding{Seller: h.Seller, Account: h.Account, Resource: h.Resource, SetupTotal: h.SetupTotal}
	return nil
}

// rise is a growth: pool units first, the rest is billable.
func (s *step) rise(ctx context.Context, d *double, a *billing.Account, h *Holding, m *billing.Movement) error {
	if h.List == (List{}) { // its first draw on a list
		now, err := s.part.listOn(ctx, d, m.On)
		if err != nil {
			return err
		}
		if !now.Has(h.Resource) {
			return nil // rolled up: there is nothing to draw on
		}
		h.List = listOf(now)
	}
	list, err := s.part.named(ctx, d, h.List)
	if err != nil {
		return err
	}
	monthly := m.Resource.Kind == billing.KindMonthly
	grown := m.After.Sub(m.Before)
	if monthly { // only above what is covered
		grown = m.After.Sub(h.covers())
	}
	if grown.Sign() > 0 {
		today, err := s.part.listOn(ctx, d, m.On) // whose pool it is, whatever list prices it
		if err != nil {
			return err
		}
		got, err := s.draw(ctx, d, a, today, h.Resource, grown, m.On)
		if err != nil {
			return err
		}
		rest := grown.Sub(got)
		h.Pooled = h.Pooled.Add(got)
		h.Billable = h.Billable.Add(rest)
		if monthly {
			h.Billable = h.Charged.Add(rest)
		}
		rates := list.Rates(h.Resource, m.Period)
		units := money.RatOf(rest)
		if err := s.post(d, a, m, billing.EntrySetup, h.Resource, units, m.On, m.On, rates.Setup.Mul(units), &h.SetupTotal,
			s.basis(billing.CauseRise, h, m, units, rates.Setup, false), m.SetupEntry); err != nil {
			return err
		}
		due := h.Billable.Sub(h.Charged)
		if due.Sign() > 0 {
			h.Charged = h.Billable
			if err := s.recurring(d, a, h, m, billing.CauseRise, due, rates.Recurring); err != nil {
				return err
			}
		}
	}
	if monthly {
		h.setLimit(m.Stretch)
	}
	return nil
}

// recurring charges units for the interval's rest.
func (s *step) recurring(d *double, a *billing.Account, h *Holding, m *billing.Movement, cause billing.Cause, due decimal.Decimal, price money.Rat) error {
	units := money.RatOf(due)
	exact := price.Mul(units).Mul(share(m.Days, m.OfDays))
	return s.post(d, a, m, billing.EntryRecurring, h.Resource, units, m.From, m.To, exact, &h.RecurringTotal,
		s.basis(cause, h, m, units, price, true), m.ChargeEntry)
}

// fall is a shrinkage: billable units go first, then pool units return.
func (s *step) fall(ctx context.Context, d *double, a *billing.Account, h *Holding, m *billing.Movement) error {
	shrunk := m.Before.Sub(m.After)
	if m.Resource.Kind == billing.KindMonthly {
		h.Billable = h.Charged
		shrunk = h.covers().Sub(m.After)
	}
	if shrunk.Sign() > 0 {
		first := decimal.Min(shrunk, h.Billable)
		h.Billable = h.Billable.Sub(first)
		back := decimal.Min(shrunk.Sub(first), h.Pooled)
		h.Pooled = h.Pooled.Sub(back)
		if err := s.giveBack(ctx, d, a, h.Resource, back, billing.Date{}); err != nil {
			return err
		}
	}
	if due := h.Charged.Sub(h.Billable); due.Sign() > 0 && h.List != (List{}) {
		list, err := s.part.named(ctx, d, h.List)
		if err != nil {
			return err
		}
		percent := list.Refund
		if m.Opening {
			percent = decimal.New(100, 0)
		}
		h.Charged = h.Billable
		units, price := money.RatOf(due), list.Rates(h.Resource, m.Period).Recurring
		exact := price.Mul(units).Mul(share(m.Days, m.OfDays)).Mul(money.RatOf(percent.Shift(-2))).Neg()
		basis := s.basis(billing.CauseFall, h, m, units, price, true)
		basis.Percent = percent
		if err := s.post(d, a, m, billing.EntryRefund, h.Resource, units, m.From, m.To, exact, &h.RecurringTotal, basis, m.ChargeEntry); err != nil {
			return err
		}
	}
	if m.Resource.Kind == billing.KindMonthly {
		h.setLimit(m.Stretch)
	}
	return nil
}

// open is an interval that opens, or a stretch that a late resume opens: pool units go
// back and are drawn anew, and all that is billable is charged. A month that opens
// uncharged leaves the pool as it is.
func (s *step) open(ctx context.Context, d *double, a *billing.Account, h *Holding, m *billing.Movement) error {
	list, err := s.part.listOn(ctx, d, m.From)
	if err != nil {
		return err
	}
	monthly := m.Resource.Kind == billing.KindMonthly
	h.List, h.RecurringTotal = listOf(list), money.Rat{}
	if m.Kind == billing.MoveOpen && monthly {
		h.Limits = nil
	}
	if !list.Has(h.Resource) {
		h.List = List{} // rolled up: it draws on no list
	}
	if m.Kind == billing.MoveOpen && !m.Charged {
		h.Charged, h.Billable = decimal.Decimal{}, decimal.Decimal{}
		h.setLimit(m.Stretch)
		return nil
	}
	if err := s.giveBack(ctx, d, a, h.Resource, h.Pooled, billing.Date{}); err != nil {
		return err
	}
	if h.List == (List{}) {
		h.Pooled, h.Billable, h.Charged = decimal.Decimal{}, decimal.Decimal{}, decimal.Decimal{}
		if monthly {
			h.setLimit(m.Stretch)
		}
		return nil
	}
	if h.Pooled, err = s.draw(ctx, d, a, list, h.Resource, m.After, m.From); err != nil {
		return err
	}
	h.Billable = m.After.Sub(h.Pooled)
	h.Charged = h.Billable
	if monthly {
		h.setLimit(m.Stretch)
	}
	cause := billing.CauseOpen
	if m.Kind == billing.MoveResume {
		cause = billing.CauseResume
	}
	if h.Charged.Sign() <= 0 {
		return nil
	}
	return s.recurring(d, a, h, m, cause, h.Charged, list.Rates(h.Resource, m.Period).Recurring)
}

// lapse ends a suspended account's period: nothing is charged for what it holds.
func (s *step) lapse(ctx context.Context, d *double, a *billing.Account) error {
	return s.each(ctx, d, a, func(h *Holding, monthly bool) error {
		if !monthly {
			h.Charged = decimal.Decimal{}
		}
		return nil
	})
}

// end closes the account: pool units come back, those of a charged month when it would
// have ended.
func (s *step) end(ctx context.Context, d *double, a *billing.Account, m *billing.Movement) error {
	return s.each(ctx, d, a, func(h *Holding, monthly bool) error {
		var on billing.Date
		if monthly && m.Charged {
			on = m.MonthTo
		}
		if err := s.giveBack(ctx, d, a, h.Resource, h.Pooled, on); err != nil {
			return err
		}
		h.Pooled, h.Billable, h.Charged, h.Limits = decimal.Decimal{}, decimal.Decimal{}, decimal.Decimal{}, nil
		return nil
	})
}

// each calls fn for what the account holds at a reseller, by resource.
func (s *step) each(ctx context.Context, d *double, a *billing.Account, fn func(h *Holding, monthly bool) error) error {
	resources, err := s.part.j.Catalog.Resources(ctx)
	if err != nil {
		return err
	}
	var ids []billing.ResourceID
	for _, k := range s.part.held[a.ID] {
		if k.seller == d.account.Sells {
			ids = append(ids, k.resource)
		}
	}
	for k := range s.holdings { // of this account
		if k.seller == d.account.Sells && !slices.Contains(ids, k.resource) {
			ids = append(ids, k.resource)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := fn(s.holding(d, a, id, true), resources[id].Kind == billing.KindMonthly); err != nil {
			return err
		}
	}
	return nil
}

// share is days of days; 1 where there are none.
func share(days, of int) money.Rat {
	r, err := money.RatFrac(int64(days), int64(of))
	if err != nil {
		return money.RatInt(1)
	}
	return r
}

// basis is how a shadow's amount comes about.
func (s *step) basis(cause billing.Cause, h *Holding, m *billing.Movement, units, price money.Rat, prorated bool) billing.Basis {
	b := billing.Basis{Cause: cause, Plan: h.List.Plan, Version: h.List.Version, Period: m.Period,
		Held: m.After, Free: h.Pooled, Units: units, UnitPrice: price}
	if prorated {
		b.Days, b.OfDays = m.Days, m.OfDays
	}
	return b
}

// post adds a shadow for an exact amount, rounded on its running total. An amount of
// zero makes none.
func (s *step) post(d *double, a *billing.Account, m *billing.Movement, kind billing.EntryKind, id billing.ResourceID,
	quantity money.Rat, from, to billing.Date, exact money.Rat, total *money.Rat, basis billing.Basis, entry int64) error {
	cur, rounding := d.parent.Currency, d.parent.Rounding
	basis.Exact, basis.Before, basis.Rounding = exact, *total, rounding
	before, err := total.RoundMinor(cur.Exponent, rounding)
	if err != nil {
		return err
	}
	*total = compact(total.Add(exact))
	after, err := total.RoundMinor(cur.Exponent, rounding)
	if err != nil {
		return err
	}
	amount, err := money.FromMinor(after, cur).Sub(money.FromMinor(before, cur))
	if err != nil || amount.Sign() == 0 {
		return err
	}
	sh := &Shadow{Seller: d.account.Sells, Account: a.ID, Date: m.On, Day: m.On, Kind: kind, Resource: id,
		Quantity: quantity.RoundTo(6, money.HalfUp), From: from, To: to, Amount: amount, Entry: entry,
		Plan: m.Plan, PlanVersion: m.Version, Basis: basis, Recorded: s.part.j.Now}
	if through, ok := s.part.books[d.account.Sells]; ok && !sh.Day.After(through) {
		sh.Day = through.AddDays(1)
	}
	s.shadows = append(s.shadows, sh)
	return nil
}

// compact keeps exact totals from growing without end, as billing does.
func compact(r money.Rat) money.Rat {
	if r.IsCompact() {
		return r
	}
	return money.RatOf(r.RoundTo(18, money.HalfUp))
}
