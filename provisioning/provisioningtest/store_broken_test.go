package provisioningtest_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// storeFaults are what a broken store does instead. Those that are nil are as they should
// be. do is what it should do.
type storeFaults struct {
	tx          func(tx storage.Tx, rows provisioning.Rows, err error) (provisioning.Rows, error)
	reopenEmpty bool

	services serviceFaults

	groups   rowFaults[provisioning.Group]
	machines rowFaults[provisioning.Machine]
	servers  rowFaults[provisioning.Server]
	pools    rowFaults[provisioning.Pool]

	lock     func(ctx context.Context, rows provisioning.Rows) error
	revision func(v provisioning.Revision) provisioning.Revision
	machineQ func(q *provisioning.MachineQuery)
	serverQ  func(q *provisioning.ServerQuery)
	poolsOf  func(server *provisioning.ServerID)

	putRoom     func(ctx context.Context, rows provisioning.Rows, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time) error
	removeRoom  func(ctx context.Context, rows provisioning.Rows, of provisioning.LoadKey) error
	changeLoads func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error)
	loads       func(ctx context.Context, rows provisioning.Rows, since time.Time, after provisioning.LoadKey, limit int) ([]provisioning.Load, error)

	putReservations func(ctx context.Context, rows provisioning.Rows, all []provisioning.Reservation) error
	byID            func(all []provisioning.Reservation) []provisioning.Reservation
	byKey           func(ctx context.Context, rows provisioning.Rows, seller, key string) ([]provisioning.Reservation, error)
	due             func(ctx context.Context, rows provisioning.Rows, now time.Time, limit int) ([]provisioning.Reservation, error)
	reservationQ    func(q *provisioning.ReservationQuery)
	listed          func(all []provisioning.Reservation) []provisioning.Reservation
	purge           func(ctx context.Context, rows provisioning.Rows, before time.Time, limit int) (int, error)

	takeAddress func(ctx context.Context, rows provisioning.Rows, a provisioning.Address, most int64) (bool, error)
	dropAddress func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, kind provisioning.AddressKind, owner string, free time.Time) (provisioning.Address, error)
	rested      func(all []provisioning.AddressState) []provisioning.AddressState
	lockPool    func(p provisioning.Pool, last netip.Addr, err error) (provisioning.Pool, netip.Addr, error)
	setCursor   func(ctx context.Context, rows provisioning.Rows, id provisioning.PoolID, last netip.Addr) error
}

// rowFaults are those of one sort of rows.
type rowFaults[V any] struct {
	put    func(ctx context.Context, rows provisioning.Rows, v V) error
	find   func(v V, err error) (V, error)
	id     func(id string) string // that is looked for
	list   func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]V, error)
	remove func(ctx context.Context, rows provisioning.Rows, id string, version int64) error
}

type brokenStore struct {
	*memory.Store
	f storeFaults
}

func (s *brokenStore) Provisioning(tx storage.Tx) (provisioning.Rows, error) {
	rows, err := s.Store.Provisioning(tx)
	if s.f.tx != nil {
		rows, err = s.f.tx(tx, rows, err)
	}
	if err != nil {
		return nil, err
	}
	return brokenRows{rows, &s.f}, nil
}

type brokenRows struct {
	provisioning.Rows
	f *storeFaults
}

func put[V any](ctx context.Context, f *rowFaults[V], rows provisioning.Rows, v V, do func(context.Context, V) error) error {
	if f.put != nil {
		return f.put(ctx, rows, v)
	}
	return do(ctx, v)
}

func find[V any, K ~string](ctx context.Context, f *rowFaults[V], id K, do func(context.Context, K) (V, error)) (V, error) {
	if f.id != nil {
		id = K(f.id(string(id)))
	}
	v, err := do(ctx, id)
	if f.find != nil {
		return f.find(v, err)
	}
	return v, err
}

func remove[V any, K ~string](
	ctx context.Context, f *rowFaults[V], rows provisioning.Rows, id K, version int64, do func(context.Context, K, int64) error,
) error {
	if f.remove != nil {
		return f.remove(ctx, rows, string(id), version)
	}
	return do(ctx, id, version)
}

func (r brokenRows) PutGroup(ctx context.Context, g provisioning.Group) error {
	return put(ctx, &r.f.groups, r.Rows, g, r.Rows.PutGroup)
}

func (r brokenRows) Group(ctx context.Context, id provisioning.GroupID) (provisioning.Group, error) {
	return find(ctx, &r.f.groups, id, r.Rows.Group)
}

