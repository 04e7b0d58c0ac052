package peertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/money"
)

// PaysOnce tests, through the manager, that a payment of 10.00 EUR on a provider's page is
// taken and booked once, whichever is first: the notification, the customer's return, or a
// look. site returns a new site and its clock.
func PaysOnce(t *testing.T, site func(t *testing.T) (gatewaytest.Site, *tierhost.TestClock)) {
	t.Helper()
	type step func(t *testing.T, site gatewaytest.Site, s *Shop, p gateways.Payment)
	told := func(_ *testing.T, site gatewaytest.Site, s *Shop, p gateways.Payment) {
		s.Hear(site.Notify(p.Attempts[0].ID, s.clock.Now()))
	}
	looked := func(_ *testing.T, _ gatewaytest.Site, s *Shop, _ gateways.Payment) { s.Work() }
	returned := func(t *testing.T, site gatewaytest.Site, s *Shop, p gateways.Payment) {
		_, err := s.Returned(t.Context(), "acc", site.Pay(gateways.Checkout{Operation: gateways.Operation{ID: p.Attempts[0].ID}}, gateways.Begun{Reference: p.Reference, Action: *p.Action}))
		require.NoError(t, err)
	}
	for name, order := range map[string][]step{
		"the notification is first": {told, returned, told, looked},
		"the customer is first":     {returned, told, looked, told},
		"nobody tells":              {looked, looked, told},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site, clock := site(t)
			s := NewShop(t, site.Gateway, site.Place, clock)
			p := s.Pay(euros(t), false)
			site.Pay(gateways.Checkout{Operation: gateways.Operation{ID: p.Attempts[0].ID}}, gateways.Begun{Reference: p.Reference, Action: *p.Action})
			for _, do := range order {
				do(t, site, s, p)
			}
			p = *s.Now(p)
			require.Equal(t, gateways.PhasePaid, p.Phase, "%+v", p.Attempts)
			require.Equal(t, map[gateways.SettlementKind]int64{gateways.Received: 1000}, s.Booked)
			require.Equal(t, gatewaytest.Books{Taken: 1000}, site.Books())
		})
	}
}

// NobodyPays tests, through the manager, that a page that a customer leaves ends in time: the
// payment has failed, staff has nothing to look into, and nothing is booked.
func NobodyPays(t *testing.T, site func(t *testing.T) (gatewaytest.Site, *tierhost.TestClock)) {
	t.Helper()
	at, clock := site(t)
	s := NewShop(t, at.Gateway, at.Place, clock)
	p := s.Pay(euros(t), false)
	for range 10 {
		s.Work()
	}
	p = *s.Now(p)
	require.Equal(t, gateways.PhaseFailed, p.Phase, "%+v", p.Attempts)
	require.Nil(t, p.Parked)
	require.Nil(t, p.Action)
	require.Empty(t, s.Booked)
	require.Equal(t, gatewaytest.Books{}, at.Books())
}

// ChargesOnce tests, through the manager, that an instrument is charged 10.00 EUR once, and
// that is booked, though a call goes as one of the situations says.
func ChargesOnce(t *testing.T, site func(t *testing.T) (gatewaytest.Site, *tierhost.TestClock), situations ...gatewaytest.Situation) {
	t.Helper()
	for _, how := range append(situations, "") {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			site, clock := site(t)
			s := NewShop(t, site.Gateway, site.Place, clock)
			card, err := s.Keep(t.Context(), gateways.KeepRequest{
				Seller: "shop", Customer: "anna", Account: "acc", Token: site.Token(), Card: gateways.Card{Brand: gateways.Visa, LastFour: "1111"},
			})
			require.NoError(t, err)
			if how != "" {
				site.Script(gateways.VerbCharge, how)
			}
			p, err := s.Charge(t.Context(), gateways.ChargeRequest{Key: "1", Seller: "shop", Customer: "anna", Amount: euros(t), Instrument: card.ID})
			require.NoError(t, err)
			for range 5 { // more than a day, after which a soft decline is tried again
				s.Work()
			}
			p = *s.Now(p)
			require.Equal(t, gateways.PhasePaid, p.Phase, "%+v", p.Attempts)
			require.Equal(t, map[gateways.SettlementKind]int64{gateways.Received: 1000}, s.Booked)
			require.Equal(t, gatewaytest.Books{Taken: 1000}, site.Books())

			p, err = s.Refund(t.Context(), gateways.MoveRequest{Key: "r1", Payment: p.ID})
			require.NoError(t, err)
			s.Work()
			require.True(t, s.Now(p).Refunded().Equal(euros(t)), "%+v", p.Attempts)
			require.Equal(t, gatewaytest.Books{Taken: 1000, Given: 1000}, site.Books())
		})
	}
}

func euros(t testing.TB) money.Money {
	t.Helper()
	c, err := money.ISO("EUR")
	require.NoError(t, err)
	return money.FromMinor(1000, c)
}
