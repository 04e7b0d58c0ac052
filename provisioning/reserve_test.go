package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestReserveUntilFull(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(2, 3)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got, refused := 0, []error(nil)
	for range 16 {
		wg.Go(func() {
			for range 3 {
				_, err := s.Reserve(t.Context(), one("web"))
				mu.Lock()
				if err == nil {
					got++
				} else {
					refused = append(refused, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 6, got)
	require.Len(t, refused, 42)
	for _, err := range refused {
		require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	}
	s.sound()
}

// Who is refused is told why, for every server.
func TestNoCapacityExplains(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(3, 1)
	q := one("web")
	q.Seller, q.Demands[0].Server = "shop", "s1"
	s.reserve(q)
	_, err := s.SetMachineStatus(t.Context(), "m2", provisioning.StatusDraining)
	require.NoError(t, err)
	q.Demands[0].Server = ""
	q.Demands[0].Require = []string{"ssd"}
	s.events()
	_, err = s.Reserve(t.Context(), q)
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	require.Equal(t, tierhost.KindLimited, tierhost.KindOf(err))
	require.Equal(t, "no_capacity", tierhost.CodeOf(err))
	why, ok := errors.AsType[*placement.NoCandidateError](err)
	require.True(t, ok)
	require.Len(t, why.Verdicts, 3)
	events := s.events()
	require.Len(t, events, 1)
	require.Equal(t, "shop", events[0].Seller)
	got, err := provisioning.DecodeEvent(events[0])
	require.NoError(t, err)
	require.Equal(t, provisioning.NoRoom{
		Seller: "shop", Group: "web", Amounts: map[string]int64{provisioning.DimensionServices: 1},
		Why: map[placement.Code]int{placement.MachineStatus: 1, placement.TagMissing: 2},
	}, got)
}

func TestFaultsOfARequest(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	_, err := s.Reserve(t.Context(), provisioning.ReserveRequest{Hold: -1})
	require.Equal(t, []string{"hold: negative", "demands: required"}, issues(t, err))
	_, err = s.Reserve(t.Context(), provisioning.ReserveRequest{Key: "a\nb", Demands: []provisioning.Demand{
		{Group: "web"}, {Name: "a", Amounts: map[string]int64{"disk": -1}},
		{Name: "a", Kind: "web", Rules: []placement.Rule{{Relation: placement.SameMachine, Requests: []string{"a", "b"}}}},
	}})
	require.Equal(t, []string{
		"key: invalid_text", "demands[0].name: required", "demands[1].group: required", "demands[1].amounts.disk: negative",
		"demands[2].name: duplicate", "demands[2].rules[0].requests[1]: unknown_demand",
	}, issues(t, err))
}

// The web account and the mailbox of one signup go on one machine, the two name servers
// on two; all of it is reserved, or nothing.
func TestOrderAsAWhole(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	for _, kind := range []string{"web", "mail", "dns"} {
		s.group(provisioning.GroupID(kind), provisioning.Kind(kind))
	}
	for _, m := range []string{"m1", "m2"} {
		s.machine(provisioning.Machine{
			ID: provisioning.MachineID(m), Groups: []provisioning.GroupID{"web", "mail", "dns"}, Capacity: map[string]int64{"disk": 30},
		})
		for _, g := range []string{"web", "mail", "dns"} {
			s.server(provisioning.Server{ID: provisioning.ServerID(g + m), Machine: provisioning.MachineID(m), Group: provisioning.GroupID(g)})
		}
	}
	disk := func(n int64) map[string]int64 { return map[string]int64{"disk": n} }
	order := provisioning.ReserveRequest{Seller: "shop", Account: "42", Demands: []provisioning.Demand{
		{Name: "web", Group: "web", Amounts: disk(10)},
		{Name: "mail", Group: "mail", Amounts: disk(10), Rules: []placement.Rule{{Relation: placement.SameMachine, Requests: []string{"web"}}}},
		{Name: "ns1", Group: "dns", Amounts: disk(1)},
		{Name: "ns2", Group: "dns", Amounts: disk(1), Rules: []placement.Rule{{Relation: placement.OtherMachine, Requests: []string{"ns1"}}}},
	}}
	for range 2 {
		got := s.reserve(order)
		require.Len(t, got, 4)
		require.Equal(t, got[0].Machine, got[1].Machine)
		require.NotEqual(t, got[2].Machine, got[3].Machine)
		for i, r := range got {
			require.Equal(t, order.Demands[i].Name, r.Name)
			require.Equal(t, order.Demands[i].Group, r.Group)
			require.Equal(t, provisioning.ReservationHeld, r.State)
			require.Equal(t, noon.Add(15*time.Minute), r.Expires)
			require.Equal(t, [2]string{"shop", "42"}, [2]string{r.Seller, r.Account})
		}
	}
	// Each machine has 8 or 9 left: nowhere is room for 20, though there is for each part.
	_, err := s.Reserve(t.Context(), order)
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	s.sound()
	order.Demands = order.Demands[2:]
	_, err = s.SetMachineStatus(t.Context(), "m2", provisioning.StatusDown)
	require.NoError(t, err)
	_, err = s.Reserve(t.Context(), order)
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	order.Demands[1].Rules[0].Waivable = true
	got := s.reserve(order)
	require.Equal(t, [2]bool{false, true}, [2]bool{got[0].Degraded, got[1].Degraded}, "waived, and flagged")
}

// A signup within the host's transaction reserves before it charges; what fails later
// gives the room back.
func TestReserveInAHostsTransaction(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	charge := errors.New("the card was refused")
	err := s.within(func(ctx context.Context, m *provisioning.Manager) error {
		if _, err := m.Reserve(ctx, one("web")); err != nil {
			return err
		}
		_, err := m.Reserve(ctx, one("web"))
		require.ErrorIs(t, err, provisioning.ErrNoCapacity, "its own reservation counts")
		return charge
	})
	require.ErrorIs(t, err, charge)
	require.Equal(t, int64(0), s.used("s1", provisioning.DimensionServices))
	require.NoError(t, s.within(func(ctx context.Context, m *provisioning.Manager) error {
		_, err := m.Reserve(ctx, one("web"))
		return err
	}))
	require.Equal(t, int64(1), s.used("s1", provisioning.DimensionServices))
	s.sound()
}

// The same key with the same request returns what was reserved; with another it is
// refused.
func TestReserveWithAKey(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 2)
	ctx := t.Context()
	q := one("web")
	q.Key = "order/1"
	first, err := s.Reserve(ctx, q)
	require.NoError(t, err)
	require.False(t, first.Replayed)
	again, err := s.Reserve(ctx, q)
	require.NoError(t, err)
	require.True(t, again.Replayed)
	require.Equal(t, first.Reservations, again.Reservations)
	require.NoError(t, s.within(func(ctx context.Context, m *provisioning.Manager) error {
		again, err := m.Reserve(ctx, q)
		require.True(t, again.Replayed)
		return err
	}))
	for _, change := range []func(*provisioning.ReserveRequest){
		func(q *provisioning.ReserveRequest) { q.Account = "x" },
		func(q *provisioning.ReserveRequest) { q.Hold = time.Hour },
		func(q *provisioning.ReserveRequest) { q.Commit = true },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Name = "x" },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Kind = "web" },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Platform = "x" },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Server = "s1" },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Amounts = map[string]int64{"disk": 1} },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Require = []string{"x"} },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Forbid = []string{"x"} },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Prefer = []string{"x"} },
		func(q *provisioning.ReserveRequest) { q.Demands[0].Exclude = []provisioning.ServerID{"x"} },
		func(q *provisioning.ReserveRequest) {
			q.Demands[0].Rules = []placement.Rule{{Relation: placement.OtherMachine, Servers: []string{"x"}}}
		},
		func(q *provisioning.ReserveRequest) {
			q.Demands = append(q.Demands, provisioning.Demand{Name: "y", Group: "web"})
			q.Demands[0].Name = "x"
		},
	} {
		other := one("web")
		other.Key = q.Key
		change(&other)
		_, err = s.Reserve(ctx, other)
		require.ErrorIs(t, err, provisioning.ErrKeyReused, "%+v", other)
	}
	q.Demands[0].Amounts = map[string]int64{provisioning.DimensionServices: 1}
	again, err = s.Reserve(ctx, q)
	require.NoError(t, err, "it says what was meant before")
	require.True(t, again.Replayed)
	s.sound()
	require.Equal(t, int64(1), s.used("s1", provisioning.DimensionServices))
}

