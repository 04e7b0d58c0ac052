package scenario_test

import (
	"fmt"
	"slices"
)

// generateTree makes a scenario with one to three levels of resellers.
func generateTree(s source) *oracleFile {
	g := &generator{source: s, f: &oracleFile{}, tree: true}
	for _, a := range actions {
		g.weights = append(g.weights, a.weight*pick(g, 0, 1, 2, 2, 2, 6))
	}
	g.weights[0]++
	g.hurry, g.full, g.tiny = pick(g, 65, 40, 90), pick(g, 90, 100, 97, 65), g.chance(15)
	g.catalog()
	g.resellers()
	g.o = newOracle(g.f)
	g.day = dayOf(pick(g, "2024-01-31", "2024-01-30", "2024-02-29", "2024-01-01", "2025-01-29", "2025-03-31", "2024-05-15", "2025-11-30"))
	for _, s := range g.f.Sellers {
		if s.Parent == "" || g.chance(3) {
			continue
		}
		g.signupDouble(s)
		g.day += pick(g, 0, 0, 0, 1, 7)
		for range 1 + g.choose(2) {
			g.signupFor(s.ID)
		}
	}
	if len(g.o.order) == 0 {
		g.signupFor("root")
	}
	if len(g.o.order) == 0 {
		return generateTree(s)
	}
	for n := 5 + g.choose(32); n > 0; n-- {
		g.pass()
		switch a := g.account(); {
		case a.closed || g.chance(65):
			g.next()
		case g.chance(40):
			g.gambitTree(a)
		default:
			g.gambit(a)
		}
	}
	g.ending()
	return g.f
}

// resellers adds sellers, the plans that they resell under, and their customers'.
func (g *generator) resellers() {
	levels := map[string]int{"root": 0}
	periods := g.f.Plans[0].Periods
	for i := range 1 + g.choose(4) {
		parent := g.f.Sellers[g.choose(len(g.f.Sellers))]
		if i > 0 && g.chance(40) {
			parent = g.f.Sellers[i]
		}
		if levels[parent.ID] == 3 {
			parent = g.f.Sellers[0]
		}
		s := oracleSeller{
			ID: fmt.Sprintf("s%d", i), Account: fmt.Sprintf("d%d", i), Parent: parent.ID,
			Currency: pick(g, "USD", "EUR", "JPY", "KWD"), Rounding: pick(g, "", "", "half_even"),
		}
		levels[s.ID] = levels[parent.ID] + 1
		if g.chance(40) {
			s.Taxes = []oracleTax{{Name: pick(g, "T0", "V"), Percent: pick(g, "20", "8.875", "33.333")}}
		}
		g.f.Sellers = append(g.f.Sellers, s)
		for j := range 1 + g.choose(3) {
			g.reseller(fmt.Sprintf("r%d%d", i, j), parent.ID, periods)
		}
		for j := range 1 + g.choose(2) {
			g.plan(fmt.Sprintf("c%d%d", i, j), periods)
			g.f.Plans[len(g.f.Plans)-1].Seller = s.ID
		}
	}
}

// reseller adds a plan with a wholesale list; some of its monthly resources roll up.
func (g *generator) reseller(id, seller string, periods []string) {
	own := periods[:1]
	if g.chance(25) {
		own = periods
	}
	g.plan(id, own)
	p := &g.f.Plans[len(g.f.Plans)-1]
	p.Seller = seller
	w := &oracleWholesale{}
	p.Wholesale = w
	if g.chance(50) {
		r := g.percent()
		w.RefundPercent = &r
	}
	rolls, required := pick(g, 0, 0, 20, 50), pick(g, 0, 0, 0, 15)
	for i := range p.Resources {
		l := &p.Resources[i]
		l.Rollup = g.isMonthly(l.ID) && g.chance(rolls)
		l.Required = l.Rollup && g.chance(required)
	}
	var all []string
	for _, q := range g.f.Plans {
		for _, period := range q.Periods {
			if !slices.Contains(all, period) {
				all = append(all, period)
			}
		}
	}
	for _, r := range g.used {
		if l := p.line(r.ID); l != nil && l.Rollup || g.chance(4) {
			continue
		}
		l := g.line(r, all)
		l.Max, l.AtSignup, l.Free = nil, "", ""
		for period := range l.PeriodPrices {
			delete(l.PeriodPrices[period], "free")
			if len(l.PeriodPrices[period]) == 0 {
				delete(l.PeriodPrices, period)
			}
		}
		if g.chance(50) {
			l.Free = pick(g, "1", "3", "5", "10", "0.5", "7.25")
		}
		l.Required = g.isMonthly(r.ID) && g.chance(required)
		w.Resources = append(w.Resources, l)
	}
	if g.chance(40) {
		w.Discounts = map[string]map[string]string{pick(g, all...): {pick(g, "setup", "recurring", "usage"): g.percent()}}
	}
}

