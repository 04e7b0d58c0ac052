package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func chain(id provisioning.ChainID, key string) provisioning.Chain {
	return provisioning.Chain{
		ID: id, Version: 1, Seller: "seller", Account: "account", Key: key, Ordered: noon(),
		Services: []provisioning.ServiceID{"a"}, State: provisioning.ChainBuilding,
	}
}

func putChain(c provisioning.Chain) rowsFunc {
	return func(ctx context.Context, rows provisioning.Rows) error { return rows.PutChain(ctx, c) }
}

func chainRules() []StoreRule {
	return []StoreRule{
		{
			ID: "CHAIN-1", Name: "read back",
			Text: "A chain comes back with every field equal, by ID, by key and in a page, and is replaced whole from the version before only.",
			Why:  "What an order has made could not be undone.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := filled[provisioning.Chain]()
				full.ID, full.Version, full.Key = "b", 1, odd
				update(t, st, "write", putChain(full))
				bare := chain("a", "")
				update(t, st, "write another", putChain(bare))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.Chain(ctx, "b")
					t.OK(err, "Chain")
					t.Equal(got, full, "by ID")
					got, err = rows.ChainByKey(ctx, full.Seller, odd)
					t.OK(err, "ChainByKey")
					t.Equal(got, full, "by key")
					page, err := rows.ChainPage(ctx, "", "", 9)
					t.OK(err, "ChainPage")
					t.Equal(page, []provisioning.Chain{bare, full}, "a page")
					page, err = rows.ChainPage(ctx, "", "a", 1)
					t.OK(err, "ChainPage")
					t.Equal(page, []provisioning.Chain{full}, "the next page")
					page, err = rows.ChainPage(ctx, provisioning.ChainBuilding, "", 9)
					t.OK(err, "ChainPage")
					t.Equal(page, []provisioning.Chain{bare}, "those being built")
					page, err = rows.ChainPage(ctx, "", "", 0)
					t.OK(err, "ChainPage")
					t.Equal(len(page), 0, "a page of none")
					_, err = rows.Chain(ctx, "x")
					t.Is(err, storage.ErrNotFound, "a chain that is not there")
					_, err = rows.ChainByKey(ctx, "other", odd)
					t.Is(err, storage.ErrNotFound, "the key of another seller")
					_, err = rows.ChainByKey(ctx, "seller", "")
					t.Is(err, storage.ErrNotFound, "no key")
					return nil
				})
				again := chain("b", odd)
				again.Seller, again.Version = full.Seller, 2
				update(t, st, "write again", putChain(again))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.Chain(ctx, "b")
					t.Equal(got, again, "what was written last")
					return err
				})
				fails(t, st, storage.ErrConflict, "version 1 of one that is there", putChain(full))
				fails(t, st, storage.ErrConflict, "the same version", putChain(again))
				missing := chain("z", "")
				missing.Version = 2
				fails(t, st, storage.ErrConflict, "version 2 of one that is not there", putChain(missing))
			},
		},
		{
			ID: "CHAIN-2", Name: "keys",
			Text: "A key that is not empty belongs to one chain of a seller, also when two transactions take it at once; another is storage.ErrExists.",
			Why:  "A signup that is sent twice must not be made twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				update(t, st, "write", putChain(chain("a", "k")))
				fails(t, st, storage.ErrExists, "the key again", putChain(chain("b", "k")))
				other := chain("c", "k")
				other.Seller = "other"
				update(t, st, "another seller's", putChain(other))
				update(t, st, "no key", putChain(chain("d", "")))
				update(t, st, "no key again", putChain(chain("e", "")))
				won := make([]bool, 8)
				h.AtOnce(t, len(won), func(i int) {
					err := tried(t, st, putChain(chain(provisioning.ChainID(fmt.Sprint("x", i)), "wanted")))
					won[i] = err == nil
					if err != nil && !errors.Is(err, storage.ErrExists) && !errors.Is(err, storage.ErrConflict) {
						t.Errorf("the loser is told %v", err)
					}
				})
				n := 0
				for _, w := range won {
					if w {
						n++
					}
				}
				t.Equal(n, 1, "winners")
			},
		},
	}
}

func gateRules() []StoreRule {
	return []StoreRule{
		{
			ID: "GATE-1", Name: "read back",
			Text: "A gate comes back with every field equal, alone, locked and in a page; one that is not there has its server only.",
			Why:  "A breaker that is forgotten lets a dead server hold every worker.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := filled[provisioning.Gate]()
				full.Server, full.ClosedUntil = "b", noon()
				bare := provisioning.Gate{Server: "a"}
				write := func(g provisioning.Gate) rowsFunc {
					return func(ctx context.Context, rows provisioning.Rows) error {
						was, err := rows.LockGate(ctx, g.Server)
						t.OK(err, "LockGate")
						t.Equal(was.Server, g.Server, "the server of a gate")
						return rows.PutGate(ctx, g)
					}
				}
				update(t, st, "write", write(full))
				update(t, st, "write another", write(bare))
				closed := func(at time.Time, after provisioning.ServerID, limit int) (all []provisioning.Gate) {
					view(t, st, func(ctx context.Context, rows provisioning.Rows) (err error) {
						all, err = rows.Gates(ctx, at, after, limit)
						return err
					})
					return all
				}
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.Gate(ctx, "b")
					t.OK(err, "Gate")
					t.Equal(got, full, "a gate")
					got, err = rows.Gate(ctx, "x")
					t.Equal(got, provisioning.Gate{Server: "x"}, "a gate that is not there")
					return err
				})
				t.Equal(closed(time.Time{}, "", 9), []provisioning.Gate{bare, full}, "all")
				t.Equal(closed(time.Time{}, "a", 9), []provisioning.Gate{full}, "the next")
				t.Equal(closed(time.Time{}, "", 1), []provisioning.Gate{bare}, "one")
				t.Equal(len(closed(time.Time{}, "", 0)), 0, "none")
				t.Equal(closed(noon().Add(-time.Microsecond), "", 9), []provisioning.Gate{full}, "those closed just before the end")
				t.Equal(len(closed(noon(), "", 9)), 0, "those closed at the end")
				full.Slots, full.ClosedUntil = nil, time.Time{}
				update(t, st, "open it", write(full))
				t.Equal(len(closed(noon().AddDate(-1, 0, 0), "", 9)), 0, "those closed after it was opened")
				update(t, st, "lock what is there", func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.LockGate(ctx, "b")
					t.Equal(got, full, "the gate")
					return err
				})
			},
		},
		{
			ID: "GATE-2", Name: "one at a time",
			Text: "Transactions that lock a gate, change and write it do so one after the other, also when it is not there yet.",
			Why:  "Two that count the same calls let one too many through.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				const n = 8
				h.AtOnce(t, n, func(i int) {
					for {
						err := st.Update(t.Context(), inRows(st, func(ctx context.Context, rows provisioning.Rows) error {
							g, err := rows.LockGate(ctx, "s")
							if err != nil {
								return err
							}
							g.Failures++
							return rows.PutGate(ctx, g)
						}))
						if err == nil {
							return
						}
						if !errors.Is(err, storage.ErrConflict) {
							t.Errorf("transaction %d: %v", i, err)
							return
						}
					}
				})
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					g, err := rows.Gate(ctx, "s")
					t.Equal(g.Failures, n, "the count")
					return err
				})
			},
		},
	}
}
