package support

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// keyRow is what an idempotency key was used for.
type keyRow struct {
	Input  string `json:"input"` // fingerprint
	Number int64  `json:"number,omitempty"`
	ID     string `json:"id,omitempty"`
}

// use is one use of an idempotency key: by whom, for what, with which input.
type use struct {
	scope []string // the seller, the operation, who; or the seller, "mail", the mailbox
	key   string
	input string
}

// fingerprint is a digest of an input. The version is that of its form.
func fingerprint(form string, parts ...string) string {
	h := sha256.New()
	var size [8]byte
	for _, p := range append([]string{form}, parts...) {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		h.Write(size[:])
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// useOf is the use of a key that was given, or of a mail's Message-ID, which counts once for
// all that is done with mails of a mailbox.
func useOf(seller, op, who, key string, m Mail, parts []string) *use {
	input := fingerprint(op+"/1", parts...)
	if key == "" && m.MessageID != "" {
		return &use{[]string{seller, "mail", m.Mailbox}, m.MessageID, input}
	}
	return &use{[]string{seller, op, who}, key, input}
}

// row does not show the key: rows cannot be deleted, and a Message-ID may tell of its sender.
func (k *use) row() Key { return Key{"key", fingerprint("key/1", append(k.scope, k.key)...)} }

// replayed returns the result of an earlier use of the key, or [ErrKeyReused] if that was
// for something else.
func (u *unit) replayed(ctx context.Context, k *use) (prior keyRow, done bool, err error) {
	if k.key == "" {
		return prior, false, nil
	}
	prior, done, err = find[keyRow](ctx, u, k.row())
	if done && prior.Input != k.input {
		return prior, false, fmt.Errorf("%w: %.100q", ErrKeyReused, k.key)
	}
	return prior, done, err
}

// used notes the result of a use of the key.
func (u *unit) used(k *use, number int64, id string) error {
	if k.key == "" {
		return nil
	}
	return u.put(k.row(), keyRow{k.input, number, id})
}
