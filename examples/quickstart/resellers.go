package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
	_ "time/tzdata" // Martinique's zone, on machines that know none

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

// The resellers. Each is an account of its parent, its double, and a seller.
const (
	alpweb   billing.SellerID = "alpweb"
	madinina billing.SellerID = "madinina"
	harbour  billing.SellerID = "harbour"
	dockyard billing.SellerID = "dockyard" // harbour's reseller
	meadow   billing.SellerID = "meadow"
	kessler  billing.SellerID = "kessler"
)

// The plans of resellers' accounts. With each comes a price list for what their
// customers buy.
const (
	pPartner     billing.PlanID = "partner"
	pPartnerPlus billing.PlanID = "partner-plus"
	pAgency      billing.PlanID = "agency" // sold by harbour
)

// listed is a resource on a wholesale list, with a pool: so many units are free for all
// customers of the reseller together.
func listed(id billing.ResourceID, pool int64, p billing.Prices) billing.Line {
	return billing.Line{Resource: id, Free: whole(pool), Prices: p}
}

// withList adds a price list to the terms of a reseller's own account. Of what a
// customer gives back, so many percent are given back to the reseller.
func withList(own billing.Terms, refund int64, lines ...billing.Line) billing.Terms {
	own.Wholesale = &billing.Wholesale{Resources: lines, Discounts: own.Discounts, RefundPercent: new(whole(refund))}
	return own
}

// wholesaleOffers are the company's plans for resellers.
func wholesaleOffers() []offer {
	partner := withList(terms(
		line(rAccount, 1, 1, prices("", "9.00", "")),
	), 50,
		listed(rAccount, 0, prices("2.00", "1.20", "")),
		listed(rDomain, 2, prices("", "0.60", "")),
		listed(rMailbox, 20, prices("", "0.20", "")),
		listed(rDatabase, 0, prices("", "0.30", "")),
		listed(rTraffic, 0, prices("", "", "0.04")),
		listed(rDisk, 20, prices("", "0.10", "0.30")),
	)
	// Traffic is rolled up here: what the customers use counts as the reseller's own.
	traffic := line(rTraffic, 200, 0, prices("", "", "0.02"))
	traffic.Rollup = true
	plus := withList(terms(
		line(rAccount, 1, 1, prices("", "19.00", "")),
		traffic,
	), 100,
		listed(rAccount, 0, prices("1.00", "0.90", "")),
		listed(rDomain, 5, prices("", "0.50", "")),
		listed(rMailbox, 40, prices("", "0.15", "")),
		listed(rDatabase, 5, prices("", "0.25", "")),
		listed(rDisk, 40, prices("", "0.08", "0.25")),
	)
	return []offer{
		{billing.Plan{ID: pPartner, Name: "Partner", Group: "resellers"}, partner},
		{billing.Plan{ID: pPartnerPlus, Name: "Partner Plus", Group: "resellers"}, plus},
	}
}

// agency is harbour's plan for a reseller of its own. It may be dear, not cheap: what
// harbour itself pays is checked when it is published.
func agency() offer {
	return offer{billing.Plan{ID: pAgency, Name: "Agency"}, withList(terms(
		line(rAccount, 1, 1, prices("2.00", "12.00", "")),
	), 80,
		listed(rAccount, 0, prices("3.00", "1.60", "")),
		listed(rDomain, 0, prices("", "0.70", "")),
		listed(rMailbox, 10, prices("", "0.25", "")),
		listed(rDatabase, 0, prices("", "0.35", "")),
		listed(rTraffic, 0, prices("", "", "0.05")),
		listed(rDisk, 10, prices("", "0.12", "0.35")),
	)}
}

// site is a reseller's plan for customers, in the reseller's currency.
func site(id billing.PlanID, fee, mailbox, traffic string) offer {
	return offer{billing.Plan{ID: id, Name: string(id), Group: "web"}, terms(
		line(rAccount, 1, 1, prices("6.00", fee, "")),
		line(rDomain, 1, 20, prices("", "1.30", "")),
		line(rMailbox, 4, 200, prices("", mailbox, "")),
		line(rDatabase, 1, 20, prices("", "0.95", "")),
		line(rTraffic, 30, 0, prices("", "", traffic)),
		line(rDisk, 4, 100, prices("", "0.28", "0.65")),
	)}
}

// partner is a reseller, and what it begins the year with.
type partner struct {
	id        billing.SellerID
	name      string
	parent    billing.SellerID
	list      billing.PlanID // at which it buys
	currency  string
	zone      string
	vat       string
	exemption string                 // its own, for the bills of its parent
	rate      *reseller.ExchangeRate // from its parent's currency to its own, where they differ
	offers    []offer
	customers int // drawn from the seed ...
	also      []*customer
	limit     int64 // ... and how many of them its parent lets it have; 0: any

	double billing.AccountID // its account with its parent
}

