package stripe_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/stripe"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

func amount(t testing.TB, text, code string) money.Money {
	t.Helper()
	c, err := money.ISO(code)
	require.NoError(t, err)
	m, err := money.Parse(text, c)
	require.NoError(t, err)
	return m
}

// canned is a gateway whose API answers one thing, and the place of an account there.
func canned(t *testing.T, status int, body string, asked ...*string) (*stripe.Gateway, gateways.Place) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, a := range asked {
			require.NoError(t, r.ParseForm())
			*a = r.Form.Encode()
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return stripe.New(stripe.Options{Endpoint: s.URL}), gateways.Place{
		Account: "acc", Config: json.RawMessage(`{"publishable":"pk_test_1"}`), Secret: secret.New(`{"key":"sk_test_1"}`),
	}
}

func operation(t testing.TB, v gateways.Verb, m money.Money) gateways.Operation {
	return gateways.Operation{
		ID: "op-1", Verb: v, Payment: "pay_1", Amount: m, Reference: "pi_1", Instrument: &gateways.Token{Value: secret.New("pm_1")}, Tape: &gateways.Tape{},
	}
}

// TestAmountsAreCountedAsStripeDoes: a wrong power of ten is a hundred times the money.
func TestAmountsAreCountedAsStripeDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, code, units string // units "": refused
	}{
		{"12.34", "USD", "1234"}, {"0.01", "EUR", "1"}, {"99999999.99", "CHF", "9999999999"},
		{"500", "JPY", "500"}, {"1", "KRW", "1"}, {"12", "XOF", "12"},
		{"5", "ISK", "500"},
		{"5.12", "KWD", "5120"}, {"5.124", "KWD", ""}, {"1.000", "BHD", "1000"},
		{"5.00", "MGA", "5"}, {"5.20", "MGA", ""},
		{"5", "UGX", ""}, {"5.000", "IQD", ""}, {"1.0000", "CLF", ""},
		{"7.00", "TWD", "700"}, {"7.00", "HUF", "700"},
	} {
		t.Run(c.text+" "+c.code, func(t *testing.T) {
			t.Parallel()
			m, asked := amount(t, c.text, c.code), ""
			g, at := canned(t, 200, fmt.Sprintf(`{"id":"pi_1","status":"succeeded","amount_received":%s,"currency":%q}`, cmp.Or(c.units, "0"), strings.ToLower(c.code)), &asked)
			r, err := g.Do(t.Context(), at, operation(t, gateways.VerbCharge, m))
			if c.units == "" {
				require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
				require.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err))
				require.Empty(t, asked, "nothing is sent")
				return
			}
			require.NoError(t, err)
			require.Contains(t, "&"+asked+"&", "&amount="+c.units+"&")
			require.True(t, r.Amount.Equal(m), "%s came back as %s", m, r.Amount)
		})
	}
}

