package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
)

var _ support.Store = (*Store)(nil)

// What is written takes arrays, a value for each row or place.
type supportStatements struct {
	insert     *statement // kinds, ids, docs: a row for each that is written
	update     *statement // kinds, ids, versions, docs: likewise
	dropPlaces *statement // kinds, ids; kinds, ids, lists, sorts of what they keep
	addPlaces  *statement // kinds, ids, lists, sorts
	get        *statement // kinds, ids
	list       *statement // list, sort, id, limit
	count      *statement // list
	draw       *statement // counter
}

func newSupportStatements(x sqlText) supportStatements {
	return supportStatements{
		insert: x.statement(`INSERT INTO {{schema}}.support_rows (kind, id, version, doc)
			SELECT kind, id, 1, doc::json FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS c (kind, id, doc, n) ORDER BY n
			ON CONFLICT (kind, id) DO NOTHING RETURNING version`),
		// Rows are locked in the order in which they are given, whatever way the update goes.
		update: x.statement(`WITH locked AS MATERIALIZED (
				SELECT c.kind, c.id, c.version, c.doc
				FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS c (kind, id, version, doc)
				CROSS JOIN LATERAL (SELECT FROM {{schema}}.support_rows r WHERE r.kind = c.kind AND r.id = c.id AND r.version = c.version - 1
					OFFSET 0 FOR UPDATE) r)
			UPDATE {{schema}}.support_rows r SET version = c.version, doc = c.doc::json FROM locked c
			WHERE r.kind = c.kind AND r.id = c.id RETURNING r.version`),
		dropPlaces: x.statement(`DELETE FROM {{schema}}.support_places p USING unnest($1::text[], $2::text[]) AS r (kind, id)
			WHERE p.kind = r.kind AND p.id = r.id AND (p.kind, p.id, p.list, p.sort) NOT IN (
				SELECT kind, id, list, sort FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS c (kind, id, list, sort))`),
		addPlaces: x.statement(`INSERT INTO {{schema}}.support_places (kind, id, list, sort)
			SELECT kind, id, list, sort FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS c (kind, id, list, sort) ON CONFLICT DO NOTHING`),
		get: x.statement(`SELECT r.kind, r.id, r.version, r.doc FROM unnest($1::text[], $2::text[]) AS k (kind, id)
			JOIN {{schema}}.support_rows r ON r.kind = k.kind AND r.id = k.id`),
		// The limit is inside, and each row looked up by itself, so that a page is never made
		// by sorting a list, however little the server knows of the tables.
		list: x.statement(`SELECT r.kind, r.id, r.version, r.doc, p.sort FROM (SELECT sort, id, kind FROM {{schema}}.support_places
				WHERE list = $1::text AND (sort, id) > ($2::text, $3::text) ORDER BY sort, id LIMIT $4::bigint) p
			CROSS JOIN LATERAL (SELECT kind, id, version, doc FROM {{schema}}.support_rows WHERE kind = p.kind AND id = p.id OFFSET 0) r
			ORDER BY p.sort, p.id`),
		count: x.statement("SELECT count(*) FROM {{schema}}.support_places WHERE list = $1::text"),
		draw: x.statement(`INSERT INTO {{schema}}.support_counters AS c (counter, number) VALUES ($1::text, 1)
			ON CONFLICT (counter) DO UPDATE SET number = c.number + 1 RETURNING number`),
	}
}

// supportRows is the rows of package support within a transaction.
type supportRows struct{ tx *txn }

// Support implements [support.Store].
func (s *Store) Support(tx storage.Tx) (support.Rows, error) {
	t, err := s.open(tx)
	if err != nil {
		return nil, err
	}
	return supportRows{t}, nil
}

func (r supportRows) sql() *supportStatements { return &r.tx.store.sql.support }

// Put implements [support.Rows] in one round trip.
func (r supportRows) Put(ctx context.Context, rows []support.Row) error {
	const op = "postgres.Put"
	if err := r.tx.usable(ctx, true); err != nil || len(rows) == 0 {
		return err
	}
	// In one order, so that two that change the same ones do not wait for each other.
	sorted := slices.SortedFunc(slices.Values(rows), func(a, b support.Row) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	var fresh, old [3][]string // kinds, ids, docs
	var versions []int64
	var places [4][]string // kinds, ids, lists, sorts
	for i := range sorted {
		row, into := &sorted[i], &old
		if row.Version == 1 {
			into = &fresh
		} else {
			versions = append(versions, row.Version)
		}
		for n, value := range []string{row.Kind, row.ID, string(row.Doc)} {
			into[n] = append(into[n], value)
		}
		for _, at := range row.Places {
			for n, value := range []string{row.Kind, row.ID, at.List, at.Sort} {
				places[n] = append(places[n], value)
			}
		}
	}
	var send round
	written := 0
	add := func(st *statement, read func([][]byte) error, versions []int64, columns ...[]string) {
		var p params
		for n, values := range columns {
			if n == 2 && versions != nil {
				ints(&p, versions)
			}
			texts(&p, values)
		}
		send.add(st, p, read)
	}
	count := func([][]byte) error { written++; return nil }
	if len(fresh[0]) > 0 {
		add(r.sql().insert, count, nil, fresh[:]...)
	}
	if len(old[0]) > 0 {
		add(r.sql().update, count, versions, old[:]...)
		add(r.sql().dropPlaces, nil, nil, old[0], old[1], places[0], places[1], places[2], places[3])
	}
	if len(places[0]) > 0 {
		add(r.sql().addPlaces, nil, nil, places[:]...)
	}
	if err := r.tx.run(ctx, op, &send, false); err != nil {
		return err
	}
	if written < len(sorted) {
		return r.tx.abort(fmt.Errorf("%s: %d of %d rows have another version: %w", op, len(sorted)-written, len(sorted), storage.ErrConflict))
	}
	return nil
}

func (s *scan) supportRow(x *support.Row) {
	x.Kind, x.ID, x.Version = s.text(), s.text(), s.int()
	x.Doc = json.RawMessage(s.bytes())
}

// Get implements [support.Rows].
func (r supportRows) Get(ctx context.Context, keys []support.Key) ([]support.Row, error) {
	var kinds, ids []string
	for _, k := range keys {
		kinds, ids = append(kinds, k.Kind), append(ids, k.ID)
	}
	var p params
	texts(&p, kinds)
	texts(&p, ids)
	return query(ctx, r.tx, "postgres.Get", r.sql().get, p, (*scan).supportRow)
}

// List implements [support.Rows].
func (r supportRows) List(ctx context.Context, list string, after support.Cursor, limit int) ([]support.Listed, error) {
	var p params
	p.text(list).text(after.Sort).text(after.ID).limit(limit)
	return query(ctx, r.tx, "postgres.List", r.sql().list, p, func(s *scan, x *support.Listed) {
		s.supportRow(&x.Row)
		x.Sort = s.text()
	})
}

// Count implements [support.Rows].
func (r supportRows) Count(ctx context.Context, list string) (int64, error) {
	var p params
	p.text(list)
	return single(query(ctx, r.tx, "postgres.Count", r.sql().count, p, func(s *scan, n *int64) { *n = s.int() }))
}

// Draw implements [support.Rows]. The counter's row is locked until the transaction ends.
func (r supportRows) Draw(ctx context.Context, counter string) (n int64, err error) {
	if err := r.tx.usable(ctx, true); err != nil {
		return 0, err
	}
	var p params
	p.text(counter)
	var send round
	send.add(r.sql().draw, p, readInt(&n))
	return n, r.tx.run(ctx, "postgres.Draw", &send, false)
}
