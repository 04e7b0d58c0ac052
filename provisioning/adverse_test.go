package provisioning_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
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

// What was there before is not removed, though the driver cannot tell whose it is.
func TestAThingWithoutAnIDIsNotOurs(t *testing.T) {
	t.Parallel()
	d := &idless{map[string]string{"bob": "bob's mail of ten years"}}
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Drivers = map[string]provisioning.Driver{"": d} })
	id := w.order("bob").Services[0].ID
	w.days(2)
	t.Log(w.get(id).Phase, w.get(id).Failure, w.get(id).Parked)
	require.Contains(t, d.things, "bob", "what the service did not make is still there")
}

// Room is that of one service.
func TestOneRoomForTwo(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 1)
	r := w.reserve(one("web"))[0]
	o := order("a", "b")
	o.Services[0].Reservation, o.Services[1].Reservation = r.Ref(), r.Ref()
	_, err := w.Order(t.Context(), o)
	require.Error(t, err, "two services on a server for one")
}

func TestOneRoomForTwoOrders(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 1)
	q := one("web")
	q.Seller = order("a").Seller
	r := w.reserve(q)[0]
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

// Room is for whom, and for what, it was reserved.
func TestRoomOfOthers(t *testing.T) {
	t.Parallel()
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

// A service gives its room back, whoever has changed its size.
func TestResizedAndRemoved(t *testing.T) {
	t.Parallel()
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

// A service for which nobody has a driver says so.
func TestNoDriverHere(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10, func(o *provisioning.Options) {
		o.Drivers = map[string]provisioning.Driver{"nginx": fake.New(fake.Options{})}
	})
	id := w.order("shop").Services[0].ID
	w.days(30)
	s := w.get(id)
	require.True(t, s.Failure != nil || s.Parked != nil, "phase %s for a month, no reason", s.Phase)
}

// A customer who is being moved has one site.
func TestGaugesWhileMoving(t *testing.T) {
	t.Parallel()
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

// Staff hears of orders for which there is no room.
func TestWaitingIsTold(t *testing.T) {
	t.Parallel()
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

func TestNoRoomIsTold(t *testing.T) {
	t.Parallel()
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

// A panic of a driver ends no worker.
func TestProbeThatPanics(t *testing.T) {
	t.Parallel()
	f := fake.New(fake.Options{})
	w := hire(t, 1, 10, func(o *provisioning.Options) { o.Drivers = map[string]provisioning.Driver{"": panicky{f}} })
	f.SetDown("s1", true)
	w.order("shop")
	require.NotPanics(t, func() { w.days(1) })
}

type waits struct{ *fake.Driver }

func (d waits) Ensure(ctx context.Context, _ provisioning.Call) (provisioning.Observation, error) {
	<-ctx.Done()
	return provisioning.Observation{}, ctx.Err()
}

// That a process ends says nothing about servers.
func TestProcessesThatEnd(t *testing.T) {
	t.Parallel()
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

// A service is moved away from a server that is dead, and the new server is not blamed.
func TestMovedFromADeadServer(t *testing.T) {
	t.Parallel()
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

// What a customer may have used is not removed without BeforeRemove.
func TestUndoAsksBeforeRemove(t *testing.T) {
	t.Parallel()
	asked := 0
	w := hire(t, 1, 10, func(o *provisioning.Options) {
		o.Work.BeforeRemove = func(context.Context, provisioning.Service) error { asked++; return nil }
	})
	w.group("mail", "mail")
	w.machine(provisioning.Machine{ID: "mm", Groups: []provisioning.GroupID{"mail"}})
	w.server(provisioning.Server{ID: "mail1", Machine: "mm", Group: "mail"})
	o := order("shop")
	o.Services = append(o.Services, provisioning.OrderedService{Kind: "mail", Name: "bob"})
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	_, err = w.SetServerStatus(t.Context(), "mail1", provisioning.StatusDown)
	require.NoError(t, err)
	w.days(20)
	id := got.Services[0].ID
	w.phase(id, provisioning.PhaseActive)
	require.True(t, w.driver.Write("s1", "web", "shop", "the work of twenty days"))
	_, err = w.SetServerStatus(t.Context(), "mail1", provisioning.StatusActive)
	require.NoError(t, err)
	for range 3 {
		w.driver.Next(provisioning.VerbEnsure, fake.Fault{Before: tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, errors.New("no such domain"))})
	}
	w.days(1)
	_, there := w.thing("s1", "shop")
	require.True(t, there || asked > 0, "phase %s, BeforeRemove asked %d times", w.get(id).Phase, asked)
}

// The room of a service is not another's, however it was found.
func TestRoomOfAService(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 2)
	id := w.made("a")
	o := order("b")
	o.Services[0].Reservation = w.get(id).Reservation
	_, err := w.Order(t.Context(), o)
	require.ErrorIs(t, err, provisioning.ErrFenced)
	o.Services[0].Reservation.Token--
	_, err = w.Order(t.Context(), o)
	require.ErrorIs(t, err, provisioning.ErrFenced)
}
