package provisioning_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// However many workers there are in however many processes, no server has more calls at
// once than it may.
func TestConcurrencyOfAServer(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 3} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var now, most, all atomic.Int64
				var driver *fake.Driver
				w := hire(t, 1, 40, func(o *provisioning.Options) {
					o.Clock, o.Work.Concurrency = tierhost.SystemClock(), limit
					driver = fake.New(fake.Options{Decide: func(fake.Called) fake.Fault {
						return fake.Fault{
							Meanwhile: func(context.Context) {
								all.Add(1)
								for n := now.Add(1); ; {
									if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
										break
									}
								}
								time.Sleep(time.Second)
							},
							Afterwards: func(context.Context) { now.Add(-1) },
						}
					}})
					o.Drivers[""] = driver
				})
				for i := range 12 {
					w.order(fmt.Sprint("shop", i))
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				for range 2 {
					process := w.another()
					for range 4 {
						go func() { ended <- process.Run(ctx) }()
					}
				}
				time.Sleep(3 * time.Minute)
				cancel()
				for range 8 {
					<-ended
				}
				require.EqualValues(t, 24, all.Load())
				require.EqualValues(t, limit, most.Load(), "it is used to the full, and no further")
			})
		})
	}
}

// A server that does not answer is left alone for longer and longer; then one call shows
// whether it works again, by its probe if the driver has one.
func TestCircuitBreaker(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 40, func(o *provisioning.Options) {
		o.Work.Trip, o.Work.TripFirst, o.Work.TripMax, o.Work.First = 3, 30*time.Second, 100*time.Second, time.Hour
	})
	for i := range 5 {
		w.order(fmt.Sprint("shop", i))
	}
	seen := 0
	w.driver.SetDown("s1", true)
	w.work()
	require.Equal(t, "ensure ensure ensure", w.verbs(&seen), "three times, and no more")
	events := w.events()
	require.Equal(t, 1, told[provisioning.BreakerChanged](events))
	require.Contains(t, events, provisioning.EventData(provisioning.BreakerChanged{
		Server: "s1", Open: true, Until: w.clock.Now().Add(30 * time.Second),
	}))
	for _, wait := range []time.Duration{30, 60, 100, 100} { // it doubles, up to the longest
		w.clock.Advance(wait*time.Second - time.Second)
		w.work()
		require.Empty(t, w.verbs(&seen))
		w.clock.Advance(time.Second)
		w.work()
		require.Equal(t, "probe", w.verbs(&seen))
	}
	require.Zero(t, told[provisioning.BreakerChanged](w.events()), "it has been open all the time")
	w.driver.SetDown("s1", false)
	w.clock.Advance(100 * time.Second)
	w.work()
	require.Equal(t, "probe ensure ensure read read", w.verbs(&seen), "the two that were never tried")
	require.Contains(t, w.events(), provisioning.EventData(provisioning.BreakerChanged{Server: "s1"}))
	w.days(1)
	for s, err := range w.Services(t.Context(), provisioning.ServiceQuery{}) {
		require.NoError(t, err)
		require.Equal(t, provisioning.PhaseActive, s.Phase)
	}
}

// basic is a driver without the optional abilities.
type basic struct{ provisioning.Driver }

// A driver without a probe is tried with the work itself, one call at a time.
func TestCircuitBreakerWithoutProbe(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 40, func(o *provisioning.Options) {
		o.Drivers[""] = basic{o.Drivers[""]}
		o.Work.Trip, o.Work.TripFirst, o.Work.TripMax, o.Work.First = 3, 30*time.Second, 30*time.Second, time.Second
	})
	for i := range 5 {
		w.order(fmt.Sprint("shop", i))
	}
	seen := 0
	w.driver.SetDown("s1", true)
	w.work()
	require.Equal(t, "ensure ensure ensure", w.verbs(&seen))
	w.clock.Advance(30 * time.Second)
	other := w.another()
	w.during(provisioning.VerbEnsure, func() { w.step(other, false) })
	w.work()
	require.Equal(t, "ensure", w.verbs(&seen), "one is enough to see")
	w.driver.SetDown("s1", false)
	w.days(1)
	require.Len(t, w.driver.Things("s1"), 5)
}

