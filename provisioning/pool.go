package provisioning

import (
	"context"
	"net/netip"
	"slices"
	"time"
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

// AddressRange is the addresses from First to Last, both included, of one family.
type AddressRange struct {
	First netip.Addr `json:"first"`
	Last  netip.Addr `json:"last"`
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
