package resellertest

import (
	"context"
	"strings"

	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// durabilityRules are about what is left after the end of the process.
func durabilityRules() []Rule {
	return []Rule{
		{
			ID: "DUR-1", Name: "what was committed stays",
			Skip: func(h Harness) string {
				if h.Reopen == nil {
					return "the harness declares no Reopen"
				}
				return ""
			},
			Text: "After the store is opened anew all committed rows are there and nothing else; the numbers of shadows go on where they ended.",
			Why:  "Books are kept for ten years.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				b := filledBatch(1)
				write(t, st, b)
				t.Is(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
					if err := rows.Write(ctx, &reseller.Batch{Shadows: []*reseller.Shadow{shadow(acme, 1, 5, 1)}, Stocks: []reseller.Stock{stock(acme, "lost", 1)}}); err != nil {
						return err
					}
					return errRefused
				}), errRefused, "Update that is rolled back")
				before := dump(t, st)
				t.Equal(strings.Count(before, "\n"), 6, "rows before the restart")
				st = h.Reopen(t.Test(), st)
				t.Equal(dump(t, st), before, "rows after the restart")
				s := shadow(acme, 1, 5, 1)
				write(t, st, &reseller.Batch{Shadows: []*reseller.Shadow{s}})
				if s.Seq <= b.Shadows[0].Seq {
					t.Errorf("the next shadow has number %d after %d", s.Seq, b.Shadows[0].Seq)
				}
			},
		},
	}
}
