package billingtest

import (
	"context"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
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
			Text: "After the store is opened anew all committed rows are there and nothing else; numbers, fresh IDs and revisions go on where they ended.",
			Why:  "Books are kept for ten years.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				c, b := everything()
				put(t, st, c)
				write(t, st, b)
				lost := &billing.Batch{Entries: []billing.Entry{entry(1, 1000, 1)}, Documents: []*billing.Document{document(1, 1000)}}
				t.OK(refused(t, st, lost), "write what is rolled back")
				var drawn billing.AccountID
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					loaded, err := rows.Load(ctx, billing.LoadQuery{NewID: true})
					drawn = loaded.NewID
					return err
				}), "draw an ID")
				id := b.Keys[0].KeyID
				before, revision := dump(t, st, id), load(t, st, billing.LoadQuery{}).Revision

				st = h.Reopen(t.Test(), st)
				t.Equal(dump(t, st, id), before, "rows after the restart")
				t.Equal(strings.Count(before, "\n"), 11, "rows before it")
				t.Equal(pending(t, st), 1, "events after the restart")
				t.Equal(load(t, st, billing.LoadQuery{}).Revision, revision, "revision after the restart")
				t.Is(refused(t, st, b), storage.ErrConflict, "Write of rows from before the restart")
				d := documentOf(host, 1, 1001, billing.CreditNote)
				u := usage(1, "r", "new")
				write(t, st, &billing.Batch{Documents: []*billing.Document{d}, Usage: []*billing.UsageRecord{u}})
				t.Equal(d.Number, int64(2), "the next number of the series")
				if u.Seq <= b.Usage[0].Seq {
					t.Errorf("the next usage record has number %d after %d", u.Seq, b.Usage[0].Seq)
				}
				put(t, st, billing.CatalogChange{Sellers: sellers()})
				if got := load(t, st, billing.LoadQuery{}).Revision; got == revision {
					t.Errorf("the revision after a change is still %d", got)
				}
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					loaded, err := rows.Load(ctx, billing.LoadQuery{NewID: true})
					if loaded.NewID <= drawn {
						t.Errorf("the fresh ID is %d after %d", loaded.NewID, drawn)
					}
					return err
				}), "draw an ID")
			},
		},
	}
}
