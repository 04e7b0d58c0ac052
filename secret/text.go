package secret

import (
	"crypto/subtle"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/tierhost/tierhost"
)

// redacted stands for every secret, the empty one too.
const redacted = "[redacted]"

// Text is a secret of any length. It prints as [redacted] whatever prints it; only
// [Text.Reveal] gives it away. The zero Text is the empty secret, which [Text.IsZero]
// tells, also to the omitzero option of JSON.
//
// Texts are values: they are passed as they are and safe for concurrent use. The operator
// == does not compile; use [Text.Equal].
type Text struct {
	_ [0]func() // no ==, which is not constant in time
	// hidden is the secret with every bit turned over, behind a pointer. Printers that
	// look into unexported fields do not call methods: fmt then prints the pointer, and
	// those that follow pointers, as the differences of failed tests, print nothing
	// that can be read. Nil is the empty secret.
	hidden *string
}

// New makes a secret of a string.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	h := turn(s)
	return Text{hidden: &h}
}

func turn(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = ^b[i]
	}
	return string(b)
}

// Reveal returns the secret itself, for the one place that needs it.
func (t Text) Reveal() string {
	if t.hidden == nil {
		return ""
	}
	return turn(*t.hidden)
}

// IsZero reports whether the secret is empty.
func (t Text) IsZero() bool { return t.hidden == nil }

// Equal reports whether both are the same secret. How long it takes tells the lengths,
// not the contents.
func (t Text) Equal(u Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(u.Reveal())) == 1
}

// String returns [redacted].
func (Text) String() string { return redacted }

// GoString returns [redacted].
func (Text) GoString() string { return redacted }

// Format prints [redacted] for every verb and flag.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs [redacted].
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns [redacted]; encoders of XML, YAML and of keys in JSON call it.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]".
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Value fails: a database is given what a [Sealer] made of it.
func (Text) Value() (driver.Value, error) {
	return nil, tierhost.E("secret", tierhost.KindUnsupported, "secret_unsealed", nil)
}

// UnmarshalText makes t the secret that is written there. It refuses [redacted], which is
// what a secret was printed as and would otherwise become a password; the error is a
// *tierhost.Invalid.
func (t *Text) UnmarshalText(text []byte) error {
	var issues tierhost.Issues
	if string(text) == redacted {
		issues.Add("", "redacted_secret", "the secret was printed and is lost")
		return issues.Err()
	}
	*t = New(string(text))
	return nil
}

// UnmarshalJSON reads a JSON string as UnmarshalText does; null changes nothing.
func (t *Text) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var s string
	if len(data) == 0 || data[0] != '"' || json.Unmarshal(data, &s) != nil {
		var issues tierhost.Issues
		issues.Add("", "bad_secret", "a secret is a string") // without what is there
		return issues.Err()
	}
	return t.UnmarshalText([]byte(s))
}
