package provisioning_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// What was asked for last holds, however late the calls for what was asked before: here
// the suspension takes effect after the customer has paid.
func TestResumeDuringSuspend(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	_, err := w.Suspend(t.Context(), id, "unpaid", "")
	require.NoError(t, err)
	other := w.another()
	w.during(provisioning.VerbSuspend, func() {
		_, err := other.Resume(t.Context(), id, "unpaid")
		require.NoError(t, err)
		require.Equal(t, provisioning.PhaseActive, w.get(id).Phase, "by what was seen last")
	})
	w.step(w.Manager, true)
	thing, _ := w.thing("s1", "shop")
	require.True(t, thing.Suspended, "it came too late")
	require.True(t, w.get(id).Recheck)
	w.work()
	thing, _ = w.thing("s1", "shop")
	require.False(t, thing.Suspended)
	w.phase(id, provisioning.PhaseActive)
}

// Any sequence of suspensions, resumptions and changes, with calls that fail before,
// after, or come late, ends in what was asked for last.
func TestSuspensionsCommuteWithLateCalls(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := hire(t, 1, 10, func(o *provisioning.Options) { o.Work.Trip, o.Work.Attempts = 1000, 1000 })
		id := w.made("shop")
		ctx := t.Context()
		reasons, spec := map[string]bool{}, `{"plan":"gold"}`
		other := w.another()
		var act func(deep bool)
		act = func(deep bool) {
			reason := rapid.SampledFrom([]string{"unpaid", "abuse"}).Draw(r, "reason")
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0:
				_, err := w.Suspend(ctx, id, reason, "")
				require.NoError(r, err)
				reasons[reason] = true
			case 1:
				_, err := w.Resume(ctx, id, reason)
				require.NoError(r, err)
				delete(reasons, reason)
			case 2:
				spec = rapid.SampledFrom([]string{`{"plan":"gold"}`, `{"plan":"iron"}`}).Draw(r, "spec")
				_, err := w.Change(ctx, provisioning.ChangeRequest{Service: id, Spec: []byte(spec)})
				require.NoError(r, err)
			case 3:
				w.clock.Advance(time.Duration(rapid.IntRange(1, 200).Draw(r, "seconds")) * time.Second)
			case 4:
				m := w.Manager
				if deep {
					m = other
				}
				_, err := m.Step(ctx)
				require.NoError(r, err)
			case 5:
				f := fake.Fault{}
				switch rapid.IntRange(0, 4).Draw(r, "fault") {
				case 0:
					f.Before = fake.ErrUnreachable
				case 1:
					f.After = fake.ErrTimeout
				case 2:
					f.Late = rapid.IntRange(1, 4).Draw(r, "late")
				case 3:
					f.Twice = true
				case 4:
					if deep {
						return
					}
					f.Before = nil
					w.during("", func() {
						for range rapid.IntRange(1, 3).Draw(r, "meanwhile") {
							act(true)
						}
					})
					return
				}
				w.driver.Next("", f)
			}
		}
		for range rapid.IntRange(1, 30).Draw(r, "actions") {
			act(false)
		}
		w.days(1)
		w.driver.Settle() // what is late takes effect now, and a sweep finds it
		// Faults that are left may hit a sweep, which says so: the next one comes.
		for skipped := true; skipped; {
			w.clock.Advance(time.Second)
			got, err := w.Reconcile(ctx, provisioning.ReconcileRequest{Fix: true, Deep: true})
			require.NoError(r, err)
			skipped = len(got.Skipped) > 0
			w.days(1)
		}
		s := w.get(id)
		require.True(r, s.Phase.Settled(), "%s: %+v", s.Phase, s.Failure)
		thing, there := w.thing("s1", "shop")
		require.True(r, there)
		require.Equal(r, len(reasons) > 0, thing.Suspended, "%v", maps.Collect(maps.All(reasons)))
		require.Equal(r, spec == `{"plan":"gold"}`, thing.Plan == "gold")
	})
}

// Commands are refused, with a code, where they make no sense.
func TestCommandsAreRefused(t *testing.T) {
	t.Parallel()
	w := hire(t, 2, 10)
	ctx := t.Context()
	id := w.order("shop").Services[0].ID
	code := func(want string, _ provisioning.Service, err error) {
		t.Helper()
		require.Equal(t, want, tierhost.CodeOf(err), "%v", err)
		require.ErrorIs(t, err, tierhost.ErrPrecondition)
	}
	s, err := w.Move(ctx, provisioning.MoveRequest{Service: id})
	code("not_made", s, err)
	w.days(1)
	at := w.get(id).Server
	s, err = w.Move(ctx, provisioning.MoveRequest{Service: id, To: at})
	code("same_server", s, err)
	_, err = w.Remove(ctx, provisioning.RemoveRequest{Service: id, Reason: "cancelled"})
	require.NoError(t, err)
	s, err = w.Move(ctx, provisioning.MoveRequest{Service: id})
	code("removal_requested", s, err)
	_, err = w.Remove(ctx, provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	for _, do := range []func() (provisioning.Service, error){
		func() (provisioning.Service, error) { return w.Suspend(ctx, id, "unpaid", "") },
		func() (provisioning.Service, error) { return w.Resume(ctx, id, "") },
		func() (provisioning.Service, error) {
			return w.Change(ctx, provisioning.ChangeRequest{Service: id, Spec: []byte(`{"plan":"iron"}`)})
		},
		func() (provisioning.Service, error) { return w.Undo(ctx, id) },
		func() (provisioning.Service, error) {
			return w.Move(ctx, provisioning.MoveRequest{Service: id})
		},
		func() (provisioning.Service, error) {
			return w.Remove(ctx, provisioning.RemoveRequest{Service: id, Reason: "again"})
		},
	} {
		s, err := do()
		code("removal_begun", s, err)
	}
	w.days(1)
	s, err = w.Retry(ctx, id)
	code("removed", s, err)
	_, err = w.Suspend(ctx, "svc_none", "unpaid", "")
	require.ErrorIs(t, err, provisioning.ErrNoService)
	_, err = w.Suspend(ctx, id, "", "")
	require.Equal(t, []string{"reason: required"}, issues(t, err))
	_, err = w.Change(ctx, provisioning.ChangeRequest{Service: id, Spec: []byte(`{`)})
	require.Equal(t, []string{"spec: invalid_json"}, issues(t, err))
}

// A spec that the driver refuses is refused before it is stored, with its paths.
func TestSpecsAreChecked(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	o := order("shop")
	o.Services[0].Spec = []byte(`{"quota":-1,"plan":""}`)
	_, err := w.Order(t.Context(), o)
	require.ElementsMatch(t, []string{"services[0].spec.quota: negative", "services[0].spec.plan: required"}, issues(t, err))
	id := w.made("shop")
	_, err = w.Change(t.Context(), provisioning.ChangeRequest{Service: id, Spec: []byte(`{"quota":-1}`)})
	require.Equal(t, []string{"spec.quota: negative"}, issues(t, err))
	require.EqualValues(t, 1, w.get(id).Generation)
}
