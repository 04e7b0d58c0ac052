// Package histories plays seeded histories of simulations in tests, each on an empty store
// of each sort, and sums up what has happened in them.
package histories

import (
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

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// Seeds are those to be played: TIERHOST_SIM_SEEDS=50 plays 50 times as many as usual,
// TIERHOST_SIM_SEED=n only that one, with a trace (-v).
func Seeds(t testing.TB, usual int) (all []uint64, one bool) {
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

// Keyring is one with a fresh key.
func Keyring(t testing.TB) *secret.Keyring {
	t.Helper()
	key, err := secret.GenerateKey("test")
	require.NoError(t, err)
	ring, err := secret.NewKeyring(key)
	require.NoError(t, err)
	return ring
}

// Store is what histories are played on: it has the rows of every simulated package.
type Store interface {
	provisioning.Store
	gateways.Store
}

// Play plays histories in memory, and some on SQLite and PostgreSQL, each sort of store in a
// subtest of its name. play plays one, on an empty store, and returns what has happened in
// it; trace is nil unless it is the only one. If a hundred were played, happened looks
// whether they were wild enough.
func Play(
	t *testing.T, play func(t *testing.T, st Store, seed uint64, trace func(format string, args ...any)) (map[string]int, error),
	happened func(t *testing.T, sum map[string]int),
) {
	t.Helper()
	for _, k := range []struct {
		name  string
		usual int
		open  func(t *testing.T, seed uint64) (Store, func())
	}{
		{"memory", 100, func(*testing.T, uint64) (Store, func()) { return memory.New(), func() {} }},
		{"sqlite", 2, openFile},
		{"postgres", 1, openSchema},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			all, one := Seeds(t, k.usual)
			var mu sync.Mutex
			sum := map[string]int{}
			var next, failed atomic.Int64
			var running sync.WaitGroup
			for range 2 {
				running.Go(func() {
					for i := next.Add(1); i <= int64(len(all)) && failed.Load() < 10; i = next.Add(1) {
						seed := all[i-1]
						var trace func(format string, args ...any)
						if one {
							trace = t.Logf
						}
						st, done := k.open(t, seed)
						stats, err := play(t, st, seed, trace)
						done()
						if err != nil {
							failed.Add(1)
							t.Errorf("seed %d: %v\nTIERHOST_SIM_SEED=%d go test . -run '^%s$' -v", seed, err, seed, t.Name())
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

// Happened fails unless everything has happened that a simulation is there for: names by
// what they begin with.
func Happened(t *testing.T, sum map[string]int, wanted map[string][]string) {
	t.Helper()
	var missing []string
	for of, all := range wanted {
		for _, name := range all {
			if sum[of+name] == 0 {
				missing = append(missing, of+name)
			}
		}
	}
	slices.Sort(missing)
	require.Empty(t, missing, "the simulation has become too tame")
}

func openFile(t *testing.T, seed uint64) (Store, func()) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), fmt.Sprint(seed, ".db")), sqlite.Options{})
	if err != nil {
		t.Error(err)
		return memory.New(), func() {}
	}
	return s, func() { _ = s.Close() }
}

func openSchema(t *testing.T, _ uint64) (Store, func()) {
	dsn, schema := postgrestest.Schema(t)
	s, err := postgres.Open(t.Context(), dsn, postgres.Options{Schema: schema})
	if err != nil {
		t.Error(err)
		return memory.New(), func() {}
	}
	return s, s.Close
}
