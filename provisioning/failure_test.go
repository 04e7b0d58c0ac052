package provisioning_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// parking orders one web account that is kept, parked, when it fails.
func (w *works) parking(name string) provisioning.ServiceID {
	w.t.Helper()
	o := order(name)
	o.OnFailure = provisioning.Park
	got, err := w.Order(w.t.Context(), o)
	require.NoError(w.t, err)
	return got.Services[0].ID
}

// What each class of failure does, by what is called afterwards and how it ends.
func TestWhatEachFailureDoes(t *testing.T) {
	t.Parallel()
	fails := func(kind tierhost.Kind, effect tierhost.Effect) error {
		return tierhost.Fail(kind, effect, errors.New("so it says"))
	}
	own := func(w *works, id provisioning.ServiceID) {
		w.driver.Put("s1", fake.Thing{Kind: "web", Name: "shop", Owner: id, Plan: "gold"})
	}
	foreign := func(w *works, _ provisioning.ServiceID) {
		w.driver.Put("s1", fake.Thing{Kind: "web", Name: "shop", Plan: "gold"})
	}
	for _, c := range []struct {
		name   string
		fault  fake.Fault
		before func(w *works, id provisioning.ServiceID)
		class  provisioning.Class
		verbs  string
		phase  provisioning.Phase
		reason string
	}{
		{"unavailable, nothing done: again", fake.Fault{Before: fake.ErrUnreachable}, nil,
			provisioning.ClassTransient, "ensure ensure read", provisioning.PhaseActive, ""},
		{"denied: again, for all services of the server are", fake.Fault{Before: fails(tierhost.KindDenied, tierhost.EffectNone)}, nil,
			provisioning.ClassTransient, "ensure ensure read", provisioning.PhaseActive, ""},
		{"internal: again", fake.Fault{Before: fails(tierhost.KindInternal, tierhost.EffectNone)}, nil,
			provisioning.ClassTransient, "ensure ensure read", provisioning.PhaseActive, ""},
		{"conflict: again", fake.Fault{Before: fails(tierhost.KindConflict, tierhost.EffectNone)}, nil,
			provisioning.ClassTransient, "ensure ensure read", provisioning.PhaseActive, ""},
		{"limited: again, later", fake.Fault{Before: fails(tierhost.KindLimited, tierhost.EffectNone)}, nil,
			provisioning.ClassThrottled, "ensure ensure read", provisioning.PhaseActive, ""},
		{"invalid: parked", fake.Fault{Before: fails(tierhost.KindInvalid, tierhost.EffectNone)}, nil,
			provisioning.ClassPermanent, "ensure", provisioning.PhaseParked, provisioning.ParkPermanent},
		{"precondition: parked", fake.Fault{Before: fails(tierhost.KindPrecondition, tierhost.EffectNone)}, nil,
			provisioning.ClassPermanent, "ensure", provisioning.PhaseParked, provisioning.ParkPermanent},
		{"unsupported: parked", fake.Fault{Before: fails(tierhost.KindUnsupported, tierhost.EffectNone)}, nil,
			provisioning.ClassPermanent, "ensure", provisioning.PhaseParked, provisioning.ParkPermanent},
		{"exists, and it is ours: adopted", fake.Fault{Before: fails(tierhost.KindExists, tierhost.EffectNone)}, own,
			provisioning.ClassExists, "ensure read", provisioning.PhaseActive, ""},
		{"exists, and it is not ours: parked", fake.Fault{}, foreign,
			provisioning.ClassExists, "ensure read", provisioning.PhaseParked, provisioning.ParkConflict},
		{"unknown, and it is done: read first", fake.Fault{After: fake.ErrTimeout}, nil,
			provisioning.ClassUnknown, "ensure read", provisioning.PhaseActive, ""},
		{"unknown, and it is not done: read first, then again", fake.Fault{Before: fails(tierhost.KindUnavailable, tierhost.EffectUnknown)}, nil,
			provisioning.ClassUnknown, "ensure read ensure read", provisioning.PhaseActive, ""},
		{"invalid, but it may be done: read first", fake.Fault{After: fails(tierhost.KindInvalid, tierhost.EffectUnknown)}, nil,
			provisioning.ClassUnknown, "ensure read", provisioning.PhaseActive, ""},
		{"done in part: read first, then completed", fake.Fault{Half: true}, nil,
			provisioning.ClassUnknown, "ensure read ensure read", provisioning.PhaseActive, ""},
		{"an error that says nothing: read first", fake.Fault{After: errors.New("unexpected end of input")}, nil,
			provisioning.ClassUnknown, "ensure read", provisioning.PhaseActive, ""},
		{"a deadline: read first", fake.Fault{After: context.DeadlineExceeded}, nil,
			provisioning.ClassUnknown, "ensure read", provisioning.PhaseActive, ""},
		{"delivered twice: no matter", fake.Fault{Twice: true}, nil, "", "ensure read", provisioning.PhaseActive, ""},
		{"a driver that panics: read first", fake.Fault{Meanwhile: func(context.Context) { panic("a defect of the driver") }}, nil,
			provisioning.ClassUnknown, "ensure read ensure read", provisioning.PhaseActive, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := hire(t, 1, 10)
			id, seen := w.parking("shop"), 0
			if c.before != nil {
				c.before(w, id)
			}
			w.driver.Next(provisioning.VerbEnsure, c.fault)
			w.step(w.Manager, true)
			if c.class != "" {
				require.Equal(t, c.class, w.get(id).Failure.Class)
			}
			w.days(1)
			require.Equal(t, c.verbs, w.verbs(&seen))
			s := w.phase(id, c.phase)
			if c.phase == provisioning.PhaseParked {
				require.Equal(t, c.reason, s.Parked.Reason)
				require.NotEmpty(t, s.Parked.Text)
				return
			}
			require.Nil(t, s.Failure, "what has succeeded has no failure")
			thing, _ := w.thing("s1", "shop")
			require.LessOrEqual(t, thing.Made, 1)
			require.Equal(t, "gold", thing.Plan)
		})
	}
}

