package gateways_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
)

var softDecline = &gateways.Decline{Code: gateways.DeclineFunds}

// What waits to be tried again is not, once the host has canceled it: the customer has paid
// otherwise.
func TestCancelWhatWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script []fake.Script
		ends   gateways.Phase
	}{
		"declined":    {[]fake.Script{{Decline: softDecline}}, gateways.PhaseDeclined},
		"unreachable": {[]fake.Script{{Before: true, Sure: true}}, gateways.PhaseFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.first.Script(c.script...)
			p := w.charge("1")
			require.Equal(t, gateways.PhaseWaiting, p.Phase)
			asked := w.calls("do")
			p, err := w.Cancel(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, c.ends, p.Phase)
			require.Zero(t, p.Again)
			require.Zero(t, p.Due)
			require.Equal(t, w.clock.Now(), p.Canceled)
			version := p.Version
			p, err = w.Cancel(t.Context(), p.ID)
			require.NoError(t, err, "it is canceled")
			require.Equal(t, version, p.Version)
			w.work(100 * time.Hour)
			require.Equal(t, asked, w.calls("do"), "it is not charged")
			require.Equal(t, c.ends, w.now(p).Phase)
			w.balanced()
		})
	}
	t.Run("it was never tried", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.first.Script(fake.Script{Decline: softDecline})
		w.charge("1")
		p := w.charge("2") // waits for the first one
		require.Empty(t, p.Attempts)
		p, err := w.Cancel(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, gateways.PhaseFailed, p.Phase)
		w.work(100 * time.Hour)
		require.Empty(t, w.now(p).Attempts)
	})
}

// What is told later of an attempt of what was canceled does not have it tried again.
func TestCanceledAndToldLater(t *testing.T) {
	t.Parallel()
	w, tell := newScripted(t)
	w.first.Script(fake.Script{Before: true}, fake.Script{Decline: softDecline})
	p := w.charge("1")
	w.work(16 * time.Minute) // the provider has never heard of the first one
	require.Equal(t, gateways.AttemptFailed, w.now(p).Attempts[0].State)
	require.Equal(t, gateways.PhaseWaiting, w.now(p).Phase)
	_, err := w.Cancel(t.Context(), p.ID)
	require.NoError(t, err)
	tell(gateways.Notice{Event: "late", Operation: p.Attempts[0].ID, Result: &gateways.Result{
		Outcome: gateways.Declined, Reference: "late", Amount: eur("10.00"), Decline: *softDecline,
	}})
	got := w.now(p)
	require.Equal(t, gateways.AttemptDeclined, got.Attempts[0].State)
	require.Zero(t, got.Again)
	require.Equal(t, gateways.PhaseDeclined, got.Phase)
	asked := w.calls("do")
	w.work(100 * time.Hour)
	require.Equal(t, asked, w.calls("do"))
}

// Money that moves, or may, is not canceled.
func TestCancelWhatMoves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin func(w *world) gateways.Payment
		want  error
	}{
		"paid": {func(w *world) gateways.Payment { return w.charge("1") }, gateways.ErrPhase},
		"authorized": {func(w *world) gateways.Payment {
			return w.charge("1", func(q *gateways.ChargeRequest) { q.Later = true })
		}, gateways.ErrPhase},
		"a page": {func(w *world) gateways.Payment { return w.checkout("1") }, gateways.ErrBusy},
		"unknown": {func(w *world) gateways.Payment {
			w.first.Script(fake.Script{After: true})
			return w.charge("1")
		}, gateways.ErrBusy},
		"nobody's": {func(*world) gateways.Payment { return gateways.Payment{ID: "pay_0"} }, gateways.ErrNoPayment},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := c.begin(w)
			_, err := w.Cancel(t.Context(), p.ID)
			require.ErrorIs(t, err, c.want)
			require.NotEqual(t, tierhost.KindInternal, tierhost.KindOf(err))
		})
	}
}
