package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

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

func sample(service provisioning.ServiceID, n int) provisioning.SampleKey {
	return provisioning.SampleKey{Service: service, Server: "s", Meter: "m", At: noon().Add(time.Duration(n) * time.Microsecond)}
}

func sampleRules() []StoreRule {
	add := func(all ...provisioning.SampleKey) (func(got *[]provisioning.SampleKey) rowsFunc, []provisioning.SampleKey) {
		return func(got *[]provisioning.SampleKey) rowsFunc {
			return func(ctx context.Context, rows provisioning.Rows) (err error) {
				*got, err = rows.AddSamples(ctx, all)
				return err
			}
		}, all
	}
	return []StoreRule{
		{
			ID: "SAMPLE-1", Name: "once",
			Text: "AddSamples returns those that were not there, in the order given, one that comes twice once; services, servers, meters and microseconds tell samples apart.",
			Why:  "A sample that is counted twice is billed twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var got []provisioning.SampleKey
				first, all := add(sample("b", 2), sample("a", 1), sample("b", 1))
				update(t, st, "add", first(&got))
				t.Equal(got, all, "those that are new")
				update(t, st, "add again", first(&got))
				t.Equal(len(got), 0, "those that are known")
				meter, server := sample("a", 1), sample("a", 1)
				meter.Meter, server.Server = "M", "t"
				some, _ := add(sample("b", 3), sample("a", 1), meter, sample("b", 3), server, sample("b", 0))
				update(t, st, "add some", some(&got))
				t.Equal(got, []provisioning.SampleKey{sample("b", 3), meter, server, sample("b", 0)}, "those that are new")
				none, _ := add()
				update(t, st, "add none", none(&got))
				t.Equal(len(got), 0, "of none")
			},
		},
		{
			ID: "SAMPLE-2", Name: "at once",
			Text: "Of transactions that add a sample at the same time, one is told that it is new.",
			Why:  "Two collectors read the same server.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				counts := make([]int, 6)
				h.AtOnce(t, len(counts), func(i int) {
					for n := range 10 {
						var got []provisioning.SampleKey
						one, _ := add(sample("a", n), sample("b", n))
						if err := st.Update(t.Context(), inRows(st, one(&got))); err != nil {
							t.Errorf("add: %v", err)
							return
						}
						counts[i] += len(got)
					}
				})
				sum := 0
				for _, n := range counts {
					sum += n
				}
				t.Equal(sum, 20, "new ones")
			},
		},
		{
			ID: "SAMPLE-4", Name: "rollback",
			Text: "A sample that was added by a transaction that was rolled back is new.",
			Why:  "Use that was not billed, because it was nearly billed once, is lost.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				add := func(got *[]provisioning.SampleKey, all ...provisioning.SampleKey) rowsFunc {
					return func(ctx context.Context, rows provisioning.Rows) (err error) {
						*got, err = rows.AddSamples(ctx, all)
						return err
					}
				}
				var got []provisioning.SampleKey
				update(t, st, "add a sample", add(&got, sample("a", 1)))
				t.Is(st.Update(t.Context(), inRows(st, func(ctx context.Context, rows provisioning.Rows) error {
					return errors.Join(add(&got, sample("a", 9))(ctx, rows), errRefused)
				})), errRefused, "Update")
				update(t, st, "add both", add(&got, sample("a", 1), sample("a", 9)))
				t.Equal(got, []provisioning.SampleKey{sample("a", 9)}, "samples that are new")
			},
		},
		{
			ID: "SAMPLE-3", Name: "purge",
			Text: "PurgeSamples deletes samples taken before the instant, as many as allowed, and counts them.",
			Why:  "Samples come every hour for ever.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var got []provisioning.SampleKey
				all, _ := add(sample("a", 0), sample("a", 1), sample("b", 1), sample("a", 2), sample("a", 3))
				update(t, st, "add", all(&got))
				purge := func(before time.Time, limit int) (n int) {
					update(t, st, "purge", func(ctx context.Context, rows provisioning.Rows) (err error) {
						n, err = rows.PurgeSamples(ctx, before, limit)
						return err
					})
					return n
				}
				t.Equal(purge(noon(), 9), 0, "before the first")
				t.Equal(purge(noon().Add(2*time.Microsecond), 0), 0, "none of them")
				t.Equal(purge(noon().Add(2*time.Microsecond), 2), 2, "two of three")
				t.Equal(purge(noon().Add(2*time.Microsecond), 2), 1, "the third")
				update(t, st, "add again", all(&got))
				t.Equal(len(got), 3, "those that were forgotten")
			},
		},
		{
			ID: "READING-1", Name: "read back",
			Text: "A reading comes back as it was given, whatever its digits, and the last one of a service, server and meter counts.",
			Why:  "Usage is the difference to the last reading.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				reading := func(service provisioning.ServiceID, meter, value string) provisioning.Reading {
					return provisioning.Reading{
						Service: service, Server: "s", Meter: meter, Metric: provisioning.Counter, Value: decimal.RequireFromString(value), Epoch: odd, At: noon(),
					}
				}
				all := []provisioning.Reading{
					reading("a", "0", "0"), reading("a", "1", "123456789012345678901234567890.123456789012345678"),
					reading("a", "2", "0.000000000000000001"), reading("b", "1", "12e15"),
				}
				plain := provisioning.Reading{Service: "a", Server: "t", Meter: "1", Metric: provisioning.Gauge, At: noon().Add(time.Microsecond)}
				put := func(all ...provisioning.Reading) rowsFunc {
					return func(ctx context.Context, rows provisioning.Rows) error { return rows.PutReadings(ctx, all) }
				}
				read := func(ids ...provisioning.ServiceID) map[string]string {
					got := map[string]string{}
					view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
						clear(got)
						all, err := rows.Readings(ctx, ids)
						for _, x := range all {
							got[fmt.Sprintf("%s %s %s", x.Service, x.Server, x.Meter)] = fmt.Sprint(x.Metric, x.Value, x.Epoch, x.At)
						}
						if len(got) != len(all) {
							t.Errorf("%d readings of %d meters", len(all), len(got))
						}
						return err
					})
					return got
				}
				want := map[string]string{}
				for _, x := range append(all, plain) {
					want[fmt.Sprintf("%s %s %s", x.Service, x.Server, x.Meter)] = fmt.Sprint(x.Metric, x.Value, x.Epoch, x.At)
				}
				update(t, st, "write", put(append(all, plain)...))
				t.Equal(read("a", "b", "c"), want, "the readings")
				t.Equal(len(read("b")), 1, "readings of another")
				t.Equal(len(read()), 0, "readings of nobody")
				later := reading("a", "1", "5")
				later.Epoch, later.At, later.Metric = "", noon().Add(time.Hour), provisioning.Gauge
				want["a s 1"] = fmt.Sprint(later.Metric, later.Value, later.Epoch, later.At)
				update(t, st, "write again", put(later))
				t.Equal(read("a", "b"), want, "the last readings")
			},
		},
		{
			ID: "READING-2", Name: "collected",
			Text: "Collected is what PutCollected noted last for the server and kind, the zero time before.",
			Why:  "What was read already is read again each day.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				note := func(server provisioning.ServerID, kind provisioning.Kind, at time.Time) {
					update(t, st, "note", func(ctx context.Context, rows provisioning.Rows) error {
						return rows.PutCollected(ctx, server, kind, at)
					})
				}
				note("s", "web", noon())
				note("s", "mail", noon().Add(time.Hour))
				note("s", "web", noon().Add(time.Microsecond))
				view(t, st, func(ctx context.Context, rows provisioning.Rows) error {
					got, err := rows.Collected(ctx, "s", "web")
					t.OK(err, "Collected")
					t.Equal(got, noon().Add(time.Microsecond), "what was noted last")
					got, err = rows.Collected(ctx, "t", "web")
					t.Equal(got.IsZero(), true, "of another server")
					return err
				})
			},
		},
	}
}
