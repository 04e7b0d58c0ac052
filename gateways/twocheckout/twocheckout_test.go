package twocheckout_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/twocheckout"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.TestGateway(t, gatewaytest.Harness{
		New:      func(t *testing.T) gatewaytest.Site { return newPeer(t).site() },
		Features: gatewaytest.Features{Capabilities: twocheckout.New(twocheckout.Options{}).Capabilities(), Web: true, Notifies: true, Signs: true, Checks: true},
		Without: map[string]string{
			"SIG-2": "2Checkout sends again until it is answered, and names no time zone",
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

func TestNotifications(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	now := p.clock.Now()
	pay := &peertest.Payment{ID: "600000001", Operation: "op-1", Amount: 1000, State: peertest.Captured}
	fields := ipn(pay, now)
	changed := func(name, value string) [][2]string {
		all := append([][2]string{}, fields...)
		for i := range all {
			if all[i][0] == name {
				all[i][1] = value
			}
		}
		return all
	}
	result := func(o gateways.Outcome) *gateways.Result {
		r := &gateways.Result{Outcome: o, Reference: "600000001", Amount: euros(t, "10.00")}
		return r
	}
	for name, c := range map[string]struct {
		body []byte
		want *gateways.Result
		err  error
	}{
		"SHA3":                     {form(key, sha3256, "SIGNATURE_SHA3_256", fields...), result(gateways.Approved), nil},
		"SHA2":                     {form(key, sha256.New, "SIGNATURE_SHA2_256", fields...), result(gateways.Approved), nil},
		"authorized is not paid":   {form(key, sha3256, "SIGNATURE_SHA3_256", changed("ORDERSTATUS", "PAYMENT_AUTHORIZED")...), result(gateways.Pending), nil},
		"canceled":                 {form(key, sha3256, "SIGNATURE_SHA3_256", changed("ORDERSTATUS", "CANCELED")...), result(gateways.Declined), nil},
		"a refund proves nothing":  {form(key, sha3256, "SIGNATURE_SHA3_256", changed("ORDERSTATUS", "REFUND")...), nil, nil},
		"a new status":             {form(key, sha3256, "SIGNATURE_SHA3_256", changed("ORDERSTATUS", "LEVITATING")...), nil, nil},
		"MD5 only":                 {form(key, sha256.New, "SIGNATURE_MD5", fields...), nil, gateways.ErrSignature},
		"another key":              {form("another", sha3256, "SIGNATURE_SHA3_256", fields...), nil, gateways.ErrSignature},
		"altered":                  {[]byte(strings.Replace(string(form(key, sha3256, "SIGNATURE_SHA3_256", fields...)), "10.00", "99.00", 1)), nil, gateways.ErrSignature},
		"in another order":         {form(key, sha3256, "SIGNATURE_SHA3_256", append(fields[1:len(fields):len(fields)], fields[0])...), result(gateways.Approved), nil},
		"five days old":            {form(key, sha3256, "SIGNATURE_SHA3_256", changed("IPN_DATE", now.Add(-5*24*time.Hour).Format("20060102150405"))...), nil, gateways.ErrSignature},
		"a field twice":            {form(key, sha3256, "SIGNATURE_SHA3_256", append(fields[:len(fields):len(fields)], [2]string{"REFNO", "1"})...), nil, tierhost.ErrInvalid},
		"a field is not there":     {form(key, sha3256, "SIGNATURE_SHA3_256", fields[1:]...), nil, tierhost.ErrInvalid},
		"an amount that is no one": {form(key, sha3256, "SIGNATURE_SHA3_256", changed("IPN_TOTALGENERAL", "ten")...), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := p.gateway().Notices(t.Context(), p.place(), incoming(c.body), now)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, gateways.OperationID("op-1"), n[0].Operation)
			if c.want == nil {
				require.Nil(t, n[0].Result)
				return
			}
			require.Equal(t, []any{c.want.Outcome, c.want.Reference}, []any{n[0].Result.Outcome, n[0].Result.Reference})
			require.True(t, n[0].Result.Amount.Equal(c.want.Amount))
		})
	}

	// A customer who pays a live link with a test card has paid nothing, and the other way round.
	for _, c := range []struct {
		live bool
		test string
		ours bool
	}{{true, "0", true}, {true, "1", false}, {true, "", false}, {false, "1", true}, {false, "0", false}} {
		at := p.place()
		at.Live = c.live
		n, err := p.gateway().Notices(t.Context(), at, incoming(form(key, sha3256, "SIGNATURE_SHA3_256", changed("TEST_ORDER", c.test)...)), now)
		require.NoError(t, err)
		require.Equal(t, c.ours, n[0].Operation != "" && n[0].Result != nil, "%+v", c)
		require.Equal(t, c.ours, n[0].Reference != "", "%+v", c)
	}

	// The answer is signed, in the way in which the notification was.
	a, err := p.gateway().Answer(t.Context(), p.place(), incoming(form(key, sha256.New, "SIGNATURE_SHA2_256", fields...)), now)
	require.NoError(t, err)
	m := regexp.MustCompile(`^<sig algo="sha256" date="(\d{14})">([0-9a-f]{64})</sig>$`).FindStringSubmatch(string(a.Body))
	require.NotNil(t, m, string(a.Body))
	require.Equal(t, sum(sha256.New, key, "1000037", "Höstıng", now.Format("20060102150405"), m[1]), m[2])
}

