package reseller

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// ExchangeRate is a pinned rate of exchange: what one unit of a currency is worth in
// another, who says so and since when. There is no implicit conversion anywhere: what is
// in two currencies is compared at a rate that the caller names.
type ExchangeRate struct {
	From, To money.Currency
	Rate     decimal.Decimal // units of To for one of From
	Source   string          // "ECB reference rate"
	At       time.Time       // when it was quoted
}

// Errors of exchange rates.
var (
	// ErrRateNeeded: cost and retail are in different currencies, and no rate is given.
	ErrRateNeeded error = tierhost.E("", tierhost.KindInvalid, "rate_needed", nil)
	// ErrRateCurrency: the rate is of other currencies.
	ErrRateCurrency error = tierhost.E("", tierhost.KindInvalid, "rate_currency", nil)
)

// Validate checks the rate: it is positive, and its currencies, source and time are
// named. A currency in itself is worth 1. Faults are tierhost.Invalid.
func (r ExchangeRate) Validate() error {
	var is tierhost.Issues
	if err := r.From.Validate(); err != nil {
		is.Add("from", billing.FaultUnknown, "%v", err)
	}
	if err := r.To.Validate(); err != nil {
		is.Add("to", billing.FaultUnknown, "%v", err)
	}
	switch {
	case r.Rate.Exponent() < -18 || r.Rate.Exponent() > 18 || r.Rate.NumDigits() > 30:
		is.Add("rate", billing.FaultTooLong, "at most 30 digits, 18 of them decimals")
	case r.Rate.Sign() <= 0:
		is.Add("rate", billing.FaultNegative, "a rate is greater than 0")
	case r.From == r.To && r.Rate.Cmp(decimal.New(1, 0)) != 0:
		is.Add("rate", billing.FaultKind, "a currency in itself is worth 1")
	}
	if r.Source == "" {
		is.Add("source", billing.FaultMissing, "say who quotes the rate")
	}
	if r.At.IsZero() {
		is.Add("at", billing.FaultMissing, "say when it was quoted")
	}
	return is.Err()
}

// Convert turns an amount of From into one of To, rounded once to To's minor unit, half
// away from zero. Add up first and convert the sum: sums of converted lines drift.
// ErrRateCurrency for an amount of another currency.
func (r ExchangeRate) Convert(m money.Money) (money.Money, error) {
	if err := r.Validate(); err != nil {
		return money.Money{}, err
	}
	if m.Currency() != r.From {
		return money.Money{}, fmt.Errorf("reseller: a rate of %s for an amount of %s: %w", r.From.Code, m.Currency().Code, ErrRateCurrency)
	}
	return money.RoundRat(m.Rat().Mul(money.RatOf(r.Rate)), r.To, money.HalfUp)
}

// String returns the rate in one line.
func (r ExchangeRate) String() string {
	return fmt.Sprintf("1 %s = %s %s (%s, %s)", r.From.Code, r.Rate, r.To.Code, r.Source, r.At.UTC().Format(time.RFC3339))
}

// between returns the rate at which costs in one currency are set against retail in
// another: the given one, or 1 where they are the same; ErrRateNeeded, ErrRateCurrency.
func between(cost, retail money.Currency, given *ExchangeRate) (money.Rat, error) {
	switch {
	case given == nil && cost == retail:
		return money.RatInt(1), nil
	case given == nil:
		return money.Rat{}, fmt.Errorf("reseller: costs in %s, retail in %s: %w", cost.Code, retail.Code, ErrRateNeeded)
	}
	if err := given.Validate(); err != nil {
		return money.Rat{}, err
	}
	if given.From != cost || given.To != retail {
		return money.Rat{}, fmt.Errorf("reseller: costs in %s, retail in %s, the rate is of %s in %s: %w",
			cost.Code, retail.Code, given.From.Code, given.To.Code, ErrRateCurrency)
	}
	return money.RatOf(given.Rate), nil
}
