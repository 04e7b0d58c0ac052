package stripe_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/gateways/internal/peertest"
	"github.com/tierhost/tierhost/gateways/stripe"
)

// send is Stripe that sends an event.
func (p *peer) send(s *peertest.Shop, id, kind, object string) {
	p.t.Helper()
	s.Hear(p.incoming(fmt.Appendf(nil, `{"id":%q,"type":%q,"livemode":false,"data":{"object":%s}}`, id, kind, object), p.now()))
}

// TestThroughTheManager: a card that the customer has given in the browser is charged, once,
// whatever becomes of the answer; refunds and disputes follow.
func TestThroughTheManager(t *testing.T) {
	t.Parallel()
	for _, how := range []gatewaytest.Situation{
		"", gatewaytest.LostAfter, gatewaytest.LostBefore, gatewaytest.Fails, gatewaytest.Garbles, gatewaytest.Strange, gatewaytest.Waits, gatewaytest.DeclinesSoft,
		gatewaytest.Overloaded,
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			peer := newPeer(t)
			s := peertest.NewShop(t, peer.gateway(), peer.place(), peer.clock)
			card, err := s.Register(t.Context(), gateways.RegisterRequest{
				Seller: "shop", Customer: "anna", Account: "acc", Return: "https://shop.example/kept", Email: "anna@example.com",
			})
			require.NoError(t, err)
			var script stripe.Script
			require.NoError(t, json.Unmarshal(card.Handover.Action.Client, &script))
			require.Equal(t, "pk_test_1", script.Publishable)
			peer.site().Give(gateways.Keeping{ID: gateways.OperationID(card.ID)}, gateways.Begun{})
			peer.send(s, "evt_0", "setup_intent.succeeded", fmt.Sprintf(`{"id":%q,"metadata":{"keeping":%q}}`, card.Handover.Reference, card.ID))
			card, err = s.Instrument(t.Context(), card.ID)
			require.NoError(t, err)
			require.Equal(t, gateways.Card{Brand: gateways.Visa, LastFour: "4242", Year: 2034, Month: time.May}, card.Card)

			if how != "" {
				peer.bank.Script(gateways.VerbCharge, how)
			}
			p, err := s.Charge(t.Context(), gateways.ChargeRequest{
				Key: "1", Seller: "shop", Customer: "anna", Number: "INV-1", Amount: amount(t, "10.00", "EUR"), Instrument: card.ID,
			})
			require.NoError(t, err)
			if how == gatewaytest.Waits {
				require.Equal(t, gateways.PhasePending, p.Phase)
				peer.bank.With(func() { peer.bank.Complete(peer.bank.All()[0], true) })
				peer.send(s, "evt_1", "payment_intent.succeeded", fmt.Sprintf(`{"id":%q,"metadata":{"operation":%q}}`, p.Reference, p.Attempts[0].ID))
			}
			for range 5 { // a day, after which a soft decline is tried again
				s.Work()
			}
			p = *s.Now(p)
			require.Equal(t, gateways.PhasePaid, p.Phase, "%+v", p.Attempts)
			require.Equal(t, map[gateways.SettlementKind]int64{gateways.Received: 1000}, s.Booked)
			require.Equal(t, gatewaytest.Books{Taken: 1000}, peer.bank.Books())

			peer.bank.Script(gateways.VerbRefund, gatewaytest.Fails)
			p, err = s.Refund(t.Context(), gateways.MoveRequest{Key: "r1", Payment: p.ID, Amount: amount(t, "4.00", "EUR")})
			require.NoError(t, err)
			s.Work()
			require.True(t, s.Now(p).Refunded().Equal(amount(t, "4.00", "EUR")))
			require.Equal(t, gatewaytest.Books{Taken: 1000, Given: 400}, peer.bank.Books())

			for range 2 {
				peer.send(s, "evt_2", "charge.dispute.funds_withdrawn", fmt.Sprintf(`{"id":"dp_1","amount":600,"currency":"eur","payment_intent":%q}`, p.Reference))
			}
			require.Equal(t, map[gateways.SettlementKind]int64{gateways.Received: 1000, gateways.Returned: 400, gateways.Lost: 600}, s.Booked)
		})
	}
}