// TestValuesAreJoinedAsInTheExample follows an example of 2Checkout's documentation, which
// shows what is signed.
func TestValuesAreJoinedAsInTheExample(t *testing.T) {
	t.Parallel()
	require.Equal(t, "192016-06-01 12:22:0971000037021310", twocheckout.Source("2016-06-01 12:22:09", "1000037", "", "13", "0"))
}

func TestOtherOrdersAreNoAnswer(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	o := gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge}
	_, err := p.gateway().Find(t.Context(), p.place(), o)
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	p.deaf = true
	p.bank.With(func() { p.bank.Pay(peertest.Payment{ID: "600000009", Operation: "op-2", Amount: 100}, "") })
	_, err = p.gateway().Find(t.Context(), p.place(), o)
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
	require.NotErrorIs(t, err, gateways.ErrNoOperation)
	o.Reference = "600000009"
	_, err = p.gateway().Find(t.Context(), p.place(), o)
	require.ErrorIs(t, err, gateways.ErrNoOperation, "the order of another operation")
	wrong := p.place()
	wrong.Secret = secret.New(`{"key":"x","word":"y"}`)
	_, err = p.gateway().Find(t.Context(), wrong, o)
	require.Equal(t, tierhost.KindDenied, tierhost.KindOf(err))
}

// TestTheLogHasNothingOfOthers: a list may hold orders of others, whatever it was asked for.
func TestTheLogHasNothingOfOthers(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.deaf = true
	p.bank.With(func() {
		for _, id := range []string{"op-1", "op-2", "op-3"} {
			p.bank.Pay(peertest.Payment{ID: "60000000" + id[3:], Operation: id, Amount: 100}, "")
		}
	})
	o := gateways.Operation{ID: "op-2", Verb: gateways.VerbCharge, Tape: &gateways.Tape{}}
	r, err := p.gateway().Find(t.Context(), p.place(), o)
	require.NoError(t, err)
	require.Equal(t, "600000002", r.Reference)
	text := o.Tape.Exchanges()[0].Answer
	require.Contains(t, text, "op-2")
	require.Contains(t, text, `"others":2`)
	require.NotContains(t, text, "op-1")
	require.NotContains(t, text, "600000003")
}

