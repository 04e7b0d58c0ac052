package provisioning_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/secret"
)

// movable has a web account with content on one of two servers, and says on which, and
// which is the other.
func movable(t *testing.T, change ...func(o *provisioning.Options)) (w *works, id provisioning.ServiceID, old, other provisioning.ServerID) {
	t.Helper()
	w = hire(t, 2, 10, change...)
	o := order("shop")
	o.Services[0].Password = secret.New("open sesame")
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	w.days(1)
	id = got.Services[0].ID
	old, other = w.phase(id, provisioning.PhaseActive).Server, "s2"
	if old == "s2" {
		other = "s1"
	}
	require.True(t, w.driver.Write(old, "web", "shop", "all that there is"))
	w.events()
	w.verbs(new(int))
	return w, id, old, other
}

func (w *works) move(id provisioning.ServiceID) {
	w.t.Helper()
	_, err := w.Move(w.t.Context(), provisioning.MoveRequest{Service: id})
	require.NoError(w.t, err)
}

// The old place serves until the new one has been verified, then the new one does; the old
// one is left alone for four hours and then removed. Room is taken on both until then.
func TestMove(t *testing.T) {
	t.Parallel()
	w, id, old, other := movable(t)
	seen := len(w.driver.Calls())
	serves := func(on provisioning.ServerID, content string) {
		t.Helper()
		thing, there := w.thing(on, "shop")
		require.True(t, there && !thing.Suspended, "it serves where it is said to be")
		require.Equal(t, content, thing.Content)
		require.EqualValues(t, 1, w.used(old, provisioning.DimensionServices))
		require.EqualValues(t, 1, w.used(other, provisioning.DimensionServices))
	}
	w.move(id)
	for w.get(id).Phase == provisioning.PhaseMoving {
		serves(w.get(id).Server, "all that there is")
		w.step(w.Manager, true)
	}
	w.work()
	require.Equal(t, "ensure read copy verify read", w.verbs(&seen))
	s := w.phase(id, provisioning.PhaseActive)
	require.Equal(t, other, s.Server)

	// Whoever still has the old address is served there.
	w.driver.Write(old, "web", "shop", "all that there is, and an order of a visitor")
	moved := s.Leftovers[0].After.Add(-4 * time.Hour)
	w.clock.Set(moved.Add(4*time.Hour - time.Second))
	w.work()
	require.Empty(t, w.verbs(&seen))
	serves(old, "all that there is, and an order of a visitor")
	serves(other, "all that there is")
	next, err := w.NextDue(t.Context())
	require.NoError(t, err)
	require.Equal(t, moved.Add(4*time.Hour), next)

	w.clock.Set(next)
	w.work()
	require.Equal(t, "read usage remove read", w.verbs(&seen))
	require.Empty(t, w.phase(id, provisioning.PhaseActive).Leftovers)
	require.Empty(t, w.driver.Things(old))
	require.Zero(t, w.used(old, provisioning.DimensionServices))
	thing, _ := w.thing(other, "shop")
	require.Equal(t, fake.Thing{
		Kind: "web", Name: "shop", Owner: id, Plan: "gold", Password: "open sesame", Content: "all that there is", Made: 1,
	}, thing)
	require.Contains(t, w.events(), provisioning.EventData(provisioning.ServiceMoved{
		Service: id, Kind: "web", Name: "shop", Account: "a1", From: old, To: other,
	}))
	w.sound()
}

// moved is movable, after the move and while the old place is left alone.
func moved(t *testing.T, change ...func(o *provisioning.Options)) (w *works, id provisioning.ServiceID, old, now provisioning.ServerID) {
	t.Helper()
	w, id, old, now = movable(t, change...)
	w.move(id)
	w.work()
	s := w.phase(id, provisioning.PhaseActive)
	require.Equal(t, now, s.Server)
	return w, id, old, now
}

