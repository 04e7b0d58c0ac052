package gateways_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/storage"
)

// asked is a provider with something that happens when it is asked what became of an
// operation, and with what it answers then.
type asked struct {
	*fake.Provider
	before func()
	answer func(r gateways.Result) gateways.Result
}

func (a *asked) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	if a.before != nil {
		a.before()
	}
	r, err := a.Provider.Find(ctx, at, o)
	if a.answer != nil && err == nil {
		r = a.answer(r)
	}
	return r, err
}

func newAsked(t *testing.T) (*world, *asked) {
	t.Helper()
	a := &asked{}
	return newWorld(t, through(&a.Provider, a)), a
}

// A customer who comes back while a notification is worked on sees the payment as it is.
func TestReturnedAsANotificationComes(t *testing.T) {
	t.Parallel()
	w, a := newAsked(t)
	p := w.checkout("1")
	w.first.Pay(p.Attempts[0].ID)
	back := url.Values{"operation": {string(p.Attempts[0].ID)}}
	met := 0
	a.before = func() {
		met++
		got, err := w.Returned(t.Context(), "first", back)
		require.NoError(t, err)
		require.Equal(t, gateways.PhaseAction, got.Phase)
		require.Equal(t, p.ID, got.ID)
	}
	w.tell()
	require.Equal(t, 1, met)
	a.before = nil
	got, err := w.Returned(t.Context(), "first", back)
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, got.Phase)
}

// What was paid at the last moment is waited for, and looked for twice after the page was
// given up, should the notification be lost.
func TestPaidAtTheLastMoment(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*world, gateways.Payment) {
		pages := &shortPages{}
		w := newWorld(t, func(o *gateways.Options) {
			pages.Provider = o.Gateways["first"].(*fake.Provider)
			o.Gateways["first"] = pages
		})
		pages.until = w.clock.Now().Add(time.Hour)
		return w, w.checkout("1")
	}
	pay := func(w *world, p gateways.Payment) {
		w.first.Pay(p.Attempts[0].ID)
		_, err := w.first.Notifications("first", "https://api.shop.example/pay/first", signingKey)
		require.NoError(w.t, err)
	}
	t.Run("the page is just gone", func(t *testing.T) {
		t.Parallel()
		w, p := begin(t)
		w.clock.Advance(time.Hour)
		_, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
		require.NoError(t, err)
		require.False(t, w.now(p).Phase.Over())
		w.clock.Advance(15 * time.Minute)
		_, err = w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
		require.NoError(t, err)
		require.Equal(t, gateways.PhaseFailed, w.now(p).Phase)
	})
	for name, after := range map[string]time.Duration{"the first look": 0, "the last look": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := begin(t)
			w.work(3 * time.Hour)
			require.Equal(t, gateways.PhaseFailed, w.now(p).Phase)
			w.work(after)
			pay(w, p)
			w.work(time.Hour)
			w.work(24 * time.Hour)
			require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
			w.balanced()
		})
	}
	t.Run("nobody has paid", func(t *testing.T) {
		t.Parallel()
		w, p := begin(t)
		w.work(3 * time.Hour)
		ended, looks := w.now(p).Attempts[0].Ended, w.looks()
		for range 10 {
			w.work(24 * time.Hour)
		}
		require.Equal(t, gateways.PhaseFailed, w.now(p).Phase)
		require.Equal(t, ended, w.now(p).Attempts[0].Ended)
		require.Equal(t, looks+2, w.looks())
		next, err := w.NextDue(t.Context())
		require.NoError(t, err)
		require.Zero(t, next)
	})
}

// What is set aside for longer than the provider has said at first is not let go.
func TestAuthorizationIsExtended(t *testing.T) {
	t.Parallel()
	w, a := newAsked(t)
	w.first.Script(fake.Script{Expires: w.clock.Now().Add(time.Hour)})
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Later = true })
	until := w.clock.Now().Add(7 * 24 * time.Hour)
	a.answer = func(r gateways.Result) gateways.Result {
		r.Expires = until
		return r
	}
	w.work(2 * time.Hour)
	p = w.now(p)
	require.Equal(t, gateways.PhaseAuthorized, p.Phase)
	require.Equal(t, until, p.Expires)
	require.Equal(t, until, p.Due)
	require.Len(t, p.Attempts, 1)
	_, err := w.Capture(t.Context(), gateways.MoveRequest{Key: "c", Payment: p.ID})
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
}

