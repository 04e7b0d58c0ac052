package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/provisioning"
)

// never is longer than the year that is played.
const never = 1000

// customer is one customer's life, as drawn from the seed. The books know nothing of
// it; they see what it leads to.
type customer struct {
	name      string
	seller    billing.SellerID // where it buys
	reseller  bool             // it sells itself: its account is a reseller's own
	plan      billing.PlanID
	plans     []billing.PlanID // between which it may think of changing
	period    billing.Period
	comes     billing.Date // the day it signs up
	exemption string       // VAT number: businesses abroad pay no VAT

	pays     int // days until it pays a debt
	regrets  int // days after signup until it wants its money back
	converts int // days after signup until it decides to stay after a trial
	wishes   int // percent chance in a week to want something else
	traffic  int // MB in the first week ...
	disk     int // MB on disk in the first week ...
	growth   int // ... and percent more each month

	// diary, if not nil, is what it surely does on a day; nil: nothing.
	diary func(who *customer, day billing.Date) billing.Action
	rng   *rand.Rand        // its own, so that nobody's choices change another's
	id    billing.AccountID // 0 until it has signed up

	housed provisioning.Reservation // its room on a server
}

// newCustomers draws n customers of the company's own; the last is the one whose books are printed.
func newCustomers(seed uint64, n int) []*customer {
	families := []string{"adler", "berg", "cremer", "dorn", "eck", "falk", "graf", "haas", "igel", "jung", "kern", "lang",
		"moser", "nagel", "ott", "peters", "quast", "roth", "stein", "thoma", "ulmer", "vogt", "wolf", "xander", "zorn"}
	trades := []string{"cafe", "design", "garage", "hotel", "law", "sports", "travel", "wine"}
	var list []*customer
	for i := range n {
		name := families[i%len(families)] + "-" + trades[i/len(families)%len(trades)]
		if i >= len(families)*len(trades) {
			name = fmt.Sprintf("%s-%d", name, i)
		}
		list = append(list, newCustomer(name, rand.New(rand.NewPCG(seed, uint64(i)))))
	}
	return append(list, bakery())
}

func newCustomer(name string, rng *rand.Rand) *customer {
	c := &customer{
		name:     name,
		seller:   seller,
		plans:    []billing.PlanID{pStart, pPro, pPro, pWindows},
		rng:      rng,
		plan:     oneOf(rng, pStart, pStart, pStart, pStart, pPro, pPro, pWindows, pMail, pMail, pTry),
		period:   oneOf(rng, billing.Months(1), billing.Months(1), billing.Months(3), billing.Months(12)),
		comes:    firstDay().AddDays(rng.IntN(360)),
		pays:     2 + rng.IntN(12),
		regrets:  never,
		converts: 4 + rng.IntN(9),
		wishes:   3 + rng.IntN(6),
		traffic:  2000 + rng.IntN(20_000),
		disk:     500 + rng.IntN(8_000),
		growth:   rng.IntN(12),
	}
	switch chance := rng.IntN(100); {
	case chance < 6:
		c.pays = never
	case chance < 18:
		c.pays = 25 + rng.IntN(25)
	case chance < 23:
		c.regrets = 5 + rng.IntN(20)
	case chance < 31:
		c.exemption = fmt.Sprintf("ATU%08d", rng.IntN(100_000_000))
	}
	switch chance := rng.IntN(100); { // who is on the trial plan: how it ends
	case chance < 20:
		c.converts = 16 + rng.IntN(5) // after it has ended
	case chance < 40:
		c.converts = never
	}
	return c
}

func oneOf[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// bakery is a customer with a diary. It signs up on the 31st, so its months end on the
// last of each month.
func bakery() *customer {
	return &customer{
		name: "kastner-bakery", seller: seller, plan: pStart, period: billing.Months(1),
		comes: billing.NewDate(2025, time.January, 31), pays: 6, regrets: never, converts: never,
		traffic: 11_000, disk: 3_000, growth: 9, diary: bakeryDiary,
	}
}

func bakeryDiary(who *customer, day billing.Date) billing.Action {
	by, id := who.request(), who.id
	switch day {
	case billing.NewDate(2025, time.March, 3):
		return billing.SetQuantity{Request: by, Account: id, Resource: rMailbox, Quantity: whole(12)}
	case billing.NewDate(2025, time.April, 10):
		return billing.SetQuantity{Request: by, Account: id, Resource: rDomain, Quantity: whole(3)}
	case billing.NewDate(2025, time.May, 14):
		return billing.SetQuantity{Request: by, Account: id, Resource: rMailbox, Quantity: whole(8)}
	case billing.NewDate(2025, time.June, 17):
		return billing.ChangePlan{Request: by, Account: id, Plan: pPro}
	case billing.NewDate(2025, time.September, 2):
		return billing.ChangePeriod{Request: by, Account: id, Period: billing.Months(3)}
	}
	return nil
}

// request says that the customer itself acts. What it may do depends on that: staff
// could move it to a plan of another group, it cannot.
func (c *customer) request() billing.Request {
	return billing.Request{By: billing.Actor{Role: billing.RoleCustomer, Name: c.name}}
}

// signup is the order that the customer places in the shop.
func (c *customer) signup(day billing.Date) billing.Signup {
	order := billing.Signup{
		Request: c.request(), Seller: c.seller, Name: c.name, Plan: c.plan, Period: c.period,
		Promotions: promotion(day), Exemption: c.exemption,
	}
	// With a key the order can be sent twice, as browsers do, and is done once.
	order.Key = "order of " + c.name
	return order
}

// wish is what comes to the customer's mind when it looks at its account; nil: nothing.
// Not all of it is possible.
func (c *customer) wish(a billing.Account, holds []billing.Holding) billing.Action {
	by := c.request()
	more := func(id billing.ResourceID, n int64) billing.Action {
		return billing.SetQuantity{Request: by, Account: a.ID, Resource: id,
			Quantity: decimal.Max(decimal.Decimal{}, holding(holds, id).Add(whole(n)))}
	}
	if a.Cancelling {
		return billing.Keep{Request: by, Account: a.ID} // it thought again
	}
	switch chance := c.rng.IntN(100); {
	case chance < 30:
		return more(rMailbox, 1+c.rng.Int64N(8))
	case chance < 48:
		return more(rDomain, 1)
	case chance < 58:
		return more(rDatabase, 1)
	case chance < 63:
		return more(rIP, 1)
	case chance < 70:
		return more(oneOf(c.rng, rDisk, rMailstore), 5)
	case chance < 80:
		return more(rMailbox, -1-c.rng.Int64N(6))
	case chance < 88:
		return billing.ChangePlan{Request: by, Account: a.ID, Plan: oneOf(c.rng, c.plans...)}
	case chance < 94:
		return billing.ChangePeriod{Request: by, Account: a.ID, Period: oneOf(c.rng, periods()...)}
	default:
		return billing.Cancel{Request: by, Account: a.ID}
	}
}

func holding(holds []billing.Holding, id billing.ResourceID) decimal.Decimal {
	for _, h := range holds {
		if h.Resource == id {
			return h.Quantity
		}
	}
	return decimal.Decimal{}
}

// measured is what the servers would say of the customer's week: GB of a resource.
func (c *customer) measured(id billing.ResourceID, day billing.Date) decimal.Decimal {
	mb := c.traffic
	if id != rTraffic {
		mb = c.disk
	}
	mb += mb * c.growth * (day.Sub(c.comes) / 30) / 100
	return decimal.New(int64(mb), -3)
}
