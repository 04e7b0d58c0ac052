package authorizenet

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/exchange"
	"github.com/tierhost/tierhost/gateways/internal/settings"
	"github.com/tierhost/tierhost/money"
)

// Options are the settings of a [Gateway]. The zero value works.
type Options struct {
	HTTP  *http.Client   // nil: one of its own
	Clock tierhost.Clock // of the charge log; nil: the system's
	// Endpoint is where the interface is; "": at Authorize.Net. Other than with TLS it is on
	// this machine.
	Endpoint string
}

// Gateway takes cards through Authorize.Net. It is safe for concurrent use.
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
	return &Gateway{client: exchange.New(o.HTTP, o.Clock), endpoint: o.Endpoint}
}

// CheckAccount implements [gateways.AccountChecker].
func (*Gateway) CheckAccount(at gateways.Place) error { return settings.Check[Config, Secret](at) }

// Capabilities implements [gateways.Gateway]. Authorize.Net keeps no keys.
func (*Gateway) Capabilities() gateways.Capabilities {
	return gateways.Capabilities{
		Verbs: gateways.Verbs(), Currencies: currencies(), PartialCapture: true, PartialRefund: true, Finds: true,
		Brands: []gateways.Brand{gateways.Visa, gateways.Mastercard, gateways.Amex, gateways.Discover, gateways.Diners, gateways.JCB},
	}
}

// window is for how many seconds the same again is refused: the most there is.
const window = "28800"

// Do implements [gateways.Gateway].
func (g *Gateway) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	c, err := g.open(ctx, at, o.Tape)
	if err != nil {
		return gateways.Result{}, err
	}
	if o.Amount.Currency() != c.config.currency() {
		return gateways.Result{}, exchange.Refused(tierhost.KindInvalid, "the account is in %s, not in %s", c.config.Currency, o.Amount.Currency())
	}
	q := transactionRequest{Amount: o.Amount.Digits(), RefTransID: o.Reference}
	switch o.Verb {
	case gateways.VerbCharge, gateways.VerbAuthorize:
		if o.Instrument == nil || o.Instrument.Value.IsZero() || o.Instrument.Customer == "" {
			return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "there is no payment profile")
		}
		q.Type = "authCaptureTransaction"
		if o.Verb == gateways.VerbAuthorize {
			q.Type = "authOnlyTransaction"
		}
		q.RefTransID, q.Currency = "", c.config.Currency
		q.Profile = &profile{o.Instrument.Customer, o.Instrument.Value.Reveal()}
	case gateways.VerbCapture:
		q.Type = "priorAuthCaptureTransaction"
	case gateways.VerbVoid:
		q.Type, q.Amount = "voidTransaction", ""
	case gateways.VerbRefund:
		q.Type = "refundTransaction"
	default:
		return gateways.Result{}, exchange.Refused(tierhost.KindUnsupported, "there is no %s", o.Verb)
	}
	paying := q.Profile != nil
	if !paying && o.Reference == "" {
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "what Authorize.Net calls the payment is not known")
	}
	if paying || o.Verb == gateways.VerbRefund {
		q.Order = &orderType{digest(o.ID), exchange.Line(exchange.Purpose(o.Number, o.Text), 255)}
		q.Settings = &settingsOf{[]setting{{"duplicateWindow", window}}}
		before, err := c.done(ctx, o)
		if err == nil || !errors.Is(err, gateways.ErrNoOperation) {
			return before, notDone(err)
		}
	}
	if o.Verb == gateways.VerbRefund {
		if err := c.refund(ctx, o, &q); err != nil {
			return gateways.Result{}, err
		}
	}
	r, err := c.ask(ctx, createTransaction{head: c.head, Transaction: q})
	if err != nil {
		return gateways.Result{}, err
	}
	return c.judge(ctx, o, r)
}

// notDone is the error of a look before anything was done.
func notDone(err error) error {
	if err == nil {
		return nil
	}
	e := tierhost.Fail(tierhost.KindOf(err), tierhost.EffectNone, errors.New("whether it was done before cannot be found out: "+err.Error()))
	if kind := tierhost.KindOf(err); kind == 0 {
		e.Kind = tierhost.KindUnavailable
	}
	return e
}

// done is what became of an operation that may have been done before. A refund is looked
// for among the others: its reference is the payment's.
func (c *caller) done(ctx context.Context, o gateways.Operation) (gateways.Result, error) {
	if o.Verb == gateways.VerbRefund {
		if d, err := c.details(ctx, o.Reference); err == nil && d.Status == "voided" {
			return c.result(gateways.Operation{Verb: gateways.VerbVoid}, d)
		}
	} else {
		o.Reference = ""
	}
	return c.find(ctx, o)
}

// refund writes what a refund needs to know of the payment: what is not settled is voided.
func (c *caller) refund(ctx context.Context, o gateways.Operation, q *transactionRequest) error {
	d, err := c.details(ctx, o.Reference)
	if err != nil {
		return notDone(err)
	}
	settled, err := c.money(d.Settle)
	if err != nil {
		return exchange.Refused(tierhost.KindUnavailable, "the amount of the payment cannot be read")
	}
	switch d.Status {
	case "settledSuccessfully":
		q.Payment = &payment{Last: lastFour(d.Number), Expiration: "XXXX"}
		return nil
	case "capturedPendingSettlement":
		if !settled.Equal(o.Amount) {
			return exchange.Refused(tierhost.KindPrecondition, "the payment is not settled yet: until then, within a day, only all of it can be given back")
		}
		*q = transactionRequest{Type: "voidTransaction", RefTransID: o.Reference}
		return nil
	}
	return exchange.Refused(tierhost.KindPrecondition, "the payment is %.40q at Authorize.Net, and cannot be given back", d.Status)
}

