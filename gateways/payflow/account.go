package payflow

import (
	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// Config is what an account is set to, as JSON in gateways.Account.Config.
type Config struct {
	Vendor  string `json:"vendor"`
	Partner string `json:"partner"`
	User    string `json:"user,omitempty"` // "": the vendor
}

// Check adds the faults of a configuration: paths "vendor", "partner" and "user".
func (c Config) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.Required(issues, tierhost.Path(path, "vendor"), c.Vendor, 64)
	settings.Required(issues, tierhost.Path(path, "partner"), c.Partner, 64)
	settings.Printable(issues, tierhost.Path(path, "user"), c.User, 64)
}

// Secret is what authenticates an account, as JSON.
type Secret struct {
	Password secret.Text `json:"password"`
}

// Check adds the faults of a secret: path "password".
func (s Secret) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.RequiredSecret(issues, tierhost.Path(path, "password"), s.Password, 32)
}

// currencies returns those that are counted in cents by everybody.
func currencies() (all []money.Currency) {
	for _, code := range []string{"AUD", "CAD", "EUR", "GBP", "USD"} {
		if c, err := money.ISO(code); err == nil {
			all = append(all, c)
		}
	}
	return all
}
