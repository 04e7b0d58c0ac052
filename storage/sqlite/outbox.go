package sqlite

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/tierhost/tierhost/storage"
)

const (
	eventInserted = "at, id, type, version, seller, subject, data"
	eventColumns  = "seq, at, id, type, version, seller, subject, data, attempts"
	eventCount    = 9

	// Only what decides who may go: the queue is read from its beginning each time.
	queryLease    = `SELECT seq, subject, held FROM outbox WHERE delivered = 0 ORDER BY seq`
	inSeqs        = "seq IN (SELECT value FROM json_each(?))"
	queryLeased   = `UPDATE outbox SET lease = ?, held = ?, attempts = attempts + 1 WHERE ` + inSeqs
	queryEvents   = "SELECT " + eventColumns + " FROM outbox WHERE " + inSeqs + " ORDER BY seq"
	queryAck      = `UPDATE outbox SET delivered = 1, lease = NULL, held = NULL WHERE ` + inSeqs + ` AND lease = ? AND delivered = 0`
	queryRelease1 = `UPDATE outbox SET lease = NULL, held = ?, attempts = attempts - ? WHERE ` + inSeqs + ` AND lease = ? AND delivered = 0`
	queryPurge    = `DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE delivered = 1 AND at < ? ORDER BY at, seq LIMIT ?)`
	queryPending  = `SELECT count(*) FROM outbox WHERE delivered = 0`
)

// outbox is the queue of events within a transaction.
type outbox struct{ *tx }

// Outbox implements [storage.OutboxStore].
func (s *Store) Outbox(x storage.Tx) (storage.Outbox, error) {
	t, err := s.open(x)
	if err != nil {
		return nil, err
	}
	return outbox{t}, nil
}

// Append implements [storage.Outbox].
func (o outbox) Append(ctx context.Context, events []*storage.Event) error {
	return o.atomically(ctx, "Append", func() error { return o.appendEvents(events) })
}

func bindEvent(b *binder, p **storage.Event) {
	e := *p
	b.instant(e.At)
	b.string(e.ID)
	b.string(e.Type)
	b.int(int64(e.Version))
	b.string(e.Seller)
	b.string(e.Subject)
	if e.Data == nil {
		b.null()
	} else {
		b.string(string(e.Data))
	}
}

// appendEvents adds events and sets their Seq, unless it fails.
func (t *tx) appendEvents(events []*storage.Event) error {
	in, b := &t.store.inserts.event, &t.work.event
	seqs := make([]int64, 0, len(events))
	for rest := events; len(rest) > 0; {
		query, n := in.next(len(rest))
		b.start()
		for i := range n {
			bindEvent(b, &rest[i])
		}
		res, err := t.exec(query, b)
		if err != nil {
			return exists("event", err)
		}
		last, err := res.LastInsertId()
		if err != nil {
			return err
		}
		// One statement numbers its rows one after the other.
		for i := range n {
			seqs = append(seqs, last-int64(n-1-i))
		}
		rest = rest[n:]
	}
	for i, e := range events {
		e.Seq = seqs[i]
	}
	return nil
}

// Lease implements [storage.Outbox].
func (o outbox) Lease(
	ctx context.Context, token string, now, until time.Time, limit int,
) (events []storage.Event, err error) {
	if err := o.writing(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	err = o.atomically(ctx, "Lease", func() (err error) {
		seqs, err := o.due(micros(now), limit)
		if err != nil || len(seqs) == 0 {
			return err
		}
		b := o.work.misc.start()
		b.string(token)
		b.instant(until)
		b.seqs(seqs)
		if _, err := o.exec(queryLeased, b); err != nil {
			return err
		}
		b.start().seqs(seqs)
		return o.each(queryEvents, b, eventCount, func(row *row) {
			events = append(events, storage.Event{})
			row.event(&events[len(events)-1])
		})
	})
	return events, err
}

// due returns the first events that nobody holds and that no earlier one of their
// subject holds up.
func (o outbox) due(now int64, limit int) (seqs []int64, err error) {
	blocked := make(map[string]bool)
	err = o.each(queryLease, o.work.misc.start(), 3, func(row *row) {
		seq, subject := row.int(), row.string()
		held, ok := row.minor()
		switch {
		case blocked[subject]:
		case ok && held > now:
			blocked[subject] = true
		default:
			seqs = append(seqs, seq)
			row.stop = len(seqs) == limit
		}
	})
	return seqs, err
}

// event reads eventColumns.
func (r *row) event(e *storage.Event) {
	e.Seq = r.int()
	e.At = r.instant()
	e.ID = r.string()
	e.Type = r.string()
	e.Version = int(r.int())
	e.Seller = r.string()
	e.Subject = r.string()
	if r.i < len(r.values) && r.values[r.i] == nil {
		r.i++
	} else {
		e.Data = json.RawMessage(r.string())
	}
	e.Attempts = int(r.int())
}

// seqs binds a list of numbers.
func (b *binder) seqs(list []int64) {
	b.text = b.text[:0]
	for i, n := range list {
		b.text = append(b.text, separator(i)...)
		b.text = strconv.AppendInt(b.text, n, 10)
	}
	b.text = closed(b.text, len(list))
	b.bytes(b.text)
}

// Ack implements [storage.Outbox]. A lease that has run out counts until another takes
// its place: nobody else has seen the event since.
func (o outbox) Ack(ctx context.Context, token string, seqs []int64) (n int, err error) {
	if err := o.writing(ctx); err != nil || len(seqs) == 0 {
		return 0, err
	}
	b := o.work.misc.start()
	b.seqs(seqs)
	b.string(token)
	return o.change(ctx, "Ack", queryAck, b)
}

// Release implements [storage.Outbox].
func (o outbox) Release(ctx context.Context, token string, seqs []int64, until time.Time, tried bool) error {
	if err := o.writing(ctx); err != nil || len(seqs) == 0 {
		return err
	}
	b := o.work.misc.start()
	b.instant(until)
	b.flag(!tried)
	b.seqs(seqs)
	b.string(token)
	_, err := o.change(ctx, "Release", queryRelease1, b)
	return err
}

// Purge implements [storage.Outbox].
func (o outbox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := o.writing(ctx); err != nil || limit <= 0 {
		return 0, err
	}
	b := o.work.misc.start()
	b.instant(before)
	b.int(int64(limit))
	return o.change(ctx, "Purge", queryPurge, b)
}

// change runs a statement and returns how many rows it changed.
func (o outbox) change(ctx context.Context, op, query string, b *binder) (n int, err error) {
	err = o.atomically(ctx, op, func() error {
		res, err := o.exec(query, b)
		if err != nil {
			return err
		}
		rows, err := res.RowsAffected()
		n = int(rows)
		return err
	})
	return n, err
}

// Pending implements [storage.Outbox].
func (o outbox) Pending(ctx context.Context) (n int64, err error) {
	if err := o.reading(ctx); err != nil {
		return 0, err
	}
	err = o.list(ctx, queryPending, o.work.misc.start(), 1, func(row *row) { n = row.int() })
	return n, failure(ctx, "Pending", err)
}