// partners lists the resellers, parents first.
func partners() []*partner {
	return []*partner{
		{id: alpweb, name: "Alpweb", parent: seller, list: pPartner, customers: 10,
			currency: "CHF", vat: "8.1", exemption: "CHE-123.456.788", rate: francs(),
			offers: []offer{site("klein", "4.90", "0.45", "0.09"), site("gross", "9.90", "0.40", "0.07")}},
		// Its day begins four hours later than the company's, and is closed a night later.
		{id: madinina, name: "Madinina Net", parent: seller, list: pPartner, customers: 12, limit: 5,
			currency: "EUR", vat: "8.5", zone: "America/Martinique",
			offers: []offer{site("case", "5.20", "0.45", "0.10"), site("villa", "10.50", "0.40", "0.08")}},
		{id: harbour, name: "Harbour Digital", parent: seller, list: pPartnerPlus, customers: 14,
			currency: "EUR", vat: "19",
			offers: []offer{site("berth", "4.40", "0.40", "0.08"), site("pier", "8.90", "0.35", "0.06"), agency()}},
		{id: dockyard, name: "Dockyard Web", parent: harbour, list: pAgency, customers: 6, also: []*customer{pension()},
			currency: "EUR", vat: "19",
			offers: []offer{site("dinghy", "5.50", "0.50", "0.10")}},
		{id: meadow, name: "Meadow Sites", parent: seller, list: pPartner, customers: 9,
			currency: "EUR", vat: "19",
			offers: []offer{site("daisy", "4.60", "0.42", "0.08"), site("oak", "9.20", "0.38", "0.07")}},
		{id: kessler, name: "Kessler IT", parent: seller, list: pPartner, customers: 8, also: []*customer{joinery()},
			currency: "EUR", vat: "19",
			offers: []offer{site("basic", "4.80", "0.45", "0.09")}},
	}
}

// francs is the pinned rate at which costs in euros are set against prices in francs.
func francs() *reseller.ExchangeRate {
	eur, chf := mustISO("EUR"), mustISO("CHF")
	return &reseller.ExchangeRate{From: eur, To: chf, Rate: decimal.RequireFromString("0.9412"),
		Source: "ECB reference rate", At: time.Date(2024, time.December, 31, 15, 0, 0, 0, time.UTC)}
}

func mustISO(code string) money.Currency {
	cur, err := money.ISO(code)
	if err != nil {
		panic(err) // it stands in this file
	}
	return cur
}

// shelf names the plans for customers.
func (p *partner) shelf() (plans []billing.PlanID) {
	for _, o := range p.offers {
		if o.terms.Wholesale == nil {
			plans = append(plans, o.plan.ID)
		}
	}
	return plans
}

// newCustomers draws the reseller's customers: the same people as the company's, but
// from streams of their own, so that the company's are the same without resellers.
func (p *partner) newCustomers(seed uint64, nth int) []*customer {
	var list []*customer
	for i := range p.customers {
		rng := rand.New(rand.NewPCG(seed, uint64(nth+1)<<32+uint64(i)))
		c := newCustomer(fmt.Sprintf("%s-%02d", p.id, i+1), rng)
		c.seller, c.plans = p.id, p.shelf()
		c.plan = oneOf(rng, c.plans...)
		list = append(list, c)
	}
	for _, c := range p.also {
		c.seller, c.plan = p.id, p.shelf()[0]
		list = append(list, c)
	}
	return list
}

// pension is the customer whose entries are printed next to their shadows. Two resellers
// stand above it.
func pension() *customer {
	return &customer{
		name: "pilots-pension", period: billing.Months(1), comes: billing.NewDate(2025, time.February, 15),
		pays: 6, regrets: never, converts: never, traffic: 8_000, disk: 2_000, growth: 10,
		diary: func(who *customer, day billing.Date) billing.Action {
			want := billing.SetQuantity{Request: who.request(), Account: who.id, Resource: rMailbox}
			switch day {
			case billing.NewDate(2025, time.March, 20):
				want.Quantity = whole(12)
			case billing.NewDate(2025, time.April, 8):
				want.Quantity = whole(7)
			default:
				return nil
			}
			return want
		},
	}
}

// joinery is the customer that goes to another reseller.
func joinery() *customer {
	return &customer{
		name: "hofer-joinery", period: billing.Months(1), comes: billing.NewDate(2025, time.February, 10),
		pays: 5, regrets: never, converts: never, traffic: 9_000, disk: 1_500, growth: 5,
		diary: func(*customer, billing.Date) billing.Action { return nil },
	}
}

// openWholesale publishes the plans for resellers, and enrolls those there are.
func (c *company) openWholesale(ctx context.Context) error {
	for _, o := range wholesaleOffers() {
		o.plan.Seller, o.plan.Open = seller, true
		if _, err := c.books.PublishPlan(ctx, o.plan, o.terms); err != nil {
			return err
		}
	}
	for _, p := range c.partners {
		if err := c.enroll(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", p.id, err)
		}
	}
	return nil
}

func (c *company) enroll(ctx context.Context, p *partner) error {
	double, err := c.manager.Enroll(ctx, reseller.Enrollment{
		Seller: billing.Seller{
			ID: p.id, Name: p.name, Parent: p.parent, Currency: mustISO(p.currency), TimeZone: p.zone,
			Taxes: []billing.Tax{{Name: "VAT", Percent: decimal.RequireFromString(p.vat)}},
		},
		Signup: billing.Signup{Plan: p.list, Exemption: p.exemption},
	})
	if err != nil {
		return err
	}
	// For its parent it is a customer like others, which pays or does not.
	p.double = double.ID
	c.byID[p.double] = &customer{name: p.name, seller: p.parent, reseller: true, pays: promptly}
	for _, o := range p.offers {
		o.plan.Seller, o.plan.Open = p.id, true
		// Unlike the engine's, the manager's looks at what the prices cost the reseller.
		if _, _, err := c.manager.PublishPlan(ctx, o.plan, o.terms, p.rate); err != nil {
			return err
		}
	}
	if p.limit > 0 {
		return c.manager.SetLimit(ctx, p.id, reseller.Customers, new(whole(p.limit)))
	}
	return nil
}

// promptly is after how many days resellers pay.
const promptly = 10

// partner returns a reseller.
func (c *company) partner(id billing.SellerID) *partner {
	for _, p := range c.partners {
		if p.id == id {
			return p
		}
	}
	return nil
}
