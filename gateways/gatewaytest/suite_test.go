package gatewaytest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

const (
	key       = "sk_test_93b1c0de"
	cardToken = "tok_4f8a1c77"
)

var (
	visa = gateways.Card{Brand: gateways.Visa, LastFour: "4242", Year: 2033, Month: time.May}
	noon = time.Date(2031, 3, 2, 12, 0, 0, 0, time.UTC)
)

// changed is the fake gateway with methods replaced.
type changed struct {
	*fake.Provider
	able     func() gateways.Capabilities
	do       func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error)
	find     func(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error)
	begin    func(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error)
	returned func(query url.Values) (gateways.OperationID, error)
	kept     func(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error)
	forget   func(ctx context.Context, at gateways.Place, t gateways.Token) error
	notices  func(ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error)
	answer   func() (gateways.Answer, error)
	check    func(at gateways.Place) error
}

func through(p *fake.Provider) *changed {
	return &changed{
		Provider: p, able: p.Capabilities, do: p.Do, find: p.Find, begin: p.Begin, kept: p.Kept, forget: p.Forget, notices: p.Notices,
		returned: func(q url.Values) (gateways.OperationID, error) {
			return p.Returned(context.Background(), gateways.Place{}, q)
		},
		answer: func() (gateways.Answer, error) { return gateways.Answer{Status: http.StatusOK}, nil },
		check:  checkAccount,
	}
}

func (c *changed) Capabilities() gateways.Capabilities { return c.able() }
func (c *changed) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	return c.do(ctx, at, o)
}
func (c *changed) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	return c.find(ctx, at, o)
}
func (c *changed) Begin(ctx context.Context, at gateways.Place, x gateways.Checkout) (gateways.Begun, error) {
	return c.begin(ctx, at, x)
}
func (c *changed) Returned(_ context.Context, _ gateways.Place, q url.Values) (gateways.OperationID, error) {
	return c.returned(q)
}
func (c *changed) Kept(ctx context.Context, at gateways.Place, k gateways.Keeping) (gateways.Token, gateways.Card, error) {
	return c.kept(ctx, at, k)
}
func (c *changed) Forget(ctx context.Context, at gateways.Place, t gateways.Token) error {
	return c.forget(ctx, at, t)
}
func (c *changed) Notices(ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	return c.notices(ctx, at, in, now)
}
func (c *changed) Answer(context.Context, gateways.Place, gateways.Incoming, time.Time) (gateways.Answer, error) {
	return c.answer()
}
func (c *changed) CheckAccount(at gateways.Place) error { return c.check(at) }

// checkAccount knows keys that begin with sk_ and configs that are objects.
func checkAccount(at gateways.Place) error {
	var issues tierhost.Issues
	if !at.Secret.IsZero() && !strings.HasPrefix(at.Secret.Reveal(), "sk_") {
		issues.Add("secret", "invalid", "a key begins with sk_")
	}
	if json.Unmarshal(at.Config, &struct{}{}) != nil {
		issues.Add("config", "invalid", "this is no JSON object")
	}
	return issues.Err()
}

// scripts are the situations of the fake provider. It has no wire: what cannot be read
// and what is not known are answers that were lost to it.
func script(v gateways.Verb, s gatewaytest.Situation, less money.Money) fake.Script {
	return map[gatewaytest.Situation]fake.Script{
		gatewaytest.DeclinesSoft: {Verb: v, Decline: &gateways.Decline{Code: gateways.DeclineFunds}},
		gatewaytest.DeclinesHard: {Verb: v, Decline: &gateways.Decline{Code: gateways.DeclineLost, Hard: true}},
		gatewaytest.Waits:        {Verb: v, Pending: true},
		gatewaytest.LostBefore:   {Verb: v, Before: true},
		gatewaytest.LostAfter:    {Verb: v, After: true},
		gatewaytest.Fails:        {Verb: v, After: true},
		gatewaytest.Garbles:      {Verb: v, After: true},
		gatewaytest.Strange:      {Verb: v, After: true},
		gatewaytest.Refuses:      {Verb: v, Refuse: true},
		gatewaytest.MovesLess:    {Verb: v, Amount: less},
		gatewaytest.Hangs:        {Verb: v, Hang: true},
		gatewaytest.Overloaded:   {Verb: v, Busy: true},
	}[s]
}

// model is one site's provider, with what tests may do wrong to it.
type model struct {
	*changed
	last gatewaytest.Situation // that was scripted
	over <-chan struct{}       // the test
}

