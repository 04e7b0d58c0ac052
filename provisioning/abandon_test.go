package provisioning_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// burns has a server go for good.
func (w *works) burns(on provisioning.ServerID) {
	w.t.Helper()
	w.driver.SetDown(on, true)
	_, err := w.SetServerStatus(w.t.Context(), on, provisioning.StatusDown)
	require.NoError(w.t, err)
}

// A leftover on a server that has burnt waits for ever, until staff gives it up: the
// service goes on, the room is free, and the server can go from the inventory.
func TestAbandon(t *testing.T) {
	t.Parallel()
	w, id, old, now := moved(t)
	ctx := t.Context()
	_, err := w.Abandon(ctx, id, old, "burnt")
	require.Equal(t, "server_not_down", tierhost.CodeOf(err), "what works is cleared up: %v", err)
	w.burns(old)
	w.days(5)
	s := w.phase(id, provisioning.PhaseActive)
	require.Len(t, s.Leftovers, 1)
	x, err := w.Server(ctx, old)
	require.NoError(t, err)
	require.ErrorIs(t, w.RemoveServer(ctx, old, x.Version), provisioning.ErrInUse)
	_, err = w.Abandon(ctx, id, now, "burnt")
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	w.events()

	s, err = w.Abandon(ctx, id, old, "burnt")
	require.NoError(t, err)
	require.Equal(t, provisioning.PhaseActive, s.Phase)
	require.Empty(t, s.Leftovers)
	require.Equal(t, []provisioning.EventData{provisioning.LeftoverAbandoned{
		Service: id, Kind: "web", Name: "shop", Account: "a1", Server: old, Reason: "burnt",
	}}, w.events())
	require.Zero(t, w.used(old, provisioning.DimensionServices))
	w.sound()
	again, err := w.Abandon(ctx, id, old, "burnt")
	require.NoError(t, err)
	require.Equal(t, s.Generation, again.Generation, "there is nothing more to give up")
	require.Empty(t, w.events())
	require.NoError(t, w.RemoveServer(ctx, old, x.Version))
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
	_, err = w.Abandon(ctx, id, old, "")
	require.Equal(t, []string{"reason: required"}, issues(t, err))
}

// What lives on the server is not given up: it is moved, or removed, first.
func TestAbandonSparesWhatLives(t *testing.T) {
	t.Parallel()
	w := hire(t, 2, 10)
	ctx := t.Context()
	id := w.made("shop")
	on := w.get(id).Server
	w.burns(on)
	_, err := w.Abandon(ctx, id, on, "burnt")
	require.Equal(t, "lives_there", tierhost.CodeOf(err))
	_, err = w.Move(ctx, provisioning.MoveRequest{Service: id, WithoutContent: true})
	require.NoError(t, err)
	w.days(1)
	s := w.phase(id, provisioning.PhaseActive)
	require.NotEqual(t, on, s.Server)
	_, err = w.Abandon(ctx, id, on, "burnt")
	require.NoError(t, err)
	require.Empty(t, w.get(id).Leftovers)
	w.sound()
}

