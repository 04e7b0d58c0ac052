package peertest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// Shop is a manager in memory with one account, "acc", and its books.
type Shop struct {
	*gateways.Manager
	// Booked are the sums of settlements, in minor units. A settlement that is booked twice
	// fails the test.
	Booked map[gateways.SettlementKind]int64

	t     testing.TB
	clock *tierhost.TestClock
}

// NewShop returns a shop whose account is at a place of the gateway, for cards of Visa if it
// takes cards.
func NewShop(t testing.TB, g gateways.Gateway, at gateways.Place, clock *tierhost.TestClock) *Shop {
	t.Helper()
	s := &Shop{Booked: map[gateways.SettlementKind]int64{}, t: t, clock: clock}
	key, err := secret.GenerateKey("k1")
	require.NoError(t, err)
	keys, err := secret.NewKeyring(key)
	require.NoError(t, err)
	seen := map[string]bool{}
	s.Manager, err = gateways.New(memory.New(), gateways.Options{
		Clock: clock, Sealer: keys, Gateways: map[string]gateways.Gateway{"peer": g},
		Settler: gateways.SettlerFunc(func(_ context.Context, _ storage.Tx, x gateways.Settlement) error {
			require.False(t, seen[x.ID], "booked twice")
			seen[x.ID] = true
			minor, err := x.Amount.Minor()
			s.Booked[x.Kind] += minor
			return err
		}),
	})
	require.NoError(t, err)
	a := gateways.Account{ID: "acc", Seller: "shop", Gateway: "peer", Active: true, Live: at.Live, Config: at.Config}
	if g.Capabilities().Takes(gateways.Visa) {
		a.Brands = map[gateways.Brand]int{gateways.Visa: 0}
	}
	_, err = s.PutAccount(t.Context(), a, at.Secret)
	require.NoError(t, err)
	return s
}

// Pay begins a payment on the provider's page.
func (s *Shop) Pay(amount money.Money, later bool) gateways.Payment {
	s.t.Helper()
	p, err := s.Checkout(s.t.Context(), gateways.CheckoutRequest{
		Key: "1", Seller: "shop", Customer: "anna", Number: "INV-1", Amount: amount, Account: "acc", Later: later,
		Return: "https://shop.example/back", Cancel: "https://shop.example/cancelled", Notify: "https://shop.example/notified/acc",
	})
	require.NoError(s.t, err)
	require.Equal(s.t, gateways.PhaseAction, p.Phase)
	return p
}

// Hear is the provider that notifies.
func (s *Shop) Hear(in gateways.Incoming) {
	s.t.Helper()
	r := httptest.NewRequest(in.Method, in.URL.Path+"?"+in.URL.RawQuery, strings.NewReader(string(in.Body)))
	r.Header = in.Header
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	require.Equal(s.t, http.StatusOK, w.Code, w.Body.String())
}

// Work lets seven hours pass and does all there is to do.
func (s *Shop) Work() {
	s.t.Helper()
	s.clock.Advance(7 * time.Hour)
	for range 100 {
		worked, err := s.Step(s.t.Context())
		require.NoError(s.t, err)
		if !worked {
			return
		}
	}
	require.Fail(s.t, "the work does not end")
}

// Now is a payment as it is now.
func (s *Shop) Now(p gateways.Payment) *gateways.Payment {
	s.t.Helper()
	p, err := s.Payment(s.t.Context(), p.ID)
	require.NoError(s.t, err)
	return &p
}
