package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
)

const loadColumns = "holder, dimension, version, used, capacity, changed"

type roomStatements struct {
	lock   *statement // holder, version, at: makes the load of services
	all    *statement // holder, version, at: takes the limits off
	limit  *statement // holder, dimension, version, capacity, at
	empty  *statement // holder
	count  *statement // holder
	change *statement // what provisioning_change_loads takes
	mark   *statement
	back   *statement
	page   *statement // holder, dimension, since, limit
	of     *statement // holder
}

func newRoomStatements(x sqlText) roomStatements {
	const loads = "{{schema}}.provisioning_loads"
	return roomStatements{
		lock: x.statement("INSERT INTO " + loads + ` AS l (holder, dimension, version, used, changed)
			VALUES ($1::text, 'services', $2::bigint, 0, $3::timestamptz)
			ON CONFLICT (holder, dimension) DO UPDATE SET version = $2::bigint`),
		all: x.statement("UPDATE " + loads + ` SET version = $2::bigint, capacity = NULL, changed = greatest(changed, $3::timestamptz)
			WHERE holder = $1::text`),
		limit: x.statement("INSERT INTO " + loads + ` (holder, dimension, version, used, capacity, changed)
			VALUES ($1::text, $2::text, $3::bigint, 0, $4::bigint, $5::timestamptz)
			ON CONFLICT (holder, dimension) DO UPDATE SET capacity = $4::bigint`),
		empty: x.statement("DELETE FROM " + loads + " WHERE holder = $1::text AND used = 0"),
		count: x.statement("SELECT count(*) FROM " + loads + " WHERE holder = $1::text"),
		change: x.statement("SELECT done, " + loadColumns + ` FROM {{schema}}.provisioning_change_loads(
			$1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz, $6::text[], $7::bigint[], $8::text[],
			$9::text[], $10::text[], $11::text[], $12::bigint[], $13::timestamptz[], $14::timestamptz[])`),
		mark: x.statement("SAVEPOINT change_loads"),
		back: x.statement("ROLLBACK TO SAVEPOINT change_loads"),
		page: x.statement("SELECT " + loadColumns + " FROM " + loads + ` WHERE (holder, dimension) > ($1::text, $2::text)
			AND changed >= $3::timestamptz ORDER BY holder, dimension LIMIT $4::bigint`),
		of: x.statement("SELECT " + loadColumns + " FROM " + loads + " WHERE holder = $1::text ORDER BY dimension"),
	}
}

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

func (s *scan) load(x *provisioning.Load) {
	kind, name, _ := strings.Cut(s.text(), "/")
	if kind == "s" {
		x.Server = provisioning.ServerID(name)
	} else {
		x.Machine = provisioning.MachineID(name)
	}
	x.Dimension = s.text()
	x.Version = s.int()
	x.Used = s.int()
	if s.next < len(s.values) && s.values[s.next] != nil {
		x.Limited = true
	}
	x.Capacity = s.int()
	x.Changed = s.instant()
}

// kept is a time as it is kept.
func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// PutRoom implements [provisioning.LoadRows]. That of services comes first: who changes
// other loads of the server or machine holds it.
func (r inventoryRows) PutRoom(
	ctx context.Context, of provisioning.LoadKey, version int64, capacity map[string]int64, at time.Time,
) error {
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	sql := &r.sql().rooms
	var send round
	var p params
	p.text(holderOf(of)).int(version).instant(at)
	send.add(sql.lock, p, nil)
	send.add(sql.all, p, nil)
	for _, d := range slices.Sorted(maps.Keys(capacity)) {
		var p params
		p.text(holderOf(of)).text(d).int(version).int(capacity[d]).instant(at)
		send.add(sql.limit, p, nil)
	}
	return r.tx.run(ctx, "postgres.PutRoom", &send, false)
}

// RemoveRoom implements [provisioning.LoadRows].
func (r inventoryRows) RemoveRoom(ctx context.Context, of provisioning.LoadKey) error {
	const op = "postgres.RemoveRoom"
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	sql := &r.sql().rooms
	var send round
	var p params
	p.text(holderOf(of))
	left := int64(0)
	send.add(sql.empty, p, nil)
	send.add(sql.count, p, readInt(&left))
	if err := r.tx.run(ctx, op, &send, false); err != nil {
		return err
	}
	if left > 0 {
		return r.tx.abort(fmt.Errorf("%s: %w: %d loads are not 0", op, provisioning.ErrInUse, left))
	}
	return nil
}

