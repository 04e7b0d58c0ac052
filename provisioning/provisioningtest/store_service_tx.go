package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// serviceCalls are all methods of provisioning.ServiceRows. The store has what
// [seedServices] writes.
func serviceCalls() []call {
	err2 := func(_ any, err error) error { return err }
	claim := provisioning.Claim{Server: "s", Kind: "web", Name: "a"}
	return []call{
		plain("PutServices", putServices(service("new"))),
		plain("PutChain", putChain(chain("new", "new"))),
		writes("LockGate", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.LockGate(ctx, "s")) }),
		plain("PutGate", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.PutGate(ctx, provisioning.Gate{Server: "s", Failures: 9})
		}),
		writes("AddSamples", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.AddSamples(ctx, []provisioning.SampleKey{sample("a", 9)}))
		}),
		writes("PurgeSamples", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.PurgeSamples(ctx, "s", noon().Add(time.Hour), 9))
		}),
		plain("PutReadings", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.PutReadings(ctx, []provisioning.Reading{{Service: "a", Server: "s", Meter: "new", At: noon()}})
		}),
		plain("PutCollected", func(ctx context.Context, rows provisioning.Rows) error {
			return rows.PutCollected(ctx, "s", "web", noon().Add(time.Hour))
		}),
		plain("PutStays", putStays(stay("a", 9, "s"))),
		writes("PurgeStays", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.PurgeStays(ctx, "s", noon().Add(9*time.Hour), 9))
		}),
		reads("Stays", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Stays(ctx, []provisioning.Claim{claim}))
		}),
		reads("UncountedStays", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.UncountedStays(ctx, "", 1)) }),
		reads("Services", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Services(ctx, []provisioning.ServiceID{"a"}))
		}),
		reads("ServiceByName", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.ServiceByName(ctx, claim)) }),
		reads("ServicePage", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.ServicePage(ctx, provisioning.ServiceQuery{}, "", 1))
		}),
		reads("DueServices", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.DueServices(ctx, noon(), nil, 1))
		}),
		reads("NextDue", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.NextDue(ctx, noon())) }),
		reads("Chain", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Chain(ctx, "c")) }),
		reads("ChainByKey", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.ChainByKey(ctx, "seller", "k"))
		}),
		reads("ChainPage", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.ChainPage(ctx, "", "", 1)) }),
		reads("Gate", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Gate(ctx, "s")) }),
		reads("Gates", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Gates(ctx, time.Time{}, "", 1))
		}),
		reads("Readings", func(ctx context.Context, rows provisioning.Rows) error {
			return err2(rows.Readings(ctx, []provisioning.ServiceID{"a"}))
		}),
		reads("Collected", func(ctx context.Context, rows provisioning.Rows) error { return err2(rows.Collected(ctx, "s", "web")) }),
	}
}

// seedServices writes a row of each sort.
func seedServices(t *conformance.T, st provisioning.Store) {
	t.Helper()
	update(t, st, "seed", func(ctx context.Context, rows provisioning.Rows) error {
		_, gated := rows.LockGate(ctx, "s")
		_, sampled := rows.AddSamples(ctx, []provisioning.SampleKey{sample("a", 1)})
		return errors.Join(gated, sampled, rows.PutServices(ctx, []provisioning.Service{service("a"), fullService("b")}), rows.PutChain(ctx, chain("c", "k")),
			rows.PutGate(ctx, provisioning.Gate{Server: "s", Failures: 1}), rows.PutCollected(ctx, "s", "web", noon()),
			rows.PutStays(ctx, []provisioning.Stay{stay("a", 1, "s"), uncounted(stay("b", 1, "s"))}),
			rows.PutReadings(ctx, []provisioning.Reading{{Service: "a", Server: "s", Meter: "m", Value: decimal.NewFromInt(1), At: noon()}}))
	})
}

