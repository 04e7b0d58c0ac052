package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/secret"
)

func (w *works) chain(id provisioning.ChainID) provisioning.Chain {
	w.t.Helper()
	c, err := w.Chain(w.t.Context(), id)
	require.NoError(w.t, err)
	return c
}

// The services of an order are made one after the other.
func TestOrderIsMadeInOrder(t *testing.T) {
	t.Parallel()
	w := hire(t, 2, 10)
	got := w.order("a", "b", "c")
	require.Equal(t, provisioning.ChainBuilding, got.Chain.State)
	for i, s := range got.Services {
		require.Equal(t, i > 0, s.Waiting)
		require.NotEmpty(t, s.Server, "all have a place from the beginning")
	}
	w.work()
	var names []string
	for _, c := range w.driver.Calls() {
		if c.Verb == provisioning.VerbEnsure {
			names = append(names, c.Name)
		}
	}
	require.Equal(t, []string{"a", "b", "c"}, names)
	require.Equal(t, provisioning.ChainDone, w.chain(got.Chain.ID).State)
}

// failing orders three services of which the third cannot be made.
func (w *works) failing(o provisioning.OnFailure) provisioning.Ordered {
	w.t.Helper()
	x := order("a", "b", "c")
	x.OnFailure = o
	got, err := w.Order(w.t.Context(), x)
	require.NoError(w.t, err)
	for w.get(got.Services[1].ID).Phase != provisioning.PhaseActive {
		w.step(w.Manager, true)
	}
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{Before: fake.ErrRefused})
	w.step(w.Manager, true)
	return got
}

// An order of which one fails is taken back: what was made is removed, the last first, at
// once and once only, and all its room is free again.
func TestOrderIsUndone(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	got := w.failing(provisioning.Undo)
	c := w.chain(got.Chain.ID)
	require.Equal(t, provisioning.ChainUndoing, c.State)
	require.Equal(t, got.Services[2].ID, c.Failed)
	require.Equal(t, provisioning.ParkPermanent, c.Reason)
	w.days(1)
	var removed []string
	for _, c := range w.driver.Calls() {
		if c.Verb == provisioning.VerbRemove {
			removed = append(removed, c.Name)
		}
	}
	require.Equal(t, []string{"c", "b", "a"}, removed)
	c = w.chain(got.Chain.ID)
	require.Equal(t, provisioning.ChainUndone, c.State)
	require.Empty(t, c.Leftovers)
	require.Empty(t, w.driver.Things("s1"))
	require.Zero(t, w.used("s1", provisioning.DimensionServices))
	for _, s := range got.Services {
		w.phase(s.ID, provisioning.PhaseRemoved)
	}
	var states []provisioning.ChainState
	for _, e := range w.events() {
		if e, ok := e.(provisioning.ChainChanged); ok {
			states = append(states, e.To)
		}
	}
	require.Equal(t, []provisioning.ChainState{"building", "undoing", "undone"}, states)
	w.sound()
}

// What cannot be removed is listed, and the rest is removed. When somebody has seen to it
// the order is undone.
func TestOrderThatCannotBeUndone(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	got := w.failing(provisioning.Undo)
	for w.get(got.Services[2].ID).Phase != provisioning.PhaseRemoved {
		w.step(w.Manager, true)
	}
	w.driver.Next(provisioning.VerbRemove, fake.Fault{Before: fake.ErrRefused}) // of b
	w.days(1)
	c := w.chain(got.Chain.ID)
	require.Equal(t, provisioning.ChainParked, c.State)
	require.Equal(t, []provisioning.ServiceID{got.Services[1].ID}, c.Leftovers)
	w.phase(got.Services[0].ID, provisioning.PhaseRemoved)
	things := w.driver.Things("s1")
	require.Len(t, things, 1)
	require.Equal(t, "b", things[0].Name)
	_, err := w.Retry(t.Context(), got.Services[1].ID)
	require.NoError(t, err)
	w.days(1)
	require.Equal(t, provisioning.ChainUndone, w.chain(got.Chain.ID).State)
	require.Empty(t, w.driver.Things("s1"))
}

// A service whose removal is parked already does not hold up the undoing of its order.
func TestOrderIsUndonePastAParkedRemoval(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	got := w.order("a", "b")
	for w.get(got.Services[1].ID).Phase != provisioning.PhaseCreating {
		w.step(w.Manager, true)
	}
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{Half: true})
	w.step(w.Manager, true)
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: got.Services[1].ID, Reason: "cancelled"})
	require.NoError(t, err)
	w.driver.Next(provisioning.VerbRemove, fake.Fault{Before: fake.ErrRefused})
	w.days(1)
	c := w.chain(got.Chain.ID)
	require.Equal(t, provisioning.ChainParked, c.State)
	require.Equal(t, []provisioning.ServiceID{got.Services[1].ID}, c.Leftovers)
	w.phase(got.Services[0].ID, provisioning.PhaseRemoved)
}

// An order that is to be parked keeps what it has, and goes on when somebody has seen to
// what failed.
func TestOrderIsParked(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	got := w.failing(provisioning.Park)
	w.days(1)
	c := w.chain(got.Chain.ID)
	require.Equal(t, provisioning.ChainParked, c.State)
	require.Equal(t, c.Services, c.Leftovers)
	require.Len(t, w.driver.Things("s1"), 2)
	_, err := w.Retry(t.Context(), got.Services[2].ID)
	require.NoError(t, err)
	w.days(1)
	c = w.chain(got.Chain.ID)
	require.Equal(t, provisioning.ChainDone, c.State)
	require.Empty(t, c.Leftovers)
	require.Len(t, w.driver.Things("s1"), 3)
}