// TestSeveralOrdersOfOneLink: a customer may try more than once, and may pay twice.
func TestSeveralOrdersOfOneLink(t *testing.T) {
	t.Parallel()
	for statuses, want := range map[string]string{
		"CANCELED PENDING": "pending 10.00 EUR", "CANCELED COMPLETE PENDING": "approved 10.00 EUR", "COMPLETE CANCELED": "approved 10.00 EUR",
		"COMPLETE COMPLETE": "approved 20.00 EUR", "REFUND COMPLETE": "approved 20.00 EUR", "CANCELED REVERSED": "declined 10.00 EUR", "CANCELED LEVITATING": "",
	} {
		var all []string
		for i, status := range strings.Fields(statuses) {
			all = append(all, fmt.Sprintf(`{"RefNo":"6%d","ExternalReference":"op-1","Status":%q,"Currency":"eur","GrossPrice":10.00}`, i, status))
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"Items":[`+strings.Join(all, ",")+`]}`)
		}))
		t.Cleanup(s.Close)
		r, err := twocheckout.New(twocheckout.Options{Endpoint: s.URL}).Find(t.Context(), newPeer(t).place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge})
		if want == "" {
			require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, fmt.Sprintf("%s %s", r.Outcome, r.Amount), statuses)
	}
}

// TestAnotherOrderOfALinkIsSeen: the number of one order is known, and the customer has paid by
// another one of the same link.
func TestAnotherOrderOfALinkIsSeen(t *testing.T) {
	t.Parallel()
	order := func(number, external, status string) string {
		return fmt.Sprintf(`{"RefNo":%q,"ExternalReference":%q,"Status":%q,"Currency":"eur","GrossPrice":10.00}`, number, external, status)
	}
	for name, c := range map[string]struct{ list, order, want string }{
		"the other one was paid":      {order("60", "op-1", "CANCELED") + "," + order("61", "op-1", "COMPLETE"), order("60", "op-1", "CANCELED"), "approved 61"},
		"the other one is under way":  {order("60", "op-1", "CANCELED") + "," + order("61", "op-1", "PENDING"), order("60", "op-1", "CANCELED"), "pending 61"},
		"there is one":                {order("60", "op-1", "COMPLETE"), order("60", "op-1", "COMPLETE"), "approved 60"},
		"the list has none":           {"", order("60", "op-1", "COMPLETE"), "approved 60"},
		"the list is of other orders": {order("70", "op-2", "COMPLETE"), order("60", "op-1", "COMPLETE"), "approved 60"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/orders/60/") {
					_, _ = io.WriteString(w, c.order)
					return
				}
				_, _ = io.WriteString(w, `{"Items":[`+c.list+`]}`)
			}))
			t.Cleanup(s.Close)
			r, err := twocheckout.New(twocheckout.Options{Endpoint: s.URL}).Find(t.Context(), newPeer(t).place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Reference: "60"})
			require.NoError(t, err)
			require.Equal(t, c.want, fmt.Sprintf("%s %s", r.Outcome, r.Reference))
		})
	}
}

// TestWhatStatusesMean: each status of orders that 2Checkout documents, of its interface and
// of notifications, and others.
func TestWhatStatusesMean(t *testing.T) {
	t.Parallel()
	for statuses, want := range map[string]gateways.Outcome{ // "": not known
		"COMPLETE REFUND": gateways.Approved,
		"PENDING AUTHRECEIVED PURCHASE_PENDING PENDING_APPROVAL PAYMENT_AUTHORIZED PAYMENT_RECEIVED PENDING_ORDER_APPROVAL TEST": gateways.Pending,
		"REVERSED CANCELED CANCELLED INVALID": gateways.Declined,
		"LEVITATING complete":                 "",
	} {
		for _, status := range strings.Fields(statuses) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"RefNo":"60","ExternalReference":"op-1","Status":"`+status+`","Currency":"eur","GrossPrice":10.00}`)
			}))
			t.Cleanup(s.Close)
			r, err := twocheckout.New(twocheckout.Options{Endpoint: s.URL}).Find(t.Context(), newPeer(t).place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Reference: "60"})
			if want == "" {
				require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), status)
				continue
			}
			require.NoError(t, err, status)
			require.Equal(t, want, r.Outcome, status)
		}
	}
}

