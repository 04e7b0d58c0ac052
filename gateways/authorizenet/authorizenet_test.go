package authorizenet_test

import (
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
	"github.com/tierhost/tierhost/gateways/authorizenet"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
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

func (p *peer) operation(v gateways.Verb, id gateways.OperationID, text, reference string) gateways.Operation {
	o := gateways.Operation{ID: id, Verb: v, Payment: "pay_1", Amount: amount(p.t, text, "EUR"), Reference: reference, Begun: p.now(), Tape: &gateways.Tape{}}
	if reference == "" {
		t := p.token()
		o.Instrument = &t
	}
	return o
}

func TestACaptureIsMadeOnce(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r, err := p.gateway().Do(t.Context(), p.place(), p.operation(gateways.VerbAuthorize, "op-1", "10.00", ""))
	require.NoError(t, err)
	require.Equal(t, gatewaytest.Books{Held: 1000}, p.bank.Books())
	capture := p.operation(gateways.VerbCapture, "op-2", "7.00", r.Reference)
	_, err = p.gateway().Find(t.Context(), p.place(), capture)
	require.ErrorIs(t, err, gateways.ErrNoOperation)
	p.bank.Script(gateways.VerbCapture, gatewaytest.LostAfter)
	_, err = p.gateway().Do(t.Context(), p.place(), capture)
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
	for range 2 {
		c, err := p.gateway().Find(t.Context(), p.place(), capture)
		require.NoError(t, err)
		require.True(t, c.Amount.Equal(capture.Amount))
		c, err = p.gateway().Do(t.Context(), p.place(), capture)
		require.NoError(t, err)
		require.True(t, c.Amount.Equal(capture.Amount))
	}
	require.Equal(t, gatewaytest.Books{Taken: 700}, p.bank.Books())
}

func TestBeforeSettlementARefundIsAVoid(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.settles = false
	r, err := p.gateway().Do(t.Context(), p.place(), p.operation(gateways.VerbCharge, "op-1", "10.00", ""))
	require.NoError(t, err)
	part := p.operation(gateways.VerbRefund, "op-2", "4.00", r.Reference)
	_, err = p.gateway().Do(t.Context(), p.place(), part)
	require.Equal(t, tierhost.KindPrecondition, tierhost.KindOf(err))
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	require.Equal(t, gatewaytest.Books{Taken: 1000}, p.bank.Books(), "a part must not become a void of all")

	all := p.operation(gateways.VerbRefund, "op-3", "10.00", r.Reference)
	p.bank.Script(gateways.VerbVoid, gatewaytest.LostAfter)
	_, err = p.gateway().Do(t.Context(), p.place(), all)
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err))
	for range 2 {
		back, err := p.gateway().Find(t.Context(), p.place(), all)
		require.NoError(t, err)
		require.Equal(t, gateways.Approved, back.Outcome)
		require.True(t, back.Amount.Equal(all.Amount))
		back, err = p.gateway().Do(t.Context(), p.place(), all)
		require.NoError(t, err)
		require.True(t, back.Amount.Equal(all.Amount))
	}
	require.Equal(t, gatewaytest.Books{}, p.bank.Books())

	// The next day it is settled, and a part can be given back.
	second, err := p.gateway().Do(t.Context(), p.place(), p.operation(gateways.VerbCharge, "op-4", "10.00", ""))
	require.NoError(t, err)
	p.settles = true
	part = p.operation(gateways.VerbRefund, "op-5", "4.00", second.Reference)
	_, err = p.gateway().Do(t.Context(), p.place(), part)
	require.NoError(t, err)
	require.Equal(t, gatewaytest.Books{Taken: 1000, Given: 400}, p.bank.Books())
}

// canned is a gateway whose interface answers one thing to transactions, and knows none.
func canned(t *testing.T, answer string) (*authorizenet.Gateway, gateways.Place) {
	t.Helper()
	p := newPeer(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := new(strings.Builder)
		_ = r.Write(text)
		if strings.Contains(text.String(), "<createTransactionRequest") {
			_, _ = w.Write([]byte(answer))
			return
		}
		say(w, "getResponse", "Ok", "I00001", "x", "<transactions></transactions>")
	}))
	t.Cleanup(s.Close)
	return authorizenet.New(authorizenet.Options{Endpoint: s.URL}), p.place()
}

