package payflow_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/payflow"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.TestGateway(t, gatewaytest.Harness{
		New: func(t *testing.T) gatewaytest.Site { return newPeer(t).site() },
		Features: gatewaytest.Features{
			Capabilities: payflow.New(payflow.Options{}).Capabilities(), Charges: true, Web: true, Notifies: true, Keeps: true, Checks: true,
		},
		Without: map[string]string{
			"EFF-2": "Payflow has no answer that says that it has too much to do",
			"VLT-3": "Payflow forgets a card by itself, and cannot be told to",
		},
	})
}

func dollars(t testing.TB, text string) money.Money {
	t.Helper()
	c, err := money.ISO("USD")
	require.NoError(t, err)
	m, err := money.Parse(text, c)
	require.NoError(t, err)
	return m
}

func TestWhatAnswersMean(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]struct {
		outcome gateways.Outcome // "": an error
		decline gateways.Decline
		kind    tierhost.Kind
		effect  tierhost.Effect
	}{
		"RESULT=0&PNREF=V1&RESPMSG=Approved":          {gateways.Approved, gateways.Decline{}, 0, 0},
		"RESULT=0&PNREF=V1&AMT=10.00&DUPLICATE=1":     {gateways.Approved, gateways.Decline{}, 0, 0},
		"RESULT=0&PNREF=V1&DUPLICATE=1":               {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"RESULT=0&PNREF=V1&AMT=ten":                   {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"RESULT=0&RESPMSG=Approved":                   {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"RESULT=126&PNREF=V1&RESPMSG=Under review":    {gateways.Pending, gateways.Decline{}, 0, 0},
		"RESULT=12&PNREF=V1&RESPMSG[5]=a&b=c":         {gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: "a&b=c"}, 0, 0},
		"RESULT=50&PNREF=V1":                          {gateways.Declined, gateways.Decline{Code: gateways.DeclineFunds}, 0, 0},
		"RESULT=23&PNREF=V1":                          {gateways.Declined, gateways.Decline{Code: gateways.DeclineNumber, Hard: true}, 0, 0},
		"RESULT=24&PNREF=V1":                          {gateways.Declined, gateways.Decline{Code: gateways.DeclineExpired, Hard: true}, 0, 0},
		"RESULT=112&PNREF=V1":                         {gateways.Declined, gateways.Decline{Code: gateways.DeclineAddress, Hard: true}, 0, 0},
		"RESULT=114&PNREF=V1":                         {gateways.Declined, gateways.Decline{Code: gateways.DeclineCheck, Hard: true}, 0, 0},
		"RESULT=125&PNREF=V1":                         {gateways.Declined, gateways.Decline{Code: gateways.DeclineFraud, Hard: true}, 0, 0},
		"RESULT=1&RESPMSG=User authentication failed": {"", gateways.Decline{}, tierhost.KindDenied, tierhost.EffectNone},
		"RESULT=4&RESPMSG=Invalid amount":             {"", gateways.Decline{}, tierhost.KindInvalid, tierhost.EffectNone},
		"RESULT=19":                                   {"", gateways.Decline{}, tierhost.KindNotFound, tierhost.EffectNone},
		"RESULT=11&RESPMSG=Client time-out":           {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"RESULT=104&RESPMSG=Timeout":                  {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"RESULT=-1&RESPMSG=Failed to connect":         {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"RESULT=9999":                                 {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"PNREF=V1":                                    {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"RESULT=0&RESULT=12&PNREF=V1":                 {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"RESULT[99]=0":                                {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		"":                                            {"", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
			t.Cleanup(s.Close)
			r, err := payflow.New(payflow.Options{Endpoint: s.URL}).Do(t.Context(), newPeer(t).place(), gateways.Operation{
				ID: "op-1", Verb: gateways.VerbCharge, Amount: dollars(t, "10.00"), Instrument: &gateways.Token{Value: secret.New("V19000000001")},
			})
			if want.outcome == "" {
				require.Error(t, err)
				require.Equal(t, []any{want.kind, want.effect}, []any{tierhost.KindOf(err), tierhost.EffectOf(err)}, "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []any{want.outcome, want.decline}, []any{r.Outcome, r.Decline})
			require.True(t, r.Amount.Equal(dollars(t, "10.00")))
		})
	}
}

func TestThePageHasNoSecretsInTheLog(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	o := gateways.Operation{ID: "op-1", Verb: gateways.VerbAuthorize, Amount: dollars(t, "10.00"), Tape: &gateways.Tape{}}
	b, err := p.gateway().Begin(t.Context(), p.place(), gateways.Checkout{Operation: o, Return: "https://shop.example/back?a=1&b=2"})
	require.NoError(t, err)
	require.Equal(t, p.clock.Now().Add(20*time.Minute), b.Expires)
	require.Equal(t, gateways.Field{Name: "MODE", Value: "TEST"}, b.Action.Fields[2])
	x := o.Tape.Exchanges()[0]
	require.NotContains(t, x.Answer, b.Action.Fields[0].Value)
	require.NotContains(t, x.Request, "PWD")
	require.Contains(t, x.Request, "&RETURNURL[48]=https://shop.example/back?a=1&b=2&operation=op-1&")

	p.pay("op-1")
	o.Verb = gateways.VerbAuthorize
	r, err := p.gateway().Find(t.Context(), p.place(), o)
	require.NoError(t, err)
	require.Equal(t, gateways.Approved, r.Outcome)
	require.Equal(t, gatewaytest.Books{Held: 1000}, p.bank.Books())
}

func TestAccountsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, key, faults string }{
		{`{"vendor":"shop","partner":"PayPal"}`, `{"password":"x"}`, ""},
		{`{}`, `{}`, "config.vendor required, config.partner required, secret.password required"},
		{`{"vendor":"a\nb","partner":"PayPal","user":"` + strings.Repeat("u", 65) + `"}`, `{"password":"` + strings.Repeat("p", 33) + `"}`, "config.vendor invalid, config.user too_long, secret.password too_long"},
	} {
		var invalid *tierhost.Invalid
		var got []string
		if err := payflow.New(payflow.Options{}).CheckAccount(gateways.Place{Config: json.RawMessage(c.config), Secret: secret.New(c.key)}); errors.As(err, &invalid) {
			for _, i := range invalid.Issues {
				got = append(got, i.Path+" "+i.Code)
			}
		}
		require.Equal(t, c.faults, strings.Join(got, ", "))
	}
}

func FuzzNotices(f *testing.F) {
	f.Add([]byte("RESULT=0&USER1=op-1&PNREF=V1"))
	f.Add([]byte("%zz"))
	f.Fuzz(func(t *testing.T, body []byte) {
		p := gateways.Place{}
		n, err := payflow.New(payflow.Options{}).Notices(t.Context(), p, gateways.Incoming{Method: http.MethodPost, Body: body}, time.Time{})
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
