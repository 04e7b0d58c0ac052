package billing

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// SellerID names a seller: the host, or a reseller.
type SellerID string

// Seller sets retail prices and invoices customers: the host, or a reseller. Sellers
// form a tree: a reseller is also an account of its parent, its double. Its parent,
// double, currency, rounding and time zone are fixed once they are defined; books kept
// in one cannot go on in another.
type Seller struct {
	ID   SellerID
	Name string
	// Parent is the seller whose account the Double is; "": the host.
	Parent SellerID
	// Double is a reseller's account at its parent; 0: it has none yet, and signs nobody
	// up until it has.
	Double   AccountID
	Currency money.Currency
	// Rounding to the currency's minor unit; the zero value is half away from zero.
	// money.HalfEven is the other one that is allowed.
	Rounding money.Rounding
	// TimeZone is an IANA name, in which days begin and end; "": UTC.
	TimeZone string
	// Taxes apply to each document's untaxed sum, each by itself. A change counts for
	// documents made from then on.
	Taxes []Tax
}

// Tax is one tax of a seller, in percent of a document's untaxed sum.
type Tax struct {
	Name    string          `json:"name"`
	Percent decimal.Decimal `json:"percent"`
}

func (s Seller) location() (*time.Location, error) {
	if s.TimeZone == "" {
		return time.UTC, nil
	}
	return time.LoadLocation(s.TimeZone)
}
