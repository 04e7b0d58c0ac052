package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/tierhost/tierhost/storage"
)

// Update implements [storage.Transactor]. Waiting for the turn to write ends when ctx
// is done, or after [Options.BusyTimeout] with [storage.ErrConflict].
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	inner, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	err = storage.Retry(ctx, s.opt.Retry, func(context.Context) error { return s.run(inner, true, fn) })
	return late(err)
}

// View implements [storage.Transactor]. It waits for no writer; on a store of [New]
// whose *sql.DB has one connection, and in memory, it waits for that connection.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	inner, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	return late(s.run(inner, false, fn))
}

// lateError says that a transaction waited in vain. It is not yet a conflict, because
// to try again would only be to wait longer than the host has asked for.
type lateError struct{ err error }

func (e lateError) Error() string { return e.err.Error() }
func (e lateError) Unwrap() error { return e.err }

func late(err error) error {
	if e, ok := err.(lateError); ok {
		return conflict("sqlite", e.err)
	}
	return err
}

// run is one try of a transaction.
func (s *Store) run(ctx context.Context, write bool, fn func(ctx context.Context, tx storage.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.schema.Load() == nil {
		return unknown("the schema is not up to date: call Migrate")
	}
	c, err := s.connection(ctx, write)
	if err != nil {
		return err
	}
	clean := false // the connection is outside of any transaction
	defer func() {
		if !clean {
			discard(c)
		}
		also(&err, unlessDiscarded(c.Close()))
	}()
	own, err := s.begin(ctx, c, write)
	if err != nil {
		clean = own == nil
		return err
	}
	t := &tx{store: s, s: own.session, work: own.session.scratch(), write: write}
	// Also when fn panics or ends its goroutine.
	committed := false
	defer func() {
		t.phase.Store(txEnded)
		if !committed {
			clean = own.rollback() == nil
		}
	}()
	if err := fn(ctx, t); err != nil {
		return err
	}
	if t.phase.Load() == txAborted {
		return fmt.Errorf("sqlite: a write failed and the function ignored it: %w", t.cause)
	}
	if err := ctx.Err(); err != nil || !write {
		return err // there is nothing to commit in a View
	}
	if err := own.commit(); err != nil {
		return uncommitted(err)
	}
	committed, clean = true, true
	return nil
}

// connection waits for a connection: a View for any, an Update for the turn to write.
func (s *Store) connection(ctx context.Context, write bool) (*sql.Conn, error) {
	if !write && s.read != s.write {
		c, err := s.read.Conn(ctx)
		return c, failure(ctx, "View", err)
	}
	turn, cancel := context.WithTimeout(ctx, s.opt.BusyTimeout)
	defer cancel()
	c, err := s.write.Conn(turn)
	if err != nil && ctx.Err() == nil && turn.Err() != nil {
		return nil, lateError{fmt.Errorf(
			"no connection was free for %s: is a transaction still open in this goroutine?", s.opt.BusyTimeout)}
	}
	return c, failure(ctx, "begin", err)
}

// ownTx is how a transaction of the store's ends.
type ownTx struct {
	session  session
	commit   func() error
	rollback func() error
}

// begin begins a transaction on c. If it fails with a transaction open, that is
// returned as well.
func (s *Store) begin(ctx context.Context, c *sql.Conn, write bool) (*ownTx, error) {
	if s.owned {
		return s.beginDirect(ctx, c, write)
	}
	return s.beginHosted(ctx, c, write)
}

func (s *Store) beginDirect(ctx context.Context, c *sql.Conn, write bool) (*ownTx, error) {
	var dc *conn
	// Taken out of Raw, which would close the connection, and with it a database in
	// memory, if fn panics. Nobody else can use it while c is ours.
	err := c.Raw(func(x any) (err error) {
		var ok bool
		if dc, ok = x.(*conn); !ok {
			err = fmt.Errorf("the connection is a %T", x)
		}
		return err
	})
	if err != nil {
		return nil, failure(ctx, "begin", err)
	}
	d := direct{dc}
	run := func(query string) error {
		_, err := d.exec(context.Background(), query, nil)
		return err
	}
	own := &ownTx{
		session:  d,
		commit:   func() error { return run(`COMMIT`) },
		rollback: func() error { return run(`ROLLBACK`) },
	}
	if !write {
		return own, failure(ctx, "View", run(`BEGIN`))
	}
	err = wait(ctx, s.opt.BusyTimeout, func() error { return run(`BEGIN IMMEDIATE`) })
	if err != nil {
		return nil, unbegun(ctx, err)
	}
	return own, nil
}

// beginHosted takes the write lock before anything is read: a transaction that was
// begun without it keeps what it read first, and can never write when another was
// faster. Each try is therefore a transaction of its own.
func (s *Store) beginHosted(ctx context.Context, c *sql.Conn, write bool) (own *ownTx, err error) {
	// Not ctx, with which database/sql would roll back behind our back.
	quiet := context.WithoutCancel(ctx)
	var stuck error // why a try could not be rolled back
	err = wait(ctx, s.opt.BusyTimeout, func() error {
		x, err := c.BeginTx(quiet, &sql.TxOptions{ReadOnly: !write})
		if err != nil {
			return err
		}
		h := newHosted(x, s.schema.Load().prepared)
		own = &ownTx{session: h, commit: x.Commit, rollback: x.Rollback}
		if !write {
			return nil
		}
		if err = h.lock(quiet); err == nil {
			err = h.secure(quiet, s)
		}
		if err == nil {
			return nil
		}
		if undo := x.Rollback(); undo != nil {
			stuck = err
			return nil
		}
		own = nil
		return err
	})
	if err == nil {
		err = stuck
	}
	if err != nil {
		return own, unbegun(ctx, err)
	}
	return own, nil
}

// unbegun gives the failure to begin its kind.
func unbegun(ctx context.Context, err error) error {
	if busy(err) && ctx.Err() == nil {
		return lateError{err}
	}
	return failure(ctx, "begin", err)
}

// discard keeps a connection whose state is not known from being used again.
func discard(c *sql.Conn) {
	// The error is the one given.
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
}

// also adds the error of an end to the one that came before it.
func also(err *error, end error) {
	if end != nil {
		*err = errors.Join(*err, end)
	}
}

// unlessDiscarded leaves out that a connection was discarded.
func unlessDiscarded(err error) error {
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}
