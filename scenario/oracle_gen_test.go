package scenario_test

import (
	"fmt"
	"slices"
)

// source is where a generator gets its choices from: a number in [0, n).
type source interface{ choose(n int) int }

// generator makes scenarios. It plays what it makes with an oracle as it goes, so that
// it can aim at boundaries and at what accounts hold.
type generator struct {
	source
	f       *oracleFile
	o       *oracle
	day     int
	used    []oracleResource // that plans have and steps are about
	weights []int            // of the actions
	hurry   int              // how often days pass, in percent
	full    int              // how many of the resources a plan has, in percent
	tiny    bool             // prices near the minor unit
	tree    bool             // with resellers
}

// actions are what steps do, and how often before a scenario leans to some.
var actions = []struct {
	do     string
	weight int
}{
	{"set", 30}, {"usage", 24}, {"change_plan", 13}, {"change_period", 5}, {"suspend", 6}, {"resume", 3},
	{"cancel", 2}, {"keep", 1}, {"close", 2}, {"transfer", 3}, {"signup", 4}, {"bad", 5},
}

func generate(s source) *oracleFile {
	g := &generator{source: s, f: &oracleFile{}}
	for _, a := range actions {
		g.weights = append(g.weights, a.weight*pick(g, 0, 1, 2, 2, 2, 6))
	}
	g.weights[0]++
	g.hurry, g.full, g.tiny = pick(g, 65, 40, 90), pick(g, 90, 97, 65), g.chance(20)
	g.catalog()
	g.o = newOracle(g.f)
	g.day = dayOf(pick(g, "2024-01-31", "2024-01-30", "2024-02-29", "2023-12-31", "2024-01-01", "2025-01-29", "2025-03-31",
		"2025-02-28", "2024-05-15", "2023-08-30", "2025-11-30", "2024-12-01"))
	g.signup()
	for n := 3 + g.choose(24); n > 0; n-- {
		g.pass()
		if a := g.account(); !a.closed && g.chance(30) {
			g.gambit(a)
		} else {
			g.next()
		}
	}
	g.ending()
	return g.f
}

// ending chooses how often the nightly run comes, and the last day.
func (g *generator) ending() {
	g.f.RunEvery = []int{0, 0, 0, 1, 2, 3, 7, 11, 31, 45}[g.choose(10)]
	switch n := g.choose(40); {
	case n < 10:
	case n < 20:
		g.f.Until = dayText(g.day + g.choose(10))
	case n < 38:
		g.f.Until = dayText(g.day + g.choose(100))
	case n == 38:
		g.f.Until = dayText(g.day + 1100)
	default:
		g.f.Until = dayText(g.day - g.choose(10))
	}
	if slices.ContainsFunc(g.f.Plans, func(p oraclePlan) bool { return slices.Contains(p.Periods, "1d") }) {
		g.f.Until = dayText(g.day + g.choose(9)) // a day is enough work
	}
	if g.f.Until < g.f.Steps[0].On {
		g.f.Until = ""
	}
}

func pick[T any](g *generator, of ...T) T { return of[g.choose(len(of))] }

// chance is true about p times of a hundred.
func (g *generator) chance(p int) bool { return g.choose(100) >= 100-p }

func (g *generator) amount() string {
	if g.tiny {
		return pick(g, "0.01", "0.004", "0.005", "0.0001", "0.015", "0.3333", "0.02", "0.0049", "1", "0.5")
	}
	return pick(g, "1", "2", "5", "0.01", "10", "0.004", "0.13", "2.5", "9.99", "33.333", "0.0001", "7.77", "0.3333", "100",
		"0.005", "1.015", "0", "12.345678", "0.05")
}

func (g *generator) percent() string {
	return pick(g, "0", "10", "50", "100", "33.3", "99", "12.5", "0.5", "66.667")
}

func (g *generator) catalog() {
	seller := oracleSeller{ID: "root", Currency: pick(g, "USD", "EUR", "JPY", "KWD"), Rounding: pick(g, "", "", "half_even")}
	for i := range g.choose(3) {
		seller.Taxes = append(seller.Taxes, oracleTax{Name: fmt.Sprintf("T%d", i), Percent: pick(g, "20", "8.875", "0.7", "19", "33.333")})
	}
	g.f.Sellers = []oracleSeller{seller}
	g.f.Resources = []oracleResource{
		{ID: "account"}, {ID: "mail"}, {ID: "ip", Kind: "period", Step: pick(g, "", "0.5", "3")},
		{ID: "traffic", Kind: "monthly", Aggregate: pick(g, "", "sum"), Step: pick(g, "", "", "2.5")},
		{ID: "disk", Kind: "monthly", Aggregate: pick(g, "max", "last", "average", "p95"), Step: pick(g, "", "1")},
		{ID: "db", Kind: "monthly", Aggregate: pick(g, "average", "p95", "max", "last", "sum")},
	}
	for _, r := range g.f.Resources {
		if g.chance(60) {
			g.used = append(g.used, r)
		}
	}
	if len(g.used) == 0 {
		g.used = g.f.Resources
	}
	periods := g.periods()
	for i := range 1 + g.choose(4) {
		g.plan(fmt.Sprintf("p%d", i), periods)
	}
}

