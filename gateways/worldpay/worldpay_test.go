package worldpay_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/worldpay"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.TestGateway(t, gatewaytest.Harness{
		New:      func(t *testing.T) gatewaytest.Site { return newPeer(t).site() },
		Features: gatewaytest.Features{Capabilities: worldpay.New(worldpay.Options{}).Capabilities(), Web: true, Notifies: true, Checks: true},
		Without: map[string]string{
			"REF-4": "an order tells that it was refunded, and not by which request; see TestWhatWasLostIsFound",
		},
	})
}

func euros(t testing.TB, text string) money.Money {
	t.Helper()
	c, err := money.ISO("EUR")
	require.NoError(t, err)
	m, err := money.Parse(text, c)
	require.NoError(t, err)
	return m
}

// paid is a payment of 10.00 EUR that the customer has made on the page.
func paid(t *testing.T, p *peer, v gateways.Verb) (gateways.Operation, gateways.Result) {
	t.Helper()
	o := gateways.Operation{ID: "op-1", Verb: v, Amount: euros(t, "10.00"), Number: "INV-1", Text: "Hosting", Tape: &gateways.Tape{}}
	b, err := p.gateway().Begin(t.Context(), p.place(), gateways.Checkout{Operation: o, Return: "https://shop.example/back?a=b", Email: "anna@example.com"})
	require.NoError(t, err)
	p.visit(o.ID, b.Action.URL)
	o.Reference = b.Reference
	r, err := p.gateway().Find(t.Context(), p.place(), o)
	require.NoError(t, err)
	require.Equal(t, gateways.Approved, r.Outcome)
	require.NotContains(t, o.Tape.Exchanges()[0].Request, password)
	return o, r
}

func TestAnAuthorizationIsCapturedOrLetGo(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	_, r := paid(t, p, gateways.VerbAuthorize)
	require.Equal(t, gatewaytest.Books{Held: 1000}, p.bank.Books())
	part := gateways.Operation{ID: "op-2", Verb: gateways.VerbCapture, Amount: euros(t, "7.00"), Reference: r.Reference}
	_, err := p.gateway().Do(t.Context(), p.place(), part)
	require.Equal(t, tierhost.KindPrecondition, tierhost.KindOf(err))
	all := gateways.Operation{ID: "op-3", Verb: gateways.VerbCapture, Amount: euros(t, "10.00"), Reference: r.Reference}
	_, err = p.gateway().Find(t.Context(), p.place(), all)
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	for range 2 {
		c, err := p.gateway().Do(t.Context(), p.place(), all)
		require.NoError(t, err)
		require.Equal(t, gateways.Approved, c.Outcome)
		all.Tape = nil
	}
	require.Equal(t, gatewaytest.Books{Taken: 1000}, p.bank.Books())
	void := gateways.Operation{ID: "op-4", Verb: gateways.VerbVoid, Amount: euros(t, "10.00"), Reference: r.Reference}
	_, err = p.gateway().Do(t.Context(), p.place(), void)
	require.Equal(t, tierhost.KindPrecondition, tierhost.KindOf(err), "it is captured")

	q := newPeer(t)
	_, r = paid(t, q, gateways.VerbAuthorize)
	for range 2 {
		v, err := q.gateway().Do(t.Context(), q.place(), void)
		require.NoError(t, err)
		require.Equal(t, gateways.Approved, v.Outcome)
	}
	require.Equal(t, gatewaytest.Books{}, q.bank.Books())
}

func TestWhatWasLostIsFound(t *testing.T) {
	t.Parallel()
	for _, how := range []gatewaytest.Situation{gatewaytest.LostAfter, gatewaytest.Fails, gatewaytest.Garbles} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			_, r := paid(t, p, gateways.VerbCharge)
			back := gateways.Operation{ID: "op-2", Verb: gateways.VerbRefund, Amount: euros(t, "10.00"), Reference: r.Reference}
			_, err := p.gateway().Find(t.Context(), p.place(), back)
			require.ErrorIs(t, err, gateways.ErrNoOperation)
			p.bank.Script(gateways.VerbRefund, how)
			_, err = p.gateway().Do(t.Context(), p.place(), back)
			require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), "%v", err)
			for range 2 {
				found, err := p.gateway().Find(t.Context(), p.place(), back)
				require.NoError(t, err)
				require.Equal(t, gateways.Approved, found.Outcome)
				found, err = p.gateway().Do(t.Context(), p.place(), back)
				require.NoError(t, err)
				require.Equal(t, gateways.Approved, found.Outcome)
			}
			require.Equal(t, gatewaytest.Books{Taken: 1000, Given: 1000}, p.bank.Books())
		})
	}
}

func TestWhatIsTakenInHandIsPending(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	_, r := paid(t, p, gateways.VerbCharge)
	p.slow = true
	back := gateways.Operation{ID: "op-2", Verb: gateways.VerbRefund, Amount: euros(t, "10.00"), Reference: r.Reference}
	got, err := p.gateway().Do(t.Context(), p.place(), back)
	require.NoError(t, err)
	require.Equal(t, gateways.Pending, got.Outcome)
	_, err = p.gateway().Do(t.Context(), p.place(), back)
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), "the key was used, and the order does not show it")
}

