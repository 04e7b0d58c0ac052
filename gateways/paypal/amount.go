package paypal

import (
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/money"
)

// currencies returns those that PayPal takes.
//
// Source: https://developer.paypal.com/api/rest/reference/currency-codes/
func currencies() (all []money.Currency) {
	for _, code := range []string{
		"AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD",
		"THB", "TWD", "USD",
	} {
		if c, err := money.ISO(code); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// cash is an amount as PayPal writes it.
type cash struct {
	Currency string `json:"currency_code"`
	Value    string `json:"value"`
}

// toCash writes an amount. PayPal takes forints and Taiwan dollars without fractions only.
func toCash(m money.Money) (cash, error) {
	c := m.Currency()
	if !slices.Contains(currencies(), c) {
		return cash{}, fmt.Errorf("PayPal takes no %s", c)
	}
	if c.Code == "HUF" || c.Code == "TWD" {
		if !m.Amount().IsInteger() {
			return cash{}, fmt.Errorf("PayPal takes no fractions of %s", c)
		}
		return cash{c.Code, m.Amount().Truncate(0).String()}, nil
	}
	return cash{c.Code, m.Digits()}, nil
}

// money reads an amount.
func (c cash) money() (money.Money, error) {
	currency, err := money.ISO(c.Currency)
	if err != nil {
		return money.Money{}, err
	}
	m, err := money.Parse(c.Value, currency)
	if err == nil && !m.IsWhole() {
		err = fmt.Errorf("%.40q is no whole number of the smallest unit of %s", c.Value, currency)
	}
	return m, err
}
