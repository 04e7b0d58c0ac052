package services_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/internal/simulation/services"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(postgrestest.Run(m))
}

// seeds are those to be played: TIERHOST_SIM_SEEDS=50 plays 50 times as many as usual,
// TIERHOST_SIM_SEED=n only that one, with a trace (-v).
func seeds(t testing.TB, usual int) (all []uint64, one bool) {
	t.Helper()
	if text := os.Getenv("TIERHOST_SIM_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		return []uint64{n}, true
	}
	if text := os.Getenv("TIERHOST_SIM_SEEDS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		usual *= n
	}
	for i := range usual {
		all = append(all, uint64(i+1))
	}
	return all, false
}

func keyring(t testing.TB) *secret.Keyring {
	t.Helper()
	key, err := secret.GenerateKey("test")
	require.NoError(t, err)
	ring, err := secret.NewKeyring(key)
	require.NoError(t, err)
	return ring
}

// simulate runs one history.
func simulate(t testing.TB, st provisioning.Store, o services.Options) (map[string]int, error) {
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
	for _, k := range []struct {
		name  string
		usual int
		open  func(t *testing.T, seed uint64) (provisioning.Store, func())
	}{
		{"memory", 100, func(*testing.T, uint64) (provisioning.Store, func()) { return memory.New(), func() {} }},
		{"sqlite", 2, openFile},
		{"postgres", 1, openSchema},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			ring := keyring(t)
			all, one := seeds(t, k.usual)
			var mu sync.Mutex
			sum := map[string]int{}
			var next, failed atomic.Int64
			var running sync.WaitGroup
			for range 2 {
				running.Go(func() {
					for i := next.Add(1); i <= int64(len(all)) && failed.Load() < 10; i = next.Add(1) {
						o := services.Options{Seed: all[i-1], Sealer: ring}
						if one {
							o.Trace = t.Logf
						}
						st, done := k.open(t, o.Seed)
						stats, err := simulate(t, st, o)
						done()
						if err != nil {
							failed.Add(1)
							t.Errorf("seed %d: %v\nTIERHOST_SIM_SEED=%d go test ./internal/simulation/services -run '^TestServices$/^%s$' -v",
								o.Seed, err, o.Seed, k.name)
						}
						mu.Lock()
						for name, n := range stats {
							sum[name] += n
						}
						mu.Unlock()
					}
				})
			}
			running.Wait()
			for _, name := range slices.Sorted(maps.Keys(sum)) {
				t.Logf("%-40s %d", name, sum[name])
			}
			if len(all) >= 100 {
				happened(t, sum)
			}
		})
	}
}

// happened fails unless everything has happened that the simulation is there for.
func happened(t *testing.T, sum map[string]int) {
	t.Helper()
	var missing []string
	for of, all := range map[string][]string{
		"store ": {"unreachable", "fails at commit", "conflict", "answer lost"},
		"driver ": {
			"unreachable", "unknown before", "unknown after", "half", "twice", "lost", "throttled", "refused", "unclassified", "late", "sick",
		},
		"": {
			"lag", "nested", "overtaken", "death", "outage", "status down", "vandalism", "restored", "foreigner", "order replayed",
		},
		"end ":    {"active", "suspended", "removed", "pending", "parked"},
		"parked ": {provisioning.ParkPermanent, provisioning.ParkAttempts, provisioning.ParkConflict},
		"chain ":  {"building", "done", "undone", "parked"},
		"event provisioning.": {
			"service.changed", "service.moved", "service.move_failed", "service.missing", "service.late_outcome",
			"chain.changed", "server.breaker", "drift.found",
		},
	} {
		for _, name := range all {
			if sum[of+name] == 0 {
				missing = append(missing, of+name)
			}
		}
	}
	slices.Sort(missing)
	require.Empty(t, missing, "the simulation has become too tame")
}

func openFile(t *testing.T, seed uint64) (provisioning.Store, func()) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), fmt.Sprint(seed, ".db")), sqlite.Options{})
	if err != nil {
		t.Error(err)
		return memory.New(), func() {}
	}
	return s, func() { _ = s.Close() }
}

func openSchema(t *testing.T, _ uint64) (provisioning.Store, func()) {
	dsn, schema := postgrestest.Schema(t)
	s, err := postgres.Open(t.Context(), dsn, postgres.Options{Schema: schema})
	if err != nil {
		t.Error(err)
		return memory.New(), func() {}
	}
	return s, s.Close
}
