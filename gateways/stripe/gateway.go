package stripe

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// Version is the version of Stripe's API that this package is written for, and asks for.
const Version = "2026-08-26.dahlia"

// Options are the settings of a [Gateway]. The zero value works.
type Options struct {
	HTTP  *http.Client   // nil: one of its own
	Clock tierhost.Clock // of the charge log; nil: the system's
	// Endpoint is where the API is; "": at Stripe. Other than with TLS it is on this machine.
	Endpoint string
}

// Gateway takes cards through Stripe. It is safe for concurrent use.
type Gateway struct {
	client   *exchange.Client
	endpoint string
}

var (
	_ gateways.Gateway        = (*Gateway)(nil)
	_ gateways.Vault          = (*Gateway)(nil)
	_ gateways.Notifier       = (*Gateway)(nil)
	_ gateways.AccountChecker = (*Gateway)(nil)
)

// New returns a gateway.
func New(o Options) *Gateway {
	if o.Endpoint == "" {
		o.Endpoint = "https://api.stripe.com"
	}
	return &Gateway{client: exchange.New(o.HTTP, o.Clock), endpoint: o.Endpoint}
}

// CheckAccount implements [gateways.AccountChecker].
func (*Gateway) CheckAccount(at gateways.Place) error { return settings.Check[Config, Secret](at) }

// Capabilities implements [gateways.Gateway].
func (*Gateway) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{
		Verbs: gateways.Verbs(), PartialCapture: true, PartialRefund: true, Finds: true, Keys: true,
		Brands: []gateways.Brand{
			gateways.Visa, gateways.Mastercard, gateways.Amex, gateways.Discover, gateways.Diners, gateways.JCB, gateways.UnionPay, gateways.BrandOther,
		},
	}
}

// Do implements [gateways.Gateway].
func (g *Gateway) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	units, err := toUnits(o.Amount)
	if err != nil {
		return gateways.Result{}, exchange.Refused(tierhost.KindInvalid, "%w", err)
	}
	if o.Instrument != nil { // as it stands in a form, too
		o.Tape.Hide(o.Instrument.Value.Reveal(), url.QueryEscape(o.Instrument.Value.Reveal()))
	}
	form, path := url.Values{}, ""
	switch o.Verb {
	case gateways.VerbCharge, gateways.VerbAuthorize:
		if o.Instrument == nil || o.Instrument.Value.IsZero() {
			return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "there is no instrument")
		}
		path = "/v1/payment_intents"
		c.pay(form, o, units)
	case gateways.VerbCapture:
		path = "/v1/payment_intents/" + url.PathEscape(o.Reference) + "/capture"
		form.Set("amount_to_capture", strconv.FormatInt(units, 10))
		form.Set("expand[]", "latest_charge")
	case gateways.VerbVoid:
		path = "/v1/payment_intents/" + url.PathEscape(o.Reference) + "/cancel"
		form.Set("expand[]", "latest_charge")
	case gateways.VerbRefund:
		path = "/v1/refunds"
		form.Set("payment_intent", o.Reference)
		form.Set("amount", strconv.FormatInt(units, 10))
		form.Set("metadata[operation]", string(o.ID))
	default:
		return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "there is no %s", o.Verb)
	}
	if o.Verb != gateways.VerbCharge && o.Verb != gateways.VerbAuthorize && o.Reference == "" {
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "what Stripe calls the payment is not known")
	}
	reply, err := c.post(ctx, path, form, string(o.ID))
	if err != nil {
		return gateways.Result{}, err
	}
	if reply.Status >= 500 && reply.Header.Get("Idempotent-Replayed") == "true" {
		return g.Find(ctx, at, o) // Stripe keeps its failures, too: what became of it is to be seen elsewhere
	}
	if reply.Status != http.StatusOK {
		return refused(reply, o)
	}
	if o.Verb == gateways.VerbRefund {
		var r refund
		if err := read(reply, &r); err != nil {
			return gateways.Result{}, err
		}
		return r.result()
	}
	var i intent
	if err := read(reply, &i); err != nil {
		return gateways.Result{}, err
	}
	return i.result(o, c.config)
}

