package twocheckout

import (
	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// Config is what an account is set to, as JSON in gateways.Account.Config.
type Config struct {
	Merchant string `json:"merchant"` // the merchant code
}

// Check adds the faults of a configuration: path "merchant".
func (c Config) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.Required(issues, tierhost.Path(path, "merchant"), c.Merchant, 64)
}

// Secret is what authenticates an account, as JSON.
type Secret struct {
	Key  secret.Text `json:"key"`  // of the interface and of notifications
	Word secret.Text `json:"word"` // the Buy Link Secret Word
}

// Check adds the faults of a secret: paths "key" and "word".
func (s Secret) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.RequiredSecret(issues, tierhost.Path(path, "key"), s.Key, 128)
	settings.RequiredSecret(issues, tierhost.Path(path, "word"), s.Word, 128)
}

// currencies returns those that everybody counts in cents.
func currencies() (all []money.Currency) {
	for _, code := range []string{"AUD", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "INR", "MXN", "NOK", "NZD", "PLN", "RON", "SEK", "SGD", "USD", "ZAR"} {
		if c, err := money.ISO(code); err == nil {
			all = append(all, c)
		}
	}
	return all
}
