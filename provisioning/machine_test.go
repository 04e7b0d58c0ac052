package provisioning_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
)

func addrs(all ...string) (out []netip.Addr) {
	for _, s := range all {
		a, err := netip.ParseAddr(s)
		if err != nil {
			a = netip.Addr{}
		}
		out = append(out, a)
	}
	return out
}

// Everything that is wrong is told at once, with its path and a stable code.
func TestFaultsOfTheInventory(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{Drivers: map[string]provisioning.Driver{}})
	s.group("web", "web")
	ctx := t.Context()
	_, err := s.PutGroup(ctx, provisioning.Group{ID: "a b", Name: "a\nb"})
	require.Equal(t, []string{"id: invalid_name", "kind: required", "name: invalid_text"}, issues(t, err))
	_, err = s.PutMachine(ctx, provisioning.Machine{
		ID: provisioning.MachineID(strings.Repeat("x", 129)), Name: strings.Repeat("x", 256),
		Addresses: addrs("192.0.2.1", "::ffff:192.0.2.1", "", "fe80::1%eth0", "0.0.0.0", "ff02::1"),
		Platform:  "debian 12", Tags: []string{"ssd", "ssd", ""}, Domain: "\x00", Status: "asleep",
		Capacity: map[string]int64{"disk": -1, "": 1, "ram": 1 << 60},
	})
	require.Equal(t, []string{
		"id: too_long", "name: too_long", "addresses[1]: duplicate", "addresses[2]: invalid_address", "addresses[3]: address_zone",
		"addresses[4]: invalid_address", "addresses[5]: invalid_address", "platform: invalid_name", "tags[1]: duplicate", "tags[2]: required",
		"domain: invalid_name", "status: unknown_status", "capacity: required", "capacity.disk: negative", "capacity.ram: too_large",
	}, issues(t, err))
	_, err = s.PutMachine(ctx, provisioning.Machine{ID: "m", Groups: []provisioning.GroupID{"web", "mail", "dns"}})
	require.Equal(t, []string{"groups[1]: unknown_group", "groups[2]: unknown_group"}, issues(t, err))
	_, err = s.PutServer(ctx, provisioning.Server{Driver: "none", Config: json.RawMessage(`{`), Weight: -1})
	require.Equal(t, []string{
		"id: required", "machine: required", "group: required", "driver: unknown_driver", "config: invalid_json", "weight: out_of_range",
	}, issues(t, err))
	_, err = s.PutServer(ctx, provisioning.Server{ID: "s", Machine: "m", Group: "web", Config: json.RawMessage(`"\u0000"`), Weight: 1 << 40})
	require.Equal(t, []string{"config: invalid_text", "weight: out_of_range"}, issues(t, err))
}

// What is kept is in its normal form, and comes back.
func TestInventoryIsKept(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.group("web", "web")
	s.group("mail", "mail")
	m := s.machine(provisioning.Machine{
		ID: "m", Tags: []string{"ssd", "eu"}, Groups: []provisioning.GroupID{"web", "mail"}, Addresses: addrs("::ffff:192.0.2.1"),
	})
	require.Equal(t, provisioning.Machine{
		ID: "m", Version: 1, Changed: noon, Tags: []string{"eu", "ssd"}, Groups: []provisioning.GroupID{"mail", "web"},
		Addresses: addrs("192.0.2.1"), Status: provisioning.StatusActive,
	}, m)
	got, err := s.Machine(t.Context(), "m")
	require.NoError(t, err)
	require.Equal(t, m, got)
	x := s.server(provisioning.Server{ID: "s", Machine: "m", Group: "mail", Config: json.RawMessage(`{"host":"m"}`)})
	require.Equal(t, provisioning.Kind("mail"), x.Kind)
	require.Equal(t, provisioning.Place{Server: "s", Machine: "m", Kind: "mail", Platform: "", Config: json.RawMessage(`{"host":"m"}`)}, x.Place(m))
	n := 0
	for range s.Machines(t.Context(), provisioning.MachineQuery{}) {
		n++
	}
	for _, err := range s.Servers(t.Context(), provisioning.ServerQuery{Machine: "m"}) {
		require.NoError(t, err)
		n++
	}
	for range s.Groups(t.Context()) {
		n++
	}
	require.Equal(t, 4, n)
}

