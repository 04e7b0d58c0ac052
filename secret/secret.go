// Package secret keeps passwords and keys out of sight.
package secret

// Text is a secret. It prints as [redacted] whatever prints it: fmt with any verb, slog,
// JSON, text. Only Reveal gives it away.
type Text struct{ s string }

// New makes a secret of a string.
func New(s string) Text { return Text{s} }

// Reveal returns the secret itself, for the one place that needs it.
func (t Text) Reveal() string { return t.s }
