package memory

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/tierhost/tierhost/storage"
)

// The phases of a transaction.
const (
	txOpen    = iota
	txFinal   // a Batch.Final was written: nothing may follow
	txAborted // a write failed: nothing may follow, and nothing is committed
	txEnded
)

// tx is a transaction.
type tx struct {
	store *Store
	state *state
	own   *owner       // nil in a View
	phase atomic.Int32 // atomic, so that use after the end is an error and not a race
	cause error        // of the abort
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
	if t.own == nil {
		return storage.ErrReadOnly
	}
	return nil
}

// abort ends the use of the transaction after a write that may have happened in
// part; the state is thrown away whatever the caller does with err.
func (t *tx) abort(err error) error {
	t.cause = err
	t.phase.CompareAndSwap(txOpen, txAborted)
	return err
}

// finish ends the use of the transaction, which is to be committed.
func (t *tx) finish() { t.phase.CompareAndSwap(txOpen, txFinal) }

// failure returns why the transaction cannot be committed, if it was aborted.
func (t *tx) failure() error {
	if t.phase.Load() != txAborted {
		return nil
	}
	return fmt.Errorf("a write failed and the function ignored it: %w", t.cause)
}

func (t *tx) end() { t.phase.Store(txEnded) }
