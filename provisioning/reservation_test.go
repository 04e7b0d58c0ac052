package provisioning_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
)

// Which way a reservation can go from which state. Commit, release and expiry exclude
// each other; each may be repeated by whoever has done it.
func TestReservationEndsOnce(t *testing.T) {
	t.Parallel()
	type step func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error)
	first := func(rs []provisioning.Reservation, err error) (provisioning.Reservation, error) {
		if err != nil {
			return provisioning.Reservation{}, err
		}
		return rs[0], nil
	}
	steps := map[string]step{
		"commit": func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error) {
			return first(s.Commit(s.t.Context(), ref))
		},
		"release": func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error) {
			return first(s.Release(s.t.Context(), ref))
		},
		"free": func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error) {
			return first(s.Free(s.t.Context(), ref))
		},
		"extend": func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error) {
			return s.Extend(s.t.Context(), ref, noon.Add(time.Hour))
		},
		"readmit": func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error) {
			return s.Readmit(s.t.Context(), ref)
		},
		"resize": func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error) {
			return s.Resize(s.t.Context(), ref, map[string]int64{"disk": 3})
		},
		"expire": func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error) {
			s.clock.Advance(15 * time.Minute)
			if _, err := s.ExpireReservations(s.t.Context()); err != nil {
				return provisioning.Reservation{}, err
			}
			return s.Reservation(s.t.Context(), ref.ID)
		},
		"wait": func(s *shop, ref provisioning.ReservationRef) (provisioning.Reservation, error) {
			s.clock.Advance(15 * time.Minute)
			return s.Reservation(s.t.Context(), ref.ID)
		},
	}
	const fenced = "fenced"
	for _, c := range []struct {
		does []string
		// state is the one at the end; "fenced" if the last step is refused, whether with
		// the newest token or with the one before.
		state provisioning.ReservationState
	}{
		{[]string{"commit"}, provisioning.ReservationCommitted},
		{[]string{"release"}, provisioning.ReservationReleased},
		{[]string{"expire"}, provisioning.ReservationExpired},
		{[]string{"extend", "commit"}, provisioning.ReservationCommitted},
		{[]string{"extend", "expire"}, provisioning.ReservationHeld}, // it is held longer
		{[]string{"commit", "free"}, provisioning.ReservationFreed},
		{[]string{"commit", "expire"}, provisioning.ReservationCommitted},
		{[]string{"commit", "release"}, fenced},
		{[]string{"commit", "extend"}, fenced},
		{[]string{"commit", "free", "free"}, fenced}, // with the token after it
		{[]string{"commit", "free", "commit"}, fenced},
		{[]string{"commit", "free", "resize"}, fenced},
		{[]string{"release", "commit"}, fenced},
		{[]string{"release", "extend"}, fenced},
		{[]string{"release", "free"}, fenced},
		{[]string{"release", "readmit"}, fenced},
		{[]string{"release", "resize"}, fenced},
		{[]string{"free"}, fenced},
		{[]string{"expire", "commit"}, fenced},
		{[]string{"expire", "release"}, fenced},
		{[]string{"expire", "extend"}, fenced},
		{[]string{"wait", "commit"}, fenced},
		{[]string{"wait", "extend"}, fenced},
		{[]string{"wait", "resize"}, fenced},
		{[]string{"wait", "release"}, provisioning.ReservationReleased},
		{[]string{"wait", "readmit"}, provisioning.ReservationCommitted},
		{[]string{"resize", "commit", "resize"}, provisioning.ReservationCommitted},
	} {
		s := open(t, provisioning.Options{})
		s.web(1, 1)
		r := s.reserve(one("web"))[0]
		var err error
		for i, does := range c.does {
			before := r
			r, err = steps[does](s, before.Ref())
			if c.state == fenced && i == len(c.does)-1 {
				require.ErrorIs(t, err, provisioning.ErrFenced, "%v", c.does)
				r, err = s.Reservation(t.Context(), before.ID)
				require.NoError(t, err)
				require.Equal(t, before, r, "%v: nothing has changed", c.does)
				break
			}
			require.NoError(t, err, "%v", c.does)
			if does != "wait" && r.Token > before.Token {
				for other := range steps {
					if other == does || other == "expire" || other == "wait" || other == "readmit" || does == "readmit" && other == "commit" {
						continue
					}
					_, err := steps[other](s, before.Ref())
					require.ErrorIs(t, err, provisioning.ErrFenced, "%v, then %s with the token before", c.does[:i+1], other)
				}
			}
			if does == "commit" || does == "release" || does == "free" {
				again, err := steps[does](s, before.Ref())
				require.NoError(t, err, "%v, repeated", c.does[:i+1])
				require.Equal(t, r, again)
			}
		}
		if c.state != fenced {
			require.Equal(t, c.state, r.State, "%v", c.does)
		}
		want := int64(0)
		if r.State.Occupies() {
			want = 1
		}
		require.Equal(t, want, s.used("s1", provisioning.DimensionServices), "%v", c.does)
		s.sound()
	}
}

