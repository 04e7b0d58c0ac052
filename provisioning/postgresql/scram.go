package postgresql

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

const (
	scramIterations = 4096 // as PostgreSQL's own; clients do as many at each login
	scramSalt       = 16
)

// verifier makes of a password what the server keeps of it (RFC 5802, section 3), in
// PostgreSQL's writing. The server takes it for what it is and never sees the password.
func (d *Driver) verifier(password secret.Text) (string, error) {
	salt := make([]byte, scramSalt)
	if _, err := io.ReadFull(d.opt.Random, salt); err != nil {
		return "", tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, fmt.Errorf("no random bytes: %w", err))
	}
	salted, err := pbkdf2.Key(sha256.New, password.Reveal(), salt, scramIterations, sha256.Size)
	if err != nil {
		return "", tierhost.Fail(tierhost.KindInternal, tierhost.EffectNone, err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, text(salt), text(stored[:]), text(mac(salted, "Server Key"))), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
