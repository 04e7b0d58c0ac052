package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

const (
	addressColumns = "network, address, pool, kind, owners, free"
	ownerColumns   = "server, kind, owner, network, address, pool, since"
)

type addressStatements struct {
	take     *statement // network, address, pool, kind, since, most, never: 1 if it could be taken
	own      *statement // ownerColumns: 1 if the owner had none
	disown   *statement // server, kind, owner: ownerColumns
	drop     *statement // network, address, free
	owner    *statement // server, kind, owner
	owned    *statement // server, kind, owner, limit
	states   *statement // network, addresses
	rested   *statement // pool, now, limit, skip
	shared   *statement // pool, most, limit, skip
	counting *statement // pool, now
}

func newAddressStatements(x sqlText) addressStatements {
	const addresses, owners = "{{schema}}.provisioning_addresses", "{{schema}}.provisioning_address_owners"
	const from = "SELECT " + addressColumns + " FROM " + addresses + " WHERE "
	const fromOwners = "SELECT " + ownerColumns + " FROM " + owners + " WHERE "
	return addressStatements{
		// One address has one owner, unless it is shared: this says so, whoever asks.
		take: x.statement("INSERT INTO " + addresses + ` AS a (network, address, pool, kind, owners, free)
			VALUES ($1::text, $2::text, $3::text, $4::text, 1, $7::timestamptz)
			ON CONFLICT (network, address) DO UPDATE SET pool = $3::text, kind = $4::text, owners = a.owners + 1
			WHERE a.owners = 0 AND a.free <= $5::timestamptz
				OR a.owners > 0 AND a.owners < $6::bigint AND a.kind = 'shared' AND $4::text = 'shared' RETURNING 1::bigint`),
		own: x.statement("INSERT INTO " + owners + " (" + ownerColumns + `)
			VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::timestamptz)
			ON CONFLICT (server, kind, owner) DO NOTHING RETURNING 1::bigint`),
		disown: x.statement("DELETE FROM " + owners + " WHERE server = $1::text AND kind = $2::text AND owner = $3::text RETURNING " + ownerColumns),
		drop: x.statement("UPDATE " + addresses + ` SET owners = owners - 1, free = $3::timestamptz
			WHERE network = $1::text AND address = $2::text`),
		owner: x.statement(fromOwners + "server = $1::text AND kind = $2::text AND owner = $3::text"),
		owned: x.statement(fromOwners + `server = $1::text AND (kind, owner) > ($2::text, $3::text)
			ORDER BY kind, owner LIMIT $4::bigint`),
		states: x.statement(from + "network = $1::text AND address = ANY ($2::text[])"),
		rested: x.statement(from + `pool = $1::text AND owners = 0 AND free <= $2::timestamptz
			ORDER BY free, network, address LIMIT $3::bigint OFFSET $4::bigint`),
		shared: x.statement(from + `pool = $1::text AND owners > 0 AND owners < $2::bigint AND kind = 'shared'
			ORDER BY owners, network, address LIMIT $3::bigint OFFSET $4::bigint`),
		counting: x.statement(`SELECT count(*) FILTER (WHERE owners > 0), count(*) FILTER (WHERE owners = 0 AND free > $2::timestamptz),
			min(free) FILTER (WHERE owners = 0 AND free > $2::timestamptz) FROM ` + addresses + " WHERE pool = $1::text"),
	}
}

// PutPool implements [provisioning.PoolRows].
func (r inventoryRows) PutPool(ctx context.Context, p provisioning.Pool) error {
	p.Changed = kept(p.Changed)
	return r.put(ctx, "postgres.PutPool", &r.sql().pools, string(p.ID), p.Version, p, string(p.Server))
}

// Pool implements [provisioning.PoolRows].
func (r inventoryRows) Pool(ctx context.Context, id provisioning.PoolID) (provisioning.Pool, error) {
	return versionedRow[provisioning.Pool](ctx, r, "postgres.Pool", &r.sql().pools, string(id))
}

