package paypal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/paypal"
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

// begun is a payment of 10.00 EUR whose page the customer has.
func begun(t *testing.T, p *peer, v gateways.Verb, id gateways.OperationID) (gateways.Operation, gateways.Begun) {
	t.Helper()
	o := gateways.Operation{ID: id, Verb: v, Payment: "pay_1", Amount: amount(t, "10.00", "EUR"), Number: "INV-1", Text: "Hosting", Tape: &gateways.Tape{}}
	b, err := p.gateway().Begin(t.Context(), p.place(), gateways.Checkout{
		Operation: o, Return: "https://shop.example/back?x=1", Cancel: "https://shop.example/cancelled", Language: "de-AT",
	})
	require.NoError(t, err)
	o.Reference = b.Reference
	return o, b
}

func TestAnAuthorizationIsCapturedInPartAndRefunded(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	g := p.gateway()
	o, _ := begun(t, p, gateways.VerbAuthorize, "op-1")
	p.approve(o.ID)
	r, err := g.Find(t.Context(), p.place(), o)
	require.NoError(t, err)
	require.Equal(t, gateways.Approved, r.Outcome)
	require.Equal(t, p.clock.Now().Add(29*24*time.Hour), r.Expires)
	require.Equal(t, gatewaytest.Books{Held: 1000}, p.bank.Books())

	capture := gateways.Operation{ID: "op-2", Verb: gateways.VerbCapture, Amount: amount(t, "7.00", "EUR"), Reference: r.Reference}
	_, err = g.Find(t.Context(), p.place(), capture)
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	for range 2 {
		c, err := g.Do(t.Context(), p.place(), capture)
		require.NoError(t, err)
		require.True(t, c.Amount.Equal(capture.Amount))
	}
	found, err := g.Find(t.Context(), p.place(), capture)
	require.NoError(t, err)
	require.True(t, found.Amount.Equal(capture.Amount))
	capture.Reference = found.Reference
	found, err = g.Find(t.Context(), p.place(), capture)
	require.NoError(t, err)
	require.Equal(t, gateways.Approved, found.Outcome)
	require.Equal(t, gatewaytest.Books{Taken: 700}, p.bank.Books(), "the rest is let go")

	_, err = g.Do(t.Context(), p.place(), gateways.Operation{ID: "op-3", Verb: gateways.VerbCapture, Amount: amount(t, "3.00", "EUR"), Reference: r.Reference})
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), "it may have been this very operation that has captured: %v", err)

	// The payment is still called as it was when it was authorized.
	back := gateways.Operation{ID: "op-4", Verb: gateways.VerbRefund, Amount: amount(t, "7.00", "EUR"), Reference: r.Reference, Text: "a\nb"}
	b, err := g.Do(t.Context(), p.place(), back)
	require.NoError(t, err)
	require.True(t, b.Amount.Equal(back.Amount))
	require.Equal(t, gatewaytest.Books{Taken: 700, Given: 700}, p.bank.Books())
}

func TestAVoidLetsGo(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	g := p.gateway()
	o, _ := begun(t, p, gateways.VerbAuthorize, "op-1")
	p.approve(o.ID)
	r, err := g.Find(t.Context(), p.place(), o)
	require.NoError(t, err)
	void := gateways.Operation{ID: "op-2", Verb: gateways.VerbVoid, Amount: o.Amount, Reference: r.Reference}
	_, err = g.Find(t.Context(), p.place(), void)
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	for _, id := range []gateways.OperationID{"op-2", "op-2", "op-3"} {
		void.ID = id
		v, err := p.gateway().Do(t.Context(), p.place(), void)
		require.NoError(t, err)
		require.Equal(t, gateways.Approved, v.Outcome)
		require.True(t, v.Amount.Equal(o.Amount))
	}
	require.Equal(t, gatewaytest.Books{}, p.bank.Books())
	_, err = g.Do(t.Context(), p.place(), gateways.Operation{ID: "op-4", Verb: gateways.VerbCapture, Amount: o.Amount, Reference: r.Reference})
	require.Error(t, err)
	require.Equal(t, gatewaytest.Books{}, p.bank.Books())
}

