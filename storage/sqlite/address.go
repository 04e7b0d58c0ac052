package sqlite

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// A pool that is changed begins again: last is ”.
func versionedPools() versioned {
	return newVersioned("pool", "provisioning_pools", ", server, last", ", ?, ''", ", server = ?, last = ''")
}

const (
	selectPools   = `SELECT doc FROM provisioning_pools `
	queryPoolLast = `SELECT last FROM provisioning_pools WHERE id = ?`
	querySetLast  = `UPDATE provisioning_pools SET last = ?2 WHERE id = ?1`

	addressColumns = "network, address, pool, kind, owners, free"
	addressCount   = 6
	selectAddress  = "SELECT " + addressColumns + " FROM provisioning_addresses "
	queryAddress   = selectAddress + "WHERE network = ? AND address = ?"
	queryRested    = selectAddress + "WHERE pool = ? AND owners = 0 AND free <= ? ORDER BY free, network, address LIMIT ? OFFSET ?"
	queryShared    = selectAddress + "WHERE pool = ? AND owners > 0 AND owners < ? AND kind = 'shared' " +
		"ORDER BY owners, network, address LIMIT ? OFFSET ?"
	queryHeld    = `SELECT count(*) FROM provisioning_addresses WHERE pool = ? AND owners > 0`
	queryResting = `SELECT count(*), min(free) FROM provisioning_addresses WHERE pool = ? AND owners = 0 AND free > ?`

	// One address has one owner, unless it is shared: this says so, whoever asks.
	queryTakeAddress = `INSERT INTO provisioning_addresses AS a (network, address, pool, kind, owners, free)
VALUES (?1, ?2, ?3, ?4, 1, ?5) ON CONFLICT (network, address) DO UPDATE SET pool = ?3, kind = ?4, owners = a.owners + 1
WHERE a.owners = 0 AND a.free <= ?6 OR a.owners > 0 AND a.owners < ?7 AND a.kind = 'shared' AND ?4 = 'shared'`
	queryDropAddress = `UPDATE provisioning_addresses SET owners = owners - 1, free = ?3 WHERE network = ?1 AND address = ?2`

	ownerColumns     = "server, kind, owner, network, address, pool, since"
	ownerCount       = 7
	queryOwner       = "SELECT " + ownerColumns + " FROM provisioning_address_owners WHERE server = ? AND kind = ? AND owner = ?"
	queryOwners      = "SELECT " + ownerColumns + " FROM provisioning_address_owners WHERE server = ? AND (kind, owner) > (?, ?) ORDER BY kind, owner LIMIT ?"
	queryOwnerInsert = "INSERT INTO provisioning_address_owners (" + ownerColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?)"
	queryOwnerDelete = "DELETE FROM provisioning_address_owners WHERE server = ? AND kind = ? AND owner = ?"
)

// PutPool implements [provisioning.PoolRows].
func (r inventoryRows) PutPool(ctx context.Context, p provisioning.Pool) error {
	p.Changed = instant(micros(p.Changed))
	return r.put(ctx, "PutPool", versionedPools(), string(p.ID), p.Version, p, func(b *binder) { b.string(string(p.Server)) })
}

// Pool implements [provisioning.PoolRows].
func (r inventoryRows) Pool(ctx context.Context, id provisioning.PoolID) (provisioning.Pool, error) {
	return versionedRow[provisioning.Pool](ctx, r, "Pool", versionedPools(), string(id))
}

// Pools implements [provisioning.PoolRows].
func (r inventoryRows) Pools(
	ctx context.Context, server provisioning.ServerID, after provisioning.PoolID, limit int,
) ([]provisioning.Pool, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(selectPools, r.work)
	if server != "" {
		f.where("server = ?").string(string(server))
	}
	f.where("id > ?").string(string(after))
	return page[provisioning.Pool](ctx, r, "Pools", f.query("id", limit), f.b)
}

// RemovePool implements [provisioning.PoolRows].
func (r inventoryRows) RemovePool(ctx context.Context, id provisioning.PoolID, version int64) error {
	return r.remove(ctx, "RemovePool", versionedPools(), string(id), version)
}