// Pools implements [provisioning.PoolRows].
func (r inventoryRows) Pools(
	ctx context.Context, server provisioning.ServerID, after provisioning.PoolID, limit int,
) ([]provisioning.Pool, error) {
	var f filter
	f.text("server = ?::text", string(server))
	return selected[provisioning.Pool](ctx, r, "postgres.Pools", "provisioning_pools", &f, string(after), limit)
}

// RemovePool implements [provisioning.PoolRows].
func (r inventoryRows) RemovePool(ctx context.Context, id provisioning.PoolID, version int64) error {
	return r.remove(ctx, "postgres.RemovePool", &r.sql().pools, string(id), version)
}

// LockPool implements [provisioning.PoolRows].
func (r inventoryRows) LockPool(ctx context.Context, id provisioning.PoolID) (provisioning.Pool, netip.Addr, error) {
	if err := r.tx.usable(ctx, true); err != nil {
		return provisioning.Pool{}, netip.Addr{}, err
	}
	type locked struct {
		pool provisioning.Pool
		last netip.Addr
	}
	var p params
	p.text(string(id))
	got, err := single(query(ctx, r.tx, "postgres.LockPool", r.sql().lockPool, p, func(s *scan, x *locked) {
		s.json(&x.pool)
		x.last = s.addr()
	}))
	return got.pool, got.last, err
}

// SetCursor implements [provisioning.PoolRows].
func (r inventoryRows) SetCursor(ctx context.Context, id provisioning.PoolID, last netip.Addr) error {
	const op = "postgres.SetCursor"
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	var p params
	p.text(string(id)).text(addrText(last))
	found := int64(0)
	var send round
	send.add(r.sql().setLast, p, readInt(&found))
	if err := r.tx.run(ctx, op, &send, false); err != nil {
		return err
	}
	if found == 0 {
		return r.tx.abort(is(op, storage.ErrNotFound, fmt.Errorf("pool %.128q", id)))
	}
	return nil
}

// addrText is an address as it is kept; none is "".
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (s *scan) addr() netip.Addr {
	text := s.text()
	if text == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		s.fail(err)
	}
	return a
}

func (s *scan) address(x *provisioning.AddressState) {
	x.Network = s.text()
	x.Addr = s.addr()
	x.Pool = provisioning.PoolID(s.text())
	x.Kind = provisioning.AddressKind(s.text())
	x.Owners = s.int()
	x.Free = s.instant()
}

func (s *scan) owner(x *provisioning.Address) {
	x.Server = provisioning.ServerID(s.text())
	x.Kind = provisioning.AddressKind(s.text())
	x.Owner = s.text()
	x.Network = s.text()
	x.Addr = s.addr()
	x.Pool = provisioning.PoolID(s.text())
	x.Since = s.instant()
}

// TakeAddress implements [provisioning.AddressRows]. The owner comes first: who has an
// address already takes none.
func (r inventoryRows) TakeAddress(ctx context.Context, a provisioning.Address, most int64) (bool, error) {
	const op = "postgres.TakeAddress"
	if err := r.tx.usable(ctx, true); err != nil {
		return false, err
	}
	sql := &r.sql().addresses
	has, err := query(ctx, r.tx, op, sql.owner, ownerKey(a.Server, a.Kind, a.Owner), (*scan).owner)
	if err != nil {
		return false, err
	}
	taken := int64(0)
	if len(has) == 0 {
		var p params
		p.text(a.Network).text(addrText(a.Addr)).text(string(a.Pool)).text(string(a.Kind)).instant(a.Since).int(most).instant(time.Time{})
		var send round
		send.add(sql.take, p, readInt(&taken))
		if err := r.tx.run(ctx, op, &send, false); err != nil || taken == 0 {
			return false, err
		}
		var own params
		own.text(string(a.Server)).text(string(a.Kind)).text(a.Owner).text(a.Network).text(addrText(a.Addr)).
			text(string(a.Pool)).instant(a.Since)
		taken = 0
		send = round{}
		send.add(sql.own, own, readInt(&taken))
		if err := r.tx.run(ctx, op, &send, false); err != nil {
			return false, err
		}
	}
	if taken == 0 {
		return false, r.tx.abort(fmt.Errorf("%s: owner %.128q has an address already: %w", op, a.Owner, storage.ErrConflict))
	}
	return true, nil
}

