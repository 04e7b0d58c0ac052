package authorizenet

import (
	"encoding/hex"
	"slices"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// Config is what an account is set to, as JSON in gateways.Account.Config.
type Config struct {
	// Currency is the only one of the account.
	Currency string `json:"currency"`
}

// Check adds the faults of a configuration: path "currency".
func (c Config) Check(issues *tierhost.Issues, path string, _ bool) {
	at := tierhost.Path(path, "currency")
	switch {
	case c.Currency == "":
		issues.Add(at, "required", "there is none")
	case !slices.Contains(currencies(), c.currency()):
		issues.Add(at, "unsupported_currency", "Authorize.Net has no accounts in %.12q", c.Currency)
	}
}

func (c Config) currency() money.Currency {
	found, err := money.ISO(c.Currency)
	if err != nil {
		return money.Currency{}
	}
	return found
}

// currencies returns those of accounts.
func currencies() (all []money.Currency) {
	for _, code := range []string{"AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "NOK", "NZD", "PLN", "SEK", "USD"} {
		if c, err := money.ISO(code); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// Secret is what authenticates an account, as JSON.
type Secret struct {
	Login          secret.Text `json:"login"`
	TransactionKey secret.Text `json:"transaction_key"`
	// SignatureKey signs webhooks; "": there are none.
	SignatureKey secret.Text `json:"signature_key,omitzero"`
	// Encoding is what the key is: "hex", hexadecimal digits of it, or "text", itself.
	Encoding string `json:"signature_encoding,omitempty"`
}

// Check adds the faults of a secret: paths "login", "transaction_key", "signature_key" and
// "signature_encoding".
func (s Secret) Check(issues *tierhost.Issues, path string, _ bool) {
	settings.RequiredSecret(issues, tierhost.Path(path, "login"), s.Login, 25)
	settings.RequiredSecret(issues, tierhost.Path(path, "transaction_key"), s.TransactionKey, 16)
	settings.Printable(issues, tierhost.Path(path, "signature_key"), s.SignatureKey.Reveal(), 256)
	at := tierhost.Path(path, "signature_encoding")
	switch s.Encoding {
	case "":
		if !s.SignatureKey.IsZero() {
			issues.Add(at, "required", `say whether the signature key is "hex" or "text"`)
		}
	case "text":
	case "hex":
		if _, err := hex.DecodeString(s.SignatureKey.Reveal()); err != nil || s.SignatureKey.IsZero() {
			issues.Add(tierhost.Path(path, "signature_key"), "invalid", "these are no hexadecimal digits")
		}
	default:
		issues.Add(at, "invalid", `it is "hex" or "text"`)
	}
}

// signatureKey is the key itself; nil: there is none.
func (s Secret) signatureKey() []byte {
	if s.Encoding == "hex" {
		key, err := hex.DecodeString(s.SignatureKey.Reveal())
		if err != nil {
			return nil
		}
		return key
	}
	return []byte(s.SignatureKey.Reveal())
}
