package scenario_test

import (
	"slices"

	"github.com/tierhost/tierhost/scenario"
)

// leg is the wholesale side of a holding for one reseller above the account.
type leg struct {
	known   bool        // it has held something
	list    *oraclePlan // that prices the interval, nil if it has drawn on none
	pool    ratio
	charged ratio // the units charged for the interval

	recurring, setup total
}

// cover is what a leg comes to at the end of a stretch.
type cover struct {
	units ratio
	list  *oraclePlan
}

func (a *oracleAccount) leg(d *oracleAccount, resource string) *leg {
	key := d.name + " " + resource
	if a.legs[key] == nil {
		a.legs[key] = &leg{pool: whole(0), charged: whole(0)}
	}
	return a.legs[key]
}

func (a *oracleAccount) covers() map[string]cover {
	out := map[string]cover{}
	for key, l := range a.legs {
		out[key] = cover{plus(l.pool, l.charged), l.list}
	}
	return out
}

// shadow writes a shadow, if it has an amount.
func (p *paper) shadow(d *oracleAccount, kind, resource string, quantity ratio, from, to int, amount ratio) {
	if amount.Sign() == 0 {
		return
	}
	p.o.book.Shadows = append(p.o.book.Shadows, scenario.Shadow{
		Date: dayText(p.date), Seller: p.o.sold(d.name).ID, Account: p.a.name, Kind: kind, Resource: resource,
		Quantity: shown(quantity), From: dayText(from), To: dayText(to), Amount: amount.FloatString(d.digits()),
	})
	p.o.book.costs = append(p.o.book.costs, cost{max(p.date, p.o.book.open), d.name, resource, amount})
}

// shadowRecurring shadows a recurring charge of units at a rate, or a refund if the
// rate is negative.
func (a *oracleAccount) shadowRecurring(p *paper, d *oracleAccount, kind, resource string, units, rate ratio) {
	l := a.leg(d, resource)
	_, to, _ := a.interval(resource)
	price := l.list.price(resource, "recurring", a.o.monthly(resource), a.period)
	amount := l.recurring.add(times(price, units, a.fraction(p.date, resource), rate), d.round)
	p.shadow(d, kind, resource, units, p.date, to, amount)
}

// left is what a reseller's pool has left of a resource.
func (a *oracleAccount) left(day int, resource string) ratio {
	list := a.listOn(day, resource)
	if list == nil {
		return whole(0)
	}
	left := number(list.line(resource).Free)
	for _, x := range a.below() {
		if !x.closed || day < x.monthTo {
			left = minus(left, x.leg(a, resource).pool)
		}
	}
	return positive(left)
}

// grow is the wholesale side of a quantity that rises.
func (a *oracleAccount) grow(p *paper, resource string, had, has ratio) {
	if !less(had, has) || a.rollsUp(resource) {
		return
	}
	for _, d := range a.o.above(a.seller) {
		l := a.leg(d, resource)
		l.known = true
		if l.list == nil {
			l.list = d.listOn(p.date, resource)
		}
		if l.list == nil {
			continue
		}
		growth := minus(has, had)
		if a.o.monthly(resource) {
			growth = positive(minus(has, plus(l.pool, l.charged)))
		}
		drawn := smaller(growth, d.left(p.date, resource))
		l.pool = plus(l.pool, drawn)
		if rest := minus(growth, drawn); rest.Sign() > 0 {
			setup := times(l.list.price(resource, "setup", false, a.period), rest)
			p.shadow(d, "setup", resource, rest, p.date, p.date, l.setup.add(setup, d.round))
		}
		if more := minus(minus(has, l.pool), l.charged); more.Sign() > 0 {
			a.shadowRecurring(p, d, "recurring", resource, more, whole(1))
			l.charged = plus(l.charged, more)
		}
	}
}

// shrink is the wholesale side of a quantity that falls: billable units go first. A
// monthly holding shrinks only on the day that opened its month.
func (a *oracleAccount) shrink(p *paper, resource string, had, has ratio, opening bool) {
	if a.o.monthly(resource) && !opening {
		return
	}
	for _, d := range a.o.above(a.seller) {
		l := a.leg(d, resource)
		billable := positive(minus(minus(had, l.pool), minus(had, has)))
		if a.o.monthly(resource) {
			billable = positive(minus(has, l.pool))
		}
		l.pool = smaller(l.pool, minus(has, billable))
		if back := minus(l.charged, billable); back.Sign() > 0 && l.list != nil {
			rate := percent(l.list.refund())
			if opening {
				rate = whole(1)
			}
			a.shadowRecurring(p, d, "refund", resource, back, negative(rate))
			l.charged = billable
		}
	}
}

