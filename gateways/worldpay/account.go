package worldpay

import (
	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// Config is what an account is set to, as JSON in gateways.Account.Config.
type Config struct {
	Merchant     string `json:"merchant"`               // the merchant code
	Installation string `json:"installation,omitempty"` // of the hosted page
}

// Check adds the faults of a configuration: paths "merchant" and "installation".
func (c Config) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.Required(issues, tierhost.Path(path, "merchant"), c.Merchant, 64)
	settings.Printable(issues, tierhost.Path(path, "installation"), c.Installation, 32)
}

// Secret is what authenticates an account, as JSON: the user of the XML interface.
type Secret struct {
	User     secret.Text `json:"user"`
	Password secret.Text `json:"password"`
}

// Check adds the faults of a secret: paths "user" and "password".
func (s Secret) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.RequiredSecret(issues, tierhost.Path(path, "user"), s.User, 64)
	settings.RequiredSecret(issues, tierhost.Path(path, "password"), s.Password, 64)
}

// currencies returns those that WorldPay counts as ISO 4217 does.
func currencies() (all []money.Currency) {
	for _, code := range []string{"AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "JPY", "KRW", "KWD", "BHD", "NOK", "NZD", "OMR", "PLN", "SEK", "SGD", "USD", "ZAR"} {
		if c, err := money.ISO(code); err == nil {
			all = append(all, c)
		}
	}
	return all
}
