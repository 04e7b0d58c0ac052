package reseller

import (
	"cmp"
	"context"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// LimitUse is a bound that those above have set a reseller, and what is used of it: on how many customers it has,
// or on what all its customers, at any depth, hold of a resource together.
type LimitUse struct {
	Resource billing.ResourceID // "": open accounts below it
	Max      decimal.Decimal
	Used     decimal.Decimal
}

// Customers is the resource of a limit on how many open accounts are below a reseller.
const Customers billing.ResourceID = ""

// SetLimit bounds what a reseller's customers hold together, at any depth ([Customers]:
// how many there are); nil takes the bound away. It is checked whenever one of them
// buys, in the same transaction, at every level above the customer
// (billing.ErrOverLimit). A bound below what is held takes nothing away, it stops
// growth. It waits for transactions that work on the reseller's customers.
//
// Who may do it says [Can] with [ActionLimits] of the account that the reseller has at its
// parent: nobody but the host bounds a shop of its own.
func (m *Manager) SetLimit(ctx context.Context, seller billing.SellerID, resource billing.ResourceID, most *decimal.Decimal) error {
	if most != nil && (most.Sign() < 0 || most.Exponent() < -18 || most.NumDigits() > 30) {
		var is tierhost.Issues
		is.Add("limit", billing.FaultNegative, "a limit is 0 or more, with at most 30 digits")
		return is.Err()
	}
	r, err := m.reseller(ctx, seller)
	if err != nil {
		return err
	}
	return m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		if err := m.hold(ctx, tx, r.Double); err != nil {
			return err
		}
		engine := m.engine.In(tx)
		if resource != Customers {
			known, err := engine.Resources(ctx)
			if err != nil {
				return err
			}
			found := false
			for _, x := range known {
				found = found || x.ID == resource
			}
			if !found {
				var is tierhost.Issues
				is.Add("resource", billing.FaultUnknown, "resource %q is not defined", resource)
				return is.Err()
			}
		}
		stocks, err := rows.Lock(ctx, []StockKey{{seller, resource}})
		if err != nil {
			return err
		}
		s := stocks[0]
		s.Limit, s.Held = most, decimal.Decimal{}
		if most != nil {
			books, err := m.store.Billing(tx)
			if err != nil {
				return err
			}
			here := func(ctx context.Context, fn func(context.Context, Rows, billing.Rows) error) error {
				return fn(ctx, rows, books)
			}
			if s.Held, err = m.In(tx).heldBelow(ctx, here, seller, resource); err != nil {
				return err
			}
		}
		return rows.Write(ctx, &Batch{Stocks: []Stock{s}})
	})
}

// heldBelow adds up what the open accounts below a reseller hold of a resource, page by
// page.
func (m *Manager) heldBelow(ctx context.Context, view viewer, seller billing.SellerID, resource billing.ResourceID) (decimal.Decimal, error) {
	sum := decimal.Decimal{}
	below, err := m.engine.SellersBelow(ctx, seller)
	if err != nil {
		return sum, err
	}
	sellers := []billing.SellerID{seller}
	for _, s := range below {
		sellers = append(sellers, s.ID)
	}
	for _, id := range sellers {
		for after := billing.AccountID(0); ; {
			var accounts []billing.Account
			var holdings []billing.Holding
			err := view(ctx, func(ctx context.Context, _ Rows, books billing.Rows) (err error) {
				accounts, err = books.Accounts(ctx, billing.AccountQuery{Seller: id, Open: true}, after, pageSize)
				if err != nil || resource == Customers || len(accounts) == 0 {
					return err
				}
				ids := make([]billing.AccountID, len(accounts))
				for i := range accounts {
					ids[i] = accounts[i].ID
				}
				holdings, err = books.Holdings(ctx, ids)
				return err
			})
			if err != nil {
				return sum, err
			}
			if resource == Customers {
				sum = sum.Add(decimal.New(int64(len(accounts)), 0))
			}
			for i := range holdings {
				if resource != Customers && holdings[i].Resource == resource {
					sum = sum.Add(holdings[i].Quantity)
				}
			}
			if len(accounts) < pageSize {
				break
			}
			after = accounts[len(accounts)-1].ID
		}
	}
	return sum, nil
}

// Limits returns the bounds set to a reseller, by resource, with what is used of each.
// billing.ErrUnknownSeller if there is no such seller.
func (m *Manager) Limits(ctx context.Context, seller billing.SellerID) (out []LimitUse, err error) {
	if _, err := m.engine.Seller(ctx, seller); err != nil {
		return nil, err
	}
	err = m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		out = nil
		stocks, err := rows.Stocks(ctx, seller)
		for _, s := range stocks {
			if s.Limit != nil {
				out = append(out, LimitUse{s.Resource, *s.Limit, s.Held})
			}
		}
		return err
	})
	return out, err
}

// PoolUse is what of a reseller's pool of free units its customers have drawn.
type PoolUse struct {
	Resource billing.ResourceID
	Drawn    decimal.Decimal // by holdings, and by those whose month has not ended yet
}

// Pools returns what of a reseller's pools is drawn on a day, by resource.
// billing.ErrUnknownSeller if there is no such seller.
func (m *Manager) Pools(ctx context.Context, seller billing.SellerID, day billing.Date) (out []PoolUse, err error) {
	if _, err := m.engine.Seller(ctx, seller); err != nil {
		return nil, err
	}
	err = m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		out = nil
		stocks, err := rows.Stocks(ctx, seller)
		for i := range stocks {
			if drawn := stocks[i].pooled(day); drawn.Sign() != 0 {
				out = append(out, PoolUse{stocks[i].Resource, drawn})
			}
		}
		return err
	})
	return out, err
}

// Share is what one customer holds of a resource, see [Manager.Shares].
type Share struct {
	Account  billing.AccountID
	Seller   billing.SellerID
	Name     string
	Quantity decimal.Decimal
}

// Shares lists who below a reseller holds a resource, the most first: the report behind
// a limit that is reached. billing.ErrUnknownSeller if there is no such seller.
func (m *Manager) Shares(ctx context.Context, seller billing.SellerID, resource billing.ResourceID) ([]Share, error) {
	if _, err := m.engine.Seller(ctx, seller); err != nil {
		return nil, err
	}
	below, err := m.engine.SellersBelow(ctx, seller)
	if err != nil {
		return nil, err
	}
	sellers := []billing.SellerID{seller}
	for _, s := range below {
		sellers = append(sellers, s.ID)
	}
	var out []Share
	for _, id := range sellers {
		for a, err := range m.engine.Accounts(ctx, billing.AccountQuery{Seller: id, Open: true}) {
			if err != nil {
				return nil, err
			}
			holdings, err := m.engine.Holdings(ctx, a.ID)
			if err != nil {
				return nil, err
			}
			for _, h := range holdings {
				if h.Resource == resource && h.Quantity.Sign() > 0 {
					out = append(out, Share{a.ID, a.Seller, a.Name, h.Quantity})
				}
			}
		}
	}
	sortShares(out)
	return out, nil
}

func sortShares(list []Share) {
	slices.SortStableFunc(list, func(a, b Share) int {
		return cmp.Or(b.Quantity.Cmp(a.Quantity), cmp.Compare(a.Account, b.Account))
	})
}