func TestWhatAnswersMean(t *testing.T) {
	t.Parallel()
	tx := func(code, reason, id string) string {
		w := httptest.NewRecorder()
		transaction(w, code, reason, id, "")
		return w.Body.String()
	}
	refusal := func(code string) string {
		w := httptest.NewRecorder()
		say(w, "createTransactionResponse", "Error", code, "x", "")
		return w.Body.String()
	}
	for _, c := range []struct {
		name, body string
		outcome    gateways.Outcome // "": an error
		decline    gateways.Decline
		kind       tierhost.Kind
		effect     tierhost.Effect
	}{
		{"approved", tx("1", "1", "60000000001"), gateways.Approved, gateways.Decline{}, 0, 0},
		{"approved in test mode", tx("1", "1", "0"), "", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{"held", tx("4", "252", "60000000001"), gateways.Pending, gateways.Decline{}, 0, 0},
		{"declined", tx("2", "2", "60000000001"), gateways.Declined, gateways.Decline{Code: gateways.DeclineUnspecified}, 0, 0},
		{"to be picked up", tx("2", "4", "60000000001"), gateways.Declined, gateways.Decline{Code: gateways.DeclineLost, Hard: true}, 0, 0},
		{"address", tx("2", "27", "60000000001"), gateways.Declined, gateways.Decline{Code: gateways.DeclineAddress, Hard: true}, 0, 0},
		{"security code", tx("2", "44", "60000000001"), gateways.Declined, gateways.Decline{Code: gateways.DeclineCheck, Hard: true}, 0, 0},
		{"expired", tx("3", "8", "0"), gateways.Declined, gateways.Decline{Code: gateways.DeclineExpired, Hard: true}, 0, 0},
		{"wrong number", tx("3", "6", "0"), gateways.Declined, gateways.Decline{Code: gateways.DeclineNumber, Hard: true}, 0, 0},
		{"unknown reason", tx("2", "999", "0"), gateways.Declined, gateways.Decline{Code: "authorizenet.999"}, 0, 0},
		{"a duplicate that is not found", tx("3", "11", "0"), "", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{"not processed", tx("3", "25", "0"), "", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectNone},
		{"failed midway", tx("3", "120", "0"), "", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{"wrong login", tx("3", "13", "0"), "", gateways.Decline{}, tierhost.KindDenied, tierhost.EffectNone},
		{"wrong field", tx("3", "5", "0"), "", gateways.Decline{}, tierhost.KindInvalid, tierhost.EffectNone},
		{"unknown response code", tx("7", "1", "1"), "", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{"authentication", refusal("E00007"), "", gateways.Decline{}, tierhost.KindDenied, tierhost.EffectNone},
		{"no such profile", refusal("E00040"), "", gateways.Decline{}, tierhost.KindNotFound, tierhost.EffectNone},
		{"schema", refusal("E00003"), "", gateways.Decline{}, tierhost.KindInvalid, tierhost.EffectNone},
		{"broken", refusal("E00001"), "", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
		{"nothing", "", "", gateways.Decline{}, tierhost.KindUnavailable, tierhost.EffectUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, at := canned(t, c.body)
			token := gateways.Token{Customer: "1", Value: secret.New("2")}
			o := gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: amount(t, "10.00", "EUR"), Instrument: &token}
			r, err := g.Do(t.Context(), at, o)
			if c.outcome == "" {
				require.Error(t, err)
				require.Equal(t, c.kind, tierhost.KindOf(err), "%v", err)
				require.Equal(t, c.effect, tierhost.EffectOf(err), "%v", err)
				return
			}
			require.NoError(t, err)
			r.Decline.Text = ""
			require.Equal(t, []any{c.outcome, c.decline}, []any{r.Outcome, r.Decline})
		})
	}
}

func TestStatusesOfHTTP(t *testing.T) {
	t.Parallel()
	peertest.StatusesOfHTTP(t, func(url string) gateways.Gateway { return authorizenet.New(authorizenet.Options{Endpoint: url}) }, newPeer(t).place(),
		gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Reference: "600", Amount: amount(t, "1.00", "EUR")})
}

func TestTheAccountHasOneCurrency(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	o := p.operation(gateways.VerbCharge, "op-1", "10.00", "")
	o.Amount = amount(t, "10.00", "USD")
	_, err := p.gateway().Do(t.Context(), p.place(), o)
	require.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err))
	require.Empty(t, o.Tape.Exchanges(), "nothing is sent")
}

