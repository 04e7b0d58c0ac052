package provisioning_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// hosting is a manager with one web server, in memory.
func hosting(ctx context.Context) (*provisioning.Manager, *fake.Driver, *tierhost.TestClock, error) {
	clock := tierhost.NewTestClock(time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC))
	driver := fake.New(fake.Options{Clock: clock})
	m, err := provisioning.New(memory.New(), provisioning.Options{
		Clock: clock, IDs: tierhost.NewSequenceIDs(), Drivers: map[string]provisioning.Driver{"fake": driver},
		Work: provisioning.WorkOptions{Rand: func() float64 { return 0 }},
	})
	if err == nil {
		_, err = m.PutGroup(ctx, provisioning.Group{ID: "web", Kind: "web"})
	}
	if err == nil {
		_, err = m.PutMachine(ctx, provisioning.Machine{ID: "m1", Groups: []provisioning.GroupID{"web"}})
	}
	if err == nil {
		_, err = m.PutServer(ctx, provisioning.Server{ID: "web1", Machine: "m1", Group: "web", Driver: "fake"})
	}
	return m, driver, clock, err
}

func webOrder(names ...string) provisioning.Order {
	o := provisioning.Order{Seller: "host", Account: "42"}
	for _, name := range names {
		o.Services = append(o.Services, provisioning.OrderedService{Kind: "web", Name: name, Spec: json.RawMessage(`{"plan":"gold"}`)})
	}
	return o
}

// An order is a row; the worker makes of it what was ordered. A server that gives no
// answer is asked what it has done before anything is done again.
func ExampleManager_Step() {
	ctx := context.Background()
	m, driver, clock, err := hosting(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	ordered, err := m.Order(ctx, webOrder("shop"))
	if err != nil {
		fmt.Println(err)
		return
	}
	driver.Next(provisioning.VerbEnsure, fake.Fault{After: fake.ErrTimeout}) // it is made, and the answer is lost
	for {
		worked, err := m.Step(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		s, err := m.Service(ctx, ordered.Services[0].ID)
		if err != nil {
			fmt.Println(err)
			return
		}
		if worked {
			calls := driver.Calls()
			fmt.Println(calls[len(calls)-1].Verb, "->", s.Phase)
			if s.Failure != nil {
				fmt.Printf("  %s: %s\n", s.Failure.Class, s.Failure.Text)
			}
			continue
		}
		if s.Due.IsZero() {
			return
		}
		clock.Set(s.Due)
	}
	// Output:
	// ensure -> creating
	//   unknown: provisioning.ensure: context deadline exceeded (effect unknown)
	// read -> active
}

// A sweep reports what differs. What may be put right has to be asked for, and what is of
// others is never touched.
func ExampleManager_Reconcile() {
	ctx := context.Background()
	m, driver, clock, err := hosting(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := m.Order(ctx, webOrder("blog", "shop")); err != nil {
		fmt.Println(err)
		return
	}
	work := func() {
		for worked := true; worked; {
			if worked, err = m.Step(ctx); err != nil {
				fmt.Println(err)
			}
		}
	}
	work()
	driver.Delete("web1", "web", "shop") // by hand, on the server
	driver.Put("web1", fake.Thing{Kind: "web", Name: "intranet"})
	for _, fix := range []bool{false, true, true} {
		clock.Advance(time.Second)
		got, err := m.Reconcile(ctx, provisioning.ReconcileRequest{Fix: fix})
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, f := range got.Findings {
			fmt.Printf("fix %t: %s is %s; to be put right: %t\n", fix, f.Name, f.Kind, f.Woken)
		}
		work()
	}
	// Output:
	// fix false: intranet is foreign; to be put right: false
	// fix false: shop is missing; to be put right: false
	// fix true: intranet is foreign; to be put right: false
	// fix true: shop is missing; to be put right: true
	// fix true: intranet is foreign; to be put right: false
}

// printed is a sink that prints. A host writes the records into its books instead, in the
// transaction given: see examples/metering.
type printed struct{}

func (printed) RecordUsage(_ context.Context, _ storage.Tx, records []provisioning.UsageRecord) error {
	for _, r := range records {
		if r.Metric == provisioning.Counter {
			fmt.Println(r.Day, r.Name, r.Meter, r.Quantity)
		}
	}
	return nil
}

func ExampleManager_CollectUsage() {
	ctx := context.Background()
	m, driver, clock, err := hosting(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := m.Order(ctx, webOrder("shop")); err != nil {
		fmt.Println(err)
		return
	}
	for worked := true; worked; {
		if worked, err = m.Step(ctx); err != nil {
			fmt.Println(err)
			return
		}
	}
	for _, n := range []int64{100, 20, 3} {
		driver.Use("web1", "web", "shop", fake.MeterRequests, decimal.NewFromInt(n))
		for range 2 { // the second time it is known
			if _, err := m.CollectUsage(ctx, provisioning.UsageRequest{Sink: printed{}}); err != nil {
				fmt.Println(err)
				return
			}
		}
		clock.Advance(24 * time.Hour)
		driver.Reboot("web1") // the counter starts anew, and nothing is lost
	}
	// Output:
	// 2031-05-06 shop requests 100
	// 2031-05-07 shop requests 20
	// 2031-05-08 shop requests 3
}
