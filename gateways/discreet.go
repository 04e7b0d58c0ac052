package gateways

import (
	"encoding/json"
	"errors"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

// shortest is how many octets a text has at least to be taken out as a secret: shorter ones
// are words of settings.
const shortest = 6

// secrets are what must not be said of the account: its secret, and each text in it where
// it is JSON, as those of gateways are.
func (p Place) secrets() []secret.Text {
	all := []secret.Text{p.Secret}
	var value any
	if json.Unmarshal([]byte(p.Secret.Reveal()), &value) != nil {
		return all
	}
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case string:
			if len(v) >= shortest {
				all = append(all, secret.New(v))
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(value)
	return all
}

// discreet takes secrets out of what a gateway says to staff. A good one says none; this is
// the second line.
func discreet(r Result, secrets []secret.Text) Result {
	if r.Decline != (Decline{}) {
		r.Decline.Code, r.Decline.Text = secret.Redact(r.Decline.Code, secrets...), secret.Redact(r.Decline.Text, secrets...)
	}
	if len(r.Facts) > 0 {
		facts := make(map[string]string, len(r.Facts))
		for name, fact := range r.Facts {
			facts[secret.Redact(name, secrets...)] = secret.Redact(fact, secrets...)
		}
		r.Facts = facts
	}
	return r
}

// discreetError is an error without secrets and card numbers: itself, if it has none.
func discreetError(err error, secrets []secret.Text) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := MaskCardNumbers(secret.Redact(text, secrets...))
	if clean == text {
		return err
	}
	if errors.Is(err, ErrNoOperation) {
		return ErrNoOperation
	}
	return tierhost.Fail(tierhost.KindOf(err), tierhost.EffectOf(err), errors.New(clean))
}