// The old place is not kept where it would let in who is to be kept out, nor where the
// host does not want it.
func TestOldPlaceIsRemovedSooner(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *works, id provisioning.ServiceID) error{
		"the service is suspended": func(w *works, id provisioning.ServiceID) error {
			_, err := w.Suspend(t.Context(), id, "abuse", "")
			return err
		},
		"the service is to be removed": func(w *works, id provisioning.ServiceID) error {
			_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled"})
			return err
		},
		"the service is removed": func(w *works, id provisioning.ServiceID) error {
			_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, id, old, _ := moved(t)
			require.NotEmpty(t, w.driver.Things(old))
			require.NoError(t, end(w, id))
			w.work()
			require.True(t, w.get(id).Phase.Settled())
			require.Empty(t, w.driver.Things(old))
			w.sound()
		})
	}
	t.Run("no grace", func(t *testing.T) {
		t.Parallel()
		w, id, old, _ := moved(t, func(o *provisioning.Options) { o.Work.MoveGrace = -1 })
		require.Empty(t, w.get(id).Leftovers)
		require.Empty(t, w.driver.Things(old))
	})
}

// The grace of an old place passes also while something else waits for another try.
func TestOldPlaceBesideAFailure(t *testing.T) {
	t.Parallel()
	w, id, old, _ := moved(t)
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{Before: &tierhost.Error{Kind: tierhost.KindLimited, RetryAfter: 6 * time.Hour, Err: errors.New("too many")}})
	_, err := w.Change(t.Context(), provisioning.ChangeRequest{Service: id, Spec: []byte(`{"plan":"iron"}`)})
	require.NoError(t, err)
	seen := len(w.driver.Calls())
	w.work()
	require.Equal(t, "read ensure", w.verbs(&seen))
	w.clock.Advance(5 * time.Hour)
	w.work()
	require.Empty(t, w.verbs(&seen), "not before the time that the server has asked for")
	w.clock.Advance(2 * time.Hour)
	w.work()
	w.phase(id, provisioning.PhaseActive)
	require.Empty(t, w.driver.Things(old))
}

// A copy of what was written to the old place can be taken before it is removed, and the
// host can keep it.
func TestBeforeRemoveOfAnOldPlace(t *testing.T) {
	t.Parallel()
	asked, answer := 0, error(nil)
	w, id, old, now := moved(t, func(o *provisioning.Options) {
		o.Work.BeforeRemove = func(_ context.Context, s provisioning.Service) error {
			asked++
			require.NotEqual(t, s.Server, s.Operation.Server, "it is an old place")
			return answer
		}
	})
	require.Zero(t, asked)
	answer = tierhost.E("", tierhost.KindPrecondition, "written", errors.New("there is more than was copied"))
	w.clock.Advance(4 * time.Hour)
	w.work()
	s := w.phase(id, provisioning.PhaseParked)
	require.Equal(t, 1, asked)
	require.Equal(t, provisioning.ParkKept, s.Parked.Reason)
	for _, on := range []provisioning.ServerID{old, now} {
		thing, there := w.thing(on, "shop")
		require.True(t, there && !thing.Suspended)
	}
	// It stays as it is wanted nevertheless.
	_, err := w.Suspend(t.Context(), id, "unpaid", "")
	require.NoError(t, err)
	w.work()
	thing, _ := w.thing(now, "shop")
	require.True(t, thing.Suspended)
	w.phase(id, provisioning.PhaseParked)
	answer = nil
	_, err = w.Retry(t.Context(), id)
	require.NoError(t, err)
	w.work()
	w.phase(id, provisioning.PhaseSuspended)
	require.Equal(t, 3, asked)
	require.Empty(t, w.driver.Things(old))
	w.sound()
}

// The copy that a failed move has made is nobody's: it is not asked for.
func TestBeforeRemoveIsNotAskedForACopy(t *testing.T) {
	t.Parallel()
	asked := 0
	w, id, _, other := movable(t, func(o *provisioning.Options) {
		o.Work.BeforeRemove = func(context.Context, provisioning.Service) error { asked++; return nil }
	})
	w.move(id)
	for range 3 {
		w.step(w.Manager, true)
	}
	require.NotEmpty(t, w.driver.Things(other))
	_, err := w.CancelMove(t.Context(), id)
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
	require.Empty(t, w.driver.Things(other))
	require.Zero(t, asked)
}

