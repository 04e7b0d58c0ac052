package gateways

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tierhost/tierhost/secret"
)

// Exchange is one request to a provider with its answer, as it is kept in the charge log:
// without keys, tokens and card numbers.
type Exchange struct {
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took"`
	Request string        `json:"request"`
	Answer  string        `json:"answer,omitempty"` // "" if there was none
	Error   string        `json:"error,omitempty"`
}

// maxRecorded bounds the octets that a [Tape] keeps of each text.
const maxRecorded = 16 << 10

// Tape records what is said to a provider and what it answers. It takes the secrets out
// that it was told of, whole or encoded by the gateway's own spelling, and whatever looks
// like the number of a card. It is safe for concurrent use; a nil Tape records nothing.
type Tape struct {
	mu        sync.Mutex
	secrets   []string
	exchanges []Exchange
}

// Hide has texts taken out of whatever is recorded from now on: keys, tokens, and what
// they are encoded as. Short ones (below 6 octets) are not secrets.
func (t *Tape) Hide(secrets ...string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range secrets {
		if len(s) >= shortest {
			t.secrets = append(t.secrets, s)
		}
	}
}

// hide is Hide for what is kept as a secret.
func (t *Tape) hide(secrets []secret.Text) {
	for _, s := range secrets {
		t.Hide(s.Reveal())
	}
}

// Record keeps an exchange.
func (t *Tape) Record(x Exchange) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	x.Request, x.Answer, x.Error = t.clean(x.Request), t.clean(x.Answer), t.clean(x.Error)
	t.exchanges = append(t.exchanges, x)
}

// Exchanges returns what was recorded, in its order.
func (t *Tape) Exchanges() []Exchange {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Exchange(nil), t.exchanges...)
}

// clean is a text as it may be kept. Secrets go before the text is cut, so that no part of
// one is left.
func (t *Tape) clean(s string) string {
	for _, hidden := range t.secrets {
		s = strings.ReplaceAll(s, hidden, "[redacted]")
	}
	s = MaskCardNumbers(strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd"))
	if len(s) > maxRecorded {
		cut := maxRecorded
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + " …"
	}
	return s
}
