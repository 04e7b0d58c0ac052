package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

func firstDay() billing.Date { return billing.NewDate(2025, time.January, 1) }
func lastDay() billing.Date  { return billing.NewDate(2025, time.December, 31) }

// store keeps the books and the inventory, so that both can change in one transaction.
type store interface {
	reseller.Store
	provisioning.Store
	gateways.Store
}

// company is the hosting company: its books, its customers and resellers, and the clock
// by which all of them live.
type company struct {
	store     store
	manager   *reseller.Manager     // the books with their wholesale side ...
	books     *billing.Engine       // ... and the manager's engine
	inventory *provisioning.Manager // the machines
	payments  *gateways.Manager     // through the test provider
	till      *fake.Provider
	cards     map[billing.AccountID]gateways.InstrumentID
	clock     *tierhost.TestClock
	partners  []*partner
	customers []*customer // the company's own, then the resellers'
	byID      map[billing.AccountID]*customer
	owing     map[billing.AccountID]billing.Date // since when the debt job has seen a debt
	done      *journal
}

// newCompany opens a company on a store whose books are empty.
func newCompany(ctx context.Context, store store, seed uint64, customers int) (*company, error) {
	c := &company{
		store:     store,
		clock:     tierhost.NewTestClock(firstDay().Start(time.UTC)),
		partners:  partners(),
		customers: newCustomers(seed, customers),
		byID:      map[billing.AccountID]*customer{},
		owing:     map[billing.AccountID]billing.Date{},
		done:      newJournal(),
	}
	for i, p := range c.partners {
		c.customers = append(c.customers, p.newCustomers(seed, i)...)
	}
	// A company without resellers needs billing.New only.
	var err error
	c.manager, err = reseller.New(store, reseller.Options{
		Billing:   billing.Options{Clock: c.clock, Observer: c.done, MaxDepth: 2},
		MinMargin: reseller.MarginRefuse,
	})
	if err != nil {
		return nil, err
	}
	c.books = c.manager.Billing()
	c.inventory, err = provisioning.New(store, provisioning.Options{
		Clock: c.clock, Seed: seed + 1,
		Policy: placement.Policy{Picker: placement.PowerOfTwo{}},
	})
	if err != nil {
		return nil, err
	}
	for _, err := range c.books.Sellers(ctx) {
		if err != nil {
			return nil, err
		}
		return nil, errors.New("there are books in the store already; the quickstart needs an empty one")
	}
	if err := openShop(ctx, c.books); err != nil {
		return nil, err
	}
	if err := c.openWholesale(ctx); err != nil {
		return nil, err
	}
	if err := c.openServers(ctx); err != nil {
		return nil, err
	}
	if err := c.openPayments(); err != nil {
		return nil, err
	}
	return c, nil
}

// play lives through the year, day by day.
func (c *company) play(ctx context.Context, progress func(day billing.Date)) error {
	for day := firstDay(); !day.After(lastDay()); day = day.AddDays(1) {
		if err := c.day(ctx, day); err != nil {
			return fmt.Errorf("%s: %w", day, err)
		}
		progress(day)
	}
	return nil
}

func (c *company) day(ctx context.Context, day billing.Date) error {
	at := func(hour time.Duration) { c.clock.Set(day.Start(time.UTC).Add(hour * time.Hour)) }

	at(2)
	if err := c.night(ctx, day); err != nil {
		return err
	}
	at(8)
	if err := c.debts(ctx, day); err != nil {
		return err
	}
	at(12)
	if err := c.shop(ctx, day); err != nil {
		return err
	}
	if err := c.news(ctx, day); err != nil {
		return err
	}
	if err := c.machineNews(ctx, day); err != nil {
		return err
	}
	at(22)
	switch _, month, dom := day.YMD(); {
	case month == time.July && dom == 1:
		if err := raisePrices(ctx, c.books); err != nil {
			return err
		}
	case month == time.September && dom == 15:
		if err := c.apologize(ctx); err != nil {
			return err
		}
	}
	if day.Sub(firstDay())%7 == 6 {
		if err := c.collectUsage(ctx, day); err != nil {
			return err
		}
	}
	return c.sendLetters(ctx)
}

