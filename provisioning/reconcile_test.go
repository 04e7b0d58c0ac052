package provisioning_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// astray has services of which each has gone wrong on its server in another way, and
// things there that are of none.
func astray(t *testing.T, change ...func(o *provisioning.Options)) (w *works, ids map[string]provisioning.ServiceID) {
	t.Helper()
	w = hire(t, 1, 20, change...)
	ids = map[string]provisioning.ServiceID{}
	for _, name := range []string{"fine", "missing", "half", "resumed", "drifted", "taken", "removed"} {
		ids[name] = w.made(name)
	}
	_, err := w.Suspend(t.Context(), ids["resumed"], "unpaid", "")
	require.NoError(t, err)
	_, err = w.Remove(t.Context(), provisioning.RemoveRequest{Service: ids["removed"], Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.days(1)
	put := func(name string, owner provisioning.ServiceID, change func(t *fake.Thing)) {
		thing := fake.Thing{Kind: "web", Name: name, Owner: owner, Plan: "gold"}
		if change != nil {
			change(&thing)
		}
		w.driver.Put("s1", thing)
	}
	w.driver.Delete("s1", "web", "missing")
	put("half", ids["half"], func(t *fake.Thing) { t.Partial = true })
	put("resumed", ids["resumed"], nil)
	put("drifted", ids["drifted"], func(t *fake.Thing) { t.Plan = "iron" })
	put("taken", "svc_of_others", nil)
	put("removed", ids["removed"], nil) // as after the restoration of a backup
	put("elsewhere", "svc_unknown", nil)
	put("foreign", "", nil)
	w.clock.Advance(time.Second)
	w.events()
	return w, ids
}

func found(r provisioning.Reconciled) map[string]provisioning.FindingKind {
	all := map[string]provisioning.FindingKind{}
	for _, f := range r.Findings {
		all[f.Name] = f.Kind
	}
	return all
}

// By default a sweep reports and does nothing: no call but reads, nothing written but the
// events that tell.
func TestReconcileReports(t *testing.T) {
	t.Parallel()
	for _, deep := range []bool{false, true} {
		w, ids := astray(t)
		things, seen := w.driver.Things("s1"), len(w.driver.Calls())
		before := w.get(ids["missing"])
		got, err := w.Reconcile(t.Context(), provisioning.ReconcileRequest{Deep: deep})
		require.NoError(t, err)
		want := map[string]provisioning.FindingKind{
			"missing": provisioning.FoundMissing, "half": provisioning.FoundMissing, "resumed": provisioning.FoundSuspension,
			"taken": provisioning.FoundTaken, "removed": provisioning.FoundOrphan,
			"elsewhere": provisioning.FoundForeign, "foreign": provisioning.FoundForeign,
		}
		if deep { // a list does not know of specs
			want["drifted"] = provisioning.FoundDrift
		}
		require.Equal(t, want, found(got))
		require.Equal(t, 1, got.Servers)
		require.Equal(t, 8, got.Things)
		require.Equal(t, 6, got.Services)
		require.Empty(t, got.Skipped)
		for _, f := range got.Findings {
			require.False(t, f.Woken)
		}
		for _, c := range w.driver.Calls()[seen:] {
			require.Contains(t, []provisioning.Verb{fake.VerbList, provisioning.VerbRead}, c.Verb)
		}
		require.Equal(t, len(want), told[provisioning.DriftFound](w.events()))
		w.days(60)
		require.Equal(t, things, w.driver.Things("s1"))
		require.Equal(t, before, w.get(ids["missing"]))
	}
}

// What is to be fixed is put right; orphans are removed if they are of a service that is
// removed. What is of others stays, whatever is asked for.
func TestReconcileFixes(t *testing.T) {
	t.Parallel()
	w, ids := astray(t)
	all := provisioning.ReconcileRequest{Deep: true, Fix: true, RemoveOrphans: true}
	got, err := w.Reconcile(t.Context(), all)
	require.NoError(t, err)
	for _, f := range got.Findings {
		stays := f.Kind == provisioning.FoundTaken || f.Kind == provisioning.FoundForeign
		require.Equal(t, !stays, f.Woken, "%+v", f)
	}
	w.days(1)
	for _, name := range []string{"fine", "missing", "half", "drifted"} {
		w.phase(ids[name], provisioning.PhaseActive)
		thing, there := w.thing("s1", name)
		require.True(t, there && !thing.Partial && !thing.Suspended && thing.Plan == "gold", "%s: %+v", name, thing)
	}
	w.phase(ids["resumed"], provisioning.PhaseSuspended)
	thing, _ := w.thing("s1", "resumed")
	require.True(t, thing.Suspended)
	_, there := w.thing("s1", "removed")
	require.False(t, there)
	for _, name := range []string{"taken", "elsewhere", "foreign"} {
		_, there := w.thing("s1", name)
		require.True(t, there, name)
	}
	got, err = w.Reconcile(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, map[string]provisioning.FindingKind{
		"taken": provisioning.FoundTaken, "elsewhere": provisioning.FoundForeign, "foreign": provisioning.FoundForeign,
	}, found(got))
	w.sound()
}

// A living service's thing on another server is told, and left alone.
func TestReconcileLeavesLivingServices(t *testing.T) {
	t.Parallel()
	w := hire(t, 2, 10)
	id := w.made("shop")
	other := provisioning.ServerID("s1")
	if w.get(id).Server == other {
		other = "s2"
	}
	w.driver.Put(other, fake.Thing{Kind: "web", Name: "shop", Owner: id, Plan: "gold"})
	w.clock.Advance(time.Second)
	got, err := w.Reconcile(t.Context(), provisioning.ReconcileRequest{Fix: true, RemoveOrphans: true})
	require.NoError(t, err)
	require.Equal(t, map[string]provisioning.FindingKind{"shop": provisioning.FoundOrphan}, found(got))
	require.False(t, got.Findings[0].Woken)
	w.days(1)
	require.Len(t, w.driver.Things(other), 1)
}

// A list that lags is not believed: what it says is read again.
func TestReconcileReadsBeforeItReports(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Drivers[""] = empty{o.Drivers[""].(*fake.Driver)} })
	w.made("shop")
	w.clock.Advance(time.Second)
	got, err := w.Reconcile(t.Context(), provisioning.ReconcileRequest{Fix: true})
	require.NoError(t, err)
	require.Zero(t, got.Things)
	require.Equal(t, 1, got.Services)
	require.Empty(t, got.Findings)
}

