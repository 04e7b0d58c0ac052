package memory

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

func (r billingRows) PutCatalog(ctx context.Context, c billing.CatalogChange) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st, own := r.state(), r.tx.own
	if c.Base != nil && *c.Base != st.revision {
		return r.tx.abort(fmt.Errorf(
			"the catalog is at revision %d, not at %d: %w", st.revision, *c.Base, storage.ErrConflict))
	}
	for _, x := range c.Resources {
		if st.resources.has(x.ID) {
			return r.tx.abort(fmt.Errorf("resource %.80q: %w", x.ID, storage.ErrExists))
		}
		st.resources.set(own, x.ID, x)
	}
	for _, x := range c.Sellers {
		st.sellers.set(own, x.ID, cloneSeller(x))
	}
	for _, x := range c.Plans {
		st.plans.set(own, planKey{x.Seller, x.ID}, clonePlan(x))
	}
	for _, x := range c.Versions {
		k := versionKey{planKey{x.Seller, x.Plan}, x.Version}
		if st.versions.has(k) {
			return r.tx.abort(fmt.Errorf("version %d of plan %.80q: %w", x.Version, x.Plan, storage.ErrExists))
		}
		st.versions.set(own, k, cloneVersion(x))
	}
	// Not counted in the state: a revision that somebody saw in a transaction which
	// was rolled back must not come to mean another catalog.
	st.revision = r.tx.store.lastRevision.Add(1)
	return nil
}

func (r billingRows) Revision(ctx context.Context) (int64, error) {
	if err := r.tx.reading(ctx); err != nil {
		return 0, err
	}
	return r.state().revision, nil
}

func (r billingRows) Resources(ctx context.Context) ([]billing.Resource, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var all []billing.Resource
	for _, x := range r.state().resources.all() {
		all = append(all, x)
	}
	return all, nil
}

func (r billingRows) Seller(ctx context.Context, id billing.SellerID) (billing.Seller, error) {
	if err := r.tx.reading(ctx); err != nil {
		return billing.Seller{}, err
	}
	x, ok := r.state().sellers.get(id)
	if !ok {
		return billing.Seller{}, fmt.Errorf("seller %.80q: %w", id, storage.ErrNotFound)
	}
	return cloneSeller(x), nil
}

func (r billingRows) Sellers(ctx context.Context, after billing.SellerID, limit int) ([]billing.Seller, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []billing.Seller
	for _, x := range r.state().sellers.after(after) {
		if len(page) >= limit {
			break
		}
		page = append(page, cloneSeller(x))
	}
	return page, nil
}

func (r billingRows) Plan(ctx context.Context, seller billing.SellerID, id billing.PlanID) (billing.Plan, error) {
	if err := r.tx.reading(ctx); err != nil {
		return billing.Plan{}, err
	}
	x, ok := r.state().plans.get(planKey{seller, id})
	if !ok {
		return billing.Plan{}, fmt.Errorf("plan %.80q of seller %.80q: %w", id, seller, storage.ErrNotFound)
	}
	return clonePlan(x), nil
}

func (r billingRows) Plans(ctx context.Context, seller billing.SellerID, after billing.PlanID, limit int) ([]billing.Plan, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []billing.Plan
	for k, x := range r.state().plans.after(planKey{seller, after}) {
		if len(page) >= limit || k.seller != seller {
			break
		}
		page = append(page, clonePlan(x))
	}
	return page, nil
}

func (r billingRows) PlanVersion(
	ctx context.Context, seller billing.SellerID, id billing.PlanID, version int,
) (billing.PlanVersion, error) {
	if err := r.tx.reading(ctx); err != nil {
		return billing.PlanVersion{}, err
	}
	x, ok := r.state().versions.get(versionKey{planKey{seller, id}, version})
	if !ok {
		return billing.PlanVersion{}, fmt.Errorf(
			"version %d of plan %.80q of seller %.80q: %w", version, id, seller, storage.ErrNotFound)
	}
	return cloneVersion(x), nil
}
