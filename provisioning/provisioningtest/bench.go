package provisioningtest

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// BenchmarkReserve measures what [provisioning.Manager.Reserve] does on a store (place,
// take the room of a server and of its machine, keep a reservation, commit) beside a
// floor in turns with it: the bare conditional update of one row, committed. floor makes
// the n-th of those. It reports both rates and the share of the floor's rate that is
// left, each as the median over short turns, which other work of the machine disturbs
// least.
func BenchmarkReserve(b *testing.B, open func(b *testing.B) provisioning.Store, floor func(b *testing.B) func(ctx context.Context, n int) error) {
	for _, dimensions := range []int{1, 2} {
		for _, clients := range []int{1, 8} {
			b.Run(fmt.Sprintf("dimensions=%d/clients=%d", dimensions, clients), func(b *testing.B) {
				benchmarkReserve(b, open(b), floor(b), dimensions, clients)
			})
		}
	}
}

func benchmarkReserve(b *testing.B, st provisioning.Store, floor func(ctx context.Context, n int) error, dimensions, clients int) {
	ctx := b.Context()
	m, err := provisioning.New(st, provisioning.Options{Policy: placement.Policy{Picker: placement.PowerOfTwo{}}})
	if err != nil {
		b.Fatal(err)
	}
	demand := provisioning.Demand{Group: "web", Amounts: map[string]int64{services: 1}}
	if dimensions > 1 {
		demand.Amounts["disk_mb"] = 500
	}
	if err := benchFleet(ctx, m); err != nil {
		b.Fatal(err)
	}
	reserve := func(ctx context.Context, _ int) error {
		_, err := m.Reserve(ctx, provisioning.ReserveRequest{Seller: "host", Account: "42", Demands: []provisioning.Demand{demand}})
		return err
	}
	conformance.InTurns(b, clients, 1, floor, reserve, func(context.Context) error { return nil }, "reservations/s")
}

// BenchmarkStep measures what [provisioning.Manager.Step] does on a store beside the work
// of drivers, which do nothing here: lease a service and write what is about to be done,
// then write the outcome with its event; two transactions, which are beside two bare
// conditional updates, each committed, in turns with them. It reports as BenchmarkReserve
// does.
func BenchmarkStep(b *testing.B, open func(b *testing.B) provisioning.Store, floor func(b *testing.B) func(ctx context.Context, n int) error) {
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchmarkStep(b, open(b), floor(b), clients) })
	}
}

func benchmarkStep(b *testing.B, st provisioning.Store, floor func(ctx context.Context, n int) error, clients int) {
	ctx := b.Context()
	m, err := provisioning.New(st, provisioning.Options{
		Policy: placement.Policy{Picker: placement.PowerOfTwo{}}, Drivers: map[string]provisioning.Driver{"": fake.New(fake.Options{})},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := benchFleet(ctx, m); err != nil {
		b.Fatal(err)
	}
	ordered := 0
	order := func(ctx context.Context) error { // two steps each: it is made, and looked at
		for range clients * conformance.PerTurn / 2 {
			ordered++
			_, err := m.Order(ctx, provisioning.Order{
				Seller: "host", Account: "42", Services: []provisioning.OrderedService{{Kind: "web", Name: fmt.Sprint("site", ordered)}},
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	step := func(ctx context.Context, _ int) error {
		for {
			worked, err := m.Step(ctx)
			if worked || err != nil {
				return err
			}
			runtime.Gosched() // the others have what is left between two steps
		}
	}
	conformance.InTurns(b, clients, 2, floor, step, order, "steps/s")
}

// benchFleet makes a group of servers that do not fill up.
func benchFleet(ctx context.Context, m *provisioning.Manager) error {
	if _, err := m.PutGroup(ctx, provisioning.Group{ID: "web", Kind: "web"}); err != nil {
		return err
	}
	for i := range 50 {
		id := provisioning.MachineID(fmt.Sprintf("m%02d", i))
		_, err := m.PutMachine(ctx, provisioning.Machine{
			ID: id, Groups: []provisioning.GroupID{"web"}, Capacity: map[string]int64{services: 1 << 40, "disk_mb": 1 << 50},
		})
		if err != nil {
			return err
		}
		_, err = m.PutServer(ctx, provisioning.Server{
			ID: provisioning.ServerID("web" + id), Machine: id, Group: "web", Capacity: map[string]int64{services: 1 << 40, "disk_mb": 1 << 50},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
