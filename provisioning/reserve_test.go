package provisioning_test

import (
	"context"
	"fmt"
	"sync"
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

func TestReserveUntilFull(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(2, 3)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got, refused := 0, 0
	for range 16 {
		wg.Go(func() {
			for range 3 {
				_, err := s.Reserve(t.Context(), one("web"))
				mu.Lock()
				if err == nil {
					got++
				} else {
					refused++
					require.ErrorIs(t, err, provisioning.ErrNoCapacity)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 6, got)
	require.Equal(t, 42, refused)
}

func TestReservationEndsOnce(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	ctx := t.Context()
	r, err := s.Reserve(ctx, one("web"))
	require.NoError(t, err)
	ref := r.Reservations[0].Ref()
	_, err = s.Reserve(ctx, one("web"))
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	ended, err := s.Release(ctx, ref)
	require.NoError(t, err)
	require.Equal(t, provisioning.ReservationReleased, ended[0].State)
	_, err = s.Release(ctx, ref)
	require.NoError(t, err, "again")
	_, err = s.Commit(ctx, ref)
	require.ErrorIs(t, err, provisioning.ErrFenced)
	r, err = s.Reserve(ctx, one("web"))
	require.NoError(t, err)
	s.clock.Advance(15 * time.Minute)
	_, err = s.Commit(ctx, r.Reservations[0].Ref())
	require.ErrorIs(t, err, provisioning.ErrFenced)
	n, err := s.ExpireReservations(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = s.Readmit(ctx, r.Reservations[0].Ref())
	require.NoError(t, err)
	require.NoError(t, s.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		_, err := s.In(tx).Reserve(ctx, one("web"))
		require.ErrorIs(t, err, provisioning.ErrNoCapacity)
		return nil
	}))
}
