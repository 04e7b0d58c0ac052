package fake

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"path"

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
	page := gateways.Action{URL: p.opt.Pages + "/" + string(o.ID) + "?" + url.Values{"return": {c.Return}}.Encode()}
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

// ServeHTTP serves the page on which customers pay: mounted at Options.Pages it shows what
// is to be paid, and two buttons; a POST with outcome=pay or outcome=decline ends the
// operation and sends the customer back, with "operation" in the query.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := gateways.OperationID(path.Base(r.URL.Path))
	p.mu.Lock()
	o := p.made[id]
	amount := ""
	if o != nil {
		amount = o.Operation.Amount.String()
	}
	p.mu.Unlock()
	back, err := url.Parse(r.FormValue("return"))
	if o == nil || err != nil || back.Host == "" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Test provider</title><form method="post"><p>Pay %s?</p>
<input type="hidden" name="return" value="%s"><button name="outcome" value="pay">Pay</button> <button name="outcome" value="decline">Decline</button></form>
`, html.EscapeString(amount), html.EscapeString(back.String()))
		return
	}
	var decline *gateways.Decline
	if r.FormValue("outcome") != "pay" {
		decline = &gateways.Decline{Code: gateways.DeclineUnspecified, Text: "declined on the page"}
	}
	p.Complete(id, decline)
	query := back.Query()
	query.Set("operation", string(id))
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}
