package main

import (
	"context"
	"errors"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/support"
)

// company is a host, its reseller acme, and acme's customer Alice.
type company struct {
	store  store
	clock  *tierhost.TestClock
	engine *billing.Engine
	desks  *support.Manager
	alice  billing.AccountID // at acme
	acme   billing.AccountID // at the host: its double
	hugo   *support.Agent    // at the host's desk
	ann    *support.Agent    // at acme's
	panel  *support.Customer // what Alice sees
	euro   money.Currency
}

// store is one that billing, resellers and desks use together.
type store interface {
	reseller.Store
	support.Store
}

// open makes the company on a store.
func open(ctx context.Context, st store) (*company, error) {
	c := &company{store: st, clock: tierhost.NewTestClock(time.Date(2031, 5, 1, 9, 0, 0, 0, time.UTC))}
	m, err := reseller.New(st, reseller.Options{Billing: billing.Options{Clock: c.clock}})
	if err != nil {
		return nil, err
	}
	c.engine = m.Billing()
	b := books{c.engine}
	c.desks, err = support.NewManager(st, support.Options{
		Clock: c.clock, IDs: tierhost.NewSequenceIDs(), Host: "host", ErrorQueue: "errors", Parents: b, Biller: b,
	})
	if err != nil {
		return nil, err
	}
	if err := c.sell(ctx, m); err != nil {
		return nil, err
	}
	c.hugo, c.ann, c.panel = c.desks.Agent("host", "hugo"), c.desks.Agent("acme", "ann"), c.desks.Customer("acme", name(c.alice))
	return c, errors.Join(
		c.hugo.PutQueue(ctx, support.Queue{ID: "resellers", Name: "Resellers", AutoClose: 7, Growth: time.Hour}),
		c.hugo.PutQueue(ctx, support.Queue{ID: "errors", Name: "System errors", AutoClose: -1}),
		c.ann.PutQueue(ctx, support.Queue{ID: "help", Name: "Help", AutoClose: 7, Growth: time.Hour, FirstAnswer: 4 * time.Hour}),
	)
}

// sell makes the sellers and signs Alice up.
func (c *company) sell(ctx context.Context, m *reseller.Manager) (err error) {
	if c.euro, err = money.ISO("EUR"); err != nil {
		return err
	}
	price := func(s string) billing.Terms {
		return billing.Terms{Resources: []billing.Line{{
			Resource: "site", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: new(decimal.RequireFromString(s))},
		}}}
	}
	plan := func(seller billing.SellerID, id billing.PlanID, terms billing.Terms) error {
		_, err := c.engine.PublishPlan(ctx, billing.Plan{Seller: seller, ID: id, Open: true}, terms)
		return err
	}
	partner := price("5")
	partner.Wholesale = &billing.Wholesale{Resources: []billing.Line{{Resource: "site", Prices: billing.Prices{Recurring: new(decimal.RequireFromString("2"))}}}}
	if err := c.engine.DefineResources(ctx, billing.Resource{ID: "site"}); err != nil {
		return err
	}
	if err := c.engine.PutSeller(ctx, billing.Seller{ID: "host", Currency: c.euro}); err != nil {
		return err
	}
	if err := plan("host", "partner", partner); err != nil {
		return err
	}
	double, err := m.Enroll(ctx, reseller.Enrollment{
		Seller: billing.Seller{ID: "acme", Parent: "host", Currency: c.euro}, Signup: billing.Signup{Plan: "partner"},
	})
	if err != nil {
		return err
	}
	c.acme = double.ID
	if err := plan("acme", "home", price("9")); err != nil {
		return err
	}
	alice, err := c.engine.Do(ctx, billing.Signup{Seller: "acme", Name: "alice", Plan: "home"})
	c.alice = alice.Account.ID
	return err
}

// work is a task of a job, at a rate in cents.
func (c *company) work(subject string, rate int64, hours string) []support.Task {
	return []support.Task{{Subject: subject, Rate: money.FromMinor(rate, c.euro), Hours: decimal.RequireFromString(hours)}}
}

// debits are what an account was debited outside of its price list.
func (c *company) debits(ctx context.Context, id billing.AccountID) (list []billing.Entry, err error) {
	for e, err := range c.engine.Entries(ctx, billing.EntryQuery{Account: id, Kind: billing.EntryDebit}) {
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}
