package provisioningtest_test

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// storeMutant is a store that breaks one rule at least: the one named.
type storeMutant struct {
	name, rule string
	break_     func(f *storeFaults)
}

// storeMutants are all of them.
func storeMutants() []storeMutant {
	return slices.Concat(
		rowMutants("GROUP", "Group.ID-2", func(f *storeFaults) *rowFaults[provisioning.Group] { return &f.groups },
			rowsOf[provisioning.Group]{
				put: provisioning.Rows.PutGroup, version: func(g *provisioning.Group) *int64 { return &g.Version },
				id: func(g *provisioning.Group) string { return string(g.ID) }, lose: func(g *provisioning.Group) { g.Name = "" },
				find: func(ctx context.Context, rows provisioning.Rows, id string) (provisioning.Group, error) {
					return rows.Group(ctx, provisioning.GroupID(id))
				},
				list: func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Group, error) {
					return rows.Groups(ctx, provisioning.GroupID(after), limit)
				},
				remove: func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
					return rows.RemoveGroup(ctx, provisioning.GroupID(id), version)
				},
			}),
		rowMutants("MACHINE", "Machine.ID-2", func(f *storeFaults) *rowFaults[provisioning.Machine] { return &f.machines },
			rowsOf[provisioning.Machine]{
				put: provisioning.Rows.PutMachine, version: func(m *provisioning.Machine) *int64 { return &m.Version },
				id: func(m *provisioning.Machine) string { return string(m.ID) }, lose: func(m *provisioning.Machine) { m.TakeKey = "" },
				find: func(ctx context.Context, rows provisioning.Rows, id string) (provisioning.Machine, error) {
					return rows.Machine(ctx, provisioning.MachineID(id))
				},
				list: func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Machine, error) {
					return rows.Machines(ctx, provisioning.MachineQuery{}, provisioning.MachineID(after), limit)
				},
				remove: func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
					return rows.RemoveMachine(ctx, provisioning.MachineID(id), version)
				},
			}),
		rowMutants("SERVER", "Server.ID-2", func(f *storeFaults) *rowFaults[provisioning.Server] { return &f.servers },
			rowsOf[provisioning.Server]{
				put: provisioning.Rows.PutServer, version: func(s *provisioning.Server) *int64 { return &s.Version },
				id: func(s *provisioning.Server) string { return string(s.ID) }, lose: func(s *provisioning.Server) { s.Weight = 0 },
				find: func(ctx context.Context, rows provisioning.Rows, id string) (provisioning.Server, error) {
					return rows.Server(ctx, provisioning.ServerID(id))
				},
				list: func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Server, error) {
					return rows.Servers(ctx, provisioning.ServerQuery{}, provisioning.ServerID(after), limit)
				},
				remove: func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
					return rows.RemoveServer(ctx, provisioning.ServerID(id), version)
				},
			}),
		rowMutants("POOL", "Pool.ID-2", func(f *storeFaults) *rowFaults[provisioning.Pool] { return &f.pools },
			rowsOf[provisioning.Pool]{
				put: provisioning.Rows.PutPool, version: func(p *provisioning.Pool) *int64 { return &p.Version },
				id: func(p *provisioning.Pool) string { return string(p.ID) }, lose: func(p *provisioning.Pool) { p.Exclude = nil },
				find: func(ctx context.Context, rows provisioning.Rows, id string) (provisioning.Pool, error) {
					return rows.Pool(ctx, provisioning.PoolID(id))
				},
				list: func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Pool, error) {
					return rows.Pools(ctx, "", provisioning.PoolID(after), limit)
				},
				remove: func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
					return rows.RemovePool(ctx, provisioning.PoolID(id), version)
				},
			}),
		inventoryMutants(), roomMutants(), reservationMutants(), addressMutants(), txMutants(), serviceMutants(),
	)
}

// rowsOf is how rows of one sort are reached.
type rowsOf[V any] struct {
	put     func(rows provisioning.Rows, ctx context.Context, v V) error
	version func(*V) *int64
	id      func(*V) string
	lose    func(*V) // a field
	find    func(ctx context.Context, rows provisioning.Rows, id string) (V, error)
	list    func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]V, error)
	remove  func(ctx context.Context, rows provisioning.Rows, id string, version int64) error
}

