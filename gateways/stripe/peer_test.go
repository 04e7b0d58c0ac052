package stripe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/stripe"
	"github.com/tierhost/tierhost/secret"
)

// peer behaves as Stripe is documented to, as far as this package uses it: keys are
// replayed, parameters that it does not know and those that are missing are refused.
type peer struct {
	t     testing.TB
	url   string
	key   string
	hook  string
	bank  peertest.Bank
	clock *tierhost.TestClock
	keys  map[string]kept // answers by idempotency key
	cards map[string]bool // payment methods that can be charged
	setup []*setupIntent
}

type kept struct {
	request string
	status  int
	body    []byte
}

type setupIntent struct{ id, keeping, customer, method string }

type object = map[string]any

func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{
		t: t, key: "sk_test_4eC39HqLyjWDarjtT1", hook: "whsec_7Rzb9Q4tLm2", keys: map[string]kept{}, cards: map[string]bool{},
		clock: tierhost.NewTestClock(time.Date(2031, 3, 2, 9, 30, 0, 0, time.UTC)),
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *peer) now() time.Time { return p.clock.Now() }

func (p *peer) place() gateways.Place {
	return gateways.Place{
		Account: "acc", Config: json.RawMessage(`{"publishable":"pk_test_1"}`),
		Secret: secret.New(fmt.Sprintf(`{"key":%q,"webhooks":[%q]}`, p.key, p.hook)),
	}
}

func (p *peer) gateway() *stripe.Gateway {
	return stripe.New(stripe.Options{Endpoint: p.url, Clock: p.clock})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func failure(kind, code, message string) object {
	return object{"error": object{"type": kind, "code": code, "message": message}}
}

func (p *peer) faults() peertest.Faults {
	say := func(status int, kind, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			answer(w, status, failure(kind, code, "as it was told to"))
		}
	}
	return peertest.Faults{
		Refuses: say(401, "invalid_request_error", ""), Overloaded: say(429, "invalid_request_error", "rate_limit"), Fails: say(500, "api_error", ""),
		Nonsense: "<html>proxy</html>",
	}
}

// ServeHTTP is the API.
func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if user, _, _ := r.BasicAuth(); r.Header.Get("Authorization") != "Bearer "+p.key && user != p.key {
		answer(w, 401, failure("invalid_request_error", "", "Invalid API Key provided"))
		return
	}
	if got := r.Header.Get("Stripe-Version"); got != stripe.Version {
		answer(w, 400, failure("invalid_request_error", "", "Invalid Stripe API version: "+got))
		return
	}
	if r.Method == http.MethodGet {
		p.bank.With(func() { p.read(w, r) })
		return
	}
	if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		answer(w, 400, failure("invalid_request_error", "", "bad content type"))
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		answer(w, 400, failure("invalid_request_error", "", "bad form"))
		return
	}
	key, request := r.Header.Get("Idempotency-Key"), r.URL.Path+"?"+string(body)
	if len(key) == 0 || len(key) > 255 {
		answer(w, 400, failure("invalid_request_error", "", "no key"))
		return
	}
	how := p.bank.Take(verbOf(r.URL.Path, form))
	p.faults().Play(how, w, r, func(w http.ResponseWriter) {
		p.bank.With(func() {
			old, used := p.keys[key]
			switch {
			case used && old.request != request:
				answer(w, 400, failure("idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters"))
				return
			case used:
				w.Header().Set("Idempotent-Replayed", "true")
			default:
				status, body := p.write(r.URL.Path, form, how)
				old = kept{request, status, body}
				p.keys[key] = old
				if how == gatewaytest.Fails {
					p.keys[key] = kept{request, 500, []byte(`{"error":{"type":"api_error","message":"kept"}}`)}
				}
			}
			body := old.body
			if how == gatewaytest.Strange {
				body = []byte(strings.NewReplacer(`"status":"succeeded"`, `"status":"levitating"`, `"status":"requires_capture"`, `"status":"levitating"`).Replace(string(body)))
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(old.status)
			_, _ = w.Write(body)
		})
	})
}

