package provisioning

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// PoolID names a pool of addresses.
type PoolID string

// AddressKind is what an address is used for.
type AddressKind string

// The kinds of addresses.
const (
	AddressShared    AddressKind = "shared"    // of many owners: name-based sites
	AddressDedicated AddressKind = "dedicated" // of one owner, which pays for it
	AddressService   AddressKind = "service"   // of the server itself: its own and its aliases
)

// Pool is addresses that a server hands out. They are given by range: a pool of 2^64
// addresses costs no more than a pool of one.
type Pool struct {
	ID PoolID `json:"id"`
	// Version counts the changes, from 1. In [Manager.PutPool] it is the version that was
	// read; 0: a new pool.
	Version int64       `json:"version"`
	Changed time.Time   `json:"changed"` // set by PutPool
	Server  ServerID    `json:"server"`  // does not change
	Kind    AddressKind `json:"kind"`    // does not change
	// Network tells apart addresses that are the same: private ones in several data
	// centres. Within a network an address has one owner, whatever pools it is in.
	Network string `json:"network,omitempty"` // does not change
	// Ranges are handed out in their order, each from its first address.
	Ranges []AddressRange `json:"ranges"`
	// Exclude are not handed out: gateways and the like.
	Exclude []AddressRange `json:"exclude,omitempty"`
	// Most is how many owners a shared address may have; 0: any number.
	Most int64 `json:"most,omitempty"`
}

// Clone returns a copy that shares nothing with p.
func (p Pool) Clone() Pool {
	p.Ranges = slices.Clone(p.Ranges)
	p.Exclude = slices.Clone(p.Exclude)
	return p
}

// PoolRows are the rows of pools.
type PoolRows interface {
	// PutPool inserts or replaces a pool, as PutGroup does a group. Its cursor is then the
	// zero Addr.
	PutPool(ctx context.Context, p Pool) error
	// Pool returns a pool, or storage.ErrNotFound.
	Pool(ctx context.Context, id PoolID) (Pool, error)
	// Pools returns up to limit pools after the given one, by ID; of one server if that
	// is not "".
	Pools(ctx context.Context, server ServerID, after PoolID, limit int) ([]Pool, error)
	// RemovePool deletes a pool, as RemoveGroup does a group.
	RemovePool(ctx context.Context, id PoolID, version int64) error
	// LockPool returns a pool and its cursor, or storage.ErrNotFound, and makes others
	// that call it for this pool wait until the transaction ends. What is read after it
	// MUST be what those before have left.
	LockPool(ctx context.Context, id PoolID) (Pool, netip.Addr, error)
	// SetCursor keeps the last address that was handed out for the first time; LockPool
	// was called before.
	SetCursor(ctx context.Context, id PoolID, last netip.Addr) error
}

// PoolCounts says what the addresses of a kind on a server are used for.
type PoolCounts struct {
	// Total is how many there are to hand out. Beyond [math.MaxInt64] it is that.
	Total   int64     `json:"total"`
	Held    int64     `json:"held"`
	Resting int64     `json:"resting"`         // were released, and are not yet to be handed out again
	Rested  time.Time `json:"rested,omitzero"` // when the first of those may be handed out; zero if none is
}

// normal is the pool as it is kept, or all its faults.
func (p Pool) normal() (Pool, error) {
	p = p.Clone()
	var c checker
	c.name("id", string(p.ID))
	c.name("server", string(p.Server))
	c.optional("network", p.Network)
	switch p.Kind {
	case AddressShared, AddressDedicated, AddressService:
	default:
		c.Add("kind", "unknown_kind", "there is no kind of address %.40q", p.Kind)
	}
	if p.Most < 0 {
		c.Add("most", "negative", "%d is below 0", p.Most)
	}
	if p.Most > 0 && p.Kind != AddressShared {
		c.Add("most", "not_shared", "an address that is not shared has one owner")
	}
	if len(p.Ranges) == 0 {
		c.Add("ranges", "required", "a pool has addresses")
	}
	c.ranges("ranges", p.Ranges)
	c.ranges("exclude", p.Exclude)
	if len(c.Issues) == 0 && len(p.free()) == 0 {
		c.Add("exclude", "nothing_left", "all addresses of the pool are excluded")
	}
	return p, c.Err()
}

