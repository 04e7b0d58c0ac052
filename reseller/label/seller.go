package label

import (
	"context"
	"errors"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Sellers is what a manager asks about sellers. The stores of this module are one, and
// so is every [billing.Store].
//
// Within v1 no method will be added to this interface.
type Sellers interface {
	// Billing returns billing's rows within tx, a transaction of the manager's store.
	Billing(tx storage.Tx) (billing.Rows, error)
}

// seller returns a seller, or billing.ErrUnknownSeller.
func (m *Manager) seller(ctx context.Context, tx storage.Tx, id billing.SellerID) (billing.Seller, error) {
	rows, err := m.opt.Sellers.Billing(tx)
	if err != nil {
		return billing.Seller{}, err
	}
	s, err := rows.Seller(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return s, fmt.Errorf("%w: %.80q", billing.ErrUnknownSeller, id)
	}
	return s, err
}

// Above returns the brands of all sellers above a seller, the nearest first: whom its
// customers must not see ([Leaks], [NewLook]). The host has nobody above it.
//
// It fails with [ErrNoBrand] if one of them has no brand, as nothing can be hidden of whom
// nothing is known, with [billing.ErrUnknownSeller], and with tierhost.ErrPrecondition ("no_sellers")
// if the manager has no [Options.Sellers].
func (m *Manager) Above(ctx context.Context, seller billing.SellerID) (brands []Brand, err error) {
	const op = "label.Above"
	if m.opt.Sellers == nil {
		return nil, tierhost.E(op, tierhost.KindPrecondition, "no_sellers", errors.New("the manager does not know the sellers"))
	}
	err = m.view(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		brands = nil
		met := map[billing.SellerID]bool{}
		for id := seller; ; {
			s, err := m.seller(ctx, tx, id)
			if err != nil {
				return tierhost.E(op, 0, "", err)
			}
			if s.Parent == "" {
				return nil
			}
			if id = s.Parent; met[id] {
				return tierhost.E(op, tierhost.KindInternal, "seller_circle", fmt.Errorf("seller %.80q is above itself", id))
			}
			met[id] = true
			b, err := rows.Brand(ctx, id)
			if errors.Is(err, storage.ErrNotFound) {
				return tierhost.E(op, 0, "", fmt.Errorf("%w: seller %.80q, above %.80q", ErrNoBrand, id, seller))
			}
			if err != nil {
				return err
			}
			brands = append(brands, b)
		}
	})
	if err != nil {
		return nil, err
	}
	return brands, nil
}
