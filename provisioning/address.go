package provisioning

import (
	"context"
	"net/netip"
	"time"
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
