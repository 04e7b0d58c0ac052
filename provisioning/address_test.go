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
)

const dedicated, shared = provisioning.AddressDedicated, provisioning.AddressShared

func ranges(t *testing.T, all ...string) (out []provisioning.AddressRange) {
	t.Helper()
	for _, text := range all {
		r, err := provisioning.ParseAddressRange(text)
		require.NoError(t, err)
		out = append(out, r)
	}
	return out
}

func (s *shop) pool(p provisioning.Pool) provisioning.Pool {
	s.t.Helper()
	p, err := s.PutPool(s.t.Context(), p)
	require.NoError(s.t, err)
	return p
}

// address allocates one on s1, which must succeed.
func (s *shop) address(kind provisioning.AddressKind, owner string) string {
	s.t.Helper()
	a, err := s.AllocateAddress(s.t.Context(), "s1", kind, owner)
	require.NoError(s.t, err)
	require.Equal(s.t, [2]string{string(kind), owner}, [2]string{string(a.Kind), a.Owner})
	return a.Addr.String()
}

func (s *shop) release(kind provisioning.AddressKind, owner string) {
	s.t.Helper()
	require.NoError(s.t, s.ReleaseAddress(s.t.Context(), "s1", kind, owner))
}

func TestFaultsOfPools(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(2, 1)
	ctx := t.Context()
	_, err := s.PutPool(ctx, provisioning.Pool{Kind: "odd", Network: "a b", Most: -1})
	require.Equal(t, []string{
		"id: required", "server: required", "network: invalid_name", "kind: unknown_kind", "most: negative", "ranges: required",
	}, issues(t, err))
	r := ranges(t, "192.0.2.0/30", "2001:db8::/64")
	_, err = s.PutPool(ctx, provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Most: 3, Ranges: []provisioning.AddressRange{
		{}, {First: r[0].Last, Last: r[0].First}, {First: r[0].First, Last: r[1].Last},
	}})
	require.Equal(t, []string{"most: not_shared", "ranges[0]: invalid_address", "ranges[1]: reversed", "ranges[2]: mixed_families"}, issues(t, err))
	_, err = s.PutPool(ctx, provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Ranges: r[:1], Exclude: r[:1]})
	require.Equal(t, []string{"exclude: nothing_left"}, issues(t, err))
	_, err = s.PutPool(ctx, provisioning.Pool{ID: "p", Server: "none", Kind: dedicated, Ranges: r})
	require.ErrorIs(t, err, provisioning.ErrNoServer)
	p := s.pool(provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Ranges: r})
	_, err = s.PutPool(ctx, p)
	require.NoError(t, err)
	_, err = s.PutPool(ctx, p)
	require.ErrorIs(t, err, provisioning.ErrStale)
	p.Version, p.Server, p.Kind, p.Network = 2, "s2", shared, "other"
	_, err = s.PutPool(ctx, p)
	require.Equal(t, []string{"server: fixed", "kind: fixed", "network: fixed"}, issues(t, err))
	_, err = s.AllocateAddress(ctx, "s1", "odd", "")
	require.Equal(t, []string{"owner: required", "kind: unknown_kind"}, issues(t, err))
	_, err = s.AllocateAddress(ctx, "none", dedicated, "a")
	require.ErrorIs(t, err, provisioning.ErrNoServer)
	require.ErrorIs(t, s.RemoveServer(ctx, "s1", 1), provisioning.ErrInUse, "it has a pool")
	require.ErrorIs(t, s.RemovePool(ctx, "none", 1), provisioning.ErrNoPool)
	require.ErrorIs(t, s.RemovePool(ctx, "p", 1), provisioning.ErrStale)
	s.address(dedicated, "a")
	require.ErrorIs(t, s.RemovePool(ctx, "p", 2), provisioning.ErrInUse)
	s.release(dedicated, "a")
	require.NoError(t, s.RemovePool(ctx, "p", 2))
	_, err = s.Pool(ctx, "p")
	require.ErrorIs(t, err, provisioning.ErrNoPool)
}

