package stripe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// caller asks the API for one account.
type caller struct {
	*Gateway
	config Config
	key    string
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
	tape.Hide(key.Key.Reveal())
	for _, w := range key.Webhooks {
		tape.Hide(w.Reveal())
	}
	return &caller{Gateway: g, config: config, key: key.Key.Reveal(), tape: tape}, nil
}

// post sends a form. Its errors are those of the way there.
func (c *caller) post(ctx context.Context, path string, form url.Values, key string) (exchange.Reply, error) {
	h := c.header()
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	h.Set("Idempotency-Key", key)
	return c.client.Do(ctx, exchange.Call{
		Method: http.MethodPost, URL: c.endpoint + path, Header: h, Body: form.Encode(), Note: "Idempotency-Key: " + key, Tape: c.tape, Hide: clientSecrets,
	})
}

// get reads an object, or fails with [gateways.ErrNoOperation] if Stripe says that there is
// none. ours is what is recorded of a list; nil: all.
func (c *caller) get(ctx context.Context, path string, q url.Values, into any, ours func(exchange.Reply) string) error {
	address := c.endpoint + path
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	reply, err := c.client.Do(ctx, exchange.Call{Method: http.MethodGet, URL: address, Header: c.header(), Tape: c.tape, Hide: clientSecrets, Ours: ours})
	switch {
	case err != nil:
		return err
	case missing(reply):
		return gateways.ErrNoOperation
	case reply.Status != http.StatusOK:
		_, err := refused(reply, gateways.Operation{})
		return err
	}
	return read(reply, into)
}

// missing reports whether an answer says that there is no such object. A 404 alone does not:
// it may be a proxy's, or of a path that there is not.
func missing(reply exchange.Reply) bool {
	var body struct {
		Error failure `json:"error"`
	}
	return (reply.Status == http.StatusNotFound || reply.Status == http.StatusBadRequest) &&
		json.Unmarshal(reply.Body, &body) == nil && body.Error.Type == "invalid_request_error" && body.Error.Code == "resource_missing"
}

func (c *caller) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + c.key}, "Stripe-Version": {Version}}
}

// read reads an answer that has worked.
func read(reply exchange.Reply, into any) error {
	if err := json.Unmarshal(reply.Body, into); err != nil {
		return exchange.Unclear("the answer cannot be read")
	}
	return nil
}

// clientSecrets are the texts in an answer that let a browser go on with a payment, and the
// IDs of payment methods, which are tokens.
func clientSecrets(reply exchange.Reply) (all []string) {
	for _, m := range regexp.MustCompile(`"client_secret"\s*:\s*"([^"]+)"|"((?:pm_|card_|src_)[A-Za-z0-9]{14,})"`).FindAllSubmatch(reply.Body, -1) {
		all = append(all, string(m[1])+string(m[2]))
	}
	return all
}

// refused is what an answer means that is no success: a decline, or an error.
func refused(reply exchange.Reply, o gateways.Operation) (gateways.Result, error) {
	var body struct {
		Error failure `json:"error"`
	}
	if json.Unmarshal(reply.Body, &body) != nil || body.Error.Type == "" {
		return gateways.Result{}, exchange.Unclear("Stripe has answered %d, without an error that can be read", reply.Status)
	}
	e := body.Error
	why := fmt.Errorf("the answer of Stripe is %d %.40s %.60s: %.300s", reply.Status, e.Type, e.Code, e.Message)
	paying := o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize
	switch {
	case reply.Status == http.StatusPaymentRequired && e.Type == "card_error" && paying:
		r := gateways.Result{Outcome: gateways.Declined, Amount: o.Amount, Decline: decline(&e)}
		if i := e.PaymentIntent; i != nil {
			r.Reference = i.ID
		}
		return r, nil
	case reply.Status == http.StatusConflict, e.Type == "idempotency_error":
		// The key is in use now, or was used for a request that differs: by an earlier call.
		return gateways.Result{}, tierhost.Fail(tierhost.KindConflict, tierhost.EffectUnknown, why)
	case reply.Status >= 500, e.Code == "payment_intent_unexpected_state", e.Code == "charge_already_captured", e.Code == "charge_already_refunded":
		// The last three may be the effect of an earlier call.
		return gateways.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, why)
	case reply.Status == http.StatusTooManyRequests:
		return gateways.Result{}, exchange.Limited(reply)
	case reply.Status == http.StatusUnauthorized, reply.Status == http.StatusForbidden:
		return gateways.Result{}, tierhost.Fail(tierhost.KindDenied, tierhost.EffectNone, why)
	case reply.Status == http.StatusNotFound:
		return gateways.Result{}, tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, why)
	case reply.Status == http.StatusBadRequest, reply.Status == http.StatusPaymentRequired:
		return gateways.Result{}, tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, why)
	}
	return gateways.Result{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, why)
}
