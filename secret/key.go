package secret

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/tierhost/tierhost"
)

const (
	keyBytes   = 32 // AES-256
	maxKeyName = 64
)

// Key is a key of a [Keyring] and its name, which each value sealed with it carries in the
// open. It prints its name only. A name is never given to another key.
type Key struct {
	name  string
	bytes Text
}

// GenerateKey makes a new random key. A name is 1 to 64 ASCII letters, digits, dots, dashes
// and underscores; a date does well. Another name is a *tierhost.Invalid.
func GenerateKey(name string) (Key, error) {
	var issues tierhost.Issues
	checkKeyName(&issues, name)
	if err := issues.Err(); err != nil {
		return Key{}, err
	}
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // never fails; it ends the program where there is no randomness
	return Key{name, New(string(random))}, nil
}

// ParseKey reads a key as [Key.Text] writes it: the name, a colon, and 32 bytes in base64.
// Faults are a *tierhost.Invalid.
func ParseKey(text Text) (Key, error) {
	var issues tierhost.Issues
	name, encoded, _ := strings.Cut(strings.TrimSpace(text.Reveal()), ":")
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) != keyBytes {
		issues.Add("", "bad_key", "a key is a name, a colon and %d bytes in base64", keyBytes)
		return Key{}, issues.Err() // the name is not checked: it may be part of a key
	}
	checkKeyName(&issues, name)
	if err := issues.Err(); err != nil {
		return Key{}, err
	}
	return Key{name, New(string(raw))}, nil
}

// Name returns the key's name.
func (k Key) Name() string { return k.name }

// String returns the key's name.
func (k Key) String() string { return k.name }

// Text returns name and key in one line, to be kept where only the host application can
// read it, and away from the database.
func (k Key) Text() Text {
	return New(k.name + ":" + base64.StdEncoding.EncodeToString([]byte(k.bytes.Reveal())))
}

func checkKeyName(issues *tierhost.Issues, name string) {
	ok := name != "" && len(name) <= maxKeyName
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_')
	}
	if !ok {
		issues.Add("name", "bad_key_name", "a name of a key is 1 to %d ASCII letters, digits, dots, dashes and underscores", maxKeyName)
	}
}