func verbOf(path string, form url.Values) gateways.Verb {
	switch {
	case path == "/v1/payment_intents" && form.Get("capture_method") == "manual":
		return gateways.VerbAuthorize
	case path == "/v1/payment_intents":
		return gateways.VerbCharge
	case path == "/v1/refunds":
		return gateways.VerbRefund
	case strings.HasSuffix(path, "/capture"):
		return gateways.VerbCapture
	case strings.HasSuffix(path, "/cancel"):
		return gateways.VerbVoid
	}
	return ""
}

// known are the parameters that are taken by each path.
func known(path string) []string {
	switch {
	case path == "/v1/customers":
		return []string{"email", "metadata[customer]"}
	case path == "/v1/setup_intents":
		return []string{"customer", "usage", "payment_method_types[]", "metadata[keeping]"}
	case path == "/v1/payment_intents":
		return []string{
			"amount", "currency", "payment_method", "payment_method_types[]", "confirm", "capture_method", "customer", "off_session", "description",
			"statement_descriptor_suffix", "metadata[operation]", "metadata[payment]", "metadata[number]", "expand[]",
		}
	case path == "/v1/refunds":
		return []string{"payment_intent", "amount", "metadata[operation]"}
	case strings.HasSuffix(path, "/capture"):
		return []string{"amount_to_capture", "expand[]"}
	case strings.HasSuffix(path, "/cancel"):
		return []string{"expand[]"}
	}
	return nil
}

// write does a request that changes something.
func (p *peer) write(path string, form url.Values, how gatewaytest.Situation) (int, []byte) {
	status, body := p.do(path, form, how)
	text, err := json.Marshal(body)
	require.NoError(p.t, err)
	return status, text
}

func (p *peer) do(path string, form url.Values, how gatewaytest.Situation) (int, object) {
	bad := func(status int, code, format string, args ...any) (int, object) {
		return status, failure("invalid_request_error", code, fmt.Sprintf(format, args...))
	}
	for name, values := range form {
		if !slices.Contains(known(path), name) || len(values) != 1 {
			return bad(400, "parameter_unknown", "Received unknown parameter: %s", name)
		}
		if strings.HasPrefix(name, "metadata[") && len([]rune(values[0])) > 500 {
			return bad(400, "", "Metadata values can have up to 500 characters")
		}
	}
	part := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	switch {
	case path == "/v1/customers":
		return 200, object{"id": p.bank.NewID("cus_")}
	case path == "/v1/setup_intents":
		s := &setupIntent{id: p.bank.NewID("seti_"), keeping: form.Get("metadata[keeping]"), customer: form.Get("customer")}
		p.setup = append(p.setup, s)
		return 200, p.setupObject(s)
	case path == "/v1/payment_intents":
		amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
		if err != nil || amount <= 0 || form.Get("confirm") != "true" || form.Get("currency") != strings.ToLower(form.Get("currency")) {
			return bad(400, "", "amount, confirm or currency")
		}
		if !p.cards[form.Get("payment_method")] {
			return bad(400, "resource_missing", "No such PaymentMethod")
		}
		pay := p.bank.Pay(peertest.Payment{
			ID: p.bank.NewID("pi_"), Operation: form.Get("metadata[operation]"), Amount: amount, Currency: form.Get("currency"),
			Auth: form.Get("capture_method") == "manual", Made: p.now(),
		}, how)
		if pay.State == peertest.Declined {
			e := p.declined(pay)
			e["payment_intent"] = p.intentObject(pay)
			return 402, object{"error": e}
		}
		return 200, p.intentObject(pay)
	case part[0] == "payment_intents" && len(part) == 3:
		pay := p.bank.ByID(part[1])
		if pay == nil {
			return bad(404, "resource_missing", "No such payment_intent")
		}
		ok := false
		if part[2] == "cancel" {
			ok = pay.Void()
		} else {
			amount, err := strconv.ParseInt(form.Get("amount_to_capture"), 10, 64)
			if err == nil && pay.State == peertest.Authorized && amount > pay.Amount {
				return bad(400, "amount_too_large", "it is more than can be captured")
			}
			ok = err == nil && pay.Capture(amount)
		}
		if !ok {
			return bad(400, "payment_intent_unexpected_state", "This PaymentIntent could not be done that to because it has a status of %s", p.intentObject(pay)["status"])
		}
		return 200, p.intentObject(pay)
	case path == "/v1/refunds":
		pay := p.bank.ByID(form.Get("payment_intent"))
		amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
		switch {
		case pay == nil || err != nil:
			return bad(404, "resource_missing", "No such payment_intent")
		case pay.Left() == 0:
			return bad(400, "charge_already_refunded", "Charge has already been refunded.")
		}
		back := pay.Refund(p.bank.NewID("re_"), form.Get("metadata[operation]"), amount, how)
		if back == nil {
			return bad(400, "", "Refund amount is greater than unrefunded amount on charge")
		}
		return 200, p.refundObject(pay, back)
	case part[0] == "payment_methods" && len(part) == 3 && part[2] == "detach":
		if !p.cards[part[1]] {
			return bad(404, "resource_missing", "No such PaymentMethod")
		}
		delete(p.cards, part[1])
		return 200, object{"id": part[1]}
	}
	return bad(404, "", "Unrecognized request URL")
}

