// Package secret keeps passwords and keys out of sight, in memory and at rest.
//
// # In memory
//
// [Text] is a secret that prints as [redacted] whatever prints it: fmt with any verb, slog,
// JSON, XML, templates. [Text.Reveal] is the only way to it, so that a search for that word
// finds every place that handles it. It is read from JSON and text as any string, because
// that is how it comes in; it is never written. This guards against accidents, not against
// whoever reads the memory of the process.
//
//	type Config struct {
//		User     string      `json:"user"`
//		Password secret.Text `json:"password"`
//	}
//
// # At rest
//
// A [Sealer] encrypts what a store keeps for later. Each sealed value is bound to what it
// is about, such as "service/svc_17/password": in another row it does not open, so nobody
// who can write to the database puts one customer's password in the place of another's.
//
// [Keyring] is the Sealer for hosts without a key service: AES-256-GCM with keys that the
// host holds, by name. It seals with the newest and opens with any.
//
// # Rotation
//
// Rotate in four steps, each done everywhere before the next: add the new key behind the
// present one, so that every process can open what it seals; put it in front; seal anew
// what is [Keyring.Stale]; drop the old key. A key is good for 2^32 values; sealing that
// many with one makes the repetition of a random nonce likelier than it should be.
//
// # Errors
//
// [ErrUnknownKey] is a sealed value whose key the ring does not hold. [ErrUnopened] is
// one that was changed, is about something else, is sealed with another key of that name,
// or is no sealed value. Faults of keys are a *tierhost.Invalid. No error contains a
// secret.
package secret
