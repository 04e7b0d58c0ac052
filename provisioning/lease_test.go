package provisioning_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/secret"
)

// during has something happen in the middle of the next call with the verb, before it
// takes effect.
func (w *works) during(verb provisioning.Verb, do func()) {
	w.driver.Next(verb, fake.Fault{Meanwhile: func(context.Context) { do() }})
}

// While one worker calls the driver for a service, nobody else does.
func TestLeaseKeepsOthersAway(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.order("shop").Services[0].ID
	other := w.another()
	w.during(provisioning.VerbEnsure, func() {
		w.step(other, false)
		w.clock.Advance(2*time.Minute - time.Microsecond)
		w.step(other, false)
	})
	w.work()
	require.Equal(t, "ensure read", w.verbs(new(int)))
	w.phase(id, provisioning.PhaseActive)
}

// A worker that ends in a call leaves a lease behind. After it another one goes on, and
// reads first. When the call of the first comes back after all, it is noted and looked at.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.order("shop").Services[0].ID
	other, seen := w.another(), 0
	w.during(provisioning.VerbEnsure, func() {
		w.clock.Advance(2 * time.Minute)
		w.step(other, true)
		require.Equal(t, "ensure read", w.verbs(&seen))
		w.step(other, true)
		w.step(other, true)
		require.Equal(t, "ensure read", w.verbs(&seen), "nothing was there, so it was made")
		w.phase(id, provisioning.PhaseActive)
	})
	w.step(w.Manager, true)
	require.True(t, w.get(id).Recheck)
	w.work()
	require.Equal(t, "read", w.verbs(&seen))
	w.phase(id, provisioning.PhaseActive)
	thing, _ := w.thing("s1", "shop")
	require.Equal(t, 1, thing.Made)
	require.Equal(t, 1, told[provisioning.LateOutcome](w.events()))
}

// A call that makes the thing after the service was removed leaves nothing there.
func TestLateCreationIsRemoved(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.order("shop").Services[0].ID
	other := w.another()
	w.during(provisioning.VerbEnsure, func() {
		_, err := other.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
		require.NoError(t, err)
		w.clock.Advance(2 * time.Minute)
		for range 3 {
			w.step(other, true)
		}
		w.phase(id, provisioning.PhaseRemoved)
	})
	w.step(w.Manager, true)
	require.Len(t, w.driver.Things("s1"), 1, "there it is")
	s := w.phase(id, provisioning.PhaseRemoving)
	require.Equal(t, []provisioning.Leftover{{Server: "s1", Why: "late"}}, s.Leftovers)
	w.days(1)
	require.Empty(t, w.driver.Things("s1"))
	w.phase(id, provisioning.PhaseRemoved)
	w.sound()
}

// A call that sets an old password after a new one was set does not have the last word,
// though no read shows a password.
func TestLatePasswordIsSetAgain(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	_, err := w.ChangePassword(t.Context(), id, secret.New("second"))
	require.NoError(t, err)
	other := w.another()
	w.during(provisioning.VerbPassword, func() {
		_, err := other.ChangePassword(t.Context(), id, secret.New("third"))
		require.NoError(t, err)
		w.clock.Advance(2 * time.Minute)
		for range 2 {
			w.step(other, true)
		}
		thing, _ := w.thing("s1", "shop")
		require.Equal(t, "third", thing.Password)
	})
	w.step(w.Manager, true)
	thing, _ := w.thing("s1", "shop")
	require.Equal(t, "second", thing.Password)
	w.days(1)
	thing, _ = w.thing("s1", "shop")
	require.Equal(t, "third", thing.Password)
}

// The outcome of a call is stored though the caller has given up meanwhile.
func TestOutcomeIsStoredAfterACancellation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault func(cancel func()) fake.Fault
		verbs string
	}{
		"before the effect": {func(cancel func()) fake.Fault {
			return fake.Fault{Meanwhile: func(context.Context) { cancel() }}
		}, "ensure ensure read"},
		"after it": {func(cancel func()) fake.Fault {
			return fake.Fault{Afterwards: func(context.Context) { cancel() }}
		}, "ensure read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := hire(t, 1, 10)
			id := w.order("shop").Services[0].ID
			ctx, cancel := context.WithCancel(t.Context())
			w.driver.Next(provisioning.VerbEnsure, c.fault(cancel))
			worked, err := w.Step(ctx)
			require.NoError(t, err)
			require.True(t, worked)
			require.Empty(t, w.get(id).Lease, "nobody has to wait for its end")
			w.days(1)
			require.Equal(t, c.verbs, w.verbs(new(int)))
			w.phase(id, provisioning.PhaseActive)
		})
	}
}

