package scenario_test

import (
	"maps"
	"slices"

	"github.com/tierhost/tierhost/scenario"
)

// playTree plays a scenario with resellers: as play, but the nightly run first closes
// the days before its own.
func (o *oracle) playTree() (*scenario.Result, []string) {
	steps, codes := o.file.Steps, make([]string, len(o.file.Steps))
	if len(steps) > 0 {
		first, until := dayOf(steps[0].On), dayOf(steps[len(steps)-1].On)
		if o.file.Until != "" {
			until = dayOf(o.file.Until)
		}
		at := 0
		for day := first; day <= until; day++ {
			if (day-first)%max(1, o.file.RunEvery) == 0 || day == until {
				o.run(day)
			}
			for ; at < len(steps) && dayOf(steps[at].On) == day; at++ {
				codes[at] = o.step(steps[at])
			}
		}
	}
	for _, a := range o.order {
		o.book.Balances[a.name] = a.balance.FloatString(a.digits())
	}
	return o.book.Result, codes
}

// run is the nightly run of a day.
func (o *oracle) run(day int) {
	o.closeDays(day)
	for _, a := range o.order {
		a.handleBoundaries(day)
	}
}

// cost is a shadow that waits for its day to close.
type cost struct {
	day      int // that it is billed with
	double   string
	resource string
	amount   ratio
}

// closeDays closes the days before a day.
func (o *oracle) closeDays(day int) {
	due := map[int][]cost{}
	var rest []cost
	for _, c := range o.book.costs {
		if c.day < day {
			due[c.day] = append(due[c.day], c)
		} else {
			rest = append(rest, c)
		}
	}
	o.book.costs, o.book.open = rest, day
	for _, closed := range slices.Sorted(maps.Keys(due)) {
		for _, s := range o.resellers() {
			d := o.double(&s)
			sums := map[string]ratio{}
			for _, c := range due[closed] {
				if c.double == d.name && sums[c.resource] == nil {
					sums[c.resource] = whole(0)
				}
				if c.double == d.name {
					sums[c.resource] = plus(sums[c.resource], c.amount)
				}
			}
			p := o.paper(d, closed, day)
			for _, resource := range slices.Sorted(maps.Keys(sums)) {
				o.book.Bills = append(o.book.Bills, scenario.Bill{
					Date: dayText(closed), Seller: s.ID, Resource: resource, Amount: sums[resource].FloatString(d.digits()),
				})
				p.net = plus(p.net, sums[resource])
				o.note(d, closed, "wholesale", resource, "0", "", "", sums[resource])
			}
			p.issue()
		}
	}
}

// resellers are the sellers that have doubles, in the order in which these signed up.
func (o *oracle) resellers() []oracleSeller {
	var out []oracleSeller
	for _, s := range o.file.Sellers {
		if o.double(&s) != nil {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b oracleSeller) int {
		return slices.Index(o.order, o.double(&a)) - slices.Index(o.order, o.double(&b))
	})
	return out
}

// planFrom is a plan and the day from which an account has it.
type planFrom struct {
	day  int
	plan *oraclePlan
}

// planOn is the plan that the account has, or had, on a day.
func (a *oracleAccount) planOn(day int) *oraclePlan {
	plan := a.plans[0].plan
	for _, p := range a.plans {
		if p.day <= day {
			plan = p.plan
		}
	}
	return plan
}

// listOn is the wholesale list that a double has on a day, as a plan; nil if it is
// silent about the resource.
func (a *oracleAccount) listOn(day int, resource string) *oraclePlan {
	if list := a.planOn(day).list(); list != nil && list.line(resource) != nil {
		return list
	}
	return nil
}

// list is the plan's wholesale list as a plan, nil if it has none.
func (p *oraclePlan) list() *oraclePlan {
	if p.Wholesale == nil {
		return nil
	}
	return &oraclePlan{Resources: p.Wholesale.Resources, Discounts: p.Wholesale.Discounts, RefundPercent: p.Wholesale.RefundPercent}
}

func (p *oraclePlan) rollsUp(resource string) bool {
	l := p.line(resource)
	return l != nil && l.Rollup
}

func (a *oracleAccount) rollsUp(resource string) bool {
	return a.o.isDouble(a.name) && a.plan.rollsUp(resource)
}

// double is a reseller's account, nil if it has none or is the host.
func (o *oracle) double(s *oracleSeller) *oracleAccount {
	if s.Parent == "" {
		return nil
	}
	return o.accounts[s.Account]
}

func (o *oracle) isDouble(account string) bool { return o.sold(account) != nil }