// What a missing thing means depends on what was wanted: a removal has what it wants,
// everything else makes it again and says so.
func TestMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		do    func(w *works, id provisioning.ServiceID) error
		verbs string
		phase provisioning.Phase
		told  bool
	}{
		{"suspended", func(w *works, id provisioning.ServiceID) error {
			_, err := w.Suspend(w.t.Context(), id, "unpaid", "")
			return err
		}, "suspend ensure read suspend read", provisioning.PhaseSuspended, true},
		{"changed", func(w *works, id provisioning.ServiceID) error {
			_, err := w.Change(w.t.Context(), provisioning.ChangeRequest{Service: id, Spec: []byte(`{"plan":"iron"}`)})
			return err
		}, "read ensure read", provisioning.PhaseActive, true},
		{"removed", func(w *works, id provisioning.ServiceID) error {
			_, err := w.Remove(w.t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
			return err
		}, "read remove read", provisioning.PhaseRemoved, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := hire(t, 1, 10)
			id, seen := w.made("shop"), 0
			w.verbs(&seen)
			w.driver.Delete("s1", "web", "shop")
			require.NoError(t, c.do(w, id))
			w.days(1)
			require.Equal(t, c.verbs, w.verbs(&seen))
			w.phase(id, c.phase)
			require.Equal(t, c.told, told[provisioning.ServiceMissing](w.events()) == 1)
		})
	}
}

// told counts the events of a type.
func told[E provisioning.EventData](all []provisioning.EventData) (n int) {
	for _, e := range all {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

// A suspension or resumption that stops half-way, as where the web server is broken, is done
// again, later and later: what is half there is not lost. Where nothing is there it is.
func TestHalfTurned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		verb  provisioning.Verb
		gone  bool
		verbs string
		phase provisioning.Phase
	}{
		{provisioning.VerbSuspend, false, "suspend read suspend read suspend read suspend read suspend read suspend read", provisioning.PhaseSuspended},
		{provisioning.VerbResume, false, "resume read resume read resume read resume read resume read resume read", provisioning.PhaseActive},
		{provisioning.VerbSuspend, true, "suspend read ensure read suspend read", provisioning.PhaseSuspended},
		{provisioning.VerbResume, true, "resume read ensure read", provisioning.PhaseActive},
	} {
		t.Run(fmt.Sprint(c.verb, " gone ", c.gone), func(t *testing.T) {
			t.Parallel()
			w := hire(t, 1, 10)
			id, ctx, seen := w.made("shop"), t.Context(), 0
			turn := w.Resume
			if c.verb == provisioning.VerbResume {
				_, err := w.Suspend(ctx, id, "unpaid", "")
				require.NoError(t, err)
				w.work()
			} else {
				turn = func(ctx context.Context, id provisioning.ServiceID, reason string) (provisioning.Service, error) {
					return w.Suspend(ctx, id, reason, "")
				}
			}
			whole, _ := w.driver.Thing("s1", "web", "shop")
			half := whole
			half.Partial = true
			broken := tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectPartial, errors.New("the web server does not run"))
			if c.gone {
				w.driver.Next(c.verb, fake.Fault{Before: broken, Meanwhile: func(context.Context) { w.driver.Delete("s1", "web", "shop") }})
			} else {
				for range 5 {
					w.driver.Next(c.verb, fake.Fault{Before: broken, Meanwhile: func(context.Context) { w.driver.Put("s1", half) }})
				}
				w.driver.Next(c.verb, fake.Fault{Meanwhile: func(context.Context) { w.driver.Put("s1", whole) }})
			}
			w.verbs(&seen)
			_, err := turn(ctx, id, "unpaid")
			require.NoError(t, err)
			w.days(1)
			require.Equal(t, c.verbs, w.verbs(&seen))
			require.Nil(t, w.phase(id, c.phase).Failure)
			require.Equal(t, c.gone, told[provisioning.ServiceMissing](w.events()) > 0)
		})
	}
}

