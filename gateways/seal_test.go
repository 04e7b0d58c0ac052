package gateways_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/secret"
)

// What a customer has to do is kept sealed, and shown to who asks for the payment.
func TestActionsAreSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Action: true})
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Present = true })
	page := w.checkout("2")
	card, err := w.Register(t.Context(), gateways.RegisterRequest{Seller: "shop", Customer: "anna", Account: "first", Return: "https://panel.shop.example/"})
	require.NoError(t, err)
	require.NotEmpty(t, p.Action.Client)
	require.NotEmpty(t, page.Action.URL)
	require.NotEmpty(t, card.Handover.Action.URL)
	for _, shown := range []gateways.Payment{w.now(p), w.charge("1", func(q *gateways.ChargeRequest) { q.Present = true })} {
		require.Equal(t, p.Action, shown.Action)
	}
	again, err := w.Instrument(t.Context(), card.ID)
	require.NoError(t, err)
	require.Equal(t, card.Handover.Action, again.Handover.Action)
	n := 0
	for kept, err := range w.Payments(t.Context(), gateways.PaymentQuery{Seller: "shop"}) {
		require.NoError(t, err)
		require.Empty(t, kept.Action.URL)
		require.Empty(t, kept.Action.Client)
		require.NotEmpty(t, kept.Action.Sealed)
		n++
	}
	require.Equal(t, 2, n)
}

// After a change of keys everything is sealed anew: what is used by itself, and everything
// by Reseal. Then the old key is of no use any more.
func TestReseal(t *testing.T) {
	t.Parallel()
	old, err := secret.GenerateKey("old")
	require.NoError(t, err)
	fresh, err := secret.GenerateKey("fresh")
	require.NoError(t, err)
	ring := &changing{}
	ring.to(t, old)
	w := newWorld(t, func(o *gateways.Options) { o.Sealer = ring })
	page := w.checkout("page")
	card, err := w.Register(t.Context(), gateways.RegisterRequest{Seller: "shop", Customer: "bert", Account: "second", Return: "https://panel.shop.example/"})
	require.NoError(t, err)

	ring.to(t, fresh, old)
	require.Equal(t, gateways.PhasePaid, w.charge("1").Phase)
	a, err := w.Account(t.Context(), "first")
	require.NoError(t, err)
	require.False(t, ring.Stale(a.Sealed), "what is used is sealed anew by itself")
	i, err := w.Instrument(t.Context(), w.card.ID)
	require.NoError(t, err)
	require.False(t, ring.Stale(i.Tokens[0].Sealed))

	n, err := w.Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n, "the second account, the handover, and the page")
	n, err = w.Reseal(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	ring.to(t, fresh)
	require.Equal(t, gateways.PhasePaid, w.charge("2").Phase)
	require.Equal(t, page.Action, w.now(page).Action)
	again, err := w.Instrument(t.Context(), card.ID)
	require.NoError(t, err)
	require.Equal(t, card.Handover.Action, again.Handover.Action)
	w.second.Give(gateways.OperationID(card.ID), visa)
	_, err = w.Registered(t.Context(), card.ID)
	require.NoError(t, err)
}

// What a customer has to do is sealed anew whatever the payment's phase is by now.
func TestResealOfWhatIsParked(t *testing.T) {
	t.Parallel()
	old, err := secret.GenerateKey("old")
	require.NoError(t, err)
	fresh, err := secret.GenerateKey("fresh")
	require.NoError(t, err)
	ring := &changing{}
	ring.to(t, old)
	w, tell := newScripted(t, func(o *gateways.Options) { o.Sealer = ring })
	p := w.checkout("1")
	tell(gateways.Notice{Event: "e", Operation: p.Attempts[0].ID, Result: &gateways.Result{Outcome: gateways.Approved, Reference: p.Reference, Amount: eur("9.99")}})
	require.Equal(t, gateways.PhaseOpen, w.now(p).Phase)
	ring.to(t, fresh, old)
	_, err = w.Reseal(t.Context())
	require.NoError(t, err)
	ring.to(t, fresh)
	require.Equal(t, p.Action, w.now(p).Action)
}

// changing is a keyring whose keys change.
type changing struct{ *secret.Keyring }

func (c *changing) to(t *testing.T, keys ...secret.Key) {
	t.Helper()
	var err error
	c.Keyring, err = secret.NewKeyring(keys...)
	require.NoError(t, err)
}

