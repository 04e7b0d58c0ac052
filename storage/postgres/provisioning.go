package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

var _ provisioning.Store = (*Store)(nil)

type inventoryStatements struct {
	lock, revision, removed *statement

	groups, machines, servers, pools versionedStatements
	groupPage                        *statement // after, limit
	lockPool                         *statement // id
	setLast                          *statement // id, address

	rooms        roomStatements
	reservations reservationStatements
	addresses    addressStatements
}

func newInventoryStatements(x sqlText) inventoryStatements {
	const revision = "(SELECT number FROM {{schema}}.provisioning_inventory)"
	written := column{"revision", sqlType{name: revision}}
	return inventoryStatements{
		lock:     x.statement("UPDATE {{schema}}.provisioning_inventory SET number = number + 1"),
		revision: x.statement("SELECT number, removal FROM {{schema}}.provisioning_inventory"),
		removed:  x.statement("UPDATE {{schema}}.provisioning_inventory SET removal = number"),

		groups:    newVersionedStatements(x, "provisioning_groups"),
		machines:  newVersionedStatements(x, "provisioning_machines", column{"allocation", textType}, column{"seller", textType}, written),
		servers:   newVersionedStatements(x, "provisioning_servers", column{"machine", textType}, column{"group_id", textType}, written),
		pools:     newVersionedStatements(x, "provisioning_pools", column{"server", textType}, column{"last", sqlType{name: "''"}}),
		groupPage: x.statement("SELECT doc FROM {{schema}}.provisioning_groups WHERE id > $1::text ORDER BY id LIMIT $2::bigint"),
		lockPool:  x.statement("SELECT doc, last FROM {{schema}}.provisioning_pools WHERE id = $1::text FOR UPDATE"),
		setLast: x.statement(`UPDATE {{schema}}.provisioning_pools SET last = $2::text WHERE id = $1::text
			RETURNING 1::bigint`),

		rooms:        newRoomStatements(x),
		reservations: newReservationStatements(x),
		addresses:    newAddressStatements(x),
	}
}

// versionedStatements keep JSON with an ID and a version. insert and update take id,
// version, doc, and what more there is in the row that has a type; they return the
// version if the row is written. remove takes id and version, and does likewise.
type versionedStatements struct {
	insert, update, remove *statement
	find                   *statement // id
}

// newVersionedStatements takes the columns besides id, version and doc. One whose type has
// no identifier is always set to the expression that is the type's name.
func newVersionedStatements(x sqlText, table string, more ...column) versionedStatements {
	names, values, set := "", "", ""
	n := 3
	for _, c := range more {
		value := c.sqlType.name
		if c.oid != 0 {
			n++
			value = "$" + strconv.Itoa(n) + "::" + value
		}
		names += ", " + c.name
		values += ", " + value
		set += ", " + c.name + " = " + value
	}
	return versionedStatements{
		insert: x.statement("INSERT INTO {{schema}}." + table + " (id, version, doc" + names +
			") VALUES ($1::text, $2::bigint, $3::json" + values + ") ON CONFLICT (id) DO NOTHING RETURNING version"),
		update: x.statement("UPDATE {{schema}}." + table + " SET version = $2::bigint, doc = $3::json" + set +
			" WHERE id = $1::text AND version = $2::bigint - 1 RETURNING version"),
		remove: x.statement("DELETE FROM {{schema}}." + table + " WHERE id = $1::text AND version = $2::bigint RETURNING version"),
		find:   x.statement("SELECT doc FROM {{schema}}." + table + " WHERE id = $1::text"),
	}
}

// provisioningRows is the rows of package provisioning within a transaction.
type provisioningRows struct{ serviceRows }

// inventoryRows is what there is to place services on.
type inventoryRows struct{ tx *txn }

// Provisioning implements [provisioning.Store].
func (s *Store) Provisioning(tx storage.Tx) (provisioning.Rows, error) {
	t, err := s.open(tx)
	if err != nil {
		return nil, err
	}
	return provisioningRows{serviceRows{inventoryRows{t}}}, nil
}

func (r inventoryRows) sql() *inventoryStatements { return &r.tx.store.sql.inventory }

// LockInventory implements [provisioning.InventoryRows].
func (r inventoryRows) LockInventory(ctx context.Context) error {
	return r.exec(ctx, "postgres.LockInventory", r.sql().lock, nil)
}

// exec runs a statement that writes and returns nothing.
func (r inventoryRows) exec(ctx context.Context, op string, st *statement, p params) error {
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	var send round
	send.add(st, p, nil)
	return r.tx.run(ctx, op, &send, false)
}

// Revision implements [provisioning.InventoryRows].
func (r inventoryRows) Revision(ctx context.Context) (provisioning.Revision, error) {
	return single(query(ctx, r.tx, "postgres.Revision", r.sql().revision, nil, func(s *scan, v *provisioning.Revision) {
		v.Number, v.Removal = s.int(), s.int()
	}))
}

// put writes the version of a row that follows on the one before.
func (r inventoryRows) put(
	ctx context.Context, op string, d *versionedStatements, id string, version int64, row any, more ...string,
) error {
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	text, err := json.Marshal(row)
	if err != nil {
		return tierhost.E(op, tierhost.KindInvalid, "row_not_kept", err)
	}
	var p params
	p.text(id).int(version).text(string(text))
	for _, s := range more {
		p.text(s)
	}
	write := d.update
	if version == 1 {
		write = d.insert
	}
	return r.one(ctx, op, write, p)
}

// one runs a statement that writes one row if its version is the one expected.
func (r inventoryRows) one(ctx context.Context, op string, st *statement, p params) error {
	var done round
	version := int64(0)
	done.add(st, p, readInt(&version))
	if err := r.tx.run(ctx, op, &done, false); err != nil {
		return err
	}
	if version == 0 {
		return r.tx.abort(fmt.Errorf("%s: it has another version: %w", op, storage.ErrConflict))
	}
	return nil
}

// remove deletes a version of a row. then follows if it was there.
func (r inventoryRows) remove(
	ctx context.Context, op string, d *versionedStatements, id string, version int64, then ...*statement,
) error {
	if err := r.tx.usable(ctx, true); err != nil {
		return err
	}
	if _, err := versionedRow[json.RawMessage](ctx, r, op, d, id); err != nil {
		return err
	}
	var p params
	p.text(id).int(version)
	if err := r.one(ctx, op, d.remove, p); err != nil {
		return err
	}
	for _, st := range then {
		if err := r.exec(ctx, op, st, nil); err != nil {
			return err
		}
	}
	return nil
}

// versionedRow returns a row.
func versionedRow[T any](ctx context.Context, r inventoryRows, op string, d *versionedStatements, id string) (T, error) {
	var p params
	p.text(id)
	return single(versionedRows[T](ctx, r, op, d.find, p))
}

// versionedRows returns the rows that a statement selects.
func versionedRows[T any](ctx context.Context, r inventoryRows, op string, st *statement, p params) ([]T, error) {
	return query(ctx, r.tx, op, st, p, func(s *scan, x *T) { s.json(x) })
}

// selected returns the rows that a filter selects, by ID.
func selected[T any](ctx context.Context, r inventoryRows, op, table string, f *filter, after string, limit int) ([]T, error) {
	f.params.text(after)
	f.add("id > ?::text")
	f.limit("id", limit)
	st := r.tx.store.text().statement("SELECT doc FROM {{schema}}." + table + " WHERE " + strings.TrimPrefix(f.sql.String(), " AND "))
	return versionedRows[T](ctx, r, op, st, f.params)
}