// judge is what an answer to a transaction means.
func (c *caller) judge(ctx context.Context, o gateways.Operation, r *response) (gateways.Result, error) {
	t := r.Transaction
	if t == nil || t.Code == "" {
		if err := r.err(); errors.Is(err, gateways.ErrNoOperation) {
			return gateways.Result{}, exchange.Refused(tierhost.KindNotFound, "Authorize.Net does not know the profile")
		} else if err != nil {
			return gateways.Result{}, err
		}
		return gateways.Result{}, exchange.Unclear("the answer says nothing of the transaction")
	}
	code, text := t.reason()
	result := gateways.Result{Reference: t.TransID, Amount: o.Amount, Facts: facts(t.AuthCode, t.AVS, t.CVV, code)}
	if last := lastFour(t.Account); len(last) == 4 && (o.Verb == gateways.VerbCharge || o.Verb == gateways.VerbAuthorize) {
		result.Card = gateways.Card{Brand: brand(t.Type), LastFour: last}
	}
	switch {
	case code == "11" || code == "310" || code == "311": // it was done before: by this operation, or by whom?
		found, err := c.find(ctx, o)
		if err != nil {
			return found, exchange.Unclear("Authorize.Net has had it before, and it cannot be found: %s", err.Error())
		}
		return found, nil
	case t.Code == "1":
		result.Outcome = gateways.Approved
		if t.Approved != "" {
			amount, err := c.money(t.Approved)
			if err != nil {
				return gateways.Result{}, exchange.Unclear("the amount that was approved cannot be read")
			}
			result.Amount = amount
		}
		if t.TransID == "" || t.TransID == "0" {
			return gateways.Result{}, exchange.Unclear("the transaction has no ID") // as in test mode
		}
		return result, nil
	case t.Code == "2":
		result.Outcome, result.Decline = gateways.Declined, decline(code, text)
		return result, nil
	case t.Code == "4":
		result.Outcome = gateways.Pending
		return result, nil
	case t.Code != "3":
		return gateways.Result{}, exchange.Unclear("the response code is %.10q", t.Code)
	}
	switch code {
	case "6", "7", "8", "17", "28", "37", "78", "128", "315", "316", "317": // the card, not the request
		result.Outcome, result.Decline = gateways.Declined, decline(code, text)
		return result, nil
	case "19", "20", "21", "22", "23", "25", "26":
		return gateways.Result{}, exchange.Refused(tierhost.KindUnavailable, "Authorize.Net has not processed it: %s %.200s", code, text)
	case "13", "24", "30", "31", "34", "35", "38", "43", "68", "87", "88", "89", "90", "91", "92", "97", "98", "99", "103", "123", "130", "131", "132":
		return gateways.Result{}, exchange.Refused(tierhost.KindDenied, "Authorize.Net says %s: %.200s", code, text)
	case "16", "33", "47", "48", "49", "50", "51", "54", "55":
		return gateways.Result{}, exchange.Refused(tierhost.KindPrecondition, "Authorize.Net says %s: %.200s", code, text)
	case "5", "9", "10", "14", "15", "18", "32", "40", "46", "53", "56", "66", "69", "70", "71", "72", "73", "74", "75", "76", "77", "79", "80", "81", "82", "83", "84",
		"85", "86", "116", "117", "118", "174", "175":
		return gateways.Result{}, exchange.Refused(tierhost.KindInvalid, "Authorize.Net says %.10s: %.200s", code, text)
	}
	// Such as 36 (authorized, and not settled), 57 to 63 and 120 to 122 (failed on the way), 52
	// and 152 (done, and somebody could not be told), and what is not known.
	return gateways.Result{}, exchange.Unclear("Authorize.Net has failed: %.10s %.200s", code, text)
}

func facts(auth, avs, cvv, reason string) map[string]string {
	all := map[string]string{}
	for name, value := range map[string]string{"auth_code": auth, "avs": avs, "cvv": cvv, "reason": reason} {
		if value = strings.TrimSpace(value); value != "" {
			all[name] = value
		}
	}
	return all
}

// money reads an amount of the account.
func (c *caller) money(text string) (money.Money, error) {
	m, err := money.Parse(text, c.config.currency())
	if err == nil && !m.IsWhole() {
		err = errors.New("the amount is no whole number of cents")
	}
	return m, err
}

// lastFour are the last digits of a number that is masked, such as XXXX1111.
func lastFour(masked string) string {
	if len(masked) < 4 || strings.Trim(masked[len(masked)-4:], "0123456789") != "" {
		return ""
	}
	return masked[len(masked)-4:]
}

func brand(name string) gateways.Brand {
	switch strings.ToLower(strings.ReplaceAll(name, " ", "")) {
	case "visa":
		return gateways.Visa
	case "mastercard":
		return gateways.Mastercard
	case "americanexpress", "amex":
		return gateways.Amex
	case "discover":
		return gateways.Discover
	case "dinersclub":
		return gateways.Diners
	case "jcb":
		return gateways.JCB
	}
	return gateways.BrandOther
}
