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
	"github.com/tierhost/tierhost/gateways/internal/peertest"
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

// answers is a gateway whose interface answers everything with one text.
func answers(t *testing.T, text string) *payflow.Gateway {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	t.Cleanup(s.Close)
	return payflow.New(payflow.Options{Endpoint: s.URL})
}

// TestWhatResultsMean: each RESULT that the Payflow Pro Developer's Guide lists for what is
// asked here, and others. A look that finds one which had no effect finds no operation.
func TestWhatResultsMean(t *testing.T) {
	t.Parallel()
	type meaning struct {
		outcome gateways.Outcome // "": an error
		decline gateways.Decline
		kind    tierhost.Kind
		effect  tierhost.Effect
	}
	of := map[string]meaning{}
	set := func(m meaning, codes ...string) {
		for _, code := range codes {
			of[code] = m
		}
	}
	declined := func(code string, hard bool) meaning {
		return meaning{outcome: gateways.Declined, decline: gateways.Decline{Code: code, Hard: hard}}
	}
	set(meaning{outcome: gateways.Approved}, "0")
	set(meaning{outcome: gateways.Pending}, "126")
	set(declined(gateways.DeclineUnspecified, false), "12", "13")
	set(declined(gateways.DeclineFunds, false), "50")
	set(declined(gateways.DeclineLimit, false), "51")
	set(declined(gateways.DeclineIssuer, false), "150", "151")
	set(declined(gateways.DeclineNumber, true), "22", "23")
	set(declined(gateways.DeclineExpired, true), "24")
	set(declined(gateways.DeclineAddress, true), "112")
	set(declined(gateways.DeclineCheck, true), "114")
	set(declined(gateways.DeclineFraud, true), "125", "128")
	set(meaning{kind: tierhost.KindDenied, effect: tierhost.EffectNone}, "1", "2", "3", "5", "14", "26", "27", "28", "52", "121", "130", "131")
	set(meaning{kind: tierhost.KindInvalid, effect: tierhost.EffectNone}, "4", "6", "7", "8", "9", "10", "25", "29", "100", "101", "118")
	set(meaning{kind: tierhost.KindNotFound, effect: tierhost.EffectNone}, "19")
	set(meaning{kind: tierhost.KindPrecondition, effect: tierhost.EffectNone}, "105", "108", "110", "111", "113", "117", "120", "122", "160", "161", "162")
	set(meaning{kind: tierhost.KindUnavailable, effect: tierhost.EffectNone}, "102", "106", "115")
	set(meaning{kind: tierhost.KindUnavailable, effect: tierhost.EffectUnknown},
		"11", "20", "30", "31", "36", "37", "53", "99", "103", "104", "107", "109", "116", "119", "127", "133", "1000", "-1", "-12", "-104", "777", "x", "00")
	for code, want := range of {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			o := gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: dollars(t, "10.00"), Instrument: &gateways.Token{Value: secret.New("V19000000001")}}
			r, err := answers(t, "RESULT="+code+"&PNREF=V1&RESPMSG=x").Do(t.Context(), newPeer(t).place(), o)
			found, lookErr := answers(t, "RESULT=0&ORIGRESULT="+code+"&ORIGPNREF=V1&RESPMSG=x").Find(t.Context(), newPeer(t).place(), o)
			switch {
			case want.outcome != "":
				require.NoError(t, err)
				require.NoError(t, lookErr)
				require.Equal(t, r, found)
				want.decline.Text = map[bool]string{true: "x"}[want.decline.Code != ""]
				require.Equal(t, []any{want.outcome, want.decline, "V1"}, []any{r.Outcome, r.Decline, r.Reference})
				require.True(t, r.Amount.Equal(o.Amount))
				return
			case want.effect == tierhost.EffectNone:
				require.ErrorIs(t, lookErr, gateways.ErrNoOperation)
			default:
				require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(lookErr))
				require.NotErrorIs(t, lookErr, gateways.ErrNoOperation)
			}
			require.Equal(t, []any{want.kind, want.effect}, []any{tierhost.KindOf(err), tierhost.EffectOf(err)}, "%v", err)
		})
	}
}