// harness describes the fake provider, behind a wrapper that may break it.
func harness(t testing.TB, break_ func(m *model)) gatewaytest.Harness {
	euro, err := money.ISO("EUR")
	require.NoError(t, err)
	return gatewaytest.Harness{
		Features: gatewaytest.Features{
			Capabilities: fake.New(fake.Options{}).Capabilities(), Charges: true, Web: true, Notifies: true, Signs: true, Keeps: true, Checks: true,
		},
		Patience: 2 * time.Second,
		New: func(t *testing.T) gatewaytest.Site {
			p := fake.New(fake.Options{Now: func() time.Time { return noon }})
			p.Put(cardToken, visa)
			m := &model{changed: through(p), over: t.Context().Done()}
			break_(m)
			incoming := func(r *http.Request, body []byte, err error) gateways.Incoming {
				require.NoError(t, err)
				return gateways.Incoming{Method: r.Method, URL: r.URL, Header: r.Header, Body: body}
			}
			return gatewaytest.Site{
				Gateway: m.changed, Currency: euro, Now: func() time.Time { return noon }, Card: visa, Secrets: []string{"the canary"},
				Place: gateways.Place{Account: "shop", Config: json.RawMessage(`{}`), Secret: secret.New(key)},
				Other: gateways.Place{Account: "other", Config: json.RawMessage(`{}`), Secret: secret.New("sk_test_another")},
				Token: func() gateways.Token { return gateways.Token{Value: secret.New(cardToken)} },
				Script: func(v gateways.Verb, s gatewaytest.Situation) {
					m.last = s
					p.Script(script(v, s, money.FromMinor(999, euro)))
				},
				Books: func() gatewaytest.Books { return books(p) },
				Complete: func(id gateways.OperationID, approved bool) {
					var decline *gateways.Decline
					if !approved {
						decline = &gateways.Decline{Code: gateways.DeclineFunds}
					}
					p.Complete(id, decline)
				},
				Pay: func(c gateways.Checkout, _ gateways.Begun) url.Values {
					p.Pay(c.Operation.ID)
					return url.Values{"operation": {string(c.Operation.ID)}}
				},
				Give: func(k gateways.Keeping, _ gateways.Begun) { p.Give(k.ID, visa) },
				Notify: func(id gateways.OperationID, at time.Time) gateways.Incoming {
					r, err := p.Notification(id, "https://panel.shop.example/notified/shop", key, at)
					require.NoError(t, err)
					body := make([]byte, r.ContentLength)
					_, err = r.Body.Read(body)
					return incoming(r, body, err)
				},
				Sign: func(body []byte, _ time.Time) gateways.Incoming {
					r, err := fake.Signed(body, "https://panel.shop.example/notified/shop", key)
					return incoming(r, body, err)
				},
			}
		},
	}
}

// books sums up the provider's books.
func books(p *fake.Provider) (b gatewaytest.Books) {
	held := map[string]int64{}
	for _, d := range p.Books() {
		minor, err := d.Amount.Minor()
		if err != nil || d.Outcome != gateways.Approved {
			continue
		}
		switch d.Verb {
		case gateways.VerbCharge:
			b.Taken += minor
		case gateways.VerbAuthorize:
			held[d.Reference] = minor
		case gateways.VerbCapture:
			b.Taken += minor
			delete(held, d.Of)
		case gateways.VerbVoid:
			delete(held, d.Of)
		case gateways.VerbRefund:
			b.Given += minor
		}
	}
	for _, minor := range held {
		b.Held += minor
	}
	return b
}

// A gateway without a fault passes, through the same wrapper as those with one.
func TestSoundGateway(t *testing.T) {
	t.Parallel()
	gatewaytest.TestGateway(t, harness(t, func(*model) {}))
}

// Whoever begins is told what the site lacks, and no rule is passed by a site that has
// nothing to test it with.
func TestBareSite(t *testing.T) {
	t.Parallel()
	h := harness(t, func(*model) {})
	full := h.New
	h.New = func(t *testing.T) gatewaytest.Site {
		s := full(t)
		return gatewaytest.Site{Gateway: s.Gateway, Place: s.Place}
	}
	report := conformance.Record(t, h, gatewaytest.Rules())
	for _, r := range gatewaytest.Rules() {
		if r.ID != "ABL-1" && r.ID != "ABL-2" && r.ID != "WEB-3" && r.ID != "SIG-3" && len(report.Failed[r.ID]) == 0 {
			t.Errorf("rule %s passes without what it needs", r.ID)
		}
	}
}

// What every gateway has to keep cannot be left out, and abilities that are not declared
// are not tested.
func TestWithout(t *testing.T) {
	t.Parallel()
	h := harness(t, func(*model) {})
	h.Without = map[string]string{"UNK-1": "the provider cannot be cut off", "CHA-2": "it is not important"}
	report := conformance.Record(t, h, gatewaytest.Rules())
	require.Equal(t, map[string]string{"UNK-1": "the provider cannot be cut off", "SIG-3": "the gateway has not declared the ability"}, report.Skipped)
	require.Empty(t, report.Failed)

	h = gatewaytest.Harness{New: h.New} // declares nothing
	report = conformance.Record(t, h, gatewaytest.Rules())
	require.Contains(t, report.Failed, "ABL-1")
	require.Equal(t, "the gateway has not declared the ability", report.Skipped["REF-1"])
}
