package scenario_test

import (
	"math/big"
	"slices"
)

// step plays a step and returns the code with which it is refused, "" if it is not.
func (o *oracle) step(s oracleStep) string {
	day := dayOf(s.On)
	if s.Do == "signup" {
		return o.signup(s, day)
	}
	a := o.accounts[s.Account]
	if a == nil {
		return "unknown_account"
	}
	a.catchUp(day)
	switch s.Do {
	case "pay", "credit", "debit":
		return a.transfer(s, day)
	}
	if a.closed {
		return "account_closed"
	}
	p := o.paper(a, day, day)
	code := a.act(s, p)
	if code == "" {
		p.issue()
	}
	return code
}

func (a *oracleAccount) act(s oracleStep, p *paper) string {
	switch s.Do {
	case "set":
		return a.set(s, p)
	case "usage":
		return a.record(s, p.date)
	case "change_plan":
		return a.changePlan(s, p)
	case "change_period":
		next := lengthOf(s.Period)
		if !a.plan.sells(next) {
			return "unknown_period"
		}
		if !a.keeps(next) {
			return "not_offered"
		}
		a.pending = next
		if next == a.period {
			a.pending = length{}
		}
	case "cancel":
		if a.o.isDouble(a.name) {
			return "has_customers"
		}
		a.cancelled = true
		if a.lapsed {
			a.close(p)
		}
	case "keep":
		a.cancelled = false
	case "suspend":
		if a.suspended {
			return "account_suspended"
		}
		a.suspended = true
		a.sleep()
	case "resume":
		switch d := a.o.double(a.seller); {
		case !a.suspended:
			return "not_suspended"
		case d != nil && d.suspended:
			return "seller_inactive"
		}
		a.resume(p)
		a.wake(p.date)
	case "close":
		for _, x := range a.below() {
			if !x.closed {
				return "has_customers"
			}
		}
		a.close(p)
	}
	return ""
}

func (o *oracle) signup(s oracleStep, day int) string {
	if a := o.accounts[s.Account]; a != nil {
		a.catchUpAbove(day)
		return "account_exists"
	}
	plan := o.plan(s.Plan)
	if plan == nil {
		return "unknown_plan"
	}
	seller := o.seller(plan.Seller)
	for _, d := range slices.Backward(o.above(seller)) {
		d.handleBoundaries(day)
	}
	period := lengthOf(s.Period)
	if !plan.sells(period) {
		return "unknown_period"
	}
	if seller.Parent != "" {
		if d := o.double(seller); d == nil || d.suspended || d.closed {
			return "seller_inactive"
		}
	}
	for _, l := range plan.Resources {
		if (o.monthly(l.ID) || number(l.AtSignup).Sign() > 0) && !o.offered(seller, l.ID, period) {
			return "not_offered"
		}
	}
	if !o.suits(seller, plan) {
		return "not_offered"
	}
	a := &oracleAccount{
		o: o, name: s.Account, seller: seller, plan: plan, period: period, signup: day, signupPeriod: period,
		promotions: s.Promotions, anchor: day, moneyBackDays: plan.MoneyBackDays, holdings: map[string]*oracleHolding{},
		legs: map[string]*leg{}, plans: []planFrom{{day, plan}},
		keys: map[string]record{}, taxed: map[string]ratio{}, balance: whole(0),
	}
	o.accounts[s.Account] = a
	o.order = append(o.order, a)
	p := o.paper(a, day, day)
	a.openPeriod(p, false)
	a.openMonth(p, false, true)
	for _, l := range plan.Resources {
		a.acquire(p, l)
	}
	p.issue()
	return ""
}

// acquire takes a line's at_signup quantity.
func (a *oracleAccount) acquire(p *paper, l oracleLine) {
	if q := number(l.AtSignup); less(a.holding(l.ID).quantity, q) {
		a.rise(p, l.ID, q)
	}
}

func (a *oracleAccount) set(s oracleStep, p *paper) string {
	if a.suspended {
		return "account_suspended"
	}
	line := a.plan.line(s.Resource)
	if line == nil {
		return "not_in_plan"
	}
	quantity, held := number(s.Quantity), a.holding(s.Resource).quantity
	if quantity.Sign() < 0 || !over(quantity, a.o.unit(s.Resource)).IsInt() {
		return "invalid_quantity"
	}
	if line.Max != nil && less(number(*line.Max), quantity) {
		return "over_max"
	}
	if less(held, quantity) && !a.o.offered(a.seller, s.Resource, a.period) {
		return "not_offered"
	}
	switch {
	case less(held, quantity):
		a.rise(p, s.Resource, quantity)
	case less(quantity, held):
		a.fall(p, s.Resource, quantity)
	}
	return ""
}

func (a *oracleAccount) record(s oracleStep, day int) string {
	if a.plan.line(s.Resource) == nil {
		return "not_in_plan"
	}
	if !a.o.monthly(s.Resource) {
		return "not_metered"
	}
	r := record{day: day, resource: s.Resource, amount: number(s.Amount), source: a}
	if r.amount.Sign() < 0 {
		return "invalid_quantity"
	}
	if s.Key != "" {
		key := s.Resource + " " + s.Key
		if had, ok := a.keys[key]; ok {
			if had.day != day || !sameRatio(had.amount, r.amount) {
				return "key_reused"
			}
			return ""
		}
		a.keys[key] = r
	}
	above := a.o.above(a.seller)
	for _, d := range above {
		if d.rollsUp(s.Resource) {
			r.rolled = append(r.rolled, d.name)
		}
	}
	a.records = append(a.records, r)
	for _, d := range above {
		if d.rollsUp(s.Resource) {
			d.records = append(d.records, r)
		}
	}
	return ""
}

