package provisioning_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
)

// idless cannot keep an ID with its things.
type idless struct{ things map[string]string }

func (d *idless) obs(c provisioning.Call) provisioning.Observation {
	if _, ok := d.things[c.Service.Name]; ok {
		return provisioning.Observation{Presence: provisioning.Present, Matches: true}
	}
	return provisioning.Observation{Presence: provisioning.Absent}
}
func (d *idless) Ensure(_ context.Context, c provisioning.Call) (provisioning.Observation, error) {
	if _, ok := d.things[c.Service.Name]; ok {
		return provisioning.Observation{}, tierhost.Fail(tierhost.KindExists, tierhost.EffectNone, errors.New("mailbox exists"))
	}
	d.things[c.Service.Name] = ""
	return d.obs(c), nil
}
func (d *idless) Read(_ context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.obs(c), nil
}
func (d *idless) Suspend(_ context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.obs(c), nil
}
func (d *idless) Resume(_ context.Context, c provisioning.Call) (provisioning.Observation, error) {
	return d.obs(c), nil
}
func (d *idless) Remove(_ context.Context, c provisioning.Call) error {
	delete(d.things, c.Service.Name)
	return nil
}

func TestScratchForeignThingWithoutIDIsRemoved(t *testing.T) {
	d := &idless{map[string]string{"bob": "bob's mail of ten years"}}
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Drivers = map[string]provisioning.Driver{"": d} })
	id := w.order("bob").Services[0].ID
	w.days(2)
	t.Log(w.get(id).Phase, w.get(id).Failure, w.get(id).Parked)
	require.Contains(t, d.things, "bob", "what the service did not make is still there")
}

func TestScratchOneReservationForTwo(t *testing.T) {
	w := hire(t, 1, 1)
	r := w.reserve(one("web"))[0]
	o := order("a", "b")
	o.Services[0].Reservation, o.Services[1].Reservation = r.Ref(), r.Ref()
	_, err := w.Order(t.Context(), o)
	require.Error(t, err, "two services on a server for one")
}

func TestScratchOneReservationForTwoOrders(t *testing.T) {
	w := hire(t, 1, 1)
	r := w.reserve(one("web"))[0]
	o := order("a")
	o.Services[0].Reservation = r.Ref()
	first, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	o = order("b")
	o.Services[0].Reservation = r.Ref()
	second, err := w.Order(t.Context(), o)
	if err == nil {
		w.work()
		t.Log("things on s1:", len(w.driver.Things("s1")), "capacity 1")
		for _, x := range []provisioning.Ordered{first, second} {
			_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: x.Services[0].ID, Reason: "x", Now: true})
			require.NoError(t, err)
		}
		for i := 0; i < 20; i++ {
			_, err := w.Step(t.Context())
			if err != nil {
				t.Log("step:", err)
				break
			}
		}
		t.Fatal("two services on a server for one")
	}
}

func TestScratchReservationOfAnotherKindAndSeller(t *testing.T) {
	w := hire(t, 1, 5)
	w.group("mail", "mail")
	w.machine(provisioning.Machine{ID: "mm", Groups: []provisioning.GroupID{"mail"}})
	w.server(provisioning.Server{ID: "mail1", Machine: "mm", Group: "mail"})
	q := one("mail")
	q.Seller, q.Account = "reseller-x", "their-customer"
	r := w.reserve(q)[0]
	o := order("a") // kind web, of the host
	o.Services[0].Reservation = r.Ref()
	got, err := w.Order(t.Context(), o)
	if err == nil {
		w.work()
		s := w.get(got.Services[0].ID)
		t.Fatalf("a service of kind %s of %s is %s on %s", s.Kind, s.Seller, s.Phase, s.Server)
	}
}

func TestScratchResizeThenRemove(t *testing.T) {
	w := hire(t, 1, 10)
	id := w.made("shop")
	_, err := w.Resize(t.Context(), w.get(id).Reservation, map[string]int64{"disk_mb": 10})
	require.NoError(t, err)
	_, err = w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "x", Now: true})
	require.NoError(t, err)
	for range 40 {
		_, err = w.Step(t.Context())
		if err != nil {
			t.Log(err)
		}
		w.clock.Advance(time.Hour)
	}
	s := w.get(id)
	t.Log(s.Phase, s.Parked, s.Failure)
	n := 0
	for _, c := range w.driver.Calls() {
		if c.Verb == provisioning.VerbRemove {
			n++
		}
	}
	t.Log("remove calls", n)
	require.Equal(t, provisioning.PhaseRemoved, s.Phase)
}

func TestScratchNoDriver(t *testing.T) {
	w := hire(t, 1, 10, func(o *provisioning.Options) {
		o.Drivers = map[string]provisioning.Driver{"nginx": fake.New(fake.Options{})}
	})
	id := w.order("shop").Services[0].ID
	w.days(30)
	s := w.get(id)
	require.True(t, s.Failure != nil || s.Parked != nil, "phase %s for a month, no reason", s.Phase)
}