// A thing that does not stay is made again three times, and then left to a person.
func TestKeepsVanishing(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	for range 4 {
		w.driver.Delete("s1", "web", "shop")
		w.clock.Advance(time.Second)
		_, err := w.Reconcile(t.Context(), provisioning.ReconcileRequest{Fix: true})
		require.NoError(t, err)
		w.days(1)
	}
	require.Equal(t, provisioning.ParkVanishing, w.phase(id, provisioning.PhaseParked).Parked.Reason)
	require.Equal(t, 4, told[provisioning.ServiceMissing](w.events()))
	_, err := w.Retry(t.Context(), id)
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
}

// Waits double up to the longest; then the service is parked, with how often it failed.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, random := range []float64{0, 0.5, 0.999} {
		t.Run(fmt.Sprint(random), func(t *testing.T) {
			t.Parallel()
			w := hire(t, 1, 10, func(o *provisioning.Options) {
				o.Work.Attempts, o.Work.First, o.Work.Max, o.Work.Trip = 6, 10*time.Second, time.Minute, 100
				o.Work.Rand = func() float64 { return random }
			})
			id := w.parking("shop")
			for i, wait := range []time.Duration{10, 20, 40, 60, 60} {
				w.driver.Next(provisioning.VerbEnsure, fake.Fault{Before: fake.ErrUnreachable})
				w.step(w.Manager, true)
				s := w.get(id)
				full := float64(wait * time.Second)
				require.InDelta(t, full*(1-random/2), float64(s.Due.Sub(w.clock.Now())), float64(time.Millisecond), "wait %d", i)
				w.step(w.Manager, false)
				w.clock.Set(s.Due)
			}
			w.driver.Next(provisioning.VerbEnsure, fake.Fault{Before: fake.ErrUnreachable})
			w.step(w.Manager, true)
			s := w.phase(id, provisioning.PhaseParked)
			require.Equal(t, provisioning.ParkAttempts, s.Parked.Reason)
			require.Contains(t, s.Parked.Text, "6 failures")
			require.Equal(t, "ensure ensure ensure ensure ensure ensure", w.verbs(new(int)))
			// All attempts of one operation have its ID.
			ids := map[string]bool{}
			for _, c := range w.driver.Calls() {
				ids[c.Operation] = true
			}
			require.Len(t, ids, 1)

			_, err := w.Retry(t.Context(), id)
			require.NoError(t, err)
			w.days(1)
			w.phase(id, provisioning.PhaseActive)
		})
	}
}

// Whatever the options and the randomness: a wait is between half of the doubled one and
// all of it, and there are no more attempts than allowed.
func TestBackoffIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		attempts := rapid.IntRange(1, 8).Draw(r, "attempts")
		first := time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(r, "first")).Truncate(time.Microsecond) + time.Microsecond
		longest := first + time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(r, "longest"))
		w := hire(t, 1, 10, func(o *provisioning.Options) {
			o.Work.Attempts, o.Work.First, o.Work.Max, o.Work.Trip = attempts, first, longest, 100
			o.Work.Rand = func() float64 { return rapid.Float64Range(0, 0.9999).Draw(r, "random") }
		})
		id := w.parking("shop")
		for n := 1; ; n++ {
			require.LessOrEqual(t, n, attempts)
			w.driver.Next("", fake.Fault{Before: fake.ErrUnreachable})
			w.step(w.Manager, true)
			s := w.get(id)
			if s.Parked != nil {
				require.Equal(t, attempts, n)
				return
			}
			full := min(first<<(n-1), longest)
			require.GreaterOrEqual(t, s.Due.Sub(w.clock.Now()), full/2-time.Microsecond)
			require.LessOrEqual(t, s.Due.Sub(w.clock.Now()), full)
			w.clock.Set(s.Due)
		}
	})
}

