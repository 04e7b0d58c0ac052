package gateways

import (
	"encoding/json"
	"html"
	"net/url"
	"slices"
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

// Hide has texts taken out of whatever is recorded, also before: keys, tokens, and what they
// are encoded as. Short ones (below 6 octets) are not secrets.
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

// hideAction is Hide for what a customer has to do: with it anybody could. spared are texts
// that are no secrets.
func (t *Tape) hideAction(a *Action, spared ...string) {
	if t == nil || a == nil {
		return
	}
	texts := []string{a.URL, string(a.Client)}
	for _, f := range a.Fields {
		texts = append(texts, f.Value)
	}
	if len(a.Client) > 0 {
		for _, s := range (Place{Secret: secret.New(string(a.Client))}).secrets() {
			texts = append(texts, s.Reveal())
		}
	}
	for _, text := range texts {
		if text == "" || slices.Contains(spared, text) {
			continue
		}
		t.Hide(text, url.QueryEscape(text), html.EscapeString(text), strings.ReplaceAll(text, "/", `\/`))
		if quoted, err := json.Marshal(text); err == nil { // as JSON spells it
			t.Hide(strings.Trim(string(quoted), `"`))
		}
	}
}

// Record keeps an exchange.
func (t *Tape) Record(x Exchange) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.exchanges = append(t.exchanges, x)
}

// Exchanges returns what was recorded, in its order, without the secrets that the tape was
// told of by now: an answer is recorded before it is known what of it is one.
func (t *Tape) Exchanges() []Exchange {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Exchange
	for _, x := range t.exchanges {
		x.Request, x.Answer, x.Error = t.clean(x.Request), t.clean(x.Answer), t.clean(x.Error)
		all = append(all, x)
	}
	return all
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
