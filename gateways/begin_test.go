package gateways_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
)

// A page whose beginning has lost its answer is begun again by the same request: one
// payment, at the provider as well.
func TestPageIsBegunAgain(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]fake.Script{"before it came": {Before: true}, "after it came": {After: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *gateways.Options) { o.Give = 3 })
			w.first.Script(lost)
			q := gateways.CheckoutRequest{
				Key: "1", Seller: "shop", Customer: "anna", Amount: eur("10.00"), Account: "first", Return: "https://panel.shop.example/back",
			}
			p, err := w.Checkout(t.Context(), q)
			require.NoError(t, err)
			require.Nil(t, p.Action)
			w.first.SetDown(true)
			for range 10 { // nor is it given up because the customer reloads the page
				p, err = w.Checkout(t.Context(), q)
				require.NoError(t, err)
				require.Equal(t, gateways.AttemptUnknown, p.Attempts[0].State)
				require.Nil(t, p.Parked)
			}
			w.first.SetDown(false)
			p, err = w.Checkout(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, gateways.PhaseAction, p.Phase)
			require.NotEmpty(t, p.Action.URL)
			require.Len(t, p.Attempts, 1)
			calls := len(w.first.Calls())
			again, err := w.Checkout(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, p, again)
			require.Len(t, w.first.Calls(), calls)
			w.first.Pay(p.Attempts[0].ID)
			w.tell()
			require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
			w.balanced()
		})
	}
}

// talkative is a provider that tells on the tape what a customer has to do, and calls
// things by names that are no names.
type talkative struct {
	*fake.Provider
	name string
}

func (p *talkative) Begin(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
	b, err := p.Provider.Begin(ctx, at, c)
	b.Action.Fields = []gateways.Field{{Name: "key", Value: "field+secret/7"}, {Name: "order", Value: string(c.Operation.ID)}}
	b.Action.Client = []byte(`{"client_secret":"pi_client_secret_9"}`)
	c.Operation.Tape.Record(gateways.Exchange{
		Request: string(c.Operation.ID), Answer: b.Action.URL + ` field%2Bsecret%2F7 "pi_client_secret_9" ` + strings.ReplaceAll(b.Action.URL, "/", `\/`),
	})
	return b, err
}

func (p *talkative) Do(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := p.Provider.Do(ctx, at, o)
	if p.name != "" {
		r.Reference = p.name
	}
	return r, err
}

func newTalkative(t *testing.T) (*world, *talkative) {
	p := &talkative{}
	return newWorld(t, through(&p.Provider, p)), p
}

// What a customer has to do is not in the charge log, where everybody of staff could do it.
func TestActionIsNotLogged(t *testing.T) {
	t.Parallel()
	w, _ := newTalkative(t)
	p := w.checkout("1")
	n := 0
	for e, err := range w.ChargeLog(t.Context(), p.ID) {
		require.NoError(t, err)
		n++
		require.Equal(t, string(p.Attempts[0].ID), e.Request)
		require.NotContains(t, e.Answer, "pay.fake.example")
		require.NotContains(t, e.Answer, "secret")
	}
	require.Equal(t, 1, n)
}

// A tape takes out what it is told of after it was recorded.
func TestTapeHidesAfterwards(t *testing.T) {
	t.Parallel()
	tape := &gateways.Tape{}
	tape.Record(gateways.Exchange{Answer: strings.Repeat("x", 16<<10-8) + "tok_4111111111111111_a"})
	tape.Hide("tok_4111111111111111_a")
	require.NotContains(t, tape.Exchanges()[0].Answer, "tok_")
	require.Contains(t, tape.Exchanges()[0].Answer, "[redact")
}

// A name that not every store keeps is as good as an answer that was lost, and a notice
// that has one is refused.
func TestNamesThatAreNone(t *testing.T) {
	t.Parallel()
	for what, name := range map[string]string{"long": strings.Repeat("x", 256), "NUL": "a\x00b", "no UTF-8": "a\xffb"} {
		w, p := newTalkative(t)
		p.name = name
		got := w.charge("1")
		require.Equal(t, gateways.AttemptUnknown, got.Attempts[0].State, what)
		require.Empty(t, got.Attempts[0].Reference)
		w.work(time.Hour)
		require.Equal(t, gateways.PhasePaid, w.now(got).Phase, what)
		w.balanced()

		s := &scripted{}
		w = newWorld(t, func(o *gateways.Options) {
			s.Provider = o.Gateways["first"].(*fake.Provider)
			o.Gateways["first"] = s
		})
		for _, n := range []gateways.Notice{
			{Event: name, Reference: "r"}, {Event: "e", Reference: name}, {Event: "e", Operation: gateways.OperationID(name)},
			{Event: "e", Reference: "r", Result: &gateways.Result{Reference: name}},
		} {
			s.notices = []gateways.Notice{n}
			_, err := w.Notified(t.Context(), "first", gateways.Incoming{})
			require.ErrorIs(t, err, tierhost.ErrInvalid, what)
		}
		require.Empty(t, w.inbox(gateways.NoticeQuery{AllSellers: true}))
	}
}

// Of a card number at the end of what is kept of a text no part is left.
func TestCardNumberAtTheCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Decline: &gateways.Decline{Code: "odd", Hard: true, Text: strings.Repeat("x", 988) + " 4111111111111111"}})
	p := w.charge("1")
	require.NotContains(t, p.Attempts[0].Decline.Text, "41111111")
}
