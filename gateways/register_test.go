package gateways_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/secret"
)

func (w *world) register() gateways.Instrument {
	w.t.Helper()
	i, err := w.Register(w.t.Context(), gateways.RegisterRequest{Seller: "shop", Customer: "anna", Account: "first", Return: "https://panel.shop.example/kept"})
	require.NoError(w.t, err)
	require.NotNil(w.t, i.Handover)
	require.NotEmpty(w.t, i.Handover.Action.URL)
	return i
}

func (w *world) charges(i gateways.Instrument) (gateways.Payment, error) {
	return w.Charge(w.t.Context(), gateways.ChargeRequest{Key: "with/" + string(i.ID), Seller: "shop", Customer: "anna", Amount: eur("10.00"), Instrument: i.ID})
}

// A customer gives a card to the provider; it is charged later, and not before.
func TestRegister(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.register()
	_, err := w.charges(i)
	require.ErrorIs(t, err, gateways.ErrUnusable)
	i, err = w.Registered(t.Context(), i.ID)
	require.NoError(t, err)
	require.NotNil(t, i.Handover, "it is not given yet")

	w.first.Give(gateways.OperationID(i.ID), visa)
	for range 2 { // the customer's return and the notification, in any order
		i, err = w.Registered(t.Context(), i.ID)
		require.NoError(t, err)
		require.Nil(t, i.Handover)
		require.Len(t, i.Tokens, 1)
		require.Equal(t, visa, i.Card)
	}
	require.Equal(t, 1, w.told("gateways.instrument.kept"))
	p, err := w.charges(i)
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, p.Phase)
	w.balanced()

	require.NoError(t, w.Forget(t.Context(), i.ID))
	require.NoError(t, w.Forget(t.Context(), i.ID))
	i, err = w.Instrument(t.Context(), i.ID)
	require.NoError(t, err)
	require.Empty(t, i.Tokens)
	_, err = w.Charge(t.Context(), gateways.ChargeRequest{Key: "again", Seller: "shop", Customer: "anna", Amount: eur("1.00"), Instrument: i.ID})
	require.ErrorIs(t, err, gateways.ErrUnusable)
}

// A notification about an instrument that is kept reaches it.
func TestRegisteredByNotification(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i := w.register()
	w.first.Give(gateways.OperationID(i.ID), visa)
	r, err := fake.Signed([]byte(`{"event":"evt_kept","operation":"`+string(i.ID)+`"}`), "https://api.shop.example/pay/first", signingKey)
	require.NoError(t, err)
	w.Handler().ServeHTTP(httptest.NewRecorder(), r)
	i, err = w.Instrument(t.Context(), i.ID)
	require.NoError(t, err)
	require.Nil(t, i.Handover)
}

// What a provider cannot keep, or a card whose brand goes nowhere, is no instrument.
func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.SetDown(true)
	_, err := w.Register(t.Context(), gateways.RegisterRequest{Seller: "shop", Customer: "anna", Account: "first", Return: "https://panel.shop.example/kept"})
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	w.first.SetDown(false)

	i := w.register()
	w.first.Give(gateways.OperationID(i.ID), gateways.Card{Brand: gateways.JCB, LastFour: "0000"})
	_, err = w.Registered(t.Context(), i.ID)
	require.ErrorIs(t, err, gateways.ErrNoGateway, "a brand with no gateway is refused")
	_, known := w.first.Card("fake_token_" + string(i.ID))
	require.False(t, known, "and the provider does not keep it")
	_, err = w.charges(i)
	require.ErrorIs(t, err, gateways.ErrUnusable)

	for _, q := range []gateways.RegisterRequest{
		{Seller: "other", Customer: "anna", Account: "first", Return: "https://panel.shop.example/"},
		{Seller: "shop", Customer: "anna", Account: "nobody", Return: "https://panel.shop.example/"},
	} {
		_, err := w.Register(t.Context(), q)
		require.ErrorIs(t, err, gateways.ErrNoAccount)
	}
	_, err = w.Register(t.Context(), gateways.RegisterRequest{Seller: "shop", Return: "/kept", Cancel: "javascript:x"})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	w.work(48 * time.Hour)

	i = w.register() // the customer changes his mind, and gives it all the same
	require.NoError(t, w.Forget(t.Context(), i.ID))
	w.first.Give(gateways.OperationID(i.ID), visa)
	i, err = w.Registered(t.Context(), i.ID)
	require.NoError(t, err)
	require.Empty(t, i.Tokens)
}

// IDs of the host's own become keys that every provider takes.
func TestOperationIDs(t *testing.T) {
	t.Parallel()
	for _, made := range []string{"x", "a b/c", "ä", "op_1", strings.Repeat("z", 200)} {
		w := newWorld(t, func(o *gateways.Options) { o.IDs = &hostIDs{text: made} })
		p := w.charge("1")
		require.Regexp(t, "^[A-Za-z0-9-]{1,36}$", string(p.Attempts[0].ID))
	}
}

// hostIDs are IDs of a host's own.
type hostIDs struct {
	text string
	n    int
}

func (h *hostIDs) NewID(kind string) string {
	h.n++
	return fmt.Sprint(h.text, kind, h.n)
}

func TestRefusedTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, text := range []string{"a\x00b", "\xff", "card 4242 4242 4242 4242", strings.Repeat("x", 501)} {
		_, err := w.Charge(t.Context(), gateways.ChargeRequest{Key: "1", Seller: "shop", Customer: "anna", Text: text, Amount: eur("1.00"), Instrument: w.card.ID})
		require.ErrorIs(t, err, tierhost.ErrInvalid, "%q", text)
	}
	for _, id := range []gateways.AccountID{"", "a/b", "a?b", "a\nb"} {
		_, err := w.PutAccount(t.Context(), gateways.Account{ID: id, Seller: "shop", Gateway: "first"}, secret.New(signingKey))
		require.ErrorIs(t, err, tierhost.ErrInvalid, "%q", id)
	}
}

// A card that was given is not taken away from the customer for a reason that passes.
func TestRegisteredWhenItHasPassed(t *testing.T) {
	t.Parallel()
	switched := func(w *world, on bool) {
		a, err := w.Account(t.Context(), "first")
		require.NoError(t, err)
		a.Active = on
		_, err = w.PutAccount(t.Context(), a, secret.Text{})
		require.NoError(t, err)
	}
	for name, hinder := range map[string]func(w *world, seals *awaySealer, begins bool){
		"the account is off":           func(w *world, _ *awaySealer, begins bool) { switched(w, !begins) },
		"what seals cannot be reached": func(_ *world, seals *awaySealer, begins bool) { seals.seals = begins },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seals *awaySealer
			w := newWorld(t, func(o *gateways.Options) {
				seals = &awaySealer{Sealer: o.Sealer}
				o.Sealer = seals
			})
			i := w.register()
			w.first.Give(gateways.OperationID(i.ID), visa)
			hinder(w, seals, true)
			_, err := w.Registered(t.Context(), i.ID)
			require.Error(t, err)
			_, known := w.first.Card("fake_token_" + string(i.ID))
			require.True(t, known, "the provider keeps it")
			hinder(w, seals, false)
			i, err = w.Registered(t.Context(), i.ID)
			require.NoError(t, err)
			require.Nil(t, i.Handover)
			p, err := w.charges(i)
			require.NoError(t, err)
			require.Equal(t, gateways.PhasePaid, p.Phase)
		})
	}
}
