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

// TestWhatWasReceivedIsPendingUntilItIsShown: WorldPay takes a modification and does it
// later, up to weeks for a refund. Until then the order tells what it told before.
func TestWhatWasReceivedIsPendingUntilItIsShown(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	s := peertest.NewShop(t, p.gateway(), p.place(), p.clock)
	pay := s.Pay(euros(t, "10.00"), true)
	p.visit(pay.Attempts[0].ID, pay.Action.URL)
	s.Work()
	require.Equal(t, gateways.PhaseAuthorized, s.Now(pay).Phase)

	p.slow = true
	_, err := s.Capture(t.Context(), gateways.MoveRequest{Key: "c1", Payment: pay.ID})
	require.NoError(t, err)
	for range 4 {
		s.Work()
		require.Equal(t, gateways.AttemptPending, s.Now(pay).Attempts[1].State, "it is in hand, and not unheard of")
	}
	p.work()
	s.Work()
	require.Equal(t, gateways.PhasePaid, s.Now(pay).Phase)

	_, err = s.Refund(t.Context(), gateways.MoveRequest{Key: "r1", Payment: pay.ID})
	require.NoError(t, err)
	for _, event := range []string{"CAPTURED", "SETTLED", "SENT_FOR_REFUND", "SENT_FOR_REFUND"} {
		p.event(event)
		for range 3 {
			s.Work()
		}
		require.Equal(t, gateways.AttemptPending, s.Now(pay).Attempts[2].State, event)
		require.True(t, s.Now(pay).Refundable().IsZero(), "nothing else may be given back meanwhile")
	}
	p.event("")
	p.work()
	for range 3 {
		s.Work()
	}
	require.Equal(t, gateways.AttemptApproved, s.Now(pay).Attempts[2].State)
	require.Equal(t, map[gateways.SettlementKind]int64{gateways.Received: 1000, gateways.Returned: 1000}, s.Booked)
	require.Equal(t, gatewaytest.Books{Taken: 1000, Given: 1000}, p.bank.Books())
}

// TestAnEarlierRefundThatFailedSaysNothingOfTheNext: the order still tells of the first while
// the second is in hand; were that taken for a decline, a third would be made.
func TestAnEarlierRefundThatFailedSaysNothingOfTheNext(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	_, r := paid(t, p, gateways.VerbCharge)
	p.slow = true
	back := gateways.Operation{ID: "op-2", Verb: gateways.VerbRefund, Amount: euros(t, "10.00"), Reference: r.Reference}
	look := func(want gateways.Outcome) {
		t.Helper()
		got, err := p.gateway().Find(t.Context(), p.place(), back)
		require.NoError(t, err)
		require.Equal(t, want, got.Outcome)
		back.Reference = got.Reference
	}
	first, err := p.gateway().Do(t.Context(), p.place(), back)
	require.NoError(t, err)
	back.Reference = first.Reference
	look(gateways.Pending)
	p.event("REFUND_FAILED")
	look(gateways.Declined)

	back = gateways.Operation{ID: "op-3", Verb: gateways.VerbRefund, Amount: euros(t, "10.00"), Reference: r.Reference}
	second, err := p.gateway().Do(t.Context(), p.place(), back)
	require.NoError(t, err)
	require.Equal(t, gateways.Pending, second.Outcome)
	back.Reference = second.Reference
	look(gateways.Pending)
	p.event("SENT_FOR_REFUND")
	look(gateways.Pending)
	p.event("REFUND_FAILED") // as the first did, and of this one, which was seen under way
	look(gateways.Declined)
	p.event("REFUNDED")
	look(gateways.Approved)
}

