package provisioning_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
)

// A machine is set aside only when nothing is on it and it has a server of each group.
func TestEligibleMachines(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 5)
	ctx := t.Context()
	offer := func(id provisioning.MachineID, why string) {
		t.Helper()
		m, err := s.Machine(ctx, id)
		require.NoError(t, err)
		_, err = s.Offer(ctx, id, m.Version)
		require.ErrorIs(t, err, provisioning.ErrNotEligible)
		require.ErrorContains(t, err, why)
		after, err := s.Machine(ctx, id)
		require.NoError(t, err)
		require.Equal(t, m, after, "nothing has changed")
	}
	r := s.reserve(one("web"))[0]
	offer("m1", "it holds 1")
	_, err := s.Release(ctx, r.Ref())
	require.NoError(t, err)
	s.machine(provisioning.Machine{ID: "bare"})
	offer("bare", "carries no group")
	s.group("mail", "mail")
	s.machine(provisioning.Machine{ID: "half", Groups: []provisioning.GroupID{"mail", "web"}})
	s.server(provisioning.Server{ID: "half-web", Machine: "half", Group: "web"})
	offer("half", `carries group "mail", but has no server of it`)
	_, err = s.SetMachineStatus(ctx, "m1", provisioning.StatusDown)
	require.NoError(t, err)
	offer("m1", "it is down")
	_, err = s.SetMachineStatus(ctx, "m1", provisioning.StatusActive)
	require.NoError(t, err)
	_, err = s.Offer(ctx, "m1", 1)
	require.ErrorIs(t, err, provisioning.ErrStale)
	_, err = s.Offer(ctx, "none", 1)
	require.ErrorIs(t, err, provisioning.ErrNoMachine)
	m, err := s.Offer(ctx, "m1", 3)
	require.NoError(t, err)
	require.Equal(t, provisioning.Available, m.Allocation)
	offer("m1", "it is available")
}

// Unassigned, available, taken, and back.
func TestMachinesOfResellers(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(2, 5)
	ctx := t.Context()
	_, err := s.Take(ctx, provisioning.TakeRequest{Seller: "r"})
	require.ErrorIs(t, err, provisioning.ErrNoMachine, "none is offered")
	_, err = s.Offer(ctx, "m1", 1)
	require.NoError(t, err)
	for range 10 { // nobody's services are placed on a machine that waits for a reseller
		require.Equal(t, provisioning.MachineID("m2"), s.tryout("host"))
		require.Equal(t, provisioning.MachineID("m2"), s.tryout("r"))
	}
	_, err = s.Take(ctx, provisioning.TakeRequest{Seller: "r", Tags: []string{"ssd"}})
	require.ErrorIs(t, err, provisioning.ErrNoMachine)
	_, err = s.Take(ctx, provisioning.TakeRequest{Key: "enrol/r"})
	require.Equal(t, []string{"seller: required"}, issues(t, err))
	m, err := s.Take(ctx, provisioning.TakeRequest{Key: "enrol/r", Seller: "r", Groups: []provisioning.GroupID{"web"}})
	require.NoError(t, err)
	require.Equal(t, provisioning.MachineID("m1"), m.ID)
	again, err := s.Take(ctx, provisioning.TakeRequest{Key: "enrol/r", Seller: "r"})
	require.NoError(t, err)
	require.Equal(t, m, again, "the same key, the same machine")
	for range 10 {
		require.Equal(t, provisioning.MachineID("m1"), s.tryout("r"), "its customers are on its machine only")
		require.Equal(t, provisioning.MachineID("m2"), s.tryout("host"), "and nobody else's")
	}
	// Also when it is full.
	q := one("web")
	q.Seller = "r"
	for range 5 {
		s.reserve(q)
	}
	_, err = s.Reserve(ctx, q)
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	_, err = s.GiveBack(ctx, "m1", m.Version)
	require.ErrorIs(t, err, provisioning.ErrNotEligible, "something is on it")
	require.ErrorIs(t, s.RemoveMachine(ctx, "m1", m.Version), provisioning.ErrInUse)
	_, err = s.Withdraw(ctx, "m1", m.Version)
	require.ErrorIs(t, err, provisioning.ErrNotEligible, "it is taken")
	for r, err := range s.Reservations(ctx, provisioning.ReservationQuery{Server: "s1", State: provisioning.ReservationHeld}) {
		require.NoError(t, err)
		_, err = s.Release(ctx, r.Ref())
		require.NoError(t, err)
	}
	m, err = s.GiveBack(ctx, "m1", m.Version)
	require.NoError(t, err)
	require.Equal(t, provisioning.Available, m.Allocation)
	require.Empty(t, m.Seller+m.TakeKey)
	m, err = s.Withdraw(ctx, "m1", m.Version)
	require.NoError(t, err)
	require.Equal(t, provisioning.Unassigned, m.Allocation)
	// Nobody sets an allocation by a change of the machine.
	m.Allocation, m.Seller = provisioning.Taken, "thief"
	m = s.machine(m)
	require.Equal(t, provisioning.Unassigned, m.Allocation)
	require.Empty(t, m.Seller)
}

// tryout reserves for a seller, gives it back, and returns where it was.
func (s *shop) tryout(seller string) provisioning.MachineID {
	s.t.Helper()
	q := one("web")
	q.Seller = seller
	r := s.reserve(q)[0]
	_, err := s.Release(s.t.Context(), r.Ref())
	require.NoError(s.t, err)
	return r.Machine
}

// Resellers who enrol at the same time get a machine each; when none is left they are
// told so.
func TestTakeAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(4, 5)
	ctx := t.Context()
	for i := range 3 {
		_, err := s.Offer(ctx, provisioning.MachineID(fmt.Sprint("m", i+1)), 1)
		require.NoError(t, err)
	}
	var wg sync.WaitGroup
	got := make([]provisioning.Machine, 8)
	failed := make([]error, len(got))
	for i := range got {
		wg.Go(func() { got[i], failed[i] = s.Take(ctx, provisioning.TakeRequest{Seller: fmt.Sprint("r", i)}) })
	}
	wg.Wait()
	by := map[provisioning.MachineID]string{}
	for i, m := range got {
		if errors.Is(failed[i], provisioning.ErrNoMachine) {
			continue
		}
		require.NoError(t, failed[i])
		require.Empty(t, by[m.ID])
		by[m.ID] = m.Seller
		require.Equal(t, fmt.Sprint("r", i), m.Seller)
	}
	require.Len(t, by, 3)
}

// A machine that is offered while somebody reserves on it: one of the two is refused.
func TestOfferAndReserveAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := open(t, provisioning.Options{})
		s.web(1, 5)
		var wg sync.WaitGroup
		var failed [2]error
		wg.Go(func() { _, failed[0] = s.Offer(t.Context(), "m1", 1) })
		wg.Go(func() { _, failed[1] = s.Reserve(t.Context(), one("web")) })
		wg.Wait()
		if failed[0] == nil {
			require.ErrorIs(t, failed[1], provisioning.ErrNoCapacity)
		} else {
			require.ErrorIs(t, failed[0], provisioning.ErrNotEligible)
			require.NoError(t, failed[1])
		}
		s.sound()
	}
}
