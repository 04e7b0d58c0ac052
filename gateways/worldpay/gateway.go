package worldpay

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// Options are the settings of a [Gateway]. The zero value works.
type Options struct {
	HTTP  *http.Client   // nil: one of its own
	Clock tierhost.Clock // of the charge log and of looks; nil: the system's
	// Endpoint is where the interface is; "": at WorldPay. Other than with TLS it is on this
	// machine.
	Endpoint string
}

// Gateway takes money through WorldPay. It is safe for concurrent use.
type Gateway struct {
	client   *exchange.Client
	clock    tierhost.Clock
	endpoint string
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
	return &Gateway{client: exchange.New(o.HTTP, o.Clock), clock: o.Clock, endpoint: o.Endpoint}
}

// CheckAccount implements [gateways.AccountChecker].
func (*Gateway) CheckAccount(at gateways.Place) error { return settings.Check[Config, Secret](at) }

// Capabilities implements [gateways.Gateway].
func (*Gateway) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{Verbs: gateways.Verbs(), Currencies: currencies(), Finds: true, Keys: true}
}

// caller asks the interface for one account.
type caller struct {
	*Gateway
	url    string
	config Config
	basic  string
	tape   *gateways.Tape
}

func (g *Gateway) open(ctx context.Context, at gateways.Place, tape *gateways.Tape) (*caller, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return nil, err
	}
	config, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return nil, err
	}
	c := &caller{
		Gateway: g, url: g.endpoint, config: config, tape: tape,
		basic: base64.StdEncoding.EncodeToString([]byte(key.User.Reveal() + ":" + key.Password.Reveal())),
	}
	if c.url == "" {
		c.url = "https://secure-test.worldpay.com/jsp/merchant/xml/paymentService.jsp"
		if at.Live {
			c.url = "https://secure.worldpay.com/jsp/merchant/xml/paymentService.jsp"
		}
	}
	tape.Hide(key.User.Reveal(), key.Password.Reveal(), c.basic)
	return c, nil
}

// ask sends a message and returns the answer.
func (c *caller) ask(ctx context.Context, key string, s service) (*reply, error) {
	s.Version, s.Merchant = "1.4", c.config.Merchant
	text, err := write(s)
	if err != nil {
		return nil, exchange.Refused(tierhost.KindInternal, "the request cannot be written")
	}
	h, note := http.Header{"Authorization": {"Basic " + c.basic}, "Content-Type": {"text/xml"}}, ""
	if key != "" {
		h.Set("Idempotency-Key", key)
		note = "Idempotency-Key: " + key
	}
	got, err := c.client.Do(ctx, exchange.Call{
		Method: http.MethodPost, URL: c.url, Header: h, Body: text, Note: note, Tape: c.tape,
		Hide: exchange.Elements("reference"), // the address of a page
	})
	switch {
	case err != nil:
		return nil, err
	case got.Status == http.StatusUnauthorized || got.Status == http.StatusForbidden:
		return nil, exchange.Refused(tierhost.KindDenied, "WorldPay does not know the user")
	case got.Status == http.StatusTooManyRequests:
		return nil, exchange.Limited(got)
	case got.Status != http.StatusOK:
		return nil, exchange.Unclear("WorldPay has answered %d", got.Status)
	}
	return read(got.Body)
}

// err is the error of an answer; nil: there is none.
//
// Source: the error codes of WorldPay's XML integration guide.
func (r *reply) err() error {
	p := r.Error
	if p == nil && r.Status != nil {
		p = r.Status.Error
	}
	if p == nil {
		return nil
	}
	text := strings.TrimSpace(p.Text)
	switch p.Code {
	case "2", "7": // the message
		return exchange.Refused(tierhost.KindInvalid, "WorldPay says %s: %.200s", p.Code, text)
	case "4":
		return exchange.Refused(tierhost.KindDenied, "WorldPay says %s: %.200s", p.Code, text)
	case "5": // the order: there is none, or that cannot be done to it
		return &orderError{text: text}
	}
	return exchange.Unclear("WorldPay says %.10s: %.200s", p.Code, text)
}

