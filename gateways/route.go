package gateways

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
)

// Account is a seller's account at a provider.
type Account struct {
	ID      AccountID `json:"id"`
	Version int64     `json:"version"`
	Seller  string    `json:"seller"`
	Name    string    `json:"name,omitempty"` // for staff
	Gateway string    `json:"gateway"`        // the name that Options.Gateways has
	Live    bool      `json:"live,omitempty"`
	// Active: payments are made through it. One that is not keeps its settings, finishes
	// what was begun, and gives refunds.
	Active bool `json:"active,omitempty"`
	// Brands are the brands of cards that go through it, in what order it is asked among
	// the accounts for a brand: the lowest first, then, on an outage, the next. One brand
	// has one account of each order.
	Brands map[Brand]int   `json:"brands,omitempty"`
	Config json.RawMessage `json:"config,omitempty"` // JSON of the gateway's own type
	Sealed []byte          `json:"sealed,omitempty"` // the secret, as the sealer made it
}

// Clone returns a copy that shares nothing with a.
func (a Account) Clone() Account {
	a.Brands, a.Config, a.Sealed = maps.Clone(a.Brands), slices.Clone(a.Config), slices.Clone(a.Sealed)
	return a
}

// Route returns the accounts through which a seller takes cards of a brand, in the order
// in which they are asked: another one only if the one before did not have an effect and
// its provider cannot be reached. It is pure; accounts are all of one seller's, others
// are passed over, so that nobody's money ever goes through the account of a parent.
//
// It fails with [ErrNoGateway] if there is none, and the error says why each active one
// is not.
func Route(seller string, accounts []Account, abilities map[string]Capabilities, brand Brand, verb Verb, amount money.Money) ([]Account, error) {
	var found []Account
	why := "the seller has no active account"
	for _, a := range accounts {
		if a.Seller != seller || !a.Active {
			continue
		}
		able, known := abilities[a.Gateway]
		_, routed := a.Brands[brand]
		switch err := able.Check(verb, amount); {
		case !known:
			why = fmt.Sprintf("%s: there is no gateway %q here", a.ID, a.Gateway)
		case !routed:
			why = fmt.Sprintf("%s does not take %s", a.ID, brand)
		case !able.Takes(brand):
			why = fmt.Sprintf("%s: the gateway %q takes no %s", a.ID, a.Gateway, brand)
		case err != nil:
			why = fmt.Sprintf("%s: %v", a.ID, err)
		default:
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return nil, tierhost.E("gateways.Route", 0, "", fmt.Errorf("%w: %s", ErrNoGateway, why))
	}
	slices.SortFunc(found, func(a, b Account) int {
		return cmp.Or(cmp.Compare(a.Brands[brand], b.Brands[brand]), cmp.Compare(a.ID, b.ID))
	})
	return found, nil
}

// Offered returns the brands of cards that a seller takes, for the page on which customers
// give one; none: the seller has no card option.
func Offered(seller string, accounts []Account, abilities map[string]Capabilities, amount money.Money) (brands []Brand) {
	for _, b := range Brands() {
		if _, err := Route(seller, accounts, abilities, b, VerbCharge, amount); err == nil {
			brands = append(brands, b)
		}
	}
	return brands
}
