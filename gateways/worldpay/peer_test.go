package worldpay_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/worldpay"
	"github.com/tierhost/tierhost/secret"
)

// peer behaves as WorldPay's XML interface is documented to, as far as this package uses it.
type peer struct {
	t     testing.TB
	url   string
	clock *tierhost.TestClock
	bank  peertest.Bank
	keys  map[string]bool
	slow  bool // it receives captures and refunds, and does them when it works
	due   []func()
	// failure is the code of the error that modifications fail with.
	failure *string
}

const (
	user     = "XMLUSER-SHOPCODE"
	password = "xml&pass<word>77"
)

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{t: t, clock: tierhost.NewTestClock(time.Date(2031, 3, 2, 9, 30, 0, 0, time.UTC)), keys: map[string]bool{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *peer) gateway() *worldpay.Gateway {
	return worldpay.New(worldpay.Options{Endpoint: p.url, Clock: p.clock})
}

func (p *peer) place() gateways.Place {
	return gateways.Place{
		Account: "acc", Config: json.RawMessage(`{"merchant":"SHOPCODE","installation":"1234567"}`),
		Secret: secret.New(fmt.Sprintf(`{"user":%q,"password":%q}`, user, password)),
	}
}

// elements are those within others, in order.
func elements() map[string]string {
	return map[string]string{
		"paymentService": "submit modify inquiry", "submit": "order!", "modify": "orderModification!", "inquiry": "orderInquiry!",
		"order":             "description!50 amount! orderContent! paymentMethodMask! shopper",
		"paymentMethodMask": "include!", "shopper": "shopperEmailAddress!",
		"orderModification": "cancel capture refund", "capture": "amount!", "refund": "amount!",
	}
}

const head = `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE paymentService PUBLIC "-//WorldPay//DTD WorldPay PaymentService v1//EN" "http://dtd.worldpay.com/paymentService_v1.dtd">`

func say(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, head+`<paymentService version="1.4" merchantCode="SHOPCODE"><reply>`+text+`</reply></paymentService>`)
}

func refuse(w http.ResponseWriter, code, text string) {
	say(w, fmt.Sprintf(`<error code="%s"><![CDATA[%s]]></error>`, code, text))
}

// ServeHTTP is the interface.
func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if u, pass, _ := r.BasicAuth(); u != user || pass != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	q, err := peertest.ParseXML(body, "")
	if err != nil || q.Fault(elements()) != "" || len(q.Kids) != 1 || q.Attr["version"] != "1.4" || q.Attr["merchantCode"] != "SHOPCODE" ||
		!strings.Contains(string(body), `PUBLIC "-//WorldPay//DTD WorldPay PaymentService v1//EN"`) || r.Header.Get("Content-Type") != "text/xml" {
		p.t.Errorf("a request is not of the form: %v: %s", err, body)
		refuse(w, "2", "Invalid XML")
		return
	}
	key, what := r.Header.Get("Idempotency-Key"), q.Kids[0].Kids[0]
	if (key != "") != (q.Kids[0].Name == "modify") {
		p.t.Errorf("%s has the key %q", q.Kids[0].Name, key)
	}
	verb := map[bool]gateways.Verb{len(what.At("capture").Kids) > 0: gateways.VerbCapture}[true]
	if len(what.At("refund").Kids) > 0 {
		verb = gateways.VerbRefund
	}
	if p.failure != nil && key != "" {
		refuse(w, *p.failure, "as it was told to")
		return
	}
	faults := peertest.Faults{Nonsense: "<html>", Fails: func(w http.ResponseWriter, _ *http.Request) { refuse(w, "1", "Internal error") }}
	faults.Play(p.bank.Take(verb), w, r, func(w http.ResponseWriter) {
		p.bank.With(func() {
			if key != "" && p.keys[key] {
				refuse(w, "5", "Idempotency key has already been used")
				return
			}
			if key != "" {
				p.keys[key] = true
			}
			p.do(w, q.Kids[0].Name, what)
		})
	})
}

func (p *peer) minor(e *peertest.Element) int64 {
	require.Equal(p.t, "EUR2", e.Attr["currencyCode"]+e.Attr["exponent"])
	n, err := strconv.ParseInt(e.Attr["value"], 10, 64)
	require.NoError(p.t, err)
	return n
}

