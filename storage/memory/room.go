package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// of returns the loads of a server or machine.
func (st *inventoryState) of(holder provisioning.LoadKey) []provisioning.Load {
	holder.Dimension = ""
	var all []provisioning.Load
	for key, load := range st.loads.from(holder) {
		if key.Machine != holder.Machine || key.Server != holder.Server {
			break
		}
		all = append(all, load)
	}
	return all
}

func (r inventoryRows) PutRoom(
	ctx context.Context, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time,
) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.inventory()
	put := func(load provisioning.Load) {
		load.Version, load.Changed = version, later(load.Changed, at)
		load.Capacity, load.Limited = capacity[load.Dimension]
		st.loads.set(r.tx.own, load.LoadKey, load)
	}
	for _, load := range st.of(of) {
		put(load)
	}
	made := func(dimension string) {
		of.Dimension = dimension
		if !st.loads.has(of) {
			put(provisioning.Load{LoadKey: of})
		}
	}
	made(provisioning.DimensionServices)
	for dimension := range capacity {
		made(dimension)
	}
	return nil
}

func (r inventoryRows) RemoveRoom(ctx context.Context, of provisioning.LoadKey) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.inventory()
	all := st.of(of)
	for _, load := range all {
		if load.Used != 0 {
			return r.tx.abort(fmt.Errorf("%w: %d of %.80q", provisioning.ErrInUse, load.Used, load.Dimension))
		}
	}
	for _, load := range all {
		st.loads.delete(r.tx.own, load.LoadKey)
	}
	return nil
}

func (r inventoryRows) ChangeLoads(ctx context.Context, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
	if err := r.tx.writing(ctx); err != nil {
		return provisioning.LoadResult{}, err
	}
	st := r.inventory()
	result := provisioning.LoadResult{Done: true}
	loads := make([]provisioning.Load, 0, len(b.Changes))
	var below error
	for _, c := range b.Changes {
		load, there := st.loads.get(c.LoadKey)
		if there {
			result.Loads = append(result.Loads, load)
		}
		switch {
		case !there && c.Dimension == provisioning.DimensionServices, c.Version != 0 && c.Version != load.Version,
			c.By > 0 && load.Limited && c.By > load.Capacity-load.Used:
			result.Done = false
		case load.Used+c.By < 0:
			below = tierhost.E("memory.ChangeLoads", tierhost.KindInternal, "load_negative",
				fmt.Errorf("%v would be %d", c.LoadKey, load.Used+c.By))
		}
		load.LoadKey, load.Changed = c.LoadKey, later(load.Changed, b.At)
		load.Used += c.By
		loads = append(loads, load)
	}
	switch {
	case !result.Done:
		return result, nil
	case below != nil:
		return provisioning.LoadResult{}, r.tx.abort(below)
	}
	for _, load := range loads {
		st.loads.set(r.tx.own, load.LoadKey, load)
	}
	result.Loads = loads
	for _, x := range b.Reservations {
		key := reservationKey{x.Seller, x.Key, x.Position}
		if st.reservations.has(x.ID) || x.Key != "" && st.keyed.has(key) {
			return provisioning.LoadResult{}, r.tx.abort(fmt.Errorf("reservation %.128q: %w", x.ID, storage.ErrConflict))
		}
		if x.Key != "" {
			st.keyed.set(r.tx.own, key, x.ID)
		}
		r.keepReservation(x)
	}
	return result, nil
}

func (r inventoryRows) Loads(
	ctx context.Context, since time.Time, after provisioning.LoadKey, limit int,
) ([]provisioning.Load, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []provisioning.Load
	for _, load := range r.inventory().loads.after(after) {
		if len(page) >= limit {
			break
		}
		if !load.Changed.Before(instant(since)) {
			page = append(page, load)
		}
	}
	return page, nil
}

func (r inventoryRows) LoadsOf(ctx context.Context, of provisioning.LoadKey) ([]provisioning.Load, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	return r.inventory().of(of), nil
}

// later returns the later one of a kept time and another.
func later(kept, t time.Time) time.Time {
	if t = instant(t); t.After(kept) {
		return t
	}
	return kept
}