// New addresses come first, in order, then the one that rested longest; what rests is
// given to nobody.
func TestAddressesRest(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	s.pool(provisioning.Pool{
		ID: "p", Server: "s1", Kind: dedicated, Ranges: ranges(t, "192.0.2.0/29"), Exclude: ranges(t, "192.0.2.1", "192.0.2.4-192.0.2.5"),
	})
	require.Equal(t, "192.0.2.2", s.address(dedicated, "a"))
	require.Equal(t, "192.0.2.2", s.address(dedicated, "a"), "an owner has one")
	s.release(dedicated, "a")
	s.release(dedicated, "a")
	require.Equal(t, "192.0.2.3", s.address(dedicated, "a"), "the owner before may come back for a new one")
	require.Equal(t, "192.0.2.6", s.address(dedicated, "b"))
	s.clock.Advance(time.Hour)
	s.release(dedicated, "b")
	_, err := s.AllocateAddress(t.Context(), "s1", dedicated, "c")
	require.ErrorIs(t, err, provisioning.ErrNoAddress)
	require.Equal(t, tierhost.KindLimited, tierhost.KindOf(err))
	none, ok := errors.AsType[*provisioning.NoAddressError](err)
	require.True(t, ok)
	counts := provisioning.PoolCounts{Total: 3, Held: 1, Resting: 2, Rested: noon.Add(72 * time.Hour)}
	require.Equal(t, counts, none.Counts)
	require.EqualError(t, err, `provisioning: no dedicated address is free on server "s1": 1 held and 2 resting of 3, the first until 2031-05-09T12:00:00Z`)
	var exhausted []provisioning.EventData
	for _, e := range s.events() {
		if e.Type == "provisioning.addresses.exhausted" {
			d, err := provisioning.DecodeEvent(e)
			require.NoError(t, err)
			exhausted = append(exhausted, d)
		}
	}
	require.Equal(t, []provisioning.EventData{provisioning.AddressesExhausted{Server: "s1", Kind: dedicated, Owner: "c", Counts: counts}}, exhausted)
	s.clock.Set(noon.Add(72 * time.Hour))
	require.Equal(t, "192.0.2.2", s.address(dedicated, "c"))
	s.clock.Advance(time.Hour)
	s.release(dedicated, "c")
	require.Equal(t, "192.0.2.6", s.address(dedicated, "d"), "it has rested longer")
	_, err = s.AllocateAddress(t.Context(), "s1", provisioning.AddressService, "s1")
	require.ErrorIs(t, err, provisioning.ErrNoAddress)
	require.ErrorContains(t, err, "has no pool of service addresses")
}

func TestNoRest(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{Rest: -1})
	s.web(1, 1)
	s.pool(provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Ranges: ranges(t, "192.0.2.7")})
	s.address(dedicated, "a")
	s.release(dedicated, "a")
	require.Equal(t, "192.0.2.7", s.address(dedicated, "b"))
}

// All shared addresses are brought into use; then the emptiest is next. One that is full
// is full.
func TestSharedAddresses(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	p := s.pool(provisioning.Pool{ID: "p", Server: "s1", Kind: shared, Most: 2, Ranges: ranges(t, "192.0.2.1-192.0.2.2")})
	got := map[string]int{}
	for i := range 4 {
		got[s.address(shared, fmt.Sprint(i))]++
	}
	require.Equal(t, map[string]int{"192.0.2.1": 2, "192.0.2.2": 2}, got)
	_, err := s.AllocateAddress(t.Context(), "s1", shared, "4")
	require.ErrorIs(t, err, provisioning.ErrNoAddress)
	s.release(shared, "1")
	require.Equal(t, "192.0.2.2", s.address(shared, "4"), "it needs no rest: others have it")
	p.Most = 0
	s.pool(p)
	for i := range 20 {
		s.address(shared, fmt.Sprint("more", i))
	}
	n := 0
	for a, err := range s.Addresses(t.Context(), "s1") {
		require.NoError(t, err)
		require.Equal(t, provisioning.PoolID("p"), a.Pool)
		n++
	}
	require.Equal(t, 24, n)
}