// transfer is a payment, a credit or a debit.
func (a *oracleAccount) transfer(s oracleStep, day int) string {
	amount := number(s.Amount)
	if amount.Sign() <= 0 || !sameRatio(amount, a.round(amount)) {
		return "invalid_amount"
	}
	kind := s.Do
	if kind == "pay" {
		kind = "payment"
	}
	if kind != "debit" {
		amount = negative(amount)
	}
	a.o.note(a, day, kind, "", "0", "", "", amount)
	return ""
}

// resume wakes a suspended account.
func (a *oracleAccount) resume(p *paper) {
	a.suspended, a.asleep = false, ""
	if a.lapsed {
		a.settle(p, false)
		a.lapsed = false
		if next := a.nextPeriod(); next.n > 0 {
			a.period = next
		}
		a.anchor, a.nth = p.date, 0
		a.open(p)
		return
	}
	if a.charged {
		return
	}
	a.charged = true
	a.openStretch(p.date, true)
	for _, r := range a.resources(true) {
		a.charge(p, r)
	}
	a.redraw(p, true, true)
}

func (a *oracleAccount) changePlan(s oracleStep, p *paper) string {
	if a.suspended {
		return "account_suspended"
	}
	next := a.o.plan(s.Plan)
	if next == nil || next.Seller != a.seller.ID {
		return "unknown_plan"
	}
	if code := a.fits(next); code != "" {
		return code
	}
	switch {
	case !a.o.isDouble(a.name):
		a.move(p, next)
	case next == a.plan:
		a.next = nil
	default:
		a.next = next
	}
	return ""
}

// fits is why an account cannot have a plan, "" if it can.
func (a *oracleAccount) fits(next *oraclePlan) string {
	if !next.sells(a.period) || a.pending.n > 0 && !next.sells(a.pending) {
		return "unknown_period"
	}
	for id, h := range a.holdings {
		if h.quantity.Sign() > 0 && next.line(id) == nil {
			return "not_in_plan"
		}
	}
	for id, h := range a.holdings {
		if l := next.line(id); l != nil && l.Max != nil && less(number(*l.Max), h.quantity) {
			return "over_max"
		}
	}
	for _, l := range next.Resources {
		acquired := a.plan.line(l.ID) == nil && less(a.holding(l.ID).quantity, number(l.AtSignup))
		if (a.o.monthly(l.ID) || acquired) && !a.o.offered(a.seller, l.ID, a.period) {
			return "not_offered"
		}
	}
	if !a.o.suits(a.seller, next) || !a.feeds(next) {
		return "not_offered"
	}
	return ""
}

// move carries a change of plan out.
func (a *oracleAccount) move(p *paper, next *oraclePlan) {
	left := func(id string) ratio {
		from, to, _ := a.interval(id)
		return big.NewRat(int64(to-p.date), int64(to-from))
	}
	old, cost := whole(0), whole(0)
	rests := map[string]ratio{}
	for _, r := range a.o.file.Resources {
		quantity := whole(0)
		if h := a.holdings[r.ID]; h != nil {
			quantity = h.quantity
			rests[r.ID] = times(a.price("recurring", r.ID), h.paid, left(r.ID))
			old = plus(old, rests[r.ID])
		}
		if l := next.line(r.ID); l != nil && a.plan.line(r.ID) == nil {
			quantity = larger(quantity, number(l.AtSignup))
		}
		cost = plus(cost, times(next.price(r.ID, "recurring", a.o.monthly(r.ID), a.period), next.billable(r.ID, a.period, quantity), left(r.ID)))
	}
	share := whole(1)
	if less(cost, old) {
		rate := percent(a.refundPercent)
		if a.periodOpened && a.periodFrom == p.date {
			rate = whole(1)
		}
		share = over(plus(cost, times(minus(old, cost), rate)), old)
	}
	for _, r := range a.o.file.Resources {
		if h := a.holdings[r.ID]; h != nil {
			a.bill(p, "refund", r.ID, h.paid, p.date, negative(times(rests[r.ID], share)))
			h.paid, h.recurring, h.recurringOff = whole(0), total{}, total{}
		}
	}
	was := a.plan
	a.setPlan(p.date, next)
	a.refundPercent = smaller(a.refundPercent, next.refund())
	a.openStretch(p.date, true)
	for id, h := range a.holdings {
		if a.o.monthly(id) && less(h.quantity, h.most) {
			h.giveUp(minus(h.most, h.quantity))
			h.most = h.quantity
		}
		if h.quantity.Sign() > 0 {
			b := a.billable(id, h.quantity)
			a.setupAnew(p, id, h)
			h.paid = b
			a.bill(p, "recurring", id, b, p.date, times(a.price("recurring", id), b, a.fraction(p.date, id)))
		}
	}
	a.acquireNew(p, was)
}

// setupAnew charges the setup that a new plan asks for on what is held.
func (a *oracleAccount) setupAnew(p *paper, resource string, h *oracleHolding) {
	if h.quantity.Sign() == 0 {
		return
	}
	b := a.billable(resource, h.quantity)
	a.putSetup(p, resource, b, positive(minus(times(a.price("setup", resource), b), h.money)))
	h.settled = larger(h.settled, b)
}

// acquireNew takes the at_signup quantities of what the plan before did not have.
func (a *oracleAccount) acquireNew(p *paper, was *oraclePlan) {
	for _, l := range a.plan.Resources {
		if was.line(l.ID) == nil {
			a.acquire(p, l)
		}
	}
}
