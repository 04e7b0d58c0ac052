package simulation

import (
	"fmt"
	"math/rand/v2"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// Catalog is what the company sells.
type Catalog struct {
	Resources []billing.Resource
	Sellers   []billing.Seller
	Offers    []Offer // first versions of all plans
}

// Offer is a plan with the terms of a version.
type Offer struct {
	Head    billing.Plan
	Terms   billing.Terms
	Version int  // that it becomes
	resale  bool // a plan for resellers
}

// resources of every simulated company: one of each kind, step and aggregate.
func resources() []billing.Resource {
	period := func(id billing.ResourceID, step decimal.Decimal) billing.Resource {
		return billing.Resource{ID: id, Kind: billing.KindPeriod, Step: step}
	}
	monthly := func(id billing.ResourceID, a billing.Aggregate) billing.Resource {
		return billing.Resource{ID: id, Kind: billing.KindMonthly, Aggregate: a, Unit: "GB"}
	}
	return []billing.Resource{
		period("account", decimal.Decimal{}),
		period("mailbox", decimal.Decimal{}),
		period("licence", decimal.New(25, -2)),
		period("address", decimal.New(4, 0)),
		monthly("traffic", billing.AggregateSum),
		monthly("disk", billing.AggregateMax),
		monthly("database", billing.AggregateAverage),
		monthly("exchange", billing.AggregateLast),
		monthly("transfer", billing.AggregateP95),
	}
}

// dice draws the random parts of a script.
type dice struct{ *rand.Rand }

func newDice(seed, stream uint64) dice { return dice{rand.New(rand.NewPCG(seed, stream))} }

// chance is true in percent of a hundred cases.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// between draws from a closed interval.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// price draws a price with an awkward number of digits.
func (d dice) price(most int) *decimal.Decimal {
	digits := pick(d, 0, 1, 2, 2, 2, 3, 4)
	p := decimal.New(int64(d.IntN(most*pow10(digits)+1)), -int32(digits))
	return &p
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

func (d dice) percent() decimal.Decimal {
	return pick(d, decimal.New(5, 0), decimal.New(10, 0), decimal.New(125, -1), decimal.New(3333, -2), decimal.New(50, 0), decimal.New(100, 0))
}

// catalog draws two sellers, and their resellers, with a few plans each.
func (d dice) catalog(o Options) Catalog {
	c := Catalog{Resources: resources()}
	usd, eurLike := mustISO("USD"), mustISO(pick(d, "JPY", "EUR", "KWD"))
	c.Sellers = []billing.Seller{
		{ID: "acme", Name: "Acme Hosting", Currency: usd, Taxes: d.taxes()},
		{ID: "zeta", Name: "Zeta", Currency: eurLike, Rounding: pick(d, money.HalfUp, money.HalfEven),
			TimeZone: pick(d, "", "Europe/Berlin", "America/New_York"), Taxes: d.taxes()},
	}
	if o.Resellers {
		c.Sellers = append(c.Sellers, d.resellers(usd)...)
	}
	for _, s := range c.Sellers {
		periods := d.periods()
		plans := d.between(3, 5)
		for i := range plans {
			head := billing.Plan{Seller: s.ID, ID: planID(i), Name: fmt.Sprintf("Plan %d", i), Open: true}
			if i >= 2 { // the first two are open to everybody
				head.Group = pick(d, "", "", "unix")
				switch d.IntN(4) {
				case 0:
					head.Access = billing.AccessStaff
				case 1:
					head.Access, head.From = billing.AccessFrom, []billing.PlanID{planID(0), planID(1)}
				}
			}
			terms := Offer{Head: head, Version: 1}
			if o.Plain {
				terms.Terms = d.plain(periods)
			} else {
				terms.Terms = d.terms(periods)
			}
			c.Offers = append(c.Offers, terms)
		}
	}
	if o.Resellers {
		for _, parent := range []billing.SellerID{"acme", "alpha"} {
			periods := d.periods()
			for i := range resales {
				head := billing.Plan{Seller: parent, ID: resaleID(i), Name: fmt.Sprintf("Resale %d", i), Open: true, Access: billing.AccessStaff}
				c.Offers = append(c.Offers, Offer{Head: head, Terms: d.resale(periods, o), Version: 1, resale: true})
			}
		}
	}
	return c
}

func planID(i int) billing.PlanID { return billing.PlanID(fmt.Sprintf("plan-%d", i)) }

func mustISO(code string) money.Currency {
	c, err := money.ISO(code)
	if err != nil {
		panic(err) // a constant of this package
	}
	return c
}

func (d dice) taxes() []billing.Tax {
	var out []billing.Tax
	for _, name := range []string{"VAT", "City"}[:d.IntN(3)] {
		out = append(out, billing.Tax{Name: name, Percent: pick(d, decimal.New(19, 0), decimal.New(825, -2), decimal.New(7, 0))})
	}
	return out
}

// periods draws what all plans of a seller may be paid for.
func (d dice) periods() []billing.Period {
	all := []billing.Period{billing.Months(1), billing.Days(7), billing.Months(3), billing.Days(10), billing.Months(2), billing.Days(30), billing.Months(12)}
	d.Shuffle(len(all)-1, func(i, j int) { all[i+1], all[j+1] = all[j+1], all[i+1] })
	return all[:d.between(2, 4)]
}

// terms draws the content of a plan.
func (d dice) terms(periods []billing.Period) billing.Terms {
	t := billing.Terms{MoneyBackDays: pick(d, 0, 0, 10, 30), CreditLimit: decimal.New(int64(d.IntN(50)), 0)}
	for i, p := range periods {
		if i == 0 || d.chance(85) {
			t.Periods = append(t.Periods, p)
		}
	}
	if d.chance(60) {
		percent := pick(d, decimal.Decimal{}, decimal.New(50, 0), decimal.New(80, 0), decimal.New(100, 0))
		t.RefundPercent = &percent
	}
	if d.chance(25) {
		t.Trial = billing.Trial{Days: pick(d, 5, 14, 30), Free: d.chance(40), Convert: d.chance(50)}
	}
	for _, p := range t.Periods {
		if !p.InDays() && p.Count() > 1 && d.chance(60) {
			if t.Discounts == nil {
				t.Discounts = map[billing.Period]billing.Discounts{}
			}
			t.Discounts[p] = billing.Discounts{Setup: d.percent(), Recurring: decimal.New(int64(d.IntN(40)), 0), Usage: decimal.New(int64(d.IntN(20)), 0)}
		}
	}
	for _, r := range resources() {
		if r.ID == "account" || d.chance(80) {
			t.Resources = append(t.Resources, d.line(r, t.Periods))
		}
	}
	d.Shuffle(len(t.Resources), func(i, j int) { t.Resources[i], t.Resources[j] = t.Resources[j], t.Resources[i] })
	return t
}

// line draws a resource of a plan: its prices, free units and bounds.
func (d dice) line(r billing.Resource, periods []billing.Period) billing.Line {
	l := billing.Line{Resource: r.ID}
	monthly := r.Kind == billing.KindMonthly
	most := 30
	if monthly {
		most = 4
	}
	if d.chance(40) {
		l.Prices.Setup = d.price(most)
	}
	if d.chance(80) {
		l.Prices.Recurring = d.price(most)
	}
	if monthly && d.chance(80) {
		l.Prices.Usage = d.price(3)
	}
	if d.chance(40) {
		l.Free = decimal.New(int64(d.between(1, 4)), 0)
	}
	if r.ID == "account" || d.chance(50) {
		l.AtSignup = unit(r).Mul(decimal.New(int64(d.between(1, 3)), 0))
	}
	floor := decimal.Max(l.Free, l.AtSignup)
	for _, p := range periods {
		explicit := p.InDays() || d.chance(25)
		if !explicit {
			continue
		}
		var x billing.PeriodPrices
		if l.Prices.Setup != nil {
			x.Setup = d.price(most)
		}
		if l.Prices.Recurring != nil {
			x.Recurring = d.price(2 * most)
		}
		if l.Prices.Usage != nil {
			x.Usage = d.price(4)
		}
		if d.chance(25) {
			free := decimal.New(int64(d.IntN(4)), 0)
			x.Free = &free
			floor = decimal.Max(floor, free)
		}
		if l.PeriodPrices == nil {
			l.PeriodPrices = map[billing.Period]billing.PeriodPrices{}
		}
		l.PeriodPrices[p] = x
	}
	if d.chance(40) {
		m := floor.Add(unit(r).Mul(decimal.New(int64(d.IntN(15)), 0)))
		l.Max = &m
	}
	return l
}

// unit is a usual quantity of a resource, a multiple of its step.
func unit(r billing.Resource) decimal.Decimal {
	if r.Step.IsZero() {
		return decimal.New(1, 0)
	}
	return r.Step
}