func TestDeclines(t *testing.T) {
	t.Parallel()
	of := map[string]gateways.Decline{
		"do_not_try_again":      {Code: gateways.DeclineUnspecified, Hard: true},
		"duplicate_transaction": {Code: "stripe.duplicate_transaction"},
		"invalid_amount":        {Code: "stripe.invalid_amount"},
		"a_code_of_tomorrow":    {Code: "stripe.a_code_of_tomorrow"},
	}
	for codes, want := range map[string]gateways.Decline{ // all that Stripe lists
		"insufficient_funds withdrawal_count_limit_exceeded": {Code: gateways.DeclineFunds},
		"expired_card": {Code: gateways.DeclineExpired, Hard: true},
		"incorrect_number invalid_number invalid_account invalid_expiry_month invalid_expiry_year new_account_information_available": {Code: gateways.DeclineNumber, Hard: true},
		"incorrect_cvc invalid_cvc incorrect_pin invalid_pin pin_try_exceeded":                                                       {Code: gateways.DeclineCheck, Hard: true},
		"incorrect_zip incorrect_address":                  {Code: gateways.DeclineAddress, Hard: true},
		"lost_card stolen_card pickup_card":                {Code: gateways.DeclineLost, Hard: true},
		"fraudulent merchant_blacklist security_violation": {Code: gateways.DeclineFraud, Hard: true},
		"card_velocity_exceeded":                           {Code: gateways.DeclineLimit},
		"issuer_not_available try_again_later processing_error reenter_transaction approve_with_id": {Code: gateways.DeclineIssuer},
		"card_not_supported currency_not_supported restricted_card service_not_allowed":             {Code: gateways.DeclineRestricted, Hard: true},
		"transaction_not_allowed not_permitted stop_payment_order testmode_decline":                 {Code: gateways.DeclineRestricted, Hard: true},
		"revocation_of_authorization revocation_of_all_authorizations":                              {Code: gateways.DeclineRestricted, Hard: true},
		"offline_pin_required online_or_offline_pin_required":                                       {Code: gateways.DeclineRestricted, Hard: true},
		"authentication_required authentication_not_handled mobile_device_authentication_required":  {Code: gateways.DeclineAsk},
		"generic_decline do_not_honor call_issuer no_action_taken":                                  {Code: gateways.DeclineUnspecified},
	} {
		for _, code := range strings.Fields(codes) {
			of[code] = want
		}
	}
	for code, want := range of {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			g, at := canned(t, 402, fmt.Sprintf(`{"error":{"type":"card_error","code":"card_declined","decline_code":%q,"payment_intent":{"id":"pi_9"}}}`, code))
			r, err := g.Do(t.Context(), at, operation(t, gateways.VerbCharge, amount(t, "1.00", "USD")))
			require.NoError(t, err)
			require.Equal(t, gateways.Declined, r.Outcome)
			require.Equal(t, want, r.Decline)
			require.Equal(t, "pi_9", r.Reference)
		})
	}
}

