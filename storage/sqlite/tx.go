package sqlite

import (
	"context"
	"database/sql/driver"
	"sync/atomic"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// The phases of a transaction.
const (
	txOpen    = iota
	txFinal   // a Batch.Final was written: nothing may follow
	txAborted // a write failed: nothing may follow, and nothing is committed
	txEnded
)

// tx is a transaction, the store's own or one of the host's.
type tx struct {
	store *Store
	s     session
	work  *scratch
	write bool // may write
	host  *hosted
	phase atomic.Int32 // atomic, so that use after the end is an error and not a race
	cause error        // of the abort
	// images are the accounts read under the write lock: an update then names only
	// what has changed.
	images map[billing.AccountID]*image
}

// StoreID implements [storage.Tx].
func (t *tx) StoreID() any { return t.store }

// open returns the transaction behind x if it belongs to s and has not ended.
func (s *Store) open(x storage.Tx) (*tx, error) {
	t, ok := x.(*tx)
	if !ok || t == nil || t.store != s {
		return nil, storage.ErrForeignTx
	}
	if t.phase.Load() == txEnded {
		return nil, storage.ErrTxDone
	}
	if t.host != nil {
		return t, t.attend()
	}
	return t, nil
}

// reading is asked before each read.
func (t *tx) reading(ctx context.Context) error {
	if t.phase.Load() != txOpen {
		return storage.ErrTxDone
	}
	return ctx.Err()
}

// writing is asked before each write.
func (t *tx) writing(ctx context.Context) error {
	if err := t.reading(ctx); err != nil {
		return err
	}
	if !t.write {
		return storage.ErrReadOnly
	}
	return nil
}

// atomically runs a write of several statements. When it fails a transaction of the
// store's is given up; one of the host's, which may commit all the same, loses this
// write whole.
func (t *tx) atomically(ctx context.Context, op string, fn func() error) error {
	if err := t.writing(ctx); err != nil {
		return err
	}
	if t.host == nil {
		err := failure(ctx, op, fn())
		if err != nil {
			t.abort(err)
		}
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := t.s.exec(ctx, querySavepoint, nil); err != nil {
		return failure(ctx, op, err)
	}
	err := fn()
	if err != nil {
		if _, undo := t.s.exec(ctx, queryRollbackTo, nil); undo != nil {
			t.abort(undo)
		}
		clear(t.images)
	}
	if _, release := t.s.exec(ctx, queryRelease, nil); release != nil && err == nil {
		t.abort(release)
		err = release
	}
	return failure(ctx, op, err)
}

func (t *tx) abort(err error) {
	t.cause = err
	t.phase.CompareAndSwap(txOpen, txAborted)
}

// lock makes sure that the transaction holds the write lock: one of the host's may not
// have taken it yet.
func (t *tx) lock() error {
	if t.host == nil {
		return nil
	}
	return t.host.lock(context.Background())
}

// exec runs a statement that is short.
func (t *tx) exec(query string, b *binder) (driver.Result, error) {
	if b.err != nil {
		return nil, b.err
	}
	return t.s.exec(context.Background(), query, b.args())
}

// each runs a query that is short and calls fn for each row.
func (t *tx) each(query string, b *binder, columns int, fn func(r *row)) error {
	return t.list(context.Background(), query, b, columns, fn)
}

// list runs a query that may be long and calls fn for each row.
func (t *tx) list(ctx context.Context, query string, b *binder, columns int, fn func(r *row)) error {
	if b.err != nil {
		return b.err
	}
	return t.s.query(ctx, query, b.args(), columns, fn)
}