// What is suspended cannot be used anywhere while it is moved: on its new server it is
// suspended before its content comes.
func TestSuspendedIsNotUsableElsewhere(t *testing.T) {
	t.Parallel()
	w, id, old, other := movable(t)
	_, err := w.Suspend(t.Context(), id, "abuse", "sends spam")
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseSuspended)
	seen := len(w.driver.Calls())
	w.move(id)
	for w.get(id).Server == old {
		for _, on := range []provisioning.ServerID{old, other} {
			thing, there := w.thing(on, "shop")
			require.False(t, there && !thing.Suspended && thing.Content != "", "stage %s: on %s the content is there and usable", w.get(id).Move.Stage, on)
		}
		w.step(w.Manager, true)
	}
	require.Equal(t, "ensure read suspend read copy verify", w.verbs(&seen))
	w.work()
	w.phase(id, provisioning.PhaseSuspended)
	thing, _ := w.thing(other, "shop")
	require.True(t, thing.Suspended)
	require.Equal(t, "all that there is", thing.Content)
	require.Empty(t, w.driver.Things(old), "it would have to be suspended there, too")
}

// A move that cannot be done is taken back: the service stays where it was, and nothing
// is left of it elsewhere.
func TestMoveFails(t *testing.T) {
	t.Parallel()
	for name, verb := range map[string]provisioning.Verb{
		"when it is made": provisioning.VerbEnsure, "when it is copied": provisioning.VerbCopy,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, id, old, other := movable(t)
			w.driver.Next(verb, fake.Fault{Before: fake.ErrRefused})
			w.move(id)
			w.days(1)
			require.Equal(t, old, w.phase(id, provisioning.PhaseActive).Server)
			thing, _ := w.thing(old, "shop")
			require.Equal(t, "all that there is", thing.Content)
			require.Empty(t, w.driver.Things(other))
			require.Zero(t, w.used(other, provisioning.DimensionServices))
			events := w.events()
			require.Equal(t, 1, told[provisioning.MoveFailed](events))
			require.Zero(t, told[provisioning.ServiceMoved](events))
			w.sound()
		})
	}
}

// A new place that is found to lack something is filled again, five times at most.
func TestMoveIsVerified(t *testing.T) {
	t.Parallel()
	lacks := fake.Fault{Before: tierhost.Fail(tierhost.KindPrecondition, tierhost.EffectNone, errors.New("a file is missing"))}
	for _, times := range []int{1, 5, 6} {
		w, id, old, other := movable(t)
		for range times {
			w.driver.Next(provisioning.VerbVerify, lacks)
		}
		seen := len(w.driver.Calls())
		w.move(id)
		w.days(1)
		require.Equal(t, min(times+1, 6), strings.Count(w.verbs(&seen), "copy"))
		s := w.phase(id, provisioning.PhaseActive)
		if times > 5 {
			require.Equal(t, old, s.Server)
			require.Empty(t, w.driver.Things(other))
			continue
		}
		require.Equal(t, other, s.Server)
	}
}

// What is suspended moves suspended; what is suspended or changed during a move is so on
// the new server.
func TestMoveMeetsOtherWishes(t *testing.T) {
	t.Parallel()
	w, id, _, other := movable(t)
	ctx := t.Context()
	_, err := w.Suspend(ctx, id, "unpaid", "")
	require.NoError(t, err)
	w.days(1)
	w.move(id)
	w.step(w.Manager, true)
	w.step(w.Manager, true)
	_, err = w.Change(ctx, provisioning.ChangeRequest{Service: id, Spec: []byte(`{"plan":"iron"}`)})
	require.NoError(t, err)
	_, err = w.ChangePassword(ctx, id, secret.New("another"))
	require.NoError(t, err)
	w.days(1)
	require.Equal(t, other, w.phase(id, provisioning.PhaseSuspended).Server)
	thing, _ := w.thing(other, "shop")
	require.True(t, thing.Suspended)
	require.Equal(t, "iron", thing.Plan)
	require.Equal(t, "another", thing.Password)
}

