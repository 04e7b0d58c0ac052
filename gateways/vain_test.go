package gateways_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/money"
)

// What is pending, and can no longer be looked up, is parked after as many looks in vain as
// what is unknown: a page, a charge that a bank works on, a refund.
func TestPendingIsLookedUpInVain(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(w *world) (gateways.Payment, gateways.OperationID){
		"a page": func(w *world) (gateways.Payment, gateways.OperationID) {
			p := w.checkout("1")
			return p, p.Attempts[0].ID
		},
		"a charge": func(w *world) (gateways.Payment, gateways.OperationID) {
			w.first.Script(fake.Script{Pending: true})
			p := w.charge("1")
			return p, p.Attempts[0].ID
		},
		"a refund": func(w *world) (gateways.Payment, gateways.OperationID) {
			p := w.charge("1")
			w.first.Script(fake.Script{Verb: gateways.VerbRefund, Pending: true})
			p, a := w.refund(p, "r", "4.00")
			return p, a.ID
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *gateways.Options) { o.Give = 5 })
			p, id := begin(w)
			require.Equal(t, gateways.AttemptPending, w.attempt(p, id).State)
			w.first.SetDown(true)
			for range 4 {
				w.work(7 * time.Hour)
			}
			require.Nil(t, w.now(p).Parked, "not yet")
			w.work(7 * time.Hour)
			p = w.now(p)
			require.NotNil(t, p.Parked)
			require.Equal(t, gateways.ParkLost, p.Parked.Reason)
			require.Equal(t, id, p.Parked.Operation)
			require.Equal(t, 1, w.told("gateways.payment.parked"))
			looks := w.looks()
			w.work(48 * time.Hour)
			require.Equal(t, looks, w.looks(), "staff has to look at it")

			// It ends by itself when the provider tells after all.
			w.first.SetDown(false)
			w.first.Complete(id, nil)
			_, err := w.Settle(t.Context(), "first", id, "")
			require.NoError(t, err)
			require.Nil(t, w.now(p).Parked)
			require.Equal(t, gateways.AttemptApproved, w.attempt(p, id).State)
			w.balanced()
		})
	}
}

// Only looks in vain one after the other count: what a bank works on for weeks is not
// parked because the provider is out now and then.
func TestPendingForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *gateways.Options) { o.Give = 5 })
	w.first.Script(fake.Script{Pending: true})
	p := w.charge("1")
	for n := range 40 {
		w.first.SetDown(n%5 != 0)
		w.work(7 * time.Hour)
	}
	require.Nil(t, w.now(p).Parked)
	require.Equal(t, gateways.PhasePending, w.now(p).Phase)
}

// What is pending is ended by staff who knows what became of it, parked or not.
func TestResolvePending(t *testing.T) {
	t.Parallel()
	t.Run("a refund was not made", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.charge("1")
		w.first.Script(fake.Script{Verb: gateways.VerbRefund, Pending: true})
		p, back := w.refund(p, "r", "4.00")
		require.Equal(t, eur("6.00").String(), p.Refundable().String())
		p, err := w.Resolve(t.Context(), p.ID, back.ID, money.Money{}, "eva")
		require.NoError(t, err)
		require.Equal(t, gateways.AttemptFailed, w.attempt(p, back.ID).State)
		require.Equal(t, eur("10.00").String(), p.Refundable().String())
		require.Equal(t, 2, w.told("gateways.refund.changed"), "pending, then failed")
		require.Zero(t, w.now(p).Due)
		_, err = w.Resolve(t.Context(), p.ID, back.ID, money.Money{}, "eva")
		require.ErrorIs(t, err, gateways.ErrPhase, "it is over")
	})
	t.Run("a refund was made", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.charge("1")
		w.first.Script(fake.Script{Verb: gateways.VerbRefund, Pending: true})
		p, back := w.refund(p, "r", "4.00")
		w.first.Complete(back.ID, nil)
		p, err := w.Resolve(t.Context(), p.ID, back.ID, eur("4.00"), "eva")
		require.NoError(t, err)
		require.Equal(t, eur("4.00").String(), p.Refunded().String())
		w.tell()
		w.balanced()
	})
	t.Run("a page was paid", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.checkout("1")
		w.first.Pay(p.Attempts[0].ID)
		p, err := w.Resolve(t.Context(), p.ID, p.Attempts[0].ID, eur("10.00"), "eva")
		require.NoError(t, err)
		require.Equal(t, gateways.PhasePaid, p.Phase)
		require.Nil(t, p.Action)
		w.tell()
		w.balanced()
	})
	t.Run("a page was not paid", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.checkout("1")
		id := p.Attempts[0].ID
		p, err := w.Resolve(t.Context(), p.ID, id, money.Money{}, "eva")
		require.NoError(t, err)
		require.Equal(t, gateways.PhaseFailed, p.Phase)
		_, err = w.Settle(t.Context(), "first", id, "")
		require.NoError(t, err)
		require.Equal(t, gateways.PhaseFailed, w.now(p).Phase, "that the page is there still changes nothing")
		w.first.Pay(id) // all the same, and the notification is lost
		_, err = w.first.Notifications("first", "https://api.shop.example/pay/first", signingKey)
		require.NoError(t, err)
		w.work(26 * time.Hour)
		require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
		w.balanced()
	})
}
