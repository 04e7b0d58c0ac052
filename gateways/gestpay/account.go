package gestpay

import (
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// Config is what an account is set to, as JSON in gateways.Account.Config.
type Config struct {
	Shop string `json:"shop"` // the shop login
}

// Check adds the faults of a configuration: path "shop".
func (c Config) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.Required(issues, tierhost.Path(path, "shop"), c.Shop, 30)
}

// Secret is what authenticates an account, as JSON.
type Secret struct {
	Key secret.Text `json:"key"` // the API key
}

// Check adds the faults of a secret: path "key".
func (s Secret) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.RequiredSecret(issues, tierhost.Path(path, "key"), s.Key, 255)
}

// uic is the bank's number of a currency (Ufficio Italiano dei Cambi); "": it has none here.
func uic(c money.Currency) string {
	return map[string]string{"USD": "1", "GBP": "2", "CHF": "3", "EUR": "242"}[c.Code]
}

// currencies returns those that have a number.
func currencies() (all []money.Currency) {
	for _, code := range []string{"CHF", "EUR", "GBP", "USD"} {
		if c, err := money.ISO(code); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// currencyOf is the currency of a number.
func currencyOf(number string) (money.Currency, bool) {
	for _, c := range currencies() {
		if uic(c) == strings.TrimSpace(number) {
			return c, true
		}
	}
	return money.Currency{}, false
}