func TestWhatAnswersMean(t *testing.T) {
	t.Parallel()
	for answer, outcome := range map[string]gateways.Outcome{ // "": not known
		"RESULT=0&PNREF=V1&RESPMSG=Approved":             gateways.Approved,
		"RESULT=0&PNREF=V1&AMT=10.00&DUPLICATE=1":        gateways.Approved,
		"RESULT[1]=0&PNREF[2]=V1&RESPMSG[5]=a&b=c&X[0]=": gateways.Approved,
		"RESULT=0&PNREF=V1&DUPLICATE=1":                  "",
		"RESULT=0&PNREF=V1&AMT=ten":                      "",
		"RESULT=0&RESPMSG=Approved":                      "",
		"PNREF=V1":                                       "",
		"RESULT=0&RESULT=12&PNREF=V1":                    "",
		"RESULT[99]=0":                                   "",
		"":                                               "",
	} {
		r, err := answers(t, answer).Do(t.Context(), newPeer(t).place(), gateways.Operation{
			ID: "op-1", Verb: gateways.VerbCharge, Amount: dollars(t, "10.00"), Instrument: &gateways.Token{Value: secret.New("V19000000001")},
		})
		if outcome == "" {
			require.Equal(t, []any{tierhost.KindUnavailable, tierhost.EffectUnknown}, []any{tierhost.KindOf(err), tierhost.EffectOf(err)}, answer)
			continue
		}
		require.NoError(t, err, answer)
		require.Equal(t, outcome, r.Outcome)
		require.True(t, r.Amount.Equal(dollars(t, "10.00")))
	}
}

// TestACaptureIsGivenBackByItsOwnName: Payflow gives back sales and captures, and not what was
// authorized.
func TestACaptureIsGivenBackByItsOwnName(t *testing.T) {
	t.Parallel()
	for _, days := range []int{0, 20, 45, 200} {
		p := newPeer(t)
		s := peertest.NewShop(t, p.gateway(), p.place(), p.clock)
		euro, err := money.ISO("EUR")
		require.NoError(t, err)
		pay := s.Pay(money.FromMinor(1000, euro), true)
		p.pay(string(pay.Attempts[0].ID))
		s.Work()
		require.Equal(t, gateways.PhaseAuthorized, s.Now(pay).Phase)
		p.bank.Script(gateways.VerbCapture, gatewaytest.LostAfter)
		_, err = s.Capture(t.Context(), gateways.MoveRequest{Key: "c1", Payment: pay.ID, Amount: money.FromMinor(700, euro)})
		require.NoError(t, err)
		s.Work()
		require.Equal(t, gateways.PhasePaid, s.Now(pay).Phase, "%+v", s.Now(pay).Attempts)

		p.clock.Advance(time.Duration(days) * 24 * time.Hour)
		for i, key := range []string{"r1", "r2"} {
			_, err = s.Refund(t.Context(), gateways.MoveRequest{Key: key, Payment: pay.ID, Amount: money.FromMinor(300, euro)})
			require.NoError(t, err)
			require.Equal(t, gateways.AttemptApproved, s.Now(pay).Attempts[2+i].State, "after %d days: %s", days, s.Now(pay).Attempts[2+i].Failure)
		}
		require.Equal(t, map[gateways.SettlementKind]int64{gateways.Received: 700, gateways.Returned: 600}, s.Booked)
		require.Equal(t, gatewaytest.Books{Taken: 700, Given: 600}, p.bank.Books())
	}
}

// TestAnEarlierCaptureThatWasDeclinedSaysNothingOfTheNext: captures of one authorization have
// one reference.
func TestAnEarlierCaptureThatWasDeclinedSaysNothingOfTheNext(t *testing.T) {
	t.Parallel()
	o := gateways.Operation{ID: "op-3", Verb: gateways.VerbCapture, Amount: dollars(t, "10.00"), Reference: "V1/authorization"}
	g := answers(t, "RESULT=0&ORIGRESULT=12&ORIGPNREF=V2&RESPMSG=Declined")
	_, err := g.Find(t.Context(), newPeer(t).place(), o)
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	o.Reference = "V2" // by its own name it is this one
	r, err := g.Find(t.Context(), newPeer(t).place(), o)
	require.NoError(t, err)
	require.Equal(t, gateways.Declined, r.Outcome)
	_, err = answers(t, "RESULT=0&ORIGRESULT=104&ORIGPNREF=V2").Find(t.Context(), newPeer(t).place(), o)
	require.NotErrorIs(t, err, gateways.ErrNoOperation)
}

