package reseller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// Closing is what closing a reseller comes to: all accounts below it and itself, in
// the order in which they are closed.
type Closing struct {
	Seller   billing.SellerID
	Accounts []ClosingAccount
}

// ClosingAccount is one account that a closing closes.
type ClosingAccount struct {
	ID     billing.AccountID
	Seller billing.SellerID
	Name   string
	Sells  billing.SellerID // a reseller's own account
	Status billing.Status
	// Total is what its last documents come to (negative: it gets back), Balance what it
	// then has, if it is closed today. Of a reseller's own account Total is zero and
	// Balance what it has now: what it gets back, and what is still to be billed to it,
	// is known when its customers are closed (see [Manager.Open]).
	Total, Balance money.Money
}

// ErrClosingChanged: there are other accounts below the reseller than the preview has
// shown.
var ErrClosingChanged = tierhost.E("", tierhost.KindConflict, "closing_changed", nil)

// PreviewClosing shows what closing a reseller would close, in the order in which it
// would: all its customers, then the resellers below it, each after its own customers,
// then its own account (H-Sphere's order). Nothing is written.
func (m *Manager) PreviewClosing(ctx context.Context, seller billing.SellerID, how billing.CloseBilling) (Closing, error) {
	out := Closing{Seller: seller}
	ids, err := m.closingOrder(ctx, seller)
	if err != nil {
		return out, err
	}
	for _, id := range ids {
		a, err := m.engine.Account(ctx, id)
		if err != nil {
			return out, err
		}
		x := ClosingAccount{ID: id, Seller: a.Seller, Name: a.Name, Sells: a.Sells, Status: a.Status,
			Total: money.Zero(a.Balance.Currency()), Balance: a.Balance}
		if a.Sells == "" { // a double cannot be quoted before its customers are closed
			res, err := m.engine.Quote(ctx, billing.Close{Account: id, Billing: how})
			if errors.Is(err, billing.ErrAccountClosed) { // a boundary that is due closes it
				x.Status = billing.Closed
				out.Accounts = append(out.Accounts, x)
				continue
			}
			if err != nil {
				return out, err
			}
			for _, d := range res.Documents {
				if x.Total, err = x.Total.Add(d.Total); err != nil {
					return out, err
				}
			}
			x.Balance = res.Account.Balance
		}
		out.Accounts = append(out.Accounts, x)
	}
	return out, nil
}

// CloseReseller closes what a preview has shown, account by account, each in a
// transaction of its own, and returns the accounts that are closed. Where it stops, it
// goes on when it is called again with the same preview. If other accounts are there
// than the preview has shown nothing is closed: ErrClosingChanged.
func (m *Manager) CloseReseller(ctx context.Context, c Closing, how billing.CloseBilling, by billing.Actor) ([]billing.AccountID, error) {
	ids, err := m.closingOrder(ctx, c.Seller)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(c.Accounts, func(x ClosingAccount) bool { return x.ID == id }) {
			return nil, fmt.Errorf("reseller: account %d of seller %s: %w", id, c.Seller, ErrClosingChanged)
		}
	}
	var closed []billing.AccountID
	for _, id := range ids {
		if _, err := m.engine.Do(ctx, billing.Close{Request: billing.Request{By: by}, Account: id, Billing: how}); err != nil && !errors.Is(err, billing.ErrAccountClosed) {
			return closed, err // one that a due boundary has closed is closed
		}
		closed = append(closed, id)
	}
	return closed, nil
}

// closingOrder lists the open accounts below a reseller, and its own last.
func (m *Manager) closingOrder(ctx context.Context, seller billing.SellerID) ([]billing.AccountID, error) {
	r, err := m.reseller(ctx, seller)
	if err != nil {
		return nil, err
	}
	var ids []billing.AccountID
	var doubles []billing.Account
	for a, err := range m.engine.Accounts(ctx, billing.AccountQuery{Seller: seller, Open: true}) {
		if err != nil {
			return nil, err
		}
		if a.Sells != "" {
			doubles = append(doubles, a)
			continue
		}
		ids = append(ids, a.ID)
	}
	for _, d := range doubles {
		below, err := m.closingOrder(ctx, d.Sells)
		if err != nil {
			return nil, err
		}
		ids = append(ids, below...)
	}
	own, err := m.engine.Account(ctx, r.Double)
	if err != nil || own.Status == billing.Closed {
		return ids, err
	}
	return append(ids, r.Double), nil
}
