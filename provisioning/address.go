package provisioning

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// Address is an address that an owner has.
type Address struct {
	Server ServerID    `json:"server"`
	Kind   AddressKind `json:"kind"`
	// Owner is whose it is: any key of the host's, such as "account/42". One owner has at
	// most one address of a kind on a server; who needs two is two owners.
	Owner   string     `json:"owner"`
	Network string     `json:"network,omitempty"`
	Addr    netip.Addr `json:"addr"`
	Pool    PoolID     `json:"pool"`
	Since   time.Time  `json:"since"`
}

// AddressState is what is known of an address that was ever handed out.
type AddressState struct {
	Network string
	Addr    netip.Addr
	Pool    PoolID // that it was handed out from last
	Kind    AddressKind
	Owners  int64
	// Free is from when on it may be handed out again, when Owners is 0.
	Free time.Time
}

// AddressCount says what a pool's addresses are used for.
type AddressCount struct {
	Held    int64 // have an owner
	Resting int64 // were released, and are not yet to be handed out again
	// Rested is when the first of those resting may be handed out; zero if none is.
	Rested time.Time
}

// AddressRows are the rows of addresses.
type AddressRows interface {
	// TakeAddress gives an address to an owner and reports whether that was possible:
	//   - an address that nobody ever had;
	//   - one without owners whose Free is not after a.Since;
	//   - a shared one, if a.Kind is AddressShared, that has fewer than most owners.
	// Whatever other transactions do, an address that is not shared MUST have one owner
	// at most. It is storage.ErrConflict if the owner has an address of the kind on the
	// server already.
	TakeAddress(ctx context.Context, a Address, most int64) (bool, error)
	// DropAddress takes an owner's address away. An address that has no owner then may be
	// handed out from free on. It is storage.ErrNotFound if the owner has none.
	DropAddress(ctx context.Context, server ServerID, kind AddressKind, owner string, free time.Time) (Address, error)
	// AddressOf returns an owner's address of a kind on a server, or storage.ErrNotFound.
	AddressOf(ctx context.Context, server ServerID, kind AddressKind, owner string) (Address, error)
	// Addresses returns up to limit addresses that have an owner on the server, after the
	// given one, by kind and owner.
	Addresses(ctx context.Context, server ServerID, afterKind AddressKind, afterOwner string, limit int) ([]Address, error)
	// AddressStates returns what is known of the addresses given, in any order; those that
	// nobody ever had are left out.
	AddressStates(ctx context.Context, network string, addrs []netip.Addr) ([]AddressState, error)
	// RestedAddresses returns up to limit addresses without owners that were handed out
	// from the pool last and whose Free is not after now: those with the earliest Free
	// first, after skip of them.
	RestedAddresses(ctx context.Context, pool PoolID, now time.Time, skip, limit int) ([]AddressState, error)
	// SharedAddresses returns up to limit shared addresses of the pool that have at least
	// one and fewer than most owners: those with the fewest first, after skip of them.
	SharedAddresses(ctx context.Context, pool PoolID, most int64, skip, limit int) ([]AddressState, error)
	// CountAddresses counts the addresses that were handed out from the pool last.
	CountAddresses(ctx context.Context, pool PoolID, now time.Time) (AddressCount, error)
}

// NoAddressError is that a server has no free address of a kind, and what its addresses
// are used for. It is found by errors.As; errors.Is matches it with [ErrNoAddress].
type NoAddressError struct {
	Server ServerID
	Kind   AddressKind
	Counts PoolCounts
}

// Error returns the counts in one line.
func (e *NoAddressError) Error() string {
	if e.Counts.Total == 0 {
		return fmt.Sprintf("provisioning: server %q has no pool of %s addresses", e.Server, e.Kind)
	}
	s := fmt.Sprintf("provisioning: no %s address is free on server %q: %d held and %d resting of %d",
		e.Kind, e.Server, e.Counts.Held, e.Counts.Resting, e.Counts.Total)
	if !e.Counts.Rested.IsZero() {
		s += ", the first until " + e.Counts.Rested.Format(time.RFC3339)
	}
	return s
}

// Unwrap returns [ErrNoAddress].
func (e *NoAddressError) Unwrap() error { return ErrNoAddress }