func (g *generator) isMonthly(resource string) bool {
	return slices.ContainsFunc(g.f.Resources, func(r oracleResource) bool { return r.ID == resource && r.Kind == "monthly" })
}

// signupTree signs somebody up with any seller; sometimes a double that is missing.
func (g *generator) signupTree() {
	s := g.f.Sellers[g.choose(len(g.f.Sellers))]
	if s.Parent != "" && g.o.accounts[s.Account] == nil && g.chance(50) {
		g.signupDouble(s)
		return
	}
	g.signupFor(s.ID)
}

func (g *generator) signupDouble(s oracleSeller) {
	var plans []oraclePlan
	for _, p := range g.f.Plans {
		if p.Seller == s.Parent && p.Wholesale != nil {
			plans = append(plans, p)
		}
	}
	g.signupTo(s.Account, plans[g.choose(len(plans))])
}

// signupFor signs a customer of a seller up.
func (g *generator) signupFor(seller string) {
	var plans []oraclePlan
	for _, p := range g.f.Plans {
		if p.Seller == seller && p.Wholesale == nil {
			plans = append(plans, p)
		}
	}
	g.signupTo(fmt.Sprintf("a%d", len(g.o.order)), plans[g.choose(len(plans))])
}

// planLike is a plan of the account's seller, mostly one for resellers if it is one.
func (g *generator) planLike(a *oracleAccount) string {
	var ids []string
	resells := g.o.isDouble(a.name) && !g.chance(4)
	for _, p := range g.f.Plans {
		if p.Seller == a.seller.ID && (p.Wholesale != nil) == resells {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return a.plan.ID
	}
	return pick(g, ids...)
}

// gambitTree makes some steps around a reseller.
func (g *generator) gambitTree(a *oracleAccount) {
	d := g.o.double(a.seller)
	if g.o.isDouble(a.name) {
		d = a
	}
	if d == nil {
		g.gambit(a)
		return
	}
	d.handleBoundaries(g.day)
	switch g.choose(4) {
	case 0:
		g.otherList(d)
	case 1:
		g.crowd(d)
	case 2:
		g.sleep(d)
	case 3:
		g.hidden(d)
	}
}

// among is a reseller or somebody below it.
func (g *generator) among(d *oracleAccount) *oracleAccount {
	if below := d.below(); len(below) > 0 && !g.chance(15) {
		return pick(g, below...)
	}
	return d
}

// otherList asks for another plan for a reseller and goes on until it begins.
func (g *generator) otherList(d *oracleAccount) {
	g.do(g.action(d, "change_plan"))
	if g.chance(20) {
		g.do(g.action(d, pick(g, "change_period", "set", "suspend")))
	}
	for range g.choose(4) {
		g.do(g.action(g.among(d), pick(g, "set", "usage", "usage")))
	}
	g.until(pick(g, d.periodTo, d.periodTo, d.periodTo-1, d.periodTo+1, d.periodTo+20))
	for range 1 + g.choose(5) {
		x := g.among(d)
		g.do(g.action(x, pick(g, "set", "set", "usage", "usage", "usage", "change_plan", "close", "resume")))
		if g.chance(25) {
			x.handleBoundaries(g.day)
			g.until(pick(g, x.monthTo, x.monthTo-1, g.day+4))
		}
	}
}

// crowd makes several accounts draw on a pool.
func (g *generator) crowd(d *oracleAccount) {
	r := g.used[g.choose(len(g.used))]
	for range 2 + g.choose(6) {
		x := g.among(d)
		switch g.choose(8) {
		case 0:
			g.signupFor(g.o.sold(d.name).ID)
		case 1:
			g.do(oracleStep{Do: "close", Account: x.name})
		case 2:
			x.handleBoundaries(g.day)
			g.until(pick(g, x.monthTo, x.monthTo, x.periodTo))
		case 3:
			g.do(oracleStep{Do: pick(g, "usage", "suspend", "resume"), Account: x.name, Resource: r.ID, Amount: g.usage(x, r.ID)})
		default:
			g.do(oracleStep{Do: "set", Account: x.name, Resource: r.ID, Quantity: g.quantity(r)})
		}
		g.day += pick(g, 0, 0, 0, 1, 5)
	}
}

// hidden puts accounts to sleep one by one and together, and wakes them in any order.
func (g *generator) hidden(d *oracleAccount) {
	for range 3 + g.choose(6) {
		x := g.among(d)
		if g.chance(40) {
			x = d
		}
		g.do(oracleStep{Do: pick(g, "suspend", "suspend", "resume", "resume", "resume", "cancel", "close"), Account: x.name})
		if g.chance(25) {
			g.do(g.action(g.among(d), pick(g, "usage", "set", "change_period")))
		}
		if g.chance(30) {
			g.until(pick(g, d.monthTo, d.periodTo, x.monthTo, g.day+3))
		}
	}
	g.do(oracleStep{Do: "resume", Account: d.name})
}