// A logical server is put only on a machine that carries its group, also later.
func TestGroupsThatMachinesCarry(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.group("web", "web")
	s.group("mail", "mail")
	m := s.machine(provisioning.Machine{ID: "m", Groups: []provisioning.GroupID{"web"}})
	ctx := t.Context()
	_, err := s.PutServer(ctx, provisioning.Server{ID: "s", Machine: "m", Group: "mail"})
	require.ErrorIs(t, err, provisioning.ErrGroupNotCarried)
	_, err = s.PutServer(ctx, provisioning.Server{ID: "s", Machine: "n", Group: "mail"})
	require.ErrorIs(t, err, provisioning.ErrNoMachine)
	_, err = s.PutServer(ctx, provisioning.Server{ID: "s", Machine: "m", Group: "dns"})
	require.ErrorIs(t, err, provisioning.ErrNoGroup)
	x := s.server(provisioning.Server{ID: "s", Machine: "m", Group: "web"})
	m.Groups = []provisioning.GroupID{"mail"}
	_, err = s.PutMachine(ctx, m)
	require.ErrorIs(t, err, provisioning.ErrInUse, "a server on it is of the group")
	_, err = s.PutGroup(ctx, provisioning.Group{ID: "web", Version: 1, Kind: "mail"})
	require.ErrorIs(t, err, provisioning.ErrInUse, "its servers are of the kind")
	x.Group = "mail"
	_, err = s.PutServer(ctx, x)
	require.ErrorIs(t, err, provisioning.ErrGroupNotCarried)
}

// Two people who change the same thing: the second is told.
func TestStale(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	ctx := t.Context()
	m, err := s.Machine(ctx, "m1")
	require.NoError(t, err)
	m.Name = "one"
	_, err = s.PutMachine(ctx, m)
	require.NoError(t, err)
	m.Name = "two"
	_, err = s.PutMachine(ctx, m)
	require.ErrorIs(t, err, provisioning.ErrStale)
	_, err = s.PutServer(ctx, provisioning.Server{ID: "s1", Machine: "m1", Group: "web"})
	require.ErrorIs(t, err, provisioning.ErrStale, "there is one already")
	require.ErrorIs(t, s.RemoveServer(ctx, "s1", 7), provisioning.ErrStale)
	require.ErrorIs(t, s.RemoveMachine(ctx, "m1", 1), provisioning.ErrStale)
	require.ErrorIs(t, s.RemoveGroup(ctx, "web", 2), provisioning.ErrStale)
}

// What is in use is not removed, and no capacity goes below what is used.
func TestInUse(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(2, 5)
	ctx := t.Context()
	q := one("web")
	q.Demands[0].Server = "s1"
	q.Demands[0].Amounts = map[string]int64{"disk": 7}
	r := s.reserve(q)[0]
	require.ErrorIs(t, s.RemoveServer(ctx, "s1", 1), provisioning.ErrInUse)
	require.ErrorIs(t, s.RemoveMachine(ctx, "m1", 1), provisioning.ErrInUse)
	require.ErrorIs(t, s.RemoveMachine(ctx, "m2", 1), provisioning.ErrInUse, "a server is on it")
	require.ErrorIs(t, s.RemoveGroup(ctx, "web", 1), provisioning.ErrInUse)
	x, err := s.Server(ctx, "s1")
	require.NoError(t, err)
	for _, capacity := range []map[string]int64{{provisioning.DimensionServices: 0}, {"disk": 6}} {
		x.Capacity = capacity
		_, err = s.PutServer(ctx, x)
		require.ErrorIs(t, err, provisioning.ErrInUse, "%v", capacity)
	}
	x.Capacity = map[string]int64{"disk": 7}
	x, err = s.PutServer(ctx, x)
	require.NoError(t, err)
	m := s.machine(provisioning.Machine{ID: "m1", Version: 1, Groups: []provisioning.GroupID{"web"}, Capacity: map[string]int64{"disk": 7}})
	m.Capacity["disk"] = 6
	_, err = s.PutMachine(ctx, m)
	require.ErrorIs(t, err, provisioning.ErrInUse)
	x.Machine = "m2"
	_, err = s.PutServer(ctx, x)
	require.ErrorIs(t, err, provisioning.ErrInUse, "it holds something")
	_, err = s.Release(ctx, r.Ref())
	require.NoError(t, err)
	x, err = s.PutServer(ctx, x)
	require.NoError(t, err)
	s.sound()
	require.NoError(t, s.RemoveServer(ctx, "s1", x.Version))
	require.NoError(t, s.RemoveServer(ctx, "s2", 1))
	require.NoError(t, s.RemoveMachine(ctx, "m1", m.Version))
	require.ErrorIs(t, s.RemoveGroup(ctx, "web", 1), provisioning.ErrInUse, "m2 carries it")
	require.NoError(t, s.RemoveMachine(ctx, "m2", 1))
	require.NoError(t, s.RemoveGroup(ctx, "web", 1))
	require.ErrorIs(t, s.RemoveGroup(ctx, "web", 1), provisioning.ErrNoGroup)
	require.ErrorIs(t, s.RemoveMachine(ctx, "m2", 1), provisioning.ErrNoMachine)
	require.ErrorIs(t, s.RemoveServer(ctx, "s2", 1), provisioning.ErrNoServer)
	_, err = s.ServerLoads(ctx, "s1")
	require.ErrorIs(t, err, provisioning.ErrNoServer)
	_, err = s.MachineLoads(ctx, "m1")
	require.ErrorIs(t, err, provisioning.ErrNoMachine)
}

