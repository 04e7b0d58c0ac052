package labeltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// strange is a transaction of no store.
type strange struct{}

func (strange) StoreID() any { return "strange" }

// calls are all methods of label.Rows; those that write come first.
func calls() (names []string, all map[string]rowsFunc) {
	a := brand("a", "a.example")
	return []string{"PutBrand", "RemoveBrand", "Brand", "BrandByHost", "Brands"}, map[string]rowsFunc{
		"PutBrand":    func(ctx context.Context, rows label.Rows) error { return rows.PutBrand(ctx, next(a, "lost.example")) },
		"RemoveBrand": func(ctx context.Context, rows label.Rows) error { return rows.RemoveBrand(ctx, "a", 1) },
		"Brand":       func(ctx context.Context, rows label.Rows) error { _, err := rows.Brand(ctx, "a"); return err },
		"BrandByHost": func(ctx context.Context, rows label.Rows) error {
			_, err := rows.BrandByHost(ctx, "a.example")
			return err
		},
		"Brands": func(ctx context.Context, rows label.Rows) error { _, err := rows.Brands(ctx, "", 1); return err },
	}
}

func txRules() []Rule {
	return []Rule{
		{
			ID: "TX-1", Name: "foreign",
			Text: "Label refuses a transaction that another store made with storage.ErrForeignTx.",
			Why:  "Rows written through a transaction of the wrong database are outside of every transaction.",
			Check: func(t *conformance.T, h Harness) {
				a, b := h.New(t.Test()), h.New(t.Test())
				t.OK(a.Update(t.Context(), func(_ context.Context, tx storage.Tx) error {
					_, err := b.Label(tx)
					t.Is(err, storage.ErrForeignTx, "Label for a transaction of another store of the same kind")
					_, err = b.Label(strange{})
					t.Is(err, storage.ErrForeignTx, "Label for a transaction of a type that the store does not know")
					_, err = b.Label(nil)
					t.Is(err, storage.ErrForeignTx, "Label for no transaction")
					return nil
				}), "Update")
			},
		},
		{
			ID: "TX-2", Name: "done",
			Text: "Rows of a transaction that has ended refuse everything with storage.ErrTxDone, and so does Label.",
			Why:  "A goroutine that outlives its transaction must not write into the next user's.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, brand("a", "a.example"))
				before := dump(t, st)
				var kept storage.Tx
				var rows label.Rows
				var keptCtx context.Context
				t.OK(st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) (err error) {
					kept, keptCtx = tx, context.WithoutCancel(ctx)
					rows, err = st.Label(tx)
					return err
				}), "Update")
				_, err := st.Label(kept)
				t.Is(err, storage.ErrTxDone, "Label after the end")
				names, all := calls()
				for _, name := range names {
					t.Is(all[name](keptCtx, rows), storage.ErrTxDone, "%s after the end", name)
				}
				t.Equal(dump(t, st), before, "the store")
			},
		},
		{
			ID: "TX-3", Name: "read-only",
			Text: "In a View all reads work, and writes fail with storage.ErrReadOnly and change nothing.",
			Why:  "Views run on replicas and without locks.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, brand("a", "a.example"))
				before := dump(t, st)
				names, all := calls()
				for i, name := range names {
					err := st.View(t.Context(), within(st, all[name]))
					if i < 2 {
						t.Is(err, storage.ErrReadOnly, "%s in a View", name)
					} else {
						t.OK(err, "%s in a View", name)
					}
				}
				t.Equal(dump(t, st), before, "the store")
			},
		},
		{
			ID: "TX-4", Name: "rollback",
			Text: "When the function fails nothing of what it wrote stays, nor of the events; when it succeeds all does.",
			Why:  "A brand without its event has no certificates; an event without its brand is a lie.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, brand("a", "a.example"), brand("b", "b.example"))
				before := dump(t, st)
				write := func(ctx context.Context, tx storage.Tx) error {
					rows, err := st.Label(tx)
					if err != nil {
						return err
					}
					outbox, err := st.Outbox(tx)
					if err != nil {
						return err
					}
					return errors.Join(rows.PutBrand(ctx, next(brand("a"), "c.example")), rows.RemoveBrand(ctx, "b", 1),
						outbox.Append(ctx, []*storage.Event{{ID: "one", Type: "t", Version: 1, Subject: "s", At: time.Unix(0, 0).UTC()}}))
				}
				t.Is(st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
					return errors.Join(write(ctx, tx), errRefused)
				}), errRefused, "Update")
				t.Equal(dump(t, st, "c.example"), before+"c.example: \n", "the store after the rollback")
				t.Equal(pending(t, st), 0, "events after the rollback")
				t.OK(st.Update(t.Context(), write), "the same, committed")
				t.Equal(dump(t, st, "a.example", "b.example"), hosted(next(brand("a"), "c.example"))+"a.example: \nb.example: \n", "the store")
				t.Equal(pending(t, st), 1, "events")
			},
		},
		{
			ID: "TX-5", Name: "own writes",
			Text: "Every read sees what the transaction has written.",
			Why:  "A host application writes and reads in one transaction.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				a := brand("a", "a.example")
				put(t, st, a, brand("z", "z.example"))
				t.OK(st.Update(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
					b := next(a, "b.example")
					if err := errors.Join(rows.PutBrand(ctx, b), rows.RemoveBrand(ctx, "z", 1)); err != nil {
						return err
					}
					one, err := rows.Brand(ctx, "a")
					t.OK(err, "Brand")
					t.Equal(one, b, "the brand")
					byHost, err := rows.BrandByHost(ctx, "b.example")
					t.OK(err, "BrandByHost")
					t.Equal(byHost, b, "the brand by its new host")
					_, err = rows.BrandByHost(ctx, "a.example")
					t.Is(err, storage.ErrNotFound, "BrandByHost of a host given up")
					list, err := rows.Brands(ctx, "", 10)
					t.Equal(list, []label.Brand{b}, "the list")
					return err
				})), "Update")
			},
		},
	}
}

