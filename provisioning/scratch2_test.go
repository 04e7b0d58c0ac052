package provisioning_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestScratchUndoAfterWeeks(t *testing.T) {
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

// cutOff is a store that one process no longer reaches.
type cutOff struct {
	*memory.Store
	off *atomic.Bool
}

func (s cutOff) Update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	if s.off.Load() {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errors.New("no route to the database"))
	}
	return s.Store.Update(ctx, fn)
}

type slowCopy struct {
	*fake.Driver
	running, most atomic.Int32
	begun         func()
}

func (d *slowCopy) Copy(ctx context.Context, _ provisioning.Place, _ provisioning.Call) error {
	d.most.Store(max(d.most.Load(), d.running.Add(1)))
	defer d.running.Add(-1)
	d.begun()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Second):
		return nil
	}
}

func TestScratchLeaseLostWithTheStore(t *testing.T) {
	store, off := memory.New(), &atomic.Bool{}
	d := &slowCopy{Driver: fake.New(fake.Options{})}
	o := provisioning.Options{Drivers: map[string]provisioning.Driver{"": d}}
	o.Work.Lease, o.Work.Timeout, o.Work.CopyTimeout = 150*time.Millisecond, 100*time.Millisecond, time.Minute
	cut, err := provisioning.New(cutOff{store, off}, o)
	require.NoError(t, err)
	other, err := provisioning.New(store, o)
	require.NoError(t, err)
	s := &shop{t: t, store: store, Manager: other}
	s.web(2, 10)
	got, err := other.Order(t.Context(), order("shop"))
	require.NoError(t, err)
	for range 2 {
		_, err = other.Step(t.Context())
		require.NoError(t, err)
	}
	_, err = other.Move(t.Context(), provisioning.MoveRequest{Service: got.Services[0].ID})
	require.NoError(t, err)
	begun := make(chan struct{}, 9)
	d.begun = func() { begun <- struct{}{} }
	go func() {
		for range 5 {
			_, _ = cut.Step(t.Context())
		}
	}()
	<-begun
	off.Store(true)
	time.Sleep(300 * time.Millisecond)
	_, _ = other.Step(t.Context())
	require.EqualValues(t, 1, d.most.Load(), "calls for one service never run at the same time")
}