func (g *generator) periods() []string {
	var out []string
	for n := 1 + g.choose(4); n > 0; n-- {
		p := pick(g, "1m", "3m", "1m", "2m", "12m", "10d", "30d", "7d", pick(g, "1d", "10d", "3m"), "6m")
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func (g *generator) plan(id string, periods []string) {
	p := oraclePlan{ID: id, Seller: "root", Periods: periods}
	if g.chance(25) {
		p.Periods = append(g.periods(), periods[0])
		slices.Sort(p.Periods)
		p.Periods = slices.Compact(p.Periods)
	}
	if g.chance(60) {
		r := g.percent()
		p.RefundPercent = &r
	}
	if g.chance(40) {
		p.MoneyBackDays = pick(g, 1, 5, 30, 40, 100)
	}
	for _, period := range p.Periods {
		if !g.chance(40) {
			continue
		}
		if p.Discounts == nil {
			p.Discounts = map[string]map[string]string{}
		}
		p.Discounts[period] = map[string]string{}
		for _, kind := range []string{"setup", "recurring", "usage"} {
			if g.chance(60) {
				p.Discounts[period][kind] = g.percent()
			}
		}
	}
	for _, r := range g.used {
		if g.chance(g.full) {
			p.Resources = append(p.Resources, g.line(r, p.Periods))
		}
	}
	if len(p.Resources) == 0 {
		p.Resources = append(p.Resources, g.line(g.used[0], p.Periods))
	}
	for i := len(p.Resources) - 1; i > 0; i-- {
		j := i - g.choose(2)
		p.Resources[i], p.Resources[j] = p.Resources[j], p.Resources[i]
	}
	g.f.Plans = append(g.f.Plans, p)
}

func (g *generator) line(r oracleResource, periods []string) oracleLine {
	l := oracleLine{ID: r.ID, Prices: map[string]string{}, PeriodPrices: map[string]map[string]string{}}
	kinds := []string{"setup", "recurring"}
	if r.Kind == "monthly" {
		kinds = append(kinds, "usage")
	}
	for _, kind := range kinds {
		if g.chance(75) {
			l.Prices[kind] = g.amount()
		}
	}
	for _, period := range periods {
		explicit := map[string]string{}
		for _, kind := range kinds {
			if _, based := l.Prices[kind]; based && lengthOf(period).days || g.chance(20) {
				explicit[kind] = g.amount()
			}
		}
		if g.chance(20) {
			explicit["free"] = pick(g, "0", "1", "3", "2.5")
		}
		if len(explicit) > 0 {
			l.PeriodPrices[period] = explicit
		}
	}
	if g.chance(40) {
		l.Free = pick(g, "1", "3", "5", "0.5", "2.25")
	}
	if r.ID == "account" || g.chance(30) {
		l.AtSignup = g.quantity(r)
	}
	if g.chance(15) {
		m := shown(plus(larger(number(l.AtSignup), whole(5)), number(g.quantity(r))))
		l.Max = &m
	}
	return l
}

// quantity is a multiple of the resource's step.
func (g *generator) quantity(r oracleResource) string {
	unit := r.Step
	if unit == "" && r.Kind == "monthly" {
		return pick(g, "1", "0", "5", "2.5", "10", "0.000001", "3.141593", "7.25", "4")
	}
	if unit == "" {
		unit = "1"
	}
	return shown(times(number(unit), whole(pick(g, 1, 0, 2, 3, 4, 5, 7, 10, 40))))
}

func (g *generator) do(s oracleStep) {
	s.On = dayText(g.day)
	s.Error = g.o.step(s)
	g.f.Steps = append(g.f.Steps, s)
}

// pass lets days go by: often none or few, often up to, or near, a boundary.
func (g *generator) pass() {
	if !g.chance(g.hurry) {
		return
	}
	if g.chance(45) {
		g.day += pick(g, 1, 2, 1, 5, 9, 14, 27, 33)
		return
	}
	a := g.account()
	a.handleBoundaries(g.day)
	if a.closed {
		g.day += g.choose(3)
		return
	}
	to := pick(g, a.monthTo, a.monthTo, a.periodTo, a.monthTo-1, a.monthTo+1, a.periodTo-1, a.signup+a.moneyBackDays)
	if to > g.day && to < g.day+150 {
		g.day = to
	}
}

func (g *generator) account() *oracleAccount { return g.o.order[g.choose(len(g.o.order))] }

func (g *generator) signup() {
	if g.tree {
		g.signupTree()
		return
	}
	p := g.f.Plans[g.choose(len(g.f.Plans))]
	g.signupTo(fmt.Sprintf("a%d", len(g.o.order)), p)
}

// signupTo signs an account up, often with promotions.
func (g *generator) signupTo(account string, p oraclePlan) {
	s := oracleStep{Do: "signup", Account: account, Plan: p.ID, Period: pick(g, p.Periods...)}
	for i := range []int{0, 0, 1, 1, 2, 3}[g.choose(6)] {
		pr := oraclePromotion{Code: fmt.Sprintf("C%d", i), Percent: g.percent(), Periods: pick(g, 1, 0, 2, 3)}
		for _, kind := range []string{"recurring", "usage", "setup"} {
			if g.chance(60) || kind == "setup" && len(pr.Kinds) == 0 {
				pr.Kinds = append(pr.Kinds, kind)
			}
		}
		if number(pr.Percent).Sign() == 0 {
			pr.Percent = "45"
		}
		s.Promotions = append(s.Promotions, pr)
	}
	g.do(s)
}

// next makes a step.
func (g *generator) next() {
	a := g.account()
	a.handleBoundaries(g.day)
	if a.closed && g.chance(60) {
		g.signup()
		return
	}
	if a.suspended && g.chance(35) {
		g.do(oracleStep{Do: "resume", Account: a.name})
		return
	}
	sum := 0
	for _, w := range g.weights {
		sum += w
	}
	n, i := g.choose(sum), 0
	for ; n >= g.weights[i]; i++ {
		n -= g.weights[i]
	}
	switch do := actions[i].do; do {
	case "signup":
		g.signup()
	case "bad":
		g.do(g.bad(a))
	default:
		g.do(g.action(a, do))
	}
}

func (g *generator) action(a *oracleAccount, do string) oracleStep {
	s := oracleStep{Do: do, Account: a.name}
	r := g.used[g.choose(len(g.used))]
	if g.chance(3) {
		r = g.f.Resources[g.choose(len(g.f.Resources))]
	}
	switch do {
	case "set":
		s.Resource, s.Quantity = r.ID, g.quantity(r)
		if g.chance(3) {
			s.Quantity = pick(g, "-1", "0.3333333", "1000000", "-0.5", "0.7")
		}
		if l := a.plan.line(r.ID); l != nil && l.Max != nil && g.chance(40) {
			s.Quantity = shown(plus(number(*l.Max), number(pick(g, "0", "1", "0.3333333", "3", "2.5"))))
		}
	case "usage":
		for range 5 {
			if r.Kind != "monthly" {
				r = g.used[g.choose(len(g.used))]
			}
		}
		s.Resource, s.Amount = r.ID, g.usage(a, r.ID)
		if g.chance(3) {
			s.Amount = "-1"
		}
		if g.chance(30) {
			s.Key = pick(g, "k", "l", "m", "n")
		}
	case "change_plan":
		s.Plan = g.f.Plans[g.choose(len(g.f.Plans))].ID
		if g.tree && !g.chance(4) {
			s.Plan = g.planLike(a)
		}
	case "change_period":
		s.Period = pick(g, a.plan.Periods...)
	case "transfer":
		s.Do, s.Amount = pick(g, "pay", "credit", "debit"), pick(g, "5", "100", "1", "20", "0", "-3", "0.25", "1.125", "0.0001")
	}
	return s
}

// usage is an amount of a record: anything, or just what the account holds.
func (g *generator) usage(a *oracleAccount, resource string) string {
	if h := a.holdings[resource]; h != nil && g.chance(15) {
		return shown(h.quantity)
	}
	return pick(g, "1", "5", "12.5", "0", "3.333333", "40", "0.1", "7.123456789", "22", "6", "150")
}

// bad is a step that names something unknown, as often as not.
func (g *generator) bad(a *oracleAccount) oracleStep {
	s := oracleStep{Account: a.name}
	switch g.choose(8) {
	case 0:
		s.Do, s.Plan = "change_plan", "nope"
	case 1:
		s.Do, s.Period = "change_period", pick(g, "5m", "1m", "10d")
	case 2:
		s.Do, s.Resource, s.Quantity = "set", "nope", "1"
	case 3:
		s.Do, s.Plan, s.Period = "signup", g.f.Plans[0].ID, g.f.Plans[0].Periods[0]
	case 4:
		s.Do, s.Account = pick(g, "close", "suspend", "keep", "cancel", "resume"), "nobody"
	case 5:
		s.Do, s.Account, s.Plan, s.Period = "signup", fmt.Sprintf("x%d", g.choose(3)), "nope", "1m"
	case 6:
		s.Do, s.Account, s.Plan, s.Period = "signup", fmt.Sprintf("x%d", g.choose(3)), g.f.Plans[0].ID, "5m"
	default:
		s.Do, s.Resource, s.Amount = "usage", pick(g, "nope", "mail", "account"), "1"
	}
	return s
}