func TestAKeyThatWasUsedIsNoNewModification(t *testing.T) {
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

// TestWhatEventsMean: each event that WorldPay documents, and one that it does not.
func TestWhatEventsMean(t *testing.T) {
	t.Parallel()
	const none, unclear = gateways.Outcome("no such operation"), gateways.Outcome("unclear")
	const yes, no, wait = gateways.Approved, gateways.Declined, gateways.Pending
	for event, want := range map[string]struct {
		charge, authorize     gateways.Outcome
		capture, void, refund gateways.Outcome // that WorldPay has received
		lost                  gateways.Outcome // a refund whose answer was lost, days ago
	}{
		"SIGNED_FORM_RECEIVED":     {wait, wait, wait, wait, wait, none},
		"SENT_FOR_AUTHORISATION":   {wait, wait, wait, wait, wait, none},
		"SHOPPER_REDIRECTED":       {wait, wait, wait, wait, wait, none},
		"AUTHORISED":               {wait, yes, wait, wait, wait, none},
		"REFUSED":                  {no, no, no, no, no, no},
		"ERROR":                    {no, no, no, no, no, no},
		"EXPIRED":                  {no, no, no, no, no, no},
		"CANCELLED":                {no, no, no, yes, no, no},
		"CAPTURED":                 {yes, yes, yes, no, wait, none},
		"SETTLED":                  {yes, yes, yes, no, wait, none},
		"SETTLED_BY_MERCHANT":      {yes, yes, yes, no, wait, none},
		"SENT_FOR_REFUND":          {yes, yes, yes, no, wait, wait},
		"REFUNDED":                 {yes, yes, yes, no, yes, yes},
		"REFUNDED_BY_MERCHANT":     {yes, yes, yes, no, yes, yes},
		"REFUND_FAILED":            {yes, yes, yes, no, no, no},
		"CHARGED_BACK":             {yes, yes, yes, no, wait, none},
		"CHARGEBACK_REVERSED":      {yes, yes, yes, no, wait, none},
		"INFORMATION_REQUESTED":    {yes, yes, yes, no, wait, none},
		"INFORMATION_SUPPLIED":     {yes, yes, yes, no, wait, none},
		"DISPUTE_EXPIRED":          {yes, yes, yes, no, wait, none},
		"DISPUTE_RESERVE_RELEASED": {yes, yes, yes, no, wait, none},
		"DISPUTED_FUNDS_HELD":      {yes, yes, yes, no, wait, none},
		"DISPUTED_FUNDS_RELEASED":  {yes, yes, yes, no, wait, none},
		"LEVITATING":               {unclear, unclear, unclear, unclear, unclear, unclear},
		"":                         {unclear, unclear, unclear, unclear, unclear, unclear},
	} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			p.bank.With(func() {
				p.bank.Pay(peertest.Payment{ID: "op-1", Operation: "op-1", Amount: 1000}, "").Notes["event"] = event
				if event == "" {
					p.bank.All()[0].State = "none"
				}
			})
			look := func(verb gateways.Verb, reference string, begun time.Time) gateways.Outcome {
				o := gateways.Operation{ID: "op-1", Verb: verb, Amount: euros(t, "10.00"), Reference: reference, Begun: begun}
				r, err := p.gateway().Find(t.Context(), p.place(), o)
				switch {
				case errors.Is(err, gateways.ErrNoOperation):
					return none
				case err != nil:
					require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
					return unclear
				}
				require.True(t, r.Amount.Equal(o.Amount))
				require.Equal(t, event, r.Facts["last_event"])
				return r.Outcome
			}
			now := p.clock.Now()
			long := now.Add(-4 * 24 * time.Hour)
			require.Equal(t, want.charge, look(gateways.VerbCharge, "op-1", now), "charge")
			require.Equal(t, want.authorize, look(gateways.VerbAuthorize, "op-1", now), "authorize")
			require.Equal(t, want.capture, look(gateways.VerbCapture, "op-1/capture/BEFORE", long), "capture")
			require.Equal(t, want.void, look(gateways.VerbVoid, "op-1/void/BEFORE", long), "void")
			require.Equal(t, want.refund, look(gateways.VerbRefund, "op-1/refund/BEFORE", long), "refund")
			require.Equal(t, want.lost, look(gateways.VerbRefund, "op-1", long), "a refund that was lost long ago")
			if event == "REFUND_FAILED" { // which may be that of an earlier refund, told late
				require.Equal(t, wait, look(gateways.VerbRefund, "op-1/refund/BEFORE", now))
			}
			if want.lost == none || want.lost == no { // it may be in hand still
				require.Equal(t, unclear, look(gateways.VerbRefund, "op-1", now.Add(-time.Hour)), "a refund that was lost just now")
			}
		})
	}
}

