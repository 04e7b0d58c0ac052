package paypal_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/paypal"
)

// canned is a gateway whose API answers by path, and refunds of captures with a refund that
// names the capture.
func canned(t *testing.T, answers map[string]string) *paypal.Gateway {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, refund := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v2/payments/captures/"), "/refund")
		body, known := answers[r.URL.Path]
		switch {
		case r.URL.Path == "/v1/oauth2/token":
			body = `{"access_token":"A21AAF","expires_in":32400}`
		case refund:
			body = fmt.Sprintf(`{"id":"R-of-%s","status":"COMPLETED","amount":{"currency_code":"EUR","value":"5.00"}}`, id)
		case !known:
			w.WriteHeader(http.StatusNotFound)
			body = `{"name":"RESOURCE_NOT_FOUND","details":[{"issue":"INVALID_RESOURCE_ID"}]}`
		case strings.Contains(body, `"name"`):
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return paypal.New(paypal.Options{Endpoint: s.URL})
}

// moved is a movement of an order.
func moved(id, status, invoice, value string) string {
	return fmt.Sprintf(`{"id":%q,"status":%q,"custom_id":"op-1","invoice_id":%q,"amount":{"currency_code":"EUR","value":%q}}`, id, status, invoice, value)
}

// ordered is an order of operation op-1 with movements of a kind.
func ordered(status, kind string, all ...string) string {
	return fmt.Sprintf(`{"id":"O1","status":%q,"purchase_units":[{"custom_id":"op-1","invoice_id":"op-1","amount":{"currency_code":"EUR","value":"10.00"},"payments":{%q:[%s]}}]}`,
		status, kind, strings.Join(all, ","))
}

// TestWhatStatusesMean: each status that PayPal publishes of captures, authorizations,
// refunds and orders, and one that it does not.
func TestWhatStatusesMean(t *testing.T) {
	t.Parallel()
	const unclear = gateways.Outcome("unclear")
	const yes, no, wait = gateways.Approved, gateways.Declined, gateways.Pending
	p := newPeer(t)
	for _, c := range []struct {
		verb      gateways.Verb
		path      string
		reference string
		want      map[string]gateways.Outcome
	}{
		{gateways.VerbCharge, "/v2/payments/captures/M1", "O1/capture/M1", map[string]gateways.Outcome{
			"COMPLETED": yes, "DECLINED": no, "PARTIALLY_REFUNDED": yes, "PENDING": wait, "REFUNDED": yes, "FAILED": no, "LEVITATING": unclear, "": unclear,
		}},
		{gateways.VerbAuthorize, "/v2/payments/authorizations/M1", "O1/authorization/M1", map[string]gateways.Outcome{
			"CREATED": yes, "CAPTURED": yes, "DENIED": no, "PARTIALLY_CAPTURED": yes, "VOIDED": no, "PENDING": wait, "LEVITATING": unclear,
		}},
		{gateways.VerbRefund, "/v2/payments/refunds/M1", "M1", map[string]gateways.Outcome{
			"CANCELLED": no, "FAILED": no, "PENDING": wait, "COMPLETED": yes, "LEVITATING": unclear,
		}},
		{gateways.VerbCharge, "/v2/checkout/orders/O1", "O1", map[string]gateways.Outcome{
			"CREATED": wait, "SAVED": wait, "PAYER_ACTION_REQUIRED": wait, "VOIDED": no, "COMPLETED": unclear, "LEVITATING": unclear,
		}},
	} {
		for status, want := range c.want {
			body := moved("M1", status, "op-1", "10.00")
			if strings.Contains(c.path, "orders") {
				body = ordered(status, "captures")
			}
			r, err := canned(t, map[string]string{c.path: body}).Find(t.Context(), p.place(), gateways.Operation{ID: "op-1", Verb: c.verb, Reference: c.reference})
			if want == unclear {
				require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), "%s %s", c.path, status)
				require.NotErrorIs(t, err, gateways.ErrNoOperation)
				continue
			}
			require.NoError(t, err, "%s %s", c.path, status)
			require.Equal(t, want, r.Outcome, "%s %s", c.path, status)
			if strings.Contains(c.path, "orders") && want == wait {
				require.Equal(t, "https://www.sandbox.paypal.com/checkoutnow?token=O1", r.Action.URL, "the payer has a page to go to, though the order tells none")
			}
		}
	}
}