// A /64 costs no more than a few addresses.
func TestLargePool(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	s.pool(provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Ranges: ranges(t, "2001:db8::/64")})
	require.Equal(t, "2001:db8::1", s.address(dedicated, "a"))
	for i := range 300 {
		require.Equal(t, fmt.Sprintf("2001:db8::%x", i+2), s.address(dedicated, fmt.Sprint(i)))
	}
	s.pool(provisioning.Pool{ID: "q", Server: "s1", Kind: provisioning.AddressService, Ranges: ranges(t, "2001:db8:1::/48"), Exclude: ranges(t, "2001:db8:1::/64")})
	require.Equal(t, "2001:db8:1:1::", s.address(provisioning.AddressService, "s1"))
}

// A pool that is changed: what somebody has stays, what is no longer in the pool is not
// handed out again, and what is new is.
func TestChangedPool(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{Rest: time.Hour})
	s.web(1, 1)
	p := s.pool(provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Ranges: ranges(t, "192.0.2.1-192.0.2.3")})
	for _, owner := range []string{"a", "b", "c"} {
		s.address(dedicated, owner)
	}
	p.Ranges, p.Exclude = ranges(t, "192.0.2.1-192.0.2.4"), ranges(t, "192.0.2.2")
	p = s.pool(p)
	require.Equal(t, "192.0.2.2", s.address(dedicated, "b"), "it is b's")
	require.Equal(t, "192.0.2.4", s.address(dedicated, "d"))
	s.release(dedicated, "b")
	s.clock.Advance(time.Hour)
	_, err := s.AllocateAddress(t.Context(), "s1", dedicated, "e")
	require.ErrorIs(t, err, provisioning.ErrNoAddress)
	p.Exclude = nil
	s.pool(p)
	require.Equal(t, "192.0.2.2", s.address(dedicated, "e"))
}

// Addresses whose pool was removed, or gave them up, are handed out by the pool that has them
// now, when they have rested and nobody has them.
func TestAddressesOfAnotherPool(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// give takes the addresses 192.0.2.1-2 from the pool p.
		give func(s *shop, p provisioning.Pool)
	}{
		{"the pool was removed", func(s *shop, p provisioning.Pool) {
			s.release(dedicated, "b")
			require.NoError(s.t, s.RemovePool(s.t.Context(), p.ID, p.Version))
		}},
		{"the range has moved", func(s *shop, p provisioning.Pool) {
			p.Ranges = ranges(s.t, "192.0.2.3")
			s.pool(p)
			s.release(dedicated, "b")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, provisioning.Options{Rest: time.Hour})
			s.web(2, 1)
			ctx := t.Context()
			p := s.pool(provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Ranges: ranges(t, "192.0.2.1-192.0.2.2")})
			s.address(dedicated, "a")
			s.address(dedicated, "b")
			s.release(dedicated, "a")
			s.clock.Advance(time.Minute)
			q := s.pool(provisioning.Pool{ID: "q", Server: "s2", Kind: shared, Most: 1, Ranges: ranges(t, "192.0.2.1-192.0.2.2")})
			none := func(owner string) provisioning.PoolCounts {
				t.Helper()
				_, err := s.AllocateAddress(ctx, "s2", shared, owner)
				none, ok := errors.AsType[*provisioning.NoAddressError](err)
				require.True(t, ok, "%v", err)
				return none.Counts
			}
			require.Equal(t, provisioning.PoolCounts{Total: 2}, none("x"), "they are the other pool's")
			c.give(s, p)
			require.Equal(t, provisioning.PoolCounts{Total: 2, Resting: 2, Rested: noon.Add(time.Hour)}, none("x"))
			s.clock.Set(noon.Add(time.Hour))
			a, err := s.AllocateAddress(ctx, "s2", shared, "x")
			require.NoError(t, err)
			require.Equal(t, "192.0.2.1 of q", fmt.Sprint(a.Addr, " of ", a.Pool))
			require.Equal(t, provisioning.PoolCounts{Total: 2, Held: 1, Resting: 1, Rested: noon.Add(time.Hour + time.Minute)}, none("y"))
			s.clock.Advance(time.Minute)
			a, err = s.AllocateAddress(ctx, "s2", shared, "y")
			require.NoError(t, err)
			require.Equal(t, "192.0.2.2 of q", fmt.Sprint(a.Addr, " of ", a.Pool))
			require.Equal(t, provisioning.PoolCounts{Total: 2, Held: 2}, none("z"))
			require.ErrorIs(t, s.RemovePool(ctx, q.ID, q.Version), provisioning.ErrInUse, "they are its own now")
		})
	}
}

