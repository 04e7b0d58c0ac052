package reseller

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Enrollment makes a reseller: an account of its parent that sells.
type Enrollment struct {
	// Seller is the reseller: its currency, time zone, taxes. Its Parent is needed; its
	// Double is ignored.
	Seller billing.Seller
	// Account is an open account of the parent's that becomes the double; 0: one is
	// opened by Signup.
	Account billing.AccountID
	// Signup opens the double; its Seller is the parent, whatever it says, and its Name
	// the seller's ID where it is empty.
	Signup billing.Signup
}

// Enroll makes a reseller and returns its double, in one transaction: the seller, its
// account at the parent, and the tie between them. From then on the reseller signs up
// customers; nothing is charged to it before one buys. Enrolling again with the same
// signup key or account changes nothing. Errors are those of billing's PutSeller, Do
// and Appoint; billing.ErrTooDeep below the levels that the host allows.
func (m *Manager) Enroll(ctx context.Context, x Enrollment) (billing.Account, error) {
	if x.Seller.Parent == "" {
		var is tierhost.Issues
		is.Add("seller.parent", billing.FaultMissing, "a reseller has a parent")
		return billing.Account{}, is.Err()
	}
	var account billing.Account
	err := m.update(ctx, func(ctx context.Context, tx storage.Tx, _ Rows) error {
		engine := m.engine.In(tx)
		if err := engine.PutSeller(ctx, x.Seller); err != nil {
			return err
		}
		id := x.Account
		if id == 0 {
			signup := x.Signup
			signup.Seller, signup.Sells = x.Seller.Parent, x.Seller.ID
			if signup.Name == "" {
				signup.Name = string(x.Seller.ID)
			}
			res, err := engine.Do(ctx, signup)
			if err != nil {
				return err
			}
			id = res.Account.ID
		} else if err := engine.Appoint(ctx, x.Seller.ID, id); err != nil {
			return err
		}
		var err error
		account, err = engine.Account(ctx, id)
		return err
	})
	return account, err
}

// Sellers lists the resellers below a seller, at any depth, parents first.
func (m *Manager) Sellers(ctx context.Context, below billing.SellerID) ([]billing.Seller, error) {
	return m.engine.SellersBelow(ctx, below)
}

// ErrNotReseller: the seller has no account at a parent: it is the host, or was not
// enrolled.
var ErrNotReseller = tierhost.E("", tierhost.KindPrecondition, "not_a_reseller", nil)

// reseller returns a reseller that has its double.
func (m *Manager) reseller(ctx context.Context, id billing.SellerID) (billing.Seller, error) {
	s, err := m.engine.Seller(ctx, id)
	if err == nil && s.Double == 0 {
		err = fmt.Errorf("reseller: seller %s: %w", id, ErrNotReseller)
	}
	return s, err
}