// A server that says when it wants to be asked again is not asked before.
func TestThrottled(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.parking("shop")
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{Before: &tierhost.Error{
		Kind: tierhost.KindLimited, RetryAfter: 7 * time.Minute, Err: errors.New("too many"),
	}})
	w.step(w.Manager, true)
	require.Equal(t, 7*time.Minute, w.get(id).Due.Sub(w.clock.Now()))
	w.clock.Advance(7*time.Minute - time.Second)
	w.step(w.Manager, false)
	w.clock.Advance(time.Second)
	w.work()
	w.phase(id, provisioning.PhaseActive)
}

// What reads tell may lag behind: what succeeded is looked for some times before it is
// done again, and never made twice.
func TestReadsThatLag(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	w.driver.SetLag(2)
	id := w.order("shop").Services[0].ID
	w.days(1)
	require.Equal(t, "ensure read read read", w.verbs(new(int)))
	w.phase(id, provisioning.PhaseActive)
	thing, _ := w.thing("s1", "shop")
	require.Equal(t, 1, thing.Made)
}

// A server that says yes and does nothing is found out.
func TestSuccessIsVerified(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Work.Attempts = 3 })
	w.driver.SetLag(1000)
	id := w.parking("shop")
	w.days(1)
	s := w.phase(id, provisioning.PhaseParked)
	require.Equal(t, provisioning.ParkAttempts, s.Parked.Reason)
	require.Equal(t, "not_as_wanted", s.Failure.Code)
}

// A refused removal is not a removal, even of what was never seen to be there.
func TestRefusedRemovalLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.order("shop").Services[0].ID
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{Half: true})
	w.step(w.Manager, true)
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled"})
	require.NoError(t, err)
	w.driver.Next(provisioning.VerbRemove, fake.Fault{Before: fake.ErrRefused})
	w.days(1)
	w.phase(id, provisioning.PhaseParked)
	require.Len(t, w.driver.Things("s1"), 1)
	require.EqualValues(t, 1, w.used("s1", provisioning.DimensionServices), "its room is kept for it")
	_, err = w.Retry(t.Context(), id)
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseRemoved)
	require.Empty(t, w.driver.Things("s1"))
}

// A name that is taken by what is left of another of our services is free once that is
// removed, which is seen to first. Whose it was, the new customer does not learn.
func TestNameTakenByALeftover(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	gone := w.made("shop")
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: gone, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.days(1)
	w.driver.Put("s1", fake.Thing{Kind: "web", Name: "shop", Owner: gone, Plan: "gold"}) // a backup was restored
	w.events()
	id := w.parking("shop")
	waited := false
	for w.get(id).Phase != provisioning.PhaseActive {
		worked, err := w.Step(t.Context())
		require.NoError(t, err)
		if !worked {
			next, err := w.NextDue(t.Context())
			require.NoError(t, err)
			w.clock.Set(next)
		}
		s := w.get(id)
		text, err := json.Marshal(s)
		require.NoError(t, err)
		require.NotContains(t, string(text), gone)
		waited = waited || s.Failure != nil && s.Failure.Code == provisioning.ParkConflict
	}
	require.True(t, waited)
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
	w.phase(gone, provisioning.PhaseRemoved)
	thing, _ := w.thing("s1", "shop")
	require.Equal(t, id, thing.Owner)
}

// A name that is a living service's parks the one that comes later, without a word of whose
// it is.
func TestNameOfAnotherSellersService(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	rival := w.made("shop")
	o := order("shop")
	o.Seller, o.Account = "reseller", "r1"
	_, err := w.Order(t.Context(), o)
	require.ErrorIs(t, err, provisioning.ErrNameTaken)
	require.NotContains(t, err.Error(), rival)
	o.Services[0].Name = "post"
	o.OnFailure = provisioning.Park
	w.driver.Put("s1", fake.Thing{Kind: "web", Name: "post", Owner: rival, Plan: "gold"})
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	w.days(1)
	s := w.phase(got.Services[0].ID, provisioning.PhaseParked)
	require.Equal(t, provisioning.ParkConflict, s.Parked.Reason)
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.NotContains(t, string(text), rival)
	// Nor does who brings another's reservation.
	o.Services[0].Name, o.Services[0].Reservation = "mine", w.get(rival).Reservation
	_, err = w.Order(t.Context(), o)
	require.Error(t, err)
	require.NotContains(t, err.Error(), rival)
}
