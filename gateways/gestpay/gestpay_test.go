package gestpay_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/gestpay"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.TestGateway(t, gatewaytest.Harness{
		New:      func(t *testing.T) gatewaytest.Site { return newPeer(t).site() },
		Features: gatewaytest.Features{Capabilities: gestpay.New(gestpay.Options{}).Capabilities(), Web: true, Notifies: true, Checks: true},
	})
}

func amount(t testing.TB, text, code string) money.Money {
	t.Helper()
	c, err := money.ISO(code)
	require.NoError(t, err)
	m, err := money.Parse(text, c)
	require.NoError(t, err)
	return m
}

func TestWhatResultsMean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result, code, currency string
		outcome                gateways.Outcome // "": not known
		decline                gateways.Decline
	}{
		"paid":                {"OK", "0", "242", gateways.Approved, gateways.Decline{}},
		"refused":             {"KO", "74", "242", gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified, Text: "x"}},
		"refused, who knows":  {"KO", "401", "242", gateways.Declined, gateways.Decline{Code: "gestpay.401", Text: "x"}},
		"by a bank transfer":  {"XX", "", "242", gateways.Pending, gateways.Decline{}},
		"a new result":        {"ZZ", "", "242", "", gateways.Decline{}},
		"an unknown currency": {"OK", "", "71", "", gateways.Decline{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			p.bank.With(func() {
				pay := p.bank.Pay(peertest.Payment{ID: "123", Operation: "op-1", Amount: 1000, Currency: c.currency}, "")
				pay.Notes["result"], pay.Notes["error"] = c.result, c.code
			})
			r, err := p.gateway().Find(t.Context(), p.place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge})
			if c.outcome == "" {
				require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, []any{c.outcome, c.decline, "123"}, []any{r.Outcome, r.Decline, r.Reference})
			require.True(t, r.Amount.Equal(amount(t, "10.00", "EUR")))
		})
	}
}

func TestCurrenciesHaveTheBanksNumbers(t *testing.T) {
	t.Parallel()
	for code, number := range map[string]string{"EUR": "242", "USD": "1", "GBP": "2", "CHF": "3"} {
		p := newPeer(t)
		o := gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: amount(t, "12.34", code), Tape: &gateways.Tape{}}
		_, err := p.gateway().Begin(t.Context(), p.place(), gateways.Checkout{Operation: o, Return: "https://shop.example/", Email: "anna@example.com"})
		require.NoError(t, err)
		p.bank.With(func() { require.Equal(t, number, p.bank.ByOperation("op-1").Currency) })
		x := o.Tape.Exchanges()[0]
		require.Contains(t, x.Request, "<amount>12.34</amount>")
		require.NotContains(t, x.Request, "apikey")
	}
	_, err := newPeer(t).gateway().Begin(t.Context(), newPeer(t).place(), gateways.Checkout{Operation: gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: amount(t, "5", "JPY")}})
	require.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err))
	wrong := newPeer(t)
	at := wrong.place()
	at.Secret = secret.New(`{"key":"another"}`)
	_, err = wrong.gateway().Begin(t.Context(), at, gateways.Checkout{Operation: gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: amount(t, "5.00", "EUR")}})
	require.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err))
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
}

// TestWhatTheBankHasNotEncryptedIsNothing: altered, made up, or of another shop.
func TestWhatTheBankHasNotEncryptedIsNothing(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.bank.With(func() { p.bank.Pay(peertest.Payment{ID: "1", Operation: "op-1", Amount: 1000, Currency: "242"}, "") })
	good := url.Values{"a": {shop}, "b": {seal("op-1")}}
	id, err := p.gateway().Returned(t.Context(), p.place(), good)
	require.NoError(t, err)
	require.Equal(t, gateways.OperationID("op-1"), id)
	for name, q := range map[string]url.Values{
		"altered":      {"a": {shop}, "b": {seal("op-1") + "00"}},
		"made up":      {"a": {shop}, "b": {"op-1"}},
		"another shop": {"a": {"9000002"}, "b": {seal("op-1")}},
		"endless":      {"a": {shop}, "b": {strings.Repeat("0", 9000)}},
		"nothing":      {},
	} {
		_, err := p.gateway().Returned(t.Context(), p.place(), q)
		require.ErrorIs(t, err, tierhost.ErrInvalid, name)
		_, err = p.gateway().Notices(t.Context(), p.place(), gateways.Incoming{Method: http.MethodGet, URL: &url.URL{RawQuery: q.Encode()}}, time.Time{})
		require.ErrorIs(t, err, tierhost.ErrInvalid, name)
	}
}

func TestAccountsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, key, faults string }{
		{`{"shop":"9000001"}`, `{"key":"k"}`, ""},
		{``, `{}`, "config.shop required, secret.key required"},
		{`{"shop":"` + strings.Repeat("9", 31) + `"}`, `k`, "config.shop too_long, secret invalid"},
	} {
		var invalid *tierhost.Invalid
		var got []string
		if err := gestpay.New(gestpay.Options{}).CheckAccount(gateways.Place{Config: json.RawMessage(c.config), Secret: secret.New(c.key)}); errors.As(err, &invalid) {
			for _, i := range invalid.Issues {
				got = append(got, i.Path+" "+i.Code)
			}
		}
		require.Equal(t, c.faults, strings.Join(got, ", "))
	}
}

func FuzzNotices(f *testing.F) {
	p := newPeer(f)
	f.Add("a=9000001&b=62616e6b")
	f.Add("a=9000001&b=" + seal("op-9"))
	f.Fuzz(func(t *testing.T, query string) {
		n, err := p.gateway().Notices(t.Context(), p.place(), gateways.Incoming{Method: http.MethodGet, URL: &url.URL{RawQuery: query}}, time.Time{})
		if err != nil && !errors.Is(err, tierhost.ErrInvalid) {
			t.Fatal(err)
		}
		for _, x := range n {
			if !x.Unsigned || x.Result != nil {
				t.Fatalf("it is taken for proof: %+v", x)
			}
		}
	})
}
