package stripe

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/secret"
)

// Keep implements [gateways.Vault]: it makes a SetupIntent, and a customer at Stripe if
// there is none yet. The action holds a [Script].
func (g *Gateway) Keep(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Begun, error) {
	c, err := g.open(ctx, at, k.Tape)
	if err != nil {
		return gateways.Begun{}, err
	}
	known := k.Known
	if known == "" {
		form := url.Values{"metadata[customer]": {k.Customer}}
		if k.Email != "" {
			form.Set("email", k.Email)
		}
		var made customer
		if err := c.make(ctx, "/v1/customers", form, string(k.ID)+"-customer", &made); err != nil {
			return gateways.Begun{}, err
		}
		known = made.ID
	}
	var s setup
	form := url.Values{"customer": {known}, "usage": {"off_session"}, "payment_method_types[]": {"card"}, "metadata[keeping]": {string(k.ID)}}
	if err := c.make(ctx, "/v1/setup_intents", form, string(k.ID), &s); err != nil {
		return gateways.Begun{}, err
	}
	return gateways.Begun{Reference: s.ID, Action: *script(c.config, s.ClientSecret)}, nil
}

// make makes an object that moves no money.
func (c *caller) make(ctx context.Context, path string, form url.Values, key string, into any) error {
	reply, err := c.post(ctx, path, form, key)
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK {
		_, err := refused(reply, gateways.Operation{})
		return err
	}
	return read(reply, into)
}

// Kept implements [gateways.Vault]. Without a reference it looks through the latest 20,000
// SetupIntents, of the customer if Stripe's name of it is known.
func (g *Gateway) Kept(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
	c, err := g.open(ctx, at, k.Tape)
	if err != nil {
		return gateways.Token{}, gateways.Card{}, err
	}
	s := &setup{}
	if k.Reference != "" {
		err = c.get(ctx, "/v1/setup_intents/"+url.PathEscape(k.Reference), url.Values{"expand[]": {"payment_method"}}, s, nil)
	} else {
		q := url.Values{"expand[]": {"data.payment_method"}}
		if k.Known != "" {
			q.Set("customer", k.Known)
		}
		s, err = search(ctx, c, "/v1/setup_intents", q, func(s *setup) (string, bool) { return s.ID, s.Metadata["keeping"] == string(k.ID) })
	}
	if err != nil {
		return gateways.Token{}, gateways.Card{}, err
	}
	not := &gateways.NotKeptError{Result: gateways.Result{Outcome: gateways.Pending, Reference: s.ID}}
	switch {
	case s.Metadata["keeping"] != string(k.ID):
		return gateways.Token{}, gateways.Card{}, gateways.ErrNoOperation
	case s.Status == "succeeded" && s.PaymentMethod.ID != "":
		t := gateways.Token{Customer: s.Customer.ID, Value: secret.New(s.PaymentMethod.ID)}
		if pm := s.PaymentMethod.Full; pm != nil {
			return t, pm.Card.known(), nil
		}
		return t, gateways.Card{}, nil
	case s.Status == "canceled":
		not.Result.Outcome, not.Result.Decline = gateways.Declined, gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified, Text: "the SetupIntent was canceled"}
	case s.Status == "requires_payment_method" && s.LastSetupError != nil:
		not.Result.Outcome, not.Result.Decline = gateways.Declined, decline(s.LastSetupError)
	case s.Status == "requires_action" || s.Status == "requires_payment_method" || s.Status == "requires_confirmation":
		not.Result.Action = script(c.config, s.ClientSecret)
	case s.Status == "processing":
	default:
		return gateways.Token{}, gateways.Card{}, exchange.Unclear("%s is in the unknown status %.40q", s.ID, s.Status)
	}
	return gateways.Token{}, gateways.Card{}, not
}

// Forget implements [gateways.Vault]. A payment method that belongs to no customer any more
// is forgotten.
func (g *Gateway) Forget(ctx context.Context, at gateways.Place, t gateways.Token) error {
	tape := &gateways.Tape{} // of nobody: the token is in the path
	c, err := g.open(ctx, at, tape)
	if err != nil {
		return err
	}
	path := "/v1/payment_methods/" + url.PathEscape(t.Value.Reveal())
	// Detaching twice is no harm, so the key is the same for every try.
	reply, err := c.post(ctx, path+"/detach", url.Values{}, "detach-"+digest(t.Value.Reveal()))
	switch {
	case err != nil:
		return err
	case reply.Status == http.StatusOK || missing(reply):
		return nil
	}
	_, err = refused(reply, gateways.Operation{})
	if reply.Status == http.StatusBadRequest { // which it is, too, for one that was detached long ago
		var known paymentMethod
		gone := c.get(ctx, path, nil, &known, nil)
		if errors.Is(gone, gateways.ErrNoOperation) || gone == nil && known.ID != "" && known.Customer.ID == "" {
			return nil
		}
	}
	return err
}
