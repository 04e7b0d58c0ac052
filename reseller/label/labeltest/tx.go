package labeltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// rowsOf describes label.Rows to the rules of all rows.
func rowsOf() conformance.Rows[label.Store, label.Rows] {
	return conformance.Rows[label.Store, label.Rows]{
		Method: "Label",
		Of:     label.Store.Label,
		Calls: func() []conformance.Call[label.Rows] {
			return []conformance.Call[label.Rows]{
				{Name: "PutBrand", Writes: true, Plain: true, Do: func(ctx context.Context, rows label.Rows) error {
					return rows.PutBrand(ctx, next(brand("a", "a.example"), "new.example"))
				}},
				{Name: "RemoveBrand", Writes: true, Plain: true, Do: func(ctx context.Context, rows label.Rows) error {
					return rows.RemoveBrand(ctx, "b", 1)
				}},
				{Name: "Brand", Do: func(ctx context.Context, rows label.Rows) error { _, err := rows.Brand(ctx, "a"); return err }},
				{Name: "BrandByHost", Do: func(ctx context.Context, rows label.Rows) error {
					_, err := rows.BrandByHost(ctx, "a.example")
					return err
				}},
				{Name: "Brands", Do: func(ctx context.Context, rows label.Rows) error { _, err := rows.Brands(ctx, "", 1); return err }},
			}
		},
		Seed: func(t *conformance.T, st label.Store) {
			t.Helper()
			put(t, st, brand("a", "a.example"), brand("b", "b.example"), full(), odd())
		},
		Dump: func(t *conformance.T, st label.Store) string {
			t.Helper()
			return dump(t, st, "a.example", "b.example", "new.example")
		},
		Lost: "A brand that is lost leaves its customers without a panel.",
	}
}

func txRules() []Rule {
	return []Rule{
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
