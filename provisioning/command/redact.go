package command

import (
	"encoding/json"
	"errors"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/secret"
)

// redacted is the answer without a password that the script wrote.
func (a Answer) redacted(password secret.Text) Answer {
	if password.IsZero() {
		return a
	}
	if a.Error != nil {
		f := *a.Error
		f.Message, f.Code, f.Kind, f.Effect = secret.Redact(f.Message, password), secret.Redact(f.Code, password), secret.Redact(f.Kind, password), secret.Redact(f.Effect, password)
		a.Error = &f
	}
	if a.Observation != nil {
		o := *a.Observation
		o.Presence = provisioning.Presence(secret.Redact(string(o.Presence), password))
		o.Spec, o.Facts = redactedJSON(o.Spec, password), redactedJSON(o.Facts, password)
		a.Observation = &o
	}
	return a
}

// redactedJSON replaces a password within the strings of a JSON text, names of fields
// included.
func redactedJSON(raw json.RawMessage, password secret.Text) json.RawMessage {
	if secret.Redact(string(raw), password) == string(raw) {
		return raw // as it is, without another spelling
	}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	clean, err := json.Marshal(redactedValue(v, password))
	if err != nil {
		return nil
	}
	return clean
}

func redactedValue(v any, password secret.Text) any {
	switch v := v.(type) {
	case string:
		return secret.Redact(v, password)
	case []any:
		for i := range v {
			v[i] = redactedValue(v[i], password)
		}
	case map[string]any:
		clean := make(map[string]any, len(v))
		for name, value := range v {
			clean[secret.Redact(name, password)] = redactedValue(value, password)
		}
		return clean
	}
	return v
}

// redactedError is an error of decoding, which may quote what it could not read.
func redactedError(err error, password secret.Text) error {
	if err == nil {
		return nil
	}
	return errors.New(secret.Redact(err.Error(), password))
}