// A key is its seller's: another with the same key gets room of its own, whatever it asks
// for, and learns nothing.
func TestReserveWithTheKeyOfAnotherSeller(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 10)
	ctx := t.Context()
	seen := map[provisioning.ReservationID]string{}
	for _, seller := range []string{"", "host", "shop", "sho"} {
		q := one("web")
		q.Key, q.Seller = "cart-17", seller
		if seller == "shop" {
			q.Account, q.Hold = "anna", time.Hour
		}
		got, err := s.Reserve(ctx, q)
		require.NoError(t, err)
		require.False(t, got.Replayed)
		again, err := s.Reserve(ctx, q)
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, got.Reservations, again.Reservations)
		require.Equal(t, seller, again.Reservations[0].Seller)
		require.NotContains(t, seen, got.Reservations[0].ID)
		seen[got.Reservations[0].ID] = seller
	}
	require.EqualValues(t, 4, s.used("s1", provisioning.DimensionServices))
}

// One key at once, many times: one reservation.
func TestReserveWithAKeyAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(4, 10)
	var wg sync.WaitGroup
	results := make([]provisioning.Reserved, 8)
	failed := make([]error, 8)
	for i := range results {
		wg.Go(func() {
			q := one("web")
			q.Key = "order/1"
			results[i], failed[i] = s.Reserve(t.Context(), q)
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(failed...))
	replayed := 0
	for _, r := range results {
		require.Equal(t, results[0].Reservations[0].ID, r.Reservations[0].ID)
		if r.Replayed {
			replayed++
		}
	}
	require.Equal(t, 7, replayed)
	s.sound()
}

// slow is a store in which another process is faster: before each of the first changes
// of loads it does something.
type slow struct {
	*memory.Store
	before []func()
}

func (s *slow) Provisioning(tx storage.Tx) (provisioning.Rows, error) {
	rows, err := s.Store.Provisioning(tx)
	return slowRows{rows, s}, err
}

// Update does what the other process does before the transaction begins: after it was
// decided where to go.
func (s *slow) Update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	if len(s.before) > 0 {
		first := s.before[0]
		s.before = s.before[1:]
		first()
	}
	return s.Store.Update(ctx, fn)
}

