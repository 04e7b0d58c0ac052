package paypal_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/money"
)

// send is PayPal that sends an event.
func (p *peer) send(s *peertest.Shop, id, kind, resource string) {
	p.t.Helper()
	s.Hear(p.incoming(fmt.Appendf(nil, `{"id":%q,"event_type":%q,"create_time":"2031-03-02T09:30:00Z","resource":%s}`, id, kind, resource), p.clock.Now()))
}

// TestThroughTheManager: whichever is first, the notification, the customer's return or the
// manager's own look, the payment is taken and booked once; refunds and reversals follow.
func TestThroughTheManager(t *testing.T) {
	t.Parallel()
	approved := func(peer *peer, s *peertest.Shop, p gateways.Payment) {
		peer.send(s, "WH-1", "CHECKOUT.ORDER.APPROVED", fmt.Sprintf(`{"id":%q,"purchase_units":[{"custom_id":%q}]}`, p.Reference, p.Attempts[0].ID))
	}
	returned := func(_ *peer, s *peertest.Shop, p gateways.Payment) {
		_, err := s.Returned(t.Context(), "acc", url.Values{"token": {p.Reference}, "operation": {string(p.Attempts[0].ID)}})
		require.NoError(t, err)
	}
	looked := func(_ *peer, s *peertest.Shop, _ gateways.Payment) { s.Work() }
	for name, order := range map[string][]func(*peer, *peertest.Shop, gateways.Payment){
		"the notification is first": {approved, returned, approved, looked},
		"the customer is first":     {returned, approved, returned, looked},
		"nobody tells":              {looked, looked},
	} {
		for _, how := range []gatewaytest.Situation{"", gatewaytest.LostAfter, gatewaytest.LostBefore, gatewaytest.Fails} {
			t.Run(name+" "+string(how), func(t *testing.T) {
				t.Parallel()
				peer := newPeer(t)
				s := peertest.NewShop(t, peer.gateway(), peer.place(), peer.clock)
				p := s.Pay(amount(t, "10.00", "EUR"), false)
				peer.approve(p.Attempts[0].ID)
				if how != "" {
					peer.bank.Script(gateways.VerbCharge, how)
				}
				for _, step := range order {
					step(peer, s, p)
				}
				p = *s.Now(p)
				require.Equal(t, gateways.PhasePaid, p.Phase, "%+v", p.Attempts)
				require.Equal(t, map[gateways.SettlementKind]int64{gateways.Received: 1000}, s.Booked)
				require.Equal(t, gatewaytest.Books{Taken: 1000}, peer.bank.Books())

				peer.bank.Script(gateways.VerbRefund, gatewaytest.LostAfter)
				p, err := s.Refund(t.Context(), gateways.MoveRequest{Key: "r1", Payment: p.ID, Amount: amount(t, "4.00", "EUR")})
				require.NoError(t, err)
				s.Work()
				require.True(t, s.Now(p).Refunded().Equal(amount(t, "4.00", "EUR")))
				require.Equal(t, int64(400), s.Booked[gateways.Returned])
				require.Equal(t, gatewaytest.Books{Taken: 1000, Given: 400}, peer.bank.Books())

				for range 2 {
					peer.send(s, "WH-2", "PAYMENT.CAPTURE.REVERSED", fmt.Sprintf(`{"id":"R9","custom_id":%q,"amount":{"currency_code":"EUR","value":"6.00"}}`, p.Attempts[0].ID))
				}
				require.Equal(t, int64(600), s.Booked[gateways.Lost])
				require.True(t, s.Now(p).Refundable().IsZero())
			})
		}
	}
}

