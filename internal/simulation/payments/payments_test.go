package payments_test

import (
	"context"
	"errors"
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

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/internal/simulation/payments"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
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
func simulate(t testing.TB, st gateways.Store, o payments.Options) (map[string]int, error) {
	w, err := payments.New(t.Context(), st, o)
	if err != nil {
		return nil, err
	}
	err = w.Run(t.Context())
	return w.Stats, err
}

// What was taken is credited, once; nothing is lost, and never more given back than was
// taken, whatever fails on the way.
func TestPayments(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		name  string
		usual int
		open  func(t *testing.T, seed uint64) (gateways.Store, func())
	}{
		{"memory", 100, func(*testing.T, uint64) (gateways.Store, func()) { return memory.New(), func() {} }},
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
					for i := next.Add(1); i <= int64(len(all)) && failed.Load() < 5; i = next.Add(1) {
						o := payments.Options{Seed: all[i-1], Sealer: ring}
						if one {
							o.Trace = t.Logf
						}
						st, done := k.open(t, o.Seed)
						stats, err := simulate(t, st, o)
						done()
						if err != nil {
							failed.Add(1)
							t.Errorf("seed %d: %v\nTIERHOST_SIM_SEED=%d go test ./internal/simulation/payments -run '^TestPayments$/^%s$' -v", o.Seed, err, o.Seed, k.name)
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
		"store ":    {"unreachable", "fails at commit", "conflict", "answer lost"},
		"provider ": {"out", "declined softly", "declined hard", "fails before", "fails after", "fails after, hidden", "pending", "another amount"},
		"":          {"capture", "void", "refund", "asked again", "completed", "returned", "card reset", "notification 200", "notification 503"},
		"end ":      {"paid", "declined", "voided", "authorized", "failed"},
		"parked ":   {gateways.ParkAmount},
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

func openFile(t *testing.T, seed uint64) (gateways.Store, func()) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), fmt.Sprint(seed, ".db")), sqlite.Options{})
	if err != nil {
		t.Error(err)
		return memory.New(), func() {}
	}
	return s, func() { _ = s.Close() }
}

func openSchema(t *testing.T, _ uint64) (gateways.Store, func()) {
	dsn, schema := postgrestest.Schema(t)
	s, err := postgres.Open(t.Context(), dsn, postgres.Options{Schema: schema})
	if err != nil {
		t.Error(err)
		return memory.New(), func() {}
	}
	return s, s.Close
}

// altered is a gateway whose answers are changed.
type altered struct {
	gateways.Gateway
	do, find func(r gateways.Result, err error) (gateways.Result, error)
}

func (g altered) Unwrap() gateways.Gateway { return g.Gateway }

func (g altered) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := g.Gateway.Do(ctx, at, o)
	if g.do != nil {
		return g.do(r, err)
	}
	return r, err
}

func (g altered) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := g.Gateway.Find(ctx, at, o)
	if g.find != nil {
		return g.find(r, err)
	}
	return r, err
}

// Broken providers and books are noticed.
func TestBroken(t *testing.T) {
	t.Parallel()
	ring := keyring(t)
	for name, change := range map[string]func(o *payments.Options){
		"a provider that forgets": func(o *payments.Options) {
			o.Wrap = func(g gateways.Gateway) gateways.Gateway {
				return altered{Gateway: g, find: func(gateways.Result, error) (gateways.Result, error) {
					return gateways.Result{}, gateways.ErrNoOperation
				}}
			}
		},
		"a gateway that takes a lost answer for no effect": func(o *payments.Options) {
			o.Wrap = func(g gateways.Gateway) gateways.Gateway {
				return altered{Gateway: g, do: func(r gateways.Result, err error) (gateways.Result, error) {
					if err != nil {
						err = tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("it did not work"))
					}
					return r, err
				}}
			}
		},
		"a gateway that takes pending for approved": func(o *payments.Options) {
			o.Wrap = func(g gateways.Gateway) gateways.Gateway {
				early := func(r gateways.Result, err error) (gateways.Result, error) {
					if r.Outcome == gateways.Pending {
						r.Outcome = gateways.Approved
					}
					return r, err
				}
				return altered{Gateway: g, do: early, find: early}
			}
		},
		"a gateway that takes every answer for approved": func(o *payments.Options) {
			o.Wrap = func(g gateways.Gateway) gateways.Gateway {
				return altered{Gateway: g, do: func(r gateways.Result, err error) (gateways.Result, error) {
					if r.Outcome == gateways.Declined {
						r.Outcome = gateways.Approved
					}
					return r, err
				}}
			}
		},
		"books that book twice": func(o *payments.Options) {
			o.Settle = func(next gateways.Settler) gateways.Settler {
				return gateways.SettlerFunc(func(ctx context.Context, tx storage.Tx, s gateways.Settlement) error {
					return errors.Join(next.Settled(ctx, tx, s), next.Settled(ctx, tx, s))
				})
			}
		},
		"books that lose": func(o *payments.Options) {
			o.Settle = func(next gateways.Settler) gateways.Settler {
				n := 0
				return gateways.SettlerFunc(func(ctx context.Context, tx storage.Tx, s gateways.Settlement) error {
					if n++; n%10 == 0 {
						return nil
					}
					return next.Settled(ctx, tx, s)
				})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(50) {
				o := payments.Options{Seed: seed + 1, Sealer: ring}
				change(&o)
				if _, err := simulate(t, memory.New(), o); err != nil {
					return
				}
			}
			t.Error("nobody has noticed")
		})
	}
}
