package gatewaytest

import (
	"context"
	"errors"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func logRules() []StoreRule {
	return []StoreRule{
		{
			ID: "LOG-1", Name: "charge log",
			Text: "What is added to the charge log comes back per payment in the order in which it was added, with every field and rising numbers, page by page.",
			Why:  "It is what was said; nothing of it may be lost or change places.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				full := filled[gateways.LogEntry]()
				full.Payment = "a"
				entry := func(id, text string) gateways.LogEntry {
					return gateways.LogEntry{Payment: gateways.PaymentID(id), Account: "x", Exchange: gateways.Exchange{At: noon(), Request: text, Answer: odd}}
				}
				want := []gateways.LogEntry{full, entry("a", "1"), entry("a", "2"), entry("a", "3")}
				update(t, st, "add", func(ctx context.Context, rows gateways.Rows) error {
					return errors.Join(rows.AddExchanges(ctx, []gateways.LogEntry{full, entry("b", "0"), entry("a", "1")}), rows.AddExchanges(ctx, nil))
				})
				update(t, st, "add", func(ctx context.Context, rows gateways.Rows) error {
					return errors.Join(rows.AddExchanges(ctx, []gateways.LogEntry{entry("a", "2")}), rows.AddExchanges(ctx, []gateways.LogEntry{entry("a", "3")}))
				})
				view(t, st, func(ctx context.Context, rows gateways.Rows) error {
					for limit := 1; limit < 6; limit++ {
						var got []gateways.LogEntry
						last := int64(0)
						for {
							page, err := rows.Exchanges(ctx, "a", last, limit)
							if err != nil {
								return err
							}
							for _, e := range page {
								if e.Number <= last {
									t.Errorf("number %d after %d", e.Number, last)
								}
								last = e.Number
								e.Number = full.Number
								got = append(got, e)
							}
							if len(page) < limit {
								break
							}
						}
						for i := range want {
							want[i].Number = full.Number
						}
						t.Equal(got, want, "pages of %d", limit)
					}
					none, err := rows.Exchanges(ctx, "nobody", 0, 9)
					t.Equal(len(none), 0, "the log of nobody")
					return err
				})
			},
		},
		{
			ID: "LOG-2", Name: "statistics",
			Text: "Counts of the same day, brand, verb, outcome and currency add up, also at the same time; they come back from day to day, both included, in order.",
			Why:  "Totals per gateway are compared with the provider's statement.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				yen, err := money.ISO("JPY")
				t.OK(err, "yen")
				points, err := money.Custom("POINTS", 3)
				t.OK(err, "points")
				count := func(day string, brand gateways.Brand, c money.Currency, minor int64) gateways.Count {
					return gateways.Count{Account: "a", Day: day, Brand: brand, Verb: gateways.VerbCharge, Outcome: "approved", Currency: c, Number: 1, Minor: minor}
				}
				eur := euro(0).Currency()
				add := func(all ...gateways.Count) rowsFunc {
					return func(ctx context.Context, rows gateways.Rows) (err error) {
						for _, c := range all {
							err = errors.Join(err, rows.Count(ctx, c))
						}
						return err
					}
				}
				other := count("2031-05-01", gateways.Visa, eur, 7)
				other.Account = "b"
				update(t, st, "count", add(count("2031-05-02", gateways.Visa, eur, 100), count("2031-05-01", gateways.Visa, eur, 50), count("2031-05-01", gateways.JCB, yen, 3),
					count("2031-05-01", "", points, 1), count("2031-05-03", gateways.Visa, eur, 9), other))
				h.AtOnce(t, 4, func(int) {
					if err := st.Update(t.Context(), rowsOf().Within(st, add(count("2031-05-01", gateways.Visa, eur, 10)))); err != nil {
						t.Errorf("count at once: %v", err)
					}
				})
				view(t, st, func(ctx context.Context, rows gateways.Rows) error {
					sum := count("2031-05-01", gateways.Visa, eur, 90)
					sum.Number = 5
					got, err := rows.Counts(ctx, "a", "2031-05-01", "2031-05-02")
					t.Equal(got, []gateways.Count{
						count("2031-05-01", "", points, 1), count("2031-05-01", gateways.JCB, yen, 3), sum, count("2031-05-02", gateways.Visa, eur, 100),
					}, "the counts of two days")
					none, err2 := rows.Counts(ctx, "nobody", "2031-01-01", "2031-12-31")
					t.Equal(len(none), 0, "the counts of nobody")
					return errors.Join(err, err2)
				})
			},
		},
	}
}