func TestWhatAnswersMean(t *testing.T) {
	t.Parallel()
	intent := func(status string) string {
		return fmt.Sprintf(`{"id":"pi_1","status":%q,"amount":1000,"amount_received":1000,"amount_capturable":1000,"currency":"usd","client_secret":"pi_1_secret_2"}`, status)
	}
	failed := func(kind, code string) string { return fmt.Sprintf(`{"error":{"type":%q,"code":%q}}`, kind, code) }
	refund := func(status string) string {
		return fmt.Sprintf(`{"id":"re_1","status":%q,"amount":1000,"currency":"usd","failure_reason":"lost_or_stolen_card"}`, status)
	}
	for _, c := range []struct {
		verb    gateways.Verb
		status  int
		body    string
		outcome gateways.Outcome // "": an error
		kind    tierhost.Kind
		effect  tierhost.Effect
	}{
		{gateways.VerbCharge, 200, intent("succeeded"), gateways.Approved, 0, 0},
		{gateways.VerbCharge, 200, intent("processing"), gateways.Pending, 0, 0},
		{gateways.VerbCharge, 200, intent("requires_action"), gateways.Pending, 0, 0},
		{gateways.VerbCharge, 200, intent("requires_confirmation"), gateways.Pending, 0, 0},
		{gateways.VerbCharge, 200, intent("requires_capture"), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbAuthorize, 200, intent("requires_capture"), gateways.Approved, 0, 0},
		{gateways.VerbCharge, 200, intent("canceled"), gateways.Declined, 0, 0},
		{gateways.VerbCharge, 200, intent("requires_payment_method"), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 200, intent("new"), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCapture, 200, intent("succeeded"), gateways.Approved, 0, 0},
		{gateways.VerbVoid, 200, intent("canceled"), gateways.Approved, 0, 0},
		{gateways.VerbVoid, 200, intent("succeeded"), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbRefund, 200, refund("succeeded"), gateways.Approved, 0, 0},
		{gateways.VerbRefund, 200, refund("pending"), gateways.Pending, 0, 0},
		{gateways.VerbRefund, 200, refund("requires_action"), gateways.Pending, 0, 0},
		{gateways.VerbRefund, 200, refund("failed"), gateways.Declined, 0, 0},
		{gateways.VerbRefund, 200, refund("canceled"), gateways.Declined, 0, 0},
		{gateways.VerbRefund, 200, refund("new"), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 200, `{"id":"pi_1","status":"succeeded","amount_received":1000,"currency":"xxq"}`, "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 200, `[`, "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 400, failed("invalid_request_error", "parameter_missing"), "", tierhost.KindInvalid, tierhost.EffectNone},
		{gateways.VerbCharge, 401, failed("invalid_request_error", ""), "", tierhost.KindDenied, tierhost.EffectNone},
		{gateways.VerbCharge, 403, failed("invalid_request_error", ""), "", tierhost.KindDenied, tierhost.EffectNone},
		{gateways.VerbRefund, 404, failed("invalid_request_error", "resource_missing"), "", tierhost.KindNotFound, tierhost.EffectNone},
		{gateways.VerbCharge, 409, failed("invalid_request_error", "idempotency_key_in_use"), "", tierhost.KindConflict, tierhost.EffectUnknown},
		{gateways.VerbCharge, 400, failed("idempotency_error", ""), "", tierhost.KindConflict, tierhost.EffectUnknown},
		{gateways.VerbCharge, 429, failed("invalid_request_error", "rate_limit"), "", tierhost.KindLimited, tierhost.EffectNone},
		{gateways.VerbCharge, 402, failed("invalid_request_error", ""), "", tierhost.KindInvalid, tierhost.EffectNone},
		{gateways.VerbCapture, 402, failed("card_error", "card_declined"), "", tierhost.KindInvalid, tierhost.EffectNone},
		{gateways.VerbRefund, 400, failed("invalid_request_error", "charge_already_refunded"), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCapture, 400, failed("invalid_request_error", "charge_already_captured"), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 424, failed("api_error", ""), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 404, "<html>", "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 500, failed("api_error", ""), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 502, "<html>", "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCharge, 302, "", "", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{gateways.VerbCapture, 400, failed("invalid_request_error", "payment_intent_unexpected_state"), "", tierhost.KindUnavailable, tierhost.EffectUnknown},
	} {
		t.Run(fmt.Sprintf("%s %d %.70s", c.verb, c.status, c.body), func(t *testing.T) {
			t.Parallel()
			g, at := canned(t, c.status, c.body)
			r, err := g.Do(t.Context(), at, operation(t, c.verb, amount(t, "10.00", "USD")))
			if c.outcome == "" {
				require.Error(t, err)
				require.Equal(t, c.kind, tierhost.KindOf(err), "%v", err)
				require.Equal(t, c.effect, tierhost.EffectOf(err), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.outcome, r.Outcome)
			require.True(t, r.Amount.Equal(amount(t, "10.00", "USD")))
		})
	}
}

func TestTheIssuerAsksTheCustomer(t *testing.T) {
	t.Parallel()
	g, at := canned(t, 200, `{"id":"pi_1","status":"requires_action","amount":1000,"currency":"usd","client_secret":"pi_1_secret_2","created":1700000000}`)
	o := operation(t, gateways.VerbCharge, amount(t, "10.00", "USD"))
	o.Present = true
	r, err := g.Do(t.Context(), at, o)
	require.NoError(t, err)
	require.JSONEq(t, `{"client_secret":"pi_1_secret_2","publishable":"pk_test_1"}`, string(r.Action.Client))
	require.NotContains(t, o.Tape.Exchanges()[0].Answer, "pi_1_secret_2")
	require.Equal(t, time.Unix(1_700_000_000, 0).UTC().Add(24*time.Hour), r.Expires, "the customer has a day for it")
}

func TestStatusesOfHTTP(t *testing.T) {
	t.Parallel()
	peertest.StatusesOfHTTP(t, func(url string) gateways.Gateway { return stripe.New(stripe.Options{Endpoint: url}) }, newPeer(t).place(),
		operation(t, gateways.VerbCharge, amount(t, "1.00", "EUR")))
}

// TestWhatBecomesOfACard: each status of a SetupIntent that Stripe documents, and another.
func TestWhatBecomesOfACard(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]gateways.Outcome{ // "": not known
		`"succeeded","payment_method":"pm_1"`: gateways.Approved, `"processing"`: gateways.Pending, `"requires_action"`: gateways.Pending,
		`"requires_confirmation"`: gateways.Pending, `"requires_payment_method"`: gateways.Pending, `"canceled"`: gateways.Declined,
		`"requires_payment_method","last_setup_error":{"code":"card_declined","decline_code":"stolen_card"}`: gateways.Declined,
		`"succeeded"`: "", `"levitating"`: "", `null`: "",
	} {
		g, at := canned(t, 200, `{"id":"seti_1","client_secret":"seti_1_secret_2","metadata":{"keeping":"keep-1"},"status":`+status+`}`)
		_, _, err := g.Kept(t.Context(), at, gateways.Keeping{ID: "keep-1", Reference: "seti_1"})
		var not *gateways.NotKeptError
		switch {
		case want == gateways.Approved:
			require.NoError(t, err)
		case want == "":
			require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), status)
			require.NotErrorAs(t, err, &not)
		default:
			require.ErrorAs(t, err, &not, status)
			require.Equal(t, want, not.Result.Outcome, status)
		}
	}
}

