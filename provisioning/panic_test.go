package provisioning_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
)

// defective panics where it is told to, on one server.
type defective struct {
	*fake.Driver
	at string
	on provisioning.ServerID
}

func (d *defective) meet(at string, on provisioning.ServerID) {
	if d.at == at && d.on == on {
		panic("a defect in " + at)
	}
}

func (d *defective) CheckSpec(kind provisioning.Kind, name string, spec json.RawMessage) error {
	if d.at == "check_spec" {
		panic("a defect in check_spec")
	}
	return d.Driver.CheckSpec(kind, name, spec)
}

func (d *defective) Read(ctx context.Context, c provisioning.Call) (provisioning.Observation, error) {
	d.meet("read", c.Server.Server)
	return d.Driver.Read(ctx, c)
}

func (d *defective) List(ctx context.Context, on provisioning.Place, kind provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	d.meet("list", on.Server)
	return func(yield func(provisioning.Observation, error) bool) {
		d.meet("list before", on.Server)
		d.Driver.List(ctx, on, kind)(yield)
		d.meet("list after", on.Server)
	}
}

func (d *defective) Usage(ctx context.Context, on provisioning.Place, kind provisioning.Kind, since time.Time) iter.Seq2[provisioning.Sample, error] {
	d.meet("usage", on.Server)
	return func(yield func(provisioning.Sample, error) bool) {
		d.Driver.Usage(ctx, on, kind, since)(yield)
		d.meet("usage after", on.Server)
	}
}

// defects has a web account on each of two servers, with a driver that panics on s1.
func defects(t *testing.T) (w *works, d *defective, log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	w = hire(t, 2, 10, func(o *provisioning.Options) {
		d = &defective{o.Drivers[""].(*fake.Driver), "", "s1"}
		o.Drivers[""] = d
		o.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	for name, on := range map[string]provisioning.ServerID{"one": "s1", "two": "s2"} {
		o := order(name)
		o.Services[0].Demand.Server = on
		_, err := w.Order(t.Context(), o)
		require.NoError(t, err)
	}
	w.days(1)
	return w, d, log
}

// A sweep passes over the server whose driver panics, wherever it does, and looks at the
// others; the log has the stack.
func TestSweepsSurvivePanics(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"list", "list before", "list after", "read"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w, d, log := defects(t)
			d.at = at
			w.driver.Delete("s2", "web", "two")
			got, err := w.Reconcile(t.Context(), provisioning.ReconcileRequest{Deep: true})
			require.NoError(t, err)
			require.Contains(t, got.Skipped["s1"], "panicked")
			require.NotContains(t, got.Skipped, provisioning.ServerID("s2"))
			require.Len(t, got.Findings, 1)
			require.Contains(t, log.String(), "a defect in "+at)
			require.Contains(t, log.String(), "panic_test.go", "the stack")
			require.Zero(t, told[provisioning.BreakerChanged](w.events()), "the server is not to blame")
		})
	}
}

// What was read before the panic counts, and the other servers are read.
func TestUsageSurvivesPanics(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"usage", "usage after"} {
		w, d, log := defects(t)
		d.at = at
		s := newSink()
		got, err := w.CollectUsage(t.Context(), provisioning.UsageRequest{Sink: s})
		require.NoError(t, err)
		require.Contains(t, got.Skipped["s1"], "panicked")
		of := map[provisioning.ServerID]bool{}
		for _, r := range s.records {
			of[r.Server] = true
		}
		require.True(t, of["s2"])
		require.Equal(t, at == "usage after", of["s1"])
		require.Contains(t, log.String(), "a defect in "+at)
	}
}

// panickySink is a host's that has a defect itself.
type panickySink struct{}

func (panickySink) RecordUsage(context.Context, storage.Tx, []provisioning.UsageRecord) error {
	panic("a defect of the host")
}

// A panic of the host's is the host's to see.
func TestPanicsOfTheHostGoOn(t *testing.T) {
	t.Parallel()
	w, _, log := defects(t)
	require.PanicsWithValue(t, "a defect of the host", func() {
		_, _ = w.CollectUsage(t.Context(), provisioning.UsageRequest{Sink: panickySink{}})
	})
	require.NotContains(t, log.String(), "driver has panicked")
}

// Where a spec cannot be checked the order fails, and a service waits for a better driver.
func TestSpecChecksSurvivePanics(t *testing.T) {
	t.Parallel()
	w, d, log := defects(t)
	waiting := w.order("three").Services[0].ID
	d.at = "check_spec"
	_, err := w.Order(t.Context(), order("four"))
	require.ErrorIs(t, err, tierhost.ErrInternal)
	require.Contains(t, log.String(), "a defect in check_spec")
	w.work()
	s := w.phase(waiting, provisioning.PhaseCreating)
	require.Equal(t, provisioning.ClassTransient, s.Failure.Class)
	d.at = ""
	w.days(1)
	w.phase(waiting, provisioning.PhaseActive)
}

// A service whose record contradicts others' is set aside, so that it holds up nobody.
func TestContradictionsAreSetAside(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 10)
	id := w.made("shop")
	_, err := w.Free(t.Context(), w.get(id).Reservation) // by a host that thought the service gone
	require.NoError(t, err)
	_, err = w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	failed := 0
	for range 10 {
		if _, err := w.Step(t.Context()); err != nil {
			require.ErrorIs(t, err, provisioning.ErrFenced)
			failed++
		}
	}
	require.Equal(t, 1, failed, "it is said once")
	s := w.phase(id, provisioning.PhaseParked)
	require.Equal(t, provisioning.ParkInternal, s.Parked.Reason)
	w.made("other")
}