// read answers a request that changes nothing.
func (p *peer) read(w http.ResponseWriter, r *http.Request) {
	missing := func() { answer(w, 404, failure("invalid_request_error", "resource_missing", "No such object")) }
	q, part := r.URL.Query(), strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	// Pages are short, so that there are several.
	page := func(all []object) {
		if after := q.Get("starting_after"); after != "" {
			all = all[slices.IndexFunc(all, func(o object) bool { return o["id"] == after })+1:]
		}
		more := len(all) > 2
		answer(w, 200, object{"object": "list", "data": all[:min(2, len(all))], "has_more": more})
	}
	switch {
	case part[0] == "payment_intents" && len(part) == 2:
		pay := p.bank.ByID(part[1])
		if pay == nil {
			missing()
			return
		}
		answer(w, 200, p.intentObject(pay))
	case part[0] == "payment_intents":
		from, err1 := strconv.ParseInt(q.Get("created[gte]"), 10, 64)
		to, err2 := strconv.ParseInt(q.Get("created[lte]"), 10, 64)
		if err1 != nil || err2 != nil {
			missing()
			return
		}
		all := []object{}
		for _, pay := range slices.Backward(p.bank.All()) {
			if at := pay.Made.Unix(); at >= from && at <= to {
				all = append(all, p.intentObject(pay))
			}
		}
		page(all)
	case part[0] == "refunds" && len(part) == 2:
		for _, pay := range p.bank.All() {
			for _, back := range pay.Refunds {
				if back.ID == part[1] {
					answer(w, 200, p.refundObject(pay, back))
					return
				}
			}
		}
		missing()
	case part[0] == "refunds":
		all := []object{}
		if pay := p.bank.ByID(q.Get("payment_intent")); pay != nil {
			for _, back := range slices.Backward(pay.Refunds) {
				all = append(all, p.refundObject(pay, back))
			}
		}
		page(all)
	case part[0] == "setup_intents":
		all := []object{}
		for _, s := range slices.Backward(p.setup) {
			if len(part) == 2 && s.id == part[1] {
				answer(w, 200, p.setupObject(s))
				return
			}
			all = append(all, p.setupObject(s))
		}
		if len(part) == 2 {
			missing()
			return
		}
		page(all)
	default:
		missing()
	}
}

func (p *peer) declined(pay *peertest.Payment) object {
	code := "insufficient_funds"
	if pay.How == gatewaytest.DeclinesHard {
		code = "stolen_card"
	}
	return object{"type": "card_error", "code": "card_declined", "decline_code": code, "message": "Your card was declined."}
}

