package memory

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// The store keeps the rows of package provisioning.
var _ provisioning.Store = (*Store)(nil)

// inventoryState is what there is to place services on.
type inventoryState struct {
	revision provisioning.Revision
	written  tree[writtenKey, int64] // the revision at which a machine or server was written
	groups   tree[provisioning.GroupID, provisioning.Group]
	machines tree[provisioning.MachineID, provisioning.Machine]
	servers  tree[provisioning.ServerID, provisioning.Server]
	loads    tree[provisioning.LoadKey, provisioning.Load]

	reservations tree[provisioning.ReservationID, provisioning.Reservation]
	keyed        tree[reservationKey, provisioning.ReservationID]
	due          tree[reservationTime, struct{}] // held, by Expires
	ended        tree[reservationTime, struct{}] // by Ended

	pools   tree[provisioning.PoolID, keptPool]
	owned   tree[ownerKey, provisioning.Address]
	address tree[addressKey, provisioning.AddressState]
	lent    tree[lentKey, struct{}] // the keys of address, by pool
}

func newInventoryState() inventoryState {
	return inventoryState{
		written: newTree[writtenKey, int64](func(a, b writtenKey) int {
			return cmp.Or(cmp.Compare(a.machine, b.machine), cmp.Compare(a.server, b.server))
		}),
		groups:   newTree[provisioning.GroupID, provisioning.Group](cmp.Compare[provisioning.GroupID]),
		machines: newTree[provisioning.MachineID, provisioning.Machine](cmp.Compare[provisioning.MachineID]),
		servers:  newTree[provisioning.ServerID, provisioning.Server](cmp.Compare[provisioning.ServerID]),
		loads:    newTree[provisioning.LoadKey, provisioning.Load](compareLoads),

		reservations: newTree[provisioning.ReservationID, provisioning.Reservation](cmp.Compare[provisioning.ReservationID]),
		keyed: newTree[reservationKey, provisioning.ReservationID](func(a, b reservationKey) int {
			return cmp.Or(cmp.Compare(a.seller, b.seller), cmp.Compare(a.key, b.key), cmp.Compare(a.position, b.position))
		}),
		due:   newTree[reservationTime, struct{}](compareTimes),
		ended: newTree[reservationTime, struct{}](compareTimes),

		pools: newTree[provisioning.PoolID, keptPool](cmp.Compare[provisioning.PoolID]),
		owned: newTree[ownerKey, provisioning.Address](func(a, b ownerKey) int {
			return cmp.Or(cmp.Compare(a.server, b.server), cmp.Compare(a.kind, b.kind), cmp.Compare(a.owner, b.owner))
		}),
		address: newTree[addressKey, provisioning.AddressState](compareAddresses),
		lent: newTree[lentKey, struct{}](func(a, b lentKey) int {
			return cmp.Or(cmp.Compare(a.pool, b.pool), compareAddresses(a.addressKey, b.addressKey))
		}),
	}
}

// writtenKey is a machine or a server.
type writtenKey struct {
	machine provisioning.MachineID
	server  provisioning.ServerID
}

// reservationKey is Seller, Key and Position of a reservation that has a key.
type reservationKey struct {
	seller, key string
	position    int
}

type reservationTime struct {
	at time.Time
	id provisioning.ReservationID
}

func compareTimes(a, b reservationTime) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
}

// keptPool is a pool with its cursor.
type keptPool struct {
	provisioning.Pool
	cursor netip.Addr
}

type ownerKey struct {
	server provisioning.ServerID
	kind   provisioning.AddressKind
	owner  string
}

type addressKey struct{ network, addr string }

func compareAddresses(a, b addressKey) int {
	return cmp.Or(cmp.Compare(a.network, b.network), cmp.Compare(a.addr, b.addr))
}

type lentKey struct {
	pool provisioning.PoolID
	addressKey
}

// compareLoads has machines before servers.
func compareLoads(a, b provisioning.LoadKey) int {
	return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Dimension, b.Dimension))
}

// Provisioning implements [provisioning.Store].
func (s *Store) Provisioning(x storage.Tx) (provisioning.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return provisioningRows{inventoryRows{t}, serviceRows{t}}, nil
}

// provisioningRows is the rows of package provisioning within a transaction.
type provisioningRows struct {
	inventoryRows
	serviceRows
}

// inventoryRows is what there is to place services on.
type inventoryRows struct{ tx *tx }

func (r inventoryRows) inventory() *inventoryState { return &r.tx.state.inventory }

// LockInventory has nothing to lock: writers take turns.
func (r inventoryRows) LockInventory(ctx context.Context) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	r.inventory().revision.Number++
	return nil
}

func (r inventoryRows) Revision(ctx context.Context) (provisioning.Revision, error) {
	if err := r.tx.reading(ctx); err != nil {
		return provisioning.Revision{}, err
	}
	return r.inventory().revision, nil
}

// versioned is how rows are kept that have an ID and a version.
type versioned[K ~string, V any] struct {
	tx      *tx
	rows    *tree[K, V]
	what    string
	version func(V) int64
	clone   func(V) V
}

func (v versioned[K, V]) put(ctx context.Context, id K, row V) error {
	if err := v.tx.writing(ctx); err != nil {
		return err
	}
	old, _ := v.rows.get(id)
	if v.version(old) != v.version(row)-1 {
		return v.tx.abort(v.conflict(id, old))
	}
	v.rows.set(v.tx.own, id, v.clone(row))
	return nil
}

func (v versioned[K, V]) conflict(id K, old V) error {
	return fmt.Errorf("%s %.128q is at version %d: %w", v.what, id, v.version(old), storage.ErrConflict)
}

func (v versioned[K, V]) find(ctx context.Context, id K) (V, error) {
	var none V
	if err := v.tx.reading(ctx); err != nil {
		return none, err
	}
	row, ok := v.rows.get(id)
	if !ok {
		return none, fmt.Errorf("%s %.128q: %w", v.what, id, storage.ErrNotFound)
	}
	return v.clone(row), nil
}

func (v versioned[K, V]) page(ctx context.Context, after K, limit int, match func(V) bool) ([]V, error) {
	if err := v.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []V
	for _, row := range v.rows.after(after) {
		if len(page) >= limit {
			break
		}
		if match(row) {
			page = append(page, v.clone(row))
		}
	}
	return page, nil
}

func (v versioned[K, V]) remove(ctx context.Context, id K, version int64) error {
	if err := v.tx.writing(ctx); err != nil {
		return err
	}
	old, ok := v.rows.get(id)
	switch {
	case !ok:
		return fmt.Errorf("%s %.128q: %w", v.what, id, storage.ErrNotFound)
	case v.version(old) != version:
		return v.tx.abort(v.conflict(id, old))
	}
	v.rows.delete(v.tx.own, id)
	return nil
}
