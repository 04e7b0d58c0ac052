package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Wrap returns the host's own transaction as one that the packages accept, for
// [billing.Engine.In] and the like: what they write commits or rolls back with it.
// The host keeps it: it commits or rolls back, and ends it before the next one. Begin
// it on [Store.DB], which makes it hold the write lock from the beginning (BEGIN
// IMMEDIATE); on a *sql.DB of the host's own, put _txlock=immediate into the data
// source name, as [DSN] does. Otherwise, once it has read anything, its first write
// fails with [storage.ErrConflict] if another writer was faster.
//
// The store's Billing and Outbox then return [storage.ErrForeignTx] for a transaction
// of another database, and [storage.ErrTxDone] when it has ended. A write that fails
// is undone whole, but the host should roll back: the operation it belongs to is
// not complete.
func (s *Store) Wrap(x *sql.Tx) storage.Tx {
	t := &tx{store: s, write: true}
	t.host = &hosted{tx: x}
	t.s, t.work = t.host, &t.host.work
	return t
}

// attend makes sure that the host's transaction is open, and on this store's database.
func (t *tx) attend() error {
	h := t.host
	state := t.store.schema.Load()
	switch {
	case h.tx == nil:
		return storage.ErrForeignTx
	case state == nil:
		return unknown("the schema is not up to date: call Migrate")
	}
	ctx := context.Background()
	if h.checked {
		if h.ended() {
			return storage.ErrTxDone
		}
		return nil
	}
	if h.open == nil {
		*h = *newHosted(h.tx, state.prepared)
	}
	there, err := h.place(ctx)
	if err != nil && len(h.prepared) > 0 && code(err) == 0 && !errors.Is(err, sql.ErrTxDone) {
		// A statement of another *sql.DB cannot be used, but it may be of the same file.
		*h = *newHosted(h.tx, nil)
		there, err = h.place(ctx)
	}
	switch {
	case errors.Is(err, sql.ErrTxDone):
		return storage.ErrTxDone
	case err != nil && tierhost.KindOf(failure(ctx, "Wrap", err)) == tierhost.KindInternal:
		return fmt.Errorf("%w: %w", storage.ErrForeignTx, err) // no such table
	case err != nil:
		return failure(ctx, "Wrap", err)
	case there != state.here:
		return storage.ErrForeignTx
	}
	if err := h.secure(ctx, t.store); err != nil {
		return failure(ctx, "Wrap", err)
	}
	h.checked = true
	return nil
}

func (h *hosted) place(ctx context.Context) (p place, err error) {
	err = h.query(ctx, queryInstallation, nil, 2, func(r *row) { p = place{r.string(), r.string()} })
	return p, err
}

// secure makes sure that what this transaction commits is durable: the host may have
// set its connections up in different ways.
func (h *hosted) secure(ctx context.Context, s *Store) error {
	if s.memory {
		return nil
	}
	level := 0
	err := h.query(ctx, querySynchronous, nil, 1, func(r *row) { level = int(r.int()) })
	if err != nil {
		return err
	}
	return durable(level)
}

// lock takes the write lock, if this is the first write of a transaction that did not
// begin IMMEDIATE. It changes no row.
func (h *hosted) lock(ctx context.Context) error {
	_, err := h.exec(ctx, queryLock, nil)
	return err
}
