package reseller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// MarginRule says what [Manager.PublishPlan] does about a plan of a reseller that sells
// below what it costs.
type MarginRule string

// The margin rules.
const (
	MarginWarn   MarginRule = ""       // it is published, and what lies below cost returned
	MarginRefuse MarginRule = "refuse" // it is not published
	MarginOff    MarginRule = "off"    // nobody looks
)

// BelowKind says what is wrong with a line of a plan.
type BelowKind string

// What may be wrong with a line of a plan.
const (
	BelowSetup     BelowKind = "setup"     // the setup price is below cost
	BelowRecurring BelowKind = "recurring" // the recurring price is
	BelowUsage     BelowKind = "usage"     // the usage price is
	BelowMissing   BelowKind = "missing"   // it cannot be sold: not everybody above offers it
	BelowRequired  BelowKind = "required"  // the plan does not have it, and somebody above requires it
	// BelowFree: units that are free for the customer cost wholesale. It is information,
	// and never refuses a plan.
	BelowFree BelowKind = "free"
	// BelowNoRate: prices are in different currencies, and were not compared.
	BelowNoRate BelowKind = "no_rate"
	// BelowNoList: the seller has no account at its parent yet, and so no list to
	// compare with.
	BelowNoList BelowKind = "no_list"
)

// BelowCost is a line of a plan that sells below what it costs the seller.
type BelowCost struct {
	Kind     BelowKind
	Resource billing.ResourceID
	Period   billing.Period
	// Wholesale: it is a line of the list that the plan gives to resellers below.
	Wholesale bool
	Retail    money.Rat       // price of a unit, in the seller's currency
	Cost      money.Rat       // what a unit costs, in its parent's currency
	InRetail  money.Rat       // the cost in the seller's currency
	Free      decimal.Decimal // of BelowFree: units that are free for the customer
	Pool      decimal.Decimal // of BelowFree: units that all customers together have free
}

// Refuses reports whether [MarginRefuse] refuses a plan for it.
func (b BelowCost) Refuses() bool { return b.Kind != BelowFree }

// String returns it in one line.
func (b BelowCost) String() string {
	what := string(b.Resource) + " " + b.Period.String()
	if b.Wholesale {
		what = "wholesale " + what
	}
	switch b.Kind {
	case BelowMissing:
		return what + ": not for sale here"
	case BelowRequired:
		return string(b.Resource) + ": plans without it are not for sale here"
	case BelowFree:
		return fmt.Sprintf("%s: %s free units for each customer cost wholesale, beyond a pool of %s for all", what, b.Free, b.Pool)
	case BelowNoRate:
		return "prices are not compared: no rate of exchange is given"
	case BelowNoList:
		return "prices are not compared: the seller has no account at its parent yet"
	}
	return fmt.Sprintf("%s: %s %s is below the cost of %s", what, b.Kind, unitPrice(b.Retail), unitPrice(b.InRetail))
}

// unitPrice is an exact price for people.
func unitPrice(r money.Rat) string { return r.RoundTo(6, money.HalfUp).String() }

// ErrBelowCost: the plan sells below what it costs. The list is that of a
// [*BelowCostError], which errors.As finds.
var ErrBelowCost error = tierhost.E("", tierhost.KindPrecondition, "below_cost", nil)

// BelowCostError is why a plan was not published.
type BelowCostError struct {
	Seller billing.SellerID
	Plan   billing.PlanID
	Below  []BelowCost // those that never refuse among them
}

// Error returns one line with the first lines that are below cost.
func (e *BelowCostError) Error() string {
	const most = 3
	var text []string
	n := 0
	for _, b := range e.Below {
		if !b.Refuses() {
			continue
		}
		if n++; n <= most {
			text = append(text, b.String())
		}
	}
	if n > most {
		text = append(text, fmt.Sprintf("and %d more", n-most))
	}
	return fmt.Sprintf("reseller: plan %s of seller %s is below cost: %s", e.Plan, e.Seller, strings.Join(text, "; "))
}

