package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// company is a host with many accounts that signed up on one day, its own customers or
// its resellers'.
type company struct {
	manager  *reseller.Manager
	engine   *billing.Engine
	clock    *tierhost.TestClock
	accounts int
	sellers  []billing.SellerID // whose the accounts are, in turn
	ids      []billing.AccountID
	day      billing.Date
	rounds   int
}

func newCompany(ctx context.Context, store reseller.Store, accounts, resellers int) (*company, error) {
	c := &company{accounts: accounts, day: billing.NewDate(2026, 1, 15), sellers: []billing.SellerID{"host"}}
	c.clock = tierhost.NewTestClock(c.day.Start(time.UTC).Add(12 * time.Hour))
	var err error
	if c.manager, err = reseller.New(store, reseller.Options{Billing: billing.Options{Clock: c.clock}}); err != nil {
		return nil, err
	}
	c.engine = c.manager.Billing()
	if err := c.catalog(ctx); err != nil {
		return nil, err
	}
	if resellers > 0 {
		if err := c.enroll(ctx, resellers); err != nil {
			return nil, err
		}
	}
	const batch = 500
	for from := 0; from < accounts; from += batch {
		var ids []billing.AccountID
		err := store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
			e := c.engine.In(tx)
			ids = nil
			for i := from; i < min(from+batch, accounts); i++ {
				res, err := e.Do(ctx, billing.Signup{Seller: c.sellers[i%len(c.sellers)], Name: "customer " + strconv.Itoa(i), Plan: "unix"})
				if err != nil {
					return err
				}
				ids = append(ids, res.Account.ID)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		c.ids = append(c.ids, ids...)
	}
	return c, nil
}

func (c *company) catalog(ctx context.Context) error {
	cur, err := money.ISO("EUR")
	if err != nil {
		return err
	}
	err = c.engine.DefineResources(ctx, billing.Resource{ID: "account"}, billing.Resource{ID: "mailbox"},
		billing.Resource{ID: "traffic", Kind: billing.KindMonthly, Unit: "GB"})
	if err != nil {
		return err
	}
	if err := c.engine.PutSeller(ctx, billing.Seller{ID: "host", Currency: cur}); err != nil {
		return err
	}
	return c.publish(ctx, "host")
}

func price(s string) *decimal.Decimal { return new(decimal.RequireFromString(s)) }

// publish makes a seller's plan, the same for all.
func (c *company) publish(ctx context.Context, seller billing.SellerID) error {
	_, err := c.engine.PublishPlan(ctx, billing.Plan{Seller: seller, ID: "unix", Open: true}, billing.Terms{Resources: []billing.Line{
		{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("4.90")}},
		{Resource: "mailbox", Free: decimal.NewFromInt(5), AtSignup: decimal.NewFromInt(8), Prices: billing.Prices{Recurring: price("0.99")}},
		{Resource: "traffic", Free: decimal.NewFromInt(10), AtSignup: decimal.NewFromInt(25), Prices: billing.Prices{Recurring: price("0.10"), Usage: price("0.15")}},
	}})
	return err
}

// act lets clients change the mailboxes of random ones of some accounts, each action a transaction
// that charges or refunds, until all actions are done.
func (c *company) act(ctx context.Context, among []billing.AccountID, clients, actions int) error {
	c.rounds++ // a day each: books do not go back
	c.clock.Set(c.day.AddDays(7 + c.rounds).Start(time.UTC).Add(12 * time.Hour))
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(c.rounds)))
			for n := i; n < actions; n += clients {
				id := among[rnd.IntN(len(among))]
				quantity := decimal.NewFromInt(int64(6 + rnd.IntN(90)))
				res, err := c.engine.Do(ctx, billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: quantity})
				if err == nil && res.Account.ID != id {
					err = fmt.Errorf("account %d answered for %d", res.Account.ID, id)
				}
				if err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// nextMonth moves the clock to the day on which all accounts renew.
func (c *company) nextMonth() billing.Date {
	day := c.day.AddMonths(1)
	c.clock.Set(day.Start(time.UTC).Add(12 * time.Hour))
	return day
}
