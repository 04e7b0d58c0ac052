package gateways_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/money"
)

// proving has the first provider tell outcomes in its notifications.
func proving(o *gateways.Options) {
	o.Gateways["first"] = fake.New(fake.Options{Proves: true})
}

// newProvingWorld is a world whose first provider's notifications prove the outcome, or
// are a reason to look.
func newProvingWorld(t *testing.T, proves bool) *world {
	t.Helper()
	if !proves {
		return newWorld(t)
	}
	w := &world{}
	made := newWorld(t, proving, func(o *gateways.Options) { w.first = o.Gateways["first"].(*fake.Provider) })
	made.first = w.first
	made.first.Put(cardToken, visa)
	return made
}

// A refund that was approved and that the customer's bank sends back is undone in the
// books, once, and may be given again.
func TestRefundComesBack(t *testing.T) {
	t.Parallel()
	for name, proves := range map[string]bool{"the notice is a reason to look": false, "the notice proves it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newProvingWorld(t, proves)
			p := w.charge("1")
			p, back := w.refund(p, "r", "4.00")
			require.Equal(t, gateways.AttemptApproved, back.State)
			w.first.Undo(back.ID)
			require.Equal(t, []int{200}, w.tell())
			for range 2 {
				_, err := w.Settle(t.Context(), "first", back.ID, "")
				require.NoError(t, err)
			}
			w.work(time.Hour)
			p = w.now(p)
			require.Equal(t, gateways.AttemptUndone, w.attempt(p, back.ID).State)
			require.True(t, p.Refunded().IsZero())
			require.True(t, p.Refundable().Equal(eur("10.00")))
			require.Equal(t, gateways.PhasePaid, p.Phase)
			undone := w.booked[string(back.ID)+"/undone"]
			require.Equal(t, gateways.Undone, undone.Kind)
			require.True(t, undone.Amount.Equal(eur("4.00")))
			require.Len(t, w.booked, 3)
			require.Equal(t, 2, w.told("gateways.refund.changed"), "approved, and undone")
			w.balanced()
			_, again := w.refund(p, "r2", "10.00")
			require.Equal(t, gateways.AttemptApproved, again.State)
			w.balanced()
		})
	}
}

// In whatever order the words about a refund come, one thing becomes of it.
func TestRefundNoticesInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, proves := range []bool{false, true} {
		for _, order := range [][]int{{0, 1}, {1, 0}, {1, 1, 0, 0}, {0, 1, 0, 1}} {
			w := newProvingWorld(t, proves)
			p := w.charge("1")
			w.first.Script(fake.Script{Verb: gateways.VerbRefund, Pending: true})
			p, back := w.refund(p, "r", "4.00")
			w.first.Complete(back.ID, nil)
			w.first.Undo(back.ID)
			sent, err := w.first.Notifications("first", "https://api.shop.example/pay/first", signingKey)
			require.NoError(t, err)
			require.Len(t, sent, 2)
			for _, n := range order {
				body, err := sent[n].GetBody()
				require.NoError(t, err)
				r := sent[n].Clone(t.Context())
				r.Body = body
				w.deliver(r)
			}
			w.work(time.Hour)
			p = w.now(p)
			require.True(t, p.Refunded().IsZero(), "%t %v", proves, order)
			require.Nil(t, p.Parked)
			w.balanced()
		}
	}
}

// What is known of a refund is told each time it changes.
func TestRefundsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1")
	w.first.Script(fake.Script{Verb: gateways.VerbRefund, Pending: true}, fake.Script{Verb: gateways.VerbRefund, Refuse: true})
	_, back := w.refund(p, "a", "4.00")
	_, failed := w.refund(p, "b", "2.00")
	require.Equal(t, gateways.AttemptFailed, failed.State)
	w.first.Complete(back.ID, nil)
	w.work(time.Hour)
	w.work(time.Hour)
	w.first.Undo(back.ID)
	w.tell()
	var told []gateways.AttemptState
	for _, e := range w.events() {
		if d, err := gateways.DecodeEvent(e); err == nil {
			if r, ok := d.(gateways.RefundChanged); ok {
				told = append(told, r.State)
			}
		}
	}
	require.Equal(t, []gateways.AttemptState{
		gateways.AttemptPending, gateways.AttemptFailed, gateways.AttemptApproved, gateways.AttemptUndone,
	}, told)
}