// TestOnlyStripeSaysThatThereIsNone: what is not found is made again in the end.
func TestOnlyStripeSaysThatThereIsNone(t *testing.T) {
	t.Parallel()
	for body, none := range map[string]bool{
		`{"error":{"type":"invalid_request_error","code":"resource_missing","message":"No such payment_intent"}}`: true,
		`{"error":{"type":"invalid_request_error","message":"Unrecognized request URL"}}`:                         false,
		"<html>404 of a proxy": false,
	} {
		g, at := canned(t, 404, body)
		for _, v := range []gateways.Verb{gateways.VerbCharge, gateways.VerbRefund} {
			_, err := g.Find(t.Context(), at, operation(t, v, amount(t, "1.00", "USD")))
			require.Error(t, err)
			require.Equal(t, none, errors.Is(err, gateways.ErrNoOperation), "%s: %v", body, err)
		}
	}
}

func TestWhatIsForgotten(t *testing.T) {
	t.Parallel()
	const missing = `{"error":{"type":"invalid_request_error","code":"resource_missing"}}`
	const refused = `{"error":{"type":"invalid_request_error","message":"The payment method is not attached to a customer."}}`
	for name, c := range map[string]struct {
		status      int
		body        string
		found       int
		method      string
		isForgotten bool
	}{
		"detached":                      {200, `{"id":"pm_1"}`, 500, "", true},
		"never was":                     {404, missing, 500, "", true},
		"never was, as a bad request":   {400, missing, 500, "", true},
		"detached long ago":             {400, refused, 200, `{"id":"pm_1","customer":null}`, true},
		"detached and gone":             {400, refused, 404, missing, true},
		"refused, and still a customer": {400, refused, 200, `{"id":"pm_1","customer":"cus_1"}`, false},
		"refused, and nobody knows":     {400, refused, 500, `{}`, false},
		"a path that there is not":      {404, `{"error":{"type":"invalid_request_error"}}`, 200, `{}`, false},
		"a proxy":                       {404, "<html>", 200, `{}`, false},
		"denied":                        {401, `{"error":{"type":"invalid_request_error"}}`, 200, `{}`, false},
		"failed":                        {500, `{"error":{"type":"api_error"}}`, 200, `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				status, body := c.found, c.method
				if r.Method == http.MethodPost {
					status, body = c.status, c.body
				}
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}))
			t.Cleanup(s.Close)
			_, at := canned(t, 200, "")
			err := stripe.New(stripe.Options{Endpoint: s.URL}).Forget(t.Context(), at, gateways.Token{Value: secret.New("pm_1")})
			require.Equal(t, c.isForgotten, err == nil, "%v", err)
		})
	}
}

// TestTheLogHasNothingOfOthers: a lost payment is looked for among those of all customers.
func TestTheLogHasNothingOfOthers(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	g := p.gateway()
	var o gateways.Operation
	for _, id := range []gateways.OperationID{"op-1", "op-2", "op-3"} {
		token := p.site().Token()
		o = operation(t, gateways.VerbCharge, amount(t, "10.00", "EUR"))
		o.ID, o.Instrument, o.Begun = id, &token, p.now()
		_, err := g.Do(t.Context(), p.place(), o)
		require.NoError(t, err)
	}
	o.ID, o.Reference, o.Tape = "op-1", "", &gateways.Tape{}
	r, err := g.Find(t.Context(), p.place(), o)
	require.NoError(t, err)
	require.Equal(t, gateways.Approved, r.Outcome)
	text := fmt.Sprint(o.Tape.Exchanges())
	require.Contains(t, text, `"operation":"op-1"`)
	require.Contains(t, text, `"others":`)
	for _, other := range []string{"op-2", "op-3"} {
		require.NotContains(t, text, other)
	}
	k := gateways.Keeping{ID: "keep-9", Customer: "anna", Tape: &gateways.Tape{}}
	for _, id := range []gateways.OperationID{"keep-1", "keep-2", "keep-9"} {
		k.ID = id
		_, err := g.Keep(t.Context(), p.place(), k)
		require.NoError(t, err)
	}
	k.Tape = &gateways.Tape{}
	_, _, err = g.Kept(t.Context(), p.place(), k)
	require.Error(t, err)
	require.Contains(t, fmt.Sprint(k.Tape.Exchanges()), "keep-9")
	require.NotContains(t, fmt.Sprint(k.Tape.Exchanges()), "keep-1")
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	// Computed with another implementation of HMAC.
	const body, vector = `{"id":"evt_1"}`, "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925"
	at := gateways.Place{Secret: secret.New(`{"key":"sk_test_1","webhooks":["whsec_old","whsec_test"]}`)}
	signed := time.Unix(1_700_000_000, 0)
	for name, c := range map[string]struct {
		header, body string
		now          time.Time
		good         bool
	}{
		"good":                     {"t=1700000000,v1=" + vector, body, signed, true},
		"another secret beside it": {"t=1700000000,v1=" + strings.Repeat("00", 32) + ",v1=" + vector, body, signed, true},
		"another scheme beside it": {"t=1700000000,v0=00,v1=" + vector, body, signed, true},
		"five minutes old":         {"t=1700000000,v1=" + vector, body, signed.Add(5 * time.Minute), true},
		"older":                    {"t=1700000000,v1=" + vector, body, signed.Add(5*time.Minute + time.Second), false},
		"of the future":            {"t=1700000000,v1=" + vector, body, signed.Add(-5*time.Minute - time.Second), false},
		"its time was changed":     {"t=1700000001,v1=" + vector, body, signed, false},
		"its time is there twice":  {"t=1700000000,t=1700000000,v1=" + vector, body, signed, false},
		"its body was changed":     {"t=1700000000,v1=" + vector, body + " ", signed, false},
		"another scheme":           {"t=1700000000,v0=" + vector, body, signed, false},
		"no signature":             {"t=1700000000", body, signed, false},
		"no time":                  {"v1=" + vector, body, signed, false},
		"cut":                      {"t=1700000000,v1=" + vector[:62], body, signed, false},
		"no header":                {"", body, signed, false},
		"a time that overflows":    {"t=99999999999999999999,v1=" + vector, body, signed, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := gateways.Incoming{Header: http.Header{"Stripe-Signature": {c.header}}, Body: []byte(c.body)}
			n, err := stripe.New(stripe.Options{}).Notices(t.Context(), at, in, c.now)
			if !c.good {
				require.ErrorIs(t, err, gateways.ErrSignature)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []gateways.Notice{{Event: "evt_1"}}, n)
		})
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	usd := func(s string) money.Money { return amount(t, s, "USD") }
	failed := func(reason string) *gateways.Result {
		r := &gateways.Result{
			Outcome: gateways.Declined, Reference: "re_1", Amount: usd("10.00"),
			Decline: gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified, Text: "the refund has failed"},
		}
		if reason != "" {
			r.Decline.Code, r.Facts = "stripe."+reason, map[string]string{"failure": reason}
		}
		return r
	}
	for body, want := range map[string]gateways.Notice{
		`{"id":"evt_9","type":"refund.failed","data":{"object":{"id":"re_1","status":"failed","amount":1000,"currency":"usd","failure_reason":"expired_or_canceled_card","metadata":{"operation":"op-2"}}}}`: {
			Event: "evt_9", Kind: "refund.failed", Operation: "op-2", Reference: "re_1", Result: failed("expired_or_canceled_card"),
		},
		`{"id":"evt_10","type":"charge.refund.updated","data":{"object":{"id":"re_1","status":"failed","amount":1000,"currency":"usd","metadata":{}}}}`: {
			Event: "evt_10", Kind: "charge.refund.updated", Reference: "re_1", Result: failed(""),
		},
		// What may still change is only a reason to look.
		`{"id":"evt_11","type":"refund.updated","data":{"object":{"id":"re_1","status":"succeeded","amount":1000,"currency":"usd","metadata":{"operation":"op-2"}}}}`: {
			Event: "evt_11", Kind: "refund.updated", Operation: "op-2", Reference: "re_1",
		},
		`{"id":"evt_1","type":"refund.updated","created":1700000000,"data":{"object":{"id":"re_1","metadata":{"operation":"op-2"}}}}`: {
			Event: "evt_1", Kind: "refund.updated", At: time.Unix(1_700_000_000, 0).UTC(), Operation: "op-2", Reference: "re_1",
		},
		`{"id":"evt_8","type":"setup_intent.succeeded","data":{"object":{"id":"seti_1","metadata":{"keeping":"ins_1"}}}}`: {
			Event: "evt_8", Kind: "setup_intent.succeeded", Operation: "ins_1", Reference: "seti_1",
		},
		`{"id":"evt_2","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","metadata":{}}}}`: {
			Event: "evt_2", Kind: "payment_intent.succeeded", Reference: "pi_1",
		},
		`{"id":"evt_3","type":"charge.dispute.funds_withdrawn","data":{"object":{"id":"dp_1","amount":1000,"currency":"usd","reason":"fraudulent","payment_intent":"pi_1"}}}`: {
			Event: "evt_3", Kind: "charge.dispute.funds_withdrawn", Reference: "pi_1", Dispute: &gateways.Dispute{Amount: usd("10.00"), Lost: true, Reason: "fraudulent"},
		},
		`{"id":"evt_4","type":"charge.dispute.funds_reinstated","data":{"object":{"id":"dp_1","amount":1000,"currency":"usd","payment_intent":{"id":"pi_1"}}}}`: {
			Event: "evt_4", Kind: "charge.dispute.funds_reinstated", Reference: "pi_1", Dispute: &gateways.Dispute{Amount: usd("10.00"), Won: true},
		},
		`{"id":"evt_5","type":"charge.dispute.created","data":{"object":{"id":"dp_1","amount":1000,"currency":"usd","payment_intent":"pi_1"}}}`: {
			Event: "evt_5", Kind: "charge.dispute.created", Reference: "pi_1", Dispute: &gateways.Dispute{Amount: usd("10.00")},
		},
		`{"id":"evt_6","type":"customer.created","data":{"object":{"id":"cus_1"}}}`:                           {Event: "evt_6", Kind: "customer.created"},
		`{"id":"evt_7","type":"payment_intent.succeeded","livemode":true,"data":{"object":{"id":"pi_live"}}}`: {Event: "evt_7", Kind: "payment_intent.succeeded"},
	} {
		got, err := p.gateway().Notices(t.Context(), p.place(), p.incoming([]byte(body), p.now()), p.now())
		require.NoError(t, err, body)
		require.Equal(t, fmt.Sprint([]gateways.Notice{want}[0].Dispute), fmt.Sprint(got[0].Dispute))
		got[0].Dispute, want.Dispute = nil, nil
		if want.Result != nil {
			require.NotNil(t, got[0].Result, body)
			require.True(t, want.Result.Amount.Equal(got[0].Result.Amount))
			want.Result.Amount, got[0].Result.Amount = money.Money{}, money.Money{}
		}
		require.Equal(t, []gateways.Notice{want}, got)
	}
	for _, body := range []string{
		`{"id":"evt_1","type":"refund.updated","data":{"object":7}}`, `{"id":"evt_1","type":"payment_intent.succeeded"}`,
		`{"id":"evt_1","type":"charge.dispute.created","data":{"object":{"id":"dp_1","currency":"zzz"}}}`, `{"id":""}`,
	} {
		_, err := p.gateway().Notices(t.Context(), p.place(), p.incoming([]byte(body), p.now()), p.now())
		require.ErrorIs(t, err, tierhost.ErrInvalid, body)
	}
}

func TestAccountsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live                bool
		config, key, faults string
	}{
		{false, `{}`, `{"key":"sk_test_1","webhooks":["whsec_1"]}`, ""},
		{true, `{"publishable":"pk_live_1","statement":"Web 24"}`, `{"key":"rk_live_1"}`, ""},
		{true, `{"publishable":"pk_test_1"}`, `{"key":"sk_test_1"}`, "config.publishable wrong_mode, secret.key wrong_mode"},
		{false, `{"statement":"24*"}`, `{"key":"sk_live_1","webhooks":["x",""]}`, "config.statement invalid, secret.key wrong_mode, secret.webhooks[0] invalid, secret.webhooks[1] required"},
		{false, `{}`, `{}`, "secret.key required"},
		{false, `{"key":"sk_test_1"}`, `"sk_test_1"`, "config invalid, secret invalid"},
	} {
		var invalid *tierhost.Invalid
		var got []string
		err := stripe.New(stripe.Options{}).CheckAccount(gateways.Place{Live: c.live, Config: json.RawMessage(c.config), Secret: secret.New(c.key)})
		if errors.As(err, &invalid) {
			for _, i := range invalid.Issues {
				got = append(got, i.Path+" "+i.Code)
			}
		}
		require.Equal(t, c.faults, strings.Join(got, ", "))
	}
}

func FuzzNotices(f *testing.F) {
	p := newPeer(f)
	for _, body := range []string{
		`{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","metadata":{"operation":"op-1"}}}}`,
		`{"id":"evt_3","type":"charge.dispute.created","data":{"object":{"id":"dp_1","amount":1,"currency":"usd","payment_intent":"pi_1"}}}`,
	} {
		f.Add([]byte(body), "t=1,v1=00", true)
	}
	f.Fuzz(func(t *testing.T, body []byte, header string, signed bool) {
		in := gateways.Incoming{Header: http.Header{"Stripe-Signature": {header}}, Body: body}
		if signed {
			in = p.incoming(body, p.now())
		}
		n, err := p.gateway().Notices(t.Context(), p.place(), in, p.now())
		switch {
		case err != nil && !errors.Is(err, gateways.ErrSignature) && !errors.Is(err, tierhost.ErrInvalid):
			t.Fatal(err)
		case err == nil && !signed:
			t.Fatalf("it has taken what nobody signed: %v", n)
		}
	})
}
