package memory

import (
	"cmp"
	"context"
	"fmt"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

// The store keeps the rows of package support.
var _ support.Store = (*Store)(nil)

// supportState is tickets and all else of package support.
type supportState struct {
	rows     tree[support.Key, support.Row]
	places   tree[listKey, support.Key]
	counts   tree[string, int64] // of rows, by list
	counters tree[string, int64]
}

// listKey is a position in a list.
type listKey struct {
	list string
	at   support.Cursor
	kind string
}

func newSupportState() supportState {
	return supportState{
		rows: newTree[support.Key, support.Row](func(a, b support.Key) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
		}),
		places: newTree[listKey, support.Key](func(a, b listKey) int {
			return cmp.Or(cmp.Compare(a.list, b.list), cmp.Compare(a.at.Sort, b.at.Sort), cmp.Compare(a.at.ID, b.at.ID), cmp.Compare(a.kind, b.kind))
		}),
		counts:   newTree[string, int64](cmp.Compare[string]),
		counters: newTree[string, int64](cmp.Compare[string]),
	}
}

// Support implements [support.Store].
func (s *Store) Support(x storage.Tx) (support.Rows, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return supportRows{t}, nil
}

// supportRows is the rows of package support within a transaction.
type supportRows struct{ tx *tx }

func (r supportRows) state() *supportState { return &r.tx.state.support }

// Put implements [support.Rows].
func (r supportRows) Put(ctx context.Context, rows []support.Row) error {
	if err := r.tx.writing(ctx); err != nil {
		return err
	}
	st := r.state()
	for _, row := range rows {
		old, _ := st.rows.get(row.Key)
		if old.Version != row.Version-1 {
			return r.tx.abort(fmt.Errorf("%s %.128q is at version %d: %w", row.Kind, row.ID, old.Version, storage.ErrConflict))
		}
		for _, p := range old.Places {
			st.places.delete(r.tx.own, placeOf(&row, p))
			r.count(p.List, -1)
		}
		for _, p := range row.Places {
			st.places.set(r.tx.own, placeOf(&row, p), row.Key)
			r.count(p.List, 1)
		}
		st.rows.set(r.tx.own, row.Key, row.Clone())
	}
	return nil
}

func placeOf(row *support.Row, p support.Place) listKey {
	return listKey{p.List, support.Cursor{Sort: p.Sort, ID: row.ID}, row.Kind}
}

func (r supportRows) count(list string, n int64) {
	st := r.state()
	before, _ := st.counts.get(list)
	st.counts.set(r.tx.own, list, before+n)
}

// Get implements [support.Rows].
func (r supportRows) Get(ctx context.Context, keys []support.Key) ([]support.Row, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var found []support.Row
	for _, k := range keys {
		if row, ok := r.state().rows.get(k); ok {
			found = append(found, withoutPlaces(row))
		}
	}
	return found, nil
}

func withoutPlaces(row support.Row) support.Row {
	row.Places = nil
	return row.Clone()
}

// List implements [support.Rows].
func (r supportRows) List(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error) {
	if err := r.tx.reading(ctx); err != nil {
		return nil, err
	}
	var page []support.Listed
	for at, key := range r.state().places.from(listKey{list: list, at: after}) {
		if len(page) >= limit || at.list != list {
			break
		}
		if at.at != after {
			row, _ := r.state().rows.get(key)
			page = append(page, support.Listed{Row: withoutPlaces(row), Sort: at.at.Sort})
		}
	}
	return page, nil
}

// Count implements [support.Rows].
func (r supportRows) Count(ctx context.Context, list string) (int64, error) {
	if err := r.tx.reading(ctx); err != nil {
		return 0, err
	}
	n, _ := r.state().counts.get(list)
	return n, nil
}

// Draw implements [support.Rows].
func (r supportRows) Draw(ctx context.Context, counter string) (int64, error) {
	if err := r.tx.writing(ctx); err != nil {
		return 0, err
	}
	n, _ := r.state().counters.get(counter)
	r.state().counters.set(r.tx.own, counter, n+1)
	return n + 1, nil
}