// A whole server: what is left there is given up, also what a worker is busy with, what is
// on its way there stays where it is, what was to be removed is removed, and what lives
// there is named.
func TestAbandonServer(t *testing.T) {
	t.Parallel()
	w := hire(t, 2, 10)
	ctx := t.Context()
	placed := func(name string, on provisioning.ServerID) provisioning.ServiceID {
		o := order(name)
		o.Services[0].Demand.Server = on
		got, err := w.Order(ctx, o)
		require.NoError(t, err)
		w.work()
		return w.phase(got.Services[0].ID, provisioning.PhaseActive).ID
	}
	lives, removed, moves, moved := placed("lives", "s1"), placed("removed", "s1"), placed("moves", "s2"), placed("moved", "s1")
	w.move(moved)
	w.work()
	w.burns("s1")
	_, err := w.Remove(ctx, provisioning.RemoveRequest{Service: removed, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	_, err = w.SetServerStatus(ctx, "s1", provisioning.StatusActive)
	require.NoError(t, err)
	w.move(moves)
	w.step(w.Manager, true)
	w.burns("s1")
	w.days(2)
	w.phase(removed, provisioning.PhaseRemoving)

	got, err := w.AbandonServer(ctx, "s1", "burnt")
	require.NoError(t, err)
	require.ElementsMatch(t, []provisioning.ServiceID{removed, moves, moved}, got.Services)
	require.Equal(t, []provisioning.ServiceID{lives}, got.Living)
	w.days(1)
	w.phase(removed, provisioning.PhaseRemoved)
	for _, id := range []provisioning.ServiceID{moves, moved} {
		s := w.phase(id, provisioning.PhaseActive)
		require.Equal(t, provisioning.ServerID("s2"), s.Server)
		require.Nil(t, s.Move)
		require.Empty(t, s.Leftovers)
	}
	require.EqualValues(t, 1, w.used("s1", provisioning.DimensionServices), "of the one that lives there")
	w.sound()
	got, err = w.AbandonServer(ctx, "s1", "burnt")
	require.NoError(t, err)
	require.Empty(t, got.Services)
}

// A removal that was parked because the server does not work any more ends.
func TestAbandonWhatIsParked(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Work.Attempts = 3 })
	id := w.made("shop")
	w.driver.SetDown("s1", true)
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseParked)
	w.burns("s1")
	_, err = w.Abandon(t.Context(), id, "s1", "burnt")
	require.NoError(t, err)
	w.phase(id, provisioning.PhaseRemoved)
	require.Zero(t, w.used("s1", provisioning.DimensionServices))
	w.sound()
}

// A call that was under way when the server was given up, and comes back, is no harm.
func TestAbandonDuringACall(t *testing.T) {
	t.Parallel()
	w, id, old, now := moved(t)
	w.clock.Set(w.get(id).Leftovers[0].After)
	w.step(w.Manager, true)
	other := w.another()
	w.during("", func() {
		w.burns(old)
		_, err := other.Abandon(t.Context(), id, old, "burnt")
		require.NoError(t, err)
	})
	w.days(1)
	s := w.phase(id, provisioning.PhaseActive)
	require.Equal(t, now, s.Server)
	require.Empty(t, s.Leftovers)
	w.sound()
}

// What was used on a burnt server since its meters were read last cannot be billed: that is
// told. The stay there has ended: a service that comes back to the repaired server begins
// with new meters.
func TestAbandonTellsOfLostUsage(t *testing.T) {
	t.Parallel()
	w, id, old, other := movable(t)
	s := newSink()
	use := func(on provisioning.ServerID, n int64) {
		w.driver.Use(on, "web", "shop", fake.MeterRequests, decimal.NewFromInt(n))
	}
	use(old, 600)
	w.collect(s)
	since := w.clock.Now()
	w.clock.Advance(time.Hour)
	use(old, 50)
	w.move(id)
	for w.get(id).Server == old {
		w.step(w.Manager, true)
	}
	w.burns(old)
	w.days(1)
	w.events()
	_, err := w.Abandon(t.Context(), id, old, "burnt")
	require.NoError(t, err)
	require.Contains(t, w.events(), provisioning.EventData(provisioning.UsageLost{
		Service: id, Kind: "web", Name: "shop", Account: "a1", Server: old, Since: since, Text: "given up: burnt",
	}))
	require.EqualValues(t, 600, s.total(fake.MeterRequests))

	// The server comes back empty, and the service to it.
	w.driver.SetDown(old, false)
	_, err = w.SetServerStatus(t.Context(), old, provisioning.StatusActive)
	require.NoError(t, err)
	w.driver.Delete(old, "web", "shop")
	w.days(1)
	require.Equal(t, other, w.get(id).Server)
	_, err = w.Move(t.Context(), provisioning.MoveRequest{Service: id, To: old})
	require.NoError(t, err)
	w.days(1)
	require.Equal(t, old, w.phase(id, provisioning.PhaseActive).Server)
	w.clock.Advance(time.Hour)
	use(old, 7)
	w.collect(s)
	require.EqualValues(t, 607, s.total(fake.MeterRequests))
	require.Empty(t, s.twice)
}