type slowRows struct {
	provisioning.Rows
	s *slow
}

// A loser of a race is placed anew: a bounded number of times, and never on what has just
// been closed to it.
func TestLosersArePlacedAnew(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(6, 1)
	sl := &slow{Store: s.store}
	m, err := provisioning.New(sl, provisioning.Options{Clock: s.clock, Policy: placement.Policy{Picker: placement.FillFirst{}}})
	require.NoError(t, err)
	ctx := t.Context()
	fill := func(id provisioning.ServerID) func() {
		return func() {
			q := one("web")
			q.Demands[0].Server = id
			s.reserve(q)
		}
	}
	sl.before = []func(){fill("s1"), func() {
		_, err := s.SetServerStatus(ctx, "s2", provisioning.StatusDraining)
		require.NoError(t, err)
	}}
	got, err := m.Reserve(ctx, one("web"))
	require.NoError(t, err)
	require.Equal(t, provisioning.ServerID("s3"), got.Reservations[0].Server)
	_, err = s.SetServerStatus(ctx, "s2", provisioning.StatusActive)
	require.NoError(t, err)
	s.clock.Advance(5 * time.Second)
	sl.before = []func(){fill("s2"), fill("s4"), fill("s5"), fill("s6")}
	_, err = m.Reserve(ctx, one("web"))
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	s.sound()
}

func TestLosersGiveUp(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(9, 1)
	sl := &slow{Store: s.store}
	m, err := provisioning.New(sl, provisioning.Options{Clock: s.clock, Policy: placement.Policy{Picker: placement.FillFirst{}}})
	require.NoError(t, err)
	for i := range 5 {
		sl.before = append(sl.before, func() {
			q := one("web")
			q.Demands[0].Server = provisioning.ServerID(fmt.Sprint("s", i+1))
			s.reserve(q)
		})
	}
	_, err = m.Reserve(t.Context(), one("web"))
	require.ErrorIs(t, err, storage.ErrConflict)
	s.sound()
}

// Load evens out also when other processes place at the same time and each knows of the
// others' only what it reads at times.
func TestLoadIsSpread(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{Policy: placement.Policy{Picker: placement.PowerOfTwo{}}})
	s.web(8, 1000)
	all := []*provisioning.Manager{s.Manager}
	for i := range 3 {
		m, err := provisioning.New(s.store, provisioning.Options{
			Clock: s.clock, Seed: uint64(i + 2), Policy: placement.Policy{Picker: placement.PowerOfTwo{}},
		})
		require.NoError(t, err)
		all = append(all, m)
	}
	const n = 1600
	for i := range n {
		_, err := all[i%4].Reserve(t.Context(), one("web"))
		require.NoError(t, err)
		s.clock.Advance(10 * time.Millisecond)
	}
	most := int64(0)
	for i := range 8 {
		most = max(most, s.used(provisioning.ServerID(fmt.Sprint("s", i+1)), provisioning.DimensionServices))
	}
	require.LessOrEqual(t, most, int64(n/8*105/100), "max/mean at most 1.05")
	s.sound()
}
