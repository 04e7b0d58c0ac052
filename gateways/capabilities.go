package gateways

import (
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
)

// Capabilities are what accounts of a gateway can do. The manager looks at them before
// anything is stored.
type Capabilities struct {
	Verbs []Verb
	// Brands are the brands of cards that it takes; nil: it takes no cards.
	Brands []Brand
	// Currencies are those that it takes; nil: all.
	Currencies []money.Currency
	// Partial: a capture may be of less than was authorized, and a refund of less than was
	// captured.
	PartialCapture bool
	PartialRefund  bool
	// Finds: Find knows of operations whose answer was lost. Without it staff has to look.
	Finds bool
	// Keys: the provider itself keeps an operation from being done twice.
	Keys bool
}

// Can reports whether there is a verb.
func (c Capabilities) Can(v Verb) bool { return slices.Contains(c.Verbs, v) }

// Takes reports whether it takes cards of a brand.
func (c Capabilities) Takes(b Brand) bool { return slices.Contains(c.Brands, b) }

// Check returns nil if an account with these abilities can be asked to do the verb with
// the amount, else a [*tierhost.Invalid] with all faults: "verb", "amount".
func (c Capabilities) Check(v Verb, amount money.Money) error {
	var issues tierhost.Issues
	if !c.Can(v) {
		issues.Add("verb", "unsupported_verb", "the gateway cannot %s", v)
	}
	checkAmount(&issues, "amount", amount)
	if c.Currencies != nil && !slices.Contains(c.Currencies, amount.Currency()) {
		issues.Add("amount", "unsupported_currency", "the gateway does not take %s", amount.Currency())
	}
	return issues.Err()
}

// checkAmount adds the faults of an amount that is to be moved.
func checkAmount(issues *tierhost.Issues, path string, amount money.Money) {
	switch {
	case amount.Currency().Validate() != nil:
		issues.Add(path, "no_currency", "an amount has a currency")
	case amount.Sign() <= 0:
		issues.Add(path, "not_positive", "the amount is not above zero")
	case !amount.IsWhole():
		issues.Add(path, "not_whole", "the amount is no whole number of the currency's smallest unit")
	}
}
