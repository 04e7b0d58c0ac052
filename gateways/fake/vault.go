package fake

import (
	"context"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/secret"
)

// Put has the vault know a token, as if a customer had given a card to the provider's
// script.
func (p *Provider) Put(token string, c gateways.Card) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens[token] = c
}

// Card returns the card of a token, if the vault has it.
func (p *Provider) Card(token string) (c gateways.Card, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, known = p.tokens[token]
	return c, known
}

// Keep implements [gateways.Vault]: the customer gives a card by [Provider.Give].
func (p *Provider) Keep(ctx context.Context, _ gateways.Place, k gateways.Keeping) (gateways.Begun, error) {
	if err := ctx.Err(); err != nil {
		return gateways.Begun{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return gateways.Begun{}, unreachable(tierhost.EffectNone)
	}
	if _, begun := p.keepings[k.ID]; !begun {
		p.keepings[k.ID] = nil
	}
	return gateways.Begun{Reference: "fake_keeping_" + string(k.ID), Action: gateways.Action{URL: p.opt.Pages + "/keep/" + string(k.ID)}}, nil
}

// Give is the customer who gives a card to the provider's page.
func (p *Provider) Give(id gateways.OperationID, c gateways.Card) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keepings[id] = &c
	p.tokens[tokenOf(id)] = c
}

func tokenOf(id gateways.OperationID) string { return "fake_token_" + string(id) }

// Kept implements [gateways.Vault].
func (p *Provider) Kept(ctx context.Context, _ gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
	if err := ctx.Err(); err != nil {
		return gateways.Token{}, gateways.Card{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c, begun := p.keepings[k.ID]; {
	case p.down:
		return gateways.Token{}, gateways.Card{}, unreachable(tierhost.EffectNone)
	case !begun:
		return gateways.Token{}, gateways.Card{}, gateways.ErrNoOperation
	case c == nil:
		return gateways.Token{}, gateways.Card{}, &gateways.NotKeptError{Result: gateways.Result{Outcome: gateways.Pending}}
	default:
		return gateways.Token{Customer: "fake_" + k.Customer, Value: secret.New(tokenOf(k.ID))}, *c, nil
	}
}

// Forget implements [gateways.Vault].
func (p *Provider) Forget(_ context.Context, _ gateways.Place, t gateways.Token) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return unreachable(tierhost.EffectNone)
	}
	delete(p.tokens, t.Value.Reveal())
	return nil
}
