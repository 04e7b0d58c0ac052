package memory

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

func (r inventoryRows) pools() versioned[provisioning.PoolID, keptPool] {
	return versioned[provisioning.PoolID, keptPool]{
		r.tx, &r.inventory().pools, "pool",
		func(p keptPool) int64 { return p.Version },
		func(p keptPool) keptPool {
			p.Pool = p.Clone()
			p.Changed = instant(p.Changed)
			return p
		},
	}
}

func (r inventoryRows) PutPool(ctx context.Context, p provisioning.Pool) error {
	return r.pools().put(ctx, p.ID, keptPool{Pool: p})
}

func (r inventoryRows) Pool(ctx context.Context, id provisioning.PoolID) (provisioning.Pool, error) {
	p, err := r.pools().find(ctx, id)
	return p.Pool, err
}

func (r inventoryRows) Pools(
	ctx context.Context, server provisioning.ServerID, after provisioning.PoolID, limit int,
) ([]provisioning.Pool, error) {
	page, err := r.pools().page(ctx, after, limit, func(p keptPool) bool { return server == "" || p.Server == server })
	var pools []provisioning.Pool
	for _, p := range page {
		pools = append(pools, p.Pool)
	}
	return pools, err
}

func (r inventoryRows) RemovePool(ctx context.Context, id provisioning.PoolID, version int64) error {
	return r.pools().remove(ctx, id, version)
}

// LockPool has nothing to lock: writers take turns.
func (r inventoryRows) LockPool(ctx context.Context, id provisioning.PoolID) (provisioning.Pool, netip.Addr, error) {
	if err := r.tx.writing(ctx); err != nil {
		return provisioning.Pool{}, netip.Addr{}, err
	}
	p, err := r.pools().find(ctx, id)
	return p.Pool, p.cursor, err
}

func (r inventoryRows) SetCursor(ctx context.Context, id provisioning.PoolID, last netip.Addr) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	p, ok := r.inventory().pools.get(id)
	if !ok {
		return r.tx.abort(fmt.Errorf("pool %.128q: %w", id, storage.ErrNotFound))
	}
	p.cursor = last
	r.inventory().pools.set(r.tx.own, id, p)
	return nil
}

// keepAddress inserts or replaces what is known of an address.
func (r inventoryRows) keepAddress(key addressKey, a provisioning.AddressState) {
	st := r.inventory()
	if old, ok := st.address.get(key); ok {
		st.lent.delete(r.tx.own, lentKey{old.Pool, key})
	}
	st.address.set(r.tx.own, key, a)
	st.lent.set(r.tx.own, lentKey{a.Pool, key}, struct{}{})
}

func (r inventoryRows) TakeAddress(ctx context.Context, a provisioning.Address, most int64) (bool, error) {
	if err := r.tx.writing(ctx); err != nil {
		return false, err
	}
	st := r.inventory()
	owner := ownerKey{a.Server, a.Kind, a.Owner}
	if st.owned.has(owner) {
		return false, r.tx.abort(fmt.Errorf("owner %.80q has an address already: %w", a.Owner, storage.ErrConflict))
	}
	a.Since = instant(a.Since)
	key := addressKey{a.Network, a.Addr.String()}
	old, there := st.address.get(key)
	switch {
	case !there, old.Owners == 0 && !old.Free.After(a.Since):
	case old.Owners > 0 && a.Kind == provisioning.AddressShared && old.Kind == a.Kind && old.Owners < most:
	default:
		return false, nil
	}
	r.keepAddress(key, provisioning.AddressState{
		Network: a.Network, Addr: a.Addr, Pool: a.Pool, Kind: a.Kind, Owners: old.Owners + 1, Free: old.Free,
	})
	st.owned.set(r.tx.own, owner, a)
	return true, nil
}