// rowMutants are stores that keep one sort of rows badly. full is the ID of the row that
// the suite fills.
func rowMutants[V any](prefix, full string, of func(f *storeFaults) *rowFaults[V], r rowsOf[V]) []storeMutant {
	return []storeMutant{
		{"loses a field", prefix + "-1", func(f *storeFaults) {
			of(f).put = func(ctx context.Context, rows provisioning.Rows, v V) error {
				r.lose(&v)
				return r.put(rows, ctx, v)
			}
		}},
		{"keeps what was there before", prefix + "-2", func(f *storeFaults) {
			of(f).put = func(ctx context.Context, rows provisioning.Rows, v V) error {
				if old, err := r.find(ctx, rows, r.id(&v)); err == nil && r.id(&v) == full {
					*r.version(&old) = *r.version(&v)
					v = old
				}
				return r.put(rows, ctx, v)
			}
		}},
		{"overwrites any version", prefix + "-3", func(f *storeFaults) {
			of(f).put = func(ctx context.Context, rows provisioning.Rows, v V) error {
				if old, err := r.find(ctx, rows, r.id(&v)); err == nil {
					*r.version(&v) = *r.version(&old) + 1
				}
				return r.put(rows, ctx, v)
			}
		}},
		{"finds in any case", prefix + "-4", func(f *storeFaults) {
			of(f).id = func(id string) string {
				if id == "AB" {
					return "ab"
				}
				return id
			}
		}},
		{"lists one more", prefix + "-5", func(f *storeFaults) {
			of(f).list = func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]V, error) {
				return r.list(ctx, rows, after, limit+1)
			}
		}},
		{"lists backwards", prefix + "-5", func(f *storeFaults) {
			of(f).list = func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]V, error) {
				page, err := r.list(ctx, rows, after, limit)
				slices.Reverse(page)
				return page, err
			}
		}},
		{"removes any version", prefix + "-6", func(f *storeFaults) {
			of(f).remove = func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
				if old, err := r.find(ctx, rows, id); err == nil {
					version = *r.version(&old)
				}
				return r.remove(ctx, rows, id, version)
			}
		}},
		{"removes nothing silently", prefix + "-6", func(f *storeFaults) {
			of(f).remove = func(ctx context.Context, rows provisioning.Rows, id string, version int64) error {
				if _, err := r.find(ctx, rows, id); err != nil {
					return nil
				}
				return r.remove(ctx, rows, id, version)
			}
		}},
		{"uses the memory of what it returns for something else", prefix + "-7", func(f *storeFaults) {
			of(f).find = func(v V, err error) (V, error) {
				conformance.Scramble(&v)
				return v, err
			}
		}},
		{"takes the version as said", prefix + "-8", func(f *storeFaults) {
			of(f).put = func(ctx context.Context, rows provisioning.Rows, v V) error {
				if old, err := r.find(ctx, rows, r.id(&v)); err == nil && *r.version(&old) == *r.version(&v) {
					return nil
				}
				return r.put(rows, ctx, v)
			}
		}},
	}
}

func inventoryMutants() []storeMutant {
	return []storeMutant{
		{"asks for no allocation", "QUERY-1", func(f *storeFaults) {
			f.machineQ = func(q *provisioning.MachineQuery) { q.Allocation = "" }
		}},
		{"asks for no seller", "QUERY-1", func(f *storeFaults) { f.machineQ = func(q *provisioning.MachineQuery) { q.Seller = "" } }},
		{"asks for no machine", "QUERY-2", func(f *storeFaults) { f.serverQ = func(q *provisioning.ServerQuery) { q.Machine = "" } }},
		{"asks for no group", "QUERY-2", func(f *storeFaults) { f.serverQ = func(q *provisioning.ServerQuery) { q.Group = "" } }},
		{"asks for no server", "QUERY-2", func(f *storeFaults) { f.poolsOf = func(s *provisioning.ServerID) { *s = "" } }},
		{"does not count", "REVISION-1", func(f *storeFaults) { f.lock = func(context.Context, provisioning.Rows) error { return nil } }},
		{"tells no removal", "REVISION-1", func(f *storeFaults) {
			f.revision = func(v provisioning.Revision) provisioning.Revision { v.Removal = 0; return v }
		}},
		{"asks since ever", "REVISION-2", func(f *storeFaults) { f.machineQ = func(q *provisioning.MachineQuery) { q.Since = 0 } }},
		{"knows new ones only", "REVISION-2", func(f *storeFaults) {
			f.serverQ = func(q *provisioning.ServerQuery) {
				if q.Since > 0 {
					q.Since = math.MaxInt64
				}
			}
		}},
		{"reads what was there before", "REVISION-3", func(f *storeFaults) {
			f.groups.list = func(ctx context.Context, rows provisioning.Rows, after string, limit int) ([]provisioning.Group, error) {
				page, err := rows.Groups(ctx, provisioning.GroupID(after), limit)
				if len(page) == 9 {
					page = page[:8]
				}
				return page, err
			}
		}},
	}
}

