// Package settings reads what sellers' accounts at providers are set to: the Config and the
// Secret of a place, which are JSON of each gateway's own types.
package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/secret"
)

// Checked is what an account is set to, which says what is wrong with it. Paths begin with
// the path that it is given. live is whether real money moves.
type Checked interface {
	Check(issues *tierhost.Issues, path string, live bool)
}

// Check returns nil or a [*tierhost.Invalid] with all faults of a place. A secret that is
// not there is none: it may be kept from before.
func Check[C, S Checked](at gateways.Place) error {
	_, _, err := read[C, S](at, false)
	return err
}

// Read returns what an account is set to. Its error has had no effect.
func Read[C, S Checked](at gateways.Place) (config C, key S, err error) {
	config, key, err = read[C, S](at, true)
	if err != nil {
		err = tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, err)
	}
	return config, key, err
}

func read[C, S Checked](at gateways.Place, whole bool) (config C, key S, err error) {
	var issues tierhost.Issues
	if err := decode(at.Config, &config); err != nil {
		issues.Add("config", "invalid", "these are no settings of this gateway: %v", err)
	} else {
		config.Check(&issues, "config", at.Live)
	}
	switch text := at.Secret.Reveal(); {
	case text == "" && !whole:
	case decode([]byte(text), &key) != nil: // not the error, which may repeat what is there
		issues.Add("secret", "invalid", "this is no JSON of this gateway's secret")
	default:
		key.Check(&issues, "secret", at.Live)
	}
	return config, key, issues.Err()
}

// decode reads JSON, and nothing else than what the type has. No text is the zero value.
func decode(text []byte, into any) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one value")
	}
	return nil
}

// Required adds a fault if a text is empty, longer than most octets, or has others than
// printable ASCII.
func Required(issues *tierhost.Issues, path, text string, most int) {
	if text == "" {
		issues.Add(path, "required", "there is none")
		return
	}
	Printable(issues, path, text, most)
}

// Printable adds a fault if a text is longer than most octets, or has others than printable
// ASCII.
func Printable(issues *tierhost.Issues, path, text string, most int) {
	if len(text) > most {
		issues.Add(path, "too_long", "at most %d octets", most)
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			issues.Add(path, "invalid", "it has others than printable characters")
			return
		}
	}
}

// RequiredSecret is [Required] for a secret, whose value is in no fault.
func RequiredSecret(issues *tierhost.Issues, path string, text secret.Text, most int) {
	Required(issues, path, text.Reveal(), most)
}

// None is the secret of a gateway that has none.
type None struct{}

// Check implements [Checked].
func (None) Check(*tierhost.Issues, string, bool) {}
