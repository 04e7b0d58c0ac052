package postgres

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/tierhost/tierhost/storage"
)

func outboxTable() table {
	return table{"outbox", columns(
		textType, "id type",
		bigintType, "version",
		instantType, "at",
		textType, "seller subject data",
	)}
}

func (rs *rowset) event(e *storage.Event) {
	rs.begin()
	rs.text(e.ID)
	rs.text(e.Type)
	rs.int(int64(e.Version))
	rs.instant(e.At)
	rs.text(e.Seller)
	rs.text(e.Subject)
	rs.bytes(e.Data)
}

func (s *scan) event(e *storage.Event) {
	e.ID = s.text()
	e.Type = s.text()
	e.Version = int(s.int())
	e.At = s.instant()
	e.Seller = s.text()
	e.Subject = s.text()
	e.Data = json.RawMessage(bytes.Clone(s.value()))
	e.Seq = s.int()
	e.Attempts = int(s.int())
}

type outboxStatements struct {
	insertStatements            // returning seq
	lock             *statement // key
	lease            *statement // token, now, until, limit
	ack              *statement // token, seqs
	release          *statement // token, seqs, until, attempts to take back
	purge            *statement // before, limit
	pending          *statement
}

func newOutboxStatements(x sqlText) outboxStatements {
	t := outboxTable()
	return outboxStatements{
		insertStatements: insertStatements{
			table: t,
			one:   x.statement(t.insert(false) + " RETURNING seq"),
			many:  x.statement(t.insert(true) + " RETURNING seq"),
		},
		lock: x.statement("SELECT pg_advisory_xact_lock($1::bigint)"),
		lease: x.statement(`WITH blocked AS MATERIALIZED (
				SELECT subject, min(seq) AS seq FROM {{schema}}.outbox
				WHERE NOT delivered AND held > $2::timestamptz GROUP BY subject),
			due AS MATERIALIZED (
				SELECT p.id FROM {{schema}}.outbox p
				WHERE NOT p.delivered AND (p.held IS NULL OR p.held <= $2::timestamptz)
				AND NOT EXISTS (SELECT 1 FROM blocked b WHERE b.subject = p.subject AND b.seq < p.seq)
				ORDER BY p.seq LIMIT $4::bigint)
			UPDATE {{schema}}.outbox o SET lease = $1::text, held = $3::timestamptz, attempts = o.attempts + 1
			FROM due WHERE o.id = due.id AND NOT o.delivered
			RETURNING ` + t.names("o.") + `, o.seq, o.attempts`),
		ack: x.statement(`UPDATE {{schema}}.outbox SET delivered = true, lease = NULL, held = NULL
			WHERE seq = ANY ($2::bigint[]) AND NOT delivered AND lease = $1::text RETURNING seq`),
		release: x.statement(`UPDATE {{schema}}.outbox SET lease = NULL, held = $3::timestamptz, attempts = attempts - $4::bigint
			WHERE seq = ANY ($2::bigint[]) AND NOT delivered AND lease = $1::text`),
		purge: x.statement(`DELETE FROM {{schema}}.outbox WHERE id IN (
				SELECT id FROM {{schema}}.outbox WHERE delivered AND at < $1::timestamptz
				ORDER BY at LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
			RETURNING seq`),
		pending: x.statement("SELECT count(*) FROM {{schema}}.outbox WHERE NOT delivered"),
	}
}

// outbox is the queue of events within a transaction.
//
// Events of one subject are ordered by whatever orders their writers: package billing
// holds the lock of the account. Two transactions that append to one subject without a
// common lock are ordered by chance, as their commits are.
type outbox struct{ tx *txn }

var _ storage.Outbox = outbox{}

// Append implements [storage.Outbox].
func (o outbox) Append(ctx context.Context, events []*storage.Event) error {
	if err := o.tx.usable(ctx, true); err != nil {
		return err
	}
	w := o.tx.store.scratch.get()
	defer o.tx.store.scratch.put(w)
	var seqs []int64
	w.events(&o.tx.store.sql.outbox, events, &seqs)
	if err := o.tx.flush(ctx, "postgres.Append", w, false); err != nil {
		return err
	}
	return o.tx.number(events, seqs)
}

// events adds events; their numbers come in order.
func (w *writer) events(sql *outboxStatements, events []*storage.Event, seqs *[]int64) {
	w.rows(&sql.table, sql.one, sql.many, len(events), func(rs *rowset, i int) { rs.event(events[i]) }, appendInt(seqs))
}

// number sets the numbers that the database has drawn.
func (t *txn) number(events []*storage.Event, seqs []int64) error {
	if len(seqs) != len(events) {
		return t.abort(t.unreadable("postgres.Append", errShort))
	}
	for i, e := range events {
		e.Seq = seqs[i]
	}
	return nil
}

// Lease implements [storage.Outbox]. Leases are taken by one transaction at a time: if
// two did so at once, one could skip an event that the other is taking and return a
// later one of the same subject. An advisory lock that is held until the transaction
// ends keeps them apart, so what leases should end soon.
func (o outbox) Lease(ctx context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error) {
	if err := o.tx.usable(ctx, true); err != nil {
		return nil, err
	}
	sql := &o.tx.store.sql.outbox
	var lock, p params
	lock.int(o.tx.store.lockKey + 1)
	p.text(token).instant(now).instant(until).limit(limit)
	var events []storage.Event
	var s scan
	var r round
	r.add(sql.lock, lock, nil)
	r.add(sql.lease, p, into(&s, &events, (*scan).event))
	if err := o.tx.run(ctx, "postgres.Lease", &r, false); err != nil {
		return nil, err
	}
	slices.SortFunc(events, func(a, b storage.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return events, nil
}

// Ack implements [storage.Outbox].
func (o outbox) Ack(ctx context.Context, token string, seqs []int64) (int, error) {
	if err := o.tx.usable(ctx, true); err != nil || len(seqs) == 0 {
		return 0, err
	}
	var p params
	p.text(token)
	ints(&p, seqs)
	return o.count(ctx, "postgres.Ack", o.tx.store.sql.outbox.ack, p)
}

// Release implements [storage.Outbox].
func (o outbox) Release(ctx context.Context, token string, seqs []int64, until time.Time, tried bool) error {
	if err := o.tx.usable(ctx, true); err != nil || len(seqs) == 0 {
		return err
	}
	var p params
	p.text(token)
	ints(&p, seqs)
	p.instant(until)
	if tried {
		p.int(0)
	} else {
		p.int(1)
	}
	_, err := o.count(ctx, "postgres.Release", o.tx.store.sql.outbox.release, p)
	return err
}

// Purge implements [storage.Outbox].
func (o outbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := o.tx.usable(ctx, true); err != nil {
		return 0, err
	}
	var p params
	p.instant(before).limit(limit)
	return o.count(ctx, "postgres.Purge", o.tx.store.sql.outbox.purge, p)
}

// count runs a statement and counts the rows it returns.
func (o outbox) count(ctx context.Context, op string, st *statement, p params) (int, error) {
	n := 0
	var r round
	r.add(st, p, func([][]byte) error { n++; return nil })
	if err := o.tx.run(ctx, op, &r, false); err != nil {
		return 0, err
	}
	return n, nil
}

// Pending implements [storage.Outbox].
func (o outbox) Pending(ctx context.Context) (int64, error) {
	var p params
	counts, err := query(ctx, o.tx, "postgres.Pending", o.tx.store.sql.outbox.pending, p, func(s *scan, n *int64) { *n = s.int() })
	if err != nil || len(counts) == 0 {
		return 0, err
	}
	return counts[0], nil
}
