package services_test

import (
	"flag"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tierhost/tierhost/internal/simulation/services"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/memory"
)

var (
	seeds = flag.Int("services.seeds", 1000, "how many histories are simulated")
	seed  = flag.Uint64("services.seed", 0, "the one history to be simulated, with a trace")
)

func keyring(t testing.TB) *secret.Keyring {
	key, err := secret.GenerateKey("test")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := secret.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// simulate runs one history.
func simulate(t *testing.T, st provisioning.Store, o services.Options) (map[string]int, error) {
	w, err := services.New(t.Context(), st, o)
	if err != nil {
		return nil, err
	}
	err = w.Run(t.Context())
	return w.Stats, err
}

// Nothing is made twice or forgotten, no server holds more than it may, and in the end
// everything is done or parked with a reason, whatever fails on the way.
func TestServices(t *testing.T) {
	t.Parallel()
	ring := keyring(t)
	if *seed != 0 {
		if _, err := simulate(t, memory.New(), services.Options{Seed: *seed, Sealer: ring, Trace: t.Logf}); err != nil {
			t.Fatal(err)
		}
		return
	}
	n := *seeds
	if testing.Short() {
		n = min(n, 100)
	}
	var mu sync.Mutex
	sum := map[string]int{}
	var next, failed atomic.Uint64
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for i := next.Add(1); i <= uint64(n); i = next.Add(1) {
				stats, err := simulate(t, memory.New(), services.Options{Seed: i, Sealer: ring})
				if err != nil {
					if t.Errorf("seed %d: %v", i, err); failed.Add(1) >= 10 {
						return
					}
				}
				mu.Lock()
				for k, v := range stats {
					sum[k] += v
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, k := range slices.Sorted(maps.Keys(sum)) {
		t.Logf("%-20s %d", k, sum[k])
	}
}