func (c *checker) ranges(path string, all []AddressRange) {
	c.count(path, len(all), maxList)
	for i, r := range all {
		if code, why := r.fault(); code != "" {
			c.Add(tierhost.Path(path, i), code, "%.100s %s", r, why)
		}
	}
}

// free is the ranges that addresses are handed out from.
func (p *Pool) free() []AddressRange { return without(p.Ranges, p.Exclude) }

// PutPool makes or changes a pool and returns it as it is kept. p.Version is the version
// that was read, 0 for a new pool. Addresses that have an owner stay with it, also those
// that are no longer in the pool, which are not handed out again from it.
//
// It fails with a [*tierhost.Invalid] that lists all faults, among them a change of what
// does not change, with [ErrNoServer], and with [ErrStale] if the pool has another version
// by now.
func (m *Manager) PutPool(ctx context.Context, p Pool) (Pool, error) {
	const op = "provisioning.PutPool"
	kept, err := p.normal()
	if err != nil {
		return Pool{}, err
	}
	err = m.change(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		old, err := rows.Pool(ctx, p.ID)
		if err := known(op, err, old.Version, p.Version); err != nil {
			return err
		}
		if _, err := rows.Server(ctx, p.Server); err != nil {
			return missing(op, ErrNoServer, err)
		}
		if old.Version > 0 {
			var issues tierhost.Issues
			same(&issues, "server", old.Server, p.Server)
			same(&issues, "kind", old.Kind, p.Kind)
			same(&issues, "network", old.Network, p.Network)
			if err := issues.Err(); err != nil {
				return err
			}
		}
		kept.Version, kept.Changed = p.Version+1, m.now()
		return rows.PutPool(ctx, kept)
	})
	return kept, err
}

func same[T ~string](issues *tierhost.Issues, path string, old, now T) {
	if old != now {
		issues.Add(path, "fixed", "it is %.128q and does not change", old)
	}
}

// Pool returns a pool, or [ErrNoPool].
func (m *Manager) Pool(ctx context.Context, id PoolID) (p Pool, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		p, err = rows.Pool(ctx, id)
		return err
	})
	return p, missing("provisioning.Pool", ErrNoPool, err)
}

// Pools yields the pools of a server, by ID; of all servers for "". An error is yielded
// once and ends the sequence. No transaction is held meanwhile; each range starts anew.
func (m *Manager) Pools(ctx context.Context, server ServerID) iter.Seq2[Pool, error] {
	return pages(ctx, m, func(p Pool) PoolID { return p.ID },
		func(ctx context.Context, rows Rows, after PoolID) ([]Pool, error) {
			return rows.Pools(ctx, server, after, pageSize)
		})
}

// RemovePool deletes a pool. version is the one that was read. It fails with [ErrNoPool],
// [ErrStale], and [ErrInUse] while an address that was handed out from it has an owner.
// How long its addresses have to rest is not forgotten.
func (m *Manager) RemovePool(ctx context.Context, id PoolID, version int64) error {
	const op = "provisioning.RemovePool"
	return m.change(ctx, func(ctx context.Context, rows Rows, _ storage.Outbox) error {
		old, _, err := rows.LockPool(ctx, id)
		if err != nil {
			return missing(op, ErrNoPool, err)
		}
		if err := known(op, nil, old.Version, version); err != nil {
			return err
		}
		n, err := rows.CountAddresses(ctx, id, m.now())
		if err != nil {
			return err
		}
		if n.Held > 0 {
			return inUse(op, "%d addresses of the pool have owners", n.Held)
		}
		return rows.RemovePool(ctx, id, version)
	})
}
