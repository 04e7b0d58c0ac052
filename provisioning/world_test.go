package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

// shop is a store with a manager on it, and a clock.
type shop struct {
	*provisioning.Manager
	t     *testing.T
	store *memory.Store
	clock *tierhost.TestClock
}

func open(t *testing.T, o provisioning.Options) *shop {
	t.Helper()
	s := &shop{t: t, store: memory.New(), clock: tierhost.NewTestClock(noon)}
	if o.Clock == nil {
		o.Clock = s.clock
	}
	if o.IDs == nil {
		o.IDs = tierhost.NewSequenceIDs()
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	m, err := provisioning.New(s.store, o)
	require.NoError(t, err)
	s.Manager = m
	return s
}

// web makes a group "web" and machines m1, m2, … with a server s1, s2, … each that has
// the given capacity of services.
func (s *shop) web(n int, services int64) {
	s.t.Helper()
	s.group("web", "web")
	for i := 1; i <= n; i++ {
		machine := provisioning.MachineID(fmt.Sprint("m", i))
		s.machine(provisioning.Machine{ID: machine, Groups: []provisioning.GroupID{"web"}})
		s.server(provisioning.Server{
			ID: provisioning.ServerID(fmt.Sprint("s", i)), Machine: machine, Group: "web",
			Capacity: map[string]int64{provisioning.DimensionServices: services},
		})
	}
}

func (s *shop) group(id provisioning.GroupID, kind provisioning.Kind) {
	s.t.Helper()
	_, err := s.PutGroup(s.t.Context(), provisioning.Group{ID: id, Kind: kind})
	require.NoError(s.t, err)
}

func (s *shop) machine(m provisioning.Machine) provisioning.Machine {
	s.t.Helper()
	m, err := s.PutMachine(s.t.Context(), m)
	require.NoError(s.t, err)
	return m
}

func (s *shop) server(x provisioning.Server) provisioning.Server {
	s.t.Helper()
	x, err := s.PutServer(s.t.Context(), x)
	require.NoError(s.t, err)
	return x
}

func one(group provisioning.GroupID) provisioning.ReserveRequest {
	return provisioning.ReserveRequest{Demands: []provisioning.Demand{{Group: group}}}
}

// reserve reserves, which must succeed.
func (s *shop) reserve(q provisioning.ReserveRequest) []provisioning.Reservation {
	s.t.Helper()
	got, err := s.Reserve(s.t.Context(), q)
	require.NoError(s.t, err)
	return got.Reservations
}

// sound fails unless the loads are what the reservations take.
func (s *shop) sound() {
	s.t.Helper()
	faults, err := s.VerifyRoom(s.t.Context())
	require.NoError(s.t, err)
	require.Empty(s.t, faults)
}

// used is how much of a dimension a server holds.
func (s *shop) used(id provisioning.ServerID, dimension string) int64 {
	s.t.Helper()
	loads, err := s.ServerLoads(s.t.Context(), id)
	require.NoError(s.t, err)
	for _, l := range loads {
		if l.Dimension == dimension {
			return l.Used
		}
	}
	return 0
}

// within runs fn in a transaction of the host's.
func (s *shop) within(fn func(ctx context.Context, m *provisioning.Manager) error) error {
	return s.store.Update(s.t.Context(), func(ctx context.Context, tx storage.Tx) error { return fn(ctx, s.In(tx)) })
}

// events are those that were not taken yet, by type.
func (s *shop) events() (all []storage.Event) {
	s.t.Helper()
	_, err := storage.Drain(s.t.Context(), s.store, func(_ context.Context, e storage.Event) error {
		all = append(all, e)
		return nil
	}, storage.DrainOptions{Clock: s.clock})
	require.NoError(s.t, err)
	return all
}

// issues are the paths and codes of an Invalid.
func issues(t *testing.T, err error) (all []string) {
	t.Helper()
	inv, ok := errors.AsType[*tierhost.Invalid](err)
	require.True(t, ok, "%v", err)
	for _, i := range inv.Issues {
		all = append(all, i.Path+": "+i.Code)
	}
	return all
}

// tamper changes loads past the manager.
func (s *shop) tamper(all ...provisioning.LoadChange) {
	s.t.Helper()
	require.NoError(s.t, s.store.Update(s.t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.store.Provisioning(tx)
		if err != nil {
			return err
		}
		_, err = rows.ChangeLoads(ctx, provisioning.LoadBatch{Changes: all, At: noon})
		return err
	}))
}