// A change of a status is seen by the next placement, also by one in another process and
// by one that is decided at the moment.
func TestStatusIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(2, 100)
	other, err := provisioning.New(s.store, provisioning.Options{Clock: s.clock, Seed: 7})
	require.NoError(t, err)
	ctx := t.Context()
	_, err = other.Reserve(ctx, one("web")) // it knows the inventory now, and does not look for 5 s
	require.NoError(t, err)
	for _, status := range []provisioning.Status{provisioning.StatusDraining, provisioning.StatusDisabled, provisioning.StatusDown} {
		_, err = s.SetMachineStatus(ctx, "m1", status)
		require.NoError(t, err)
		for range 10 {
			for _, m := range []*provisioning.Manager{s.Manager, other} {
				got, err := m.Reserve(ctx, one("web"))
				require.NoError(t, err)
				require.Equal(t, provisioning.ServerID("s2"), got.Reservations[0].Server, status)
			}
		}
	}
	_, err = s.SetServerStatus(ctx, "s2", provisioning.StatusDown)
	require.NoError(t, err)
	_, err = other.Reserve(ctx, one("web"))
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	_, err = s.SetMachineStatus(ctx, "m1", provisioning.StatusActive)
	require.NoError(t, err)
	_, err = other.Reserve(ctx, one("web"))
	require.NoError(t, err, "nothing is refused without a look at the store")
	again, err := s.SetMachineStatus(ctx, "m1", "")
	require.NoError(t, err)
	require.Equal(t, int64(5), again.Version, "nothing to change")
	_, err = s.SetMachineStatus(ctx, "m1", "asleep")
	require.Equal(t, []string{"status: unknown_status"}, issues(t, err))
	_, err = s.SetServerStatus(ctx, "none", provisioning.StatusDown)
	require.ErrorIs(t, err, provisioning.ErrNoServer)
}

// What a host's transaction has changed counts within it, and for nobody if it is rolled
// back.
func TestInventoryInAHostsTransaction(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	s.reserve(one("web"))
	undone := context.DeadlineExceeded // any error
	err := s.within(func(ctx context.Context, m *provisioning.Manager) error {
		_, err := m.PutMachine(ctx, provisioning.Machine{ID: "m9", Groups: []provisioning.GroupID{"web"}})
		require.NoError(t, err)
		_, err = m.PutServer(ctx, provisioning.Server{ID: "s9", Machine: "m9", Group: "web"})
		require.NoError(t, err)
		got, err := m.Reserve(ctx, one("web"))
		require.NoError(t, err)
		require.Equal(t, provisioning.ServerID("s9"), got.Reservations[0].Server)
		return undone
	})
	require.ErrorIs(t, err, undone)
	_, err = s.Reserve(t.Context(), one("web"))
	require.ErrorIs(t, err, provisioning.ErrNoCapacity)
	s.web2(t)
	got := s.reserve(one("web"))
	require.Equal(t, provisioning.ServerID("s2"), got[0].Server)
	s.sound()
}

// web2 adds a second machine with a server.
func (s *shop) web2(t *testing.T) {
	t.Helper()
	s.machine(provisioning.Machine{ID: "m2", Groups: []provisioning.GroupID{"web"}})
	s.server(provisioning.Server{ID: "s2", Machine: "m2", Group: "web"})
}