func TestCancelMove(t *testing.T) {
	t.Parallel()
	w, id, old, other := movable(t)
	w.move(id)
	for range 3 {
		w.step(w.Manager, true)
	}
	require.NotEmpty(t, w.driver.Things(other))
	_, err := w.CancelMove(t.Context(), id)
	require.NoError(t, err)
	w.days(1)
	require.Equal(t, old, w.phase(id, provisioning.PhaseActive).Server)
	require.Empty(t, w.driver.Things(other))
	w.sound()
}

// Without room or a free name there is no move, and nothing is changed.
func TestMoveNeedsRoomAndName(t *testing.T) {
	t.Parallel()
	w, id, _, other := movable(t)
	ctx := t.Context()
	before := w.get(id)
	x, err := w.Server(ctx, other)
	require.NoError(t, err)
	x.Capacity = map[string]int64{provisioning.DimensionServices: 0}
	w.server(x)
	_, err = w.Move(ctx, provisioning.MoveRequest{Service: id, To: other})
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	x, err = w.Server(ctx, other)
	require.NoError(t, err)
	x.Capacity = map[string]int64{provisioning.DimensionServices: 10}
	w.server(x)
	w.driver.Put(other, fake.Thing{Kind: "web", Name: "shop", Owner: "somebody"})
	o := order("shop")
	o.Services[0].Demand.Server = other
	_, err = w.Order(ctx, o)
	require.NoError(t, err)
	_, err = w.Move(ctx, provisioning.MoveRequest{Service: id})
	require.ErrorIs(t, err, provisioning.ErrNameTaken)
	require.Equal(t, before, w.get(id))
	w.sound()
}

// A driver that cannot copy moves nothing, unless the host says that there is nothing to
// be copied.
func TestMoveWithoutMover(t *testing.T) {
	t.Parallel()
	for _, without := range []bool{false, true} {
		w, id, old, other := movable(t, func(o *provisioning.Options) { o.Drivers[""] = basic{o.Drivers[""]} })
		_, err := w.Move(t.Context(), provisioning.MoveRequest{Service: id, WithoutContent: without})
		require.NoError(t, err)
		w.days(1)
		s := w.phase(id, provisioning.PhaseActive)
		if without {
			require.Equal(t, other, s.Server)
			continue
		}
		require.Equal(t, old, s.Server)
		require.Empty(t, w.driver.Things(other))
	}
}

// Whatever fails on the way: there is always one place that serves, no room is lost, and
// in the end the content is where the service is and nowhere else.
func TestMoveSurvivesFaults(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w, id, _, _ := movable(t, func(o *provisioning.Options) { o.Work.Trip = 1000 })
		w.move(id)
		for range rapid.IntRange(0, 6).Draw(r, "faults") {
			f := rapid.SampledFrom([]fake.Fault{
				{Before: fake.ErrUnreachable}, {After: fake.ErrTimeout}, {Half: true}, {Twice: true}, {Before: fake.ErrRefused},
			}).Draw(r, "fault")
			verb := rapid.SampledFrom([]provisioning.Verb{
				provisioning.VerbEnsure, provisioning.VerbCopy, provisioning.VerbVerify, provisioning.VerbRead,
			}).Draw(r, "verb")
			if verb == provisioning.VerbRead {
				f.Half = false
			}
			w.driver.Next(verb, f)
		}
		for range 100 {
			s := w.get(id)
			thing, there := w.thing(s.Server, "shop")
			require.True(r, there && !thing.Suspended && !thing.Partial && thing.Content == "all that there is", "%s: %+v", s.Phase, thing)
			worked, err := w.Step(t.Context())
			require.NoError(r, err)
			if worked {
				continue
			}
			next, err := w.NextDue(t.Context())
			require.NoError(r, err)
			if next.IsZero() {
				break
			}
			w.clock.Set(next)
		}
		s := w.get(id)
		if s.Phase == provisioning.PhaseParked { // a leftover that could not be removed
			require.NotEmpty(r, s.Leftovers)
			return
		}
		require.Equal(r, provisioning.PhaseActive, s.Phase)
		require.Len(r, append(w.driver.Things("s1"), w.driver.Things("s2")...), 1)
		require.EqualValues(r, 1, w.used("s1", provisioning.DimensionServices)+w.used("s2", provisioning.DimensionServices))
		w.sound()
	})
}