// TestTwoKeepingsDoNotClaimOneCard: of a customer who has cards already, begun at the same
// time in two windows.
func TestTwoKeepingsDoNotClaimOneCard(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	g, old := p.gateway(), p.token()
	begin := func(id gateways.OperationID) (gateways.Keeping, gateways.Begun) {
		k := gateways.Keeping{ID: id, Customer: "anna", Known: old.Customer, Return: "https://shop.example/kept", Tape: &gateways.Tape{}}
		begun, err := g.Keep(t.Context(), p.place(), k)
		require.NoError(t, err)
		require.Equal(t, "https://test.authorize.net/customer/addPayment", begun.Action.URL)
		require.True(t, begun.Action.Post)
		require.NotContains(t, fmt.Sprint(k.Tape.Exchanges()), begun.Action.Fields[0].Value)
		again, err := g.Keep(t.Context(), p.place(), k)
		require.NoError(t, err)
		require.Equal(t, begun.Reference, again.Reference, "the same profile for the same keeping")
		k.Reference = begun.Reference
		return k, begun
	}
	pending := func(k gateways.Keeping) {
		t.Helper()
		_, _, err := g.Kept(t.Context(), p.place(), k)
		var not *gateways.NotKeptError
		require.ErrorAs(t, err, &not)
		require.Equal(t, gateways.Pending, not.Result.Outcome)
	}
	kept := func(k gateways.Keeping) gateways.Token {
		t.Helper()
		token, card, err := g.Kept(t.Context(), p.place(), k)
		require.NoError(t, err)
		require.Equal(t, gateways.Card{Brand: gateways.Visa, LastFour: "1111"}, card)
		return token
	}
	first, one := begin("keep-1")
	second, two := begin("keep-2")
	pending(first)
	p.site().Give(first, one)
	token := kept(first)
	require.False(t, token.Value.Equal(old.Value), "the old card is not what was added")
	pending(second)
	p.site().Give(second, two)
	other := kept(second)
	require.False(t, token.Value.Equal(other.Value))
	p.site().Give(first, one)
	require.True(t, token.Value.Equal(kept(first).Value), "asked again it is the same, whatever was added since")
	second.Reference = "" // as when the answer to Keep was lost
	require.True(t, other.Value.Equal(kept(second).Value))
	second.Reference = first.Reference
	_, _, err := g.Kept(t.Context(), p.place(), second)
	require.ErrorIs(t, err, gateways.ErrNoOperation, "another keeping's profile")
}

// TestTheLogHasNothingOfOthers: a lost charge is looked for in lists of all transactions.
func TestTheLogHasNothingOfOthers(t *testing.T) {
	t.Parallel()
	for _, settled := range []bool{false, true} {
		p := newPeer(t)
		p.settles = settled
		var o gateways.Operation
		for _, id := range []gateways.OperationID{"op-1", "op-2", "op-3"} {
			o = p.operation(gateways.VerbCharge, id, "10.00", "")
			_, err := p.gateway().Do(t.Context(), p.place(), o)
			require.NoError(t, err)
		}
		for _, tape := range []*gateways.Tape{o.Tape, {}} { // of the look before the charge, and of one after it
			o.Tape = tape
			r, err := p.gateway().Find(t.Context(), p.place(), o)
			require.NoError(t, err)
			require.Equal(t, gateways.Approved, r.Outcome)
			text := fmt.Sprint(tape.Exchanges())
			require.Contains(t, text, authorizenet.Digest("op-3"))
			require.Contains(t, text, "others: 2")
			for _, other := range []gateways.OperationID{"op-1", "op-2"} {
				require.NotContains(t, text, authorizenet.Digest(other))
			}
		}
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	body := func(date string) []byte {
		return []byte(`{"notificationId":"n-1","eventType":"net.authorize.payment.refund.created","eventDate":"` + date + `","payload":{"entityName":"transaction","id":"600"}}`)
	}
	good := "2031-03-02T09:29:59.1234567Z"
	text := p.place()
	text.Secret = secret.New(fmt.Sprintf(`{"login":"l","transaction_key":"k","signature_key":%q,"signature_encoding":"text"}`, signing))
	for name, c := range map[string]struct {
		at        gateways.Place
		signature string
		body      []byte
		good      bool
	}{
		"good":                    {p.place(), sign(signing, body(good)), body(good), true},
		"in small letters":        {p.place(), strings.ToLower(sign(signing, body(good))), body(good), true},
		"sent again after a day":  {p.place(), sign(signing, body("2031-03-01T09:29:59Z")), body("2031-03-01T09:29:59Z"), true},
		"five days old":           {p.place(), sign(signing, body("2031-02-25T09:29:59Z")), body("2031-02-25T09:29:59Z"), false},
		"of tomorrow":             {p.place(), sign(signing, body("2031-03-03T09:29:59Z")), body("2031-03-03T09:29:59Z"), false},
		"without a date":          {p.place(), sign(signing, body("")), body(""), false},
		"altered":                 {p.place(), sign(signing, body(good)), append(body(good), ' '), false},
		"another key":             {p.place(), sign("ABCD", body(good)), body(good), false},
		"the key's other meaning": {text, sign(signing, body(good)), body(good), false},
		"cut":                     {p.place(), sign(signing, body(good))[:100], body(good), false},
		"none":                    {p.place(), "", body(good), false},
		"another scheme":          {p.place(), strings.Replace(sign(signing, body(good)), "sha512", "sha1", 1), body(good), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := gateways.Incoming{Header: http.Header{http.CanonicalHeaderKey("X-ANET-Signature"): {c.signature}}, Body: c.body}
			n, err := p.gateway().Notices(t.Context(), c.at, in, p.now())
			if !c.good {
				require.ErrorIs(t, err, gateways.ErrSignature)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "n-1", n[0].Event)
			require.Equal(t, "600", n[0].Reference)
		})
	}
	none := p.place()
	none.Secret = secret.New(`{"login":"l","transaction_key":"k"}`)
	_, err := p.gateway().Notices(t.Context(), none, p.incoming(body(good), time.Time{}), p.now())
	require.ErrorIs(t, err, gateways.ErrSignature, "an account without a key takes none")
}

func TestAccountsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, key, faults string }{
		{`{"currency":"USD"}`, `{"login":"a","transaction_key":"b"}`, ""},
		{`{"currency":"USD"}`, `{"login":"a","transaction_key":"b","signature_key":"00ff","signature_encoding":"hex"}`, ""},
		{``, `{"signature_key":"zz","signature_encoding":"hex"}`, "config.currency required, secret.login required, secret.transaction_key required, secret.signature_key invalid"},
		{`{"currency":"JPY"}`, `{"login":"a","transaction_key":"b","signature_key":"x"}`, "config.currency unsupported_currency, secret.signature_encoding required"},
		{`[]`, `{"login":"a","transaction_key":"b","signature_key":"x","signature_encoding":"base64"}`, "config invalid, secret.signature_encoding invalid"},
	} {
		var invalid *tierhost.Invalid
		var got []string
		if err := authorizenet.New(authorizenet.Options{}).CheckAccount(gateways.Place{Config: json.RawMessage(c.config), Secret: secret.New(c.key)}); errors.As(err, &invalid) {
			for _, i := range invalid.Issues {
				got = append(got, i.Path+" "+i.Code)
			}
		}
		require.Equal(t, c.faults, strings.Join(got, ", "))
	}
}

// TestTheSchemaRefuses: a server that takes everything would prove nothing.
func TestTheSchemaRefuses(t *testing.T) {
	t.Parallel()
	const ns = ` xmlns="AnetApi/xml/v1/schema/AnetApiSchema.xsd"`
	auth := "<merchantAuthentication><name>n</name><transactionKey>k</transactionKey></merchantAuthentication>"
	for body, want := range map[string]string{
		"<getTransactionDetailsRequest" + ns + ">" + auth + "<transId>1</transId></getTransactionDetailsRequest>":                                                                                                                     "",
		"<getTransactionDetailsRequest" + ns + "><transId>1</transId>" + auth + "</getTransactionDetailsRequest>":                                                                                                                     "merchantAuthentication is out of order within getTransactionDetailsRequest",
		"<getTransactionDetailsRequest" + ns + ">" + auth + "</getTransactionDetailsRequest>":                                                                                                                                         "getTransactionDetailsRequest has no transId",
		"<getTransactionDetailsRequest" + ns + ">" + auth + "<transId>1</transId><x>1</x></getTransactionDetailsRequest>":                                                                                                             "x is not within getTransactionDetailsRequest",
		"<createTransactionRequest" + ns + ">" + auth + "<transactionRequest><transactionType>t</transactionType><order><invoiceNumber>123456789012345678901</invoiceNumber></order></transactionRequest></createTransactionRequest>": "invoiceNumber is too long",
		"<createTransactionRequest" + ns + ">" + auth + "<transactionRequest><transactionType>t</transactionType><payment></payment><amount>1</amount></transactionRequest></createTransactionRequest>":                               "payment has no creditCard",
	} {
		n, err := peertest.ParseXML([]byte(body), "AnetApi/xml/v1/schema/AnetApiSchema.xsd")
		require.NoError(t, err)
		require.Equal(t, want, n.Fault(order()))
	}
}

func FuzzNotices(f *testing.F) {
	p := newPeer(f)
	f.Add([]byte(`{"notificationId":"n-1","eventType":"net.authorize.payment.void.created","eventDate":"2031-03-02T09:29:59Z","payload":{"entityName":"transaction","id":"1"}}`), "sha512=00", true)
	f.Fuzz(func(t *testing.T, body []byte, signature string, signed bool) {
		in := p.incoming(body, p.now())
		if !signed {
			in.Header = http.Header{http.CanonicalHeaderKey("X-ANET-Signature"): {signature}}
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