// unlimited changes loads whatever their capacity is.
func unlimited(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch, only func(provisioning.LoadKey) bool) (provisioning.LoadResult, error) {
	type was struct {
		of       provisioning.LoadKey
		version  int64
		capacity map[string]int64
	}
	var all []was
	seen := map[provisioning.LoadKey]bool{}
	for _, c := range b.Changes {
		of := c.LoadKey
		of.Dimension = ""
		loads, err := rows.LoadsOf(ctx, of)
		if err != nil {
			return provisioning.LoadResult{}, err
		}
		if seen[of] || len(loads) == 0 {
			continue
		}
		seen[of] = true
		w, left := was{of, loads[0].Version, map[string]int64{}}, map[string]int64{}
		for _, l := range loads {
			if l.Dimension == provisioning.DimensionServices {
				w.version = l.Version
			}
			if l.Limited {
				w.capacity[l.Dimension] = l.Capacity
				if !only(l.LoadKey) {
					left[l.Dimension] = l.Capacity
				}
			}
		}
		all = append(all, w)
		if err := rows.PutRoom(ctx, of, w.version, left, b.At); err != nil {
			return provisioning.LoadResult{}, err
		}
	}
	result, err := rows.ChangeLoads(ctx, b)
	for _, w := range all {
		err = errors.Join(err, rows.PutRoom(ctx, w.of, w.version, w.capacity, b.At))
	}
	return result, err
}