// An authorization that a notice tells of while a worker asks, and dies, is watched still.
func TestWorkerDiesAfterANotice(t *testing.T) {
	t.Parallel()
	w, tell := newScripted(t)
	w.first.Script(fake.Script{Pending: true})
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Later = true })
	w.clock.Advance(time.Hour)
	require.NoError(t, w.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := w.store.Gateways(tx)
		if err != nil {
			return err
		}
		p.Version++
		p.Lease = gateways.Lease{Token: "dies", Until: w.clock.Now().Add(5 * time.Minute)}
		p.Due = p.Lease.Until
		return rows.PutPayment(ctx, p)
	}))
	tell(gateways.Notice{Event: "e", Operation: p.Attempts[0].ID, Result: &gateways.Result{
		Outcome: gateways.Approved, Reference: p.Attempts[0].Reference, Amount: eur("10.00"), Expires: w.clock.Now().Add(24 * time.Hour),
	}})
	p = w.now(p)
	require.Equal(t, gateways.PhaseAuthorized, p.Phase)
	require.Equal(t, p.Lease.Until, p.Due)
	w.work(time.Hour)
	require.Equal(t, p.Expires, w.now(p).Due)
}

// A process that has not got the gateway of what has run out knows nothing of it.
func TestExpiredWithoutTheGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Expires: w.clock.Now().Add(time.Hour)})
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Later = true })
	other, err := gateways.New(w.store, gateways.Options{Clock: w.clock})
	require.NoError(t, err)
	w.clock.Advance(2 * time.Hour)
	_, err = other.Settle(t.Context(), "first", p.Attempts[0].ID, "")
	require.ErrorIs(t, err, tierhost.ErrUnsupported)
	got := w.now(p)
	require.Equal(t, gateways.PhaseAuthorized, got.Phase)
	require.Zero(t, got.Lease)
}

// A page on which one card was declined can still be paid with another one: it is looked for
// twice when its time is over, should the notification be lost.
func TestPaidAfterADecline(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (*world, gateways.Payment) {
		w, a := newAsked(t)
		p := w.checkout("1")
		a.answer = func(r gateways.Result) gateways.Result {
			if r.Outcome == gateways.Pending { // the first card was refused
				r.Outcome, r.Action, r.Decline = gateways.Declined, nil, gateways.Decline{Code: gateways.DeclineFunds}
			}
			return r
		}
		w.work(time.Hour)
		require.Equal(t, gateways.PhaseDeclined, w.now(p).Phase)
		return w, p
	}
	for name, days := range map[string]time.Duration{"the first look": 0, "the last look": 26 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := begin(t)
			w.work(days)
			w.first.Pay(p.Attempts[0].ID)
			_, err := w.first.Notifications("first", "https://api.shop.example/pay/first", signingKey)
			require.NoError(t, err)
			w.work(26 * time.Hour)
			w.work(26 * time.Hour)
			require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
			w.balanced()
		})
	}
	t.Run("nobody has paid", func(t *testing.T) {
		t.Parallel()
		w, p := begin(t)
		looks, until := w.looks(), w.now(p).Attempts[0].Until
		next, err := w.NextDue(t.Context())
		require.NoError(t, err)
		require.Equal(t, until.Add(time.Hour), next)
		for range 10 {
			w.work(24 * time.Hour)
		}
		require.Equal(t, looks+2, w.looks())
		require.Equal(t, gateways.PhaseDeclined, w.now(p).Phase)
		require.Equal(t, 1, w.told("gateways.payment.declined"))
		next, err = w.NextDue(t.Context())
		require.NoError(t, err)
		require.Zero(t, next)
	})
	t.Run("a card that is charged", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.first.Script(fake.Script{Action: true})
		p := w.charge("1", func(q *gateways.ChargeRequest) { q.Present = true })
		w.first.Complete(p.Attempts[0].ID, &gateways.Decline{Code: gateways.DeclineFunds})
		w.work(time.Hour)
		require.Equal(t, gateways.PhaseDeclined, w.now(p).Phase)
		require.Zero(t, w.now(p).Due, "there is no other card")
	})
}