// Two servers share a network: no address has two owners, whatever pool it is from. The
// same private addresses elsewhere are others.
func TestPoolsThatOverlap(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(2, 1)
	for _, p := range []provisioning.Pool{
		{ID: "p", Server: "s1", Kind: dedicated}, {ID: "q", Server: "s2", Kind: dedicated}, {ID: "r", Server: "s2", Kind: shared, Network: "dc2"},
	} {
		p.Ranges = ranges(t, "10.0.0.1-10.0.0.4")
		s.pool(p)
	}
	seen := map[string]bool{}
	for i := range 4 {
		a, err := s.AllocateAddress(t.Context(), provisioning.ServerID(fmt.Sprint("s", 1+i%2)), dedicated, fmt.Sprint(i))
		require.NoError(t, err)
		require.False(t, seen[a.Addr.String()])
		seen[a.Addr.String()] = true
	}
	for _, server := range []provisioning.ServerID{"s1", "s2"} {
		_, err := s.AllocateAddress(t.Context(), server, dedicated, "x")
		require.ErrorIs(t, err, provisioning.ErrNoAddress)
	}
	a, err := s.AllocateAddress(t.Context(), "s2", shared, "x")
	require.NoError(t, err)
	require.Equal(t, "dc2 10.0.0.1", a.Network+" "+a.Addr.String())
}

// In the host's transaction an address stands or falls with it.
func TestAddressInAHostsTransaction(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	s.pool(provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Ranges: ranges(t, "192.0.2.1-192.0.2.2")})
	undone := errors.New("undone")
	require.ErrorIs(t, s.within(func(ctx context.Context, m *provisioning.Manager) error {
		_, err := m.AllocateAddress(ctx, "s1", dedicated, "a")
		require.NoError(t, err)
		return undone
	}), undone)
	require.Equal(t, "192.0.2.1", s.address(dedicated, "b"), "nobody ever had it")
}

// Many owners at once: each has an address of its own, one each.
func TestAddressesAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, provisioning.Options{})
	s.web(1, 1)
	s.pool(provisioning.Pool{ID: "p", Server: "s1", Kind: dedicated, Ranges: ranges(t, "192.0.2.1-192.0.2.20")})
	var mu sync.Mutex
	var wg sync.WaitGroup
	by := map[string]map[string]bool{}
	none := 0
	for i := range 16 {
		wg.Go(func() {
			for j := range 4 {
				owner := fmt.Sprint((i*4 + j) % 32) // each twice
				a, err := s.AllocateAddress(t.Context(), "s1", dedicated, owner)
				mu.Lock()
				switch {
				case errors.Is(err, provisioning.ErrNoAddress):
					none++
				case err != nil:
					t.Error(err)
				default:
					if by[a.Addr.String()] == nil {
						by[a.Addr.String()] = map[string]bool{}
					}
					by[a.Addr.String()][owner] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(t, by, 20)
	for addr, owners := range by {
		require.Len(t, owners, 1, addr)
	}
	require.Equal(t, 24, none, "twelve owners, twice")
}