func TestAnAuthorizationThroughTheManager(t *testing.T) {
	t.Parallel()
	peer := newPeer(t)
	s := peertest.NewShop(t, peer.gateway(), peer.place(), peer.clock)
	p := s.Pay(amount(t, "10.00", "EUR"), true)
	peer.approve(p.Attempts[0].ID)
	s.Work()
	p = *s.Now(p)
	require.Equal(t, gateways.PhaseAuthorized, p.Phase)
	require.Empty(t, s.Booked)
	peer.bank.Script(gateways.VerbCapture, gatewaytest.LostAfter)
	p, err := s.Capture(t.Context(), gateways.MoveRequest{Key: "c1", Payment: p.ID, Amount: amount(t, "7.00", "EUR")})
	require.NoError(t, err)
	s.Work()
	p = *s.Now(p)
	require.Equal(t, gateways.PhasePaid, p.Phase)
	require.Equal(t, map[gateways.SettlementKind]int64{gateways.Received: 700}, s.Booked)
	p, err = s.Refund(t.Context(), gateways.MoveRequest{Key: "r1", Payment: p.ID, Amount: money.Money{}})
	require.NoError(t, err)
	require.True(t, p.Refunded().Equal(amount(t, "7.00", "EUR")))
	require.Equal(t, gatewaytest.Books{Taken: 700, Given: 700}, peer.bank.Books())
}

// TestWhatIsOverIsNotCompleted: a payer who approves an order that was declined or given up may
// have paid otherwise. Nobody takes that money, whoever looks.
func TestWhatIsOverIsNotCompleted(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(peer *peer, s *peertest.Shop, p gateways.Payment){
		"given up": func(peer *peer, s *peertest.Shop, p gateways.Payment) {
			for range 9 {
				s.Work()
			}
			require.Equal(t, gateways.PhaseFailed, s.Now(p).Phase)
			peer.approve(p.Attempts[0].ID)
		},
		"declined": func(peer *peer, s *peertest.Shop, p gateways.Payment) {
			peer.approve(p.Attempts[0].ID) // and it stays approved
			peer.issue = "PAYER_CANNOT_PAY"
			s.Work()
			require.Equal(t, gateways.PhaseDeclined, s.Now(p).Phase)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := newPeer(t)
			s := peertest.NewShop(t, peer.gateway(), peer.place(), peer.clock)
			p := s.Pay(amount(t, "10.00", "EUR"), false)
			end(peer, s, p)
			phase := s.Now(p).Phase
			_, err := s.Returned(t.Context(), "acc", url.Values{"token": {p.Reference}, "operation": {string(p.Attempts[0].ID)}})
			require.NoError(t, err)
			peer.send(s, "WH-1", "CHECKOUT.ORDER.APPROVED", fmt.Sprintf(`{"id":%q,"purchase_units":[{"custom_id":%q}]}`, p.Reference, p.Attempts[0].ID))
			_, err = s.Settle(t.Context(), "acc", p.Attempts[0].ID, "")
			require.NoError(t, err)
			for range 10 { // the looks after its time is over
				s.Work()
			}
			require.Equal(t, gatewaytest.Books{}, peer.bank.Books())
			require.Empty(t, s.Booked)
			require.Equal(t, phase, s.Now(p).Phase)
			require.Zero(t, s.Now(p).Due)
		})
	}
}

func TestNobodyPays(t *testing.T) {
	t.Parallel()
	peertest.NobodyPays(t, func(t *testing.T) (gatewaytest.Site, *tierhost.TestClock) {
		p := newPeer(t)
		return p.site(), p.clock
	})
}

// TestPayPalDropsWhatNobodyApproves: the payment ends as it would have, when its time is over.
func TestPayPalDropsWhatNobodyApproves(t *testing.T) {
	t.Parallel()
	peer := newPeer(t)
	s := peertest.NewShop(t, peer.gateway(), peer.place(), peer.clock)
	p := s.Pay(amount(t, "10.00", "EUR"), false)
	peer.bank.With(func() { peer.bank.All()[0].Notes["status"] = "dropped" })
	s.Work()
	require.Equal(t, gateways.PhaseAction, s.Now(p).Phase)
	require.NotNil(t, s.Now(p).Action)
	for range 9 {
		s.Work()
	}
	require.Equal(t, gateways.PhaseFailed, s.Now(p).Phase)
	require.Nil(t, s.Now(p).Parked)
}