// A refund that was given up, is made after all, and would give back more than was taken is
// not booked: staff decides.
func TestLateRefundBeyondTheCapture(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1")
	w.first.Script(fake.Script{Verb: gateways.VerbRefund, After: true, Hidden: true})
	_, lost := w.refund(p, "a", "6.00")
	for range 6 {
		w.work(10 * time.Minute)
	}
	require.Equal(t, gateways.AttemptFailed, w.attempt(p, lost.ID).State)
	w.first.Dispute(p.Attempts[0].ID, gateways.Dispute{Amount: eur("5.00"), Lost: true})
	w.tell()
	w.first.Reveal()
	_, err := w.Settle(t.Context(), "first", lost.ID, "")
	require.NoError(t, err)
	p = w.now(p)
	require.Equal(t, gateways.AttemptSuspense, w.attempt(p, lost.ID).State)
	require.Equal(t, gateways.ParkExcess, p.Parked.Reason)
	require.NotContains(t, w.booked, string(lost.ID))
	require.True(t, p.Refundable().IsZero())
	p, err = w.Resolve(t.Context(), p.ID, lost.ID, eur("6.00"), "eva")
	require.NoError(t, err)
	require.Nil(t, p.Parked)
	require.Contains(t, w.booked, string(lost.ID))
}

// An authorization that runs out is looked up, and let go of.
func TestAuthorizationRunsOut(t *testing.T) {
	t.Parallel()
	later := func(q *gateways.ChargeRequest) { q.Later = true }
	for name, c := range map[string]struct {
		at    func(w *world, id gateways.OperationID)
		voids int
	}{
		"the provider has let it go":     {func(w *world, id gateways.OperationID) { w.first.Undo(id) }, 0},
		"the provider has forgotten it":  {func(w *world, id gateways.OperationID) { w.first.Lose(id) }, 0},
		"it is set aside still":          {func(*world, gateways.OperationID) {}, 1},
		"the provider cannot be reached": {func(w *world, _ gateways.OperationID) { w.first.SetDown(true) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.first.Script(fake.Script{Expires: w.clock.Now().Add(7 * 24 * time.Hour)})
			p := w.charge("1", later)
			require.Equal(t, gateways.PhaseAuthorized, p.Phase)
			w.work(6 * 24 * time.Hour)
			require.Equal(t, gateways.PhaseAuthorized, w.now(p).Phase)
			c.at(w, p.Attempts[0].ID)
			w.work(25 * time.Hour)
			w.first.SetDown(false)
			w.work(7 * time.Hour)
			require.Equal(t, gateways.PhaseVoided, w.now(p).Phase)
			voids := 0
			for _, call := range w.first.Calls() {
				if call.Verb == gateways.VerbVoid && call.Method == "do" {
					voids++
				}
			}
			require.Equal(t, c.voids, voids)
			require.Empty(t, w.booked)
			next, err := w.NextDue(t.Context())
			require.NoError(t, err)
			require.Zero(t, next)
			_, err = w.Capture(t.Context(), gateways.MoveRequest{Key: "c", Payment: p.ID})
			require.ErrorIs(t, err, gateways.ErrPhase)
		})
	}
	t.Run("it was captured", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.first.Script(fake.Script{Expires: w.clock.Now().Add(time.Hour)})
		p := w.charge("1", later)
		_, err := w.Capture(t.Context(), gateways.MoveRequest{Key: "c", Payment: p.ID})
		require.NoError(t, err)
		calls := len(w.first.Calls())
		w.work(48 * time.Hour)
		require.Len(t, w.first.Calls(), calls)
		require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
	})
	t.Run("it cannot be let go", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.first.Script(fake.Script{Expires: w.clock.Now().Add(time.Hour)}, fake.Script{Verb: gateways.VerbVoid, Refuse: true})
		p := w.charge("1", later)
		w.work(2 * time.Hour)
		w.work(7 * time.Hour)
		p = w.now(p)
		require.Equal(t, gateways.ParkLost, p.Parked.Reason)
		p, err := w.Resolve(t.Context(), p.ID, p.Parked.Operation, money.Money{}, "eva")
		require.NoError(t, err)
		require.Equal(t, gateways.PhaseVoided, p.Phase)
		require.Empty(t, w.booked)
	})
}
