package billing

import (
	"maps"
	"slices"
	"sync"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// PriceList is the wholesale side of a version of a plan, prepared for rating. It is
// safe for concurrent use.
type PriceList struct {
	Plan    PlanID
	Version int
	// Refund is the percent of what is given back that is credited.
	Refund decimal.Decimal

	lines     map[ResourceID]*Line
	discounts map[Period]Discounts
	rolled    map[ResourceID]bool
	required  []ResourceID
	resources map[ResourceID]ResourceKind

	mu    sync.RWMutex
	rates map[rateKey]*Rates
}

type rateKey struct {
	resource ResourceID
	period   Period
}

// Rates are what one unit of a resource costs in one period: setup once, recurring and
// usage for the period, of a monthly resource for its month.
type Rates struct {
	Setup, Recurring, Usage money.Rat
}

// newPriceList prepares the wholesale side of a version whose terms have been
// validated. A plan without one sells nothing, and may still roll up.
func newPriceList(v PlanVersion, t *Terms, resources map[ResourceID]Resource) *PriceList {
	p := &PriceList{Plan: v.Plan, Version: v.Version, Refund: percentOr100(nil),
		lines: map[ResourceID]*Line{}, rolled: map[ResourceID]bool{},
		resources: map[ResourceID]ResourceKind{}, rates: map[rateKey]*Rates{}}
	for i := range t.Resources {
		if t.Resources[i].Rollup {
			p.rolled[t.Resources[i].Resource] = true
		}
	}
	p.require(t.Resources)
	if t.Wholesale == nil {
		return p
	}
	p.require(t.Wholesale.Resources)
	p.Refund, p.discounts = percentOr100(t.Wholesale.RefundPercent), t.Wholesale.Discounts
	for i := range t.Wholesale.Resources {
		l := &t.Wholesale.Resources[i]
		p.lines[l.Resource] = l
		p.resources[l.Resource] = resources[l.Resource].withDefaults().Kind
	}
	return p
}

func (p *PriceList) require(lines []Line) {
	for i := range lines {
		if lines[i].Required {
			p.required = append(p.required, lines[i].Resource)
		}
	}
}

// Unmet returns what the list requires and a plan does not have, in the list's order.
func (p *PriceList) Unmet(plan *Terms) []ResourceID {
	var out []ResourceID
	for _, id := range p.required {
		if !slices.ContainsFunc(plan.Resources, func(l Line) bool { return l.Resource == id }) {
			out = append(out, id)
		}
	}
	return out
}

// RollsUp reports whether the plan rolls a resource up: customers' usage counts as the
// double's own.
func (p *PriceList) RollsUp(id ResourceID) bool { return p.rolled[id] }

// Has reports whether a resource is on the list.
func (p *PriceList) Has(id ResourceID) bool { return p.lines[id] != nil }

// Offers reports whether customers may have a resource for a period: it is rolled up,
// or on the list with all prices that the period needs (spec section 6, Offer).
func (p *PriceList) Offers(id ResourceID, period Period) bool {
	if p.rolled[id] {
		return true
	}
	l := p.lines[id]
	if l == nil {
		return false
	}
	if !period.InDays() {
		return true
	}
	own := l.PeriodPrices[period]
	return (l.Prices.Setup == nil || own.Setup != nil) &&
		(l.Prices.Recurring == nil || own.Recurring != nil) &&
		(l.Prices.Usage == nil || own.Usage != nil)
}

// Pool is how many free units of a resource the list gives.
func (p *PriceList) Pool(id ResourceID) decimal.Decimal {
	if l := p.lines[id]; l != nil {
		return l.Free
	}
	return decimal.Decimal{}
}

// Pools returns the resources of which the list gives free units.
func (p *PriceList) Pools() []ResourceID {
	var out []ResourceID
	for id, l := range p.lines {
		if l.Free.Sign() > 0 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Periods returns the periods for which the list has prices or discounts of their own,
// in no order that matters; in all others its base prices hold.
func (p *PriceList) Periods() []Period {
	seen := map[Period]bool{}
	for period := range p.discounts {
		seen[period] = true
	}
	for _, l := range p.lines {
		for period := range l.PeriodPrices {
			seen[period] = true
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// Rates returns what a resource costs in a customer's period; nothing, where it is not
// on the list.
func (p *PriceList) Rates(id ResourceID, period Period) Rates {
	l := p.lines[id]
	if l == nil {
		return Rates{}
	}
	key := rateKey{id, period}
	p.mu.RLock()
	known := p.rates[key]
	p.mu.RUnlock()
	if known != nil {
		return *known
	}
	r := resolveRates(*l, p.discounts, period, p.resources[id])
	out := Rates{Setup: r.setup, Recurring: r.recurring, Usage: r.usage}
	p.mu.Lock()
	p.rates[key] = &out // periods are those that sellers' plans have: few
	p.mu.Unlock()
	return out
}

// Figure makes one figure of the records of an account in a stretch: the aggregate of
// the resource over amounts in the order of their days. No record is 0.
func (a Aggregate) Figure(amounts []decimal.Decimal) money.Rat { return aggregate(a, amounts) }

// RateUsage returns the usage above the limits of a month's parts, and its exact price;
// it fills in each part's Over. A flow is added up over the month and charged at the
// mean of the prices, weighted by where it went over; a level is charged part by part
// (spec section 4, Usage).
func RateUsage(parts []UsagePart) (quantity, exact money.Rat) {
	if len(parts) == 0 {
		return money.Rat{}, money.Rat{}
	}
	return rateUsage(parts)
}
