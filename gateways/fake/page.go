package fake

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
)

// Pay is the customer who pays on the provider's page.
func (p *Provider) Pay(id gateways.OperationID) { p.Complete(id, nil) }

// Begin implements [gateways.Web].
func (p *Provider) Begin(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
	if err := ctx.Err(); err != nil {
		return gateways.Begun{}, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := c.Operation
	p.calls = append(p.calls, Call{"begin", at.Account, o.ID, o.Verb})
	if p.down {
		return gateways.Begun{}, unreachable(tierhost.EffectNone)
	}
	s := p.script(o.Verb)
	if s.Before {
		return gateways.Begun{}, unreachable(tierhost.EffectUnknown)
	}
	page := gateways.Action{URL: "https://pay.fake.example/" + string(o.ID) + "?" + url.Values{"return": {c.Return}}.Encode()}
	if p.made[o.ID] == nil {
		p.serial++
		p.made[o.ID] = &operation{Operation: o, account: at.Account, result: gateways.Result{
			Outcome: gateways.Pending, Reference: fmt.Sprintf("fake_page_%d", p.serial), Amount: o.Amount, Action: &page,
		}}
		p.order = append(p.order, o.ID)
	}
	if s.After {
		return gateways.Begun{}, unreachable(tierhost.EffectUnknown)
	}
	return gateways.Begun{Reference: p.made[o.ID].result.Reference, Action: page}, nil
}

// Returned implements [gateways.Web]: the page brings back "operation".
func (p *Provider) Returned(_ context.Context, _ gateways.Place, query url.Values) (gateways.OperationID, error) {
	id := query.Get("operation")
	if id == "" {
		return "", tierhost.E("", tierhost.KindInvalid, "no_operation", errors.New("the page brings back no operation"))
	}
	return gateways.OperationID(id), nil
}