// TestThePayerHasAPageToGoTo: PayPal asks an approved order's payer again.
func TestThePayerHasAPageToGoTo(t *testing.T) {
	t.Parallel()
	for issue, want := range map[string]string{
		`{"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"PAYER_ACTION_REQUIRED"}],"links":[{"rel":"payer-action","href":"https://www.paypal.com/again?token=O1"}]}`: "https://www.paypal.com/again?token=O1",
		`{"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"PAYER_ACTION_REQUIRED"}]}`:                                                                                 "https://www.paypal.com/checkoutnow?token=O1",
		`{"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"ORDER_NOT_APPROVED"}]}`:                                                                                    "https://www.paypal.com/checkoutnow?token=O1",
	} {
		at := newPeer(t).place()
		at.Live = true
		r, err := canned(t, map[string]string{"/v2/checkout/orders/O1": ordered("APPROVED", "captures"), "/v2/checkout/orders/O1/capture": issue}).
			Find(t.Context(), at, gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Reference: "O1"})
		require.NoError(t, err)
		require.Equal(t, gateways.Pending, r.Outcome)
		require.NotNil(t, r.Action)
		require.Equal(t, want, r.Action.URL)
	}
}

// TestOrdersWithSeveralCaptures: the first of them need not be the one that is meant.
func TestOrdersWithSeveralCaptures(t *testing.T) {
	t.Parallel()
	const (
		none, unclear, refused = "no such operation", "unclear", "refused"
	)
	for name, c := range map[string]struct {
		verb gateways.Verb
		kind string
		all  []string
		want string // the reference, the outcome and the amount
	}{
		"declined, then paid": {gateways.VerbCharge, "captures", []string{moved("C1", "DECLINED", "op-1", "10.00"), moved("C2", "COMPLETED", "op-1", "10.00")},
			"O1/capture/C2 approved 10.00 EUR"},
		"paid, and declined since": {gateways.VerbCharge, "captures", []string{moved("C1", "COMPLETED", "op-1", "10.00"), moved("C2", "FAILED", "op-1", "10.00")},
			"O1/capture/C1 approved 10.00 EUR"},
		"declined, then pending": {gateways.VerbCharge, "captures", []string{moved("C1", "DECLINED", "op-1", "10.00"), moved("C2", "PENDING", "op-1", "10.00")},
			"O1/capture/C2 pending 10.00 EUR"},
		"paid twice": {gateways.VerbCharge, "captures", []string{moved("C1", "COMPLETED", "op-1", "10.00"), moved("C2", "REFUNDED", "op-1", "10.00")},
			"O1/capture/C1 approved 20.00 EUR"},
		"authorized anew": {gateways.VerbAuthorize, "authorizations", []string{moved("A1", "VOIDED", "op-1", "10.00"), moved("A2", "CREATED", "op-1", "10.00")},
			"O1/authorization/A2 approved 10.00 EUR"},
		"a status of tomorrow hides behind no decline": {gateways.VerbCharge, "captures", []string{moved("C1", "DECLINED", "op-1", "10.00"), moved("C2", "LEVITATING", "op-1", "10.00")},
			unclear},
		"our capture": {gateways.VerbCapture, "captures", []string{moved("C1", "COMPLETED", "op-1", "3.00"), moved("C2", "COMPLETED", "op-2", "7.00")},
			"O1/capture/C2 approved 7.00 EUR"},
		"our capture was declined": {gateways.VerbCapture, "captures", []string{moved("C1", "COMPLETED", "op-1", "3.00"), moved("C2", "DECLINED", "op-2", "7.00")},
			"O1/capture/C2 declined 7.00 EUR"},
		"somebody else's capture":          {gateways.VerbCapture, "captures", []string{moved("C1", "COMPLETED", "op-1", "3.00")}, none},
		"a capture without a name":         {gateways.VerbCapture, "captures", []string{moved("C1", "COMPLETED", "", "7.00")}, unclear},
		"a refund of our capture":          {gateways.VerbRefund, "captures", []string{moved("C1", "COMPLETED", "op-1", "3.00"), moved("C2", "COMPLETED", "op-2", "7.00")}, "R-of-C2 approved 5.00 EUR"},
		"a refund of the only capture":     {gateways.VerbRefund, "captures", []string{moved("C0", "DECLINED", "op-0", "7.00"), moved("C1", "PARTIALLY_REFUNDED", "op-1", "7.00")}, "R-of-C1 approved 5.00 EUR"},
		"a refund of which is not known":   {gateways.VerbRefund, "captures", []string{moved("C1", "COMPLETED", "op-1", "3.00"), moved("C2", "COMPLETED", "", "7.00")}, refused},
		"a refund of what is not captured": {gateways.VerbRefund, "captures", []string{moved("C1", "PENDING", "op-2", "7.00")}, refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := canned(t, map[string]string{"/v2/checkout/orders/O1": ordered("COMPLETED", c.kind, c.all...)})
			o := gateways.Operation{ID: "op-1", Verb: c.verb, Reference: "O1", Amount: amount(t, "5.00", "EUR")}
			var r gateways.Result
			var err error
			switch c.verb {
			case gateways.VerbRefund:
				o.ID, o.Reference = "op-3", "O1/authorization/A1"
				r, err = g.Do(t.Context(), newPeer(t).place(), o)
			case gateways.VerbCapture:
				o.ID, o.Reference = "op-2", "O1/authorization/A1"
				r, err = g.Find(t.Context(), newPeer(t).place(), o)
			default:
				r, err = g.Find(t.Context(), newPeer(t).place(), o)
			}
			got := fmt.Sprintf("%s %s %s", r.Reference, r.Outcome, r.Amount)
			switch {
			case errors.Is(err, gateways.ErrNoOperation):
				got = none
			case err != nil && tierhost.EffectOf(err) == tierhost.EffectNone:
				got = refused
			case err != nil:
				got = unclear
			}
			require.Equal(t, c.want, got, "%v", err)
		})
	}
}