// A sealer that does not tell what is old has all sealed anew.
func TestResealWithAnotherSealer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *gateways.Options) { o.Sealer = mute{o.Sealer} })
	a, err := w.Account(t.Context(), "first")
	require.NoError(t, err)
	n, err := w.Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n, "two accounts and a card")
	b, err := w.Account(t.Context(), "first")
	require.NoError(t, err)
	require.False(t, bytes.Equal(a.Sealed, b.Sealed))
	require.Equal(t, gateways.PhasePaid, w.charge("1").Phase)
}

type mute struct{ secret.Sealer }

// A request to register an instrument whose answer was lost is asked again.
func TestRegisterAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := gateways.RegisterRequest{Key: "k", Seller: "shop", Customer: "anna", Account: "first", Return: "https://panel.shop.example/kept"}
	w.first.SetDown(true)
	_, err := w.Register(t.Context(), q)
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	w.first.SetDown(false)
	one, err := w.Register(t.Context(), q)
	require.NoError(t, err)
	two, err := w.Register(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, one, two)
	n := 0
	for _, err := range w.Instruments(t.Context(), "shop", "anna") {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 2, n, "the card that there was, and this one")
	other := q
	other.Customer = "bert"
	_, err = w.Register(t.Context(), other)
	require.ErrorIs(t, err, gateways.ErrKeyReused)
	w.first.Give(gateways.OperationID(one.ID), visa)
	_, err = w.Registered(t.Context(), one.ID)
	require.NoError(t, err)
	three, err := w.Register(t.Context(), q)
	require.NoError(t, err)
	require.Nil(t, three.Handover, "it is kept already")
	q.Key = ""
	four, err := w.Register(t.Context(), q)
	require.NoError(t, err)
	require.NotEqual(t, one.ID, four.ID)
}

// What is settled says whether it was real money.
func TestSettlementsSayWhetherTheyAreLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.PutAccount(t.Context(), gateways.Account{
		ID: "live", Seller: "shop", Gateway: "second", Live: true, Active: true, Brands: map[gateways.Brand]int{gateways.Visa: 9},
	}, secret.New(signingKey))
	require.NoError(t, err)
	w.charge("test")
	card, err := w.Keep(t.Context(), gateways.KeepRequest{Seller: "shop", Customer: "anna", Account: "live", Token: gateways.Token{Value: secret.New(cardToken)}, Card: visa})
	require.NoError(t, err)
	w.charge("live", func(q *gateways.ChargeRequest) { q.Instrument = card.ID })
	got := map[gateways.AccountID]bool{}
	for _, s := range w.booked {
		got[s.Account] = s.Live
	}
	require.Equal(t, map[gateways.AccountID]bool{"first": false, "live": true}, got)
}

// Of a card only the last four digits are kept, whatever the provider says.
func TestCardsOfProvidersAreChecked(t *testing.T) {
	t.Parallel()
	odd := &oddCards{}
	w := newWorld(t, func(o *gateways.Options) {
		odd.Provider = o.Gateways["first"].(*fake.Provider)
		o.Gateways["first"] = odd
	})
	p := w.checkout("1")
	w.first.Pay(p.Attempts[0].ID)
	p, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
	require.NoError(t, err)
	require.Equal(t, gateways.Card{Brand: gateways.BrandOther}, p.Card)
	_, err = w.Also(t.Context(), w.card.ID, "second", gateways.Token{Customer: "4000056655665556", Value: secret.New(cardToken)})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
}

type oddCards struct{ *fake.Provider }

func (c *oddCards) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := c.Provider.Find(ctx, at, o)
	r.Card = gateways.Card{Brand: "4000056655665556", LastFour: "4000056655665556", Year: 31, Month: time.May}
	return r, err
}

// A key service that is away does not lose a payment: what the customer has to do is shown
// when it is asked for again.
func TestSealerIsAway(t *testing.T) {
	t.Parallel()
	away := &awaySealer{}
	w := newWorld(t, func(o *gateways.Options) {
		away.Sealer = o.Sealer
		o.Sealer = away
	})
	w.first.Script(fake.Script{Action: true})
	away.seals = true
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Present = true })
	require.Equal(t, gateways.PhaseAction, p.Phase)
	require.Empty(t, p.Action.Client)
	away.seals = false
	p, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
	require.NoError(t, err)
	require.NotEmpty(t, p.Action.Client)
}

type awaySealer struct {
	secret.Sealer
	seals bool
}

func (s *awaySealer) Seal(ctx context.Context, plain []byte, about string) ([]byte, error) {
	if s.seals {
		return nil, tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("the key service is away"))
	}
	return s.Sealer.Seal(ctx, plain, about)
}