// A call that may take longer than the lease has it renewed, and keeps the service to
// itself for as long as it takes.
func TestLongCallsKeepTheirLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := hire(t, 1, 10, func(o *provisioning.Options) {
			o.Clock, o.Work.Timeout = tierhost.SystemClock(), time.Hour
		})
		id := w.order("shop").Services[0].ID
		other := w.another()
		w.during(provisioning.VerbEnsure, func() {
			for range 20 {
				time.Sleep(time.Minute)
				w.step(other, false)
			}
		})
		w.step(w.Manager, true)
		w.step(w.Manager, true)
		require.Equal(t, "ensure read", w.verbs(new(int)))
		w.phase(id, provisioning.PhaseActive)
	})
}

// What is asked for while content is copied does not wait for the end of the copy, which may
// take hours: it is broken off when the lease is renewed.
func TestCopiesGiveWay(t *testing.T) {
	t.Parallel()
	for _, verb := range []provisioning.Verb{provisioning.VerbCopy, provisioning.VerbVerify} {
		for name, c := range map[string]struct {
			ask   func(ctx context.Context, m *provisioning.Manager, id provisioning.ServiceID) error
			phase provisioning.Phase
		}{
			"suspend": {func(ctx context.Context, m *provisioning.Manager, id provisioning.ServiceID) error {
				_, err := m.Suspend(ctx, id, "abuse", "")
				return err
			}, provisioning.PhaseSuspended},
			"remove": {func(ctx context.Context, m *provisioning.Manager, id provisioning.ServiceID) error {
				_, err := m.Remove(ctx, provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
				return err
			}, provisioning.PhaseRemoved},
		} {
			t.Run(fmt.Sprint(verb, " ", name), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := hire(t, 2, 10, func(o *provisioning.Options) { o.Clock = tierhost.SystemClock() })
					id := w.order("shop").Services[0].ID
					w.work()
					w.phase(id, provisioning.PhaseActive)
					other, took := w.another(), time.Duration(0)
					w.driver.Next(verb, fake.Fault{Meanwhile: func(ctx context.Context) {
						require.NoError(t, c.ask(t.Context(), other, id))
						asked := time.Now()
						select {
						case <-ctx.Done():
						case <-time.After(5 * time.Hour):
						}
						took = time.Since(asked)
					}})
					_, err := w.Move(t.Context(), provisioning.MoveRequest{Service: id})
					require.NoError(t, err)
					w.work()
					require.Positive(t, took)
					require.Less(t, took, time.Minute)
					for range 100 { // the old place has its grace
						time.Sleep(time.Hour)
						w.work()
					}
					s := w.phase(id, c.phase)
					for _, on := range []provisioning.ServerID{"s1", "s2"} {
						thing, there := w.thing(on, "shop")
						require.Equal(t, on == s.Server, there, on)
						require.Equal(t, there, thing.Suspended, on)
					}
				})
			})
		}
	}
}

// Several workers in several processes do everything once.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := hire(t, 3, 40, func(o *provisioning.Options) { o.Clock = tierhost.SystemClock() })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		for range 3 {
			process := w.another()
			for range 3 {
				go func() { ended <- process.Run(ctx) }()
			}
		}
		var ids []provisioning.ServiceID
		for i := range 60 {
			ids = append(ids, w.order("shop" + string(rune('A'+i))).Services[0].ID)
			if i%10 == 0 {
				time.Sleep(100 * time.Millisecond)
			}
		}
		time.Sleep(5 * time.Second)
		for _, id := range ids {
			w.phase(id, provisioning.PhaseActive)
		}
		for _, on := range []provisioning.ServerID{"s1", "s2", "s3"} {
			for _, thing := range w.driver.Things(on) {
				require.Equal(t, 1, thing.Made)
			}
		}
		require.Len(t, w.driver.Calls(), 2*len(ids), "each was made once and looked at once")
		cancel()
		for range 9 {
			require.ErrorIs(t, <-ended, context.Canceled)
		}
	})
}

// Drivers are not called in a transaction, which would hold locks for as long.
func TestNoCallsInTransactions(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	require.ErrorIs(t, w.within(func(ctx context.Context, m *provisioning.Manager) error {
		_, err := m.Step(ctx)
		return err
	}), tierhost.ErrUnsupported)
	require.ErrorIs(t, w.within(func(ctx context.Context, m *provisioning.Manager) error {
		_, err := m.Reconcile(ctx, provisioning.ReconcileRequest{})
		return err
	}), tierhost.ErrUnsupported)
}