// Unwrap returns [ErrBelowCost].
func (e *BelowCostError) Unwrap() error { return ErrBelowCost }

// PublishPlan is billing's PublishPlan with a look at what a reseller's plan costs it,
// as Options.MinMargin says: the list of [Manager.CheckMargins] comes back with the
// version; MarginRefuse publishes nothing when a line of it refuses, which is a
// [*BelowCostError]. Where the currencies differ and no rate is given, prices are not
// compared and the list says so; with MarginRefuse it is [ErrRateNeeded]. The host's own
// plans are published without a look.
func (m *Manager) PublishPlan(ctx context.Context, head billing.Plan, terms billing.Terms, rate *ExchangeRate) (billing.PlanVersion, []BelowCost, error) {
	var below []BelowCost
	var err error
	switch m.opt.MinMargin {
	case MarginOff:
	case MarginWarn:
		if below, err = m.checkMargins(ctx, head.Seller, terms, rate, false); err != nil {
			return billing.PlanVersion{}, nil, err
		}
	case MarginRefuse:
		if below, err = m.checkMargins(ctx, head.Seller, terms, rate, true); err != nil {
			return billing.PlanVersion{}, nil, err
		}
		if slices.ContainsFunc(below, BelowCost.Refuses) {
			return billing.PlanVersion{}, below, &BelowCostError{Seller: head.Seller, Plan: head.ID, Below: below}
		}
	}
	v, err := m.engine.PublishPlan(ctx, head, terms)
	if err != nil {
		return billing.PlanVersion{}, nil, err
	}
	return v, below, nil
}

// CheckMargins names what of a plan a reseller would sell below what it costs at the
// list that is in force for it: the one of its account's present plan. Unit prices are
// compared, period by period and kind by kind, before pools and promotions; also those
// of the list that the plan gives to resellers below. Lines that cannot be sold are
// named, and retail-free units that cost wholesale. In the order of the plan's lines and
// periods. Nothing is below cost for the host.
//
// Errors: billing.ErrUnknownSeller, [ErrRateNeeded], [ErrRateCurrency],
// tierhost.Invalid for the faults of the terms.
func (m *Manager) CheckMargins(ctx context.Context, seller billing.SellerID, terms billing.Terms, rate *ExchangeRate) ([]BelowCost, error) {
	return m.checkMargins(ctx, seller, terms, rate, true)
}

// checkMargins is CheckMargins; unless a rate must be given, prices are not compared
// without it.
func (m *Manager) checkMargins(ctx context.Context, id billing.SellerID, terms billing.Terms, rate *ExchangeRate, must bool) ([]BelowCost, error) {
	seller, cost, err := m.costCurrency(ctx, id)
	if err != nil || seller.Parent == "" {
		return nil, err
	}
	resources, err := m.engine.Resources(ctx)
	if err != nil {
		return nil, err
	}
	if err := terms.Validate(resources); err != nil {
		return nil, err
	}
	if seller.Double == 0 {
		return []BelowCost{{Kind: BelowNoList}}, nil
	}
	c := &costCheck{kinds: map[billing.ResourceID]billing.ResourceKind{}, prices: true}
	for _, r := range resources {
		c.kinds[r.ID] = r.Kind
	}
	if c.rate, err = between(cost, seller.Currency, rate); errors.Is(err, ErrRateNeeded) && !must {
		c.prices, err = false, nil
		c.found = append(c.found, BelowCost{Kind: BelowNoRate})
	}
	if err != nil {
		return nil, err
	}
	if c.lists, err = m.listsAbove(ctx, seller); err != nil {
		return nil, err
	}
	c.plan(terms)
	return c.found, nil
}

// listsAbove returns the lists in force for a reseller and those above it, its own
// first.
func (m *Manager) listsAbove(ctx context.Context, s billing.Seller) ([]*billing.PriceList, error) {
	var lists []*billing.PriceList
	for s.Parent != "" {
		double, err := m.engine.Account(ctx, s.Double)
		if err != nil {
			return nil, err
		}
		list, err := m.engine.PriceList(ctx, double.Seller, double.Plan, double.PlanVersion)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
		if s, err = m.engine.Seller(ctx, s.Parent); err != nil {
			return nil, err
		}
	}
	return lists, nil
}

