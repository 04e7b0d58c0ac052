package stripe

import (
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/secret"
)

// Config is what an account is set to, as JSON in gateways.Account.Config.
type Config struct {
	// Publishable is the key for the script in the browser: "pk_live_…" or "pk_test_…".
	Publishable string `json:"publishable,omitempty"`
	// Statement is what stands on the customer's statement behind the seller's name: 2 to 22
	// characters with a letter, without <>\'"*.
	Statement string `json:"statement,omitempty"`
}

// Check adds the faults of a configuration: paths "publishable" and "statement".
func (c Config) Check(issues *tierhost.Issues, path string, live bool) {
	if c.Publishable != "" {
		at := tierhost.Path(path, "publishable")
		settings.Printable(issues, at, c.Publishable, 255)
		checkMode(issues, at, c.Publishable, live, "pk_")
	}
	if c.Statement != "" {
		at := tierhost.Path(path, "statement")
		settings.Printable(issues, at, c.Statement, 22)
		if len(c.Statement) < 2 || strings.ContainsAny(c.Statement, `<>\'"*`) || !strings.ContainsAny(strings.ToLower(c.Statement), "abcdefghijklmnopqrstuvwxyz") {
			issues.Add(at, "invalid", "a statement has 2 to 22 characters, a letter among them, and none of <>\\'\"*")
		}
	}
}

// Secret is what authenticates an account, as JSON.
type Secret struct {
	Key secret.Text `json:"key"` // "sk_live_…", or "rk_live_…" with its rights restricted
	// Webhooks are the signing secrets of the webhook: "whsec_…". While one is replaced
	// there are two.
	Webhooks []secret.Text `json:"webhooks,omitempty"`
}

// Check adds the faults of a secret: paths "key" and "webhooks[n]".
func (s Secret) Check(issues *tierhost.Issues, path string, live bool) {
	at := tierhost.Path(path, "key")
	settings.RequiredSecret(issues, at, s.Key, 255)
	if !s.Key.IsZero() {
		checkMode(issues, at, s.Key.Reveal(), live, "sk_", "rk_")
	}
	if len(s.Webhooks) > 4 {
		issues.Add(tierhost.Path(path, "webhooks"), "too_many", "at most 4")
	}
	for i, w := range s.Webhooks {
		at := tierhost.Path(path, "webhooks", i)
		settings.RequiredSecret(issues, at, w, 255)
		if !w.IsZero() && !strings.HasPrefix(w.Reveal(), "whsec_") {
			issues.Add(at, "invalid", "a signing secret begins with whsec_")
		}
	}
}

// checkMode adds a fault if a key is not of the system that the account uses.
func checkMode(issues *tierhost.Issues, path, key string, live bool, kinds ...string) {
	mode := "test_"
	if live {
		mode = "live_"
	}
	for _, kind := range kinds {
		if strings.HasPrefix(key, kind+mode) {
			return
		}
	}
	issues.Add(path, "wrong_mode", "a key of this account begins with %s", strings.Join(kinds, mode+" or ")+mode)
}
