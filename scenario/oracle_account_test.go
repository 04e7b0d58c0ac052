package scenario_test

// oracleAccount is an account as the oracle sees it.
type oracleAccount struct {
	o            *oracle
	name         string
	seller       *oracleSeller
	plan         *oraclePlan
	period       length
	pending      length      // asked for, the zero length if none
	next         *oraclePlan // a double's, asked for, nil if none
	plans        []planFrom  // every plan that it has had
	signup       int
	signupPeriod length
	promotions   []oraclePromotion

	suspended, lapsed, cancelled, closed bool
	asleep                               string // the double with which it was suspended

	anchor int
	nth    int // months from the anchor to the running month
	// The running period, and whether a boundary or a resumption opened it.
	periodFrom, periodTo int
	periodOpened         bool
	// The running month, likewise, and whether it has been charged.
	monthFrom, monthTo int
	monthOpened        bool
	charged            bool
	stretches          []*stretch

	refundPercent ratio // the smallest since the period opened
	moneyBackDays int   // the smallest ever
	holdings      map[string]*oracleHolding
	legs          map[string]*leg // wholesale, by double and resource
	records       []record
	keys          map[string]record
	taxed         map[string]ratio
	balance       ratio
}

// oracleHolding is what an account has of a resource.
type oracleHolding struct {
	quantity ratio
	most     ratio // T: of a monthly resource the largest held in the month
	paid     ratio
	settled  ratio // s
	money    ratio // m

	recurring, recurringOff total
	setup, setupOff         total
	net                     ratio // all recurring charges, refunds and their discounts
}

// stretch is a part of a billing month under one plan.
type stretch struct {
	from    int
	plan    *oraclePlan
	period  length
	charged bool
	largest map[string]ratio
	covers  map[string]cover // of a stretch that has ended, by double and resource
}

type record struct {
	day      int
	resource string
	amount   ratio
	source   *oracleAccount // whose usage it is
	rolled   []string       // the doubles whose own usage it became
}

func (a *oracleAccount) holding(resource string) *oracleHolding {
	h := a.holdings[resource]
	if h == nil {
		h = &oracleHolding{quantity: whole(0), most: whole(0), paid: whole(0), settled: whole(0), money: whole(0), net: whole(0)}
		a.holdings[resource] = h
	}
	return h
}

