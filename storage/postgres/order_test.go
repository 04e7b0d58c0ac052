package postgres_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

type nul struct {
	provisioning.Driver
	bad provisioning.ServerID
}

func (n nul) Usage(_ context.Context, on provisioning.Place, _ provisioning.Kind, _ time.Time) iter.Seq2[provisioning.Sample, error] {
	return func(yield func(provisioning.Sample, error) bool) {
		if on.Server == n.bad {
			yield(provisioning.Sample{Name: "x\x00y", Kind: "web", Meter: "m", Metric: provisioning.Gauge, Value: decimal.NewFromInt(1), At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}, nil)
			return
		}
		yield(provisioning.Sample{Name: "shop", Kind: "web", Meter: "m", Metric: provisioning.Gauge, Value: decimal.NewFromInt(1), At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}, nil)
	}
}

func (n nul) List(_ context.Context, on provisioning.Place, _ provisioning.Kind) iter.Seq2[provisioning.Observation, error] {
	return func(yield func(provisioning.Observation, error) bool) {
		if on.Server == n.bad {
			yield(provisioning.Observation{Presence: provisioning.Present, Name: "x", Owner: "o\xffwner"}, nil)
		}
	}
}

type noSink struct{}

func (noSink) RecordUsage(context.Context, storage.Tx, []provisioning.UsageRecord) error { return nil }

func twoServers(t *testing.T, d provisioning.Driver) *provisioning.Manager {
	dsn, schema := postgrestest.Schema(t)
	s := reopen(t, dsn, postgres.Options{Schema: schema})
	m, err := provisioning.New(s, provisioning.Options{Drivers: map[string]provisioning.Driver{"": d}})
	require.NoError(t, err)
	twoServersOf(t, m)
	return m
}

// twoServersOf gives a manager the servers s1 and s2 for web, on a machine each.
func twoServersOf(t *testing.T, m *provisioning.Manager) {
	t.Helper()
	ctx := t.Context()
	_, err := m.PutGroup(ctx, provisioning.Group{ID: "web", Kind: "web"})
	require.NoError(t, err)
	for i := 1; i <= 2; i++ {
		mid := provisioning.MachineID(fmt.Sprint("m", i))
		_, err = m.PutMachine(ctx, provisioning.Machine{ID: mid, Groups: []provisioning.GroupID{"web"}})
		require.NoError(t, err)
		_, err = m.PutServer(ctx, provisioning.Server{ID: provisioning.ServerID(fmt.Sprint("s", i)), Machine: mid, Group: "web"})
		require.NoError(t, err)
	}
}

func TestBadSamplesStopNothing(t *testing.T) {
	t.Parallel()
	m := twoServers(t, nul{fake.New(fake.Options{}), "s1"})
	got, err := m.CollectUsage(t.Context(), provisioning.UsageRequest{Sink: noSink{}})
	t.Logf("%+v", got)
	require.NoError(t, err)
}

func TestBadOwnersStopNothing(t *testing.T) {
	t.Parallel()
	m := twoServers(t, nul{fake.New(fake.Options{}), "s1"})
	got, err := m.Reconcile(t.Context(), provisioning.ReconcileRequest{})
	t.Logf("%+v", got)
	require.NoError(t, err)
}

func TestOrdersWithOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	m := twoServers(t, fake.New(fake.Options{}))
	for round := range 20 {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = m.Order(t.Context(), provisioning.Order{Key: fmt.Sprint("k", round), Seller: "host", Account: "a",
					Services: []provisioning.OrderedService{{Kind: "web", Name: fmt.Sprint("n", round)}}})
			})
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err, "%v", tierhost.KindOf(err))
		}
	}
}