func (p *peer) intentObject(pay *peertest.Payment) object {
	status := map[peertest.State]string{
		peertest.Waiting: "processing", peertest.Declined: "requires_payment_method", peertest.Authorized: "requires_capture",
		peertest.Captured: "succeeded", peertest.Voided: "canceled",
	}[pay.State]
	o := object{
		"id": pay.ID, "object": "payment_intent", "status": status, "amount": pay.Amount, "currency": pay.Currency, "amount_capturable": 0,
		"amount_received": pay.Taken, "client_secret": pay.ID + "_secret_x7Qm", "metadata": object{"operation": pay.Operation},
		"latest_charge": object{
			"id": "ch_" + pay.ID, "outcome": object{"risk_level": "normal"},
			"payment_method_details": object{"card": object{
				"brand": "visa", "last4": "4242", "exp_month": 5, "exp_year": 2034, "capture_before": p.now().Add(7 * 24 * time.Hour).Unix(),
				"checks": object{"address_line1_check": nil, "address_postal_code_check": "pass", "cvc_check": "pass"},
			}},
		},
	}
	switch pay.State {
	case peertest.Authorized:
		o["amount_capturable"] = pay.Amount
	case peertest.Declined:
		o["last_payment_error"] = p.declined(pay)
		o["latest_charge"] = nil
	}
	return o
}

func (p *peer) refundObject(pay *peertest.Payment, back *peertest.Refund) object {
	status := map[peertest.State]string{peertest.Waiting: "pending", peertest.Declined: "failed", peertest.Refunded: "succeeded"}[back.State]
	return object{
		"id": back.ID, "object": "refund", "status": status, "amount": back.Amount, "currency": pay.Currency, "payment_intent": pay.ID,
		"metadata": object{"operation": back.Operation},
	}
}

func (p *peer) setupObject(s *setupIntent) object {
	o := object{
		"id": s.id, "status": "requires_payment_method", "client_secret": s.id + "_secret_Bq2", "customer": s.customer, "payment_method": nil,
		"metadata": object{"keeping": s.keeping},
	}
	if s.method != "" {
		o["status"] = "succeeded"
		o["payment_method"] = object{"id": s.method, "card": object{"brand": "visa", "last4": "4242", "exp_month": 5, "exp_year": 2034}}
	}
	return o
}

// sign is the header that Stripe sends with a body.
func sign(key string, body []byte, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

func (p *peer) incoming(body []byte, at time.Time) gateways.Incoming {
	return gateways.Incoming{
		Method: http.MethodPost, URL: &url.URL{Path: "/notified/acc"}, Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, "Stripe-Signature": {sign(p.hook, body, at)}},
	}
}

// notify is the event about an operation as it is now.
func (p *peer) notify(id gateways.OperationID, at time.Time) (in gateways.Incoming) {
	p.bank.With(func() {
		pay := p.bank.ByOperation(string(id))
		o := p.intentObject(pay)
		body, err := json.Marshal(object{
			"id": fmt.Sprintf("evt_%s_%s", pay.ID, pay.State), "type": fmt.Sprintf("payment_intent.%s", o["status"]), "created": pay.Made.Unix(),
			"livemode": false, "data": object{"object": o},
		})
		require.NoError(p.t, err)
		in = p.incoming(body, at)
	})
	return in
}

// site is a site of the suite.
func (p *peer) site() gatewaytest.Site {
	other := p.place()
	other.Account, other.Secret = "other", secret.New(`{"key":"sk_test_another","webhooks":["whsec_another"]}`)
	return gatewaytest.Site{
		Gateway: p.gateway(), Again: func() gateways.Gateway { return p.gateway() }, Place: p.place(), Other: other, Now: p.now,
		Token: func() (t gateways.Token) {
			p.bank.With(func() {
				id := p.bank.NewID("pm_")
				p.cards[id] = true
				t = gateways.Token{Customer: "cus_1", Value: secret.New(id)}
			})
			return t
		},
		Card:    gateways.Card{Brand: gateways.Visa, LastFour: "4242", Year: 2034, Month: time.May},
		Secrets: []string{p.key, p.hook},
		Script:  p.bank.Script, Books: p.bank.Books,
		Complete: func(id gateways.OperationID, approved bool) {
			p.bank.With(func() { p.bank.Complete(p.bank.ByOperation(string(id)), approved) })
		},
		Give: func(k gateways.Keeping, _ gateways.Begun) {
			p.bank.With(func() {
				for _, s := range p.setup {
					if s.keeping == string(k.ID) {
						s.method = p.bank.NewID("pm_")
						p.cards[s.method] = true
					}
				}
			})
		},
		Notify: p.notify, Sign: p.incoming,
	}
}
