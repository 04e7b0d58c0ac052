package provisioning_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

func (w *works) next(m *provisioning.Manager) time.Time {
	w.t.Helper()
	next, err := m.NextDue(w.t.Context())
	require.NoError(w.t, err)
	return next
}

// What can be done already is due now, and where there is nothing at all it is never.
func TestNextDue(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	require.Zero(t, w.next(w.Manager))
	id := w.order("shop").Services[0].ID
	require.Equal(t, w.clock.Now(), w.next(w.Manager))
	w.work()
	require.Zero(t, w.next(w.Manager))
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled"})
	require.NoError(t, err)
	w.work()
	require.Equal(t, w.get(id).Removal.At, w.next(w.Manager))
}

// A server that opens between the last step and the question is not missed: nobody would
// come any more.
func TestNextDueOfAServerThatHasOpened(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	w.order("shop")
	_, err := w.SetServerStatus(t.Context(), "s1", provisioning.StatusDown)
	require.NoError(t, err)
	w.step(w.Manager, false)
	opens := w.next(w.Manager)
	require.Equal(t, w.clock.Now().Add(30*time.Second), opens)
	_, err = w.SetServerStatus(t.Context(), "s1", provisioning.StatusActive)
	require.NoError(t, err)
	w.clock.Set(opens.Add(-time.Microsecond))
	w.step(w.Manager, false)
	require.Equal(t, opens, w.next(w.Manager))
	w.clock.Set(opens)
	require.Equal(t, opens, w.next(w.Manager))
	w.step(w.Manager, true)
}

// What this process cannot do keeps it from nothing: it neither spins nor counts.
func TestNextDueElsewhere(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	w.opt.Drivers = map[string]provisioning.Driver{"nginx": fake.New(fake.Options{})}
	other := w.another()
	w.order("shop")
	w.step(other, false)
	require.Zero(t, w.next(other))
	require.Equal(t, w.clock.Now(), w.next(w.Manager))
}

// A process that may call a server less often than another goes by its own limit.
func TestNextDueByTheOwnLimit(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Work.Concurrency = 2 })
	w.opt.Work.Concurrency = 1
	careful := w.another()
	w.order("one")
	w.order("two")
	w.during(provisioning.VerbEnsure, func() {
		require.Equal(t, w.clock.Now(), w.next(w.Manager))
		w.step(careful, false)
		require.Equal(t, w.clock.Now().Add(2*time.Minute), w.next(careful), "when the lease of the call ends")
	})
	w.step(w.Manager, true)
	require.Equal(t, w.clock.Now(), w.next(careful))
	w.step(careful, true)
}