// TestAnApprovedOrderIsCompletedOnce: whatever becomes of the request that completes it,
// the next look tells what is true, and money was taken once.
func TestAnApprovedOrderIsCompletedOnce(t *testing.T) {
	t.Parallel()
	for _, how := range []gatewaytest.Situation{
		gatewaytest.LostBefore, gatewaytest.LostAfter, gatewaytest.Fails, gatewaytest.Garbles, gatewaytest.Strange, gatewaytest.Refuses, gatewaytest.Overloaded,
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			o, _ := begun(t, p, gateways.VerbCharge, "op-1")
			p.approve(o.ID)
			p.bank.Script(gateways.VerbCharge, how)
			r, err := p.gateway().Find(t.Context(), p.place(), o)
			require.Error(t, err, "%s", r.Outcome)
			for range 3 {
				r, err = p.gateway().Find(t.Context(), p.place(), o)
				require.NoError(t, err)
				require.Equal(t, gateways.Approved, r.Outcome)
			}
			require.Equal(t, gatewaytest.Books{Taken: 1000}, p.bank.Books())
		})
	}
}

func TestWhatBecomesOfAnApprovedOrder(t *testing.T) {
	t.Parallel()
	for issue, want := range map[string]gateways.Result{
		"INSTRUMENT_DECLINED":                     {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineUnspecified}},
		"PAYER_CANNOT_PAY":                        {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineUnspecified}},
		"TRANSACTION_REFUSED":                     {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineUnspecified}},
		"REDIRECT_PAYER_FOR_ALTERNATE_FUNDING":    {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineUnspecified}},
		"TRANSACTION_LIMIT_EXCEEDED":              {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineLimit}},
		"MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineLimit}},
		"CARD_EXPIRED":                            {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineExpired, Hard: true}},
		"COMPLIANCE_VIOLATION":                    {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineRestricted, Hard: true}},
		"PAYER_ACCOUNT_RESTRICTED":                {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineRestricted, Hard: true}},
		"PAYER_ACCOUNT_LOCKED_OR_CLOSED":          {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineRestricted, Hard: true}},
		"TRANSACTION_BLOCKED_BY_PAYEE":            {Outcome: gateways.Declined, Decline: gateways.Decline{Code: gateways.DeclineRestricted, Hard: true}},
		"PAYER_ACTION_REQUIRED":                   {Outcome: gateways.Pending},
		"ORDER_NOT_APPROVED":                      {Outcome: gateways.Pending},
		"SOMETHING_NEW":                           {},
	} {
		t.Run(issue, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			o, _ := begun(t, p, gateways.VerbCharge, "op-1")
			p.approve(o.ID)
			p.issue = issue
			r, err := p.gateway().Find(t.Context(), p.place(), o)
			if want.Outcome == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			if want.Outcome == gateways.Declined {
				require.Contains(t, r.Decline.Text, issue)
			}
			r.Decline.Text = ""
			require.Equal(t, []any{want.Outcome, want.Decline}, []any{r.Outcome, r.Decline})
			require.True(t, r.Amount.Equal(o.Amount))
			require.Equal(t, gatewaytest.Books{}, p.bank.Books())
		})
	}
	for how, want := range map[gatewaytest.Situation]gateways.Outcome{gatewaytest.Waits: gateways.Pending, gatewaytest.DeclinesHard: gateways.Declined} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			o, _ := begun(t, p, gateways.VerbCharge, "op-1")
			p.approve(o.ID)
			p.bank.Script(gateways.VerbCharge, how)
			r, err := p.gateway().Find(t.Context(), p.place(), o)
			require.NoError(t, err)
			require.Equal(t, want, r.Outcome)
			o.Reference = r.Reference
			p.bank.With(func() { p.bank.Complete(p.bank.ByOperation("op-1"), true) })
			r, err = p.gateway().Find(t.Context(), p.place(), o)
			require.NoError(t, err)
			if how == gatewaytest.Waits {
				require.Equal(t, gateways.Approved, r.Outcome, "the electronic check has come")
			}
		})
	}
}