func pending(t *conformance.T, st label.Store) (n int64) {
	t.Helper()
	t.OK(st.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		ob, err := st.Outbox(tx)
		if err != nil {
			return err
		}
		n, err = ob.Pending(ctx)
		return err
	}), "count the events")
	return n
}

func modelRules() []Rule {
	return []Rule{
		{
			ID: "MODEL-1", Name: "as the reference",
			Text: "Random writes are answered, and leave behind, what they do in storage/memory.",
			Why:  "Rules that nobody has thought of hold as well.",
			Check: func(t *conformance.T, h Harness) {
				seed := uint64(1)
				t.Logf("seed %d", seed)
				rnd := rand.New(rand.NewPCG(seed, 0))
				st, model := h.New(t.Test()), label.Store(memory.New())
				for step := range 150 {
					op := randomOp(rnd)
					got, want := answer(t, st, op), answer(t, model, op)
					t.Equal(got, want, "step %d: %s", step, op)
					if t.Failed() {
						return
					}
				}
				t.Equal(dump(t, st), dump(t, model), "what is left")
			},
		},
		{
			ID: "DUR-1", Name: "durable",
			Text: "What was committed is there after the store was opened anew.",
			Why:  "A brand that is lost leaves its customers without a panel.",
			Skip: func(h Harness) string {
				if h.Reopen == nil {
					return "the harness cannot open a store again"
				}
				return ""
			},
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, full(), odd())
				before := dump(t, st)
				st = h.Reopen(t.Test(), st)
				t.Equal(dump(t, st), before, "the store")
				put(t, st, brand("z", "z.example"))
			},
		},
	}
}

// op is a write: of a brand, or with a version below 0 the removal of -version.
type op struct {
	seller  billing.SellerID
	version int64
	hosts   []string
}

func (o op) String() string { return fmt.Sprintf("%s/%d %v", o.seller, o.version, o.hosts) }

func randomOp(rnd *rand.Rand) op {
	o := op{seller: billing.SellerID(rune('a' + rnd.IntN(3))), version: 1 + rnd.Int64N(4)}
	if rnd.IntN(4) == 0 {
		o.version = -o.version
	}
	for _, i := range rnd.Perm(5)[:rnd.IntN(3)] {
		o.hosts = append(o.hosts, fmt.Sprintf("%d.example", i))
	}
	return o
}

// answer is what a store says to an op, as the name of a sentinel.
func answer(t *conformance.T, st label.Store, o op) string {
	t.Helper()
	var got error
	err := st.Update(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
		if o.version < 0 {
			got = rows.RemoveBrand(ctx, o.seller, -o.version)
		} else {
			b := brand(o.seller, o.hosts...)
			b.Version = o.version
			got = rows.PutBrand(ctx, b)
		}
		if got != nil {
			return errRefused
		}
		return nil
	}))
	for _, sentinel := range []error{storage.ErrConflict, storage.ErrNotFound, label.ErrHostTaken} {
		if errors.Is(got, sentinel) {
			return sentinel.Error()
		}
	}
	return fmt.Sprint(errors.Join(got, err))
}
