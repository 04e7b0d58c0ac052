package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

var _ provisioning.Store = (*Store)(nil)

const (
	queryLockInventory = `UPDATE provisioning_inventory SET number = number + 1`
	queryRevisionOf    = `SELECT number, removal FROM provisioning_inventory`
	queryRemoved       = `UPDATE provisioning_inventory SET removal = number`
)

// provisioningRows is the rows of package provisioning within a transaction.
type provisioningRows struct{ serviceRows }

// inventoryRows is what there is to place services on.
type inventoryRows struct{ *tx }

// Provisioning implements [provisioning.Store].
func (s *Store) Provisioning(x storage.Tx) (provisioning.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return provisioningRows{serviceRows{inventoryRows{t}}}, nil
}

// LockInventory implements [provisioning.InventoryRows]. Whoever may write holds the
// only lock there is.
func (r inventoryRows) LockInventory(ctx context.Context) error {
	return r.atomically(ctx, "LockInventory", func() error {
		_, err := r.exec(queryLockInventory, r.work.misc.start())
		return err
	})
}

// Revision implements [provisioning.InventoryRows].
func (r inventoryRows) Revision(ctx context.Context) (v provisioning.Revision, err error) {
	if err := r.reading(ctx); err != nil {
		return v, err
	}
	err = r.each(queryRevisionOf, r.work.misc.start(), 2, func(row *row) { v.Number, v.Removal = row.int(), row.int() })
	return v, failure(ctx, "Revision", err)
}

// versioned is rows of JSON with an ID and a version. Their statements take the version,
// the text, what more there is in the row, and the ID.
type versioned struct {
	what                                    string
	version, find, insert, update, deletion string
}

// newVersioned makes the statements of a table. more are its columns besides id, version
// and doc; set is what an update sets them to.
func newVersioned(what, table string, more, values, set string) versioned {
	return versioned{
		what:     what,
		version:  "SELECT version FROM " + table + " WHERE id = ?",
		find:     "SELECT doc FROM " + table + " WHERE id = ?",
		insert:   "INSERT INTO " + table + " (version, doc" + more + ", id) VALUES (?, ?" + values + ", ?)",
		update:   "UPDATE " + table + " SET version = ?, doc = ?" + set + " WHERE id = ?",
		deletion: "DELETE FROM " + table + " WHERE id = ?",
	}
}

// queries lists the statements.
func (d versioned) queries() []string {
	return []string{d.version, d.find, d.insert, d.update, d.deletion}
}

// encoded is a row as JSON.
func encoded(op string, row any) ([]byte, error) {
	text, err := json.Marshal(row)
	if err != nil {
		return nil, tierhost.E("sqlite."+op, tierhost.KindInvalid, "row_not_kept", err)
	}
	return text, nil
}

func decoded[T any](s string) (row T, err error) {
	err = json.Unmarshal([]byte(s), &row)
	return row, err
}

// put writes the version of a row that follows on the one before. more binds what
// else there is in the row.
func (r inventoryRows) put(ctx context.Context, op string, d versioned, id string, version int64, row any, more func(b *binder)) error {
	text, err := encoded(op, row)
	if err != nil {
		return err
	}
	return r.atomically(ctx, op, func() error {
		if err := r.expect(d, id, version-1); err != nil {
			return err
		}
		query := d.update
		if version == 1 {
			query = d.insert
		}
		b := r.work.misc.start()
		b.int(version)
		b.bytes(text)
		more(b)
		b.string(id)
		_, err := r.exec(query, b)
		return err
	})
}

// expect locks, and returns ErrConflict if a row has another version; 0 is none.
func (r inventoryRows) expect(d versioned, id string, version int64) error {
	if err := r.lock(); err != nil {
		return err
	}
	now := int64(0)
	if err := r.each(d.version, r.key(id), 1, func(row *row) { now = row.int() }); err != nil {
		return err
	}
	if now != version {
		return fmt.Errorf("%s %.128q is at version %d, not %d: %w", d.what, id, now, version, storage.ErrConflict)
	}
	return nil
}

// key is a text as the only argument.
func (r inventoryRows) key(id string) *binder {
	b := r.work.misc.start()
	b.string(id)
	return b
}

func (r inventoryRows) run(query string, b *binder) (int64, error) {
	result, err := r.exec(query, b)
	if err != nil {
		return 0, err
	}
	return affected(result)
}

func affected(result driver.Result) (int64, error) { return result.RowsAffected() }

// versionedRow returns a row.
func versionedRow[T any](ctx context.Context, r inventoryRows, op string, d versioned, id string) (x T, err error) {
	if err := r.reading(ctx); err != nil {
		return x, err
	}
	found := false
	err = r.each(d.find, r.key(id), 1, func(row *row) { x, found = read(row, decoded[T]), true })
	if err == nil && !found {
		return x, errNotFound("%s %.128q", d.what, id)
	}
	return x, failure(ctx, op, err)
}

// page returns the rows that a query selects.
func page[T any](ctx context.Context, r inventoryRows, op, query string, b *binder) (all []T, err error) {
	err = r.list(ctx, query, b, 1, func(row *row) { all = append(all, read(row, decoded[T])) })
	return all, failure(ctx, op, err)
}

// remove deletes a version of a row. then follows if it was there.
func (r inventoryRows) remove(ctx context.Context, op string, d versioned, id string, version int64, then ...string) error {
	if err := r.writing(ctx); err != nil {
		return err
	}
	there := false
	if err := r.each(d.version, r.key(id), 1, func(*row) { there = true }); err != nil {
		return failure(ctx, op, err)
	}
	if !there {
		return errNotFound("%s %.128q", d.what, id)
	}
	return r.atomically(ctx, op, func() error {
		if err := r.expect(d, id, version); err != nil {
			return err
		}
		if _, err := r.exec(d.deletion, r.key(id)); err != nil {
			return err
		}
		for _, query := range then {
			if _, err := r.exec(query, r.work.misc.start()); err != nil {
				return err
			}
		}
		return nil
	})
}
