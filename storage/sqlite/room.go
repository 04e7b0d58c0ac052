package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

const (
	loadColumns = "holder, dimension, version, used, capacity, changed"
	loadCount   = 6

	selectLoads  = "SELECT " + loadColumns + " FROM provisioning_loads "
	queryLoadsOf = selectLoads + "WHERE holder = ? ORDER BY dimension"
	queryLoads   = selectLoads + "WHERE (holder, dimension) > (?, ?) AND changed >= ? ORDER BY holder, dimension LIMIT ?"

	// A load that is there keeps what is used.
	queryPutRoom = "INSERT INTO provisioning_loads (holder, dimension, version, used, capacity, changed) VALUES (?, ?, ?, 0, ?, ?) " +
		"ON CONFLICT (holder, dimension) DO UPDATE SET version = excluded.version, capacity = excluded.capacity, " +
		"changed = max(changed, excluded.changed)"
	queryRemoveRoom = "DELETE FROM provisioning_loads WHERE holder = ?"

	// The version and the capacity of a load that is there stay.
	loadConflict = "ON CONFLICT (holder, dimension) DO UPDATE SET used = excluded.used, changed = excluded.changed"
)

// holderOf is the column that names whose a load is.
func holderOf(k provisioning.LoadKey) string {
	switch {
	case k.Server != "":
		return "s/" + string(k.Server)
	case k.Machine != "":
		return "m/" + string(k.Machine)
	}
	return ""
}

// load reads loadColumns.
func (r *row) load() (x provisioning.Load) {
	kind, name, _ := strings.Cut(r.string(), "/")
	if kind == "s" {
		x.Server = provisioning.ServerID(name)
	} else {
		x.Machine = provisioning.MachineID(name)
	}
	x.Dimension = r.string()
	x.Version = r.int()
	x.Used = r.int()
	x.Capacity, x.Limited = r.minor()
	x.Changed = r.instant()
	return x
}

// PutRoom implements [provisioning.LoadRows].
func (r inventoryRows) PutRoom(
	ctx context.Context, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time,
) error {
	return r.atomically(ctx, "PutRoom", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		dimensions := map[string]bool{provisioning.DimensionServices: true}
		for d := range capacity {
			dimensions[d] = true
		}
		if err := r.each(queryLoadsOf, r.key(holderOf(of)), loadCount, func(row *row) { dimensions[row.load().Dimension] = true }); err != nil {
			return err
		}
		for _, d := range slices.Sorted(maps.Keys(dimensions)) {
			b := r.key(holderOf(of))
			b.string(d)
			b.int(version)
			if n, limited := capacity[d]; limited {
				b.int(n)
			} else {
				b.null()
			}
			b.instant(at)
			if _, err := r.exec(queryPutRoom, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveRoom implements [provisioning.LoadRows].
func (r inventoryRows) RemoveRoom(ctx context.Context, of provisioning.LoadKey) error {
	return r.atomically(ctx, "RemoveRoom", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		var used error
		err := r.each(queryLoadsOf, r.key(holderOf(of)), loadCount, func(row *row) {
			if x := row.load(); x.Used != 0 {
				used = fmt.Errorf("%w: %d of %.128q", provisioning.ErrInUse, x.Used, x.Dimension)
			}
		})
		if err = cmp.Or(err, used); err != nil {
			return err
		}
		_, err = r.exec(queryRemoveRoom, r.key(holderOf(of)))
		return err
	})
}

func bindLoad(b *binder, x *provisioning.Load) {
	b.string(holderOf(x.LoadKey))
	b.string(x.Dimension)
	b.int(x.Version)
	b.int(x.Used)
	if x.Limited {
		b.int(x.Capacity)
	} else {
		b.null()
	}
	b.instant(x.Changed)
}

// ChangeLoads implements [provisioning.LoadRows]. Whoever may write holds the only lock
// there is, so what is read is so until it is written.
func (r inventoryRows) ChangeLoads(ctx context.Context, batch provisioning.LoadBatch) (result provisioning.LoadResult, err error) {
	err = r.atomically(ctx, "ChangeLoads", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		now, err := r.loadsOf(batch.Changes)
		if err != nil {
			return err
		}
		loads := make([]provisioning.Load, 0, len(batch.Changes))
		var below error
		result.Done = true
		for _, c := range batch.Changes {
			x, there := now[c.LoadKey]
			if there {
				result.Loads = append(result.Loads, x)
			}
			switch {
			case !there && c.Dimension == provisioning.DimensionServices, c.Version != 0 && c.Version != x.Version,
				c.By > 0 && x.Limited && c.By > x.Capacity-x.Used:
				result.Done = false
			case x.Used+c.By < 0:
				below = tierhost.E("sqlite.ChangeLoads", tierhost.KindInternal, "load_negative",
					fmt.Errorf("%v would be %d", c.LoadKey, x.Used+c.By))
			}
			x.LoadKey, x.Used = c.LoadKey, x.Used+c.By
			if at := instant(micros(batch.At)); at.After(x.Changed) {
				x.Changed = at
			}
			loads = append(loads, x)
		}
		switch {
		case !result.Done:
			return nil
		case below != nil:
			return below
		}
		result.Loads = loads
		if err := insertRows(r.tx, &r.store.inserts.load, &r.work.load, loads, bindLoad); err != nil {
			return err
		}
		err = insertRows(r.tx, &r.store.inserts.reservation, &r.work.reservation, batch.Reservations, bindReservation)
		if taken(err) {
			err = conflict("sqlite.ChangeLoads", err)
		}
		return err
	})
	if err != nil {
		return provisioning.LoadResult{}, err
	}
	return result, nil
}

// loadsOf reads the loads of all holders that are to be changed.
func (r inventoryRows) loadsOf(changes []provisioning.LoadChange) (map[provisioning.LoadKey]provisioning.Load, error) {
	all := make(map[provisioning.LoadKey]provisioning.Load, len(changes))
	read := make(map[string]bool, 2)
	for _, c := range changes {
		holder := holderOf(c.LoadKey)
		if read[holder] {
			continue
		}
		read[holder] = true
		err := r.each(queryLoadsOf, r.key(holder), loadCount, func(row *row) {
			x := row.load()
			all[x.LoadKey] = x
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Loads implements [provisioning.LoadRows].
func (r inventoryRows) Loads(
	ctx context.Context, since time.Time, after provisioning.LoadKey, limit int,
) (all []provisioning.Load, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.key(holderOf(after))
	b.string(after.Dimension)
	b.instant(since)
	b.int(int64(limit))
	err = r.list(ctx, queryLoads, b, loadCount, func(row *row) { all = append(all, row.load()) })
	return all, failure(ctx, "Loads", err)
}

// LoadsOf implements [provisioning.LoadRows].
func (r inventoryRows) LoadsOf(ctx context.Context, of provisioning.LoadKey) (all []provisioning.Load, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	err = r.each(queryLoadsOf, r.key(holderOf(of)), loadCount, func(row *row) { all = append(all, row.load()) })
	return all, failure(ctx, "LoadsOf", err)
}
