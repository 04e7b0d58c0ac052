package paypal

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"sync"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// Options are the settings of a [Gateway]. The zero value works.
type Options struct {
	HTTP  *http.Client   // nil: one of its own
	Clock tierhost.Clock // of access tokens and the charge log; nil: the system's
	// Endpoint is where the API is; "": at PayPal. Other than with TLS it is on this machine.
	Endpoint string
}

// Gateway takes money through PayPal. It is safe for concurrent use.
type Gateway struct {
	client   *exchange.Client
	clock    tierhost.Clock
	endpoint string

	mu     sync.Mutex
	grants map[[sha256.Size]byte]grant // by credentials
}

var (
	_ gateways.Gateway        = (*Gateway)(nil)
	_ gateways.Web            = (*Gateway)(nil)
	_ gateways.Notifier       = (*Gateway)(nil)
	_ gateways.AccountChecker = (*Gateway)(nil)
)

// New returns a gateway.
func New(o Options) *Gateway {
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	return &Gateway{client: exchange.New(o.HTTP, o.Clock), clock: o.Clock, endpoint: o.Endpoint, grants: map[[sha256.Size]byte]grant{}}
}

// CheckAccount implements [gateways.AccountChecker].
func (*Gateway) CheckAccount(at gateways.Place) error { return settings.Check[Config, Secret](at) }

// Capabilities implements [gateways.Gateway].
func (*Gateway) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{
		Verbs: gateways.Verbs(), Currencies: currencies(), PartialCapture: true, PartialRefund: true, Finds: true, Keys: true,
	}
}

// Do implements [gateways.Gateway], but for what is begun on PayPal's page.
func (g *Gateway) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	amount, err := toCash(o.Amount)
	if err != nil {
		return gateways.Result{}, exchange.Refused(tierhost.KindInvalid, "%w", err)
	}
	switch o.Verb {
	case gateways.VerbCapture:
		return c.capture(ctx, o, amount)
	case gateways.VerbVoid:
		return c.void(ctx, o)
	case gateways.VerbRefund:
		return c.refund(ctx, o, amount)
	}
	return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "customers pay on PayPal's page, there is no %s", o.Verb)
}

// capture takes what was authorized, or a part; the rest is let go.
func (c *caller) capture(ctx context.Context, o gateways.Operation, amount cash) (gateways.Result, error) {
	at := parse(o.Reference)
	if at.kind != "authorization" {
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "nothing is authorized")
	}
	var m movement
	body := map[string]any{"amount": amount, "final_capture": true, "invoice_id": string(o.ID)}
	if c.config.Statement != "" {
		body["soft_descriptor"] = c.config.Statement
	}
	if err := c.post(ctx, "/v2/payments/authorizations/"+url.PathEscape(at.id)+"/capture", string(o.ID), body, &m); err != nil {
		return gateways.Result{}, err
	}
	return m.result(at.order + "/capture/" + m.ID)
}

// void lets go what was authorized.
func (c *caller) void(ctx context.Context, o gateways.Operation) (gateways.Result, error) {
	at := parse(o.Reference)
	if at.kind != "authorization" {
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "nothing is authorized")
	}
	var ignored movement
	err := c.post(ctx, "/v2/payments/authorizations/"+url.PathEscape(at.id)+"/void", string(o.ID), struct{}{}, &ignored)
	if issue, ok := errors.AsType[*issueError](err); err != nil && (!ok || issue.issue != "PREVIOUSLY_VOIDED") {
		return gateways.Result{}, err
	}
	r, err := c.voided(ctx, o)
	if errors.Is(err, gateways.ErrNoOperation) {
		return r, exchange.Unclear("PayPal has voided %.40s, and does not say so", at.id)
	}
	return r, err
}

func (c *caller) voided(ctx context.Context, o gateways.Operation) (gateways.Result, error) {
	var m movement
	if err := c.get(ctx, "/v2/payments/authorizations/"+url.PathEscape(parse(o.Reference).id), &m); err != nil {
		return gateways.Result{}, err
	}
	if m.Status != "VOIDED" {
		return gateways.Result{}, gateways.ErrNoOperation
	}
	amount, err := m.Amount.money()
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the amount of %.40q cannot be read", m.ID)
	}
	return gateways.Result{Outcome: gateways.Approved, Reference: o.Reference, Amount: amount}, nil
}