func roomMutants() []storeMutant {
	return []storeMutant{
		{"forgets what is used", "ROOM-1", func(f *storeFaults) {
			f.putRoom = func(ctx context.Context, rows provisioning.Rows, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time) error {
				loads, err := rows.LoadsOf(ctx, of)
				if err != nil {
					return err
				}
				b := provisioning.LoadBatch{At: at}
				for _, l := range loads {
					b.Changes = append(b.Changes, provisioning.LoadChange{LoadKey: l.LoadKey, By: -l.Used})
				}
				if _, err := rows.ChangeLoads(ctx, b); err != nil {
					return err
				}
				return rows.PutRoom(ctx, of, version, capacity, at)
			}
		}},
		{"keeps old limits", "ROOM-1", func(f *storeFaults) {
			f.putRoom = func(ctx context.Context, rows provisioning.Rows, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time) error {
				loads, err := rows.LoadsOf(ctx, of)
				if err != nil {
					return err
				}
				all := map[string]int64{}
				for _, l := range loads {
					if l.Limited {
						all[l.Dimension] = l.Capacity
					}
				}
				for d, n := range capacity {
					all[d] = n
				}
				return rows.PutRoom(ctx, of, version, all, at)
			}
		}},
		{"changes what fits", "ROOM-2", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				result, err := rows.ChangeLoads(ctx, b)
				if err != nil || result.Done {
					return result, err
				}
				for _, c := range b.Changes {
					if _, err := rows.ChangeLoads(ctx, provisioning.LoadBatch{Changes: []provisioning.LoadChange{c}, At: b.At}); err != nil {
						return result, err
					}
				}
				return result, nil
			}
		}},
		{"does not fill up", "ROOM-2", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				for _, c := range b.Changes {
					loads, err := rows.LoadsOf(ctx, provisioning.LoadKey{Machine: c.Machine, Server: c.Server})
					if err != nil {
						return provisioning.LoadResult{}, err
					}
					for _, l := range loads {
						if l.LoadKey == c.LoadKey && l.Limited && c.By > 0 && l.Used+c.By == l.Capacity {
							return provisioning.LoadResult{Loads: loads}, nil
						}
					}
				}
				return rows.ChangeLoads(ctx, b)
			}
		}},
		{"asks for no version", "ROOM-3", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				b.Changes = slices.Clone(b.Changes)
				for i := range b.Changes {
					b.Changes[i].Version = 0
				}
				return rows.ChangeLoads(ctx, b)
			}
		}},
		{"makes servers", "ROOM-3", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				for _, c := range b.Changes {
					of := provisioning.LoadKey{Machine: c.Machine, Server: c.Server}
					if loads, err := rows.LoadsOf(ctx, of); err != nil || len(loads) > 0 {
						continue
					}
					if err := rows.PutRoom(ctx, of, 1, nil, b.At); err != nil {
						return provisioning.LoadResult{}, err
					}
				}
				return rows.ChangeLoads(ctx, b)
			}
		}},
		{"looks before it writes", "ROOM-4", func(f *storeFaults) {
			var n atomic.Int64
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				if n.Add(1)%7 == 0 {
					return unlimited(ctx, rows, b, func(provisioning.LoadKey) bool { return true })
				}
				return rows.ChangeLoads(ctx, b)
			}
		}},
		{"refuses who comes second", "ROOM-4", func(f *storeFaults) {
			var n atomic.Int64
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				if n.Add(1)%2 == 0 {
					return provisioning.LoadResult{}, nil
				}
				return rows.ChangeLoads(ctx, b)
			}
		}},
		{"locks in the order given", "ROOM-5", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				if len(b.Changes) > 1 && b.Changes[0].Machine != "" {
					return provisioning.LoadResult{}, storage.ErrConflict
				}
				return rows.ChangeLoads(ctx, b)
			}
		}},
		{"does not see new limits", "ROOM-6", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				return unlimited(ctx, rows, b, func(k provisioning.LoadKey) bool { return k.Dimension != provisioning.DimensionServices })
			}
		}},
		{"removes what is used", "ROOM-7", func(f *storeFaults) {
			f.removeRoom = func(ctx context.Context, rows provisioning.Rows, of provisioning.LoadKey) error {
				loads, err := rows.LoadsOf(ctx, of)
				if err != nil {
					return err
				}
				b := provisioning.LoadBatch{}
				for _, l := range loads {
					b.Changes = append(b.Changes, provisioning.LoadChange{LoadKey: l.LoadKey, By: -l.Used})
				}
				if _, err := rows.ChangeLoads(ctx, b); err != nil {
					return err
				}
				return rows.RemoveRoom(ctx, of)
			}
		}},
		{"stops at 0", "ROOM-8", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				b.Changes = slices.Clone(b.Changes)
				for i, c := range b.Changes {
					if c.By == -2 {
						b.Changes[i].By = 0
					}
				}
				return rows.ChangeLoads(ctx, b)
			}
		}},
		{"lists servers first", "ROOM-9", func(f *storeFaults) {
			f.loads = func(ctx context.Context, rows provisioning.Rows, since time.Time, after provisioning.LoadKey, limit int) ([]provisioning.Load, error) {
				page, err := rows.Loads(ctx, since, after, limit)
				slices.SortStableFunc(page, func(a, b provisioning.Load) int { return len(b.Server) - len(a.Server) })
				return page, err
			}
		}},
		{"lists all times", "ROOM-9", func(f *storeFaults) {
			f.loads = func(ctx context.Context, rows provisioning.Rows, _ time.Time, after provisioning.LoadKey, limit int) ([]provisioning.Load, error) {
				return rows.Loads(ctx, time.Time{}, after, limit)
			}
		}},
	}
}