func TestScratchGaugeTwiceWhileMoving(t *testing.T) {
	w, id, old, other := movable(t)
	_ = id
	w.driver.Hold(old, "web", "shop", "disk", decimal.NewFromInt(100))
	w.move(id)
	for w.get(id).Move.Stage != provisioning.MoveVerifying {
		w.step(w.Manager, true)
	}
	w.driver.Hold(other, "web", "shop", "disk", decimal.NewFromInt(100))
	s := newSink()
	w.collect(s)
	n := 0
	for _, r := range s.records {
		if r.Meter == "disk" {
			n++
			t.Log(r.Server, r.Day, r.Quantity)
		}
	}
	require.Equal(t, 1, n, "the customer has one site")
}

func TestScratchUsageLostByMove(t *testing.T) {
	w, id, old, _ := movable(t)
	s := newSink()
	w.collect(s)
	before := s.total(fake.MeterRequests)
	w.driver.Use(old, "web", "shop", fake.MeterRequests, decimal.NewFromInt(1000))
	w.move(id)
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
	w.collect(s)
	require.EqualValues(t, 1000, s.total(fake.MeterRequests)-before)
}

// meters yields samples as a script may.
type meters struct {
	provisioning.Driver
	samples []provisioning.Sample
	panics  bool
}

func (m *meters) Usage(context.Context, provisioning.Place, provisioning.Kind, time.Time) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		if m.panics {
			panic("usage")
		}
		for _, s := range m.samples {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func TestScratchPurgedGaugeCountsAgain(t *testing.T) {
	d := &meters{Driver: fake.New(fake.Options{})}
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Drivers = map[string]provisioning.Driver{"": d} })
	id := w.order("shop").Services[0].ID
	w.work()
	d.samples = []provisioning.Sample{{Service: id, Kind: "web", Name: "shop", Meter: "disk", Metric: provisioning.Gauge, Value: decimal.NewFromInt(5), At: w.clock.Now()}}
	s := newSink()
	w.collect(s)
	require.NoError(t, w.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := w.store.Provisioning(tx)
		if err != nil {
			return err
		}
		_, err = rows.PurgeSamples(ctx, w.clock.Now().Add(time.Hour), 1000)
		return err
	}))
	w.collect(s)
	require.Empty(t, s.twice)
}

func TestScratchNameReused(t *testing.T) {
	d := &meters{Driver: fake.New(fake.Options{})}
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Drivers = map[string]provisioning.Driver{"": d} })
	id := w.order("shop").Services[0].ID
	w.work()
	sample := func(n int64) {
		d.samples = []provisioning.Sample{{Kind: "web", Name: "shop", Meter: "t", Metric: provisioning.Counter, Value: decimal.NewFromInt(n), At: w.clock.Now()}}
	}
	s := newSink()
	sample(500)
	w.collect(s)
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "x", Now: true})
	require.NoError(t, err)
	w.work()
	w.phase(id, provisioning.PhaseRemoved)
	o := order("shop")
	o.Account = "another"
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	w.work()
	w.clock.Advance(time.Hour)
	sample(510)
	w.collect(s)
	for _, r := range s.records {
		t.Log(r.Service, r.Account, r.Quantity, got.Services[0].ID)
	}
}

func TestScratchWaitingTellsNobody(t *testing.T) {
	w := hire(t, 1, 0)
	w.events()
	o := order("shop")
	o.Wait = true
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	w.days(3)
	w.phase(got.Services[0].ID, provisioning.PhasePending)
	n := 0
	for _, e := range w.events() {
		if _, ok := e.(provisioning.NoRoom); ok {
			n++
		}
	}
	require.NotZero(t, n)
}

func TestScratchOrderWithoutRoomTellsNobody(t *testing.T) {
	w := hire(t, 1, 0)
	w.events()
	_, err := w.Order(t.Context(), order("shop"))
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	n := 0
	for _, e := range w.events() {
		if _, ok := e.(provisioning.NoRoom); ok {
			n++
		}
	}
	require.NotZero(t, n)
}

type panicky struct{ *fake.Driver }

func (p panicky) Probe(context.Context, provisioning.Place) error { panic("probe") }

func TestScratchProbePanics(t *testing.T) {
	f := fake.New(fake.Options{})
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Drivers = map[string]provisioning.Driver{"": panicky{f}} })
	f.SetDown("s1", true)
	w.order("shop")
	require.NotPanics(t, func() { w.days(1) })
}

func TestScratchMoveFromDeadServer(t *testing.T) {
	w, id, old, _ := movable(t)
	w.driver.SetDown(old, true)
	_, err := w.SetServerStatus(t.Context(), old, provisioning.StatusDown)
	require.NoError(t, err)
	_, err = w.Move(t.Context(), provisioning.MoveRequest{Service: id, WithoutContent: true})
	require.NoError(t, err)
	w.days(10)
	s := w.get(id)
	t.Log(s.Phase, s.Server, s.Move, s.Failure, s.Leftovers)
	require.NotEqual(t, old, s.Server)
}