// AllocateAddress gives an owner an address of a kind on a server and returns it; an
// owner that has one gets the same again. Addresses that nobody ever had come first, in
// the order of the pools and their ranges, then those that were released, the one that
// rested longest first. Shared addresses are all brought into use, and then the one with
// the fewest owners is chosen.
//
// An address that several pools have belongs to the one that handed it out last. When that
// is removed, or does not have it any more, another hands it out where it has nothing else;
// it looks through its first 4,096 addresses for such.
//
// It is safe whoever else allocates at the same time: no two owners get one address,
// unless it is shared.
//
// It fails with a [*tierhost.Invalid], with [ErrNoServer], and with [ErrNoAddress], which
// is a [*NoAddressError], if all addresses are held or resting. That is also told as an
// event, except within a transaction of the host's.
func (m *Manager) AllocateAddress(ctx context.Context, server ServerID, kind AddressKind, owner string) (Address, error) {
	const op = "provisioning.AllocateAddress"
	var c checker
	c.name("owner", owner)
	switch kind {
	case AddressShared, AddressDedicated, AddressService:
	default:
		c.Add("kind", "unknown_kind", "there is no kind of address %.40q", kind)
	}
	if err := c.Err(); err != nil {
		return Address{}, err
	}
	var a Address
	err := m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		has, err := rows.AddressOf(ctx, server, kind, owner)
		if !errors.Is(err, storage.ErrNotFound) {
			a = has
			return err
		}
		if _, err := rows.Server(ctx, server); err != nil {
			return missing(op, ErrNoServer, err)
		}
		a = Address{Server: server, Kind: kind, Owner: owner, Since: m.now()}
		return m.findAddress(ctx, rows, &a)
	})
	if err == nil {
		return a, nil
	}
	if none, ok := errors.AsType[*NoAddressError](err); ok && m.tx == nil {
		event := AddressesExhausted{Server: server, Kind: kind, Owner: owner, Counts: none.Counts}
		told := m.update(ctx, func(ctx context.Context, _ Rows, outbox storage.Outbox) error {
			return m.tell(ctx, outbox, m.now(), event)
		})
		if told != nil {
			m.opt.Logger.WarnContext(ctx, "no address, and the event of it was not kept", "error", told)
		}
	}
	return Address{}, err
}

// findAddress finds an address for an owner that has none.
func (m *Manager) findAddress(ctx context.Context, rows Rows, a *Address) error {
	var counts PoolCounts
	for after := PoolID(""); ; {
		page, err := rows.Pools(ctx, a.Server, after, pageSize)
		if err != nil {
			return err
		}
		for _, p := range page {
			if after = p.ID; p.Kind != a.Kind {
				continue
			}
			found, err := takeFrom(ctx, rows, p.ID, a, &counts)
			if found || err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return &NoAddressError{Server: a.Server, Kind: a.Kind, Counts: counts}
		}
	}
}

// freshBatch is how many addresses are looked at in one read.
const freshBatch = 64

// takeFrom takes an address from a pool, or adds to the counts.
func takeFrom(ctx context.Context, rows Rows, id PoolID, a *Address, counts *PoolCounts) (bool, error) {
	p, cursor, err := rows.LockPool(ctx, id)
	if err != nil {
		if errors.Is(err, storage.ErrNotFound) { // it has just been removed
			return false, nil
		}
		return false, err
	}
	most := int64(1)
	if p.Kind == AddressShared {
		if most = p.Most; most == 0 {
			most = math.MaxInt64
		}
	}
	a.Pool, a.Network = p.ID, p.Network
	free := p.free()
	if found, err := takeFresh(ctx, rows, p, free, cursor, a, most); found || err != nil {
		return found, err
	}
	list := func(skip int) ([]AddressState, error) {
		return rows.RestedAddresses(ctx, p.ID, a.Since, skip, freshBatch)
	}
	if found, err := takeListed(ctx, rows, free, list, a, most); found || err != nil {
		return found, err
	}
	if p.Kind == AddressShared {
		list := func(skip int) ([]AddressState, error) {
			return rows.SharedAddresses(ctx, p.ID, most, skip, freshBatch)
		}
		if found, err := takeListed(ctx, rows, free, list, a, most); found || err != nil {
			return found, err
		}
	}
	n, err := rows.CountAddresses(ctx, p.ID, a.Since)
	if err != nil {
		return false, err
	}
	if found, err := takeStray(ctx, rows, p, free, a, most, &n); found || err != nil {
		return found, err
	}
	if sum := total(free); counts.Total > math.MaxInt64-sum {
		counts.Total = math.MaxInt64
	} else {
		counts.Total += sum
	}
	counts.Held += n.Held
	counts.Resting += n.Resting
	if counts.Rested.IsZero() || !n.Rested.IsZero() && n.Rested.Before(counts.Rested) {
		counts.Rested = n.Rested
	}
	return false, nil
}

