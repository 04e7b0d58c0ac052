package simulation

import (
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// resales is how many plans for resellers a seller has.
const resales = 3

func resaleID(i int) billing.PlanID { return billing.PlanID(fmt.Sprintf("resale-%d", i)) }

// DoubleName is the name of a reseller's own account.
func DoubleName(s billing.SellerID) string { return "double-" + string(s) }

// resellers draws three resellers below the host, and one below the first of them.
func (d dice) resellers(host money.Currency) []billing.Seller {
	other := []string{"EUR", "JPY", "KWD", "USD"}
	d.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	var out []billing.Seller
	for i, id := range []billing.SellerID{"alpha", "beta", "gamma", "delta"} {
		s := billing.Seller{ID: id, Name: "Reseller " + string(id), Parent: "acme", Currency: mustISO(other[i]), Taxes: d.taxes(),
			Rounding: pick(d, money.HalfUp, money.HalfEven), TimeZone: pick(d, "", "Europe/Berlin", "America/New_York")}
		if id == "gamma" {
			s.Currency = host
		}
		if id == "delta" {
			s.Parent = "alpha"
		}
		out = append(out, s)
	}
	return out
}

// dayPeriods are the periods of days that any plan may have.
var dayPeriods = []billing.Period{billing.Days(7), billing.Days(10), billing.Days(30)}

// dear draws a price that does not vanish in rounding.
func (d dice) dear(least int) *decimal.Decimal {
	p := decimal.New(int64(d.between(100*least, 300*least)), -2)
	return &p
}

// plain draws a plan in which every charge has its price and nothing is free.
func (d dice) plain(periods []billing.Period) billing.Terms {
	percent := pick(d, decimal.New(50, 0), decimal.New(80, 0), decimal.New(100, 0))
	t := billing.Terms{Periods: periods, RefundPercent: &percent, CreditLimit: decimal.New(10, 0)}
	for _, r := range resources() {
		l := d.plainLine(r, periods)
		if r.ID == "account" || d.chance(40) {
			l.AtSignup = unit(r)
		}
		t.Resources = append(t.Resources, l)
	}
	return t
}

func (d dice) plainLine(r billing.Resource, periods []billing.Period) billing.Line {
	const least = 2000 // of a yen a day of a year, in steps of a quarter, at half its price
	l := billing.Line{Resource: r.ID, Prices: billing.Prices{Setup: d.dear(least), Recurring: d.dear(least)}}
	if r.Kind == billing.KindMonthly {
		l.Prices.Usage = d.dear(least)
	}
	for _, p := range periods {
		if !p.InDays() {
			continue
		}
		x := billing.PeriodPrices{Setup: d.dear(least), Recurring: d.dear(least)}
		if l.Prices.Usage != nil {
			x.Usage = d.dear(least)
		}
		if l.PeriodPrices == nil {
			l.PeriodPrices = map[billing.Period]billing.PeriodPrices{}
		}
		l.PeriodPrices[p] = x
	}
	return l
}

// resale draws the terms of a plan for resellers: what they hold themselves, and the
// price list for their customers.
func (d dice) resale(periods []billing.Period, o Options) billing.Terms {
	var t billing.Terms
	if o.Plain {
		t = d.plain(periods)
	} else {
		t = d.terms(periods)
		t.Trial, t.MoneyBackDays = billing.Trial{}, 0
		for _, r := range resources() { // so that plans can be changed
			if !hasLine(t, r.ID) {
				t.Resources = append(t.Resources, d.line(r, t.Periods))
			}
		}
	}
	w := &billing.Wholesale{}
	if o.Plain || d.chance(60) {
		percent := pick(d, decimal.New(25, 0), decimal.New(60, 0), decimal.New(100, 0))
		w.RefundPercent = &percent
	}
	if !o.Plain && d.chance(50) {
		w.Discounts = map[billing.Period]billing.Discounts{billing.Months(3): {Recurring: d.percent(), Usage: decimal.New(int64(d.IntN(30)), 0)},
			billing.Months(12): {Setup: d.percent(), Recurring: decimal.New(25, 0)}}
	}
	kinds := map[billing.ResourceID]billing.Resource{}
	for _, r := range resources() {
		kinds[r.ID] = r
	}
	for i := range t.Resources {
		l := &t.Resources[i]
		if !o.Plain && kinds[l.Resource].Kind == billing.KindMonthly && d.chance(25) {
			l.Rollup = true
			continue
		}
		if o.Loose && l.Resource != "account" && d.chance(6) {
			continue // not for sale
		}
		if o.Plain {
			w.Resources = append(w.Resources, d.plainLine(kinds[l.Resource], dayPeriods))
			continue
		}
		sold := d.line(kinds[l.Resource], dayPeriods)
		sold.AtSignup, sold.Max, sold.Free = decimal.Decimal{}, nil, decimal.Decimal{}
		for p, x := range sold.PeriodPrices {
			x.Free = nil
			sold.PeriodPrices[p] = x
		}
		if d.chance(45) { // a pool, often too small
			sold.Free = decimal.New(int64(d.between(1, 12)), 0)
		}
		w.Resources = append(w.Resources, sold)
	}
	t.Wholesale = w
	return t
}

func hasLine(t billing.Terms, id billing.ResourceID) bool {
	for _, l := range t.Resources {
		if l.Resource == id {
			return true
		}
	}
	return false
}

// limit is a bound on what a reseller's customers have together; most nil: it is taken
// away.
type limit struct {
	resource billing.ResourceID
	most     *decimal.Decimal
}

// doubleWeights are those of the actions on resellers' own accounts.
var doubleWeights = map[string][]struct {
	name   string
	weight int
}{
	"active": {{"set", 22}, {"usage", 22}, {"change_plan", 16}, {"change_period", 5}, {"move_version", 4}, {"cancel", 2}, {"keep", 1}, {"suspend", 8},
		{"close", 1}, {"pay", 9}, {"credit", 2}, {"debit", 2}, {"reverse", 2}, {"exempt", 2}, {"again", 3}},
	"suspended": {{"resume", 70}, {"usage", 8}, {"pay", 8}, {"set", 3}, {"change_plan", 3}, {"suspend", 2}, {"change_period", 2}},
	"closed":    {{"pay", 5}, {"set", 1}},
}

// resellers draws the lives of the resellers: they begin before any customer comes.
func (g *generator) resellers() {
	for _, s := range g.s.Catalog.Sellers {
		if s.Parent == "" {
			continue
		}
		var parent billing.Seller
		for _, p := range g.s.Catalog.Sellers {
			if p.ID == s.Parent {
				parent = p
			}
		}
		day := g.s.First
		if s.ID == "gamma" {
			day = day.AddDays(g.IntN(5))
		}
		c := &customer{name: DoubleName(s.ID), seller: parent, state: "active", double: true}
		var of Offer
		for _, x := range g.s.Catalog.Offers {
			if x.Head.Seller == parent.ID && x.resale && (of.Head.ID == "" || g.chance(40)) {
				of = x
			}
		}
		signup := billing.Signup{Seller: parent.ID, Name: c.name, Plan: of.Head.ID, Period: pick(g.dice, of.Terms.Periods...)}
		g.add(Step{Day: day, Account: c.name, Seller: parent.ID, Name: "enroll", enroll: s.ID, request: billing.Request{On: day},
			act: func(r billing.Request, _ billing.AccountID) billing.Action {
				x := signup
				x.Request = r
				return x
			}})
		g.life(c, day, signup.Period)
		g.limits(s, day)
		if s.ID == "beta" && g.chance(40) {
			g.add(Step{Day: g.s.First.AddDays(g.o.Days * 3 / 4), Seller: parent.ID, Name: "close_reseller", shut: s.ID})
		}
	}
}

// limits draws what a parent sets a reseller.
func (g *generator) limits(s billing.Seller, from billing.Date) {
	for range g.between(1, 3) {
		l := &limit{resource: pick[billing.ResourceID](g.dice, "", "mailbox", "licence", "traffic", "account")}
		if g.chance(85) {
			most := decimal.New(1_000_000, 0)
			if g.o.Limits {
				most = decimal.New(int64(g.between(1, 12)), 0)
			}
			l.most = &most
		}
		g.add(Step{Day: g.day(from.Sub(g.s.First) + 1), Seller: s.ID, Name: "limit", limit: l})
	}
}