// shop is what customers do for themselves on a day, each in a transaction of its own.
func (c *company) shop(ctx context.Context, day billing.Date) error {
	for _, who := range c.customers {
		var want billing.Action
		switch since := day.Sub(who.comes); {
		case since < 0, since > 0 && who.id == 0: // not yet; not let in
			continue
		case since == 0:
			if err := c.welcome(ctx, who, day); err != nil {
				return err
			}
			continue
		case since == who.regrets:
			// Within the money-back window the recurring charges are given back.
			want = billing.Close{Request: who.request(), Account: who.id}
		case since == who.converts && who.plan == pTry:
			want = billing.Convert{Request: who.request(), Account: who.id}
		case who.diary != nil:
			want = who.diary(who, day)
		case since%7 == 0 && who.rng.IntN(100) < who.wishes:
			var err error
			if want, err = c.visit(ctx, who); err != nil {
				return err
			}
		}
		if want == nil {
			continue
		}
		if err := c.order(ctx, who, want); err != nil {
			return err
		}
	}
	return nil
}

// visit lets a customer look at its account, and returns what it then wants.
func (c *company) visit(ctx context.Context, who *customer) (billing.Action, error) {
	desk := c.manager.Desk(who.seller)
	account, err := desk.Account(ctx, who.id)
	if err != nil || account.Status != billing.Active {
		return nil, err
	}
	holds, err := desk.Holdings(ctx, who.id)
	if err != nil {
		return nil, err
	}
	return who.wish(account, holds), nil
}

// welcome signs a customer up. Its seller works at a desk, at which nothing of other
// sellers' can be seen or done: control panels are built on it. The room is reserved
// before anything is charged, and both happen or neither does.
func (c *company) welcome(ctx context.Context, who *customer, day billing.Date) error {
	err := c.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		housed, err := c.house(ctx, tx, who, who.plan)
		if err != nil {
			return err
		}
		res, err := c.manager.In(tx).Desk(who.seller).Do(ctx, who.signup(day))
		who.id, who.housed = res.Account.ID, housed
		return err
	})
	if c.refused(err) {
		c.done.note(day, who.seller, "%s is not let in: %s", who.name, tierhost.CodeOf(err))
		who.id, err = 0, nil
	} else if err == nil {
		c.byID[who.id] = who
	}
	return err
}

// order asks what something costs, and does it unless that is too much.
func (c *company) order(ctx context.Context, who *customer, want billing.Action) error {
	desk := c.manager.Desk(who.seller)
	// A quote has the very entries and documents that the action would make.
	quote, err := desk.Quote(ctx, want)
	for _, d := range quote.Documents {
		if d.Total.Amount().GreaterThan(whole(400)) {
			return nil
		}
	}
	if err == nil {
		_, err = desk.Do(ctx, want)
	}
	if c.refused(err) {
		return nil
	}
	return err
}

// refused reports, and counts, that the rules say no: too many, not in the plan, already
// closed; or that there is no room. For the customer that is an answer; for the program
// it is no failure.
func (c *company) refused(err error) bool {
	refusal, ok := errors.AsType[*billing.Refusal](err)
	switch {
	case ok:
		c.done.refused[refusal.Code()]++
	case errors.Is(err, provisioning.ErrNoCapacity):
		c.done.refused[tierhost.CodeOf(err)]++
		return true
	}
	return ok
}

// together does actions in one transaction: all of them or none, and one wait for the
// disk instead of many. A function given to Update may be run again after a conflict,
// so what it does is decided before.
func (c *company) together(ctx context.Context, acts []billing.Action) error {
	if len(acts) == 0 {
		return nil
	}
	return c.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		books := c.books.In(tx)
		for _, act := range acts {
			if _, err := books.Do(ctx, act); err != nil {
				return fmt.Errorf("%+v: %w", act, err)
			}
		}
		return nil
	})
}