// takeFresh takes the first address behind the cursor that nobody ever had.
func takeFresh(
	ctx context.Context, rows Rows, p Pool, free []AddressRange, cursor netip.Addr, a *Address, most int64,
) (bool, error) {
	for {
		next := following(free, cursor, freshBatch)
		if len(next) == 0 {
			return false, nil
		}
		states, err := rows.AddressStates(ctx, p.Network, next)
		if err != nil {
			return false, err
		}
		for _, addr := range next {
			cursor = addr
			if slices.ContainsFunc(states, func(s AddressState) bool { return s.Addr == addr }) {
				continue
			}
			a.Addr = addr
			found, err := rows.TakeAddress(ctx, *a, most)
			if err != nil {
				return false, err
			}
			if found {
				return true, rows.SetCursor(ctx, p.ID, addr)
			}
		}
		if err := rows.SetCursor(ctx, p.ID, cursor); err != nil {
			return false, err
		}
	}
}

// strayMost is how many addresses of a pool are looked through for strays each time.
const strayMost = 64 * freshBatch

// takeStray takes the first address of the pool that another was the last to hand out, which
// is gone or does not have it any more, or adds such addresses to the count.
func takeStray(
	ctx context.Context, rows Rows, p Pool, free []AddressRange, a *Address, most int64, n *AddressCount,
) (bool, error) {
	others := map[PoolID][]AddressRange{p.ID: free}
	var cursor netip.Addr
	for range strayMost / freshBatch {
		next := following(free, cursor, freshBatch)
		if len(next) == 0 {
			return false, nil
		}
		cursor = next[len(next)-1]
		states, err := rows.AddressStates(ctx, p.Network, next)
		if err != nil {
			return false, err
		}
		slices.SortFunc(states, func(a, b AddressState) int { return slices.Index(next, a.Addr) - slices.Index(next, b.Addr) })
		for _, s := range states {
			has, known := others[s.Pool]
			if !known {
				other, err := rows.Pool(ctx, s.Pool)
				if err != nil && !errors.Is(err, storage.ErrNotFound) {
					return false, err
				}
				has = other.free()
				others[s.Pool] = has
			}
			switch {
			case slices.ContainsFunc(has, func(r AddressRange) bool { return r.Contains(s.Addr) }):
			case s.Owners > 0:
				n.Held++
			case s.Free.After(a.Since):
				if n.Resting++; n.Rested.IsZero() || s.Free.Before(n.Rested) {
					n.Rested = s.Free
				}
			default:
				a.Addr = s.Addr
				if found, err := rows.TakeAddress(ctx, *a, most); found || err != nil {
					return found, err
				}
			}
		}
	}
	return false, nil
}

// takeListed takes the first of the addresses listed that is still in the pool.
func takeListed(
	ctx context.Context, rows Rows, free []AddressRange, list func(skip int) ([]AddressState, error), a *Address, most int64,
) (bool, error) {
	for skip := 0; ; skip += freshBatch {
		page, err := list(skip)
		if err != nil {
			return false, err
		}
		for _, s := range page {
			if !slices.ContainsFunc(free, func(r AddressRange) bool { return r.Contains(s.Addr) }) {
				continue
			}
			a.Addr = s.Addr
			if found, err := rows.TakeAddress(ctx, *a, most); found || err != nil {
				return found, err
			}
		}
		if len(page) < freshBatch {
			return false, nil
		}
	}
}

// ReleaseAddress takes an owner's address away. It rests for [Options.Rest] before
// somebody else gets it; a shared one that others have stays with them. An owner without
// an address is fine.
func (m *Manager) ReleaseAddress(ctx context.Context, server ServerID, kind AddressKind, owner string) error {
	return m.update(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		_, err := rows.DropAddress(ctx, server, kind, owner, m.now().Add(m.opt.Rest))
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		return err
	})
}

// Addresses yields the addresses on a server that have an owner, by kind and owner. An
// error is yielded once and ends the sequence. No transaction is held meanwhile; each
// range starts anew.
func (m *Manager) Addresses(ctx context.Context, server ServerID) iter.Seq2[Address, error] {
	return pages(ctx, m, func(a Address) Address { return a },
		func(ctx context.Context, rows Rows, after Address) ([]Address, error) {
			return rows.Addresses(ctx, server, after.Kind, after.Owner, pageSize)
		})
}