// pay writes the form of a new PaymentIntent.
func (c *caller) pay(form url.Values, o gateways.Operation, units int64) {
	form.Set("amount", strconv.FormatInt(units, 10))
	form.Set("currency", strings.ToLower(o.Amount.Currency().Code))
	form.Set("payment_method", o.Instrument.Value.Reveal())
	form.Set("payment_method_types[]", "card")
	form.Set("confirm", "true")
	form.Set("capture_method", "automatic")
	if o.Verb == gateways.VerbAuthorize {
		form.Set("capture_method", "manual")
	}
	if o.Instrument.Customer != "" {
		form.Set("customer", o.Instrument.Customer)
	}
	if !o.Present {
		form.Set("off_session", "true")
	}
	if number := exchange.Line(o.Number, 500); number != "" {
		form.Set("metadata[number]", number)
	}
	if text := exchange.Line(exchange.Purpose(o.Number, o.Text), 1000); text != "" {
		form.Set("description", text)
	}
	if c.config.Statement != "" {
		form.Set("statement_descriptor_suffix", c.config.Statement)
	}
	form.Set("metadata[operation]", string(o.ID))
	form.Set("metadata[payment]", string(o.Payment))
	form.Set("expand[]", "latest_charge")
}

// Find implements [gateways.Gateway].
func (g *Gateway) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	if o.Verb == gateways.VerbRefund {
		r, err := c.findRefund(ctx, o)
		if err != nil {
			return gateways.Result{}, err
		}
		return r.result()
	}
	i, err := c.findIntent(ctx, o)
	if err != nil {
		return gateways.Result{}, err
	}
	if i.Metadata["operation"] != string(o.ID) && (o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize) {
		return gateways.Result{}, gateways.ErrNoOperation
	}
	switch {
	case o.Verb == gateways.VerbCapture && i.Status != "succeeded",
		o.Verb == gateways.VerbVoid && i.Status != "canceled":
		return gateways.Result{}, gateways.ErrNoOperation
	}
	return i.result(o, c.config)
}

// findIntent returns the intent of an operation: by its reference, else among those that
// were made around the time.
func (c *caller) findIntent(ctx context.Context, o gateways.Operation) (*intent, error) {
	if o.Reference != "" {
		i := &intent{}
		return i, c.get(ctx, "/v1/payment_intents/"+url.PathEscape(o.Reference), url.Values{"expand[]": {"latest_charge"}}, i, nil)
	}
	const early, late = 6 * time.Hour, 6 * time.Hour // two clocks that need not agree
	q := url.Values{
		"created[gte]": {strconv.FormatInt(o.Begun.Add(-early).Unix(), 10)},
		"created[lte]": {strconv.FormatInt(o.Begun.Add(late).Unix(), 10)},
		"expand[]":     {"data.latest_charge"},
	}
	return search(ctx, c, "/v1/payment_intents", q, func(i *intent) (string, bool) { return i.ID, i.Metadata["operation"] == string(o.ID) })
}

// findRefund returns the refund of an operation: by its own reference, else among those of
// the payment.
func (c *caller) findRefund(ctx context.Context, o gateways.Operation) (*refund, error) {
	if len(o.Reference) > 3 && o.Reference[:3] != "pi_" {
		r := &refund{}
		return r, c.get(ctx, "/v1/refunds/"+url.PathEscape(o.Reference), nil, r, nil)
	}
	if o.Reference == "" {
		return nil, gateways.ErrNoOperation
	}
	q := url.Values{"payment_intent": {o.Reference}}
	return search(ctx, c, "/v1/refunds", q, func(r *refund) (string, bool) { return r.ID, r.Metadata["operation"] == string(o.ID) })
}

// mostPages bounds a search: 20,000 objects.
const mostPages = 200

// search returns the object of a list that matches, or [gateways.ErrNoOperation]. match
// returns the ID too. Of the others nothing is recorded.
func search[T any](ctx context.Context, c *caller, path string, q url.Values, match func(*T) (id string, is bool)) (*T, error) {
	q.Set("limit", "100")
	ours := func(reply exchange.Reply) string { return only(reply.Body, match) }
	for range mostPages {
		var page list[T]
		if err := c.get(ctx, path, q, &page, ours); err != nil {
			return nil, err
		}
		last := ""
		for n := range page.Data {
			id, is := match(&page.Data[n])
			if is {
				return &page.Data[n], nil
			}
			last = id
		}
		if !page.HasMore || last == "" {
			return nil, gateways.ErrNoOperation
		}
		q.Set("starting_after", last)
	}
	return nil, exchange.Unclear("there are more than can be looked through")
}

// only is a list with those of its objects that match, and how many others it has.
func only[T any](body []byte, match func(*T) (id string, is bool)) string {
	var page list[json.RawMessage]
	if json.Unmarshal(body, &page) != nil {
		return "(a list that cannot be read)"
	}
	kept := struct {
		Data   []json.RawMessage `json:"data"`
		Others int               `json:"others"`
		More   bool              `json:"has_more"`
	}{Data: []json.RawMessage{}, More: page.HasMore}
	for _, raw := range page.Data {
		var object T
		if json.Unmarshal(raw, &object) == nil {
			if _, is := match(&object); is {
				kept.Data = append(kept.Data, raw)
				continue
			}
		}
		kept.Others++
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return "(a list that cannot be read)"
	}
	return string(text)
}

