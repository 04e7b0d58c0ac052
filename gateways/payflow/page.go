package payflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/secret"
)

// pageTime is how long a secure token is good for. Payflow's documents say 20 and 30
// minutes.
const pageTime = 20 * time.Minute

// page makes a secure token, and with it the form that leads to the hosted page.
func (c *caller) page(ctx context.Context, kind, amount, currency, back, cancel, notify string, o gateways.Operation) (gateways.Begun, error) {
	back, err := exchange.Back(back, o.ID)
	if err != nil {
		return gateways.Begun{}, err
	}
	var q pairs
	q.add("TRXTYPE", kind)
	q.add("AMT", amount)
	q.add("CURRENCY", currency)
	q.add("CREATESECURETOKEN", "Y")
	q.add("SECURETOKENID", digest(o.ID))
	q.add("RETURNURL", back)
	q.add("ERRORURL", back)
	q.add("CANCELURL", cancel)
	q.add("SILENTPOSTURL", notify)
	q.add("CUSTREF", custom(string(o.ID)))
	c.texts(&q, o)
	begun := c.clock.Now()
	got, err := c.ask(ctx, digest(o.ID+"/page"), q)
	if err != nil {
		return gateways.Begun{}, err
	}
	if got["RESULT"] != "0" || got["SECURETOKEN"] == "" {
		_, err := judge(o, got, got["RESULT"], "")
		if err == nil {
			err = exchange.Unclear("there is no secure token: %.10s", got["RESULT"])
		}
		return gateways.Begun{}, err
	}
	mode := "TEST"
	if c.live {
		mode = "LIVE"
	}
	return gateways.Begun{
		Expires: begun.Add(pageTime),
		Action: gateways.Action{URL: "https://payflowlink.paypal.com", Post: true, Fields: []gateways.Field{
			{Name: "SECURETOKEN", Value: got["SECURETOKEN"]}, {Name: "SECURETOKENID", Value: got["SECURETOKENID"]}, {Name: "MODE", Value: mode},
		}},
	}, nil
}

// Begin implements [gateways.Web].
func (g *Gateway) Begin(ctx context.Context, at gateways.Place, k gateways.Checkout) (gateways.Begun, error) {
	o := k.Operation
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Begun{}, err
	}
	if !slices.Contains(currencies(), o.Amount.Currency()) {
		return gateways.Begun{}, exchange.Refused(tierhost.KindInvalid, "how Payflow counts %s is not known", o.Amount.Currency())
	}
	kind := "S"
	if o.Verb == gateways.VerbAuthorize {
		kind = "A"
	}
	return c.page(ctx, kind, o.Amount.Digits(), o.Amount.Currency().Code, k.Return, k.Cancel, k.Notify, o)
}

// Returned implements [gateways.Web].
func (*Gateway) Returned(_ context.Context, _ gateways.Place, query url.Values) (gateways.OperationID, error) {
	return exchange.Returned(query)
}

// Keep implements [gateways.Vault]: the page verifies a card, for no money.
func (g *Gateway) Keep(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Begun, error) {
	c, err := g.open(ctx, at, k.Tape)
	if err != nil {
		return gateways.Begun{}, err
	}
	return c.page(ctx, "A", "0.00", "", k.Return, k.Cancel, "", gateways.Operation{ID: k.ID})
}

// Kept implements [gateways.Vault].
func (g *Gateway) Kept(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
	c, err := g.open(ctx, at, k.Tape)
	if err != nil {
		return gateways.Token{}, gateways.Card{}, err
	}
	got, err := c.inquireToken(ctx, k.ID)
	if err != nil {
		return gateways.Token{}, gateways.Card{}, err
	}
	r, err := judge(gateways.Operation{Verb: gateways.VerbAuthorize}, without(got, "AMT"), got["ORIGRESULT"], got["ORIGPNREF"])
	switch {
	case err != nil:
		return gateways.Token{}, gateways.Card{}, err
	case r.Outcome != gateways.Approved:
		return gateways.Token{}, gateways.Card{}, &gateways.NotKeptError{Result: r}
	}
	return gateways.Token{Value: secret.New(got["ORIGPNREF"])}, r.Card, nil
}

// inquireToken asks for the verification of a card, whose reference is a token.
func (c *caller) inquireToken(ctx context.Context, id gateways.OperationID) (map[string]string, error) {
	tape := c.tape
	c.tape = nil // it is known only afterwards what is to be hidden
	defer func() { c.tape = tape }()
	began := c.clock.Now()
	got, err := c.inquire(ctx, ask{custom: custom(string(id))})
	x := gateways.Exchange{At: began, Took: c.clock.Now().Sub(began), Request: "inquiry about " + string(id), Answer: got["ORIGRESULT"]}
	if err != nil {
		x.Error = err.Error()
	}
	tape.Record(x)
	return got, err
}

func without(got map[string]string, name string) map[string]string {
	delete(got, name)
	return got
}

// Forget implements [gateways.Vault]. Payflow forgets by itself, a year after the card was
// used last; nothing can be said to it.
func (g *Gateway) Forget(ctx context.Context, at gateways.Place, _ gateways.Token) error {
	_, err := g.open(ctx, at, nil)
	return err
}

// Notices implements [gateways.Notifier]: a silent post, which is not signed.
func (*Gateway) Notices(_ context.Context, _ gateways.Place, in gateways.Incoming, _ time.Time) ([]gateways.Notice, error) {
	form, err := url.ParseQuery(string(in.Body))
	if err != nil || in.Method != http.MethodPost {
		return nil, exchange.BadNotice("the body is no form")
	}
	sum := sha256.Sum256(in.Body)
	n := gateways.Notice{Event: "post/" + hex.EncodeToString(sum[:16]), Kind: "silent post", Unsigned: true}
	if id := form.Get("USER1"); len(id) <= 36 { // anybody may have sent it
		n.Operation = gateways.OperationID(id)
	}
	return []gateways.Notice{n}, nil
}

// Answer implements [gateways.Notifier]: 200 is enough.
func (*Gateway) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return gateways.Answer{}, nil
}