func reservationMutants() []storeMutant {
	return []storeMutant{
		{"loses a field", "RESERVATION-1", func(f *storeFaults) {
			f.byID = func(all []provisioning.Reservation) []provisioning.Reservation {
				for i := range all {
					all[i].Request = ""
				}
				return all
			}
		}},
		{"keeps reservations without room", "RESERVATION-2", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				result, err := rows.ChangeLoads(ctx, b)
				if err == nil && !result.Done {
					_, err = rows.ChangeLoads(ctx, provisioning.LoadBatch{Reservations: b.Reservations, At: b.At})
				}
				return result, err
			}
		}},
		{"replaces any token", "RESERVATION-3", func(f *storeFaults) {
			f.putReservations = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Reservation) error {
				for _, r := range all {
					old, err := rows.ReservationsByID(ctx, []provisioning.ReservationID{r.ID})
					if err != nil {
						return err
					}
					if len(old) > 0 {
						r.Token = old[0].Token + 1
					}
					if err := rows.PutReservations(ctx, []provisioning.Reservation{r}); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{"says yes to all", "RESERVATION-4", func(f *storeFaults) {
			f.putReservations = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Reservation) error {
				old, err := rows.ReservationsByID(ctx, []provisioning.ReservationID{all[0].ID})
				if err != nil || len(old) == 0 || old[0].Token >= all[0].Token {
					return err
				}
				return rows.PutReservations(ctx, all)
			}
		}},
		{"ends at its time only", "RESERVATION-5", func(f *storeFaults) {
			f.due = func(ctx context.Context, rows provisioning.Rows, now time.Time, limit int) ([]provisioning.Reservation, error) {
				return rows.ReservationsDue(ctx, now.Add(-time.Microsecond), limit)
			}
		}},
		{"asks for no state", "RESERVATION-6", func(f *storeFaults) {
			f.reservationQ = func(q *provisioning.ReservationQuery) { q.State = "" }
		}},
		{"asks for no server", "RESERVATION-6", func(f *storeFaults) {
			f.reservationQ = func(q *provisioning.ReservationQuery) { q.Server = "" }
		}},
		{"has keys of all sellers", "RESERVATION-6", func(f *storeFaults) {
			f.byKey = func(ctx context.Context, rows provisioning.Rows, seller, key string) ([]provisioning.Reservation, error) {
				var all []provisioning.Reservation
				for _, s := range []string{"", "shop", "sho"} {
					some, err := rows.ReservationsByKey(ctx, s, key)
					if err != nil {
						return nil, err
					}
					all = append(all, some...)
				}
				return all, nil
			}
		}},
		{"purges without a limit", "RESERVATION-7", func(f *storeFaults) {
			f.purge = func(ctx context.Context, rows provisioning.Rows, before time.Time, limit int) (int, error) {
				return rows.PurgeReservations(ctx, before, max(limit, 0)*100)
			}
		}},
		{"shares what it is given", "RESERVATION-8", func(f *storeFaults) {
			var given []provisioning.Reservation
			f.putReservations = func(ctx context.Context, rows provisioning.Rows, all []provisioning.Reservation) error {
				given = all
				return rows.PutReservations(ctx, all)
			}
			f.listed = func(all []provisioning.Reservation) []provisioning.Reservation {
				for i := range all {
					for _, g := range given {
						all[i].Amounts = g.Amounts
					}
				}
				return all
			}
		}},
		{"keeps no keys", "RESERVATION-9", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				b.Reservations = slices.Clone(b.Reservations)
				for i := range b.Reservations {
					b.Reservations[i].Key = ""
				}
				return rows.ChangeLoads(ctx, b)
			}
		}},
	}
}