// A refusal is an answer: it says nothing against the server.
func TestRefusalsDoNotTrip(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 40, func(o *provisioning.Options) { o.Work.Trip = 2 })
	for i := range 5 {
		w.driver.Next(provisioning.VerbEnsure, fake.Fault{Before: fake.ErrRefused})
		w.parking(fmt.Sprint("shop", i))
	}
	w.work()
	require.Equal(t, "ensure ensure ensure ensure ensure", w.verbs(new(int)))
	require.Zero(t, told[provisioning.BreakerChanged](w.events()))
}

// One server that does not answer, with a hundred services that are due, holds up nobody
// else.
func TestDeadServerHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := hire(t, 2, 100)
	_, err := w.SetServerStatus(t.Context(), "s2", provisioning.StatusDisabled)
	require.NoError(t, err)
	for i := range 100 {
		w.order(fmt.Sprint("shop", i))
	}
	_, err = w.SetServerStatus(t.Context(), "s2", provisioning.StatusActive)
	require.NoError(t, err)
	w.driver.SetDown("s1", true)
	w.clock.Advance(time.Second)
	last := w.order("last").Services[0].ID
	require.EqualValues(t, "s2", w.get(last).Server)
	steps := 0
	for ; w.get(last).Phase != provisioning.PhaseActive; steps++ {
		require.Less(t, steps, 10)
		w.step(w.Manager, true)
	}
	require.Equal(t, 7, steps, "five calls until the breaker opens, and then its own two")
}

// A service that fails again and again is not in the way of the others of its server, nor
// is it forgotten: who is due first comes first.
func TestNobodyStarves(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 100, func(o *provisioning.Options) {
		o.Work.First, o.Work.Max, o.Work.Attempts, o.Work.Trip = time.Second, time.Second, 1000, 1000
	})
	bad := w.parking("bad")
	w.driver = nil
	calls := map[string]int{}
	driver := fake.New(fake.Options{Clock: w.clock, Decide: func(c fake.Called) fake.Fault {
		calls[c.Name]++
		if c.Name == "bad" {
			return fake.Fault{Before: fake.ErrUnreachable}
		}
		return fake.Fault{}
	}})
	w.driver = driver
	w.opt.Drivers[""] = driver
	m := w.another()
	for i := range 50 {
		id := w.order(fmt.Sprint("shop", i)).Services[0].ID
		for range 3 {
			w.step(m, true)
		}
		require.Equal(t, provisioning.PhaseActive, w.get(id).Phase)
		w.clock.Advance(time.Second)
	}
	require.Equal(t, 50, calls["bad"])
	require.Equal(t, provisioning.PhaseCreating, w.get(bad).Phase)
}

// A server that staff says is down, or whose machine is, is left alone, and its services
// wait; one that is drained keeps what it has, and is worked on.
func TestStatusOfServers(t *testing.T) {
	t.Parallel()
	down := func(w *works, s provisioning.Status) error {
		_, err := w.SetServerStatus(t.Context(), "s1", s)
		return err
	}
	machine := func(w *works, s provisioning.Status) error {
		_, err := w.SetMachineStatus(t.Context(), "m1", s)
		return err
	}
	for name, c := range map[string]struct {
		set    func(w *works, s provisioning.Status) error
		status provisioning.Status
		works  bool
	}{
		"down":     {down, provisioning.StatusDown, false},
		"machine":  {machine, provisioning.StatusDown, false},
		"draining": {down, provisioning.StatusDraining, true},
		"disabled": {down, provisioning.StatusDisabled, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := hire(t, 1, 10)
			id := w.made("shop")
			require.NoError(t, c.set(w, c.status))
			_, err := w.Suspend(t.Context(), id, "unpaid", "")
			require.NoError(t, err)
			w.work()
			require.Equal(t, c.works, w.get(id).Phase == provisioning.PhaseSuspended)
			require.NoError(t, c.set(w, provisioning.StatusActive))
			w.days(1)
			w.clock.Advance(time.Minute)
			w.work()
			w.phase(id, provisioning.PhaseSuspended)
		})
	}
}

// A worker without the driver of a server leaves it to those that have it.
func TestDriversOfWorkers(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.order("shop").Services[0].ID
	w.opt.Drivers = nil
	w.step(w.another(), false)
	w.work()
	w.phase(id, provisioning.PhaseActive)
}
