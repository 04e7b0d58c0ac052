package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// txn is a transaction: one that Update or View has made, or a host's.
type txn struct {
	store    *Store
	conn     *pgconn.PgConn
	prepared *prepared
	host     pgx.Tx // of a host; nil if it is ours to end
	readOnly bool
	begun    bool  // BEGIN was answered
	done     bool  // COMMIT was answered, in the round trip of a final write
	durable  bool  // the COMMIT will wait for the disk
	failure  error // why it is aborted
	seen     seenAccounts
	pending  *pending    // to be sent with what is sent next; never of a host's transaction
	ahead    *ahead      // what was read ahead; nil when anything came after it
	ended    atomic.Bool // atomic, so that use after the end is an error and not a race
}

// StoreID implements [storage.Tx].
func (t *txn) StoreID() any { return t.store }

// over reports whether the transaction has ended.
func (t *txn) over() bool {
	if t.ended.Load() {
		return true
	}
	if t.host == nil {
		return false
	}
	// The connection may be somebody else's by now, so only the host's own value can
	// tell. It refuses even an empty batch when it has ended; else nothing is sent.
	return errors.Is(t.host.SendBatch(context.Background(), &pgx.Batch{}).Close(), pgx.ErrTxClosed)
}

// usable is asked before each call.
func (t *txn) usable(ctx context.Context, write bool) error {
	switch {
	case t.over() || t.done:
		return storage.ErrTxDone
	case t.failure != nil:
		return is("postgres", storage.ErrTxDone, errAborted)
	case write && t.readOnly:
		return storage.ErrReadOnly
	}
	return ctx.Err()
}

// run sends r, behind the BEGIN if it is the first of the transaction and, if final
// and the transaction is ours, in front of the COMMIT. Any failure aborts the
// transaction. What is pending goes first.
func (t *txn) run(ctx context.Context, op string, r *round, final bool) error {
	t.ahead = nil
	if t.pending != nil {
		return t.flush(ctx, op, &writer{round: *r}, final)
	}
	if !t.store.known.Load() {
		if err := t.store.check(ctx, t.conn); err != nil {
			return t.abort(err)
		}
	}
	var sent round
	if !t.begun {
		t.begin(&sent)
	}
	if !t.readOnly && !t.durable {
		sent.add(t.store.sql.durable, nil, nil)
		t.durable = true
	}
	sent.commands = append(sent.commands, r.commands...)
	commit := len(sent.commands)
	if final = final && t.host == nil; final {
		sent.add(t.store.sql.commit, nil, nil)
	}
	a := sent.send(ctx, t.conn, t.prepared)
	if a.done > 0 {
		t.begun = true
	}
	if final && a.done > commit {
		t.done = true
	}
	if err := t.outcome(op, ctx, a, final, commit); err != nil {
		return t.abort(err)
	}
	return nil
}

// outcome says what the answer to a round trip means, in which the command with the
// index commit was the COMMIT if final.
func (t *txn) outcome(op string, ctx context.Context, a answer, final bool, commit int) error {
	if a.err != nil {
		t.renew(a.err)
	}
	switch {
	case final && a.committed(commit):
		// What broke afterwards concerns the connection and nothing else.
		if a.err != nil {
			t.discard()
		}
		if a.read != nil {
			return &tierhost.Error{
				Op: op, Kind: tierhost.KindInternal, Code: "unreadable", Effect: tierhost.EffectApplied,
				Err: fmt.Errorf("committed, but the answer cannot be read: %w", a.read),
			}
		}
		return nil
	case final && a.done > commit: // ROLLBACK, which is what COMMIT does if it cannot
		return is(op, storage.ErrTxDone, errAborted)
	case final && a.unknown(commit):
		return lost(op, ctx, a.err)
	}
	return refused(op, ctx, a.failure())
}

// renew sees to it that statements which are not what we think are prepared anew.
func (t *txn) renew(err error) {
	switch {
	case !stale(err):
	case t.host == nil && replanned(err):
		t.discard()
	default:
		forget(t.conn)
	}
}

// discard closes a connection of ours; the pool makes another one.
func (t *txn) discard() {
	if t.conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	_ = t.conn.Close(ctx)
}

// unreadable is the error for answers that are not what was asked for.
func (t *txn) unreadable(op string, err error) error {
	e := &tierhost.Error{Op: op, Kind: tierhost.KindInternal, Err: err}
	if t.done {
		e.Effect = tierhost.EffectApplied
	}
	return e
}

// abort keeps the first failure, after which the transaction cannot be committed.
func (t *txn) abort(err error) error {
	if t.failure == nil {
		t.failure = err
	}
	return err
}

// begin adds what begins a transaction of ours.
func (t *txn) begin(r *round) {
	if t.readOnly {
		r.add(t.store.sql.beginView, nil, nil)
	} else {
		r.add(t.store.sql.begin, nil, nil)
	}
	if !t.prepared.unnamed {
		r.add(t.store.sql.indexes, nil, nil)
	}
}

// stream copies rows into their table.
func (t *txn) stream(ctx context.Context, op string, s stream) error {
	if err := ctx.Err(); err != nil {
		return t.abort(err)
	}
	watch := newWatch(ctx, t.conn)
	defer watch.end()
	tag, err := t.conn.CopyFrom(context.Background(), s.rows.reader(), s.sql.sql)
	if err != nil {
		return t.abort(refused(op, ctx, err))
	}
	if n := tag.RowsAffected(); n != int64(s.rows.rows) {
		return t.abort(tierhost.E(op, tierhost.KindInternal, "", fmt.Errorf("%d of %d rows were copied", n, s.rows.rows)))
	}
	return nil
}

// commit commits what Update or View has begun.
func (t *txn) commit(ctx context.Context) error {
	if t.failure != nil {
		return fmt.Errorf("a call failed and the function ignored it: %w", t.failure)
	}
	if t.done {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.pending != nil {
		return t.flush(ctx, "postgres.Update", new(writer), true)
	}
	if !t.begun {
		return nil
	}
	// From here on ctx no longer counts: cutting the COMMIT off would leave it unknown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.store.options.EndTimeout)
	defer cancel()
	var r round
	r.add(t.store.sql.commit, nil, nil)
	a := r.send(ctx, t.conn, t.prepared)
	t.done = a.done > 0
	if t.readOnly && a.err != nil && a.unknown(0) {
		return refused("postgres.View", ctx, a.err)
	}
	return t.outcome("postgres.Update", ctx, a, true, 0)
}

// end makes the transaction worthless and rolls it back if it was not committed.
func (t *txn) end(ctx context.Context) {
	t.ended.Store(true)
	if t.done || !t.begun || t.conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.store.options.EndTimeout)
	defer cancel()
	var r round
	r.add(t.store.sql.rollback, nil, nil)
	// If it fails, the pool closes the connection, and the server rolls back.
	_ = r.send(ctx, t.conn, t.prepared)
}