func TestWhatIsAuthorizedIsLetGoOrItsCaptureIs(t *testing.T) {
	t.Parallel()
	authorized := func() (*peer, gateways.Result) {
		p := newPeer(t)
		token := p.site().Token()
		r, err := p.gateway().Do(t.Context(), p.place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbAuthorize, Amount: dollars(t, "10.00"), Instrument: &token})
		require.NoError(t, err)
		return p, r
	}
	do := func(p *peer, v gateways.Verb, id gateways.OperationID, reference string) error {
		_, err := p.gateway().Do(t.Context(), p.place(), gateways.Operation{ID: id, Verb: v, Amount: dollars(t, "10.00"), Reference: reference})
		return err
	}
	p, r := authorized()
	require.Equal(t, tierhost.KindPrecondition, tierhost.KindOf(do(p, gateways.VerbRefund, "op-2", r.Reference)), "nothing is captured")
	require.NoError(t, do(p, gateways.VerbVoid, "op-3", r.Reference))
	require.Equal(t, gatewaytest.Books{}, p.bank.Books())

	p, r = authorized()
	require.NoError(t, do(p, gateways.VerbCapture, "op-2", r.Reference))
	require.NoError(t, do(p, gateways.VerbVoid, "op-3", r.Reference), "it is not settled yet")
	require.Equal(t, gatewaytest.Books{}, p.bank.Books())
}

// TestLooksAreForTheTimeOfTheOperation: an inquiry that names no time looks through 30 days
// only, and would not find what has waited for longer.
func TestLooksAreForTheTimeOfTheOperation(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	token := p.site().Token()
	o := gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: dollars(t, "10.00"), Instrument: &token, Begun: p.clock.Now()}
	p.bank.Script(gateways.VerbCharge, gatewaytest.Waits)
	r, err := p.gateway().Do(t.Context(), p.place(), o)
	require.NoError(t, err)
	require.Equal(t, gateways.Pending, r.Outcome)
	p.clock.Advance(60 * 24 * time.Hour)
	p.site().Complete(o.ID, true)
	found, err := p.gateway().Find(t.Context(), p.place(), o)
	require.NoError(t, err)
	require.Equal(t, gateways.Approved, found.Outcome)
	// By Payflow's own name it is found if our clock was wrong.
	o.Begun, o.Reference = time.Time{}, r.Reference
	found, err = p.gateway().Find(t.Context(), p.place(), o)
	require.NoError(t, err)
	require.Equal(t, gateways.Approved, found.Outcome)
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

func TestStatusesOfHTTP(t *testing.T) {
	t.Parallel()
	peertest.StatusesOfHTTP(t, func(url string) gateways.Gateway { return payflow.New(payflow.Options{Endpoint: url}) }, newPeer(t).place(),
		gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: dollars(t, "1.00")})
}

// TestNoticesAreHints: nobody signs a silent post, so it proves nothing, and one that somebody
// has made up does not stand for the one that comes.
func TestNoticesAreHints(t *testing.T) {
	t.Parallel()
	read := func(body string) gateways.Notice {
		n, err := payflow.New(payflow.Options{}).Notices(t.Context(), gateways.Place{}, gateways.Incoming{Method: http.MethodPost, Body: []byte(body)}, time.Time{})
		require.NoError(t, err)
		require.Len(t, n, 1)
		require.True(t, n[0].Unsigned)
		require.Nil(t, n[0].Result)
		return n[0]
	}
	const post = "RESULT=0&PNREF=V19&USER1=op-1&AMT=10.00"
	require.Equal(t, gateways.OperationID("op-1"), read(post).Operation)
	require.Equal(t, read(post), read(post), "sent again it is the same")
	require.NotEqual(t, read(post).Event, read("RESULT=0&PNREF=V20&USER1=op-1&AMT=10.00").Event)
	require.Empty(t, read("RESULT=0&USER1="+strings.Repeat("x", 37)).Operation)
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
