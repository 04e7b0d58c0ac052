package billingtest

import (
	"context"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// oddIDs are names in the order of their bytes, which is the order that IDs have. The
// orders of languages, of cases and of numbers all differ from it.
func oddIDs() []string {
	return []string{"0", "10", "9", "A", "B", "_", "a", "a b", "a-b", "a.b", "aa", "b", "e\u0301", "z", "Ä", "é", "日本", "🙂"}
}

// catalogRules are about resources, sellers, plans and versions.
func catalogRules() []Rule {
	return []Rule{
		{
			ID: "CAT-1", Name: "revision",
			Text: "Each PutCatalog gives the catalog a revision that it never had; nothing else does.",
			Why:  "Engines keep what they read of the catalog for as long as the revision stays.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				seen := map[int64]bool{}
				look := func(what string, changed bool) {
					n := read(t, st, func(ctx context.Context, rows billing.Rows) (int64, error) { return rows.Revision(ctx) })
					t.Equal(load(t, st, billing.LoadQuery{}).Revision, n, "Loaded.Revision %s", what)
					if seen[n] == changed {
						t.Errorf("the revision %s is %d, which was seen before: %v", what, n, seen[n])
					}
					seen[n] = true
				}
				look("at first", true)
				put(t, st, billing.CatalogChange{Sellers: sellers()})
				look("after a change", true)
				put(t, st, billing.CatalogChange{Sellers: sellers()})
				look("after the same again", true)
				put(t, st, billing.CatalogChange{Plans: []billing.Plan{{Seller: host, ID: "p"}}})
				look("after another change", true)
				write(t, st, &billing.Batch{Accounts: []billing.Account{account(1, host)}, Entries: []billing.Entry{entry(1, 1, 5)}})
				look("after a write of rows", false)
				err := update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					before, err := rows.Revision(ctx)
					if err != nil {
						return err
					}
					if err := rows.PutCatalog(ctx, billing.CatalogChange{Sellers: sellers()[:1]}); err != nil {
						return err
					}
					after, err := rows.Revision(ctx)
					if err == nil && before == after {
						t.Errorf("the revision is still %d within the transaction that changed the catalog", after)
					}
					return err
				})
				t.OK(err, "change the catalog")
				look("after a change that looked itself", true)
			},
		},
		{
			ID: "CAT-2", Name: "revisions are not used again",
			Text: "A revision that was seen in a transaction which was rolled back never comes to mean another catalog.",
			Why:  "An engine that read the catalog in that transaction would go on with prices that were never published.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				put(t, st, billing.CatalogChange{Sellers: sellers()})
				var lost int64
				err := update(t.Context(), st, func(ctx context.Context, rows billing.Rows) (err error) {
					if err := rows.PutCatalog(ctx, billing.CatalogChange{Sellers: sellers()[:1]}); err != nil {
						return err
					}
					if lost, err = rows.Revision(ctx); err != nil {
						return err
					}
					return errRefused
				})
				t.Is(err, errRefused, "Update that is rolled back")
				put(t, st, billing.CatalogChange{Sellers: sellers()[1:]})
				if got := load(t, st, billing.LoadQuery{}).Revision; got == lost {
					t.Errorf("revision %d was given out again", got)
				}
			},
		},
		{
			ID: "CAT-3", Name: "resources",
			Text: "Resources come back by ID, in the order of its bytes, and are never changed: writing one again is storage.ErrExists.",
			Why:  "Step and aggregate price what was used; they must be those under which it was sold.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				var want []billing.Resource
				for i, id := range oddIDs() {
					want = append(want, billing.Resource{ID: billing.ResourceID(id), Step: decimal.New(int64(i), -3)})
				}
				shuffled := slices.Clone(want)
				slices.Reverse(shuffled)
				put(t, st, billing.CatalogChange{Resources: shuffled[:7]})
				put(t, st, billing.CatalogChange{Resources: shuffled[7:]})
				all := func() []billing.Resource {
					return read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Resource, error) { return rows.Resources(ctx) })
				}
				t.Equal(all(), want, "resources")
				for what, list := range map[string][]billing.Resource{
					"one that is there":          {{ID: "new"}, {ID: "a", Step: decimal.New(1, 0)}},
					"one that is there the same": {{ID: "new"}, want[3]},
					"the same twice":             {{ID: "new"}, {ID: "new"}},
				} {
					t.Is(tryPut(t.Context(), st, billing.CatalogChange{Resources: list}), storage.ErrExists, "PutCatalog with %s", what)
				}
				t.Equal(all(), want, "resources after refused changes")
			},
		},
		{
			ID: "CAT-4", Name: "sellers and plans",
			Text: "Sellers and plans are inserted or replaced whole; one that is not there is storage.ErrNotFound.",
			Why:  "A plan that was closed must not stay open, and an unknown one must not look like a closed one.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				first := billing.Plan{Seller: host, ID: "p", Name: "first", Open: true, Group: "g", From: []billing.PlanID{"q"}, Latest: 3}
				second := billing.Plan{Seller: host, ID: "p", Name: "second"}
				other := billing.Plan{Seller: reseller, ID: "p", Name: "other", Latest: 1}
				taxed := sellers()
				taxed[0].Taxes = []billing.Tax{{Name: "VAT", Percent: decimal.New(19, 0)}}
				put(t, st, billing.CatalogChange{Sellers: taxed, Plans: []billing.Plan{first, other}})
				put(t, st, billing.CatalogChange{Sellers: sellers()[:1], Plans: []billing.Plan{second}})
				t.OK(view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					p, err := rows.Plan(ctx, host, "p")
					if err != nil {
						return err
					}
					t.Equal(p, second, "the replaced plan")
					if p, err = rows.Plan(ctx, reseller, "p"); err != nil {
						return err
					}
					t.Equal(p, other, "the plan of the same name of another seller")
					s, err := rows.Seller(ctx, host)
					t.Equal(s, sellers()[0], "the replaced seller")
					return err
				}), "View")
				for what, get := range map[string]rowsFunc{
					"Seller": func(ctx context.Context, rows billing.Rows) error { _, err := rows.Seller(ctx, "nobody"); return err },
					"Plan":   func(ctx context.Context, rows billing.Rows) error { _, err := rows.Plan(ctx, host, "none"); return err },
					"Plan of another": func(ctx context.Context, rows billing.Rows) error {
						_, err := rows.Plan(ctx, "nobody", "p")
						return err
					},
					"PlanVersion": func(ctx context.Context, rows billing.Rows) error {
						_, err := rows.PlanVersion(ctx, host, "p", 1)
						return err
					},
					"Seller without ID": func(ctx context.Context, rows billing.Rows) error { _, err := rows.Seller(ctx, ""); return err },
				} {
					t.Is(view(t.Context(), st, get), storage.ErrNotFound, "%s that is not there", what)
				}
			},
		},
		{
			ID: "CAT-5", Name: "versions",
			Text: "A plan version is found by seller, plan and number, and is never changed: writing one again is storage.ErrExists.",
			Why:  "Customers keep the version that they signed up to; its prices are a contract.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				version := func(seller billing.SellerID, plan billing.PlanID, n int) billing.PlanVersion {
					return billing.PlanVersion{Seller: seller, Plan: plan, Version: n, Published: now(), Terms: billing.Terms{
						Resources: []billing.Line{{Resource: billing.ResourceID(fmt.Sprint(seller, plan, n))}},
					}}
				}
				list := []billing.PlanVersion{version(host, "p", 1), version(host, "p", 2), version(host, "q", 1), version(reseller, "p", 1)}
				put(t, st, billing.CatalogChange{Sellers: sellers(), Versions: list})
				check := func(when string) {
					for _, want := range list {
						got := read(t, st, func(ctx context.Context, rows billing.Rows) (billing.PlanVersion, error) {
							return rows.PlanVersion(ctx, want.Seller, want.Plan, want.Version)
						})
						t.Equal(got, want, "version %d of %s of %s %s", want.Version, want.Plan, want.Seller, when)
					}
				}
				check("at first")
				changed := version(host, "p", 2)
				changed.Terms.MoneyBackDays = 30
				for what, c := range map[string]billing.CatalogChange{
					"changed": {Plans: []billing.Plan{{Seller: host, ID: "kept out"}}, Versions: []billing.PlanVersion{changed}},
					"twice":   {Plans: []billing.Plan{{Seller: host, ID: "kept out"}}, Versions: []billing.PlanVersion{version(host, "p", 3), version(host, "p", 3)}},
				} {
					t.Is(tryPut(t.Context(), st, c), storage.ErrExists, "PutCatalog with a version %s", what)
				}
				check("after refused changes")
				_, err := tryRead(t.Context(), st, func(ctx context.Context, rows billing.Rows) (billing.Plan, error) {
					return rows.Plan(ctx, host, "kept out")
				})
				t.Is(err, storage.ErrNotFound, "the plan of a refused change")
			},
		},
		{
			ID: "CAT-6", Name: "pages",
			Text: "Sellers and a seller's plans come by ID, in the order of its bytes, and a page goes on exactly where the last one ended.",
			Why:  "A list that skips at a page's border hides a plan; one that sorts by language ends early.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				var c billing.CatalogChange
				for _, id := range oddIDs() {
					c.Sellers = append(c.Sellers, billing.Seller{ID: billing.SellerID(id), Currency: usd()})
					c.Plans = append(c.Plans, billing.Plan{Seller: "a", ID: billing.PlanID(id)}, billing.Plan{Seller: "b", ID: "b" + billing.PlanID(id)})
				}
				want := oddIDs()
				slices.Reverse(c.Sellers)
				put(t, st, c)
				checkPages(t, st, "sellers", want, func(ctx context.Context, rows billing.Rows, after string, limit int) ([]string, error) {
					page, err := rows.Sellers(ctx, billing.SellerID(after), limit)
					return idsOf(page, func(s billing.Seller) string { return string(s.ID) }), err
				})
				checkPages(t, st, "plans", want, func(ctx context.Context, rows billing.Rows, after string, limit int) ([]string, error) {
					page, err := rows.Plans(ctx, "a", billing.PlanID(after), limit)
					return idsOf(page, func(p billing.Plan) string { return string(p.ID) }), err
				})
			},
		},
		{
			ID: "CAT-7", Name: "decided on a revision",
			Text: "A change with a Base is written if the catalog is at that revision; else PutCatalog writes nothing and returns storage.ErrConflict, before it looks at anything else.",
			Why:  "Two people who publish at once would undo each other's prices without knowing.",
			Check: func(t *conformance.T, h Harness) {
				st := h.New(t.Test())
				revision := func() int64 {
					return read(t, st, func(ctx context.Context, rows billing.Rows) (int64, error) { return rows.Revision(ctx) })
				}
				plan := func(name string) billing.CatalogChange {
					return billing.CatalogChange{Plans: []billing.Plan{{Seller: host, ID: "p", Name: name}}}
				}
				named := func() string {
					p := read(t, st, func(ctx context.Context, rows billing.Rows) (billing.Plan, error) { return rows.Plan(ctx, host, "p") })
					return p.Name
				}
				first := revision()
				c := plan("first")
				c.Base = &first
				c.Sellers, c.Resources = sellers(), []billing.Resource{{ID: "r"}}
				put(t, st, c)
				second := revision()
				t.Equal(named(), "first", "the plan that was decided on the first revision")

				late := plan("late")
				late.Base = &first
				late.Resources = []billing.Resource{{ID: "r"}} // there already, which is not what counts
				never := second ^ 1
				for what, base := range map[string]*int64{"an earlier revision": &first, "one that never was": &never} {
					late.Base = base
					t.Is(tryPut(t.Context(), st, late), storage.ErrConflict, "PutCatalog on %s", what)
				}
				late.Resources, late.Base = []billing.Resource{{ID: "late"}}, &first
				t.Is(tryPut(t.Context(), st, late), storage.ErrConflict, "PutCatalog on an earlier revision")
				t.Equal(revision(), second, "the revision after refused changes")
				t.Equal(named(), "first", "the plan after refused changes")
				t.Equal(read(t, st, func(ctx context.Context, rows billing.Rows) (int, error) {
					all, err := rows.Resources(ctx)
					return len(all), err
				}), 1, "resources after refused changes")

				c = plan("second")
				c.Base = &second
				put(t, st, c)
				t.Equal(named(), "second", "the plan that was decided on the second revision")
				put(t, st, plan("any"))
				t.Equal(named(), "any", "the plan that was decided on no revision")
				t.OK(update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					for range 2 { // on what the transaction itself wrote
						n, err := rows.Revision(ctx)
						if err != nil {
							return err
						}
						c := plan("own")
						c.Base = &n
						if err := rows.PutCatalog(ctx, c); err != nil {
							return err
						}
					}
					return nil
				}), "two changes in a transaction")
				t.Equal(named(), "own", "the plan that was written twice")
			},
		},
	}
}

func idsOf[R, K any](rows []R, keyOf func(R) K) []K {
	out := make([]K, len(rows))
	for i, r := range rows {
		out[i] = keyOf(r)
	}
	return out
}

// checkPages reads a list of which all keys are wanted, and none is the zero key, in
// pages of every size and from every place.
func checkPages[K any](
	t *conformance.T, st billing.Store, what string, want []K,
	next func(ctx context.Context, rows billing.Rows, after K, limit int) ([]K, error),
) {
	t.Helper()
	err := view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
		for cut := range len(want) + 1 {
			var after K
			if cut > 0 {
				after = want[cut-1]
			}
			for _, limit := range []int{1, 2, len(want) - cut, len(want) + 1} {
				if limit < 1 {
					continue
				}
				page, err := next(ctx, rows, after, limit)
				if err != nil {
					return err
				}
				t.Equal(page, want[cut:min(cut+limit, len(want))], "%s: page of %d after %s", what, limit, conformance.Text(after))
			}
		}
		return nil
	})
	t.OK(err, "%s: read pages", what)
}
