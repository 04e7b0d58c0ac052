package gatewaytest

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// rules are those of rows with a version.
func (k kind[V]) rules() []StoreRule {
	rules := []StoreRule{
		{
			ID: k.prefix + "-1", Name: "read back",
			Text: "A " + k.what + " comes back with every field equal, also after its next version; one that is not there is storage.ErrNotFound.",
			Why:  "A field that is lost is an amount, a token or an outcome that nobody knows any more.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				for _, row := range []V{k.full(), k.row("bare")} {
					given := k.full()
					if k.id(row) == "bare" {
						given = k.row("bare")
					}
					update(t, st, "write", func(ctx context.Context, rows gateways.Rows) error { return k.put(ctx, rows, given) })
					conformance.Scramble(given)
					for _, want := range []V{row, k.next(row)} {
						if *k.version(&want) > 1 {
							update(t, st, "write again", func(ctx context.Context, rows gateways.Rows) error {
								err := k.put(ctx, rows, want)
								got, err2 := k.find(ctx, rows, want)
								t.Equal(got, want, "within the transaction")
								return errors.Join(err, err2)
							})
						}
						view(t, st, func(ctx context.Context, rows gateways.Rows) error {
							got, err := k.find(ctx, rows, want)
							t.Equal(got, want, "what was written")
							conformance.Scramble(got)
							again, err2 := k.find(ctx, rows, want)
							t.Equal(again, want, "what was written, after a reader has spoiled its copy")
							_, none := k.find(ctx, rows, k.row("nobody"))
							t.Is(none, storage.ErrNotFound, "one that is not there")
							return errors.Join(err, err2)
						})
					}
				}
			},
		},
		{
			ID: k.prefix + "-2", Name: "versions",
			Text: "A version is written after the one before it only; any other is storage.ErrConflict, also for transactions at the same time.",
			Why:  "Of two that read the same, the second would undo what the first has done.",
			Check: func(t *conformance.T, h StoreHarness) {
				st := h.New(t.Test())
				first := k.row("a")
				at := func(n int64) V { v := first; *k.version(&v) = n; return v }
				put := func(v V) rowsFunc {
					return func(ctx context.Context, rows gateways.Rows) error { return k.put(ctx, rows, v) }
				}
				fails(t, st, storage.ErrConflict, "version 2 of nothing", put(at(2)))
				update(t, st, "version 1", put(first))
				for _, n := range []int64{1, 3} {
					fails(t, st, storage.ErrConflict, "version "+strconv.FormatInt(n, 10)+" after 1", put(at(n)))
				}
				update(t, st, "version 2", put(at(2)))
				fails(t, st, storage.ErrConflict, "version 2 again", put(at(2)))
				var mu sync.Mutex
				won := 0
				h.AtOnce(t, 4, func(int) {
					err := rowsOf().Tried(t, st, put(k.next(at(2))))
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won++
					} else {
						t.Is(err, storage.ErrConflict, "the one that came second")
					}
				})
				t.Equal(won, 1, "how many of four have written version 3")
			},
		},
	}
	if k.page == nil {
		return rules
	}
	return append(rules, StoreRule{
		ID: k.prefix + "-3", Name: "pages",
		Text: "Pages are in the order of the bytes, begin after the given one, and have at most the limit.",
		Why:  "A page that skips one leaves it behind for ever.",
		Check: func(t *conformance.T, h StoreHarness) {
			st := h.New(t.Test())
			names := []string{"A", "B", "a", "a-b", "a.b", "aa", "b", "é"}
			var want []V
			for _, n := range names {
				want = append(want, k.row(n))
			}
			update(t, st, "write", func(ctx context.Context, rows gateways.Rows) (err error) {
				for _, i := range []int{5, 2, 0, 7, 4, 1, 6, 3} {
					err = errors.Join(err, k.put(ctx, rows, want[i]))
				}
				return err
			})
			view(t, st, func(ctx context.Context, rows gateways.Rows) error {
				for limit := range len(want) + 2 {
					var got []V
					for after := ""; ; {
						page, err := k.page(ctx, rows, after, limit)
						if err != nil {
							return err
						}
						if got = append(got, page...); len(page) < limit || limit == 0 {
							t.Equal(len(page) > limit, false, "a page is longer than %d", limit)
							break
						}
						after = k.id(page[limit-1])
					}
					if limit == 0 {
						t.Equal(len(got), 0, "a limit of 0")
					} else {
						t.Equal(got, want, "pages of %d", limit)
					}
				}
				none, err := k.page(ctx, rows, "", -1)
				t.Equal(len(none), 0, "a limit below 0")
				return err
			})
		},
	})
}
