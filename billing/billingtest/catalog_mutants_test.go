package billingtest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func catalogMutants() []mutant {
	putting := func(change func(ctx context.Context, rows billing.Rows, c *billing.CatalogChange)) func() hooks {
		return func() hooks {
			return hooks{putCatalog: func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error {
				change(ctx, next, &c)
				return next.PutCatalog(ctx, c)
			}}
		}
	}
	versionThere := func(ctx context.Context, rows billing.Rows, v billing.PlanVersion) bool {
		_, err := rows.PlanVersion(ctx, v.Seller, v.Plan, v.Version)
		return err == nil
	}
	return []mutant{
		{name: "the revision stays", rules: []string{"CAT-1"}, hooks: revising(func(int64, *brokenRevision) int64 { return 1 })},
		{name: "every write is a revision", rules: []string{"CAT-1"}, hooks: revising(func(_ int64, r *brokenRevision) int64 { return r.writes })},
		{name: "the revision of Load is late", rules: []string{"CAT-1"}, hooks: func() hooks {
			return hooks{load: func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
				l, err := next.Load(ctx, q)
				l.Revision--
				return l, err
			}}
		}},
		{name: "revisions that were rolled back come again", rules: []string{"CAT-2"}, make: func() billing.Store {
			committed, open := int64(0), int64(0)
			return &broken{memory.New(), hooks{
				update: func(next runFunc, ctx context.Context, fn txFunc) error {
					err := next(ctx, func(ctx context.Context, tx storage.Tx) error {
						open = 0
						return fn(ctx, tx)
					})
					if err == nil {
						committed += open
					}
					open = 0
					return err
				},
				putCatalog: func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error {
					open++
					return next.PutCatalog(ctx, c)
				},
				revision: func(billing.Rows, context.Context) (int64, error) { return committed + open, nil },
				load: func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
					l, err := next.Load(ctx, q)
					l.Revision = committed + open
					return l, err
				},
			}}
		}},
		{name: "resources that are there are left", rules: []string{"CAT-3"}, hooks: putting(
			func(ctx context.Context, rows billing.Rows, c *billing.CatalogChange) {
				there, _ := rows.Resources(ctx)
				c.Resources = without(c.Resources, func(r billing.Resource) bool {
					return slices.ContainsFunc(there, func(x billing.Resource) bool { return x.ID == r.ID })
				})
			})},
		{name: "resources in another order", rules: []string{"CAT-3"}, hooks: func() hooks {
			return hooks{resources: func(next billing.Rows, ctx context.Context) ([]billing.Resource, error) {
				all, err := next.Resources(ctx)
				slices.SortStableFunc(all, func(a, b billing.Resource) int {
					return cmp.Compare(strings.ToLower(string(a.ID)), strings.ToLower(string(b.ID)))
				})
				return all, err
			}}
		}},
		{name: "sellers and plans are inserted only", rules: []string{"CAT-4"}, hooks: putting(
			func(ctx context.Context, rows billing.Rows, c *billing.CatalogChange) {
				c.Plans = without(c.Plans, func(p billing.Plan) bool { _, err := rows.Plan(ctx, p.Seller, p.ID); return err == nil })
				c.Sellers = without(c.Sellers, func(s billing.Seller) bool { _, err := rows.Seller(ctx, s.ID); return err == nil })
			})},
		{name: "taxes of a replaced seller stay", rules: []string{"CAT-4"}, hooks: putting(
			func(ctx context.Context, rows billing.Rows, c *billing.CatalogChange) {
				c.Sellers = each(c.Sellers, func(s *billing.Seller) {
					if old, err := rows.Seller(ctx, s.ID); err == nil {
						s.Taxes = append(s.Taxes, old.Taxes...)
					}
				})
			})},
		{name: "a seller that is not there is an empty one", rules: []string{"CAT-4"}, hooks: func() hooks {
			return hooks{seller: func(next billing.Rows, ctx context.Context, id billing.SellerID) (billing.Seller, error) {
				s, err := next.Seller(ctx, id)
				return s, masked(err, storage.ErrNotFound, nil)
			}}
		}},
		{name: "versions that are there are left", rules: []string{"CAT-5"}, hooks: putting(
			func(ctx context.Context, rows billing.Rows, c *billing.CatalogChange) {
				c.Versions = without(c.Versions, func(v billing.PlanVersion) bool { return versionThere(ctx, rows, v) })
			})},
		{name: "versions by plan alone", rules: []string{"CAT-5"}, hooks: func() hooks {
			return hooks{planVersion: func(
				next billing.Rows, ctx context.Context, seller billing.SellerID, id billing.PlanID, version int,
			) (billing.PlanVersion, error) {
				if v, err := next.PlanVersion(ctx, "host", id, version); err == nil {
					v.Seller = seller
					return v, nil
				}
				return next.PlanVersion(ctx, seller, id, version)
			}}
		}},
		{name: "changes that come late win", rules: []string{"CAT-7"}, hooks: putting(
			func(_ context.Context, _ billing.Rows, c *billing.CatalogChange) { c.Base = nil })},
		{name: "changes on a revision are refused", rules: []string{"CAT-7"}, hooks: func() hooks {
			return hooks{putCatalog: func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error {
				if c.Base != nil {
					return storage.ErrConflict
				}
				return next.PutCatalog(ctx, c)
			}}
		}},
		{name: "what is there already comes before the conflict", rules: []string{"CAT-7"}, hooks: func() hooks {
			return hooks{putCatalog: func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error {
				there, _ := next.Resources(ctx)
				for _, r := range c.Resources {
					if slices.ContainsFunc(there, func(x billing.Resource) bool { return x.ID == r.ID }) {
						return storage.ErrExists
					}
				}
				return next.PutCatalog(ctx, c)
			}}
		}},
		{name: "a page of sellers begins with the last one again", rules: []string{"CAT-6"}, hooks: func() hooks {
			return hooks{sellers: func(next billing.Rows, ctx context.Context, after billing.SellerID, limit int) ([]billing.Seller, error) {
				page, err := next.Sellers(ctx, after, limit)
				if s, serr := next.Seller(ctx, after); serr == nil {
					page = append([]billing.Seller{s}, page...)
				}
				return page[:min(limit, len(page))], err
			}}
		}},
		{name: "plans in the order of the language", rules: []string{"CAT-6"}, hooks: func() hooks {
			return hooks{plans: func(
				next billing.Rows, ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int,
			) ([]billing.Plan, error) {
				all, err := next.Plans(ctx, seller, "", 1000)
				lower := func(id billing.PlanID) string { return strings.ToLower(string(id)) }
				slices.SortStableFunc(all, func(a, b billing.Plan) int { return cmp.Compare(lower(a.ID), lower(b.ID)) })
				all = without(all, func(p billing.Plan) bool { return lower(p.ID) <= lower(after) && after != "" })
				return all[:min(limit, len(all))], err
			}}
		}},
		{name: "plans of all sellers", rules: []string{"CAT-6"}, hooks: func() hooks {
			return hooks{plans: func(
				next billing.Rows, ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int,
			) ([]billing.Plan, error) {
				page, err := next.Plans(ctx, seller, after, limit)
				if rest := limit - len(page); err == nil && rest > 0 {
					more, _ := next.Plans(ctx, "b", "", rest)
					page = append(page, more...)
				}
				return page, err
			}}
		}},
		{name: "half of a refused catalog stays", rules: []string{"CAT-5"}, make: func() billing.Store {
			st := memory.New()
			var half *billing.CatalogChange
			return &broken{st, hooks{
				putCatalog: func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error {
					err := next.PutCatalog(ctx, c)
					if errors.Is(err, storage.ErrExists) {
						half = &billing.CatalogChange{Plans: c.Plans}
					}
					return err
				},
				update: func(next runFunc, ctx context.Context, fn txFunc) error {
					half = nil
					err := next(ctx, fn)
					if half == nil {
						return err
					}
					return errors.Join(err, st.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
						rows, err := st.Billing(tx)
						if err != nil {
							return err
						}
						return rows.PutCatalog(ctx, *half)
					}))
				},
			}}
		}},
	}
}

// brokenRevision counts what a revision is made of.
type brokenRevision struct{ writes int64 }

// of makes h answer with another revision.
func (r *brokenRevision) of(h hooks, revision func(real int64, r *brokenRevision) int64) hooks {
	h.revision = func(next billing.Rows, ctx context.Context) (int64, error) {
		n, err := next.Revision(ctx)
		return revision(n, r), err
	}
	h.load = func(next billing.Rows, ctx context.Context, q billing.LoadQuery) (billing.Loaded, error) {
		l, err := next.Load(ctx, q)
		l.Revision = revision(l.Revision, r)
		return l, err
	}
	h.write = func(next billing.Rows, ctx context.Context, b *billing.Batch) error {
		r.writes++
		return next.Write(ctx, b)
	}
	h.putCatalog = func(next billing.Rows, ctx context.Context, c billing.CatalogChange) error {
		r.writes++
		return next.PutCatalog(ctx, c)
	}
	return h
}

func revising(revision func(real int64, r *brokenRevision) int64) func() hooks {
	return func() hooks { return (&brokenRevision{}).of(hooks{}, revision) }
}
