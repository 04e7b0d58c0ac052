package billing

import (
	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// rates are what one resource costs in one period of a plan version: spec section 3
// resolved once, so that rating is a multiplication. Recurring and usage of a monthly
// resource are month prices, of a period resource the price of the whole period.
type rates struct {
	setup, recurring, usage money.Rat
	free                    money.Rat
}

// billable is b(q): the units above the free ones.
func (r *rates) billable(q money.Rat) money.Rat {
	b := q.Sub(r.free)
	if b.Sign() < 0 {
		return money.Rat{}
	}
	return b
}

// pricedPlan is a plan version prepared for rating. It is immutable.
type pricedPlan struct {
	seller  SellerID
	id      PlanID
	version int
	terms   *Terms
	periods []Period
	refund  decimal.Decimal
	lines   []pricedLine
	index   map[ResourceID]int
	// wholesale is what resellers on the plan buy at.
	wholesale *PriceList
}

type pricedLine struct {
	Line
	resource Resource
	byPeriod []rates // parallel to pricedPlan.periods
	max      money.Rat
	atSignup money.Rat
}

// pricePlan resolves all prices of a version. The terms have been validated.
func pricePlan(v PlanVersion, resources map[ResourceID]Resource) (*pricedPlan, error) {
	t := v.Terms
	p := &pricedPlan{
		seller: v.Seller, id: v.Plan, version: v.Version, terms: &t,
		periods: t.periods(), refund: percentOr100(t.RefundPercent),
		index: make(map[ResourceID]int, len(t.Resources)), wholesale: newPriceList(v, &t, resources),
	}
	for i, l := range t.Resources {
		res, ok := resources[l.Resource]
		if !ok {
			return nil, brokenf("plan %s version %d names resource %q, which is not defined", v.Plan, v.Version, l.Resource)
		}
		pl := pricedLine{Line: l, resource: res.withDefaults(), atSignup: money.RatOf(l.AtSignup)}
		if l.Max != nil {
			pl.max = money.RatOf(*l.Max)
		}
		for _, period := range p.periods {
			pl.byPeriod = append(pl.byPeriod, resolveRates(l, t.Discounts, period, pl.resource.Kind))
		}
		p.lines = append(p.lines, pl)
		p.index[l.Resource] = i
	}
	return p, nil
}

// periods returns the periods that may be chosen.
func (t *Terms) periods() []Period {
	if len(t.Periods) == 0 {
		return []Period{Months(1)}
	}
	return t.Periods
}

func percentOr100(p *decimal.Decimal) decimal.Decimal {
	if p == nil {
		return decimal.New(100, 0)
	}
	return *p
}

// resolveRates is spec section 3 for one resource and period.
func resolveRates(l Line, discounts map[Period]Discounts, period Period, kind ResourceKind) rates {
	explicit := l.PeriodPrices[period]
	off := discounts[period]
	months := money.RatInt(int64(period.PriceMonths()))
	price := func(explicit, base *decimal.Decimal, discount decimal.Decimal, times money.Rat) money.Rat {
		switch {
		case explicit != nil:
			return money.RatOf(*explicit)
		case base != nil:
			keep := percentOf(decimal.New(100, 0).Sub(discount))
			return money.RatOf(*base).Mul(times).Mul(keep)
		}
		return money.Rat{}
	}
	r := rates{
		setup:     price(explicit.Setup, l.Prices.Setup, off.Setup, money.RatInt(1)),
		recurring: price(explicit.Recurring, l.Prices.Recurring, off.Recurring, months),
		usage:     price(explicit.Usage, l.Prices.Usage, off.Usage, months),
		free:      money.RatOf(l.Free),
	}
	if explicit.Free != nil {
		r.free = money.RatOf(*explicit.Free)
	}
	if kind == KindMonthly {
		r.recurring = over(r.recurring, months)
		r.usage = over(r.usage, months)
	}
	return r
}

// percentOf is p as a fraction of one.
func percentOf(p decimal.Decimal) money.Rat { return over(money.RatOf(p), money.RatInt(100)) }

// over is a/b for a b that is known not to be zero.
func over(a, b money.Rat) money.Rat {
	q, err := a.Quo(b)
	if err != nil {
		return money.Rat{}
	}
	return q
}

// ratio is a/b in days, 1 where the whole has no days.
func ratio(a, b int) money.Rat {
	r, err := money.RatFrac(int64(a), int64(b))
	if err != nil {
		return money.RatInt(1)
	}
	return r
}

// ref names the version.
func (p *pricedPlan) ref() *PlanVersion {
	return &PlanVersion{Seller: p.seller, Plan: p.id, Version: p.version}
}

func (p *pricedPlan) hasPeriod(period Period) bool {
	for _, x := range p.periods {
		if x == period {
			return true
		}
	}
	return false
}

// monthly returns the plan's monthly resources.
func (p *pricedPlan) monthly() []ResourceID {
	var out []ResourceID
	for i := range p.lines {
		if p.lines[i].resource.Kind == KindMonthly {
			out = append(out, p.lines[i].Resource)
		}
	}
	return out
}

// rollsUp reports whether the plan rolls a resource up.
func (p *pricedPlan) rollsUp(id ResourceID) bool { return p.wholesale.RollsUp(id) }

// line returns a resource's line, nil if the plan lacks it.
func (p *pricedPlan) line(id ResourceID) *pricedLine {
	i, ok := p.index[id]
	if !ok {
		return nil
	}
	return &p.lines[i]
}

// rates returns a resource's rates in a period; zero rates where the plan lacks
// either, so that what is still paid for can be given back at nothing.
func (p *pricedPlan) rates(id ResourceID, period Period) *rates {
	l := p.line(id)
	if l == nil {
		return &rates{}
	}
	for i, x := range p.periods {
		if x == period {
			return &l.byPeriod[i]
		}
	}
	return &rates{}
}