func TestScratchShutdownTripsBreaker(t *testing.T) {
	w := hire(t, 1, 100)
	var names []string
	for _, n := range "abcdef" {
		names = append(names, string(n))
	}
	for _, n := range names {
		w.order(n)
	}
	for range names[:5] {
		ctx, cancel := context.WithCancel(t.Context())
		w.driver.Next(provisioning.VerbEnsure, fake.Fault{})
		_ = cancel
		_ = ctx
	}
	_ = json.RawMessage{}
}

type waits struct{ *fake.Driver }

func (d waits) Ensure(ctx context.Context, _ provisioning.Call) (provisioning.Observation, error) {
	<-ctx.Done()
	return provisioning.Observation{}, ctx.Err()
}

func TestScratchShutdown(t *testing.T) {
	f := fake.New(fake.Options{})
	w := hire(t, 1, 100, func(o *provisioning.Options) { o.Drivers = map[string]provisioning.Driver{"": waits{f}} })
	for _, n := range "abcdef" {
		w.order(string(n))
	}
	for range 5 { // five workers of a process that ends
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := w.Step(ctx)
		require.NoError(t, err)
	}
	for _, e := range w.events() {
		if b, ok := e.(provisioning.BreakerChanged); ok {
			t.Fatalf("the breaker of a healthy server: %+v", b)
		}
	}
}

type deadSource struct{ *fake.Driver }

func (d deadSource) Copy(context.Context, provisioning.Place, provisioning.Call) error {
	return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("the old server does not answer"))
}

func TestScratchDeadSource(t *testing.T) {
	var f *fake.Driver
	w := hire(t, 2, 10, func(o *provisioning.Options) {
		f = fake.New(fake.Options{})
		o.Drivers = map[string]provisioning.Driver{"": deadSource{f}}
	})
	w.driver = f
	id := w.made("shop")
	w.events()
	_, err := w.Move(t.Context(), provisioning.MoveRequest{Service: id, WithoutContent: true})
	require.NoError(t, err)
	to := w.get(id).Move.To
	w.days(3)
	for _, e := range w.events() {
		if b, ok := e.(provisioning.BreakerChanged); ok && b.Server == to {
			t.Errorf("the breaker of the new, healthy server: %+v", b)
		}
		if b, ok := e.(provisioning.MoveFailed); ok {
			t.Errorf("without content was asked for: %+v", b)
		}
	}
}

func TestScratchBackAgain(t *testing.T) {
	d := &meters{Driver: fake.New(fake.Options{})}
	w := hire(t, 2, 10, func(o *provisioning.Options) { o.Drivers = map[string]provisioning.Driver{"": d} })
	id := w.order("shop").Services[0].ID
	w.work()
	first := w.get(id).Server
	s := newSink()
	read := func(n int64) {
		d.samples = []provisioning.Sample{{Service: id, Kind: "web", Name: "shop", Meter: "t", Metric: provisioning.Counter, Value: decimal.NewFromInt(n), At: w.clock.Now()}}
		w.collect(s, func(r *provisioning.UsageRequest) { r.Servers = []provisioning.ServerID{first} })
	}
	read(500)
	for range 2 {
		_, err := w.Move(t.Context(), provisioning.MoveRequest{Service: id, WithoutContent: true})
		require.NoError(t, err)
		w.days(1)
	}
	require.Equal(t, first, w.get(id).Server)
	read(700) // of the new life
	require.EqualValues(t, 1200, s.total("t"))
}

func TestScratchWritesAfterCopyAreLost(t *testing.T) {
	w, id, old, _ := movable(t)
	w.move(id)
	for w.get(id).Server == old {
		w.step(w.Manager, true)
	}
	// DNS still points to the old place.
	require.True(t, w.driver.Write(old, "web", "shop", "all that there is, and an order of a visitor"))
	from := w.clock.Now()
	w.work()
	_, there := w.thing(old, "shop")
	require.True(t, there, "removed %s after the switch", w.clock.Now().Sub(from))
}

func TestScratchOrderFailsAfterWeeks(t *testing.T) {
	asked := 0
	w := hire(t, 1, 10, func(o *provisioning.Options) {
		o.Work.BeforeRemove = func(context.Context, provisioning.Service) error { asked++; return nil }
	})
	w.group("mail", "mail")
	w.machine(provisioning.Machine{ID: "mm", Groups: []provisioning.GroupID{"mail"}})
	w.server(provisioning.Server{ID: "mail1", Machine: "mm", Group: "mail", Capacity: map[string]int64{provisioning.DimensionServices: 0}})
	o := order("shop")
	o.Wait = true
	o.Services = append(o.Services, provisioning.OrderedService{Kind: "mail", Name: "bob"})
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	w.days(20)
	t.Log(w.get(got.Services[0].ID).Phase, w.get(got.Services[1].ID).Phase)
}