func TestWhatEventsMean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		verb        gateways.Verb
		event, code string
		outcome     gateways.Outcome // "": no operation, "?": not known
		decline     gateways.Decline
	}{
		{gateways.VerbCharge, "SENT_FOR_AUTHORISATION", "", gateways.Pending, gateways.Decline{}},
		{gateways.VerbCharge, "AUTHORISED", "", gateways.Pending, gateways.Decline{}},
		{gateways.VerbAuthorize, "AUTHORISED", "", gateways.Approved, gateways.Decline{}},
		{gateways.VerbCapture, "AUTHORISED", "", "", gateways.Decline{}},
		{gateways.VerbCharge, "SETTLED_BY_MERCHANT", "", gateways.Approved, gateways.Decline{}},
		{gateways.VerbCharge, "SENT_FOR_REFUND", "", gateways.Approved, gateways.Decline{}},
		{gateways.VerbRefund, "CAPTURED", "", "", gateways.Decline{}},
		{gateways.VerbRefund, "REFUNDED", "", gateways.Approved, gateways.Decline{}},
		{gateways.VerbRefund, "REFUND_FAILED", "", gateways.Declined, gateways.Decline{Hard: true, Code: gateways.DeclineUnspecified}},
		{gateways.VerbVoid, "CANCELLED", "", gateways.Approved, gateways.Decline{}},
		{gateways.VerbVoid, "CAPTURED", "", "", gateways.Decline{}},
		{gateways.VerbCharge, "CANCELLED", "", gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified}},
		{gateways.VerbCharge, "REFUSED", "05", gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified}},
		{gateways.VerbCharge, "REFUSED", "51", gateways.Declined, gateways.Decline{Code: gateways.DeclineFunds}},
		{gateways.VerbCharge, "REFUSED", "43", gateways.Declined, gateways.Decline{Code: gateways.DeclineLost, Hard: true}},
		{gateways.VerbCharge, "REFUSED", "54", gateways.Declined, gateways.Decline{Code: gateways.DeclineExpired, Hard: true}},
		{gateways.VerbCharge, "REFUSED", "78", gateways.Declined, gateways.Decline{Code: "worldpay.78"}},
		{gateways.VerbCharge, "LEVITATING", "", "?", gateways.Decline{}},
	} {
		t.Run(string(c.verb)+" "+c.event+c.code, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			p.bank.With(func() {
				pay := p.bank.Pay(peertest.Payment{ID: "op-1", Operation: "op-1", Amount: 1000}, "")
				pay.Notes["event"], pay.Notes["code"] = c.event, c.code
				if c.code != "" {
					pay.State = peertest.Declined
				}
			})
			r, err := p.gateway().Find(t.Context(), p.place(), gateways.Operation{ID: "op-1", Verb: c.verb, Amount: euros(t, "10.00"), Reference: "op-1"})
			switch c.outcome {
			case "":
				require.ErrorIs(t, err, gateways.ErrNoOperation)
			case "?":
				require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
			default:
				require.NoError(t, err)
				r.Decline.Text = ""
				require.Equal(t, []any{c.outcome, c.decline}, []any{r.Outcome, r.Decline})
			}
		})
	}
}

func TestAmountsThatWorldPayCountsOtherwiseAreRefused(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"HUF", "IDR", "CLF"} {
		c, err := money.ISO(code)
		require.NoError(t, err)
		_, err = newPeer(t).gateway().Begin(t.Context(), newPeer(t).place(), gateways.Checkout{
			Operation: gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: money.FromMinor(1000, c)}, Return: "https://shop.example/",
		})
		require.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err))
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	}
}

func TestAccountsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, key, faults string }{
		{`{"merchant":"A"}`, `{"user":"u","password":"p"}`, ""},
		{``, `{}`, "config.merchant required, secret.user required, secret.password required"},
		{`{"merchant":"A","installation":"\n"}`, ``, "config.installation invalid"},
	} {
		var invalid *tierhost.Invalid
		var got []string
		if err := worldpay.New(worldpay.Options{}).CheckAccount(gateways.Place{Config: json.RawMessage(c.config), Secret: secret.New(c.key)}); errors.As(err, &invalid) {
			for _, i := range invalid.Issues {
				got = append(got, i.Path+" "+i.Code)
			}
		}
		require.Equal(t, c.faults, strings.Join(got, ", "))
	}
}

func FuzzNotices(f *testing.F) {
	f.Add([]byte(head + `<paymentService><notify><orderStatusEvent orderCode="op-1"><payment><lastEvent>CAPTURED</lastEvent></payment></orderStatusEvent></notify></paymentService>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><paymentService>&b;</paymentService>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := worldpay.New(worldpay.Options{}).Notices(t.Context(), gateways.Place{}, incoming(body), time.Time{})
		if err != nil && !errors.Is(err, tierhost.ErrInvalid) {
			t.Fatal(err)
		}
		for _, x := range n {
			if !x.Unsigned || x.Result != nil || x.Dispute != nil {
				t.Fatalf("it is taken for proof: %+v", x)
			}
		}
	})
}
