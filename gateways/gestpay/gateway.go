package gestpay

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
)

// Options are the settings of a [Gateway]. The zero value works.
type Options struct {
	HTTP  *http.Client   // nil: one of its own
	Clock tierhost.Clock // of the charge log; nil: the system's
	// Endpoint is where the services are; "": at the bank. Other than with TLS it is on this
	// machine.
	Endpoint string
}

// Gateway takes money through GestPay. It is safe for concurrent use.
type Gateway struct {
	client   *exchange.Client
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
	return &Gateway{client: exchange.New(o.HTTP, o.Clock), endpoint: o.Endpoint}
}

// CheckAccount implements [gateways.AccountChecker].
func (*Gateway) CheckAccount(at gateways.Place) error { return settings.Check[Config, Secret](at) }

// Capabilities implements [gateways.Gateway].
func (*Gateway) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{Verbs: []gateways.Verb{gateways.VerbCharge}, Currencies: currencies(), Finds: true}
}

// Do implements [gateways.Gateway]: it fails with tierhost.KindUnsupported.
func (*Gateway) Do(context.Context, gateways.Place, gateways.Operation) (gateways.Result, error) {
	return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "customers pay on the bank's page, and all else is done in its back office")
}

// caller asks the services for one account.
type caller struct {
	*Gateway
	base string
	live bool
	shop string
	key  string
	tape *gateways.Tape
}

func (g *Gateway) open(ctx context.Context, at gateways.Place, tape *gateways.Tape) (*caller, error) {
	if err := exchange.Cancelled(ctx); err != nil {
		return nil, err
	}
	config, key, err := settings.Read[Config, Secret](at)
	if err != nil {
		return nil, err
	}
	c := &caller{Gateway: g, base: g.endpoint, live: at.Live, shop: config.Shop, key: key.Key.Reveal(), tape: tape}
	if c.base == "" {
		c.base = "https://sandbox.gestpay.net"
		if at.Live {
			c.base = "https://ecomms2s.sella.it"
		}
	}
	tape.Hide(c.key)
	return c, nil
}

// ask calls a method of a service.
func (c *caller) ask(ctx context.Context, service, method string, b body) (*answer, error) {
	text, err := xml.Marshal(envelope{Body: b})
	if err != nil {
		return nil, exchange.Refused(tierhost.KindInternal, "the request cannot be written")
	}
	got, err := c.client.Do(ctx, exchange.Call{
		Method: http.MethodPost, URL: c.base + "/gestpay/GestPayWS/" + service + ".asmx", Body: xml.Header + string(text), Tape: c.tape,
		Header: http.Header{"Content-Type": {"text/xml; charset=utf-8"}, "Soapaction": {`"` + namespace + method + `"`}},
		Hide:   exchange.Elements("CryptDecryptString"), // with which anybody could pay
		// A key may be written in ways that nobody would hide.
		Shown: method + " " + regexp.MustCompile(`<apikey>[^<]*</apikey>`).ReplaceAllLiteralString(string(text), ""),
	})
	switch {
	case err != nil:
		return nil, err
	case got.Status == http.StatusTooManyRequests:
		return nil, exchange.Limited(got)
	case got.Status != http.StatusOK && got.Status != http.StatusInternalServerError: // which holds a fault
		return nil, exchange.Unclear("GestPay has answered %d", got.Status)
	}
	return read(got.Body)
}

// Begin implements [gateways.Web].
func (g *Gateway) Begin(ctx context.Context, at gateways.Place, k gateways.Checkout) (gateways.Begun, error) {
	o := k.Operation
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Begun{}, err
	}
	if o.Verb != gateways.VerbCharge || !slices.Contains(currencies(), o.Amount.Currency()) {
		return gateways.Begun{}, exchange.Refused(tierhost.KindInvalid, "GestPay is not asked for %s in %s", o.Verb, o.Amount.Currency())
	}
	a, err := c.ask(ctx, "WsCryptDecrypt", "Encrypt", body{Encrypt: &encrypt{
		Shop: c.shop, Currency: uic(o.Amount.Currency()), Amount: o.Amount.Digits(), Transaction: string(o.ID), Email: exchange.ASCII(k.Email, 50), Key: c.key,
	}})
	switch {
	case err != nil:
		return gateways.Begun{}, err
	case a.Result == "OK" && a.Crypted != "":
	case a.Result == "KO":
		return gateways.Begun{}, exchange.Refused(tierhost.KindInvalid, "GestPay says %.20s: %.200s", a.ErrorCode, a.ErrorText)
	default:
		return gateways.Begun{}, exchange.Unclear("the result of the encryption is %.20q", a.Result)
	}
	page := "https://sandbox.gestpay.net/pagam/pagam.aspx?"
	if c.live {
		page = "https://ecomm.sella.it/pagam/pagam.aspx?"
	}
	return gateways.Begun{Action: gateways.Action{URL: page + url.Values{"a": {c.shop}, "b": {a.Crypted}}.Encode()}}, nil
}

// decrypted is what the bank says of the two parameters that it has given to a browser, or
// calls with.
func (c *caller) decrypted(ctx context.Context, query url.Values) (*answer, error) {
	text := query.Get("b")
	if text == "" || len(text) > 8192 || query.Get("a") != c.shop {
		return nil, tierhost.E("", tierhost.KindInvalid, "no_operation", errors.New("there is nothing of this shop to decrypt"))
	}
	a, err := c.ask(ctx, "WsCryptDecrypt", "Decrypt", body{Decrypt: &decrypt{Shop: c.shop, Text: text, Key: c.key}})
	if err != nil {
		return nil, err
	}
	if a.Transaction == "" || len(a.Transaction) > 50 {
		return nil, tierhost.E("", tierhost.KindInvalid, "no_operation", errors.New("the bank has not encrypted this"))
	}
	return a, nil
}

// Returned implements [gateways.Web]: the bank decrypts what the browser brings back.
func (g *Gateway) Returned(ctx context.Context, at gateways.Place, query url.Values) (gateways.OperationID, error) {
	c, err := g.open(ctx, at, nil)
	if err != nil {
		return "", err
	}
	a, err := c.decrypted(ctx, query)
	if err != nil {
		return "", err
	}
	return gateways.OperationID(a.Transaction), nil
}

// Find implements [gateways.Gateway].
func (g *Gateway) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	if o.Verb != gateways.VerbCharge {
		return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "there is no %s", o.Verb)
	}
	a, err := c.ask(ctx, "WsS2S", "callReadTrxS2S", body{Read: &readTrx{Shop: c.shop, Transaction: string(o.ID), Key: c.key}})
	if err != nil {
		return gateways.Result{}, err
	}
	return a.result(o)
}

// Notices implements [gateways.Notifier]: the bank's call is decrypted by the bank.
func (g *Gateway) Notices(ctx context.Context, at gateways.Place, in gateways.Incoming, _ time.Time) ([]gateways.Notice, error) {
	c, err := g.open(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	if in.URL == nil || len(in.Body) > 0 {
		return nil, exchange.BadNotice("the bank calls with parameters and without a body")
	}
	a, err := c.decrypted(ctx, in.URL.Query())
	if err != nil {
		return nil, err
	}
	return []gateways.Notice{{
		Event: a.Transaction + "/" + a.Bank + "/" + a.Result, Kind: "result " + a.Result, Operation: gateways.OperationID(a.Transaction), Unsigned: true,
	}}, nil
}

// Answer implements [gateways.Notifier]: 200 is enough.
func (*Gateway) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{}, nil
}