func TestReservationsTogether(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 3)
	ctx := t.Context()
	a, b, c := s.reserve(one("web"))[0], s.reserve(one("web"))[0], s.reserve(one("web"))[0]
	_, err := s.Release(ctx, c.Ref())
	require.NoError(t, err)
	_, err = s.Commit(ctx, a.Ref(), c.Ref(), b.Ref())
	require.ErrorIs(t, err, provisioning.ErrFenced)
	_, err = s.Commit(ctx, a.Ref(), provisioning.ReservationRef{ID: "none", Token: 1})
	require.ErrorIs(t, err, provisioning.ErrNoReservation)
	got, err := s.Reservation(ctx, a.ID)
	require.NoError(t, err)
	require.Equal(t, provisioning.ReservationHeld, got.State, "all or none")
	done, err := s.Commit(ctx, b.Ref(), a.Ref())
	require.NoError(t, err)
	require.Equal(t, [2]provisioning.ReservationID{b.ID, a.ID}, [2]provisioning.ReservationID{done[0].ID, done[1].ID}, "in the order given")
	none, err := s.Commit(ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	n := 0
	for r, err := range s.Reservations(ctx, provisioning.ReservationQuery{Server: "s1", State: provisioning.ReservationCommitted}) {
		require.NoError(t, err)
		require.Contains(t, []provisioning.ReservationID{a.ID, b.ID}, r.ID)
		n++
	}
	require.Equal(t, 2, n)
	s.sound()
}