func (r brokenRows) Groups(ctx context.Context, after provisioning.GroupID, limit int) ([]provisioning.Group, error) {
	if r.f.groups.list != nil {
		return r.f.groups.list(ctx, r.Rows, string(after), limit)
	}
	return r.Rows.Groups(ctx, after, limit)
}

func (r brokenRows) RemoveGroup(ctx context.Context, id provisioning.GroupID, version int64) error {
	return remove(ctx, &r.f.groups, r.Rows, id, version, r.Rows.RemoveGroup)
}

func (r brokenRows) PutMachine(ctx context.Context, m provisioning.Machine) error {
	return put(ctx, &r.f.machines, r.Rows, m, r.Rows.PutMachine)
}

func (r brokenRows) Machine(ctx context.Context, id provisioning.MachineID) (provisioning.Machine, error) {
	return find(ctx, &r.f.machines, id, r.Rows.Machine)
}

func (r brokenRows) Machines(
	ctx context.Context, q provisioning.MachineQuery, after provisioning.MachineID, limit int,
) ([]provisioning.Machine, error) {
	if r.f.machineQ != nil {
		r.f.machineQ(&q)
	}
	if r.f.machines.list != nil {
		return r.f.machines.list(ctx, r.Rows, string(after), limit)
	}
	return r.Rows.Machines(ctx, q, after, limit)
}

func (r brokenRows) RemoveMachine(ctx context.Context, id provisioning.MachineID, version int64) error {
	return remove(ctx, &r.f.machines, r.Rows, id, version, r.Rows.RemoveMachine)
}

func (r brokenRows) PutServer(ctx context.Context, s provisioning.Server) error {
	return put(ctx, &r.f.servers, r.Rows, s, r.Rows.PutServer)
}

func (r brokenRows) Server(ctx context.Context, id provisioning.ServerID) (provisioning.Server, error) {
	return find(ctx, &r.f.servers, id, r.Rows.Server)
}

func (r brokenRows) Servers(
	ctx context.Context, q provisioning.ServerQuery, after provisioning.ServerID, limit int,
) ([]provisioning.Server, error) {
	if r.f.serverQ != nil {
		r.f.serverQ(&q)
	}
	if r.f.servers.list != nil {
		return r.f.servers.list(ctx, r.Rows, string(after), limit)
	}
	return r.Rows.Servers(ctx, q, after, limit)
}

func (r brokenRows) RemoveServer(ctx context.Context, id provisioning.ServerID, version int64) error {
	return remove(ctx, &r.f.servers, r.Rows, id, version, r.Rows.RemoveServer)
}

func (r brokenRows) PutPool(ctx context.Context, p provisioning.Pool) error {
	return put(ctx, &r.f.pools, r.Rows, p, r.Rows.PutPool)
}

func (r brokenRows) Pool(ctx context.Context, id provisioning.PoolID) (provisioning.Pool, error) {
	return find(ctx, &r.f.pools, id, r.Rows.Pool)
}

func (r brokenRows) Pools(
	ctx context.Context, server provisioning.ServerID, after provisioning.PoolID, limit int,
) ([]provisioning.Pool, error) {
	if r.f.poolsOf != nil {
		r.f.poolsOf(&server)
	}
	if r.f.pools.list != nil {
		return r.f.pools.list(ctx, r.Rows, string(after), limit)
	}
	return r.Rows.Pools(ctx, server, after, limit)
}

func (r brokenRows) RemovePool(ctx context.Context, id provisioning.PoolID, version int64) error {
	return remove(ctx, &r.f.pools, r.Rows, id, version, r.Rows.RemovePool)
}

func (r brokenRows) LockInventory(ctx context.Context) error {
	if r.f.lock != nil {
		return r.f.lock(ctx, r.Rows)
	}
	return r.Rows.LockInventory(ctx)
}

func (r brokenRows) Revision(ctx context.Context) (provisioning.Revision, error) {
	v, err := r.Rows.Revision(ctx)
	if r.f.revision != nil {
		v = r.f.revision(v)
	}
	return v, err
}

func (r brokenRows) PutRoom(ctx context.Context, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time) error {
	if r.f.putRoom != nil {
		return r.f.putRoom(ctx, r.Rows, of, version, capacity, at)
	}
	return r.Rows.PutRoom(ctx, of, version, capacity, at)
}

func (r brokenRows) RemoveRoom(ctx context.Context, of provisioning.LoadKey) error {
	if r.f.removeRoom != nil {
		return r.f.removeRoom(ctx, r.Rows, of)
	}
	return r.Rows.RemoveRoom(ctx, of)
}