func (p *peer) do(w http.ResponseWriter, kind string, q *peertest.Element) {
	id := q.Attr["orderCode"]
	pay := p.bank.ByID(id)
	page := func() {
		say(w, fmt.Sprintf(`<orderStatus orderCode="%s"><reference id="1234">https://payments-test.worldpay.com/app/hpp/integration/wpg/corporate?OrderKey=SHOPCODE%%5E%s&amp;Ticket=00146321</reference></orderStatus>`, id, id))
	}
	if kind == "submit" {
		require.Equal(p.t, "1234567ALL", q.Attr["installationId"]+q.At("paymentMethodMask>include").Attr["code"])
		require.Contains(p.t, []string{"0", "OFF"}, q.Attr["captureDelay"])
		if pay == nil {
			p.bank.Pay(peertest.Payment{ID: id, Operation: id, Amount: p.minor(q.At("amount")), Auth: q.Attr["captureDelay"] == "OFF", State: peertest.Begun}, "")
		}
		page() // for the same order the same page
		return
	}
	if pay == nil {
		refuse(w, "5", "Could not find payment for order")
		return
	}
	switch {
	case kind == "inquiry" && pay.State == peertest.Begun:
		say(w, fmt.Sprintf(`<orderStatus orderCode="%s"><error code="5"><![CDATA[Could not find payment for order]]></error></orderStatus>`, id))
	case kind == "inquiry":
		say(w, fmt.Sprintf(`<orderStatus orderCode="%s">%s</orderStatus>`, id, p.payment(pay)))
	case len(q.At("capture").Kids) > 0:
		if pay.State != peertest.Authorized || p.minor(q.At("capture>amount")) != pay.Amount {
			refuse(w, "5", "Requested capture is not possible")
			return
		}
		p.later(func() { pay.Capture(pay.Amount) })
		say(w, fmt.Sprintf(`<ok><captureReceived orderCode="%s"><amount value="%d" currencyCode="EUR" exponent="2"/></captureReceived></ok>`, id, pay.Amount))
	case len(q.At("refund").Kids) > 0:
		require.Equal(p.t, "credit", q.At("refund>amount").Attr["debitCreditIndicator"])
		if pay.State != peertest.Captured || p.minor(q.At("refund>amount")) > pay.Left() {
			refuse(w, "5", "Requested DEBIT exceeded available")
			return
		}
		p.later(func() { pay.Refund(id, id, p.minor(q.At("refund>amount")), "") })
		say(w, fmt.Sprintf(`<ok><refundReceived orderCode="%s"><amount value="%d" currencyCode="EUR" exponent="2"/></refundReceived></ok>`, id, pay.Amount))
	default:
		if !pay.Void() {
			refuse(w, "5", "Cannot cancel")
			return
		}
		say(w, fmt.Sprintf(`<ok><cancelReceived orderCode="%s"/></ok>`, id))
	}
}

// later does what was received, or leaves it for later. It is called within With.
func (p *peer) later(do func()) {
	if p.slow {
		p.due = append(p.due, do)
		return
	}
	do()
}

// work does what was received.
func (p *peer) work() {
	p.bank.With(func() {
		for _, do := range p.due {
			do()
		}
		p.due = nil
	})
}

// event has the only order tell an event.
func (p *peer) event(event string) {
	p.bank.With(func() { p.bank.All()[0].Notes["event"] = event })
}

func (p *peer) payment(pay *peertest.Payment) string {
	event := map[peertest.State]string{
		peertest.Waiting: "SENT_FOR_AUTHORISATION", peertest.Declined: "REFUSED", peertest.Authorized: "AUTHORISED", peertest.Captured: "CAPTURED", peertest.Voided: "CANCELLED",
	}[pay.State]
	if len(pay.Refunds) > 0 {
		event = "REFUNDED"
	}
	if pay.Notes["event"] != "" {
		event = pay.Notes["event"]
	}
	code := ""
	if pay.State == peertest.Declined {
		code = `<ISO8583ReturnCode code="` + pay.Notes["code"] + `" description="REFUSED"/>`
	}
	return fmt.Sprintf(`<payment><paymentMethod>VISA-SSL</paymentMethod><paymentMethodDetail><card number="4444********1111" type="creditcard"/></paymentMethodDetail><amount value="%d" currencyCode="EUR" exponent="2" debitCreditIndicator="credit"/><lastEvent>%s</lastEvent>%s</payment>`, pay.Amount, event, code)
}

// visit is the customer on the page, who pays.
func (p *peer) visit(id gateways.OperationID, page string) url.Values {
	u, err := url.Parse(page)
	require.NoError(p.t, err)
	require.NotEmpty(p.t, u.Query().Get("OrderKey"))
	p.bank.With(func() { p.bank.Complete(p.bank.ByID(string(id)), true) })
	back, err := url.Parse(u.Query().Get("successURL"))
	require.NoError(p.t, err)
	q := back.Query()
	q.Set("orderKey", "ADMIN^SHOPCODE^"+string(id))
	q.Set("paymentStatus", "AUTHORISED")
	return q
}

func incoming(body []byte) gateways.Incoming {
	return gateways.Incoming{Method: http.MethodPost, URL: &url.URL{Path: "/notified/acc"}, Body: body, Header: http.Header{"Content-Type": {"text/xml"}}}
}

func (p *peer) site() gatewaytest.Site {
	return gatewaytest.Site{
		Gateway: p.gateway(), Again: func() gateways.Gateway { return p.gateway() }, Place: p.place(), Now: p.clock.Now,
		Secrets: []string{user, password}, Script: p.bank.Script, Books: p.bank.Books,
		Pay: func(c gateways.Checkout, b gateways.Begun) url.Values { return p.visit(c.Operation.ID, b.Action.URL) },
		Notify: func(id gateways.OperationID, _ time.Time) (in gateways.Incoming) {
			p.bank.With(func() {
				in = incoming([]byte(head + `<paymentService version="1.4" merchantCode="SHOPCODE"><notify><orderStatusEvent orderCode="` + string(id) + `">` + p.payment(p.bank.ByID(string(id))) + `</orderStatusEvent></notify></paymentService>`))
			})
			return in
		},
		Sign: func(body []byte, _ time.Time) gateways.Incoming { return incoming(body) },
	}
}