func serviceTxRules() []StoreRule {
	return []StoreRule{
		{
			ID: "TX-6", Name: "own writes",
			Text: "Every read sees what the transaction has written.",
			Why:  "An order is stored, and its services read, in one transaction.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				update(t, st, "write and read", func(ctx context.Context, rows provisioning.Rows) error {
					s := service("a")
					t.OK(rows.PutServices(ctx, []provisioning.Service{s}), "PutServices")
					s = next(s, func(s *provisioning.Service) { s.Account = "other" })
					t.OK(rows.PutServices(ctx, []provisioning.Service{s}), "PutServices again")
					got, err := rows.Services(ctx, []provisioning.ServiceID{"a"})
					t.OK(err, "Services")
					t.Equal(got, []provisioning.Service{s}, "by ID")
					one, err := rows.ServiceByName(ctx, s.Claims()[0])
					t.OK(err, "ServiceByName")
					t.Equal(one, s, "by name")
					got, err = rows.ServicePage(ctx, provisioning.ServiceQuery{Account: "other"}, "", 9)
					t.OK(err, "ServicePage")
					t.Equal(serviceIDs(got), []string{"a"}, "in a page")
					got, err = rows.DueServices(ctx, noon(), nil, 9)
					t.OK(err, "DueServices")
					t.Equal(serviceIDs(got), []string{"a"}, "among those due")
					t.OK(rows.PutChain(ctx, chain("c", "k")), "PutChain")
					_, err = rows.ChainByKey(ctx, "seller", "k")
					t.OK(err, "ChainByKey")
					g, err := rows.LockGate(ctx, "s")
					t.OK(err, "LockGate")
					g.Failures = 3
					t.OK(rows.PutGate(ctx, g), "PutGate")
					g, err = rows.LockGate(ctx, "s")
					t.Equal(g.Failures, 3, "the gate")
					return err
				})
			},
		},
		{
			ID: "MODEL-2", Name: "as the reference",
			Text: "Random writes are answered, and leave behind, what they do in storage/memory.",
			Why:  "Rules that nobody has thought of hold as well.",
			Check: func(t *conformance.T, h StoreHarness) {
				rnd := rand.New(rand.NewPCG(2, 0))
				st, model := h.New(t.Test()), provisioning.Store(memory.New())
				for step := range 300 {
					name, op := randomServiceWrite(rnd)
					got, want := answer(t, st, op), answer(t, model, op)
					t.Equal(got, want, "step %d: %s", step, name)
					if step%50 == 49 {
						t.Equal(serviceDump(t, st), serviceDump(t, model), "what is left after step %d", step)
					}
					if t.Failed() {
						return
					}
				}
			},
		},
	}
}

// randomServiceWrite is a write, with what it is called. Its answer is text.
func randomServiceWrite(rnd *rand.Rand) (string, func(ctx context.Context, rows provisioning.Rows) (any, error)) {
	word := func() string { return string(rune('a' + rnd.IntN(4))) }
	id, version := word(), int64(1+rnd.IntN(3))
	at := noon().Add(time.Duration(rnd.IntN(4)) * time.Second)
	switch rnd.IntN(8) {
	case 0, 1, 2:
		var all []provisioning.Service
		for range 1 + rnd.IntN(2) {
			s := service(provisioning.ServiceID(word()))
			s.Version, s.Name, s.Server = int64(1+rnd.IntN(4)), word(), provisioning.ServerID(word())
			s.Due, s.Lease = at, provisioning.Lease{}
			if rnd.IntN(3) == 0 {
				s.Move = &provisioning.Move{To: provisioning.ServerID(word())}
			}
			if len(all) == 0 || all[0].ID != s.ID {
				all = append(all, s)
			}
		}
		return fmt.Sprintf("put %v", serviceIDs(all)), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return nil, rows.PutServices(ctx, all)
		}
	case 3:
		c := chain(provisioning.ChainID(id), "")
		if c.Version = version; rnd.IntN(2) == 0 {
			c.Key = word()
		}
		return fmt.Sprintf("put chain %s/%d %q", id, version, c.Key), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return nil, rows.PutChain(ctx, c)
		}
	case 4:
		k := sample(provisioning.ServiceID(id), rnd.IntN(5))
		return fmt.Sprintf("add %+v", k), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return rows.AddSamples(ctx, []provisioning.SampleKey{k, sample("a", 0)})
		}
	case 5:
		x := stay(provisioning.ServiceID(id), version, "s")
		if x.Until = at; rnd.IntN(2) == 0 {
			x = uncounted(x)
		}
		return fmt.Sprintf("put stay %s/%d", id, version), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			return nil, rows.PutStays(ctx, []provisioning.Stay{x})
		}
	case 6:
		return fmt.Sprintf("purge before %s", at), func(ctx context.Context, rows provisioning.Rows) (any, error) {
			stays, err := rows.PurgeStays(ctx, "s", at, 9)
			if err != nil {
				return nil, err
			}
			samples, err := rows.PurgeSamples(ctx, "s", at, 9)
			return fmt.Sprint(stays, samples), err
		}
	}
	except := []provisioning.ServerID{provisioning.ServerID(word())}
	return fmt.Sprintf("due at %s but %v", at, except), func(ctx context.Context, rows provisioning.Rows) (any, error) {
		found, err := rows.DueServices(ctx, at, except, 3)
		if err != nil {
			return nil, err
		}
		nextDue, err := rows.NextDue(ctx, at)
		return fmt.Sprint(serviceIDs(found), nextDue), err
	}
}
