package reseller_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

func isoCurrency(code string) money.Currency {
	c, err := money.ISO(code)
	if err != nil {
		panic(err)
	}
	return c
}

// rateOf is a rate as it was quoted on new year's day.
func rateOf(from, to, rate string) reseller.ExchangeRate {
	return reseller.ExchangeRate{From: isoCurrency(from), To: isoCurrency(to), Rate: decimal.RequireFromString(rate),
		Source: "test", At: time.Date(2026, 1, 1, 16, 0, 0, 0, time.UTC)}
}

func TestARateIsPositiveAndSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	require.NoError(t, rateOf("EUR", "USD", "1.1").Validate())
	require.NoError(t, rateOf("EUR", "EUR", "1.0").Validate())
	for name, change := range map[string]func(r *reseller.ExchangeRate){
		"zero":       func(r *reseller.ExchangeRate) { r.Rate = decimal.Decimal{} },
		"negative":   func(r *reseller.ExchangeRate) { r.Rate = decimal.NewFromInt(-1) },
		"endless":    func(r *reseller.ExchangeRate) { r.Rate = decimal.New(1, 1_000_000_000) },
		"too fine":   func(r *reseller.ExchangeRate) { r.Rate = decimal.New(1, -19) },
		"itself":     func(r *reseller.ExchangeRate) { r.To = r.From },
		"no source":  func(r *reseller.ExchangeRate) { r.Source = "" },
		"no time":    func(r *reseller.ExchangeRate) { r.At = time.Time{} },
		"no target":  func(r *reseller.ExchangeRate) { r.To = money.Currency{} },
		"no origin":  func(r *reseller.ExchangeRate) { r.From = money.Currency{} },
		"everything": func(r *reseller.ExchangeRate) { *r = reseller.ExchangeRate{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rateOf("EUR", "USD", "1.1")
			change(&r)
			require.ErrorIs(t, r.Validate(), tierhost.ErrInvalid)
			_, err := r.Convert(money.FromMinor(100, isoCurrency("EUR")))
			require.ErrorIs(t, err, tierhost.ErrInvalid)
		})
	}
}

func TestConversionRoundsOnceHalfAwayFromZero(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, rate, amount, want string }{
		{"EUR", "USD", "1.1", "10.00", "11.00 USD"},
		{"EUR", "USD", "1.5", "0.01", "0.02 USD"},
		{"EUR", "USD", "1.5", "-0.01", "-0.02 USD"},
		{"EUR", "USD", "1.4999999", "0.01", "0.01 USD"},
		{"EUR", "JPY", "162.5", "0.01", "2 JPY"},
		{"JPY", "EUR", "0.005", "1", "0.01 EUR"},
		{"JPY", "KWD", "0.0021", "1000", "2.100 KWD"},
		{"EUR", "USD", "1.1", "0.004", "0.00 USD"},
		{"EUR", "USD", "2.5", "0.002", "0.01 USD"}, // not rounded before
	} {
		r := rateOf(c.from, c.to, c.rate)
		m, err := money.New(decimal.RequireFromString(c.amount), isoCurrency(c.from))
		require.NoError(t, err)
		got, err := r.Convert(m)
		require.NoError(t, err)
		require.Equal(t, c.want, got.String(), "%s at %s", c.amount, r)
	}
	_, err := rateOf("EUR", "USD", "1.1").Convert(money.FromMinor(1, isoCurrency("USD")))
	require.ErrorIs(t, err, reseller.ErrRateCurrency)
	require.Equal(t, "rate_currency", tierhost.CodeOf(err))
}

// A sum is converted at a pinned rate, and rounded once.
func ExampleExchangeRate_Convert() {
	eur, _ := money.ISO("EUR")
	usd, _ := money.ISO("USD")
	rate := reseller.ExchangeRate{From: eur, To: usd, Rate: decimal.RequireFromString("1.0837"),
		Source: "ECB reference rate", At: time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)}
	sum, err := rate.Convert(money.FromMinor(1234, eur))
	fmt.Println(sum, err)
	fmt.Println(rate)
	// Output:
	// 13.37 USD <nil>
	// 1 EUR = 1.0837 USD (ECB reference rate, 2026-01-02T15:00:00Z)
}