// empty lists nothing.
type empty struct{ *fake.Driver }

func (empty) List(context.Context, provisioning.Place, provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return func(func(provisioning.Observation, error) bool) {}
}

// A driver that cannot list is asked service by service; of what no service knows nothing
// is found.
func TestReconcileWithoutLists(t *testing.T) {
	t.Parallel()
	w, _ := astray(t, func(o *provisioning.Options) { o.Drivers[""] = basic{o.Drivers[""]} })
	got, err := w.Reconcile(t.Context(), provisioning.ReconcileRequest{})
	require.NoError(t, err)
	require.Equal(t, map[string]provisioning.FindingKind{
		"missing": provisioning.FoundMissing, "half": provisioning.FoundMissing, "resumed": provisioning.FoundSuspension,
		"taken": provisioning.FoundTaken, "drifted": provisioning.FoundDrift,
	}, found(got))
}

// Servers that cannot be looked at are skipped, with why, and the others are looked at.
func TestReconcileSkips(t *testing.T) {
	t.Parallel()
	w := hire(t, 4, 10, func(o *provisioning.Options) { o.Drivers["other"] = o.Drivers[""] })
	x, err := w.Server(t.Context(), "s4")
	require.NoError(t, err)
	x.Driver = "other"
	w.server(x)
	w.opt.Drivers = map[string]provisioning.Driver{"": w.driver}
	m := w.another() // which has not got it
	_, err = w.SetServerStatus(t.Context(), "s1", provisioning.StatusDown)
	require.NoError(t, err)
	w.driver.SetDown("s2", true)
	w.driver.Put("s3", fake.Thing{Kind: "web", Name: "foreign"})
	got, err := m.Reconcile(t.Context(), provisioning.ReconcileRequest{})
	require.NoError(t, err)
	require.Equal(t, "down", got.Skipped["s1"])
	require.Contains(t, got.Skipped["s2"], "cannot be reached")
	require.Equal(t, "no_driver", got.Skipped["s4"])
	require.Len(t, got.Skipped, 3)
	require.Len(t, got.Findings, 1)
	_, err = m.Reconcile(t.Context(), provisioning.ReconcileRequest{Servers: []provisioning.ServerID{"s9"}})
	require.ErrorIs(t, err, provisioning.ErrNoServer)
}

// A breaker that is open is respected; when its time is over the sweep itself shows
// whether the server works again, though no service is due there.
func TestReconcileClosesTheBreaker(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Work.Trip, o.Work.TripFirst = 1, time.Minute })
	id := w.made("shop")
	w.driver.SetDown("s1", true)
	_, err := w.Suspend(t.Context(), id, "unpaid", "")
	require.NoError(t, err)
	w.work()
	_, err = w.Resume(t.Context(), id, "") // nothing is due there any more but a look
	require.NoError(t, err)
	sweep := func() string {
		got, err := w.Reconcile(t.Context(), provisioning.ReconcileRequest{})
		require.NoError(t, err)
		return got.Skipped["s1"]
	}
	seen := len(w.driver.Calls())
	require.Equal(t, "breaker_open", sweep())
	require.Empty(t, w.verbs(&seen))
	w.clock.Advance(time.Minute)
	require.Contains(t, sweep(), "cannot be reached")
	require.Equal(t, "breaker_open", sweep(), "it failed once more")
	w.driver.SetDown("s1", false)
	w.clock.Advance(2 * time.Minute)
	require.Empty(t, sweep())
	require.Contains(t, w.events(), provisioning.EventData(provisioning.BreakerChanged{Server: "s1"}))
}

// Services on which work is under way are left out: what is there may be on its way.
func TestReconcileLeavesOutWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.order("shop").Services[0].ID
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{Half: true})
	w.step(w.Manager, true)
	w.clock.Advance(time.Second)
	got, err := w.Reconcile(t.Context(), provisioning.ReconcileRequest{Fix: true, RemoveOrphans: true, Deep: true})
	require.NoError(t, err)
	require.Empty(t, got.Findings)
	require.Zero(t, got.Services)
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
}