// ChangeLoads implements [provisioning.LoadRows] in one round trip, the COMMIT included
// where the batch is final. A transaction that goes on to try another place lets go of
// what it has locked here: it would else hold loads in the order of its tries.
func (r inventoryRows) ChangeLoads(ctx context.Context, b provisioning.LoadBatch) (provisioning.LoadResult, error) {
	const op = "postgres.ChangeLoads"
	var result provisioning.LoadResult
	if err := r.tx.usable(ctx, true); err != nil {
		return result, err
	}
	p, err := loadParams(op, &b)
	if err != nil {
		return result, err
	}
	sql := &r.sql().rooms
	tries := !b.Final && len(b.Reservations) > 0
	var s scan
	var send round
	if tries {
		send.add(sql.mark, nil, nil)
	}
	send.add(sql.change, p, func(values [][]byte) error {
		s.row(values)
		done := s.bool()
		if s.next < len(values) && values[s.next] == nil { // the first row
			result.Done = done
			return s.err
		}
		var x provisioning.Load
		s.load(&x)
		result.Loads = append(result.Loads, x)
		return s.err
	})
	if err := r.tx.run(ctx, op, &send, b.Final); err != nil {
		return provisioning.LoadResult{}, err
	}
	if tries && !result.Done {
		if err := r.exec(ctx, op, sql.back, nil); err != nil {
			return provisioning.LoadResult{}, err
		}
	}
	return result, nil
}

// loadParams are those of provisioning_change_loads. Loads are locked in their order,
// but for the one of services, which comes first of its server or machine.
func loadParams(op string, b *provisioning.LoadBatch) (params, error) {
	changes := slices.Clone(b.Changes)
	rank := func(c *provisioning.LoadChange) int {
		if c.Dimension == provisioning.DimensionServices {
			return 0
		}
		return 1
	}
	slices.SortFunc(changes, func(x, y provisioning.LoadChange) int {
		return cmp.Or(cmp.Compare(holderOf(x.LoadKey), holderOf(y.LoadKey)),
			cmp.Compare(rank(&x), rank(&y)), cmp.Compare(x.Dimension, y.Dimension))
	})
	var p params
	arrayed(&p, texts[string], changes, func(c *provisioning.LoadChange) string { return holderOf(c.LoadKey) })
	arrayed(&p, texts[string], changes, func(c *provisioning.LoadChange) string { return c.Dimension })
	arrayed(&p, ints[int64], changes, func(c *provisioning.LoadChange) int64 { return c.By })
	arrayed(&p, ints[int64], changes, func(c *provisioning.LoadChange) int64 { return c.Version })
	p.instant(b.At)
	var failed error
	arrayed(&p, texts[string], b.Reservations, func(x *provisioning.Reservation) string { return string(x.ID) })
	arrayed(&p, ints[int64], b.Reservations, func(x *provisioning.Reservation) int64 { return x.Token })
	arrayed(&p, texts[string], b.Reservations, func(x *provisioning.Reservation) string {
		text, err := reservationText(x)
		failed = cmp.Or(failed, err)
		return text
	})
	arrayed(&p, texts[string], b.Reservations, func(x *provisioning.Reservation) string { return string(x.State) })
	arrayed(&p, texts[string], b.Reservations, func(x *provisioning.Reservation) string { return string(x.Server) })
	arrayed(&p, texts[string], b.Reservations, func(x *provisioning.Reservation) string { return x.Key })
	arrayed(&p, ints[int64], b.Reservations, func(x *provisioning.Reservation) int64 { return int64(x.Position) })
	arrayed(&p, instants, b.Reservations, func(x *provisioning.Reservation) time.Time { return x.Expires })
	arrayed(&p, instants, b.Reservations, func(x *provisioning.Reservation) time.Time { return x.Ended })
	if failed != nil {
		return nil, tierhost.E(op, tierhost.KindInvalid, "row_not_kept", failed)
	}
	return p, nil
}

// arrayed adds an array of what get returns for each row.
func arrayed[R, V any](p *params, add func(*params, []V), rows []R, get func(*R) V) {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = get(&rows[i])
	}
	add(p, values)
}

func reservationText(x *provisioning.Reservation) (string, error) {
	row := *x
	row.Made, row.Expires, row.Ended = kept(x.Made), kept(x.Expires), kept(x.Ended)
	text, err := json.Marshal(row)
	return string(text), err
}

// Loads implements [provisioning.LoadRows].
func (r inventoryRows) Loads(
	ctx context.Context, since time.Time, after provisioning.LoadKey, limit int,
) ([]provisioning.Load, error) {
	var p params
	p.text(holderOf(after)).text(after.Dimension).instant(since).limit(limit)
	return query(ctx, r.tx, "postgres.Loads", r.sql().rooms.page, p, (*scan).load)
}

// LoadsOf implements [provisioning.LoadRows].
func (r inventoryRows) LoadsOf(ctx context.Context, of provisioning.LoadKey) ([]provisioning.Load, error) {
	var p params
	p.text(holderOf(of))
	return query(ctx, r.tx, "postgres.LoadsOf", r.sql().rooms.of, p, (*scan).load)
}
