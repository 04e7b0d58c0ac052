package conformance

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// PerTurn is how many things each client does in a turn of [InTurns].
const PerTurn = 20

// InTurns has clients do something in turns with a floor, of which each does so many. Before
// each turn there is something to be prepared. It reports both rates, that of the floor in
// a unit of its own, and the share of the floor's rate that is left, each as the median
// over short turns, which other work of the machine disturbs least.
func InTurns(b *testing.B, clients, floors int, floor, do func(ctx context.Context, n int) error, before func(ctx context.Context) error, unit string) {
	n := 0
	turn := func(do func(ctx context.Context, n int) error) time.Duration {
		var all sync.WaitGroup
		failed := make([]error, clients)
		began := time.Now()
		for i := range clients {
			from := n + i*PerTurn
			all.Go(func() {
				for j := range PerTurn {
					if failed[i] = do(b.Context(), from+j); failed[i] != nil {
						return
					}
				}
			})
		}
		all.Wait()
		took := time.Since(began)
		n += clients * PerTurn
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
	each := float64(clients * PerTurn)
	b.ReportMetric(each/median(full), unit)
	b.ReportMetric(float64(floors)*each/median(bare), "updates/s")
	b.ReportMetric(100*median(ratio), "%floor")
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