// orderError is a refusal that is about the order.
type orderError struct{ text string }

func (e *orderError) Error() string {
	return fmt.Sprintf("WorldPay says of the order: %.200s", e.text)
}

// Begin implements [gateways.Web].
func (g *Gateway) Begin(ctx context.Context, at gateways.Place, k gateways.Checkout) (gateways.Begun, error) {
	o := k.Operation
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Begun{}, err
	}
	sum, err := toAmount(o.Amount)
	if err != nil || !slices.Contains(currencies(), o.Amount.Currency()) {
		return gateways.Begun{}, exchange.Refused(tierhost.KindInvalid, "how WorldPay counts %s is not known", o.Amount.Currency())
	}
	text := exchange.Line(exchange.Purpose(o.Number, o.Text), 50)
	if text == "" {
		text = string(o.ID)
	}
	q := orderRequest{
		Code: string(o.ID), Installation: c.config.Installation, Delay: "0", Description: text, Amount: sum, Content: text, Include: code{"ALL"},
	}
	if o.Verb == gateways.VerbAuthorize {
		q.Delay = "OFF"
	}
	if email := exchange.ASCII(k.Email, 254); email != "" {
		q.Shopper = &shopper{email}
	}
	got, err := c.ask(ctx, "", service{Submit: &submit{q}}) // its code is its key
	if err != nil {
		return gateways.Begun{}, err
	}
	if err := got.err(); err != nil {
		if _, about := errors.AsType[*orderError](err); about {
			err = exchange.Refused(tierhost.KindPrecondition, "%w", err) // such as one of that code
		}
		return gateways.Begun{}, err
	}
	if got.Status == nil || got.Status.Code != string(o.ID) || got.Status.Reference == nil {
		return gateways.Begun{}, exchange.Unclear("the order has no page")
	}
	page, err := url.Parse(strings.TrimSpace(got.Status.Reference.URL))
	if err != nil || page.Scheme != "https" {
		return gateways.Begun{}, exchange.Unclear("the page has no address that can be read")
	}
	back, err := exchange.Back(k.Return, o.ID)
	if err != nil {
		return gateways.Begun{}, err
	}
	values := page.Query()
	for _, name := range []string{"successURL", "pendingURL", "failureURL", "errorURL"} {
		values.Set(name, back)
	}
	if k.Cancel != "" {
		values.Set("cancelURL", k.Cancel)
	}
	page.RawQuery = values.Encode()
	// Without a reference: of an order that nobody has paid WorldPay says that there is no
	// payment, and it is the operation's ID anyway.
	return gateways.Begun{Action: gateways.Action{URL: page.String()}}, nil
}

// Returned implements [gateways.Web].
func (*Gateway) Returned(_ context.Context, _ gateways.Place, query url.Values) (gateways.OperationID, error) {
	return exchange.Returned(query)
}