func (r inventoryRows) DropAddress(
	ctx context.Context, server provisioning.ServerID, kind provisioning.AddressKind, owner string, free time.Time,
) (provisioning.Address, error) {
	if err := r.tx.writing(ctx); err != nil {
		return provisioning.Address{}, err
	}
	a, err := r.AddressOf(ctx, server, kind, owner)
	if err != nil {
		return a, err
	}
	st := r.inventory()
	st.owned.delete(r.tx.own, ownerKey{server, kind, owner})
	key := addressKey{a.Network, a.Addr.String()}
	state, _ := st.address.get(key)
	state.Owners--
	state.Free = instant(free)
	r.keepAddress(key, state)
	return a, nil
}

func (r inventoryRows) AddressOf(
	ctx context.Context, server provisioning.ServerID, kind provisioning.AddressKind, owner string,
) (provisioning.Address, error) {
	if err := r.tx.reading(ctx); err != nil {
		return provisioning.Address{}, err
	}
	a, ok := r.inventory().owned.get(ownerKey{server, kind, owner})
	if !ok {
		return a, fmt.Errorf("address of %.80q: %w", owner, storage.ErrNotFound)
	}
	return a, nil
}

func (r inventoryRows) Addresses(
	ctx context.Context, server provisioning.ServerID, afterKind provisioning.AddressKind, afterOwner string, limit int,
) ([]provisioning.Address, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []provisioning.Address
	for k, a := range r.inventory().owned.after(ownerKey{server, afterKind, afterOwner}) {
		if len(page) >= limit || k.server != server {
			break
		}
		page = append(page, a)
	}
	return page, nil
}

func (r inventoryRows) AddressStates(
	ctx context.Context, network string, addrs []netip.Addr,
) ([]provisioning.AddressState, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var all []provisioning.AddressState
	for _, addr := range addrs {
		if a, ok := r.inventory().address.get(addressKey{network, addr.String()}); ok {
			all = append(all, a)
		}
	}
	return all, nil
}

// lentFrom returns the addresses that were handed out from a pool last, as far as they
// match, in an order.
func (r inventoryRows) lentFrom(
	pool provisioning.PoolID, match func(provisioning.AddressState) bool,
	order func(a, b provisioning.AddressState) int, skip, limit int,
) []provisioning.AddressState {
	st := r.inventory()
	var all []provisioning.AddressState
	for k := range st.lent.after(lentKey{pool: pool}) {
		if k.pool != pool {
			break
		}
		if a, _ := st.address.get(k.addressKey); match(a) {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, order)
	all = all[min(max(skip, 0), len(all)):]
	return all[:min(max(limit, 0), len(all))]
}

func (r inventoryRows) RestedAddresses(
	ctx context.Context, pool provisioning.PoolID, now time.Time, skip, limit int,
) ([]provisioning.AddressState, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	return r.lentFrom(pool,
		func(a provisioning.AddressState) bool { return a.Owners == 0 && !a.Free.After(instant(now)) },
		func(a, b provisioning.AddressState) int { return a.Free.Compare(b.Free) }, skip, limit), nil
}

func (r inventoryRows) SharedAddresses(
	ctx context.Context, pool provisioning.PoolID, most int64, skip, limit int,
) ([]provisioning.AddressState, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	return r.lentFrom(pool,
		func(a provisioning.AddressState) bool {
			return a.Kind == provisioning.AddressShared && a.Owners > 0 && a.Owners < most
		},
		func(a, b provisioning.AddressState) int { return cmp.Compare(a.Owners, b.Owners) }, skip, limit), nil
}

func (r inventoryRows) CountAddresses(
	ctx context.Context, pool provisioning.PoolID, now time.Time,
) (provisioning.AddressCount, error) {
	if err := r.tx.reading(ctx); err != nil {
		return provisioning.AddressCount{}, err
	}
	var n provisioning.AddressCount
	r.lentFrom(pool, func(a provisioning.AddressState) bool {
		switch {
		case a.Owners > 0:
			n.Held++
		case a.Free.After(instant(now)):
			n.Resting++
			if n.Rested.IsZero() || a.Free.Before(n.Rested) {
				n.Rested = a.Free
			}
		}
		return false
	}, nil, 0, 0)
	return n, nil
}
