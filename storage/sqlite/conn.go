package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// maxStatements bounds the statements that a connection keeps. There are fewer in
// use, so it matters only if a list is asked for in very many ways.
const maxStatements = 300

// connector opens connections that keep their prepared statements.
type connector struct {
	driver.Connector
	busy  time.Duration
	known map[string]bool // this package's queries
}

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	dc, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	lc, ok := dc.(libConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("sqlite: the driver's connection is a %T, which lacks methods", dc), dc.Close())
	}
	return &conn{libConn: lc, busy: c.busy, known: c.known, statements: make(map[string]*statement)}, nil
}

// libConn is what this package needs of the driver's connection.
type libConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn is a connection of [Open]. database/sql keeps it and hands it out; own
// transactions then work on it without database/sql in between, which saves a third
// of the time of an insert.
type conn struct {
	libConn
	busy       time.Duration
	known      map[string]bool
	statements map[string]*statement
	work       scratch
}

// statement is a prepared statement.
type statement struct {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// Unwrap returns the driver's connection, for hosts that need what only it can do;
// see [database/sql.Conn.Raw].
func (c *conn) Unwrap() driver.Conn { return c.libConn }

// Close implements [driver.Conn].
func (c *conn) Close() error {
	// First the statements: SQLite does not give the file back while there is one.
	return errors.Join(c.forget(true), c.libConn.Close())
}

// forget closes the prepared statements. Those of known queries are closed with the
// connection only, because a transaction of the host's may hold them.
func (c *conn) forget(known bool) error {
	var errs []error
	for query, st := range c.statements {
		if known || !c.known[query] {
			errs = append(errs, st.Close())
			delete(c.statements, query)
		}
	}
	return errors.Join(errs...)
}

// BeginTx implements [driver.ConnBeginTx], for the host's transactions. It waits for
// the file's lock like those of the store.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (tx driver.Tx, err error) {
	err = wait(ctx, c.busy, func() (err error) {
		tx, err = c.libConn.BeginTx(ctx, o)
		return err
	})
	return tx, err
}

// PrepareContext implements [driver.ConnPrepareContext], for the host's transactions.
// This package's own queries, of which no two run at once, are prepared only once.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if !c.known[query] {
		return c.libConn.PrepareContext(ctx, query)
	}
	st, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return kept{st}, nil
}

// kept is a statement that outlives its use in a transaction.
type kept struct{ *statement }

// Close implements [driver.Stmt].
func (kept) Close() error { return nil }

// prepare returns the statement for a query, prepared once per connection.
func (c *conn) prepare(ctx context.Context, query string) (*statement, error) {
	if st, ok := c.statements[query]; ok {
		return st, nil
	}
	if len(c.statements) >= maxStatements {
		if err := c.forget(false); err != nil {
			return nil, err
		}
	}
	raw, err := c.libConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	exec, ok1 := raw.(driver.StmtExecContext)
	ask, ok2 := raw.(driver.StmtQueryContext)
	if !ok1 || !ok2 {
		return nil, errors.Join(fmt.Errorf("sqlite: the driver's statement is a %T, which lacks methods", raw), raw.Close())
	}
	st := &statement{raw, exec, ask}
	c.statements[query] = st
	return st, nil
}

// wait runs fn until it does not find the database busy, ctx is done, or the time is
// up; then it returns the last error.
func wait(ctx context.Context, limit time.Duration, fn func() error) error {
	err := fn()
	if err == nil || !busy(err) {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	// SQLite has waited too, unless the host has told it not to.
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return err
		case <-pause.C:
		}
		if err = fn(); err == nil || !busy(err) {
			return err
		}
	}
}
