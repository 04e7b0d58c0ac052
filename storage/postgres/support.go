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

type supportStatements struct {
	insert     *statement // kinds, ids, docs: a row for each that is written
	update     *statement // kind, id, version, doc: a row if it is written
	dropPlaces *statement // kind, id, lists and sorts that it keeps
	addPlaces  *statement // kinds, ids, lists, sorts
	get        *statement // kinds, ids
	list       *statement // list, sort, id, limit
	count      *statement // list
	draw       *statement // counter
}

func newSupportStatements(x sqlText) supportStatements {
	const places = "unnest($3::text[], $4::text[]) AS c (list, sort)"
	return supportStatements{
		insert: x.statement(`INSERT INTO {{schema}}.support_rows (kind, id, version, doc)
			SELECT kind, id, 1, doc::json FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS r (kind, id, doc, n) ORDER BY n
			ON CONFLICT (kind, id) DO NOTHING RETURNING version`),
		update: x.statement(`UPDATE {{schema}}.support_rows SET version = $3::bigint, doc = $4::json
			WHERE kind = $1::text AND id = $2::text AND version = $3::bigint - 1 RETURNING version`),
		dropPlaces: x.statement(`DELETE FROM {{schema}}.support_places p WHERE p.kind = $1::text AND p.id = $2::text AND NOT EXISTS
			(SELECT FROM ` + places + ` WHERE c.list = p.list AND c.sort = p.sort)`),
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
	var send round
	var fresh, all [4][]string // kind, id, doc; kind, id, list, sort
	written := 0
	count := func([][]byte) error { written++; return nil }
	for i := range sorted {
		row := &sorted[i]
		if row.Version == 1 {
			fresh[0], fresh[1], fresh[2] = append(fresh[0], row.Kind), append(fresh[1], row.ID), append(fresh[2], string(row.Doc))
		}
		for _, at := range row.Places {
			all[0], all[1], all[2], all[3] = append(all[0], row.Kind), append(all[1], row.ID), append(all[2], at.List), append(all[3], at.Sort)
		}
	}
	if len(fresh[0]) > 0 {
		var p params
		for _, values := range fresh[:3] {
			texts(&p, values)
		}
		send.add(r.sql().insert, p, count)
	}
	for i := range sorted {
		row := &sorted[i]
		if row.Version == 1 {
			continue
		}
		var p, stays params
		p.text(row.Kind).text(row.ID).int(row.Version).text(string(row.Doc))
		send.add(r.sql().update, p, count)
		var lists, sorts []string
		for _, at := range row.Places {
			lists, sorts = append(lists, at.List), append(sorts, at.Sort)
		}
		stays.text(row.Kind).text(row.ID)
		texts(&stays, lists)
		texts(&stays, sorts)
		send.add(r.sql().dropPlaces, stays, nil)
	}
	if len(all[0]) > 0 {
		var p params
		for _, values := range all {
			texts(&p, values)
		}
		send.add(r.sql().addPlaces, p, nil)
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
