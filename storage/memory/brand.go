package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/storage"
)

// The store keeps the brands of package label.
var _ label.Store = (*Store)(nil)

// brandState is the rows of package label.
type brandState struct {
	brands tree[billing.SellerID, label.Brand]
	hosts  tree[string, billing.SellerID]
}

func newBrandState() brandState {
	return brandState{
		brands: newTree[billing.SellerID, label.Brand](cmp.Compare[billing.SellerID]),
		hosts:  newTree[string, billing.SellerID](cmp.Compare[string]),
	}
}

// Label implements [label.Store].
func (s *Store) Label(x storage.Tx) (label.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return brandRows{t}, nil
}

// brandRows is the rows of package label within a transaction.
type brandRows struct{ tx *tx }

func (r brandRows) state() *brandState { return &r.tx.state.brands }

func (r brandRows) PutBrand(ctx context.Context, b label.Brand) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	old, _ := st.brands.get(b.Seller)
	if old.Version != b.Version-1 {
		return r.tx.abort(fmt.Errorf("brand %.80q is at version %d: %w", b.Seller, old.Version, storage.ErrConflict))
	}
	for i, host := range b.Hosts {
		if owner, ok := st.hosts.get(host); ok && owner != b.Seller || slices.Contains(b.Hosts[:i], host) {
			return r.tx.abort(fmt.Errorf("%w: %.300q", label.ErrHostTaken, host))
		}
	}
	for _, host := range old.Hosts {
		st.hosts.delete(r.tx.own, host)
	}
	for _, host := range b.Hosts {
		st.hosts.set(r.tx.own, host, b.Seller)
	}
	b = b.Clone()
	b.Changed = instant(b.Changed)
	st.brands.set(r.tx.own, b.Seller, b)
	return nil
}

func (r brandRows) Brand(ctx context.Context, seller billing.SellerID) (label.Brand, error) {
	if err := r.tx.reading(ctx); err != nil {
		return label.Brand{}, err
	}
	b, ok := r.state().brands.get(seller)
	if !ok {
		return label.Brand{}, fmt.Errorf("brand %.80q: %w", seller, storage.ErrNotFound)
	}
	return b.Clone(), nil
}

func (r brandRows) BrandByHost(ctx context.Context, host string) (label.Brand, error) {
	if err := r.tx.reading(ctx); err != nil {
		return label.Brand{}, err
	}
	seller, ok := r.state().hosts.get(host)
	if !ok {
		return label.Brand{}, fmt.Errorf("brand of host %.300q: %w", host, storage.ErrNotFound)
	}
	return r.Brand(ctx, seller)
}

func (r brandRows) Brands(ctx context.Context, after billing.SellerID, limit int) ([]label.Brand, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []label.Brand
	for _, b := range r.state().brands.after(after) {
		if len(page) >= limit {
			break
		}
		page = append(page, b.Clone())
	}
	return page, nil
}

func (r brandRows) RemoveBrand(ctx context.Context, seller billing.SellerID, version int64) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	old, ok := st.brands.get(seller)
	switch {
	case !ok:
		return fmt.Errorf("brand %.80q: %w", seller, storage.ErrNotFound)
	case old.Version != version:
		return r.tx.abort(fmt.Errorf("brand %.80q is at version %d: %w", seller, old.Version, storage.ErrConflict))
	}
	for _, host := range old.Hosts {
		st.hosts.delete(r.tx.own, host)
	}
	st.brands.delete(r.tx.own, seller)
	return nil
}
