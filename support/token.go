package support

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

// TokenKey is a secret that tokens are signed with.
type TokenKey struct {
	ID     string // a few letters and digits; it stands in the tokens
	Secret secret.Text
}

// Tokens sign what ties an answer by mail to its ticket: nobody joins a ticket by its
// number or its subject. They are safe for concurrent use.
type Tokens struct{ keys []TokenKey }

// TokenSubject is what a token stands for: a ticket, and whom the mail went to.
type TokenSubject struct {
	Seller    string
	Ticket    int64
	Recipient string // the mail address; letters of either case are the same
}

// NewTokens returns tokens that are signed with the first key and read with each. To change
// keys, the new one is put in front, and the old one taken away when nobody answers to its
// mails any more. A key has at least 32 bytes.
func NewTokens(keys ...TokenKey) (*Tokens, error) {
	var issues tierhost.Issues
	if len(keys) == 0 {
		issues.Add("keys", "required", "there is no key")
	}
	seen := map[string]bool{}
	for i, k := range keys {
		if k.ID == "" || len(k.ID) > 16 || strings.Trim(k.ID, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			issues.Add(tierhost.Path("keys", i, "id"), "invalid_name", "1 to 16 small letters and digits")
		}
		if seen[k.ID] {
			issues.Add(tierhost.Path("keys", i, "id"), "duplicate", "another key has it")
		}
		seen[k.ID] = true
		if len(k.Secret.Reveal()) < 32 {
			issues.Add(tierhost.Path("keys", i, "secret"), "too_short", "a key has at least 32 bytes")
		}
	}
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return &Tokens{append([]TokenKey(nil), keys...)}, nil
}

func (k *TokenKey) sum(s TokenSubject) string {
	mac := hmac.New(sha256.New, []byte(k.Secret.Reveal()))
	mac.Write([]byte(fingerprint("token/1", s.Seller, strconv.FormatInt(s.Ticket, 10), strings.ToLower(s.Recipient))))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:20]))
}

// Sign returns the token of a subject: "123-k1-…", letters, digits and hyphens, for the
// Message-ID of a mail or its subject. The seller and the recipient do not stand in it.
func (t *Tokens) Sign(s TokenSubject) string {
	k := &t.keys[0]
	return strconv.FormatInt(s.Ticket, 10) + "-" + k.ID + "-" + k.sum(s)
}

// Read returns the ticket of a token that was signed for the seller and the recipient, who
// is now the sender. Anything else is [ErrToken].
func (t *Tokens) Read(token, seller, sender string) (ticket int64, err error) {
	number, rest, _ := strings.Cut(strings.ToLower(token), "-")
	id, sum, _ := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: %w", ErrToken, errors.New("it names no ticket"))
	}
	for i := range t.keys {
		if k := &t.keys[i]; k.ID == id && hmac.Equal([]byte(sum), []byte(k.sum(TokenSubject{seller, n, sender}))) {
			return n, nil
		}
	}
	return 0, ErrToken
}
