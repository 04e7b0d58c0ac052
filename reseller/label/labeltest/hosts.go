package labeltest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func hostRules() []Rule {
	return []Rule{
		{
			ID: "HOST-1", Name: "one brand",
			Text: "A host of another seller's brand is label.ErrHostTaken, and the write fails whole; a conflict comes before it.",
			Why:  "A host that leads to two brands shows one seller's customers the other's name.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				a, b := brand("a", "a.example", "b.example"), brand("b", "z.example")
				put(t, st, a, b)
				before := dump(t, st)
				putting := func(b label.Brand) rowsFunc {
					return func(ctx context.Context, rows label.Rows) error { return rows.PutBrand(ctx, b) }
				}
				fails(t, st, label.ErrHostTaken, "a new brand with a host that is taken", putting(brand("c", "c.example", "b.example")))
				fails(t, st, label.ErrHostTaken, "a changed brand with a host that is taken", putting(next(b, "b.example")))
				fails(t, st, storage.ErrConflict, "a brand of a wrong version with a host that is taken", putting(brand("b", "a.example")))
				t.Equal(dump(t, st, "c.example"), before+"c.example: \n", "the store")
			},
		},
		{
			ID: "HOST-2", Name: "own hosts",
			Text: "A brand keeps hosts that it has, in any order, and those that it gives up can be taken in the same transaction.",
			Why:  "A host moves from one seller to another without a moment in which it is nobody's.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				a, b := brand("a", "a.example", "b.example"), brand("b", "z.example")
				put(t, st, a, b)
				a, b = next(a, "b.example"), next(b, "z.example", "a.example")
				put(t, st, a, b)
				t.Equal(dump(t, st), hosted(a)+hosted(b), "the store")
				b = next(b, "a.example", "new.example", "z.example")
				put(t, st, b)
				t.Equal(dump(t, st), hosted(a)+hosted(b), "the store, with hosts in another order")
			},
		},
		{
			ID: "HOST-3", Name: "at once",
			Text: "Of several transactions that take one host at once exactly one succeeds, the others get label.ErrHostTaken.",
			Why:  "The look before the write does not help when two look at once.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				const n = 4
				results := make([]error, n)
				h.AtOnce(t, n, func(i int) {
					b := brand(billing.SellerID(fmt.Sprint("s", i)), "shared.example", fmt.Sprintf("%d.example", i))
					results[i] = st.Update(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
						return rows.PutBrand(ctx, b)
					}))
				})
				won := 0
				for i, err := range results {
					if err == nil {
						won++
					} else {
						t.Is(err, label.ErrHostTaken, "writer %d", i)
					}
				}
				t.Equal(won, 1, "writers that have taken the host")
				t.Equal(strings.Count(dump(t, st), "shared.example: "), 1, "brands that have it")
			},
		},
		{
			ID: "HOST-4", Name: "one version",
			Text: "Of several transactions that write the same next version of a brand exactly one succeeds; the others get storage.ErrConflict.",
			Why:  "The loser would overwrite what the winner has just changed.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				for _, b := range []label.Brand{brand("new", "new.example"), next(brand("old", "old.example"), "old.example")} {
					if b.Version > 1 {
						put(t, st, brand("old", "old.example"))
					}
					const n = 4
					results := make([]error, n)
					h.AtOnce(t, n, func(i int) {
						results[i] = st.Update(t.Context(), within(st, func(ctx context.Context, rows label.Rows) error {
							err := rows.PutBrand(ctx, b)
							if errors.Is(err, storage.ErrConflict) {
								return errors.Join(errRefused, errors.New(err.Error())) // not to be run again
							}
							return err
						}))
					})
					won := 0
					for i, err := range results {
						if err == nil {
							won++
						} else if !errors.Is(err, errRefused) && !errors.Is(err, storage.ErrConflict) {
							t.Errorf("writer %d: %v, want a conflict", i, err)
						}
					}
					t.Equal(won, 1, "writers of version %d that succeed", b.Version)
				}
			},
		},
	}
}