// TestADeclinedPayerMayPayAfterAll: the payment is called by the capture that was declined.
func TestADeclinedPayerMayPayAfterAll(t *testing.T) {
	t.Parallel()
	declined, paid := moved("C1", "DECLINED", "op-1", "10.00"), moved("C2", "COMPLETED", "op-1", "10.00")
	for name, c := range map[string]struct {
		order string
		want  string
	}{
		"paid":                   {ordered("COMPLETED", "captures", declined, paid), "O1/capture/C2 approved"},
		"declined still":         {ordered("COMPLETED", "captures", declined), "O1/capture/C1 declined"},
		"the order is forgotten": {"", "O1/capture/C1 declined"},
	} {
		answers := map[string]string{"/v2/payments/captures/C1": declined}
		if c.order != "" {
			answers["/v2/checkout/orders/O1"] = c.order
		}
		r, err := canned(t, answers).Find(t.Context(), newPeer(t).place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Reference: "O1/capture/C1"})
		require.NoError(t, err, name)
		require.Equal(t, c.want, fmt.Sprintf("%s %s", r.Reference, r.Outcome), name)
	}
}

// TestReversals: PayPal takes a payment back, in whole or in part.
func TestReversals(t *testing.T) {
	t.Parallel()
	const up = `"links":[{"rel":"self","href":"https://api.paypal.com/v2/payments/refunds/R9"},{"rel":"up","href":"https://api.paypal.com/v2/payments/captures/C1"}]`
	const self = `"links":[{"rel":"self","href":"https://api.paypal.com/v2/payments/captures/C1"},{"rel":"up","href":"https://api.paypal.com/v2/checkout/orders/O1"}]`
	for resource, want := range map[string]string{
		`{"id":"R9","custom_id":"op-1","amount":{"currency_code":"EUR","value":"6.00"},` + up + `}`: "op-1 C1 6.00 EUR",
		// Its owner is asked for.
		`{"id":"R9","amount":{"currency_code":"EUR","value":"6.00"},` + up + `}`: "op-1 C1 6.00 EUR",
		// It is the capture itself.
		`{"id":"C1","status":"REFUNDED","custom_id":"op-1","amount":{"currency_code":"EUR","value":"10.00"},` + self + `}`: "op-1 C1 10.00 EUR",
		// Of which a part was given back before: the whole would be too much.
		`{"id":"C1","status":"PARTIALLY_REFUNDED","custom_id":"op-1","amount":{"currency_code":"EUR","value":"10.00"},` + self + `}`: "op-1 C1 0.00 EUR",
		// Of nothing of ours.
		`{"id":"R9","amount":{"currency_code":"EUR","value":"6.00"}}`: " R9 6.00 EUR",
	} {
		p := newPeer(t)
		p.owners = map[string]string{"C1": moved("C1", "COMPLETED", "op-1", "10.00")}
		body := []byte(`{"id":"WH-1","event_type":"PAYMENT.CAPTURE.REVERSED","resource":` + resource + `}`)
		n, err := p.gateway().Notices(t.Context(), p.place(), p.incoming(body, p.clock.Now()), p.clock.Now())
		require.NoError(t, err)
		require.True(t, n[0].Dispute.Lost)
		require.Equal(t, want, fmt.Sprintf("%s %s %s", n[0].Operation, n[0].Reference, n[0].Dispute.Amount))
	}
}