func TestStatusesOfHTTP(t *testing.T) {
	t.Parallel()
	peertest.StatusesOfHTTP(t, func(url string) gateways.Gateway { return twocheckout.New(twocheckout.Options{Endpoint: url}) }, newPeer(t).place(),
		gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge}, 401, 403, 429)
	peertest.StatusesOfHTTP(t, func(url string) gateways.Gateway { return twocheckout.New(twocheckout.Options{Endpoint: url}) }, newPeer(t).place(),
		gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Reference: "60"}, 401, 403, 429)
}

func TestLinksHoldAnyText(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	for i, text := range []string{"", "a;b;c", "é'\"\\%\u202e;--<b>&amp;", strings.Repeat("ä", 300)} {
		o := gateways.Operation{ID: gateways.OperationID("op-" + string(rune('a'+i))), Verb: gateways.VerbCharge, Amount: euros(t, "0.01"), Number: text, Text: text}
		b, err := p.gateway().Begin(t.Context(), p.place(), gateways.Checkout{Operation: o, Return: "https://shop.example/?a=b&c=%C3%A4"})
		require.NoError(t, err)
		p.visit(b.Action.URL)
		require.Equal(t, p.clock.Now().Add(24*time.Hour), b.Expires)
	}
	live := p.place()
	live.Live = false
	b, err := p.gateway().Begin(t.Context(), live, gateways.Checkout{Operation: gateways.Operation{ID: "op-t", Verb: gateways.VerbCharge, Amount: euros(t, "1.00")}, Return: "https://shop.example/"})
	require.NoError(t, err)
	u, err := url.Parse(b.Action.URL)
	require.NoError(t, err)
	require.Equal(t, "1", u.Query().Get("test"))
}

func TestAccountsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, key, faults string }{
		{`{"merchant":"1"}`, `{"key":"a","word":"b"}`, ""},
		{``, `{}`, "config.merchant required, secret.key required, secret.word required"},
		{`{"merchant":"1","x":2}`, `7`, "config invalid, secret invalid"},
	} {
		var invalid *tierhost.Invalid
		var got []string
		if err := twocheckout.New(twocheckout.Options{}).CheckAccount(gateways.Place{Config: json.RawMessage(c.config), Secret: secret.New(c.key)}); errors.As(err, &invalid) {
			for _, i := range invalid.Issues {
				got = append(got, i.Path+" "+i.Code)
			}
		}
		require.Equal(t, c.faults, strings.Join(got, ", "))
	}
}

func FuzzNotices(f *testing.F) {
	p := newPeer(f)
	f.Add("REFNO", "600000001", "COMPLETE", "10.00", "EUR", false)
	f.Fuzz(func(t *testing.T, name, reference, status, amount, currency string, forged bool) {
		signer := key
		if forged {
			signer = "another"
		}
		body := form(signer, sha3256, "SIGNATURE_SHA3_256", [2]string{name, reference}, [2]string{"REFNOEXT", "op-1"}, [2]string{"ORDERSTATUS", status},
			[2]string{"IPN_PID[]", "1"}, [2]string{"IPN_PNAME[]", "a"}, [2]string{"IPN_TOTALGENERAL", amount}, [2]string{"CURRENCY", currency},
			[2]string{"IPN_DATE", p.clock.Now().Format("20060102150405")}, [2]string{"TEST_ORDER", "0"})
		n, err := p.gateway().Notices(t.Context(), p.place(), incoming(body), p.clock.Now())
		switch {
		case err != nil && !errors.Is(err, gateways.ErrSignature) && !errors.Is(err, tierhost.ErrInvalid):
			t.Fatal(err)
		case err == nil && forged:
			t.Fatalf("it has taken what nobody signed: %v", n)
		}
	})
}
