package provisioning_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

// works is a shop whose manager works on servers in memory.
type works struct {
	*shop
	driver *fake.Driver
	opt    provisioning.Options
}

// hire opens a shop with servers s1, s2, …, each for so many services.
func hire(t *testing.T, servers int, services int64, change ...func(o *provisioning.Options)) *works {
	t.Helper()
	clock := tierhost.NewTestClock(noon)
	w := &works{driver: fake.New(fake.Options{Clock: clock})}
	o := provisioning.Options{Clock: clock, IDs: tierhost.NewSequenceIDs(), Drivers: map[string]provisioning.Driver{"": w.driver}}
	o.Work.Rand = func() float64 { return 0 }
	o.Work.Sealer = keyring(t)
	for _, c := range change {
		c(&o)
	}
	w.shop, w.opt = open(t, o), o
	w.clock = clock
	w.web(servers, services)
	return w
}

func keyring(t *testing.T) *secret.Keyring {
	t.Helper()
	key, err := secret.GenerateKey("test")
	require.NoError(t, err)
	ring, err := secret.NewKeyring(key)
	require.NoError(t, err)
	return ring
}

// another is the manager of another process.
func (w *works) another() *provisioning.Manager {
	w.t.Helper()
	m, err := provisioning.New(w.store, w.opt)
	require.NoError(w.t, err)
	return m
}

// step takes one step, of which worked is expected.
func (w *works) step(m *provisioning.Manager, worked bool) {
	w.t.Helper()
	did, err := m.Step(w.t.Context())
	require.NoError(w.t, err)
	require.Equal(w.t, worked, did)
}

// made orders one web account and has it made.
func (w *works) made(name string) provisioning.ServiceID {
	w.t.Helper()
	id := w.order(name).Services[0].ID
	w.days(1)
	w.phase(id, provisioning.PhaseActive)
	return id
}

// thing is what there is of a service on a server.
func (w *works) thing(on provisioning.ServerID, name string) (fake.Thing, bool) {
	t, there := w.driver.Thing(on, "web", name)
	return plain(t), there
}

// order orders web accounts with the names given.
func (w *works) order(names ...string) provisioning.Ordered {
	w.t.Helper()
	got, err := w.Order(w.t.Context(), order(names...))
	require.NoError(w.t, err)
	return got
}

func order(names ...string) provisioning.Order {
	o := provisioning.Order{Seller: "host", Account: "a1"}
	for _, name := range names {
		o.Services = append(o.Services, provisioning.OrderedService{Kind: "web", Name: name, Spec: json.RawMessage(`{"plan":"gold"}`)})
	}
	return o
}

// work steps until nothing is due.
func (w *works) work() {
	w.t.Helper()
	for i := 0; ; i++ {
		require.Less(w.t, i, 1000, "it does not end")
		worked, err := w.Step(w.t.Context())
		require.NoError(w.t, err)
		if !worked {
			return
		}
	}
}

// days works through so many days.
func (w *works) days(n int) {
	w.t.Helper()
	for end := w.clock.Now().AddDate(0, 0, n); ; {
		w.work()
		next, err := w.NextDue(w.t.Context())
		require.NoError(w.t, err)
		if next.IsZero() || next.After(end) {
			w.clock.Set(end)
			return
		}
		w.clock.Set(next)
	}
}

func (w *works) get(id provisioning.ServiceID) provisioning.Service {
	w.t.Helper()
	s, err := w.Service(w.t.Context(), id)
	require.NoError(w.t, err)
	return s
}

func (w *works) phase(id provisioning.ServiceID, want provisioning.Phase) provisioning.Service {
	w.t.Helper()
	s := w.get(id)
	require.Equal(w.t, want, s.Phase, "%+v %+v", s.Parked, s.Failure)
	return s
}

// verbs are the calls made since the last time, in order.
func (w *works) verbs(seen *int) string {
	var all []string
	calls := w.driver.Calls()
	for _, c := range calls[*seen:] {
		all = append(all, string(c.Verb))
	}
	*seen = len(calls)
	return strings.Join(all, " ")
}

// events returns the contents of the events that were not delivered yet.
func (w *works) events() []provisioning.EventData {
	w.t.Helper()
	var all []provisioning.EventData
	_, err := storage.Drain(w.t.Context(), w.store, func(_ context.Context, e storage.Event) error {
		d, err := provisioning.DecodeEvent(e)
		all = append(all, d)
		return err
	}, storage.DrainOptions{Clock: w.clock})
	require.NoError(w.t, err)
	return all
}

// phases are the phases that a service went through, by the events.
func phases(events []provisioning.EventData, id provisioning.ServiceID) []provisioning.Phase {
	var all []provisioning.Phase
	for _, e := range events {
		if c, ok := e.(provisioning.ServiceChanged); ok && c.Service == id {
			all = append(all, c.To)
		}
	}
	return all
}

