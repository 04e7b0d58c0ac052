package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// payment is a payment that was changed.
func payment(id string, change func(p *gateways.Payment)) gateways.Payment {
	p := paymentKind().Row(id)
	change(&p)
	return p
}

func puts(all ...gateways.Payment) rowsFunc {
	return func(ctx context.Context, rows gateways.Rows) (err error) {
		for _, p := range all {
			err = errors.Join(err, rows.PutPayment(ctx, p))
		}
		return err
	}
}

func ids(all []gateways.Payment) (names []string) {
	for _, p := range all {
		names = append(names, string(p.ID))
	}
	return names
}

func attempts(ids ...string) (all []gateways.Attempt) {
	for _, id := range ids {
		all = append(all, gateways.Attempt{ID: gateways.OperationID(id), Verb: gateways.VerbCharge, Account: "a", Amount: euro(1000), State: gateways.AttemptUnknown})
	}
	return all
}

func paymentRules() []StoreRule {
	return []StoreRule{
		{
			ID: "PAY-4", Name: "keys",
			Text: "A key is one payment's of the seller: another with it is storage.ErrConflict, also at the same time; PaymentByKey finds it. Payments without a key do not disturb each other.",
			Why:  "Whoever has lost the answer asks again with the key, and must not pay twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				keyed := func(id, seller, key string) gateways.Payment {
					return payment(id, func(p *gateways.Payment) { p.Seller, p.Key = seller, key })
				}
				update(t, st, "write", puts(keyed("a", "shop", odd), keyed("b", "other", odd), keyed("c", "shop", ""), keyed("d", "shop", ""), keyed("e", "shop", "x")))
				fails(t, st, storage.ErrConflict, "another with the key", puts(keyed("f", "shop", odd)))
				view(t, st, func(ctx context.Context, rows gateways.Rows) error {
					for _, x := range [][3]string{{"shop", odd, "a"}, {"other", odd, "b"}, {"shop", "x", "e"}} {
						p, err := rows.PaymentByKey(ctx, x[0], x[1])
						t.OK(err, "PaymentByKey")
						t.Equal(string(p.ID), x[2], "the payment with the key %q of %s", x[1], x[0])
					}
					for _, x := range [][2]string{{"shop", ""}, {"shop", "X"}, {"nobody", "x"}} {
						_, err := rows.PaymentByKey(ctx, x[0], x[1])
						t.Is(err, storage.ErrNotFound, "PaymentByKey of %q", x)
					}
					return nil
				})
				won := make(chan bool, 4)
				h.AtOnce(t, 4, func(i int) {
					err := rowsOf().Tried(t, st, puts(keyed(fmt.Sprint("new", i), "shop", "at once")))
					if err != nil {
						t.Is(err, storage.ErrConflict, "one that came second")
					}
					won <- err == nil
				})
				n := 0
				for range 4 {
					if <-won {
						n++
					}
				}
				t.Equal(n, 1, "how many of four at once have the key")
			},
		},
		{
			ID: "PAY-5", Name: "operations",
			Text: "An operation is one payment's: another with it is storage.ErrConflict and writes nothing; PaymentByOperation finds it as long as it is there.",
			Why:  "What a provider says of an operation must reach the payment that it was made for.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				made := func(id string, version int64, ops ...string) gateways.Payment {
					return payment(id, func(p *gateways.Payment) { p.Version, p.Attempts = version, attempts(ops...) })
				}
				update(t, st, "write", puts(made("a", 1, "op-1"), made("b", 1, "op-2", "op-3")))
				update(t, st, "another attempt", puts(made("a", 2, "op-1", "op-4")))
				fails(t, st, storage.ErrConflict, "another payment's operation", puts(made("c", 1, "op-5", "op-3")))
				fails(t, st, storage.ErrConflict, "another payment's operation, later", puts(made("a", 3, "op-1", "op-4", "op-2")))
				owner := func(what string, want map[string]string) {
					view(t, st, func(ctx context.Context, rows gateways.Rows) error {
						for op, id := range want {
							p, err := rows.PaymentByOperation(ctx, gateways.OperationID(op))
							if id == "" {
								t.Is(err, storage.ErrNotFound, "%s: PaymentByOperation of %q", what, op)
								continue
							}
							t.OK(err, "%s: PaymentByOperation of %q", what, op)
							t.Equal(string(p.ID), id, "%s: the payment of %q", what, op)
						}
						return nil
					})
				}
				owner("at first", map[string]string{"op-1": "a", "op-2": "b", "op-3": "b", "op-4": "a", "op-5": "", "": "", "OP-1": ""})
				update(t, st, "it is let go", puts(made("b", 2, "op-2")))
				owner("let go", map[string]string{"op-2": "b", "op-3": ""})
			},
		},
		{
			ID: "PAY-6", Name: "references",
			Text: "PaymentByReference finds a payment by what the provider calls it, or one of its attempts, at its account; of several the first by ID.",
			Why:  "Notifications name what the provider calls it.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				named := func(id string, version int64, account, reference, attempt string) gateways.Payment {
					return payment(id, func(p *gateways.Payment) {
						p.Version, p.Account, p.Reference = version, gateways.AccountID(account), reference
						p.Attempts = attempts("op-" + id)
						p.Attempts[0].Account, p.Attempts[0].Reference = "a", attempt
					})
				}
				update(t, st, "write", puts(named("p2", 1, "a", "one", "one"), named("p1", 1, "a", "two", "refund"), named("p3", 1, "b", "one", ""), named("p0", 1, "a", "", "")))
				check := func(account, reference, want string) {
					view(t, st, func(ctx context.Context, rows gateways.Rows) error {
						p, err := rows.PaymentByReference(ctx, gateways.AccountID(account), reference)
						if want == "" {
							t.Is(err, storage.ErrNotFound, "%q at %s", reference, account)
							return nil
						}
						t.Equal(string(p.ID), want, "%q at %s", reference, account)
						return err
					})
				}
				for _, x := range [][3]string{
					{"a", "one", "p2"}, {"a", "two", "p1"}, {"a", "refund", "p1"}, {"b", "one", "p3"}, {"a", "", ""}, {"a", "on", ""}, {"a", "ONE", ""}, {"c", "one", ""}, {"b", "two", ""},
				} {
					check(x[0], x[1], x[2])
				}
				update(t, st, "another of the same", puts(named("p1", 2, "a", "one", "refund2")))
				check("a", "one", "p1")
				check("a", "two", "")
				check("a", "refund", "")
				check("a", "refund2", "p1")
			},
		},
		{
			ID: "PAY-7", Name: "queries",
			Text: "A query finds the payments whose fields are those of the query, now; one without a seller finds the host's own, and everybody's only if it says so.",
			Why:  "A payment that is not found is not looked at.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				all := gateways.PaymentQuery{AllSellers: true}
				with := func(set func(q *gateways.PaymentQuery)) gateways.PaymentQuery {
					q := all
					set(&q)
					return q
				}
				update(t, st, "write", puts(
					payment("a", func(p *gateways.Payment) { p.Account, p.Instrument, p.Reference = "x", "card", "one" }),
					payment("b", func(p *gateways.Payment) { p.Seller, p.Phase = "other", gateways.PhasePaid }),
					payment("c", func(p *gateways.Payment) {
						p.Customer, p.Account, p.Reference, p.Parked = "bert", "y", "one", &gateways.Parking{Reason: "r", At: noon()}
					}),
					payment("d", func(p *gateways.Payment) { p.Account, p.Phase, p.Reference = "x", gateways.PhasePaid, "one" }),
					payment("e", func(p *gateways.Payment) { p.Seller = "" }),
				))
				check := func(q gateways.PaymentQuery, want ...string) {
					view(t, st, func(ctx context.Context, rows gateways.Rows) error {
						all, err := rows.Payments(ctx, q, "", 10)
						t.Equal(ids(all), want, "%+v", q)
						return err
					})
				}
				check(all, "a", "b", "c", "d", "e")
				check(gateways.PaymentQuery{Seller: "shop"}, "a", "c", "d")
				check(gateways.PaymentQuery{}, "e")
				check(with(func(q *gateways.PaymentQuery) { q.Customer = "bert" }), "c")
				check(with(func(q *gateways.PaymentQuery) { q.Account = "x" }), "a", "d")
				check(with(func(q *gateways.PaymentQuery) { q.Instrument = "card" }), "a")
				check(with(func(q *gateways.PaymentQuery) { q.Phase = gateways.PhasePaid }), "b", "d")
				check(with(func(q *gateways.PaymentQuery) { q.Parked = true }), "c")
				check(with(func(q *gateways.PaymentQuery) { q.Account, q.Phase = "x", gateways.PhasePaid }), "d")
				check(with(func(q *gateways.PaymentQuery) { q.Reference = gateways.Reference{Account: "x", Value: "one"} }), "a", "d")
				check(with(func(q *gateways.PaymentQuery) { q.Reference = gateways.Reference{Account: "y", Value: "one"} }), "c")
				check(with(func(q *gateways.PaymentQuery) { q.Reference = gateways.Reference{Account: "x", Value: "ONE"} }))
				check(gateways.PaymentQuery{Seller: "shop", Phase: gateways.PhasePaid, Reference: gateways.Reference{Account: "x", Value: "one"}}, "d")
				check(gateways.PaymentQuery{Seller: "nobody"})
				update(t, st, "it is seen to", puts(payment("c", func(p *gateways.Payment) { p.Version, p.Customer = 2, "carl" })))
				check(with(func(q *gateways.PaymentQuery) { q.Parked = true }))
				check(with(func(q *gateways.PaymentQuery) { q.Customer = "bert" }))
				check(with(func(q *gateways.PaymentQuery) { q.Customer = "carl" }), "c")
			},
		},
		{
			ID: "PAY-8", Name: "due",
			Text: "DuePayments returns those that are available at the time, those that became so first, then by ID; a lease keeps one back until it is over. NextDue is the next time after it, of payments and notices.",
			Why:  "A payment that is never due stays open for ever; one that two have at once is asked for twice.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				at := func(m int) time.Time { return noon().Add(time.Duration(m) * time.Minute) }
				due := func(id string, m int) gateways.Payment {
					return payment(id, func(p *gateways.Payment) { p.Due = at(m) })
				}
				leased := payment("leased", func(p *gateways.Payment) { p.Due, p.Lease = at(1), gateways.Lease{Token: "t", Until: at(5)} })
				note := noticeKind().Row("n")
				note.Due = at(7)
				update(t, st, "write", func(ctx context.Context, rows gateways.Rows) error {
					return errors.Join(puts(due("b", 3), due("a", 3), due("z", 0), due("later", 9), payment("never", func(*gateways.Payment) {}), leased)(ctx, rows), rows.PutNotice(ctx, note))
				})
				check := func(m, limit int, want ...string) {
					view(t, st, func(ctx context.Context, rows gateways.Rows) error {
						all, err := rows.DuePayments(ctx, at(m), limit)
						t.Equal(ids(all), want, "due at minute %d", m)
						return err
					})
				}
				check(-1, 9)
				check(0, 9, "z")
				check(3, 9, "z", "a", "b")
				check(3, 2, "z", "a")
				check(4, 9, "z", "a", "b")
				check(5, 9, "z", "a", "b", "leased")
				check(100, 9, "z", "a", "b", "leased", "later")
				check(100, 0)
				view(t, st, func(ctx context.Context, rows gateways.Rows) error {
					for m, want := range map[int]time.Time{-1: at(0), 0: at(3), 3: at(5), 5: at(7), 7: at(9), 9: {}} {
						next, err := rows.NextDue(ctx, at(m))
						t.OK(err, "NextDue")
						t.Equal(next, want, "the next time after minute %d", m)
					}
					return nil
				})
				update(t, st, "done", puts(payment("z", func(p *gateways.Payment) { p.Version = 2 }), payment("a", func(p *gateways.Payment) { p.Version, p.Due = 2, at(20) })))
				check(3, 9, "b")
				taken := make(chan string, 4)
				h.AtOnce(t, 4, func(int) {
					var got string
					err := rowsOf().Tried(t, st, func(ctx context.Context, rows gateways.Rows) error {
						got = ""
						all, err := rows.DuePayments(ctx, at(3), 1)
						if err != nil || len(all) == 0 {
							return err
						}
						p := all[0]
						got = string(p.ID)
						p.Version++
						p.Lease = gateways.Lease{Token: "mine", Until: at(60)}
						return rows.PutPayment(ctx, p)
					})
					if err != nil {
						t.Is(err, storage.ErrConflict, "one that came second")
						got = ""
					}
					taken <- got
				})
				n := 0
				for range 4 {
					if <-taken == "b" {
						n++
					}
				}
				t.Equal(n, 1, "how many of four at once have taken what is due")
			},
		},
		{
			ID: "PAY-9", Name: "one reference",
			Text: "Of two transactions that write and ask who has a reference, one waits for the other and sees what that has written, or fails with storage.ErrConflict.",
			Why:  "What the provider calls by one name would pay two payments.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				var asked atomic.Int32
				both := make(chan struct{})
				h.AtOnce(t, 2, func(n int) {
					id := fmt.Sprint("p", n)
					err := rowsOf().Tried(t, st, func(ctx context.Context, rows gateways.Rows) error {
						others, err := rows.Payments(ctx, gateways.PaymentQuery{AllSellers: true, Reference: gateways.Reference{Account: "a", Value: "one"}}, "", 10)
						if err != nil || len(others) > 0 {
							return err
						}
						if asked.Add(1) == 2 {
							close(both)
						}
						select {
						case <-both: // or the other one waits
						case <-time.After(100 * time.Millisecond):
						}
						return rows.PutPayment(ctx, payment(id, func(p *gateways.Payment) { p.Account, p.Reference = "a", "one" }))
					})
					if err != nil {
						t.Is(err, storage.ErrConflict, "the same reference at once")
					}
				})
				view(t, st, func(ctx context.Context, rows gateways.Rows) error {
					all, err := rows.Payments(ctx, gateways.PaymentQuery{AllSellers: true}, "", 10)
					t.Equal(len(all), 1, "payments with the reference")
					return err
				})
			},
		},
	}
}