// redraw is the wholesale side of the opening of the period, of the month, or of a
// late resume's stretch: pool units are given back and drawn anew, and what is outside
// the pool is charged. A month that opens uncharged leaves the pool as it is.
func (a *oracleAccount) redraw(p *paper, monthly, charged bool) {
	for _, d := range a.o.above(a.seller) {
		for _, r := range a.o.file.Resources {
			l := a.leg(d, r.ID)
			if a.o.monthly(r.ID) != monthly || !l.known && a.holding(r.ID).quantity.Sign() == 0 {
				continue
			}
			l.known = true
			l.list = nil
			if !a.rollsUp(r.ID) {
				l.list = d.listOn(p.date, r.ID)
			}
			l.charged, l.recurring = whole(0), total{}
			if !charged {
				continue
			}
			l.pool = whole(0)
			if l.list == nil {
				continue
			}
			l.pool = smaller(a.holding(r.ID).quantity, d.left(p.date, r.ID))
			if billable := minus(a.holding(r.ID).quantity, l.pool); billable.Sign() > 0 {
				a.shadowRecurring(p, d, "recurring", r.ID, billable, whole(1))
				l.charged = billable
			}
		}
	}
}

// lapse forgets what was charged for a period that nothing follows.
func (a *oracleAccount) lapse() {
	for _, d := range a.o.above(a.seller) {
		for _, r := range a.resources(false) {
			a.leg(d, r).charged = whole(0)
		}
	}
}

// leave gives a closed account's pool units back, but for those of a charged month.
func (a *oracleAccount) leave() {
	for _, d := range a.o.above(a.seller) {
		for _, r := range a.o.file.Resources {
			if r.Kind != "monthly" || !a.charged {
				a.leg(d, r.ID).pool = whole(0)
			}
		}
	}
}

// settleWholesale shadows the usage of a month.
func (a *oracleAccount) settleWholesale(p *paper, resource oracleResource, records []record, closing bool) {
	for _, d := range a.o.above(a.seller) {
		var own []record
		for _, r := range records {
			if r.source == a && !slices.Contains(r.rolled, d.name) {
				own = append(own, r)
			}
		}
		a.shadowUsage(p, d, resource, a.used(resource, own), closing)
	}
}

// unrolled counts the days of [from, to) on which a double's plan did not roll up a
// resource.
func (a *oracleAccount) unrolled(resource string, from, to int) int {
	n := 0
	for day := from; day < to; day++ {
		if !a.planOn(day).rollsUp(resource) {
			n++
		}
	}
	return n
}

func (a *oracleAccount) shadowUsage(p *paper, d *oracleAccount, resource oracleResource, used map[int]ratio, closing bool) {
	flow := resource.Aggregate == "" || resource.Aggregate == "sum"
	days := whole(a.monthTo - a.monthFrom)
	first := -1
	quantity, amount := whole(0), whole(0)
	usedAll, limitAll, weights, weighted := whole(0), whole(0), whole(0), whole(0)
	now := a.covers()
	for i, s := range a.stretches {
		if s.plan.line(resource.ID) == nil {
			continue
		}
		if first < 0 {
			first = s.from
		}
		end, covers, bought := p.date, now, 0
		if i+1 < len(a.stretches) {
			end, covers = a.stretches[i+1].from, s.covers
		} else if closing && s.charged {
			bought = a.monthTo - p.date
		}
		c, ok := covers[d.name+" "+resource.ID]
		if !ok || a.o.isDouble(a.name) && s.plan.rollsUp(resource.ID) {
			c = cover{units: whole(0)}
		}
		list := c.list
		if list == nil {
			list = d.listOn(s.from, resource.ID)
		}
		if list == nil {
			list = d.listOn(end, resource.ID)
		}
		price := whole(0)
		if list != nil {
			price = list.price(resource.ID, "usage", true, s.period)
		}
		u := used[i]
		if u == nil {
			u = whole(0)
		}
		n := d.unrolled(resource.ID, s.from, end)
		if !flow {
			o := times(positive(minus(u, c.units)), over(whole(n), days))
			quantity, amount = plus(quantity, o), plus(amount, times(o, price))
			continue
		}
		allowed := times(c.units, over(whole(n+bought), days))
		usedAll, limitAll = plus(usedAll, u), plus(limitAll, allowed)
		weight := positive(minus(u, allowed))
		weights, weighted = plus(weights, weight), plus(weighted, times(weight, price))
	}
	if flow {
		quantity = positive(minus(usedAll, limitAll))
		if quantity.Sign() > 0 {
			amount = over(times(quantity, weighted), weights)
		}
	}
	if first >= 0 {
		p.shadow(d, "usage", resource.ID, quantity, first, p.date, d.round(amount))
	}
}