// resources are those of the plan, in its order, that are monthly or not.
func (a *oracleAccount) resources(monthly bool) []string {
	var ids []string
	for _, l := range a.plan.Resources {
		if a.o.monthly(l.ID) == monthly {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func (a *oracleAccount) price(kind, resource string) ratio {
	return a.plan.price(resource, kind, a.o.monthly(resource), a.period)
}

func (a *oracleAccount) billable(resource string, quantity ratio) ratio {
	return a.plan.billable(resource, a.period, quantity)
}

// interval is what a resource is charged for: the period or the month.
func (a *oracleAccount) interval(resource string) (from, to int, opened bool) {
	if a.o.monthly(resource) {
		return a.monthFrom, a.monthTo, a.monthOpened
	}
	return a.periodFrom, a.periodTo, a.periodOpened
}

// openedOn says that a boundary or a resumption opened the resource's interval on
// that very day.
func (a *oracleAccount) openedOn(day int, resource string) bool {
	from, _, opened := a.interval(resource)
	return opened && from == day
}

// fraction is the part of the interval's price that a change on a day costs.
func (a *oracleAccount) fraction(day int, resource string) ratio {
	from, to, _ := a.interval(resource)
	if a.o.monthly(resource) {
		return part(to-a.stretches[len(a.stretches)-1].from, to-from)
	}
	return part(to-day, to-from)
}

// bill posts a recurring charge or a refund.
func (a *oracleAccount) bill(p *paper, kind, resource string, quantity ratio, from int, exact ratio) {
	h := a.holding(resource)
	_, to, _ := a.interval(resource)
	h.net = plus(h.net, p.post(kind, "recurring", resource, quantity, from, to, exact, &h.recurring, &h.recurringOff))
}

// putSetup charges setup that is due.
func (a *oracleAccount) putSetup(p *paper, resource string, quantity, due ratio) {
	h := a.holding(resource)
	h.money = plus(h.money, due)
	p.post("setup", "setup", resource, quantity, p.date, p.date, due, &h.setup, &h.setupOff)
}

// giveUp takes k units off the settled ones, and their part of the money.
func (h *oracleHolding) giveUp(k ratio) {
	if h.settled.Sign() == 0 {
		h.money = whole(0)
		return
	}
	left := positive(minus(h.settled, k))
	h.money = over(times(h.money, left), h.settled)
	h.settled = left
}

// rise is Q rises to Q'.
func (a *oracleAccount) rise(p *paper, resource string, quantity ratio) {
	h, b := a.holding(resource), a.billable(resource, quantity)
	a.grow(p, resource, h.quantity, quantity)
	if less(h.most, quantity) {
		before := a.billable(resource, h.most)
		price := a.price("setup", resource)
		due := positive(minus(times(price, b), larger(h.money, times(price, before))))
		a.putSetup(p, resource, minus(b, before), due)
		h.settled = larger(h.settled, b)
		h.most = quantity
	}
	if more := minus(b, h.paid); more.Sign() > 0 {
		a.bill(p, "recurring", resource, more, p.date, times(a.price("recurring", resource), more, a.fraction(p.date, resource)))
		h.paid = b
	}
	h.quantity = quantity
	a.limit(resource)
}

// limit remembers the largest quantity held in the running stretch.
func (a *oracleAccount) limit(resource string) {
	s := a.stretches[len(a.stretches)-1]
	if had := s.largest[resource]; had == nil || less(had, a.holding(resource).quantity) {
		s.largest[resource] = a.holding(resource).quantity
	}
}

// fall is Q falls to Q'.
func (a *oracleAccount) fall(p *paper, resource string, quantity ratio) {
	h := a.holding(resource)
	given := minus(h.quantity, quantity)
	h.quantity = quantity
	opening := a.openedOn(p.date, resource)
	a.shrink(p, resource, plus(quantity, given), quantity, opening)
	if a.o.monthly(resource) && !opening {
		return
	}
	b := a.billable(resource, quantity)
	if back := minus(h.paid, b); back.Sign() > 0 {
		rate := percent(a.refundPercent)
		if opening {
			rate = whole(1)
		}
		a.bill(p, "refund", resource, back, p.date, negative(times(a.price("recurring", resource), back, a.fraction(p.date, resource), rate)))
		h.paid = b
	}
	h.giveUp(given)
	h.most = quantity
	a.stretches[len(a.stretches)-1].largest[resource] = quantity
}

// openPeriod opens a period and charges it.
func (a *oracleAccount) openPeriod(p *paper, opened bool) {
	a.periodFrom, a.periodTo, a.periodOpened = p.date, a.period.end(a.anchor, a.nth), opened
	a.refundPercent = a.plan.refund()
	for _, r := range a.resources(false) {
		a.charge(p, r)
	}
	a.redraw(p, false, true)
}

// end is the end of a period that opens the nth month after an anchor; an anchor of a
// period in days is its own first day.
func (l length) end(anchor, nth int) int {
	if l.days {
		return anchor + l.n
	}
	return monthsAfter(anchor, nth+l.n)
}

// openMonth opens a month, and charges it if it is to be paid for.
func (a *oracleAccount) openMonth(p *paper, opened, charged bool) {
	a.monthFrom, a.monthOpened, a.charged = p.date, opened, charged
	if a.period.days {
		a.monthTo = p.date + a.period.n
	} else {
		a.monthTo = monthsAfter(a.anchor, a.nth+1)
	}
	a.stretches = nil
	a.openStretch(p.date, charged)
	for id, h := range a.holdings {
		if !a.o.monthly(id) {
			continue
		}
		if less(h.quantity, h.most) {
			h.giveUp(minus(h.most, h.quantity))
		}
		h.most, h.paid = h.quantity, whole(0)
		h.recurring, h.recurringOff = total{}, total{}
	}
	if charged {
		for _, r := range a.resources(true) {
			a.charge(p, r)
		}
	}
	a.redraw(p, true, charged)
}

// charge is the recurring charge of what is held, from a day on which an interval or
// a stretch opened.
func (a *oracleAccount) charge(p *paper, resource string) {
	h := a.holding(resource)
	h.recurring, h.recurringOff = total{}, total{}
	h.paid = a.billable(resource, h.quantity)
	a.bill(p, "recurring", resource, h.paid, p.date, times(a.price("recurring", resource), h.paid, a.fraction(p.date, resource)))
}

func (a *oracleAccount) openStretch(day int, charged bool) {
	if n := len(a.stretches); n > 0 {
		a.stretches[n-1].covers = a.covers()
	}
	s := &stretch{from: day, plan: a.plan, period: a.period, charged: charged, largest: map[string]ratio{}}
	a.stretches = append(a.stretches, s)
	for id, h := range a.holdings {
		s.largest[id] = h.quantity
	}
}

// handleBoundaries handles the boundaries that are due up to and including a day.
func (a *oracleAccount) handleBoundaries(day int) {
	for !a.closed && a.monthTo <= day {
		p := a.o.paper(a, a.monthTo, day)
		a.boundary(p)
		p.issue()
	}
}

func (a *oracleAccount) boundary(p *paper) {
	a.settle(p, false)
	ends := !a.lapsed && p.date == a.periodTo
	a.nth++
	if a.period.days {
		a.anchor, a.nth = p.date, 0
	}
	switch {
	case ends && a.cancelled:
		a.closed = true
		a.leave()
		return
	case ends && a.suspended:
		a.lapsed = true
		for id, h := range a.holdings {
			if !a.o.monthly(id) {
				h.paid = whole(0)
			}
		}
		a.lapse()
	case ends:
		if next := a.nextPeriod(); next.n > 0 {
			if a.period.days || next.days {
				a.anchor, a.nth = p.date, 0
			}
			a.period = next
		}
		a.open(p)
		return
	}
	a.openMonth(p, true, !a.suspended)
}

// nextPeriod takes the length that was asked for off the account: none, if not all that
// it has is offered for it.
func (a *oracleAccount) nextPeriod() length {
	next := a.pending
	a.pending = length{}
	if next.n > 0 && !a.keeps(next) {
		next = length{}
	}
	return next
}

// open opens a period and its first month, under a double's next plan if it has asked
// for one that still fits.
func (a *oracleAccount) open(p *paper) {
	was, next := a.plan, a.next
	a.next = nil
	if next != nil && a.fits(next) != "" {
		next = nil
	}
	if next != nil {
		a.setPlan(p.date, next)
	}
	a.openPeriod(p, true)
	a.openMonth(p, true, true)
	if next != nil {
		for id, h := range a.holdings {
			a.setupAnew(p, id, h)
		}
		a.acquireNew(p, was)
	}
}

// setPlan makes a plan the account's from a day on.
func (a *oracleAccount) setPlan(day int, plan *oraclePlan) {
	a.plan = plan
	a.plans = append(a.plans, planFrom{day, plan})
	a.moneyBackDays = min(a.moneyBackDays, plan.MoneyBackDays)
}

// close closes the account.
func (a *oracleAccount) close(p *paper) {
	back := !a.lapsed && p.date-a.signup < a.moneyBackDays
	for _, r := range a.o.file.Resources {
		h := a.holdings[r.ID]
		switch {
		case h == nil:
		case back && !a.o.monthly(r.ID):
			_, to, _ := a.interval(r.ID)
			p.note("refund", r.ID, h.quantity, a.periodFrom, to, negative(h.net))
			a.shrink(p, r.ID, h.quantity, whole(0), a.openedOn(p.date, r.ID))
		default:
			a.fall(p, r.ID, whole(0))
		}
	}
	a.settle(p, true)
	a.closed = true
	a.leave()
}