func TestBeginIsOfTheFormThatPayPalPublishes(t *testing.T) {
	t.Parallel()
	p := newPeer(t) // which looks at each field
	for i, text := range []string{"", "Hosting", "é'\"\\%\x00\u202e;--<b>", strings.Repeat("ä", 400), "a\r\nb\tc"} {
		for _, language := range []string{"", "de", "de-AT", "zh-Hant-TW", "english", "de_AT"} {
			_, err := p.gateway().Begin(t.Context(), p.place(), gateways.Checkout{
				Operation: gateways.Operation{ID: gateways.OperationID(fmt.Sprintf("op-%d-%s", i, language)), Verb: gateways.VerbCharge, Amount: amount(t, "0.01", "EUR"), Number: text, Text: text},
				Return:    "https://shop.example/back?a=b&c=%20#d", Language: language,
			})
			require.NoError(t, err)
		}
	}
	// Amounts that PayPal does not take are not sent.
	for text, code := range map[string]string{"10.50": "HUF", "1.000": "KWD", "5": "ISK"} {
		_, err := p.gateway().Begin(t.Context(), p.place(), gateways.Checkout{
			Operation: gateways.Operation{ID: "op-x", Verb: gateways.VerbCharge, Amount: amount(t, text, code)}, Return: "https://shop.example/",
		})
		require.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err))
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	}
	_, err := p.gateway().Begin(t.Context(), p.place(), gateways.Checkout{
		Operation: gateways.Operation{ID: "op-y", Verb: gateways.VerbCharge, Amount: amount(t, "10.00", "HUF")}, Return: "https://shop.example/",
	})
	require.NoError(t, err)
	p.bank.With(func() {
		require.EqualValues(t, 1000, p.bank.ByOperation("op-y").Amount, "10 forints are written 10")
	})
}

