package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
)

// session runs statements on the connection of one transaction. A query that may
// take long gets the caller's context, which costs a goroutine; the others get one
// that cannot be cancelled, and the caller has looked at its own before.
type session interface {
	exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error)
	// query calls fn for each row, whose values are good until fn returns. fn must
	// not use the session.
	query(ctx context.Context, query string, args []driver.NamedValue, columns int, fn func(r *row)) error
	scratch() *scratch
}

// scratch is memory that is used again by each transaction of a connection. The
// arguments of each kind of statement have their own: a value that is the same as in
// the last row is then there already.
type scratch struct {
	account, holding, update, period, usage, entry, document, key, event, misc binder
	wholesale, stock, books, shadow, bill, transfer                            binder
	load, reservation, service                                                 binder

	row    row
	values []driver.Value
}

func (w *scratch) dest(columns int) []driver.Value {
	if len(w.values) < columns {
		w.values = make([]driver.Value, columns)
	}
	return w.values[:columns]
}

// direct is a session on a connection of [Open].
type direct struct{ c *conn }

func (d direct) scratch() *scratch { return &d.c.work }

func (d direct) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	st, err := d.c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args)
}

func (d direct) query(
	ctx context.Context, query string, args []driver.NamedValue, columns int, fn func(r *row),
) (err error) {
	st, err := d.c.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args)
	if err != nil {
		return err
	}
	defer func() { also(&err, rows.Close()) }()
	r := &d.c.work.row
	for {
		r.reset(d.c.work.dest(columns))
		// The driver looks at it for the first row only.
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := rows.Next(r.values); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if fn(r); r.err != nil || r.stop {
			return r.err
		}
	}
}

// hosted is a session on a transaction of database/sql.
type hosted struct {
	tx *sql.Tx
	// prepared holds statements of the same *sql.DB, which keeps them for each of its
	// connections. Those that are not there are prepared for this transaction.
	prepared map[string]*sql.Stmt
	open     map[string]*sql.Stmt
	args     []any
	got      []any
	into     []any // pointers to the elements of got
	work     scratch
	checked  bool // for a transaction of the host's, that it is one of this store's
}

func newHosted(tx *sql.Tx, prepared map[string]*sql.Stmt) *hosted {
	return &hosted{tx: tx, prepared: prepared, open: make(map[string]*sql.Stmt)}
}

func (h *hosted) scratch() *scratch { return &h.work }

func (h *hosted) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := h.open[query]; ok {
		return st, nil
	}
	var st *sql.Stmt
	if whole, ok := h.prepared[query]; ok {
		st = h.tx.StmtContext(ctx, whole)
	} else {
		var err error
		if st, err = h.tx.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
	}
	h.open[query] = st
	return st, nil
}

func (h *hosted) plain(args []driver.NamedValue) []any {
	h.args = h.args[:0]
	for i := range args {
		h.args = append(h.args, args[i].Value)
	}
	return h.args
}

func (h *hosted) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	st, err := h.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	res, err := st.ExecContext(ctx, h.plain(args)...)
	return res, h.explain(err)
}

// explain tells that the transaction has ended when its statements are closed, for
// which database/sql has no error value.
func (h *hosted) explain(err error) error {
	if err != nil && code(err) == 0 && h.ended() {
		return sql.ErrTxDone
	}
	return err
}

// ended asks database/sql, without a statement of the transaction's.
func (h *hosted) ended() bool {
	st, err := h.tx.PrepareContext(context.Background(), `SELECT 1`)
	if err != nil {
		return errors.Is(err, sql.ErrTxDone)
	}
	return st.Close() != nil
}

func (h *hosted) query(
	ctx context.Context, query string, args []driver.NamedValue, columns int, fn func(r *row),
) (err error) {
	st, err := h.statement(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, h.plain(args)...)
	if err != nil {
		return h.explain(err)
	}
	defer func() { also(&err, rows.Close()) }()
	values := h.work.dest(columns)
	got, targets := h.targets(columns)
	r := &h.work.row
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for i, v := range got {
			values[i] = v
		}
		r.reset(values)
		if fn(r); r.err != nil || r.stop {
			return r.err
		}
	}
	return rows.Err()
}

// targets returns variables to scan into, and their addresses.
func (h *hosted) targets(columns int) (got, into []any) {
	if len(h.got) < columns {
		h.got, h.into = make([]any, columns), make([]any, columns)
		for i := range h.got {
			h.into[i] = &h.got[i]
		}
	}
	return h.got[:columns], h.into[:columns]
}