// sold is the seller of which an account is the double, nil if of none.
func (o *oracle) sold(account string) *oracleSeller {
	for i := range o.file.Sellers {
		if o.file.Sellers[i].Account == account && account != "" {
			return &o.file.Sellers[i]
		}
	}
	return nil
}

// above are the doubles of a seller and of those above it, the lowest first.
func (o *oracle) above(s *oracleSeller) []*oracleAccount {
	var out []*oracleAccount
	for s != nil {
		if d := o.double(s); d != nil {
			out = append(out, d)
		}
		s = o.seller(s.Parent)
	}
	return out
}

// below are the accounts below a double, at any depth, by creation.
func (a *oracleAccount) below() []*oracleAccount {
	var out []*oracleAccount
	for _, x := range a.o.order {
		if slices.Contains(a.o.above(x.seller), a) {
			out = append(out, x)
		}
	}
	return out
}

// catchUp handles the boundaries that are due before an action on the account.
func (a *oracleAccount) catchUp(day int) {
	a.catchUpAbove(day)
	a.handleBoundaries(day)
	for _, x := range a.below() {
		x.handleBoundaries(day)
	}
}

func (a *oracleAccount) catchUpAbove(day int) {
	for _, d := range slices.Backward(a.o.above(a.seller)) {
		d.handleBoundaries(day)
	}
}

// sleep suspends the customers of a suspended reseller.
func (a *oracleAccount) sleep() {
	for _, x := range a.below() {
		if !x.closed && !x.suspended {
			x.suspended, x.asleep = true, a.name
		}
	}
}

// wake resumes those that fell asleep with it.
func (a *oracleAccount) wake(day int) {
	for _, x := range a.below() {
		if !x.closed && x.suspended && x.asleep == a.name {
			p := a.o.paper(x, day, day)
			x.resume(p)
			p.issue()
		}
	}
}

// offers says that a reseller with this plan gets a resource for a period.
func (p *oraclePlan) offers(resource string, period length) bool {
	if p.rollsUp(resource) {
		return true
	}
	list := p.list()
	if list == nil || list.line(resource) == nil {
		return false
	}
	line := list.line(resource)
	if period.days {
		for kind := range line.Prices {
			if _, ok := line.PeriodPrices[period.text()][kind]; !ok {
				return false
			}
		}
	}
	return true
}

// offered says that a seller, and every one above it, gets a resource.
func (o *oracle) offered(s *oracleSeller, resource string, period length) bool {
	for _, d := range o.above(s) {
		if !d.plan.offers(resource, period) {
			return false
		}
	}
	return true
}

// requires lists what every plan below a double with this plan must have.
func (p *oraclePlan) requires() []string {
	lines := p.Resources
	if list := p.list(); list != nil {
		lines = append(slices.Clone(lines), list.Resources...)
	}
	var out []string
	for _, l := range lines {
		if l.Required {
			out = append(out, l.ID)
		}
	}
	return out
}

// has says that a plan has some resources.
func (p *oraclePlan) has(resources []string) bool {
	for _, r := range resources {
		if p.line(r) == nil {
			return false
		}
	}
	return true
}

// suits says that a plan has what all those above its seller require.
func (o *oracle) suits(s *oracleSeller, p *oraclePlan) bool {
	for _, d := range o.above(s) {
		if !p.has(d.plan.requires()) {
			return false
		}
	}
	return true
}

// needs are the resources that an account has to be offered: what it holds and the
// monthly ones of its plan.
func (a *oracleAccount) needs() []string {
	var out []string
	for _, r := range a.o.file.Resources {
		h := a.holdings[r.ID]
		if h != nil && h.quantity.Sign() > 0 || r.Kind == "monthly" && a.plan.line(r.ID) != nil {
			out = append(out, r.ID)
		}
	}
	return out
}

// keeps says that the account can have what it has for another period.
func (a *oracleAccount) keeps(period length) bool {
	for _, r := range a.needs() {
		if !a.o.offered(a.seller, r, period) {
			return false
		}
	}
	return true
}

// feeds says that a plan gives a double all that the open accounts below it need.
func (a *oracleAccount) feeds(plan *oraclePlan) bool {
	for _, x := range a.below() {
		if !x.closed && !x.plan.has(plan.requires()) {
			return false
		}
		for _, r := range x.needs() {
			if !x.closed && (!plan.offers(r, x.period) || x.pending.n > 0 && !plan.offers(r, x.pending)) {
				return false
			}
		}
	}
	return true
}