func ownerKey(server provisioning.ServerID, kind provisioning.AddressKind, owner string) (p params) {
	p.text(string(server)).text(string(kind)).text(owner)
	return p
}

// DropAddress implements [provisioning.AddressRows].
func (r inventoryRows) DropAddress(
	ctx context.Context, server provisioning.ServerID, kind provisioning.AddressKind, owner string, free time.Time,
) (provisioning.Address, error) {
	const op = "postgres.DropAddress"
	if err := r.tx.usable(ctx, true); err != nil {
		return provisioning.Address{}, err
	}
	a, err := single(query(ctx, r.tx, op, r.sql().addresses.disown, ownerKey(server, kind, owner), (*scan).owner))
	if err != nil {
		return a, err
	}
	var p params
	p.text(a.Network).text(addrText(a.Addr)).instant(free)
	return a, r.exec(ctx, op, r.sql().addresses.drop, p)
}

// AddressOf implements [provisioning.AddressRows].
func (r inventoryRows) AddressOf(
	ctx context.Context, server provisioning.ServerID, kind provisioning.AddressKind, owner string,
) (provisioning.Address, error) {
	return single(query(ctx, r.tx, "postgres.AddressOf", r.sql().addresses.owner, ownerKey(server, kind, owner), (*scan).owner))
}

// Addresses implements [provisioning.AddressRows].
func (r inventoryRows) Addresses(
	ctx context.Context, server provisioning.ServerID, afterKind provisioning.AddressKind, afterOwner string, limit int,
) ([]provisioning.Address, error) {
	p := ownerKey(server, afterKind, afterOwner)
	p.limit(limit)
	return query(ctx, r.tx, "postgres.Addresses", r.sql().addresses.owned, p, (*scan).owner)
}

// AddressStates implements [provisioning.AddressRows].
func (r inventoryRows) AddressStates(
	ctx context.Context, network string, addrs []netip.Addr,
) ([]provisioning.AddressState, error) {
	var p params
	p.text(network)
	arrayed(&p, texts[string], addrs, func(a *netip.Addr) string { return addrText(*a) })
	return query(ctx, r.tx, "postgres.AddressStates", r.sql().addresses.states, p, (*scan).address)
}

// RestedAddresses implements [provisioning.AddressRows].
func (r inventoryRows) RestedAddresses(
	ctx context.Context, pool provisioning.PoolID, now time.Time, skip, limit int,
) ([]provisioning.AddressState, error) {
	var p params
	p.text(string(pool)).instant(now).limit(limit).limit(skip)
	return query(ctx, r.tx, "postgres.RestedAddresses", r.sql().addresses.rested, p, (*scan).address)
}

// SharedAddresses implements [provisioning.AddressRows].
func (r inventoryRows) SharedAddresses(
	ctx context.Context, pool provisioning.PoolID, most int64, skip, limit int,
) ([]provisioning.AddressState, error) {
	var p params
	p.text(string(pool)).int(most).limit(limit).limit(skip)
	return query(ctx, r.tx, "postgres.SharedAddresses", r.sql().addresses.shared, p, (*scan).address)
}

// CountAddresses implements [provisioning.AddressRows].
func (r inventoryRows) CountAddresses(
	ctx context.Context, pool provisioning.PoolID, now time.Time,
) (provisioning.AddressCount, error) {
	var p params
	p.text(string(pool)).instant(now)
	return single(query(ctx, r.tx, "postgres.CountAddresses", r.sql().addresses.counting, p, func(s *scan, n *provisioning.AddressCount) {
		n.Held, n.Resting = s.int(), s.int()
		n.Rested = s.instant()
	}))
}