// costCheck compares a plan with the lists at which it is bought.
type costCheck struct {
	lists  []*billing.PriceList // the seller's own first
	kinds  map[billing.ResourceID]billing.ResourceKind
	rate   money.Rat
	prices bool // prices are compared
	found  []BelowCost
}

func (c *costCheck) plan(t billing.Terms) {
	periods := t.Periods
	if len(periods) == 0 {
		periods = []billing.Period{billing.Months(1)}
	}
	for _, l := range t.Resources {
		for _, p := range periods {
			rates, free := t.Rates(l, c.kinds[l.Resource], p)
			c.line(l.Resource, p, rates, free, false)
		}
	}
	c.required(t)
	if t.Wholesale == nil {
		return
	}
	// Whose periods they are is known only when customers below sign up.
	periods = []billing.Period{billing.Months(1)}
	add := func(p billing.Period) {
		if !slices.Contains(periods, p) {
			periods = append(periods, p)
		}
	}
	for p := range t.Wholesale.Discounts {
		add(p)
	}
	for _, l := range t.Wholesale.Resources {
		for p := range l.PeriodPrices {
			add(p)
		}
	}
	for _, p := range c.lists[0].Periods() { // it may cost more there than elsewhere
		add(p)
	}
	slices.SortFunc(periods[1:], func(a, b billing.Period) int { return strings.Compare(a.String(), b.String()) })
	for _, l := range t.Wholesale.Resources {
		for _, p := range periods {
			if own := l.PeriodPrices[p]; p.InDays() && own == (billing.PeriodPrices{}) {
				continue // not for sale in this period
			}
			rates, free := t.Wholesale.Rates(l, c.kinds[l.Resource], p)
			c.line(l.Resource, p, rates, free, true)
		}
	}
}

// required names what the plan must have, each once.
func (c *costCheck) required(t billing.Terms) {
	seen := map[billing.ResourceID]bool{}
	for _, l := range c.lists {
		for _, id := range l.Unmet(&t) {
			if !seen[id] {
				seen[id] = true
				c.found = append(c.found, BelowCost{Kind: BelowRequired, Resource: id})
			}
		}
	}
}

// line checks one line in one period.
func (c *costCheck) line(id billing.ResourceID, p billing.Period, retail billing.Rates, free decimal.Decimal, wholesale bool) {
	for _, l := range c.lists {
		if !l.Offers(id, p) {
			c.found = append(c.found, BelowCost{Kind: BelowMissing, Resource: id, Period: p, Wholesale: wholesale})
			return
		}
	}
	list := c.lists[0]
	if list.RollsUp(id) {
		return // it is charged as the double's own, not by the unit
	}
	cost := list.Rates(id, p)
	if c.prices {
		c.price(BelowCost{Kind: BelowSetup, Resource: id, Period: p, Wholesale: wholesale, Retail: retail.Setup, Cost: cost.Setup})
		c.price(BelowCost{Kind: BelowRecurring, Resource: id, Period: p, Wholesale: wholesale, Retail: retail.Recurring, Cost: cost.Recurring})
		c.price(BelowCost{Kind: BelowUsage, Resource: id, Period: p, Wholesale: wholesale, Retail: retail.Usage, Cost: cost.Usage})
	}
	if free.Sign() > 0 && (cost.Setup.Sign() > 0 || cost.Recurring.Sign() > 0 || cost.Usage.Sign() > 0) {
		c.found = append(c.found, BelowCost{Kind: BelowFree, Resource: id, Period: p, Wholesale: wholesale, Free: free, Pool: list.Pool(id)})
	}
}

func (c *costCheck) price(b BelowCost) {
	if b.InRetail = b.Cost.Mul(c.rate); b.Retail.Cmp(b.InRetail) < 0 {
		c.found = append(c.found, b)
	}
}