// refund gives back what was captured, or a part.
func (c *caller) refund(ctx context.Context, o gateways.Operation, amount cash) (gateways.Result, error) {
	at := parse(o.Reference)
	if at.kind != "capture" { // it was authorized first
		var whole order
		if err := c.get(ctx, "/v2/checkout/orders/"+url.PathEscape(at.order), &whole); err != nil {
			return gateways.Result{}, exchange.Refused(tierhost.KindUnavailable, "the capture cannot be looked up: %w", plain(err))
		}
		taken, err := whole.taken()
		if err != nil {
			return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "%w", err)
		}
		at.id = taken.ID
	}
	var m movement
	body := map[string]any{"amount": amount, "custom_id": string(o.ID)}
	if note := exchange.Line(o.Text, 255); note != "" {
		body["note_to_payer"] = note
	}
	if err := c.post(ctx, "/v2/payments/captures/"+url.PathEscape(at.id)+"/refund", string(o.ID), body, &m); err != nil {
		return gateways.Result{}, err
	}
	return m.result(m.ID)
}

// Find implements [gateways.Gateway]. It completes an order that the payer has approved; see
// the documentation of the package.
func (g *Gateway) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	if o.Reference == "" {
		// Begin's answer was lost: the customer was never told of the order, and nobody has
		// approved it.
		return gateways.Result{}, gateways.ErrNoOperation
	}
	ref := parse(o.Reference)
	switch o.Verb {
	case gateways.VerbCharge, gateways.VerbAuthorize:
		if ref.kind == "" {
			return c.settle(ctx, o, ref.order)
		}
		var m movement
		if err := c.get(ctx, "/v2/payments/"+ref.kind+"s/"+url.PathEscape(ref.id), &m); err != nil {
			return gateways.Result{}, err
		}
		if m.CustomID != string(o.ID) {
			return gateways.Result{}, gateways.ErrNoOperation
		}
		if m.rank() == 0 { // the payer may have paid after it
			if r, err := c.settle(ctx, o, ref.order); !errors.Is(err, gateways.ErrNoOperation) {
				return r, err
			}
		}
		return m.result(o.Reference)
	case gateways.VerbVoid:
		return c.voided(ctx, o)
	case gateways.VerbCapture, gateways.VerbRefund:
		return c.findMovement(ctx, o, ref)
	}
	return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "there is no %s", o.Verb)
}

// findMovement looks for a refund, or for the capture of an authorization.
func (c *caller) findMovement(ctx context.Context, o gateways.Operation, ref named) (gateways.Result, error) {
	var m movement
	if o.Verb == gateways.VerbRefund && ref.kind == "" {
		if err := c.get(ctx, "/v2/payments/refunds/"+url.PathEscape(o.Reference), &m); err != nil {
			return gateways.Result{}, err
		}
		return m.result(m.ID)
	}
	if o.Verb == gateways.VerbCapture && ref.kind == "capture" {
		if err := c.get(ctx, "/v2/payments/captures/"+url.PathEscape(ref.id), &m); err != nil {
			return gateways.Result{}, err
		}
		return m.result(o.Reference)
	}
	var whole order
	err := c.get(ctx, "/v2/checkout/orders/"+url.PathEscape(ref.order), &whole)
	if errors.Is(err, gateways.ErrNoOperation) {
		return gateways.Result{}, exchange.Unclear("PayPal has forgotten the order %.40s, so that what was made of it cannot be looked through", ref.order)
	}
	if err != nil {
		return gateways.Result{}, err
	}
	if o.Verb == gateways.VerbCapture {
		unnamed := false
		for _, m := range whole.captures() {
			if m.InvoiceID == string(o.ID) {
				return m.result(whole.reference("capture", m))
			}
			unnamed = unnamed || m.InvoiceID == ""
		}
		if unnamed {
			return gateways.Result{}, exchange.Unclear("a capture of %.40q does not say for which operation it was made", whole.ID)
		}
		return gateways.Result{}, gateways.ErrNoOperation
	}
	for _, m := range whole.refunds() {
		if m.CustomID == string(o.ID) {
			return m.result(m.ID)
		}
	}
	return gateways.Result{}, gateways.ErrNoOperation
}