func addressMutants() []storeMutant {
	return []storeMutant{
		{"lets nothing rest", "ADDRESS-1", func(f *storeFaults) {
			f.dropAddress = func(ctx context.Context, rows provisioning.Rows, server provisioning.ServerID, kind provisioning.AddressKind, owner string, _ time.Time) (provisioning.Address, error) {
				return rows.DropAddress(ctx, server, kind, owner, time.Time{})
			}
		}},
		{"shares without end", "ADDRESS-2", func(f *storeFaults) {
			f.takeAddress = func(ctx context.Context, rows provisioning.Rows, a provisioning.Address, _ int64) (bool, error) {
				return rows.TakeAddress(ctx, a, math.MaxInt64)
			}
		}},
		{"gives a second address", "ADDRESS-3", func(f *storeFaults) {
			f.takeAddress = func(ctx context.Context, rows provisioning.Rows, a provisioning.Address, most int64) (bool, error) {
				if _, err := rows.AddressOf(ctx, a.Server, a.Kind, a.Owner); err == nil {
					a.Owner += "+"
				}
				return rows.TakeAddress(ctx, a, most)
			}
		}},
		{"says yes to all", "ADDRESS-4", func(f *storeFaults) {
			f.takeAddress = func(ctx context.Context, rows provisioning.Rows, a provisioning.Address, most int64) (bool, error) {
				_, err := rows.TakeAddress(ctx, a, most)
				return err == nil, err
			}
		}},
		{"lists the last rested first", "ADDRESS-5", func(f *storeFaults) {
			f.rested = func(all []provisioning.AddressState) []provisioning.AddressState {
				slices.Reverse(all)
				return all
			}
		}},
		{"keeps no cursor", "ADDRESS-6", func(f *storeFaults) {
			f.setCursor = func(context.Context, provisioning.Rows, provisioning.PoolID, netip.Addr) error { return nil }
		}},
		{"keeps the cursor of the pool before", "ADDRESS-6", func(f *storeFaults) {
			var kept netip.Addr
			f.setCursor = func(ctx context.Context, rows provisioning.Rows, id provisioning.PoolID, last netip.Addr) error {
				kept = last
				return rows.SetCursor(ctx, id, last)
			}
			f.lockPool = func(p provisioning.Pool, last netip.Addr, err error) (provisioning.Pool, netip.Addr, error) {
				return p, kept, err
			}
		}},
		{"reads what was there before", "ADDRESS-7", func(f *storeFaults) {
			var n atomic.Int64
			f.lockPool = func(p provisioning.Pool, last netip.Addr, err error) (provisioning.Pool, netip.Addr, error) {
				if n.Add(1) == 5 {
					last = last.Prev()
				}
				return p, last, err
			}
		}},
	}
}

// deafRows are rows that do nothing.
type deafRows struct{ provisioning.Rows }

func txMutants() []storeMutant {
	return []storeMutant{
		{"takes any transaction", "TX-1", func(f *storeFaults) {
			f.tx = func(_ storage.Tx, rows provisioning.Rows, err error) (provisioning.Rows, error) {
				if err != nil {
					return deafRows{}, nil
				}
				return rows, nil
			}
		}},
		{"answers after the end", "TX-2", func(f *storeFaults) {
			f.machines.find = func(m provisioning.Machine, err error) (provisioning.Machine, error) {
				if err != nil {
					return m, storage.ErrNotFound
				}
				return m, nil
			}
		}},
		{"swallows a write in a View", "TX-3", func(f *storeFaults) {
			f.removeRoom = func(ctx context.Context, rows provisioning.Rows, of provisioning.LoadKey) error {
				_ = rows.RemoveRoom(ctx, of)
				return nil
			}
		}},
		{"does not write", "TX-4", func(f *storeFaults) {
			f.putRoom = func(ctx context.Context, rows provisioning.Rows, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time) error {
				if of.Server == "new" {
					return nil
				}
				return rows.PutRoom(ctx, of, version, capacity, at)
			}
		}},
		{"tells what was committed", "TX-5", func(f *storeFaults) {
			f.revision = func(provisioning.Revision) provisioning.Revision { return provisioning.Revision{Number: 1} }
		}},
		{"does not say what there is", "MODEL-1", func(f *storeFaults) {
			f.changeLoads = func(ctx context.Context, rows provisioning.Rows, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
				result, err := rows.ChangeLoads(ctx, b)
				if !result.Done {
					result.Loads = nil
				}
				return result, err
			}
		}},
		{"forgets", "DUR-1", func(f *storeFaults) { f.reopenEmpty = true }},
	}
}

// A store without a fault passes, through the same wrapper as those with one.
func TestSoundStore(t *testing.T) {
	t.Parallel()
	provisioningtest.TestStore(t, storeHarness(func(*storeFaults) {}))
}

// Each broken store fails in the rule that is about what is broken, and each rule finds
// at least one of them.
func TestStoreMutants(t *testing.T) {
	t.Parallel()
	var all []conformance.Broken[provisioningtest.StoreHarness]
	for _, m := range storeMutants() {
		all = append(all, conformance.Broken[provisioningtest.StoreHarness]{Rule: m.rule, Name: m.name, Harness: func(*testing.T) provisioningtest.StoreHarness { return storeHarness(m.break_) }})
	}
	require.Empty(t, conformance.Finds(t, provisioningtest.StoreRules(), all))
}