// Room that was committed at once is not held and does not expire.
func TestReserveCommitted(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	q := one("web")
	q.Commit = true
	r := s.reserve(q)[0]
	require.Equal(t, provisioning.ReservationCommitted, r.State)
	s.clock.Advance(24 * time.Hour)
	n, err := s.ExpireReservations(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = s.Free(t.Context(), r.Ref())
	require.NoError(t, err)
	s.sound()
}

// A driver call that succeeded after the time was over: readmitted while there is room,
// else to be compensated.
func TestReadmit(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	ctx := t.Context()
	late := s.reserve(one("web"))[0]
	s.events()
	s.clock.Advance(15 * time.Minute)
	n, err := s.ExpireReservations(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	events := s.events()
	require.Len(t, events, 1)
	d, err := provisioning.DecodeEvent(events[0])
	require.NoError(t, err)
	require.Equal(t, provisioning.RoomExpired{
		Reservation: late.ID, Server: "s1", Amounts: map[string]int64{provisioning.DimensionServices: 1},
	}, d)
	other := s.reserve(one("web"))[0]
	_, err = s.Readmit(ctx, late.Ref())
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	_, err = s.Release(ctx, other.Ref())
	require.NoError(t, err)
	_, err = s.SetServerStatus(ctx, "s1", provisioning.StatusDraining)
	require.NoError(t, err)
	back, err := s.Readmit(ctx, late.Ref())
	require.NoError(t, err, "a server that takes nothing new keeps what it has")
	require.Equal(t, provisioning.ReservationCommitted, back.State)
	again, err := s.Readmit(ctx, late.Ref())
	require.NoError(t, err)
	require.Equal(t, back, again)
	s.sound()
	_, err = s.Free(ctx, back.Ref())
	require.NoError(t, err)
}

func TestResize(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.group("web", "web")
	s.machine(provisioning.Machine{ID: "m", Groups: []provisioning.GroupID{"web"}, Capacity: map[string]int64{"disk": 15}})
	s.server(provisioning.Server{ID: "s", Machine: "m", Group: "web", Capacity: map[string]int64{"disk": 10, "ram": 4}})
	ctx := t.Context()
	r := s.reserve(one("web"))[0]
	for _, c := range []struct {
		amounts map[string]int64
		fits    bool
	}{
		{map[string]int64{"disk": 10}, true},
		{map[string]int64{"disk": 11}, false},
		{map[string]int64{"disk": 10, "ram": 5}, false},
		{map[string]int64{"disk": 3, "ram": 4}, true},
		{map[string]int64{"cpu": 1 << 40}, true},
	} {
		next, err := s.Resize(ctx, r.Ref(), c.amounts)
		if !c.fits {
			require.ErrorIs(t, err, provisioning.ErrNoCapacity, "%v", c.amounts)
			s.sound()
			continue
		}
		require.NoError(t, err, "%v", c.amounts)
		require.Equal(t, int64(1), next.Amounts[provisioning.DimensionServices])
		r = next
		require.Equal(t, c.amounts["disk"], s.used("s", "disk"))
		s.sound()
	}
	_, err := s.Resize(ctx, r.Ref(), map[string]int64{"disk": -1})
	require.Equal(t, []string{"amounts.disk: negative"}, issues(t, err))
	x, err := s.Server(ctx, "s")
	require.NoError(t, err)
	x.Capacity = map[string]int64{"cpu": 1}
	_, err = s.PutServer(ctx, x)
	require.ErrorIs(t, err, provisioning.ErrInUse, "what is not limited is counted")
}

// Commit, release and expiry at once: exactly one.
func TestEndsAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := open(t, provisioning.Options{})
		s.web(1, 1)
		r := s.reserve(one("web"))[0]
		s.clock.Advance(15*time.Minute - time.Microsecond)
		var wg sync.WaitGroup
		var failed [3]error
		wg.Go(func() { _, failed[0] = s.Commit(t.Context(), r.Ref()) })
		wg.Go(func() { _, failed[1] = s.Release(t.Context(), r.Ref()) })
		wg.Go(func() {
			s.clock.Advance(time.Microsecond)
			if n, err := s.ExpireReservations(t.Context()); err != nil || n == 0 {
				failed[2] = errors.Join(provisioning.ErrFenced, err)
			}
		})
		wg.Wait()
		won := 0
		for _, err := range failed {
			if err == nil {
				won++
			} else {
				require.ErrorIs(t, err, provisioning.ErrFenced)
			}
		}
		require.Equal(t, 1, won, "%v", failed)
		s.sound()
	}
}

func TestPurgeReservations(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	ctx := t.Context()
	q := one("web")
	q.Key = "k"
	r := s.reserve(q)[0]
	_, err := s.Release(ctx, r.Ref())
	require.NoError(t, err)
	n, err := s.PurgeReservations(ctx, noon)
	require.NoError(t, err)
	require.Zero(t, n, "it ended at noon")
	n, err = s.PurgeReservations(ctx, noon.Add(time.Second))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	_, err = s.Commit(ctx, r.Ref())
	require.ErrorIs(t, err, provisioning.ErrNoReservation)
	require.NotEqual(t, r.ID, s.reserve(q)[0].ID, "the key is free")
}

// What is wrong in the store is found.
func TestVerifyRoom(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 5)
	s.reserve(one("web"))
	s.sound()
	key := provisioning.LoadKey{Server: "s1", Dimension: provisioning.DimensionServices}
	s.tamper(provisioning.LoadChange{LoadKey: key, By: 2})
	faults, err := s.VerifyRoom(t.Context())
	require.NoError(t, err)
	require.Len(t, faults, 1)
	require.Equal(t, key, faults[0].LoadKey)
	require.Equal(t, [2]int64{3, 1}, [2]int64{faults[0].Used, faults[0].Reserved})
}