// LockPool implements [provisioning.PoolRows].
func (r inventoryRows) LockPool(ctx context.Context, id provisioning.PoolID) (p provisioning.Pool, last netip.Addr, err error) {
	if err := r.writing(ctx); err != nil {
		return p, last, err
	}
	if err := r.lock(); err != nil {
		return p, last, failure(ctx, "LockPool", err)
	}
	if p, err = r.Pool(ctx, id); err != nil {
		return p, last, err
	}
	err = r.each(queryPoolLast, r.key(string(id)), 1, func(row *row) { last = read(row, netip.ParseAddr) })
	return p, last, failure(ctx, "LockPool", err)
}

// SetCursor implements [provisioning.PoolRows].
func (r inventoryRows) SetCursor(ctx context.Context, id provisioning.PoolID, last netip.Addr) error {
	return r.atomically(ctx, "SetCursor", func() error {
		b := r.key(string(id))
		b.string(addrText(last))
		n, err := r.run(querySetLast, b)
		if err == nil && n == 0 {
			return errNotFound("pool %.128q", id)
		}
		return err
	})
}

// addrText is an address as it is kept; none is "".
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// address reads addressColumns.
func (r *row) address() provisioning.AddressState {
	return provisioning.AddressState{
		Network: r.string(),
		Addr:    read(r, netip.ParseAddr),
		Pool:    provisioning.PoolID(r.string()),
		Kind:    provisioning.AddressKind(r.string()),
		Owners:  r.int(),
		Free:    r.instant(),
	}
}

// owner reads ownerColumns.
func (r *row) owner() provisioning.Address {
	return provisioning.Address{
		Server:  provisioning.ServerID(r.string()),
		Kind:    provisioning.AddressKind(r.string()),
		Owner:   r.string(),
		Network: r.string(),
		Addr:    read(r, netip.ParseAddr),
		Pool:    provisioning.PoolID(r.string()),
		Since:   r.instant(),
	}
}

// TakeAddress implements [provisioning.AddressRows].
func (r inventoryRows) TakeAddress(ctx context.Context, a provisioning.Address, most int64) (taking bool, err error) {
	err = r.atomically(ctx, "TakeAddress", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		owner, err := r.owners(queryOwner, string(a.Server), string(a.Kind), a.Owner)
		if err != nil {
			return err
		}
		if len(owner) > 0 {
			return fmt.Errorf("owner %.128q has an address already: %w", a.Owner, storage.ErrConflict)
		}
		b := r.work.misc.start()
		for _, s := range []string{a.Network, addrText(a.Addr), string(a.Pool), string(a.Kind)} {
			b.string(s)
		}
		b.instant(time.Time{})
		b.instant(a.Since)
		b.int(most)
		n, err := r.run(queryTakeAddress, b)
		if err != nil || n == 0 {
			return err
		}
		b = r.work.misc.start()
		for _, s := range []string{string(a.Server), string(a.Kind), a.Owner, a.Network, addrText(a.Addr), string(a.Pool)} {
			b.string(s)
		}
		b.instant(a.Since)
		_, err = r.exec(queryOwnerInsert, b)
		taking = err == nil
		return err
	})
	return taking, err
}

func (r inventoryRows) owners(query string, keys ...string) (all []provisioning.Address, err error) {
	b := r.work.misc.start()
	for _, k := range keys {
		b.string(k)
	}
	err = r.each(query, b, ownerCount, func(row *row) { all = append(all, row.owner()) })
	return all, err
}

