package paypal

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/secret"
)

// caller asks the API for one account.
type caller struct {
	*Gateway
	base   string
	live   bool
	config Config
	secret Secret
	tape   *gateways.Tape
}

// open reads an account.
func (g *Gateway) open(ctx context.Context, at gateways.Place, tape *gateways.Tape) (*caller, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return nil, err
	}
	config, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return nil, err
	}
	c := &caller{Gateway: g, base: g.endpoint, live: at.Live, config: config, secret: key, tape: tape}
	if c.base == "" {
		c.base = "https://api-m.sandbox.paypal.com"
		if at.Live {
			c.base = "https://api-m.paypal.com"
		}
	}
	tape.Hide(key.Client.Reveal(), key.Secret.Reveal())
	return c, nil
}

// grant is an access token.
type grant struct {
	token secret.Text
	until time.Time
}

// name names the credentials of an account among those that tokens are known of, without
// giving them away.
func (c *caller) name() [sha256.Size]byte {
	return sha256.Sum256([]byte(c.base + "\x00" + c.secret.Client.Reveal() + "\x00" + c.secret.Secret.Reveal()))
}

// token returns an access token, a new one if the last has run out. A failure to get one has
// no effect.
func (c *caller) token(ctx context.Context) (string, error) {
	c.mu.Lock()
	known := c.grants[c.name()]
	c.mu.Unlock()
	if now := c.clock.Now(); now.Before(known.until) {
		c.tape.Hide(known.token.Reveal())
		return known.token.Reveal(), nil
	}
	basic := base64.StdEncoding.EncodeToString([]byte(c.secret.Client.Reveal() + ":" + c.secret.Secret.Reveal()))
	var got struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	reply, err := c.client.Do(ctx, exchange.Call{
		Method: http.MethodPost, URL: c.base + "/v1/oauth2/token", Body: url.Values{"grant_type": {"client_credentials"}}.Encode(), Tape: c.tape,
		Header: http.Header{"Authorization": {"Basic " + basic}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
		Hide: func(r exchange.Reply) []string {
			_ = json.Unmarshal(r.Body, &got) // what is no JSON is seen below
			return []string{got.Token}
		},
	})
	switch {
	case err != nil:
		return "", exchange.Refused(tierhost.KindUnavailable, "no access token: %w", plain(err))
	case reply.Status == http.StatusUnauthorized || reply.Status == http.StatusBadRequest:
		return "", exchange.Refused(tierhost.KindDenied, "PayPal does not know the client or its secret")
	case reply.Status != http.StatusOK || got.Token == "":
		return "", exchange.Refused(tierhost.KindUnavailable, "no access token: the answer was %d", reply.Status)
	}
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, g := range c.grants {
		if !now.Before(g.until) {
			delete(c.grants, name)
		}
	}
	// A minute is left for the requests that are made with it.
	c.grants[c.name()] = grant{secret.New(got.Token), now.Add(time.Duration(min(got.Expires, 86400))*time.Second - time.Minute)}
	return got.Token, nil
}

// plain takes the effect out of an error of a request that moves nothing.
func plain(err error) error {
	return fmt.Errorf("%s", err.Error())
}

// ask sends a request with a body in JSON, or none, and returns the answer.
func (c *caller) ask(ctx context.Context, method, path, key, body string) (exchange.Reply, error) {
	for again := false; ; again = true {
		token, err := c.token(ctx)
		if err != nil {
			return exchange.Reply{}, err
		}
		h := http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/json"}, "Prefer": {"return=representation"}}
		note := ""
		if method == http.MethodPost {
			h.Set("Content-Type", "application/json")
		}
		if key != "" {
			h.Set("PayPal-Request-Id", key)
			note = "PayPal-Request-Id: " + key
		}
		reply, err := c.client.Do(ctx, exchange.Call{Method: method, URL: c.base + path, Header: h, Body: body, Note: note, Tape: c.tape})
		if err != nil || reply.Status != http.StatusUnauthorized || again {
			return reply, err
		}
		c.mu.Lock() // the token was called back: nothing was done with it
		delete(c.grants, c.name())
		c.mu.Unlock()
	}
}

// get reads an object, or fails with [gateways.ErrNoOperation] if PayPal says that there is
// none: a 404 alone may be a proxy's.
func (c *caller) get(ctx context.Context, path string, into any) error {
	reply, err := c.ask(ctx, http.MethodGet, path, "", "")
	switch {
	case err != nil:
		return err
	case reply.Status == http.StatusOK:
		return read(reply, into)
	}
	err = refused(reply)
	if reply.Status == http.StatusNotFound && tierhost.KindOf(err) == tierhost.KindNotFound {
		return gateways.ErrNoOperation
	}
	return err
}

// post does a request that moves money, and reads the object that comes of it.
func (c *caller) post(ctx context.Context, path, key string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return exchange.Refused(tierhost.KindInternal, "the request cannot be written")
	}
	reply, err := c.ask(ctx, http.MethodPost, path, key, string(text))
	switch {
	case err != nil:
		return err
	case reply.Status == http.StatusNoContent:
		return nil
	case reply.Status != http.StatusOK && reply.Status != http.StatusCreated:
		return refused(reply)
	}
	return read(reply, into)
}

func read(reply exchange.Reply, into any) error {
	if err := json.Unmarshal(reply.Body, into); err != nil {
		return exchange.Unclear("the answer cannot be read")
	}
	return nil
}

// issueError is an answer that is no success, with the issue that PayPal names.
type issueError struct {
	issue string
	text  string
	page  string // to which the payer has to go, if PayPal says so
}

func (e *issueError) Error() string { return e.text }

// refused is what an answer means that is no success.
func refused(reply exchange.Reply) error {
	var f failure
	if json.Unmarshal(reply.Body, &f) != nil || f.Name == "" {
		return exchange.Unclear("PayPal has answered %d, without an error that can be read", reply.Status)
	}
	why := &issueError{issue: f.Name, page: page(f.Links), text: fmt.Sprintf("the answer of PayPal is %d %.60s: %.200s", reply.Status, f.Name, f.Message)}
	if len(f.Details) > 0 {
		why.issue = f.Details[0].Issue
		why.text += fmt.Sprintf(": %.80s: %.200s", f.Details[0].Issue, f.Details[0].Description)
	}
	if f.DebugID != "" {
		why.text += fmt.Sprintf(" (debug ID %.40s)", f.DebugID)
	}
	switch {
	case reply.Status == http.StatusTooManyRequests:
		return exchange.Limited(reply)
	case reply.Status >= 500, reply.Status == http.StatusConflict, slices.Contains(doubts(), why.issue):
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, why)
	case reply.Status == http.StatusUnauthorized, reply.Status == http.StatusForbidden:
		return tierhost.Fail(tierhost.KindDenied, tierhost.EffectNone, why)
	case reply.Status == http.StatusNotFound:
		return tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, why)
	case reply.Status == http.StatusUnprocessableEntity:
		return tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, why)
	case reply.Status == http.StatusBadRequest:
		return tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, why)
	}
	return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, why)
}

// doubts are the issues that an earlier call of the same operation may be the cause of.
func doubts() []string {
	return []string{
		"ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "ORDER_ALREADY_COMPLETED", "DUPLICATE_INVOICE_ID", "AUTHORIZATION_ALREADY_CAPTURED", "CAPTURE_FULLY_REFUNDED",
		"PREVIOUSLY_CAPTURED", "PREVIOUSLY_VOIDED", "PREVIOUS_REQUEST_IN_PROGRESS", "TRANSACTION_ALREADY_REFUNDED", "DUPLICATE_REQUEST_ID",
	}
}