// actionTime is how long a customer whom the issuer asks has for it. Stripe itself sets no
// time: such a PaymentIntent stays as it is.
const actionTime = 24 * time.Hour

// result is what an intent says of an operation.
func (i *intent) result(o gateways.Operation, config Config) (gateways.Result, error) {
	r := gateways.Result{Outcome: gateways.Pending, Reference: i.ID, Facts: map[string]string{}}
	if ch := i.LatestCharge.Full; ch != nil {
		set := func(name, value string) {
			if value != "" {
				r.Facts[name] = value
			}
		}
		set("charge", ch.ID)
		if ch.Outcome != nil {
			set("risk", ch.Outcome.RiskLevel)
		}
		if c := ch.PaymentMethodDetails.Card; c != nil {
			set("avs_line1", c.Checks.Line1)
			set("avs_postal_code", c.Checks.PostalCode)
			set("cvc", c.Checks.CVC)
			r.Card = c.known()
			if c.CaptureBefore > 0 && o.Verb == gateways.VerbAuthorize {
				r.Expires = time.Unix(c.CaptureBefore, 0).UTC()
			}
		}
	}
	units := i.Amount
	switch i.Status {
	case "succeeded":
		switch o.Verb {
		case gateways.VerbCharge, gateways.VerbCapture:
			r.Outcome, units = gateways.Approved, i.AmountReceived
		case gateways.VerbAuthorize: // and captured since
			r.Outcome = gateways.Approved
		default:
			return gateways.Result{}, exchange.Unclear("%s has succeeded, though it was to be canceled", i.ID)
		}
	case "requires_capture":
		if o.Verb != gateways.VerbAuthorize {
			return gateways.Result{}, exchange.Unclear("%s is only authorized", i.ID)
		}
		r.Outcome, units = gateways.Approved, i.AmountCapturable
	case "canceled":
		switch o.Verb {
		case gateways.VerbVoid:
			r.Outcome = gateways.Approved
		case gateways.VerbCharge, gateways.VerbAuthorize:
			r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: "the PaymentIntent was canceled"}
		default:
			return gateways.Result{}, exchange.Unclear("%s is canceled", i.ID)
		}
	case "requires_payment_method":
		if i.LastPaymentError == nil {
			return gateways.Result{}, exchange.Unclear("%s has no payment method", i.ID)
		}
		r.Outcome, r.Decline = gateways.Declined, decline(i.LastPaymentError)
	case "requires_action", "requires_confirmation":
		r.Action = script(config, i.ClientSecret)
		if i.Created > 0 {
			r.Expires = time.Unix(i.Created, 0).UTC().Add(actionTime)
		}
	case "processing":
	default:
		return gateways.Result{}, exchange.Unclear("%s is in the unknown status %.40q", i.ID, i.Status)
	}
	amount, err := fromUnits(units, i.Currency)
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the amount of %s cannot be read: %w", i.ID, err)
	}
	r.Amount = amount
	return r, nil
}

// result is what a refund says.
func (f *refund) result() (gateways.Result, error) {
	amount, err := fromUnits(f.Amount, f.Currency)
	if err != nil {
		return gateways.Result{}, exchange.Unclear("the amount of %s cannot be read: %w", f.ID, err)
	}
	r := gateways.Result{Outcome: gateways.Pending, Reference: f.ID, Amount: amount}
	switch f.Status {
	case "succeeded":
		r.Outcome = gateways.Approved
	case "pending", "requires_action":
	case "failed", "canceled":
		r.Outcome, r.Decline = gateways.Declined, gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified, Text: "the refund has " + f.Status}
		if f.FailureReason != "" {
			r.Decline.Code, r.Facts = "stripe."+f.FailureReason, map[string]string{"failure": f.FailureReason}
		}
	default:
		return gateways.Result{}, exchange.Unclear("%s is in the unknown status %.40q", f.ID, f.Status)
	}
	return r, nil
}

// Script is what Stripe's script in the browser needs, in gateways.Action.Client.
type Script struct {
	ClientSecret string `json:"client_secret"`
	Publishable  string `json:"publishable,omitempty"`
}

func script(config Config, clientSecret string) *gateways.Action {
	text, err := json.Marshal(Script{clientSecret, config.Publishable})
	if err != nil {
		return nil // two texts always marshal
	}
	return &gateways.Action{Client: text}
}
