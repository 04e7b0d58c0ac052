package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

var _ support.Store = (*Store)(nil)

const (
	querySupportInsert = `INSERT INTO support_rows (version, doc, kind, id) VALUES (?, ?, ?, ?) ON CONFLICT (kind, id) DO NOTHING`
	querySupportUpdate = `UPDATE support_rows SET version = ?1, doc = ?2 WHERE kind = ?3 AND id = ?4 AND version = ?1 - 1`
	querySupportRow    = `SELECT version, doc FROM support_rows WHERE kind = ? AND id = ?`
	// The rows are looked up one by one, in the order of the list.
	querySupportList = `SELECT p.sort, r.kind, r.id, r.version, r.doc FROM support_places p
CROSS JOIN support_rows r ON r.kind = p.kind AND r.id = p.id WHERE p.list = ? AND (p.sort, p.id) > (?, ?) ORDER BY p.sort, p.id LIMIT ?`
	querySupportCount     = `SELECT count(*) FROM support_places WHERE list = ?`
	querySupportPlaces    = `SELECT list, sort FROM support_places WHERE kind = ? AND id = ?`
	querySupportPlaceAdd  = `INSERT INTO support_places (kind, id, list, sort) VALUES (?, ?, ?, ?)`
	querySupportPlaceDrop = `DELETE FROM support_places WHERE kind = ? AND id = ? AND list = ? AND sort = ?`
	querySupportDraw      = `INSERT INTO support_counters (counter, number) VALUES (?, 1) ON CONFLICT (counter) DO UPDATE SET number = number + 1`
	querySupportDrawn     = `SELECT number FROM support_counters WHERE counter = ?`
)

// supportQueries lists the statements that every connection keeps.
func supportQueries() []string {
	return []string{
		querySupportInsert, querySupportUpdate, querySupportRow, querySupportList, querySupportCount, querySupportPlaces,
		querySupportPlaceAdd, querySupportPlaceDrop, querySupportDraw, querySupportDrawn,
	}
}

// supportRows is the rows of package support within a transaction.
type supportRows struct{ *tx }

// Support implements [support.Store].
func (s *Store) Support(x storage.Tx) (support.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return supportRows{t}, nil
}

func (r supportRows) named(k support.Key) *binder {
	b := r.work.misc.start()
	b.string(k.Kind)
	b.string(k.ID)
	return b
}

// Put implements [support.Rows].
func (r supportRows) Put(ctx context.Context, rows []support.Row) error {
	return r.atomically(ctx, "Put", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		for i := range rows {
			if err := r.put(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r supportRows) put(x *support.Row) error {
	query := querySupportUpdate
	if x.Version == 1 {
		query = querySupportInsert
	}
	b := r.work.misc.start()
	b.int(x.Version)
	b.bytes(x.Doc)
	b.string(x.Kind)
	b.string(x.ID)
	result, err := r.exec(query, b)
	if err != nil {
		return err
	}
	n, err := affected(result)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s %.128q is not at version %d: %w", x.Kind, x.ID, x.Version-1, storage.ErrConflict)
	}
	if err != nil {
		return err
	}
	var have []support.Place
	if x.Version > 1 {
		err := r.each(querySupportPlaces, r.named(x.Key), 2, func(at *row) {
			list := at.string()
			have = append(have, support.Place{List: list, Sort: at.string()})
		})
		if err != nil {
			return err
		}
	}
	change := func(query string, places, except []support.Place) error {
		for _, p := range places {
			if slices.Contains(except, p) {
				continue
			}
			b := r.named(x.Key)
			b.string(p.List)
			b.string(p.Sort)
			if _, err := r.exec(query, b); err != nil {
				return err
			}
		}
		return nil
	}
	if err := change(querySupportPlaceDrop, have, x.Places); err != nil {
		return err
	}
	return change(querySupportPlaceAdd, x.Places, have)
}

// Get implements [support.Rows].
func (r supportRows) Get(ctx context.Context, keys []support.Key) (found []support.Row, err error) {
	if err := r.reading(ctx); err != nil {
		return nil, err
	}
	for _, k := range keys {
		err := r.each(querySupportRow, r.named(k), 2, func(at *row) {
			version := at.int()
			found = append(found, support.Row{Key: k, Version: version, Doc: json.RawMessage(at.string())})
		})
		if err != nil {
			return nil, failure(ctx, "Get", err)
		}
	}
	return found, nil
}

// List implements [support.Rows].
func (r supportRows) List(ctx context.Context, list string, after support.Cursor, limit int) (page []support.Listed, err error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.work.misc.start()
	b.string(list)
	b.string(after.Sort)
	b.string(after.ID)
	b.int(int64(limit))
	err = r.list(ctx, querySupportList, b, 5, func(at *row) {
		l := support.Listed{Sort: at.string()}
		l.Kind = at.string()
		l.ID = at.string()
		l.Version = at.int()
		l.Doc = json.RawMessage(at.string())
		page = append(page, l)
	})
	return page, failure(ctx, "List", err)
}

// Count implements [support.Rows].
func (r supportRows) Count(ctx context.Context, list string) (n int64, err error) {
	if err := r.reading(ctx); err != nil {
		return 0, err
	}
	b := r.work.misc.start()
	b.string(list)
	err = r.list(ctx, querySupportCount, b, 1, func(at *row) { n = at.int() })
	return n, failure(ctx, "Count", err)
}

// Draw implements [support.Rows].
func (r supportRows) Draw(ctx context.Context, counter string) (n int64, err error) {
	err = r.atomically(ctx, "Draw", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		b := r.work.misc.start()
		b.string(counter)
		if _, err := r.exec(querySupportDraw, b); err != nil {
			return err
		}
		b = r.work.misc.start()
		b.string(counter)
		return r.each(querySupportDrawn, b, 1, func(at *row) { n = at.int() })
	})
	return n, err
}