// TestRefundsThatFailLater: that they have failed is told, for nobody looks any more.
func TestRefundsThatFailLater(t *testing.T) {
	t.Parallel()
	refund := func(status string) string {
		return `{"id":"R9","status":"` + status + `","custom_id":"op-1","amount":{"currency_code":"EUR","value":"6.00"},"links":[{"rel":"self","href":"https://api.paypal.com/v2/payments/refunds/R9"}]}`
	}
	capture := strings.Replace(refund("DECLINED"), "refunds", "captures", 1)
	p := newPeer(t)
	for resource, want := range map[string]string{
		refund("FAILED"): " R9 declined", refund("CANCELLED"): " R9 declined", refund("PENDING"): "op-1 R9 ", refund("COMPLETED"): "op-1 R9 ", capture: "op-1 R9 ",
	} {
		body := []byte(`{"id":"WH-1","event_type":"PAYMENT.REFUND.FAILED","resource":` + resource + `}`)
		n, err := p.gateway().Notices(t.Context(), p.place(), p.incoming(body, p.clock.Now()), p.clock.Now())
		require.NoError(t, err)
		outcome := gateways.Outcome("")
		if n[0].Result != nil {
			outcome = n[0].Result.Outcome
		}
		require.Equal(t, want, fmt.Sprintf("%s %s %s", n[0].Operation, n[0].Reference, outcome), resource)
	}
}

// TestWhatRefusalsMean: each class of answers that PayPal publishes, to a refund.
func TestWhatRefusalsMean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		kind   tierhost.Kind
		effect tierhost.Effect
	}{
		{400, `{"name":"INVALID_REQUEST","details":[{"issue":"INVALID_PARAMETER_SYNTAX"}]}`, tierhost.KindInvalid, tierhost.EffectNone},
		{401, `{"name":"AUTHENTICATION_FAILURE"}`, tierhost.KindDenied, tierhost.EffectNone},
		{403, `{"name":"NOT_AUTHORIZED"}`, tierhost.KindDenied, tierhost.EffectNone},
		{404, `{"name":"RESOURCE_NOT_FOUND"}`, tierhost.KindNotFound, tierhost.EffectNone},
		{409, `{"name":"RESOURCE_CONFLICT","details":[{"issue":"PREVIOUS_REQUEST_IN_PROGRESS"}]}`, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{415, `{"name":"UNSUPPORTED_MEDIA_TYPE"}`, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{422, `{"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"REFUND_AMOUNT_EXCEEDED"}]}`, tierhost.KindPrecondition, tierhost.EffectNone},
		{422, `{"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"CAPTURE_FULLY_REFUNDED"}]}`, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{422, `{"name":"UNPROCESSABLE_ENTITY","details":[{"issue":"DUPLICATE_INVOICE_ID"}]}`, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{429, `{"name":"RATE_LIMIT_REACHED"}`, tierhost.KindLimited, tierhost.EffectNone},
		{500, `{"name":"INTERNAL_SERVER_ERROR"}`, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{503, `<html>`, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{422, `<html>`, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{302, ``, tierhost.KindUnavailable, tierhost.EffectUnknown},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/oauth2/token" {
				_, _ = w.Write([]byte(`{"access_token":"A21AAF","expires_in":32400}`))
				return
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		t.Cleanup(s.Close)
		_, err := paypal.New(paypal.Options{Endpoint: s.URL}).Do(t.Context(), newPeer(t).place(), gateways.Operation{
			ID: "op-3", Verb: gateways.VerbRefund, Reference: "O1/capture/C1", Amount: amount(t, "5.00", "EUR"),
		})
		require.Equal(t, []any{c.kind, c.effect}, []any{tierhost.KindOf(err), tierhost.EffectOf(err)}, "%d %s: %v", c.status, c.body, err)
	}
}

// TestOnlyPayPalSaysThatThereIsNone: what is not found is made again in the end.
func TestOnlyPayPalSaysThatThereIsNone(t *testing.T) {
	t.Parallel()
	for body, none := range map[string]bool{
		`{"name":"RESOURCE_NOT_FOUND","details":[{"issue":"INVALID_RESOURCE_ID"}]}`: true,
		`<html>404 of a proxy`: false,
		``:                     false,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/oauth2/token" {
				_, _ = w.Write([]byte(`{"access_token":"A21AAF","expires_in":32400}`))
				return
			}
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		_, err := paypal.New(paypal.Options{Endpoint: s.URL}).Find(t.Context(), newPeer(t).place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbRefund, Reference: "R1"})
		require.Error(t, err)
		require.Equal(t, none, errors.Is(err, gateways.ErrNoOperation), "%q: %v", body, err)
	}
}