// The life of a web account: ordered, made, looked at, suspended, resumed, changed, given
// another password, removed after thirty days.
func TestLife(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	ctx, seen := t.Context(), 0
	o := order("shop")
	o.Services[0].Password = secret.New("first secret")
	got, err := w.Order(ctx, o)
	require.NoError(t, err)
	id := got.Services[0].ID
	w.phase(id, provisioning.PhaseCreating)
	require.Empty(t, w.driver.Calls(), "nothing is done before the commit")

	w.work()
	require.Equal(t, "ensure read", w.verbs(&seen))
	s := w.phase(id, provisioning.PhaseActive)
	require.JSONEq(t, `{"user":"shop"}`, string(s.Observed.Facts))
	thing, _ := w.driver.Thing("s1", "web", "shop")
	require.Equal(t, id, thing.Owner)
	require.Equal(t, "gold", thing.Plan)
	require.Equal(t, "first secret", thing.Password)

	_, err = w.Suspend(ctx, id, "unpaid", "")
	require.NoError(t, err)
	w.phase(id, provisioning.PhaseSuspending)
	w.work()
	require.Equal(t, "suspend read", w.verbs(&seen))
	w.phase(id, provisioning.PhaseSuspended)

	_, err = w.Suspend(ctx, id, "abuse", "sends spam")
	require.NoError(t, err)
	_, err = w.Resume(ctx, id, "unpaid")
	require.NoError(t, err)
	w.work()
	require.Empty(t, w.verbs(&seen), "there is another reason")
	w.phase(id, provisioning.PhaseSuspended)

	_, err = w.Change(ctx, provisioning.ChangeRequest{Service: id, Spec: json.RawMessage(` {"plan": "iron", "quota": 7} `)})
	require.NoError(t, err)
	w.phase(id, provisioning.PhaseChanging)
	w.work()
	w.phase(id, provisioning.PhaseSuspended)
	require.Equal(t, "read ensure read", w.verbs(&seen))

	_, err = w.Resume(ctx, id, "")
	require.NoError(t, err)
	w.work()
	require.Equal(t, "resume read", w.verbs(&seen))
	w.phase(id, provisioning.PhaseActive)

	_, err = w.ChangePassword(ctx, id, secret.New("second secret"))
	require.NoError(t, err)
	w.work()
	require.Equal(t, "password", w.verbs(&seen))
	thing, _ = w.driver.Thing("s1", "web", "shop")
	require.Equal(t, fake.Thing{Kind: "web", Name: "shop", Owner: id, Plan: "iron", Quota: 7, Password: "second secret", Made: 1}, plain(thing))

	_, err = w.Remove(ctx, provisioning.RemoveRequest{Service: id, Reason: "cancelled"})
	require.NoError(t, err)
	w.days(29)
	require.Equal(t, "suspend read", w.verbs(&seen), "it is kept, suspended")
	w.phase(id, provisioning.PhaseSuspended)
	w.days(2)
	require.Equal(t, "read usage remove read", w.verbs(&seen), "it is looked at before, and its meters are read")
	s = w.phase(id, provisioning.PhaseRemoved)
	require.Empty(t, s.Server)
	require.Nil(t, s.Password)
	require.Empty(t, w.driver.Things("s1"))
	loads, err := w.ServerLoads(ctx, "s1")
	require.NoError(t, err)
	require.Zero(t, loads[0].Used, "its room is free")

	require.Equal(t, []provisioning.Phase{
		"creating", "active", "suspending", "suspended", "changing", "suspended", "resuming", "active", "changing", "active",
		"suspending", "suspended", "removing", "removed",
	}, phases(w.events(), id))
}

// plain leaves out what a test does not set.
func plain(t fake.Thing) fake.Thing {
	return fake.Thing{
		Kind: t.Kind, Name: t.Name, Owner: t.Owner, Partial: t.Partial, Suspended: t.Suspended,
		Plan: t.Plan, Quota: t.Quota, Password: t.Password, Content: t.Content, Made: t.Made,
	}
}

func TestUndoKeepsAService(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.order("shop").Services[0].ID
	w.work()
	_, err := w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Grace: 48 * time.Hour})
	require.NoError(t, err)
	w.days(1)
	w.phase(id, provisioning.PhaseSuspended)
	_, err = w.Undo(t.Context(), id)
	require.NoError(t, err)
	w.days(40)
	w.phase(id, provisioning.PhaseActive)
	_, err = w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	_, err = w.Undo(t.Context(), id)
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.Equal(t, "removal_begun", tierhost.CodeOf(err))
	w.work()
	w.phase(id, provisioning.PhaseRemoved)
}
