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

// look is what becomes of a payment of 10.00 EUR of which the bank says result and code.
func look(t *testing.T, result, code, currency string) (gateways.Result, error) {
	t.Helper()
	p := newPeer(t)
	p.bank.With(func() {
		pay := p.bank.Pay(peertest.Payment{ID: "123", Operation: "op-1", Amount: 1000, Currency: currency}, "")
		pay.Notes["result"], pay.Notes["error"] = result, code
	})
	return p.gateway().Find(t.Context(), p.place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge})
}

func TestWhatResultsMean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result, code, currency string
		outcome                gateways.Outcome // "": not known
	}{
		"paid":                {"OK", "0", "242", gateways.Approved},
		"refused":             {"KO", "74", "242", gateways.Declined},
		"by a bank transfer":  {"XX", "", "242", gateways.Pending},
		"a new result":        {"ZZ", "", "242", ""},
		"an unknown currency": {"OK", "", "71", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := look(t, c.result, c.code, c.currency)
			if c.outcome == "" {
				require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, []any{c.outcome, "123"}, []any{r.Outcome, r.Reference})
			require.True(t, r.Amount.Equal(amount(t, "10.00", "EUR")))
		})
	}
}

// TestWhatErrorCodesMean: each code of a card's payment that Axerve documents. Only one says
// that there is no such payment; those of which it is not certain that nothing was paid say
// nothing.
func TestWhatErrorCodesMean(t *testing.T) {
	t.Parallel()
	for codes, want := range map[string]gateways.Decline{
		"74 97 401 402 405 417 434 435 457 901 902 903 904 905 906 907 908 910 911 913 914 915 916 917 918 919 920 4203 4305": {Code: gateways.DeclineUnspecified},
		"516 551 552 553 1140 1143 2005 2500 2501":          {Code: gateways.DeclineUnspecified},
		"251 451 461 4102 4407 4704":                        {Code: gateways.DeclineFunds},
		"208 420 433 454 1126 4401 4702":                    {Code: gateways.DeclineExpired, Hard: true},
		"414 439 456 998 1118 1119 1120 4101 4206":          {Code: gateways.DeclineNumber, Hard: true},
		"416 1145 1149":                                     {Code: gateways.DeclineCheck, Hard: true},
		"57 404 441 443 462":                                {Code: gateways.DeclineLost, Hard: true},
		"436 437 438 475 950 1121 4100 4204 4205 4208 4303": {Code: gateways.DeclineRestricted, Hard: true},
		"4306 4308 4405 4406 4408 4409 4503 4504 4505 4507": {Code: gateways.DeclineRestricted, Hard: true},
		"4508 4701 4703":                                    {Code: gateways.DeclineRestricted, Hard: true},
		"1146 1147 2000 2001 2002 2003 4301 4309":           {Code: gateways.DeclineLimit},
		"2004":            {Code: gateways.DeclineFraud, Hard: true},
		"212 418 468 810": {Code: gateways.DeclineIssuer},
		"100 150 403 406 409 412 413 415 419 430 431 455 458 490 491 492 494 600 613 614 615 811 951 999 1987 1999 ": {}, // technical, or of the shop's settings
		"4103 4104 4105 4106 4108 4109 4200 4201 4202 4207 4209 4300 4302 4304 4307 4400 4402 4403 4404 4500 4501":   {},
		"4502 4506 4604 4705 4706 4707 4708": {},
		"1100 1101 1108 1115 1130 1131 1132 1136 1137 1141 1142 1150 1151 2006 2007 2008 2009 2010 2012 2014 2017": {}, // of the look
		"58 63 64 65 66 10 77777 x -1 00": {},
	} {
		for _, code := range strings.Fields(codes) {
			r, err := look(t, "KO", code, "242")
			if want == (gateways.Decline{}) {
				require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), "%s is %s", code, r.Outcome)
				require.NotErrorIs(t, err, gateways.ErrNoOperation, code)
				continue
			}
			require.NoError(t, err, code)
			want.Text = "x"
			require.Equal(t, []any{gateways.Declined, want}, []any{r.Outcome, r.Decline}, code)
		}
	}
	_, err := look(t, "KO", "2011", "242")
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	_, err = look(t, "KO", "", "242")
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), "a refusal without a reason")

	// What is refused to somebody else's key is not "no such payment".
	p := newPeer(t)
	at := p.place()
	at.Secret = secret.New(`{"key":"another"}`)
	_, err = p.gateway().Find(t.Context(), at, gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge})
	require.NotErrorIs(t, err, gateways.ErrNoOperation)
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
}

func TestStatusesOfHTTP(t *testing.T) {
	t.Parallel()
	peertest.StatusesOfHTTP(t, func(url string) gateways.Gateway { return gestpay.New(gestpay.Options{Endpoint: url}) }, newPeer(t).place(),
		gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: amount(t, "1.00", "EUR")}, 429)
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
