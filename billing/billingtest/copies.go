package billingtest

import (
	"context"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// copyRules are about memory that is not shared.
func copyRules() []Rule {
	return []Rule{
		{
			ID: "COPY-1", Name: "what is given",
			Text: "What the caller does to the rows it gave, after the call, changes nothing in the store, committed or not.",
			Why:  "The engine goes on working with its rows; hosts use buffers again.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				c, b := everything()
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					if err := rows.PutCatalog(ctx, c); err != nil {
						return err
					}
					if err := rows.Write(ctx, b); err != nil {
						return err
					}
					conformance.Scramble(c)
					conformance.Scramble(b)
					return nil
				}), "write")
				wantCatalog, want := everything()
				twin := h.New(t.Test())
				put(t, twin, wantCatalog)
				write(t, twin, want)
				id := want.Keys[0].KeyID
				t.Equal(dump(t, st, id), dump(t, twin, id), "the store, compared with one whose input was left alone")
			},
		},
		{
			ID: "COPY-2", Name: "what is returned",
			Text: "What the caller does to rows that it was given back changes nothing in the store, nor in what later reads return.",
			Why:  "A caller that sorts or masks what it shows would rewrite the books.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				c, b := everything()
				put(t, st, c)
				write(t, st, b)
				id := b.Keys[0].KeyID
				before := dump(t, st, id)
				for what, within := range map[string]func(context.Context, billing.Store, rowsFunc) error{"View": view, "Update": update} {
					err := within(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
						for name, look := range looks(id) {
							first, err := look(ctx, rows)
							if err != nil {
								return err
							}
							text := conformance.Text(first)
							conformance.Scramble(first)
							second, err := look(ctx, rows)
							if err != nil {
								return err
							}
							t.Equal(conformance.Text(second), text, "%s in one %s, after the first result was overwritten", name, what)
							conformance.Scramble(second)
						}
						return nil
					})
					t.OK(err, "read and overwrite in a %s", what)
					t.Equal(dump(t, st, id), before, "the store after a %s", what)
				}
			},
		},
	}
}

// everything is a catalog and a batch with one row of each kind, in which every field
// is set.
func everything() (billing.CatalogChange, *billing.Batch) {
	c := billing.CatalogChange{
		Sellers:   []billing.Seller{filled(func(s *billing.Seller) { s.ID = host })},
		Resources: []billing.Resource{filled(func(r *billing.Resource) { r.ID = "r" })},
		Plans:     []billing.Plan{filled(func(p *billing.Plan) { p.Seller, p.ID, p.Latest = host, "p", 1 })},
		Versions:  []billing.PlanVersion{filled(func(v *billing.PlanVersion) { v.Seller, v.Plan, v.Version = host, "p", 1 })},
	}
	b := &billing.Batch{
		Accounts: []billing.Account{filled(func(a *billing.Account) {
			a.ID, a.Seller, a.Version, a.MeterScan, a.Parked = 1, host, 1, 0, billing.Parking{}
		})},
		Holdings: []billing.Holding{filled(func(h *billing.Holding) { h.Account, h.Resource = 1, "r" })},
		Periods:  []billing.PeriodRow{filled(func(p *billing.PeriodRow) { p.Account = 1 })},
		Usage: []*billing.UsageRecord{new(filled(func(u *billing.UsageRecord) {
			u.Account, u.Resource, u.Key = 1, "r", "u"
		}))},
		Documents: []*billing.Document{new(filled(func(d *billing.Document) { d.Account, d.Seller, d.Numbered = 1, host, true }))},
		Entries:   []billing.Entry{filled(func(e *billing.Entry) { e.Account, e.Seller = 1, host })},
		Keys:      []billing.Key{filled(func(k *billing.Key) { k.Account = 1 })},
		Events:    []*storage.Event{event("one")},
	}
	return c, b
}

// looks are all reads of what [everything] wrote, each of which finds something.
func looks(id billing.KeyID) map[string]func(ctx context.Context, rows billing.Rows) (any, error) {
	return map[string]func(ctx context.Context, rows billing.Rows) (any, error){
		"Resources":   func(ctx context.Context, rows billing.Rows) (any, error) { return rows.Resources(ctx) },
		"Seller":      func(ctx context.Context, rows billing.Rows) (any, error) { return rows.Seller(ctx, host) },
		"Sellers":     func(ctx context.Context, rows billing.Rows) (any, error) { return rows.Sellers(ctx, "", 10) },
		"Plan":        func(ctx context.Context, rows billing.Rows) (any, error) { return rows.Plan(ctx, host, "p") },
		"Plans":       func(ctx context.Context, rows billing.Rows) (any, error) { return rows.Plans(ctx, host, "", 10) },
		"PlanVersion": func(ctx context.Context, rows billing.Rows) (any, error) { return rows.PlanVersion(ctx, host, "p", 1) },
		"Load": func(ctx context.Context, rows billing.Rows) (any, error) {
			return rows.Load(ctx, billing.LoadQuery{
				IDs: []billing.AccountID{1}, Usage: true, Key: id, UsageResource: "r", UsageKey: "u",
				Above: billing.AboveRead, AboveToo: []billing.AccountID{1},
			})
		},
		"Due": func(ctx context.Context, rows billing.Rows) (any, error) {
			return rows.Due(ctx, billing.DueQuery{Day: day(99)}, 0, 10)
		},
		"Accounts": func(ctx context.Context, rows billing.Rows) (any, error) {
			return rows.Accounts(ctx, billing.AccountQuery{}, 0, 10)
		},
		"Holdings": func(ctx context.Context, rows billing.Rows) (any, error) {
			return rows.Holdings(ctx, []billing.AccountID{1})
		},
		"Entries": func(ctx context.Context, rows billing.Rows) (any, error) {
			return rows.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, 10)
		},
		"EntriesByID": func(ctx context.Context, rows billing.Rows) (any, error) {
			return rows.EntriesByID(ctx, []billing.EntryID{{Account: 1, Seq: 1}})
		},
		"Documents": func(ctx context.Context, rows billing.Rows) (any, error) {
			return rows.Documents(ctx, billing.DocumentQuery{}, billing.DocumentID{}, 10)
		},
		"Series": func(ctx context.Context, rows billing.Rows) (any, error) {
			return rows.Series(ctx, host, billing.CreditNote, 0, 10)
		},
		"Periods": func(ctx context.Context, rows billing.Rows) (any, error) { return rows.Periods(ctx, 1, 0, 10) },
		"Usage":   func(ctx context.Context, rows billing.Rows) (any, error) { return rows.Usage(ctx, 1, 0, 10) },
	}
}

// sorted returns a copy of list in order.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	list = slices.Clone(list)
	slices.SortFunc(list, compare)
	return list
}
