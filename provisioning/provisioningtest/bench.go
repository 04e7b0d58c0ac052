package provisioningtest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/provisioning/placement"
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

// perTurn is how many reservations each client makes in a turn.
const perTurn = 4

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
	inTurns(b, clients, 1, floor, reserve, func(context.Context) error { return nil }, "reservations/s")
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
		for range clients * perTurn / 2 {
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
	inTurns(b, clients, 2, floor, step, order, "steps/s")
}

// inTurns has clients do something in turns with the floor, of which each does so many.
// Before each turn there is something to be prepared.
func inTurns(b *testing.B, clients, floors int, floor, do func(ctx context.Context, n int) error, before func(ctx context.Context) error, unit string) {
	n := 0
	turn := func(do func(ctx context.Context, n int) error) time.Duration {
		var all sync.WaitGroup
		failed := make([]error, clients)
		began := time.Now()
		for i := range clients {
			from := n + i*perTurn
			all.Go(func() {
				for j := range perTurn {
					if failed[i] = do(b.Context(), from+j); failed[i] != nil {
						return
					}
				}
			})
		}
		all.Wait()
		took := time.Since(began)
		n += clients * perTurn
		for _, err := range failed {
			if err != nil {
				b.Fatal(err)
			}
		}
		return took
	}
	both := func() (bare, full float64) {
		if err := before(b.Context()); err != nil {
			b.Fatal(err)
		}
		for range floors {
			bare += turn(floor).Seconds()
		}
		return bare, turn(do).Seconds()
	}
	both()
	var bare, full, ratio []float64
	for b.Loop() {
		f, r := both()
		bare, full, ratio = append(bare, f), append(full, r), append(ratio, f/r)
	}
	each := float64(clients * perTurn)
	b.ReportMetric(each/median(full), unit)
	b.ReportMetric(float64(floors)*each/median(bare), "updates/s")
	b.ReportMetric(100*median(ratio), "%floor")
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
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