func (r brokenRows) ChangeLoads(ctx context.Context, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
	if r.f.changeLoads != nil {
		return r.f.changeLoads(ctx, r.Rows, b)
	}
	return r.Rows.ChangeLoads(ctx, b)
}

func (r brokenRows) Loads(ctx context.Context, since time.Time, after provisioning.LoadKey, limit int) ([]provisioning.Load, error) {
	if r.f.loads != nil {
		return r.f.loads(ctx, r.Rows, since, after, limit)
	}
	return r.Rows.Loads(ctx, since, after, limit)
}

func (r brokenRows) PutReservations(ctx context.Context, all []provisioning.Reservation) error {
	if r.f.putReservations != nil {
		return r.f.putReservations(ctx, r.Rows, all)
	}
	return r.Rows.PutReservations(ctx, all)
}

func (r brokenRows) ReservationsByID(ctx context.Context, ids []provisioning.ReservationID) ([]provisioning.Reservation, error) {
	all, err := r.Rows.ReservationsByID(ctx, ids)
	if r.f.byID != nil {
		all = r.f.byID(all)
	}
	return all, err
}

func (r brokenRows) ReservationsByKey(ctx context.Context, seller, key string) ([]provisioning.Reservation, error) {
	if r.f.byKey != nil {
		return r.f.byKey(ctx, r.Rows, seller, key)
	}
	return r.Rows.ReservationsByKey(ctx, seller, key)
}

func (r brokenRows) ReservationsDue(ctx context.Context, now time.Time, limit int) ([]provisioning.Reservation, error) {
	if r.f.due != nil {
		return r.f.due(ctx, r.Rows, now, limit)
	}
	return r.Rows.ReservationsDue(ctx, now, limit)
}

func (r brokenRows) Reservations(
	ctx context.Context, q provisioning.ReservationQuery, after provisioning.ReservationID, limit int,
) ([]provisioning.Reservation, error) {
	if r.f.reservationQ != nil {
		r.f.reservationQ(&q)
	}
	all, err := r.Rows.Reservations(ctx, q, after, limit)
	if r.f.listed != nil {
		all = r.f.listed(all)
	}
	return all, err
}

func (r brokenRows) PurgeReservations(ctx context.Context, before time.Time, limit int) (int, error) {
	if r.f.purge != nil {
		return r.f.purge(ctx, r.Rows, before, limit)
	}
	return r.Rows.PurgeReservations(ctx, before, limit)
}

func (r brokenRows) TakeAddress(ctx context.Context, a provisioning.Address, most int64) (bool, error) {
	if r.f.takeAddress != nil {
		return r.f.takeAddress(ctx, r.Rows, a, most)
	}
	return r.Rows.TakeAddress(ctx, a, most)
}

func (r brokenRows) DropAddress(
	ctx context.Context, server provisioning.ServerID, kind provisioning.AddressKind, owner string, free time.Time,
) (provisioning.Address, error) {
	if r.f.dropAddress != nil {
		return r.f.dropAddress(ctx, r.Rows, server, kind, owner, free)
	}
	return r.Rows.DropAddress(ctx, server, kind, owner, free)
}

func (r brokenRows) RestedAddresses(
	ctx context.Context, pool provisioning.PoolID, now time.Time, skip, limit int,
) ([]provisioning.AddressState, error) {
	all, err := r.Rows.RestedAddresses(ctx, pool, now, skip, limit)
	if r.f.rested != nil {
		all = r.f.rested(all)
	}
	return all, err
}

func (r brokenRows) LockPool(ctx context.Context, id provisioning.PoolID) (provisioning.Pool, netip.Addr, error) {
	p, last, err := r.Rows.LockPool(ctx, id)
	if r.f.lockPool != nil {
		return r.f.lockPool(p, last, err)
	}
	return p, last, err
}

func (r brokenRows) SetCursor(ctx context.Context, id provisioning.PoolID, last netip.Addr) error {
	if r.f.setCursor != nil {
		return r.f.setCursor(ctx, r.Rows, id, last)
	}
	return r.Rows.SetCursor(ctx, id, last)
}

func storeHarness(break_ func(f *storeFaults)) provisioningtest.StoreHarness {
	open := func() *brokenStore {
		s := &brokenStore{Store: memory.New()}
		break_(&s.f)
		return s
	}
	return provisioningtest.StoreHarness{
		New: func(*testing.T) provisioning.Store { return open() },
		Reopen: func(_ *testing.T, s provisioning.Store) provisioning.Store {
			if b := s.(*brokenStore); !b.f.reopenEmpty {
				return s
			}
			return open()
		},
		Patience: 10 * time.Second,
	}
}
