package payments_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/internal/simulation/payments"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

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
func simulate(t testing.TB, o payments.Options) (map[string]int, error) {
	w, err := payments.New(t.Context(), memory.New(), o)
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
	ring := keyring(t)
	all, one := seeds(t, 200)
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
				stats, err := simulate(t, o)
				if err != nil {
					failed.Add(1)
					t.Errorf("seed %d: %v\nTIERHOST_SIM_SEED=%d go test ./internal/simulation/payments -run '^TestPayments$' -v", o.Seed, err, o.Seed)
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
}

// forgetful has a provider do what it is told each time, key or not.
type twice struct{ gateways.Gateway }

func (g twice) Unwrap() gateways.Gateway { return g.Gateway }

// Find says that nothing is known, at once and wrongly.
func (g twice) Find(context.Context, gateways.Place, gateways.Operation) (gateways.Result, error) {
	return gateways.Result{}, gateways.ErrNoOperation
}

// Broken providers and books are noticed.
func TestBroken(t *testing.T) {
	t.Parallel()
	ring := keyring(t)
	for name, change := range map[string]func(o *payments.Options){
		"a provider that forgets": func(o *payments.Options) {
			o.Wrap = func(g gateways.Gateway) gateways.Gateway { return twice{g} }
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
				if _, err := simulate(t, o); err != nil {
					return
				}
			}
			t.Error("nobody has noticed")
		})
	}
}
