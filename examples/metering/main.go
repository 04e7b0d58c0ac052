// Metering bills what customers use: counters and levels are read on servers each night
// and become usage in the customers' accounts, in one transaction with what was read.
//
// The month has a night that is missed, a server that starts anew, and a collection that
// is repeated; the invoice has every byte once. The servers are in memory.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage/memory"
)

func main() {
	if err := run(context.Background()); err != nil {
		slog.Error("it failed", "error", err)
		os.Exit(1)
	}
}

const gigabyte = 1_000_000_000

func run(ctx context.Context) error {
	c, err := open(ctx, time.Date(2031, 5, 1, 9, 0, 0, 0, time.UTC))
	if err != nil {
		return err
	}
	ann, err := c.signup(ctx, "ann")
	if err != nil {
		return err
	}
	c.servers.Write("web1", "web", "ann", "a small site")
	for day := 1; day <= 31; day++ {
		// A day: 1.5 GB of traffic, and the server writes its meters down at its end.
		c.servers.Use("web1", "web", "ann", "traffic_bytes", decimal.NewFromInt(gigabyte*3/2))
		c.servers.Hold("web1", "web", "ann", "disk_bytes", decimal.NewFromInt(gigabyte/2*int64(day)))
		c.clock.Set(time.Date(2031, 5, day+1, 0, 0, 0, 0, time.UTC))
		c.servers.Note("web1")
		c.clock.Advance(time.Minute)
		switch day {
		case 9:
			continue // nobody collected that night
		case 20:
			c.servers.Reboot("web1") // its counters start at 0: the night's reading was written down
		}
		for range 2 { // a second time by mistake
			if _, err := c.manager.CollectUsage(ctx, provisioning.UsageRequest{Sink: c.sink}); err != nil {
				return err
			}
		}
	}
	traffic, n, err := c.billed(ctx, ann, "traffic")
	if err != nil {
		return err
	}
	fmt.Printf("traffic: %s GB in %d records\n", traffic, n)
	if _, err := c.books.Run(ctx, billing.NewDate(2031, 6, 1), billing.RunOptions{}); err != nil {
		return err
	}
	for e, err := range c.books.Entries(ctx, billing.EntryQuery{Account: ann}) {
		if err != nil {
			return err
		}
		if e.Resource != "" {
			fmt.Println(e.Date, e.Resource, e.Kind, e.Quantity, e.Amount)
		}
	}
	return nil
}

// company is the books, the servers, and what keeps them together.
type company struct {
	clock   *tierhost.TestClock
	books   *billing.Engine
	manager *provisioning.Manager
	servers *fake.Driver
	sink    provisioning.UsageSink
}

// open makes a company with one plan and one server.
func open(ctx context.Context, at time.Time) (*company, error) {
	clock, store := tierhost.NewTestClock(at), memory.New()
	c := &company{clock: clock, servers: fake.New(fake.Options{Clock: clock})}
	var err error
	if c.books, err = billing.New(store, billing.Options{Clock: clock}); err != nil {
		return nil, err
	}
	if c.manager, err = provisioning.New(store, provisioning.Options{
		Clock: clock, Drivers: map[string]provisioning.Driver{"fake": c.servers},
	}); err != nil {
		return nil, err
	}
	// What a meter of the servers is in the price list, and in which unit.
	c.sink = sink{books: c.books, logger: slog.Default(), meters: map[string]metered{
		"traffic_bytes": {"traffic", -9}, "disk_bytes": {"disk", -9},
	}}
	if err := c.books.DefineResources(ctx,
		billing.Resource{ID: "traffic", Kind: billing.KindMonthly, Unit: "GB"},
		billing.Resource{ID: "disk", Kind: billing.KindMonthly, Unit: "GB", Aggregate: billing.AggregateAverage},
	); err != nil {
		return nil, err
	}
	euro, err := money.ISO("EUR")
	if err != nil {
		return nil, err
	}
	if err := c.books.PutSeller(ctx, billing.Seller{ID: "host", Currency: euro}); err != nil {
		return nil, err
	}
	free, little := decimal.NewFromInt(10), decimal.NewFromInt(5)
	if _, err := c.books.PublishPlan(ctx, billing.Plan{Seller: "host", ID: "web", Open: true}, billing.Terms{Resources: []billing.Line{
		{Resource: "traffic", AtSignup: free, Free: free, Prices: billing.Prices{Usage: new(decimal.RequireFromString("0.08"))}},
		{Resource: "disk", AtSignup: little, Free: little, Prices: billing.Prices{Usage: new(decimal.RequireFromString("0.25"))}},
	}}); err != nil {
		return nil, err
	}
	if _, err := c.manager.PutGroup(ctx, provisioning.Group{ID: "web", Kind: "web"}); err != nil {
		return nil, err
	}
	if _, err := c.manager.PutMachine(ctx, provisioning.Machine{ID: "m1", Groups: []provisioning.GroupID{"web"}}); err != nil {
		return nil, err
	}
	_, err = c.manager.PutServer(ctx, provisioning.Server{ID: "web1", Machine: "m1", Group: "web", Driver: "fake"})
	return c, err
}

// signup opens an account and has its web space made.
func (c *company) signup(ctx context.Context, name string) (billing.AccountID, error) {
	got, err := c.books.Do(ctx, billing.Signup{Seller: "host", Name: name, Plan: "web"})
	if err != nil {
		return 0, err
	}
	if _, err := c.manager.Order(ctx, provisioning.Order{
		Seller: "host", Account: accountOf(got.Account.ID),
		Services: []provisioning.OrderedService{{Kind: "web", Name: name, Spec: json.RawMessage(`{"plan":"web"}`)}},
	}); err != nil {
		return 0, err
	}
	for worked := true; worked; {
		if worked, err = c.manager.Step(ctx); err != nil {
			return 0, err
		}
	}
	return got.Account.ID, nil
}

// billed is what an account has used of a resource, by its records.
func (c *company) billed(ctx context.Context, id billing.AccountID, of billing.ResourceID) (sum decimal.Decimal, records int, err error) {
	for r, err := range c.books.Usage(ctx, id) {
		if err != nil {
			return sum, records, err
		}
		if r.Resource == of {
			sum, records = sum.Add(r.Amount), records+1
		}
	}
	return sum, records, nil
}
