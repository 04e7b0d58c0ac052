package scenario_test

// gambit makes some steps that belong together: what someone would try who wants to
// pay less.
func (g *generator) gambit(a *oracleAccount) {
	a.handleBoundaries(g.day)
	if a.closed {
		return
	}
	if a.suspended && g.chance(50) {
		g.do(oracleStep{Do: "resume", Account: a.name})
	}
	switch g.choose(9) {
	case 0:
		g.planForADay(a)
	case 1:
		g.usedAndGone(a)
	case 2:
		g.sleep(a)
	case 3:
		g.manyRecords(a)
	case 4:
		g.upAndDown(a)
	case 5:
		g.smallSteps(a)
	case 6:
		g.otherPeriod(a)
	case 7:
		g.moneyBack(a)
	case 8:
		g.renewalDay(a)
	}
}

// planForADay goes through plans on one day, or comes back soon after.
func (g *generator) planForADay(a *oracleAccount) {
	for range 2 + g.choose(3) {
		if g.chance(40) {
			g.do(g.action(a, pick(g, "usage", "usage", "set")))
		}
		if g.chance(25) { // what the next plan may lack
			g.do(oracleStep{Do: "set", Account: a.name, Resource: g.used[g.choose(len(g.used))].ID, Quantity: "0"})
		}
		g.do(g.action(a, "change_plan"))
		if g.chance(15) {
			g.day++
		}
	}
	if g.chance(40) {
		g.do(g.action(a, pick(g, "usage", "set", "close")))
	}
}

// usedAndGone uses much and leaves.
func (g *generator) usedAndGone(a *oracleAccount) {
	for range 1 + g.choose(4) {
		g.do(g.action(a, pick(g, "usage", "usage", "set")))
		g.day += pick(g, 0, 0, 0, 1, 3)
	}
	g.do(oracleStep{Do: pick(g, "close", "close", "cancel"), Account: a.name})
}

// until lets days go by up to a day, unless that is far off.
func (g *generator) until(day int) {
	if day > g.day && day < g.day+400 {
		g.day = day
	}
}

// sleep is suspended over a boundary or more, and wakes, or does not.
func (g *generator) sleep(a *oracleAccount) {
	if r := g.used[g.choose(len(g.used))]; g.chance(40) { // lowered before it sleeps
		g.do(oracleStep{Do: "set", Account: a.name, Resource: r.ID, Quantity: g.quantity(r)})
		g.do(oracleStep{Do: "set", Account: a.name, Resource: r.ID, Quantity: g.quantity(r)})
	}
	if g.chance(25) {
		g.do(oracleStep{Do: "cancel", Account: a.name})
	}
	g.do(oracleStep{Do: "suspend", Account: a.name})
	if g.chance(15) {
		g.do(oracleStep{Do: "keep", Account: a.name})
	}
	g.until(pick(g, a.monthTo, a.monthTo, a.periodTo, a.monthTo+3, a.periodTo+5, a.periodTo+40, g.day+2))
	for range g.choose(4) {
		g.do(g.action(a, pick(g, "usage", "usage", "change_period")))
		g.day += pick(g, 0, 0, 1, 6)
	}
	g.do(oracleStep{Do: pick(g, "resume", "resume", "resume", "resume", "close", "cancel", "keep"), Account: a.name})
	for range g.choose(3) {
		g.do(g.action(a, pick(g, "set", "set", "set", "change_plan", "usage", "suspend", "resume", "close")))
	}
}

// manyRecords makes percentiles differ from maxima.
func (g *generator) manyRecords(a *oracleAccount) {
	s := g.action(a, "usage")
	s.Key = ""
	for n := range 18 + g.choose(24) {
		s.Amount = g.usage(a, s.Resource)
		g.do(s)
		if n%10 == 9 && g.chance(60) {
			g.day++
		}
	}
}

// upAndDown buys and gives back.
func (g *generator) upAndDown(a *oracleAccount) {
	r := g.used[g.choose(len(g.used))]
	for range 2 + g.choose(5) {
		g.do(oracleStep{Do: "set", Account: a.name, Resource: r.ID, Quantity: g.quantity(r)})
		switch g.choose(8) {
		case 6, 7:
			g.do(g.action(a, "change_plan"))
		case 0:
			g.day += 1 + g.choose(9)
		case 1:
			g.until(a.monthTo)
		case 2:
			g.do(oracleStep{Do: pick(g, "usage", "usage", "set"), Account: a.name, Resource: r.ID, Quantity: "0", Amount: g.usage(a, r.ID)})
		}
	}
}

// smallSteps buys one by one and gives all back at once.
func (g *generator) smallSteps(a *oracleAccount) {
	if g.chance(40) {
		g.signup()
		a = g.o.order[len(g.o.order)-1]
	}
	r := g.used[g.choose(len(g.used))]
	n := 3 + g.choose(20)
	for i := range n {
		g.do(oracleStep{Do: "set", Account: a.name, Resource: r.ID, Quantity: shown(times(g.o.unit(r.ID), whole(i+1)))})
	}
	g.day += pick(g, 0, 0, 1, 5)
	g.do(oracleStep{Do: "set", Account: a.name, Resource: r.ID, Quantity: shown(times(g.o.unit(r.ID), whole(pick(g, 0, 0, g.choose(n)))))})
}

// otherPeriod asks for a period and goes on until it begins.
func (g *generator) otherPeriod(a *oracleAccount) {
	g.do(g.action(a, "change_period"))
	if g.chance(30) {
		g.do(g.action(a, pick(g, "change_plan", "suspend", "cancel")))
	}
	g.until(pick(g, a.periodTo, a.periodTo-1, a.periodTo+1))
	for range g.choose(3) {
		g.do(g.action(a, pick(g, "set", "change_plan", "usage", "change_period", "close")))
	}
}

// moneyBack closes an account at the end of its window.
func (g *generator) moneyBack(a *oracleAccount) {
	if g.chance(50) {
		g.signup()
		a = g.o.order[len(g.o.order)-1]
	}
	for range g.choose(5) {
		g.do(g.action(a, pick(g, "set", "set", "change_plan", "usage", "suspend", "resume")))
		g.day += pick(g, 0, 0, 1, 4)
	}
	g.until(a.signup + a.moneyBackDays - 1 + pick(g, 0, 0, 1))
	g.do(oracleStep{Do: "close", Account: a.name})
}

// renewalDay does what it does on the day of a renewal, or the day before.
func (g *generator) renewalDay(a *oracleAccount) {
	g.until(pick(g, a.monthTo, a.periodTo, a.periodTo-1))
	for range 1 + g.choose(5) {
		g.do(g.action(a, pick(g, "set", "set", "set", "change_plan", "usage", "usage", "suspend", "resume", "close")))
	}
}