// Do implements [gateways.Gateway], but for what is begun on WorldPay's page.
func (g *Gateway) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	sum, err := toAmount(o.Amount)
	if err != nil || !slices.Contains(currencies(), o.Amount.Currency()) {
		return gateways.Result{}, exchange.Refused(tierhost.KindInvalid, "how WorldPay counts %s is not known", o.Amount.Currency())
	}
	payment := named(o.Reference)
	m := modification{Code: payment.order}
	switch o.Verb {
	case gateways.VerbCapture:
		m.Capture = &capture{sum}
	case gateways.VerbVoid:
		m.Cancel = &empty{}
	case gateways.VerbRefund:
		sum.Credit = "credit"
		m.Refund = &capture{sum}
	default:
		return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "customers pay on WorldPay's page, there is no %s", o.Verb)
	}
	if payment.order == "" {
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "what WorldPay calls the payment is not known")
	}
	// Of all there is, or the order would not tell whether it was done.
	before, err := c.inquire(ctx, payment.order)
	if err != nil {
		return gateways.Result{}, exchange.Refused(tierhost.KindUnavailable, "the order cannot be looked at: %s", err.Error())
	}
	whole, err := before.Payment.Amount.money()
	if err != nil || !whole.Equal(o.Amount) {
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "the order is of %s, and only all of it can be moved", whole)
	}
	got, err := c.ask(ctx, string(o.ID), service{Modify: &modify{m}})
	if err != nil {
		return gateways.Result{}, err
	}
	err = got.err()
	if _, about := errors.AsType[*orderError](err); about {
		if strings.Contains(strings.ToLower(err.Error()), "idempotency") { // it was asked for before
			found, findErr := c.find(ctx, o)
			if errors.Is(findErr, gateways.ErrNoOperation) {
				findErr = exchange.Unclear("WorldPay has had the key, and the order does not show it yet")
			}
			return found, findErr
		}
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "%w", err)
	}
	if err != nil {
		return gateways.Result{}, err
	}
	done := received{}
	if got.OK != nil {
		done = *got.OK
	}
	for _, x := range []*ofOrder{done.Capture, done.Refund, done.Cancel} {
		if x == nil || x.Code != payment.order {
			continue
		}
		// WorldPay has it in hand: what comes of it the order tells, now or later.
		o.Reference = reference{payment.order, o.Verb, before.Payment.Event}.String()
		r, err := c.find(ctx, o)
		if err != nil {
			r = gateways.Result{Outcome: gateways.Pending, Reference: o.Reference, Amount: whole}
		}
		return r, nil
	}
	return gateways.Result{}, exchange.Unclear("the answer does not say that the %s was received", o.Verb)
}

// inquire reads an order that was paid.
func (c *caller) inquire(ctx context.Context, id string) (*status, error) {
	q := &inquiry{}
	q.Order.Code = id
	got, err := c.ask(ctx, "", service{Inquiry: q})
	if err != nil {
		return nil, err
	}
	err = got.err()
	if _, about := errors.AsType[*orderError](err); about {
		return nil, gateways.ErrNoOperation
	}
	if err != nil {
		return nil, err
	}
	if got.Status == nil || got.Status.Code != id {
		return nil, exchange.Unclear("the answer is about another order")
	}
	if got.Status.Payment == nil {
		return nil, gateways.ErrNoOperation // nobody has paid
	}
	return got.Status, nil
}

// Find implements [gateways.Gateway].
func (g *Gateway) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	return c.find(ctx, o)
}

func (c *caller) find(ctx context.Context, o gateways.Operation) (gateways.Result, error) {
	id := string(o.ID)
	if o.Verb != gateways.VerbCharge && o.Verb != gateways.VerbAuthorize {
		id = named(o.Reference).order
	}
	if id == "" {
		return gateways.Result{}, gateways.ErrNoOperation
	}
	s, err := c.inquire(ctx, id)
	if err != nil {
		return gateways.Result{}, err
	}
	return s.result(o, c.clock.Now())
}

// Notices implements [gateways.Notifier]: an order notification, which is not signed.
func (*Gateway) Notices(_ context.Context, _ gateways.Place, in gateways.Incoming, _ time.Time) ([]gateways.Notice, error) {
	var n struct {
		XMLName xml.Name `xml:"paymentService"`
		Status  []struct {
			Code  string `xml:"orderCode,attr"`
			Event string `xml:"payment>lastEvent"`
		} `xml:"notify>orderStatusEvent"`
	}
	if xml.Unmarshal(in.Body, &n) != nil || len(n.Status) > 20 {
		return nil, exchange.BadNotice("the body is no notification of WorldPay")
	}
	var all []gateways.Notice
	sum := sha256.Sum256(in.Body)
	for _, s := range n.Status {
		if len(s.Code) > 64 || len(s.Event) > 40 { // anybody may have sent it
			continue
		}
		all = append(all, gateways.Notice{
			// By all that was sent: an event that comes a second time, or that somebody has made
			// up before it came, would not be looked into otherwise.
			Event: s.Code + "/" + s.Event + "/" + hex.EncodeToString(sum[:8]), Kind: s.Event, Operation: gateways.OperationID(s.Code), Unsigned: true,
		})
	}
	return all, nil
}

// Answer implements [gateways.Notifier].
func (*Gateway) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{Type: "text/plain", Body: []byte("[OK]")}, nil
}
