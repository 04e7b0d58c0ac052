package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"

	"github.com/tierhost/tierhost"
)

// Keyring seals with AES-256-GCM. It is immutable and safe for concurrent use.
//
// A sealed value is, byte by byte: 1 (the format), the length of the key's name, the name,
// a random nonce of 12 bytes, the ciphertext, a tag of 16 bytes. Everything before the
// nonce is authenticated, and so is what the value is about. It is 30 bytes and the name
// longer than the plaintext.
type Keyring struct {
	newest string
	byName map[string]cipher.AEAD
}

const (
	formatAES256GCM = 1
	overhead        = 12 + 16 // nonce and tag
)

// NewKeyring makes a keyring of keys, the newest first: it seals with that one. No key,
// an empty one, and two of one name are a *tierhost.Invalid.
func NewKeyring(keys ...Key) (*Keyring, error) {
	var issues tierhost.Issues
	if len(keys) == 0 {
		issues.Add("keys", "required", "a keyring needs a key")
	}
	r := &Keyring{byName: make(map[string]cipher.AEAD, len(keys))}
	for i, k := range keys {
		path := tierhost.Path("keys", i)
		if _, twice := r.byName[k.name]; twice {
			issues.Add(path, "duplicate", "two keys are called %q", k.name)
			continue
		}
		block, err := aes.NewCipher([]byte(k.bytes.Reveal()))
		if err != nil {
			issues.Add(path, "bad_key", "the key is empty")
			continue
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, tierhost.E("secret.NewKeyring", tierhost.KindInternal, "", err)
		}
		r.byName[k.name] = aead
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	r.newest = keys[0].name
	return r, nil
}

// Seal implements [Sealer] with the newest key. It fails only if ctx is done.
func (r *Keyring) Seal(ctx context.Context, plaintext []byte, about string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sealed := make([]byte, 0, 2+len(r.newest)+len(plaintext)+overhead)
	sealed = append(sealed, formatAES256GCM, byte(len(r.newest)))
	sealed = append(sealed, r.newest...)
	return r.byName[r.newest].Seal(sealed, nil, plaintext, bound(sealed, about)), nil
}

// Open implements [Sealer] with the key that the value names.
func (r *Keyring) Open(ctx context.Context, sealed []byte, about string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	name, ok := keyName(sealed)
	if !ok {
		return nil, ErrUnopened
	}
	aead, ok := r.byName[name]
	if !ok {
		return nil, ErrUnknownKey
	}
	head := 2 + len(name)
	plaintext, err := aead.Open(nil, nil, sealed[head:], bound(sealed[:head], about))
	if err != nil {
		return nil, ErrUnopened
	}
	return plaintext, nil
}

// Stale reports whether a value should be opened and sealed anew because another key than
// the newest sealed it. Of what is no sealed value it is true too: Open then tells.
func (r *Keyring) Stale(sealed []byte) bool {
	name, ok := keyName(sealed)
	return !ok || name != r.newest
}

// keyName reads the head of a sealed value.
func keyName(sealed []byte) (string, bool) {
	if len(sealed) < 2 || sealed[0] != formatAES256GCM || len(sealed) < 2+int(sealed[1])+overhead {
		return "", false
	}
	return string(sealed[2 : 2+int(sealed[1])]), true
}

// bound is the additional data of a value. The head tells its own length, so no two pairs
// of head and about are the same bytes.
func bound(head []byte, about string) []byte {
	return append(append(make([]byte, 0, len(head)+len(about)), head...), about...)
}
