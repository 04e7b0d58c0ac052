package paypal

import (
	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/secret"
)

// Config is what an account is set to, as JSON in gateways.Account.Config.
type Config struct {
	// Webhook is the ID of the webhook at PayPal whose notifications come; "": none do.
	Webhook string `json:"webhook,omitempty"`
	// Brand is what PayPal's page calls the seller; "": as the account is called at PayPal.
	Brand string `json:"brand,omitempty"`
	// Statement is what stands on the payer's statement; at most 22 characters.
	Statement string `json:"statement,omitempty"`
}

// Check adds the faults of a configuration: paths "webhook", "brand" and "statement".
func (c Config) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.Printable(issues, tierhost.Path(path, "webhook"), c.Webhook, 50)
	settings.Printable(issues, tierhost.Path(path, "statement"), c.Statement, 22)
	if len([]rune(c.Brand)) > 127 {
		issues.Add(tierhost.Path(path, "brand"), "too_long", "at most 127 characters")
	}
}

// Secret is what authenticates an account, as JSON: the credentials of an application of
// the account at PayPal.
type Secret struct {
	Client secret.Text `json:"client"`
	Secret secret.Text `json:"secret"`
}

// Check adds the faults of a secret: paths "client" and "secret".
func (s Secret) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.RequiredSecret(issues, tierhost.Path(path, "client"), s.Client, 255)
	settings.RequiredSecret(issues, tierhost.Path(path, "secret"), s.Secret, 255)
}