func TestAccessTokens(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	g := p.gateway()
	o := gateways.Operation{ID: "op-1", Verb: gateways.VerbRefund, Reference: "REFUND9"}
	for range 3 {
		_, err := g.Find(t.Context(), p.place(), o)
		require.ErrorIs(t, err, gateways.ErrNoOperation)
	}
	require.Equal(t, 1, p.granted, "a token is used again")
	p.mu.Lock()
	p.tokens = map[string]bool{}
	p.mu.Unlock()
	_, err := g.Find(t.Context(), p.place(), o)
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	require.Equal(t, 2, p.granted, "one that was called back is replaced")
	p.clock.Advance(9 * time.Hour)
	_, err = g.Find(t.Context(), p.place(), o)
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	require.Equal(t, 3, p.granted, "one that has run out is replaced")

	wrong := p.place()
	wrong.Secret = secret.New(`{"client":"x","secret":"y"}`)
	_, err = g.Do(t.Context(), wrong, gateways.Operation{ID: "op-1", Verb: gateways.VerbRefund, Amount: amount(t, "1.00", "EUR"), Reference: "A/capture/B"})
	require.Equal(t, tierhost.KindDenied, tierhost.KindOf(err))
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	const body = `{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","create_time":"2031-03-02T09:29:00Z","resource":{"id":"C1","custom_id":"op-1","amount":{"value":"1.00"}}}`
	now := p.clock.Now()
	for name, c := range map[string]struct {
		change func(in *gateways.Incoming)
		at     time.Time
		good   bool
	}{
		"good":                   {func(*gateways.Incoming) {}, now, true},
		"sent again after a day": {func(*gateways.Incoming) {}, now.Add(-24 * time.Hour), true},
		"five days old":          {func(*gateways.Incoming) {}, now.Add(-5 * 24 * time.Hour), false},
		"of the future":          {func(*gateways.Incoming) {}, now.Add(time.Hour), false},
		"altered":                {func(in *gateways.Incoming) { in.Body = []byte(strings.Replace(body, "op-1", "op-2", 1)) }, now, false},
		"another key":            {func(in *gateways.Incoming) { in.Header.Set("Paypal-Transmission-Sig", mac("another", "1", "2", nil)) }, now, false},
		"no signature":           {func(in *gateways.Incoming) { in.Header.Del("Paypal-Transmission-Sig") }, now, false},
		"two signatures":         {func(in *gateways.Incoming) { in.Header.Add("Paypal-Transmission-Sig", "x") }, now, false},
		"its time was changed": {func(in *gateways.Incoming) {
			in.Header.Set("Paypal-Transmission-Time", now.Add(time.Second).Format(time.RFC3339))
		}, now, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := p.incoming([]byte(body), c.at)
			c.change(&in)
			n, err := p.gateway().Notices(t.Context(), p.place(), in, now)
			if !c.good {
				require.ErrorIs(t, err, gateways.ErrSignature)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []gateways.Notice{{
				Event: "WH-1", Kind: "PAYMENT.CAPTURE.COMPLETED", Operation: "op-1", Reference: "C1", At: time.Date(2031, 3, 2, 9, 29, 0, 0, time.UTC),
			}}, n)
		})
	}
	unset := p.place()
	unset.Config = nil
	_, err := p.gateway().Notices(t.Context(), unset, p.incoming([]byte(body), now), now)
	require.ErrorIs(t, err, gateways.ErrSignature, "an account without a webhook takes none")
}

func TestNotices(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	eur := func(s string) *gateways.Dispute { return &gateways.Dispute{Amount: amount(t, s, "EUR")} }
	lost := eur("10.00")
	lost.Lost = true
	for body, want := range map[string]gateways.Notice{
		`{"id":"WH-1","event_type":"CHECKOUT.ORDER.APPROVED","resource":{"id":"O1","purchase_units":[{"custom_id":"op-1"}]}}`: {
			Event: "WH-1", Kind: "CHECKOUT.ORDER.APPROVED", Operation: "op-1", Reference: "O1",
		},
		`{"id":"WH-2","event_type":"PAYMENT.CAPTURE.REFUNDED","resource":{"id":"R1","custom_id":"op-2"}}`: {
			Event: "WH-2", Kind: "PAYMENT.CAPTURE.REFUNDED", Operation: "op-2", Reference: "R1",
		},
		`{"id":"WH-3","event_type":"PAYMENT.CAPTURE.REVERSED","resource":{"id":"R2","custom_id":"op-1","amount":{"currency_code":"EUR","value":"10.00"}}}`: {
			Event: "WH-3", Kind: "PAYMENT.CAPTURE.REVERSED", Operation: "op-1", Reference: "R2", Dispute: lost,
		},
		`{"id":"WH-4","event_type":"CUSTOMER.DISPUTE.CREATED","resource":{"dispute_amount":{"currency_code":"EUR","value":"10.00"},"disputed_transactions":[{"seller_transaction_id":"C1","invoice_number":"op-1"}]}}`: {
			Event: "WH-4", Kind: "CUSTOMER.DISPUTE.CREATED", Operation: "op-1", Reference: "C1", Dispute: eur("10.00"),
		},
		`{"id":"WH-6","event_type":"CUSTOMER.DISPUTE.CREATED","resource":{"dispute_amount":{"currency_code":"EUR","value":"10.00"},"disputed_transactions":[{"seller_transaction_id":"C1","custom":"op-9","invoice_number":"op-1"}]}}`: {
			Event: "WH-6", Kind: "CUSTOMER.DISPUTE.CREATED", Operation: "op-9", Reference: "C1", Dispute: eur("10.00"),
		},
		`{"id":"WH-5","event_type":"BILLING.PLAN.CREATED","resource":{"id":"P1"}}`: {Event: "WH-5", Kind: "BILLING.PLAN.CREATED"},
	} {
		got, err := p.gateway().Notices(t.Context(), p.place(), p.incoming([]byte(body), p.clock.Now()), p.clock.Now())
		require.NoError(t, err, body)
		require.Equal(t, fmt.Sprint(want.Dispute), fmt.Sprint(got[0].Dispute))
		got[0].Dispute, want.Dispute = nil, nil
		require.Equal(t, []gateways.Notice{want}, got)
	}
}

func TestAccountsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, key, faults string }{
		{``, `{"client":"a","secret":"b"}`, ""},
		{`{"webhook":"1","brand":"ä","statement":"S"}`, ``, ""},
		{`{"statement":"` + strings.Repeat("x", 23) + `","webhook":"\u0000"}`, `{}`, "config.webhook invalid, config.statement too_long, secret.client required, secret.secret required"},
		{`{"x":1}`, `[]`, "config invalid, secret invalid"},
	} {
		var invalid *tierhost.Invalid
		var got []string
		if err := paypal.New(paypal.Options{}).CheckAccount(gateways.Place{Config: json.RawMessage(c.config), Secret: secret.New(c.key)}); errors.As(err, &invalid) {
			for _, i := range invalid.Issues {
				got = append(got, i.Path+" "+i.Code)
			}
		}
		require.Equal(t, c.faults, strings.Join(got, ", "))
	}
}

// TestTheTableRefuses: a table that takes everything would prove nothing.
func TestTheTableRefuses(t *testing.T) {
	t.Parallel()
	good := `{"intent":"CAPTURE","purchase_units":[{"amount":{"currency_code":"EUR","value":"1.00"}}]}`
	require.Empty(t, faults([]byte(good), orderFields()))
	for _, c := range []struct{ from, to string }{
		{`"CAPTURE"`, `"TAKE"`}, {`"intent":"CAPTURE",`, ``}, {`"1.00"`, `"1,00"`}, {`"1.00"`, `1.00`}, {`"EUR"`, `"EURO"`}, {`[{"amount"`, `[{"x":"y","amount"`},
		{`{"amount":{"currency_code":"EUR","value":"1.00"}}`, ``}, {`"value":"1.00"`, `"worth":"1.00"`}, {`{"amount":{`, `{"description":"","amount":{`},
	} {
		require.NotEmpty(t, faults([]byte(strings.Replace(good, c.from, c.to, 1)), orderFields()), c.to)
	}
}

func FuzzNotices(f *testing.F) {
	p := newPeer(f)
	f.Add([]byte(`{"id":"WH-1","event_type":"PAYMENT.CAPTURE.REVERSED","resource":{"id":"R","amount":{"currency_code":"EUR","value":"1"}}}`), "00", true)
	f.Add([]byte(`{"id":"WH-1","event_type":"CUSTOMER.DISPUTE.CREATED","resource":{"disputed_transactions":[{}]}}`), "00", true)
	f.Fuzz(func(t *testing.T, body []byte, signature string, signed bool) {
		in := p.incoming(body, p.clock.Now())
		if !signed {
			in.Header = http.Header{"Paypal-Transmission-Sig": {signature}, "Paypal-Transmission-Time": in.Header["Paypal-Transmission-Time"]}
		}
		n, err := p.gateway().Notices(t.Context(), p.place(), in, p.clock.Now())
		switch {
		case err != nil && !errors.Is(err, gateways.ErrSignature) && !errors.Is(err, tierhost.ErrInvalid):
			t.Fatal(err)
		case err == nil && !signed:
			t.Fatalf("it has taken what nobody signed: %v", n)
		}
	})
}