// DropAddress implements [provisioning.AddressRows].
func (r inventoryRows) DropAddress(
	ctx context.Context, server provisioning.ServerID, kind provisioning.AddressKind, owner string, free time.Time,
) (a provisioning.Address, err error) {
	if err := r.writing(ctx); err != nil {
		return a, err
	}
	if err := r.lock(); err != nil {
		return a, failure(ctx, "DropAddress", err)
	}
	if a, err = r.AddressOf(ctx, server, kind, owner); err != nil {
		return a, err
	}
	err = r.atomically(ctx, "DropAddress", func() error {
		b := r.work.misc.start()
		b.string(string(server))
		b.string(string(kind))
		b.string(owner)
		if _, err := r.exec(queryOwnerDelete, b); err != nil {
			return err
		}
		b = r.work.misc.start()
		b.string(a.Network)
		b.string(addrText(a.Addr))
		b.instant(free)
		_, err := r.exec(queryDropAddress, b)
		return err
	})
	return a, err
}

// AddressOf implements [provisioning.AddressRows].
func (r inventoryRows) AddressOf(
	ctx context.Context, server provisioning.ServerID, kind provisioning.AddressKind, owner string,
) (provisioning.Address, error) {
	if err := r.reading(ctx); err != nil {
		return provisioning.Address{}, err
	}
	all, err := r.owners(queryOwner, string(server), string(kind), owner)
	switch {
	case err != nil:
		return provisioning.Address{}, failure(ctx, "AddressOf", err)
	case len(all) == 0:
		return provisioning.Address{}, errNotFound("address of %.128q", owner)
	}
	return all[0], nil
}

// Addresses implements [provisioning.AddressRows].
func (r inventoryRows) Addresses(
	ctx context.Context, server provisioning.ServerID, afterKind provisioning.AddressKind, afterOwner string, limit int,
) (all []provisioning.Address, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.key(string(server))
	b.string(string(afterKind))
	b.string(afterOwner)
	b.int(int64(limit))
	err = r.list(ctx, queryOwners, b, ownerCount, func(row *row) { all = append(all, row.owner()) })
	return all, failure(ctx, "Addresses", err)
}

// AddressStates implements [provisioning.AddressRows].
func (r inventoryRows) AddressStates(
	ctx context.Context, network string, addrs []netip.Addr,
) (all []provisioning.AddressState, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	for _, a := range addrs {
		b := r.key(network)
		b.string(addrText(a))
		if err := r.each(queryAddress, b, addressCount, func(row *row) { all = append(all, row.address()) }); err != nil {
			return nil, failure(ctx, "AddressStates", err)
		}
	}
	return all, nil
}

// RestedAddresses implements [provisioning.AddressRows].
func (r inventoryRows) RestedAddresses(
	ctx context.Context, pool provisioning.PoolID, now time.Time, skip, limit int,
) ([]provisioning.AddressState, error) {
	return r.addresses(ctx, "RestedAddresses", queryRested, pool, micros(now), skip, limit)
}

// SharedAddresses implements [provisioning.AddressRows].
func (r inventoryRows) SharedAddresses(
	ctx context.Context, pool provisioning.PoolID, most int64, skip, limit int,
) ([]provisioning.AddressState, error) {
	return r.addresses(ctx, "SharedAddresses", queryShared, pool, most, skip, limit)
}

func (r inventoryRows) addresses(
	ctx context.Context, op, query string, pool provisioning.PoolID, bound int64, skip, limit int,
) (all []provisioning.AddressState, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.key(string(pool))
	b.int(bound)
	b.int(int64(limit))
	b.int(int64(max(skip, 0)))
	err = r.list(ctx, query, b, addressCount, func(row *row) { all = append(all, row.address()) })
	return all, failure(ctx, op, err)
}

// CountAddresses implements [provisioning.AddressRows].
func (r inventoryRows) CountAddresses(
	ctx context.Context, pool provisioning.PoolID, now time.Time,
) (n provisioning.AddressCount, err error) {
	if err := r.reading(ctx); err != nil {
		return n, err
	}
	if err := r.each(queryHeld, r.key(string(pool)), 1, func(row *row) { n.Held = row.int() }); err != nil {
		return n, failure(ctx, "CountAddresses", err)
	}
	b := r.key(string(pool))
	b.instant(now)
	err = r.each(queryResting, b, 2, func(row *row) {
		n.Resting = row.int()
		if first, any := row.minor(); any {
			n.Rested = instant(first)
		}
	})
	return n, failure(ctx, "CountAddresses", err)
}
