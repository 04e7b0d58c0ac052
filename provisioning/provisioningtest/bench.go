package provisioningtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tierhost/tierhost/provisioning"
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
const perTurn = 20

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
	n := 0
	turn := func(do func(ctx context.Context, n int) error) time.Duration {
		var all sync.WaitGroup
		failed := make([]error, clients)
		began := time.Now()
		for i := range clients {
			from := n + i*perTurn
			all.Go(func() {
				for j := range perTurn {
					if failed[i] = do(ctx, from+j); failed[i] != nil {
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
	turn(floor)
	turn(reserve)
	var bare, full, ratio []float64
	for b.Loop() {
		f, r := turn(floor).Seconds(), turn(reserve).Seconds()
		bare, full, ratio = append(bare, f), append(full, r), append(ratio, f/r)
	}
	each := float64(clients * perTurn)
	b.ReportMetric(each/median(full), "reservations/s")
	b.ReportMetric(each/median(bare), "updates/s")
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