// TestWhatIssuersSay: the return codes that say why a payment was refused.
func TestWhatIssuersSay(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]gateways.Decline{
		"5": {Code: gateways.DeclineUnspecified}, "05": {Code: gateways.DeclineUnspecified}, "51": {Code: gateways.DeclineFunds},
		"33": {Code: gateways.DeclineExpired, Hard: true}, "54": {Code: gateways.DeclineExpired, Hard: true}, "14": {Code: gateways.DeclineNumber, Hard: true},
		"34": {Code: gateways.DeclineFraud, Hard: true}, "59": {Code: gateways.DeclineFraud, Hard: true}, "83": {Code: gateways.DeclineFraud, Hard: true},
		"4": {Code: gateways.DeclineLost, Hard: true}, "04": {Code: gateways.DeclineLost, Hard: true}, "7": {Code: gateways.DeclineLost, Hard: true},
		"07": {Code: gateways.DeclineLost, Hard: true}, "41": {Code: gateways.DeclineLost, Hard: true}, "43": {Code: gateways.DeclineLost, Hard: true},
		"57": {Code: gateways.DeclineRestricted, Hard: true}, "58": {Code: gateways.DeclineRestricted, Hard: true}, "62": {Code: gateways.DeclineRestricted, Hard: true},
		"61": {Code: gateways.DeclineLimit}, "65": {Code: gateways.DeclineLimit}, "91": {Code: gateways.DeclineIssuer},
		"78": {Code: "worldpay.78"}, // the order says that it is refused, whatever the reason
	} {
		p := newPeer(t)
		p.bank.With(func() {
			pay := p.bank.Pay(peertest.Payment{ID: "op-1", Operation: "op-1", Amount: 1000}, "")
			pay.Notes["code"], pay.State = code, peertest.Declined
		})
		r, err := p.gateway().Find(t.Context(), p.place(), gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge})
		require.NoError(t, err)
		r.Decline.Text = ""
		require.Equal(t, []any{gateways.Declined, want}, []any{r.Outcome, r.Decline}, code)
	}
}

// TestErrors: what each code of an error says of a modification.
func TestErrors(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct {
		kind   tierhost.Kind
		effect tierhost.Effect
	}{
		"1": {tierhost.KindUnavailable, tierhost.EffectUnknown}, "2": {tierhost.KindInvalid, tierhost.EffectNone}, "3": {tierhost.KindUnavailable, tierhost.EffectUnknown},
		"4": {tierhost.KindDenied, tierhost.EffectNone}, "5": {tierhost.KindPrecondition, tierhost.EffectNone}, "6": {tierhost.KindUnavailable, tierhost.EffectUnknown},
		"7": {tierhost.KindInvalid, tierhost.EffectNone}, "77": {tierhost.KindUnavailable, tierhost.EffectUnknown}, "": {tierhost.KindUnavailable, tierhost.EffectUnknown},
	} {
		p := newPeer(t)
		_, r := paid(t, p, gateways.VerbCharge)
		p.failure = &code
		_, err := p.gateway().Do(t.Context(), p.place(), gateways.Operation{ID: "op-2", Verb: gateways.VerbRefund, Amount: euros(t, "10.00"), Reference: r.Reference})
		require.Equal(t, []any{want.kind, want.effect}, []any{tierhost.KindOf(err), tierhost.EffectOf(err)}, "%q: %v", code, err)
	}
}

// TestStatusesOfHTTP: each class, of a look.
func TestStatusesOfHTTP(t *testing.T) {
	t.Parallel()
	peertest.StatusesOfHTTP(t, func(url string) gateways.Gateway { return worldpay.New(worldpay.Options{Endpoint: url}) }, newPeer(t).place(),
		gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Reference: "op-1", Amount: euros(t, "1.00")}, 401, 403, 429)
}

// TestNoticesAreHints: nobody signs them, so one that somebody has made up before must not
// stand for the one that comes.
func TestNoticesAreHints(t *testing.T) {
	t.Parallel()
	body := func(batch string) []byte {
		return []byte(head + `<paymentService><notify><orderStatusEvent orderCode="op-1"><payment><lastEvent>SENT_FOR_REFUND</lastEvent></payment><journal><accountTx batchId="` + batch + `"/></journal></orderStatusEvent></notify></paymentService>`)
	}
	read := func(body []byte) gateways.Notice {
		n, err := newPeer(t).gateway().Notices(t.Context(), gateways.Place{}, incoming(body), time.Time{})
		require.NoError(t, err)
		require.Len(t, n, 1)
		require.True(t, n[0].Unsigned)
		require.Equal(t, gateways.OperationID("op-1"), n[0].Operation)
		return n[0]
	}
	require.Equal(t, read(body("8")), read(body("8")), "sent again it is the same")
	require.NotEqual(t, read(body("8")).Event, read(body("9")).Event, "the next refund of the order is another")
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
