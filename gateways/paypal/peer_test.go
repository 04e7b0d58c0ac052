package paypal_test

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/paypal"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// peer behaves as PayPal is documented to, as far as this package uses it.
type peer struct {
	t       testing.TB
	url     string
	clock   *tierhost.TestClock
	bank    peertest.Bank
	mu      sync.Mutex
	tokens  map[string]bool
	granted int
	keys    map[string]kept   // answers by PayPal-Request-Id and path
	issue   string            // that the next completion of an order fails with
	owners  map[string]string // captures that it knows besides
}

type kept struct {
	body   string
	status int
	answer []byte
}

type object = map[string]any

const (
	client  = "AZDxjDScFpQtjWTOUtWKbyN_bDt4OgqaF4eYXlewfBP4"
	key     = "EGnHDxD_qRPdaLdZz8iCr8N7_MzF-YHPTkjs6NKYQvQS"
	webhook = "5GP028458E2496506"
)

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{t: t, clock: tierhost.NewTestClock(time.Date(2031, 3, 2, 9, 30, 0, 0, time.UTC)), tokens: map[string]bool{}, keys: map[string]kept{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *peer) gateway() *paypal.Gateway {
	return paypal.New(paypal.Options{Endpoint: p.url, Clock: p.clock})
}

func (p *peer) place() gateways.Place {
	return gateways.Place{
		Account: "acc", Config: json.RawMessage(fmt.Sprintf(`{"webhook":%q,"brand":"Hosting & Söhne","statement":"HOSTING"}`, webhook)),
		Secret: secret.New(fmt.Sprintf(`{"client":%q,"secret":%q}`, client, key)),
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func failure(name, issue string) object {
	return object{"name": name, "message": "as documented", "debug_id": "90957fca61718", "details": []object{{"issue": issue, "description": "about it"}}}
}

func (p *peer) faults() peertest.Faults {
	say := func(status int, name string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answer(w, status, failure(name, name)) }
	}
	return peertest.Faults{
		Refuses: say(403, "NOT_AUTHORIZED"), Overloaded: say(429, "RATE_LIMIT_REACHED"), Fails: say(500, "INTERNAL_SERVER_ERROR"), Nonsense: "<html>proxy</html>",
	}
}

// ServeHTTP is the API.
func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.URL.Path == "/v1/oauth2/token" {
		p.grant(w, r, string(body))
		return
	}
	p.mu.Lock()
	good := p.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	p.mu.Unlock()
	switch {
	case !good:
		answer(w, 401, failure("AUTHENTICATION_FAILURE", "INVALID_TOKEN"))
	case p.owners[strings.TrimPrefix(r.URL.Path, "/v2/payments/captures/")] != "":
		_, _ = io.WriteString(w, p.owners[strings.TrimPrefix(r.URL.Path, "/v2/payments/captures/")])
	case r.Method == http.MethodGet:
		p.bank.With(func() { p.read(w, strings.Split(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")) })
	case r.Header.Get("Content-Type") != "application/json":
		answer(w, 415, failure("UNSUPPORTED_MEDIA_TYPE", ""))
	case r.URL.Path == "/v1/notifications/verify-webhook-signature":
		p.verify(w, body)
	default:
		p.change(w, r, body)
	}
}

func (p *peer) grant(w http.ResponseWriter, r *http.Request, body string) {
	user, pass, _ := r.BasicAuth()
	if body != "grant_type=client_credentials" || !(user == client && pass == key || user == "another" && pass == "another secret") {
		answer(w, 401, object{"error": "invalid_client", "error_description": "Client Authentication failed"})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.granted++
	token := fmt.Sprintf("A21AAFs9YKWzVeCq-%d", p.granted)
	p.tokens[token] = true
	answer(w, 200, object{"access_token": token, "token_type": "Bearer", "expires_in": 32400})
}

// change does a request that changes something, once for each key.
func (p *peer) change(w http.ResponseWriter, r *http.Request, body []byte) {
	id := r.Header.Get("PayPal-Request-Id")
	if id == "" || len(id) > 108 {
		answer(w, 400, failure("INVALID_REQUEST", "MISSING_REQUIRED_PARAMETER"))
		return
	}
	part := strings.Split(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	verb := map[string]gateways.Verb{"capture": gateways.VerbCapture, "void": gateways.VerbVoid, "refund": gateways.VerbRefund}[part[len(part)-1]]
	if part[0] == "checkout" {
		verb = gateways.VerbCharge
	}
	how := p.bank.Take(verb)
	p.faults().Play(how, w, r, func(w http.ResponseWriter) {
		p.bank.With(func() {
			at := id + " " + r.URL.Path
			old, used := p.keys[at]
			if !used {
				status, got := p.do(part, body, how)
				text := []byte(nil)
				if got != nil {
					var err error
					text, err = json.Marshal(got)
					require.NoError(p.t, err)
				}
				old = kept{string(body), status, text}
				if status < 300 {
					p.keys[at] = old
				}
			}
			if how == gatewaytest.Strange {
				old.answer = bytes.ReplaceAll(old.answer, []byte(`"COMPLETED"`), []byte(`"LEVITATING"`))
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(old.status)
			_, _ = w.Write(old.answer)
		})
	})
}

func (p *peer) do(part []string, body []byte, how gatewaytest.Situation) (int, object) {
	invalid := func(table map[string]field) (int, object) {
		if all := faults(body, table); len(all) > 0 {
			p.t.Errorf("a request is not of the form that PayPal publishes: %v: %s", all, body)
			return 400, failure("INVALID_REQUEST", "INVALID_PARAMETER_SYNTAX")
		}
		return 0, nil
	}
	last := part[len(part)-1]
	switch {
	case len(part) == 2 && part[0] == "checkout":
		if status, bad := invalid(orderFields()); bad != nil {
			return status, bad
		}
		var q struct {
			Intent string `json:"intent"`
			Units  []struct {
				CustomID  string `json:"custom_id"`
				InvoiceID string `json:"invoice_id"`
				Amount    struct {
					Currency string `json:"currency_code"`
					Value    string `json:"value"`
				} `json:"amount"`
			} `json:"purchase_units"`
		}
		require.NoError(p.t, json.Unmarshal(body, &q))
		u := q.Units[0]
		c, err := money.ISO(u.Amount.Currency)
		require.NoError(p.t, err)
		m, err := money.Parse(u.Amount.Value, c)
		require.NoError(p.t, err)
		minor, err := m.Minor()
		require.NoError(p.t, err)
		pay := p.bank.Pay(peertest.Payment{
			ID: p.bank.NewID("ORDER"), Operation: u.CustomID, Amount: minor, Currency: c.Code, Auth: q.Intent == "AUTHORIZE", State: peertest.Begun, Made: p.clock.Now(),
		}, "")
		pay.Notes["status"] = "PAYER_ACTION_REQUIRED"
		return 201, p.order(pay)
	case part[0] == "checkout":
		pay := p.bank.ByID(part[2])
		switch {
		case pay == nil:
			return 404, failure("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
		case string(body) != "{}" || pay.Auth != (last == "authorize"):
			return 422, failure("UNPROCESSABLE_ENTITY", "ACTION_DOES_NOT_MATCH_INTENT")
		case pay.Notes["status"] == "COMPLETED":
			return 422, failure("UNPROCESSABLE_ENTITY", map[bool]string{true: "ORDER_ALREADY_AUTHORIZED", false: "ORDER_ALREADY_CAPTURED"}[pay.Auth])
		case pay.Notes["status"] != "APPROVED":
			return 422, failure("UNPROCESSABLE_ENTITY", "ORDER_NOT_APPROVED")
		case p.issue != "":
			issue := p.issue
			p.issue = ""
			return 422, failure("UNPROCESSABLE_ENTITY", issue)
		}
		pay.Notes["status"], pay.Notes["move"] = "COMPLETED", p.bank.NewID("MOVE")
		pay.How = how
		switch how {
		case gatewaytest.Waits:
			pay.State = peertest.Waiting
		case gatewaytest.DeclinesSoft, gatewaytest.DeclinesHard:
			p.bank.Complete(pay, false)
		default:
			p.bank.Complete(pay, true)
		}
		return 201, p.order(pay)
	case part[1] == "authorizations":
		pay := p.byMove(part[2])
		if pay == nil {
			return 404, failure("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
		}
		if last == "void" {
			if pay.State == peertest.Voided {
				return 422, failure("UNPROCESSABLE_ENTITY", "PREVIOUSLY_VOIDED")
			}
			if !pay.Void() {
				return 422, failure("UNPROCESSABLE_ENTITY", "PREVIOUSLY_CAPTURED")
			}
			return 204, nil
		}
		if status, bad := invalid(captureFields()); bad != nil {
			return status, bad
		}
		if pay.State == peertest.Captured {
			return 422, failure("UNPROCESSABLE_ENTITY", "AUTHORIZATION_ALREADY_CAPTURED")
		}
		if !pay.Capture(p.amount(body)) {
			return 422, failure("UNPROCESSABLE_ENTITY", "MAX_CAPTURE_AMOUNT_EXCEEDED")
		}
		var q struct {
			Invoice string `json:"invoice_id"`
		}
		require.NoError(p.t, json.Unmarshal(body, &q))
		pay.Notes["capture"], pay.Notes["invoice"] = p.bank.NewID("CAPT"), q.Invoice
		return 201, p.captured(pay)
	case part[1] == "captures" && last == "refund":
		if status, bad := invalid(refundFields()); bad != nil {
			return status, bad
		}
		pay := p.byMove(part[2])
		switch {
		case pay == nil:
			return 404, failure("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
		case pay.Left() == 0:
			return 422, failure("UNPROCESSABLE_ENTITY", "CAPTURE_FULLY_REFUNDED")
		}
		var q struct {
			CustomID string `json:"custom_id"`
		}
		require.NoError(p.t, json.Unmarshal(body, &q))
		back := pay.Refund(p.bank.NewID("BACK"), q.CustomID, p.amount(body), how)
		if back == nil {
			return 422, failure("UNPROCESSABLE_ENTITY", "REFUND_AMOUNT_EXCEEDED")
		}
		return 201, p.refunded(pay, back)
	}
	return 404, failure("RESOURCE_NOT_FOUND", "")
}

func (p *peer) amount(body []byte) int64 {
	var q struct {
		Amount struct {
			Value string `json:"value"`
		} `json:"amount"`
	}
	require.NoError(p.t, json.Unmarshal(body, &q))
	c, err := money.ISO("EUR")
	require.NoError(p.t, err)
	m, err := money.Parse(q.Amount.Value, c)
	require.NoError(p.t, err)
	minor, err := m.Minor()
	require.NoError(p.t, err)
	return minor
}

// byMove returns the payment that an authorization or a capture is of.
func (p *peer) byMove(id string) *peertest.Payment {
	return p.bank.Find(func(x *peertest.Payment) bool { return id != "" && (x.Notes["move"] == id || x.Notes["capture"] == id) })
}

func (p *peer) read(w http.ResponseWriter, part []string) {
	var got object
	switch {
	case part[0] == "checkout":
		if pay := p.bank.ByID(part[2]); pay != nil && pay.Notes["status"] != "dropped" {
			got = p.order(pay)
		}
	case part[1] == "authorizations":
		if pay := p.byMove(part[2]); pay != nil {
			got = p.authorized(pay)
		}
	case part[1] == "captures":
		if pay := p.byMove(part[2]); pay != nil {
			got = p.captured(pay)
		}
	case part[1] == "refunds":
		for _, pay := range p.bank.All() {
			for _, back := range pay.Refunds {
				if back.ID == part[2] {
					got = p.refunded(pay, back)
				}
			}
		}
	}
	if got == nil {
		answer(w, 404, failure("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"))
		return
	}
	answer(w, 200, got)
}

func cash(pay *peertest.Payment, minor int64) object {
	c, _ := money.ISO(pay.Currency)
	return object{"currency_code": pay.Currency, "value": money.FromMinor(minor, c).Digits()}
}

func (p *peer) order(pay *peertest.Payment) object {
	payments := object{}
	if pay.Notes["move"] != "" {
		if pay.Auth {
			payments["authorizations"] = []object{p.authorized(pay)}
		} else {
			payments["captures"] = []object{p.captured(pay)}
		}
		if pay.Notes["capture"] != "" {
			payments["captures"] = []object{p.captured(pay)}
		}
		backs := []object{}
		for _, back := range pay.Refunds {
			backs = append(backs, p.refunded(pay, back))
		}
		payments["refunds"] = backs
	}
	return object{
		"id": pay.ID, "status": pay.Notes["status"],
		"purchase_units": []object{{"reference_id": "default", "custom_id": pay.Operation, "invoice_id": pay.Operation, "amount": cash(pay, pay.Amount), "payments": payments}},
		"links": []object{
			{"rel": "self", "href": "https://api-m.sandbox.paypal.com/v2/checkout/orders/" + pay.ID},
			{"rel": "payer-action", "href": "https://www.sandbox.paypal.com/checkoutnow?token=" + pay.ID},
		},
	}
}

func (p *peer) authorized(pay *peertest.Payment) object {
	status := map[peertest.State]string{
		peertest.Waiting: "PENDING", peertest.Declined: "DENIED", peertest.Authorized: "CREATED", peertest.Captured: "CAPTURED", peertest.Voided: "VOIDED",
	}[pay.State]
	return object{
		"id": pay.Notes["move"], "status": status, "custom_id": pay.Operation, "amount": cash(pay, pay.Amount),
		"expiration_time": p.clock.Now().Add(29 * 24 * time.Hour).Format(time.RFC3339),
	}
}

func (p *peer) captured(pay *peertest.Payment) object {
	status := map[peertest.State]string{peertest.Waiting: "PENDING", peertest.Declined: "DECLINED", peertest.Captured: "COMPLETED"}[pay.State]
	minor, id := pay.Taken, pay.Notes["move"]
	if pay.State != peertest.Captured {
		minor = pay.Amount
	}
	if pay.Notes["capture"] != "" {
		id = pay.Notes["capture"]
	}
	switch {
	case status == "COMPLETED" && pay.Left() == 0:
		status = "REFUNDED"
	case status == "COMPLETED" && pay.Left() < pay.Taken:
		status = "PARTIALLY_REFUNDED"
	}
	o := object{"id": id, "status": status, "custom_id": pay.Operation, "invoice_id": cmp.Or(pay.Notes["invoice"], pay.Operation), "amount": cash(pay, minor)}
	if status == "PENDING" {
		o["status_details"] = object{"reason": "ECHECK"}
	}
	return o
}

func (p *peer) refunded(pay *peertest.Payment, back *peertest.Refund) object {
	status := map[peertest.State]string{peertest.Waiting: "PENDING", peertest.Declined: "FAILED", peertest.Refunded: "COMPLETED"}[back.State]
	return object{"id": back.ID, "status": status, "custom_id": back.Operation, "amount": cash(pay, back.Amount)}
}

// approve is the payer on the page.
func (p *peer) approve(id gateways.OperationID) {
	p.bank.With(func() {
		if pay := p.bank.ByOperation(string(id)); pay.Notes["status"] == "PAYER_ACTION_REQUIRED" {
			pay.Notes["status"] = "APPROVED"
		}
	})
}

// mac stands for PayPal's signature.
func mac(hook, id, at string, event []byte) string {
	h := hmac.New(sha256.New, []byte("PayPal"))
	fmt.Fprintf(h, "%s|%s|%s|%s", hook, id, at, event)
	return hex.EncodeToString(h.Sum(nil))
}

func (p *peer) verify(w http.ResponseWriter, body []byte) {
	var q struct {
		Algo  string          `json:"auth_algo"`
		Cert  string          `json:"cert_url"`
		ID    string          `json:"transmission_id"`
		Sig   string          `json:"transmission_sig"`
		Time  string          `json:"transmission_time"`
		Hook  string          `json:"webhook_id"`
		Event json.RawMessage `json:"webhook_event"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(&q) != nil || q.Algo == "" || q.Cert == "" {
		answer(w, 400, failure("VALIDATION_ERROR", "INVALID"))
		return
	}
	status := "FAILURE"
	if hmac.Equal([]byte(q.Sig), []byte(mac(q.Hook, q.ID, q.Time, q.Event))) && q.Hook == webhook {
		status = "SUCCESS"
	}
	answer(w, 200, object{"verification_status": status})
}

func (p *peer) incoming(body []byte, at time.Time) gateways.Incoming {
	stamp, id := at.UTC().Format(time.RFC3339), "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
	return gateways.Incoming{
		Method: http.MethodPost, URL: &url.URL{Path: "/notified/acc"}, Body: body,
		Header: http.Header{
			"Content-Type": {"application/json"}, "Paypal-Auth-Algo": {"SHA256withRSA"}, "Paypal-Transmission-Id": {id}, "Paypal-Transmission-Time": {stamp},
			"Paypal-Cert-Url": {"https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"}, "Paypal-Transmission-Sig": {mac(webhook, id, stamp, body)},
		},
	}
}

func (p *peer) notify(id gateways.OperationID, at time.Time) (in gateways.Incoming) {
	p.bank.With(func() {
		pay := p.bank.ByOperation(string(id))
		body, err := json.Marshal(object{
			"id": fmt.Sprintf("WH-%s-%s", pay.ID, pay.State), "event_type": "PAYMENT.CAPTURE.COMPLETED", "create_time": pay.Made.Format(time.RFC3339),
			"resource_type": "capture", "resource": p.captured(pay),
		})
		require.NoError(p.t, err)
		in = p.incoming(body, at)
	})
	return in
}

func (p *peer) site() gatewaytest.Site {
	other := p.place()
	other.Account, other.Secret = "other", secret.New(`{"client":"another","secret":"another secret"}`)
	other.Config = json.RawMessage(`{"webhook":"0AB00000000000000"}`)
	return gatewaytest.Site{
		Gateway: p.gateway(), Again: func() gateways.Gateway { return p.gateway() }, Place: p.place(), Other: other, Now: p.clock.Now,
		Secrets: []string{client, key, "A21AAFs9YKWzVeCq"},
		Script:  p.bank.Script, Books: p.bank.Books,
		Pay: func(c gateways.Checkout, b gateways.Begun) url.Values {
			p.approve(c.Operation.ID)
			return url.Values{"token": {b.Reference}, "PayerID": {"7E7MGXCWTTKK2"}, "operation": {string(c.Operation.ID)}}
		},
		Notify: p.notify, Sign: p.incoming,
	}
}
