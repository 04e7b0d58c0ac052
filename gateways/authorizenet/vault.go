package authorizenet

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/secret"
)

// Keep implements [gateways.Vault]: the customer adds a card to a profile, on Authorize.Net's
// page. Each keeping has a profile of its own, though the customer may have others: what is
// on it is what was given for this keeping, and two of them cannot claim one card.
func (g *Gateway) Keep(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Begun, error) {
	c, err := g.open(ctx, at, k.Tape)
	if err != nil {
		return gateways.Begun{}, err
	}
	reference := k.Reference
	if reference == "" {
		if reference, err = c.profileOf(ctx, k); err != nil {
			return gateways.Begun{}, err
		}
	}
	r, err := c.ask(ctx, getPage{head: c.head, ID: reference, Settings: settingsOf{[]setting{
		{"hostedProfileReturnUrl", k.Return}, {"hostedProfilePageBorderVisible", "true"}, {"hostedProfileValidationMode", "testMode"},
	}}})
	if err != nil {
		return gateways.Begun{}, err
	}
	if err := r.err(); err != nil {
		return gateways.Begun{}, err
	}
	page := "https://test.authorize.net/customer/addPayment"
	if at.Live {
		page = "https://accept.authorize.net/customer/addPayment"
	}
	return gateways.Begun{Reference: reference, Action: gateways.Action{URL: page, Post: true, Fields: []gateways.Field{{Name: "token", Value: r.Token}}}}, nil
}

// profileOf makes a customer profile, or returns the one that was made for the keeping.
func (c *caller) profileOf(ctx context.Context, k gateways.Keeping) (string, error) {
	r, err := c.ask(ctx, createProfile{head: c.head, Customer: digest(k.ID), Description: exchange.Line(k.Customer, 255), Email: exchange.Line(k.Email, 255)})
	if err != nil {
		return "", err
	}
	if code, text := r.code(); code == "E00039" { // a duplicate, which the text names
		if m := regexp.MustCompile(`\b(\d{3,})\b`).FindStringSubmatch(text); m != nil {
			return m[1], nil
		}
	}
	if err := r.err(); err != nil {
		return "", err
	}
	if r.ProfileID == "" {
		return "", exchange.Unclear("the profile has no ID")
	}
	return r.ProfileID, nil
}

func (c *caller) profile(ctx context.Context, request getProfile) (*customerProfile, error) {
	r, err := c.ask(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if r.Profile == nil || r.Profile.ID == "" {
		return nil, exchange.Unclear("the answer holds no profile")
	}
	return r.Profile, nil
}

// Kept implements [gateways.Vault]: the card that was added first, if the customer has added
// several.
func (g *Gateway) Kept(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
	c, err := g.open(ctx, at, k.Tape)
	if err != nil {
		return gateways.Token{}, gateways.Card{}, err
	}
	request := getProfile{head: c.head, ID: k.Reference}
	if k.Reference == "" {
		request.Customer = digest(k.ID)
	}
	p, err := c.profile(ctx, request)
	if err != nil {
		return gateways.Token{}, gateways.Card{}, err
	}
	if p.Merchant != digest(k.ID) { // another keeping's
		return gateways.Token{}, gateways.Card{}, gateways.ErrNoOperation
	}
	if len(p.Payments) == 0 {
		return gateways.Token{}, gateways.Card{}, &gateways.NotKeptError{Result: gateways.Result{Outcome: gateways.Pending}}
	}
	kept := p.Payments[0]
	card := gateways.Card{Brand: brand(kept.Type), LastFour: lastFour(kept.Number)}
	if t, err := time.Parse("2006-01", kept.Expiration); err == nil { // XXXX if it is masked
		card.Year, card.Month = t.Year(), t.Month()
	}
	return gateways.Token{Customer: p.ID, Value: secret.New(kept.ID)}, card, nil
}

// Forget implements [gateways.Vault].
func (g *Gateway) Forget(ctx context.Context, at gateways.Place, t gateways.Token) error {
	c, err := g.open(ctx, at, nil)
	if err != nil {
		return err
	}
	r, err := c.ask(ctx, deletePayment{head: c.head, Customer: t.Customer, Payment: t.Value.Reveal()})
	if err != nil {
		return err
	}
	if err := r.err(); !errors.Is(err, gateways.ErrNoOperation) {
		return err
	}
	return nil
}
