package provisioningtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

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
			Text: "PurgeSamples deletes samples of a server taken before the instant, as many as allowed, and counts them.",
			Why:  "Samples come every hour for ever.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var got []provisioning.SampleKey
				elsewhere := sample("a", 0)
				elsewhere.Server = "t"
				all, _ := add(sample("a", 0), sample("a", 1), sample("b", 1), sample("a", 2), sample("a", 3), elsewhere)
				update(t, st, "add", all(&got))
				purge := func(before time.Time, limit int) (n int) {
					update(t, st, "purge", func(ctx context.Context, rows provisioning.Rows) (err error) {
						n, err = rows.PurgeSamples(ctx, "s", before, limit)
						return err
					})
					return n
				}
				t.Equal(purge(noon(), 9), 0, "before the first")
				t.Equal(purge(noon().Add(2*time.Microsecond), 0), 0, "none of them")
				t.Equal(purge(noon().Add(2*time.Microsecond), 2), 2, "two of three")
				t.Equal(purge(noon().Add(2*time.Microsecond), 2), 1, "the third")
				t.Equal(purge(noon().Add(2*time.Microsecond), 2), 0, "what is of another server")
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
						Service: service, Server: "s", Meter: meter, Metric: provisioning.Counter, Value: decimal.RequireFromString(value), Epoch: odd, At: noon(), Stay: 1<<40 + int64(len(meter)),
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
							got[fmt.Sprintf("%s %s %s", x.Service, x.Server, x.Meter)] = fmt.Sprint(x.Metric, x.Value, x.Epoch, x.At, x.Stay)
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
					want[fmt.Sprintf("%s %s %s", x.Service, x.Server, x.Meter)] = fmt.Sprint(x.Metric, x.Value, x.Epoch, x.At, x.Stay)
				}
				update(t, st, "write", put(append(all, plain)...))
				t.Equal(read("a", "b", "c"), want, "the readings")
				t.Equal(len(read("b")), 1, "readings of another")
				t.Equal(len(read()), 0, "readings of nobody")
				later := reading("a", "1", "5")
				later.Epoch, later.At, later.Metric, later.Stay = "", noon().Add(time.Hour), provisioning.Gauge, 7
				want["a s 1"] = fmt.Sprint(later.Metric, later.Value, later.Epoch, later.At, later.Stay)
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
