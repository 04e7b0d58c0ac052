package provisioning_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/fake"
)

// disks is a shop of which each server has ten of disk, and a web account that takes four.
func disks(t *testing.T, servers int) (*works, provisioning.ServiceID) {
	t.Helper()
	w := hire(t, servers, 10)
	for i := 1; i <= servers; i++ {
		s, err := w.Server(t.Context(), provisioning.ServerID(fmt.Sprint("s", i)))
		require.NoError(t, err)
		s.Capacity["disk"] = 10
		w.server(s)
	}
	return w, w.sized("shop", 4)
}

// sized orders a web account that takes so much of disk, and has it made.
func (w *works) sized(name string, disk int64) provisioning.ServiceID {
	w.t.Helper()
	o := order(name)
	o.Services[0].Demand.Amounts = map[string]int64{"disk": disk}
	got, err := w.Order(w.t.Context(), o)
	require.NoError(w.t, err)
	w.work()
	w.phase(got.Services[0].ID, provisioning.PhaseActive)
	return got.Services[0].ID
}

func (w *works) resize(id provisioning.ServiceID, plan string, disk int64) (provisioning.Service, error) {
	w.t.Helper()
	r := provisioning.ChangeRequest{Service: id, Amounts: map[string]int64{"disk": disk}}
	if plan != "" {
		r.Spec = fmt.Appendf(nil, `{"plan":%q}`, plan)
	}
	return w.Change(w.t.Context(), r)
}

// A larger plan takes its room with the change, before anything is called; a smaller one
// gives room back when a read has shown that the thing has become smaller.
func TestChangeOfRoom(t *testing.T) {
	t.Parallel()
	w, id := disks(t, 1)
	seen := len(w.driver.Calls())
	_, err := w.resize(id, "iron", 7)
	require.NoError(t, err)
	require.EqualValues(t, 7, w.used("s1", "disk"))
	w.work()
	require.False(t, w.phase(id, provisioning.PhaseActive).Oversized)
	require.Equal(t, "read ensure read", w.verbs(&seen))

	s, err := w.resize(id, "tin", 2)
	require.NoError(t, err)
	require.True(t, s.Oversized)
	for w.get(id).Phase != provisioning.PhaseActive {
		require.EqualValues(t, 7, w.used("s1", "disk"), "the thing may still be large")
		w.step(w.Manager, true)
	}
	require.EqualValues(t, 2, w.used("s1", "disk"))
	require.EqualValues(t, 1, w.used("s1", provisioning.DimensionServices))
	s = w.get(id)
	r, err := w.Reservation(t.Context(), s.Reservation.ID)
	require.NoError(t, err)
	require.Equal(t, r.Ref(), s.Reservation)
	require.False(t, s.Oversized)
	w.sound()

	seen = len(w.driver.Calls())
	_, err = w.resize(id, "", 1)
	require.NoError(t, err)
	require.EqualValues(t, 1, w.used("s1", "disk"), "it was seen to be as wanted")
	version := w.get(id).Reservation
	_, err = w.resize(id, "", 1)
	require.NoError(t, err)
	require.Equal(t, version, w.get(id).Reservation, "the same changes nothing")
	w.work()
	require.Empty(t, w.verbs(&seen))

	_, err = w.Remove(t.Context(), provisioning.RemoveRequest{Service: id, Reason: "cancelled", Now: true})
	require.NoError(t, err)
	w.work()
	require.Zero(t, w.used("s1", "disk"))
	w.sound()
}

// What there is no room for is refused, and nothing is changed by it.
func TestChangeWithoutRoom(t *testing.T) {
	t.Parallel()
	w, id := disks(t, 1)
	w.sized("blog", 5)
	before := w.get(id)
	_, err := w.resize(id, "iron", 6)
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	require.Equal(t, before, w.get(id))
	_, err = w.resize(id, "iron", -1)
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	require.Contains(t, issues(t, err)[0], "amounts")
	_, err = w.resize(id, "iron", 5)
	require.NoError(t, err)
	w.work()
	require.EqualValues(t, 10, w.used("s1", "disk"))
	w.sound()
}