// The same key with the same order is the same order, at once or years later; with another
// one it is refused. Keys are the seller's.
func TestOrderKey(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	ctx := t.Context()
	o := order("shop", "mail")
	o.Key = "cart-17"
	o.Services[0].Password = secret.New("a password")
	first, err := w.Order(ctx, o)
	require.NoError(t, err)
	require.False(t, first.Replayed)
	w.days(1)
	again, err := w.Order(ctx, o)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, first.Chain.ID, again.Chain.ID)
	require.Equal(t, provisioning.PhaseActive, again.Services[0].Phase, "as they are now")
	require.Len(t, w.driver.Things("s1"), 2)
	require.EqualValues(t, 2, w.used("s1", provisioning.DimensionServices))

	for name, change := range map[string]func(o *provisioning.Order){
		"name":        func(o *provisioning.Order) { o.Services[1].Name = "post" },
		"spec":        func(o *provisioning.Order) { o.Services[1].Spec = []byte(`{"plan":"iron"}`) },
		"account":     func(o *provisioning.Order) { o.Account = "a2" },
		"no password": func(o *provisioning.Order) { o.Services[0].Password = secret.Text{} },
		"one less":    func(o *provisioning.Order) { o.Services = o.Services[:1] },
		"on failure":  func(o *provisioning.Order) { o.OnFailure = provisioning.Park },
	} {
		x := o
		x.Services = append([]provisioning.OrderedService(nil), o.Services...)
		change(&x)
		_, err := w.Order(ctx, x)
		require.ErrorIs(t, err, provisioning.ErrKeyReused, name)
	}
	other := order("other")
	other.Key, other.Seller = "cart-17", "reseller"
	got, err := w.Order(ctx, other)
	require.NoError(t, err)
	require.False(t, got.Replayed)
}

// An order is part of the host's transaction: with it, or not at all.
func TestOrderInTheHostsTransaction(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	w.events()
	failed := errors.New("the card was declined")
	require.ErrorIs(t, w.within(func(ctx context.Context, m *provisioning.Manager) error {
		if _, err := m.Order(ctx, order("shop")); err != nil {
			return err
		}
		return failed
	}), failed)
	w.step(w.Manager, false)
	require.Zero(t, w.used("s1", provisioning.DimensionServices))
	require.Empty(t, w.events())

	o := order("shop")
	o.Services[0].Password = secret.New("a password")
	err := w.within(func(ctx context.Context, m *provisioning.Manager) error {
		_, err := m.Order(ctx, o)
		return err
	})
	require.Equal(t, "not_prepared", tierhost.CodeOf(err), "sealing may be slow")
	prepared, err := w.Prepare(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, w.within(func(ctx context.Context, m *provisioning.Manager) error {
		_, err := m.Order(ctx, prepared)
		return err
	}))
	w.work()
	thing, _ := w.thing("s1", "shop")
	require.Equal(t, "a password", thing.Password)
}

// Without room an order fails, or waits if it is to, and is made when there is some.
func TestOrderWaitsForRoom(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 2)
	first := w.made("first")
	w.made("second")
	o := order("third")
	_, err := w.Order(t.Context(), o)
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	o.Wait = true
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	id := got.Services[0].ID
	w.days(1)
	require.Equal(t, "no_capacity", w.phase(id, provisioning.PhasePending).Failure.Code)
	_, err = w.Remove(t.Context(), provisioning.RemoveRequest{Service: first, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
	w.sound()
}

// Names are one service's on a server. Two of one order get two servers, or wait.
func TestNamesAreUniqueOnAServer(t *testing.T) {
	t.Parallel()
	w := hire(t, 2, 10)
	got := w.order("shop", "shop")
	require.NotEqual(t, got.Services[0].Server, got.Services[1].Server)
	_, err := w.Order(t.Context(), order("shop"))
	require.ErrorIs(t, err, provisioning.ErrNameTaken)
	w.days(1)
	require.Equal(t, provisioning.ChainDone, w.chain(got.Chain.ID).State)

	full := hire(t, 2, 1)
	full.made("one")
	full.made("two")
	o := order("shop", "shop")
	o.Wait = true
	waits, err := full.Order(t.Context(), o)
	require.NoError(t, err)
	_, err = full.SetServerStatus(t.Context(), "s2", provisioning.StatusDisabled)
	require.NoError(t, err)
	x, err := full.Server(t.Context(), "s1")
	require.NoError(t, err)
	x.Capacity = map[string]int64{provisioning.DimensionServices: 10}
	full.server(x)
	full.days(1)
	require.Equal(t, "name_taken", full.phase(waits.Services[0].ID, provisioning.PhasePending).Failure.Code)
	id := full.made("three")
	full.phase(id, provisioning.PhaseActive)
}

// All faults of an order are told at once, with their paths.
func TestOrderIsChecked(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	_, err := w.Order(t.Context(), provisioning.Order{})
	require.Contains(t, issues(t, err), "services: required")
	o := order("", "b")
	o.Services[0].ID, o.Services[1].ID = "svc_x", "svc_x"
	o.Services[1].Demand.Kind = "mail"
	o.OnFailure = "shrug"
	_, err = w.Order(t.Context(), o)
	require.ElementsMatch(t, []string{
		"services[0].name: required", "services[1].id: duplicate", "services[1].demand.kind: kind_mixed", "on_failure: unknown",
	}, issues(t, err))
	for i := range 3 {
		id := fmt.Sprint("svc_mine_", i)
		o := order(id)
		o.Services[0].ID = provisioning.ServiceID(id)
		_, err := w.Order(t.Context(), o)
		require.NoError(t, err)
		o.Services[0].Name = "another"
		_, err = w.Order(t.Context(), o)
		require.ErrorIs(t, err, tierhost.ErrExists)
	}
}
