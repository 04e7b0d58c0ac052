package memory

import (
	"cmp"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

// The store keeps the books of package reseller.
var _ reseller.Store = (*Store)(nil)

// resellerState is the rows of package reseller.
type resellerState struct {
	holdings tree[customerHolding, reseller.Holding]
	held     tree[sellerHolding, struct{}] // the same, by seller
	stocks   tree[reseller.StockKey, reseller.Stock]
	through  tree[billing.SellerID, billing.Date] // the last day that is closed
	bills    tree[billKey, reseller.Bill]

	transfers   tree[billing.AccountID, reseller.Transfer]
	transferred tree[stateTransfer, struct{}] // the same, by state

	lastShadow  int64
	byAccount   tree[accountShadow, *reseller.Shadow]
	byDay       tree[dayShadow, *reseller.Shadow]
	shadowed    tree[sellerDay, struct{}]        // days with shadows
	shadowsOpen tree[reseller.OpenDay, struct{}] // those of them that are not closed
}

// customerHolding identifies a holding, in the order in which Load returns them.
type customerHolding struct {
	account  billing.AccountID
	seller   billing.SellerID
	resource billing.ResourceID
}

// sellerHolding identifies a holding, in the order in which a seller's are listed.
type sellerHolding struct {
	seller   billing.SellerID
	account  billing.AccountID
	resource billing.ResourceID
}

type billKey struct {
	seller   billing.SellerID
	day      billing.Date
	resource billing.ResourceID
}

// stateTransfer identifies a transfer, in the order in which those in a state are listed.
type stateTransfer struct {
	state   reseller.TransferState
	account billing.AccountID
}

type accountShadow struct {
	account billing.AccountID
	dayShadow
}

type dayShadow struct {
	sellerDay
	seq int64
}

type sellerDay struct {
	seller billing.SellerID
	day    billing.Date
}

func newResellerState() resellerState {
	return resellerState{
		holdings: newTree[customerHolding, reseller.Holding](func(a, b customerHolding) int {
			return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.seller, b.seller), cmp.Compare(a.resource, b.resource))
		}),
		held: newTree[sellerHolding, struct{}](func(a, b sellerHolding) int {
			return cmp.Or(cmp.Compare(a.seller, b.seller), cmp.Compare(a.account, b.account), cmp.Compare(a.resource, b.resource))
		}),
		stocks:  newTree[reseller.StockKey, reseller.Stock](compareStocks),
		through: newTree[billing.SellerID, billing.Date](cmp.Compare[billing.SellerID]),
		bills: newTree[billKey, reseller.Bill](func(a, b billKey) int {
			return cmp.Or(cmp.Compare(a.seller, b.seller), a.day.Compare(b.day), cmp.Compare(a.resource, b.resource))
		}),
		transfers: newTree[billing.AccountID, reseller.Transfer](cmp.Compare[billing.AccountID]),
		transferred: newTree[stateTransfer, struct{}](func(a, b stateTransfer) int {
			return cmp.Or(cmp.Compare(a.state, b.state), cmp.Compare(a.account, b.account))
		}),
		byAccount: newTree[accountShadow, *reseller.Shadow](func(a, b accountShadow) int {
			return cmp.Or(cmp.Compare(a.account, b.account), a.dayShadow.compare(b.dayShadow))
		}),
		byDay:    newTree[dayShadow, *reseller.Shadow](dayShadow.compare),
		shadowed: newTree[sellerDay, struct{}](sellerDay.compare),
		shadowsOpen: newTree[reseller.OpenDay, struct{}](func(a, b reseller.OpenDay) int {
			return cmp.Or(a.Day.Compare(b.Day), cmp.Compare(a.Seller, b.Seller))
		}),
	}
}

func compareStocks(a, b reseller.StockKey) int {
	return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Resource, b.Resource))
}

func (a dayShadow) compare(b dayShadow) int {
	return cmp.Or(a.sellerDay.compare(b.sellerDay), cmp.Compare(a.seq, b.seq))
}

func (a sellerDay) compare(b sellerDay) int {
	return cmp.Or(cmp.Compare(a.seller, b.seller), a.day.Compare(b.day))
}

// Reseller implements [reseller.Store].
func (s *Store) Reseller(x storage.Tx) (reseller.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return resellerRows{t}, nil
}

// resellerRows is the rows of package reseller within a transaction.
type resellerRows struct{ tx *tx }

func (r resellerRows) state() *resellerState { return &r.tx.state.reseller }