// A plan that the driver refuses keeps the larger of both rooms until somebody decides.
func TestChangeThatFails(t *testing.T) {
	t.Parallel()
	w, id := disks(t, 1)
	w.driver.Next(provisioning.VerbEnsure, fake.Fault{Before: fake.ErrRefused})
	_, err := w.resize(id, "iron", 9)
	require.NoError(t, err)
	w.work()
	w.phase(id, provisioning.PhaseParked)
	require.EqualValues(t, 9, w.used("s1", "disk"))
	_, err = w.resize(id, "gold", 3)
	require.NoError(t, err)
	require.EqualValues(t, 9, w.used("s1", "disk"), "nobody knows what there is")
	w.work()
	w.phase(id, provisioning.PhaseActive)
	require.EqualValues(t, 3, w.used("s1", "disk"))
	w.sound()
}

// While a service moves it has its new room on both servers, and keeps the larger of both
// on the one that it leaves.
func TestChangeWhileMoving(t *testing.T) {
	t.Parallel()
	for _, cancelled := range []bool{false, true} {
		w, id := disks(t, 2)
		old, other := w.get(id).Server, provisioning.ServerID("s1")
		if old == "s1" {
			other = "s2"
		}
		w.move(id)
		w.step(w.Manager, true)
		_, err := w.resize(id, "tin", 3)
		require.NoError(t, err)
		require.EqualValues(t, 4, w.used(old, "disk"))
		require.EqualValues(t, 4, w.used(other, "disk"), "it may have been made there with the old plan")
		_, err = w.resize(id, "iron", 8)
		require.NoError(t, err)
		require.EqualValues(t, 8, w.used(old, "disk"))
		require.EqualValues(t, 8, w.used(other, "disk"))
		_, err = w.resize(id, "tin", 2)
		require.NoError(t, err)
		if cancelled {
			_, err = w.CancelMove(t.Context(), id)
			require.NoError(t, err)
			old, other = other, old
		}
		w.days(1)
		require.Equal(t, other, w.phase(id, provisioning.PhaseActive).Server)
		require.Zero(t, w.used(old, "disk"))
		require.EqualValues(t, 2, w.used(other, "disk"))
		w.sound()
	}
}

// A service that waits for room gets it when it wants less; one that came with its own
// room moves with as much.
func TestChangeBeforeThereIsRoom(t *testing.T) {
	t.Parallel()
	w, _ := disks(t, 3)
	o := order("large")
	o.Wait = true
	o.Services[0].Demand.Amounts = map[string]int64{"disk": 11}
	got, err := w.Order(t.Context(), o)
	require.NoError(t, err)
	w.work()
	id := w.phase(got.Services[0].ID, provisioning.PhasePending).ID
	_, err = w.resize(id, "", 6)
	require.NoError(t, err)
	w.work()
	w.phase(id, provisioning.PhaseActive)

	q := one("web")
	q.Seller = "host"
	q.Demands[0].Amounts = map[string]int64{"disk": 3}
	o = order("reserved")
	o.Services[0].Reservation = w.reserve(q)[0].Ref()
	got, err = w.Order(t.Context(), o)
	require.NoError(t, err)
	w.work()
	id = got.Services[0].ID
	w.move(id)
	require.EqualValues(t, 3, w.reservation(w.get(id).Move.Reservation.ID).Amounts["disk"])
}

func (w *works) reservation(id provisioning.ReservationID) provisioning.Reservation {
	w.t.Helper()
	r, err := w.Reservation(w.t.Context(), id)
	require.NoError(w.t, err)
	return r
}

// Of several that want the last of the room at the same time, one gets it.
func TestChangesForTheLastRoom(t *testing.T) {
	t.Parallel()
	w := hire(t, 1, 20)
	s, err := w.Server(t.Context(), "s1")
	require.NoError(t, err)
	s.Capacity["disk"] = 9
	w.server(s)
	var ids []provisioning.ServiceID
	for i := range 8 {
		ids = append(ids, w.sized(fmt.Sprint("shop", i), 1))
	}
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			m := w.another()
			_, errs[i] = m.Change(t.Context(), provisioning.ChangeRequest{
				Service: id, Spec: []byte(`{"plan":"iron"}`), Amounts: map[string]int64{"disk": 2},
			})
		})
	}
	all.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			require.ErrorIs(t, err, provisioning.ErrNoCapacity)
		}
	}
	require.Equal(t, 1, won)
	require.EqualValues(t, 9, w.used("s1", "disk"))
	w.sound()
}
