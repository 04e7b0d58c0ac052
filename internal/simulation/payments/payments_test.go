package payments_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/internal/simulation/histories"
	"github.com/tierhost/tierhost/internal/simulation/payments"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(postgrestest.Run(m))
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
	ring := histories.Keyring(t)
	histories.Play(t, func(t *testing.T, st histories.Store, seed uint64, trace func(string, ...any)) (map[string]int, error) {
		return simulate(t, st, payments.Options{Seed: seed, Sealer: ring, Trace: trace})
	}, happened)
}

// happened fails unless everything has happened that the simulation is there for.
func happened(t *testing.T, sum map[string]int) {
	t.Helper()
	histories.Happened(t, sum, map[string][]string{
		"store ": {"unreachable", "fails at commit", "conflict", "answer lost"},
		"provider ": {
			"out", "declined softly", "declined hard", "fails before", "fails after", "fails after, hidden", "pending", "another amount", "asks the customer", "sets a limit",
			"sends a refund later",
		},
		"": {
			"capture", "void", "refund", "cancel", "asked again", "completed", "returned", "card reset", "notification 200", "notification 503", "notification lost", "meanwhile",
			"dispute", "books closed", "refund comes back", "authorization runs out", "resolved", "looked up by staff", "notice parked",
		},
		"end ":    {"paid", "declined", "voided", "authorized", "failed"},
		"undone ": {"refund", "authorize"},
		"parked ": {gateways.ParkAmount, gateways.ParkTwice, gateways.ParkLost, gateways.ParkRefused, gateways.ParkExcess},
	})
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
	ring := histories.Keyring(t)
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
