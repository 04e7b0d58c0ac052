package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
)

var _ reseller.Store = (*Store)(nil)

// Store is a store in one schema of a PostgreSQL database. It is safe for concurrent
// use, by any number of processes on the same schema.
type Store struct {
	pool    *pgxpool.Pool
	opened  bool // the pool is ours
	options Options
	unnamed bool // the pool's connections cannot keep prepared statements
	sql     *statements
	lockKey int64
	known   atomic.Bool // the schema was seen to be ours

	belows  belows
	scratch scratch
}

// New returns a store that uses the host's pool, which stays the host's to close. It
// does not touch the database: call [Store.Migrate] before the first use, or
// [Store.Check] where another process migrates; else the first transaction checks.
//
// It fails with a [*tierhost.Invalid] for options that are wrong.
func New(pool *pgxpool.Pool, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if pool == nil {
		return nil, tierhost.E("postgres.New", tierhost.KindInvalid, "no_pool", errors.New("a store needs a pool"))
	}
	mode := pool.Config().ConnConfig.DefaultQueryExecMode
	return &Store{
		pool:    pool,
		options: o,
		unnamed: mode != pgx.QueryExecModeCacheStatement,
		sql:     newStatements(sqlText{quoted(o.Schema)}),
		lockKey: lockKey(o.Schema),
	}, nil
}

// Open connects to a database, given as a URL or as keywords and values (see
// pgxpool.ParseConfig, which also reads pool_max_conns and the like from it), and
// brings the schema up to date unless [Options.ManualMigration] is set.
//
// It fails with storage.ErrSchema for a schema that this version does not know, with a
// [*tierhost.Invalid] for options that are wrong, and with [tierhost.ErrUnavailable]
// if the server cannot be reached.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// Its text has the password taken out.
		return nil, tierhost.E("postgres.Open", tierhost.KindInvalid, "dsn", err)
	}
	// A context that ends sends the server a cancel request and waits for the answer, so
	// that it is known what became of the statement; the default cuts the connection.
	config.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 5 * time.Second}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, tierhost.E("postgres.Open", tierhost.KindInvalid, "dsn", err)
	}
	s, err := New(pool, o)
	if err == nil {
		s.opened = true
		if s.options.ManualMigration {
			err = s.Check(ctx)
		} else {
			err = s.Migrate(ctx)
		}
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the connections that [Open] has made, and waits for those in use. It
// leaves the pool given to [New] alone.
func (s *Store) Close() {
	if s.opened {
		s.pool.Close()
	}
}

// Update implements [storage.Transactor] in a READ COMMITTED transaction. Nothing is
// sent before the first call that needs the database; BEGIN goes with it.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	inner, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	return storage.Retry(inner, s.options.Retry, func(ctx context.Context) error {
		return s.once(ctx, false, fn)
	})
}

// View implements [storage.Transactor] in a REPEATABLE READ READ ONLY transaction,
// which neither waits for writers nor holds them up.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	inner, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	return s.once(inner, true, fn)
}

// once runs fn in one transaction on one connection.
func (s *Store) once(ctx context.Context, readOnly bool, fn func(ctx context.Context, tx storage.Tx) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return unreachable("postgres.Update", ctx, err)
	}
	defer conn.Release()
	pg := conn.Conn().PgConn()
	t := &txn{store: s, conn: pg, prepared: preparedOf(pg, s.unnamed), readOnly: readOnly}
	// Deferred, so that it also happens when fn panics or ends its goroutine.
	defer t.end(ctx)
	if err := fn(ctx, t); err != nil {
		return err
	}
	return t.commit(ctx)
}

// Wrap returns the host's own transaction for use with this store and the packages on
// it:
//
//	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
//		_, err := engine.In(store.Wrap(tx)).Set(ctx, ...)
//		return err // and the host's own tables in tx
//	})
//
// The host keeps the ownership: it commits or rolls back, and it runs the whole again
// when a call fails with storage.ErrConflict. After any failure the transaction is
// aborted. It must be of the store's database; an isolation level above READ COMMITTED
// works, with more conflicts. The transaction must not be used by two goroutines.
func (s *Store) Wrap(tx pgx.Tx) storage.Tx {
	conn := tx.Conn()
	unnamed := s.unnamed
	if _, seen := conn.PgConn().CustomData()[preparedKey]; !seen {
		unnamed = conn.Config().DefaultQueryExecMode != pgx.QueryExecModeCacheStatement
	}
	return &txn{store: s, conn: conn.PgConn(), prepared: preparedOf(conn.PgConn(), unnamed), host: tx, begun: true}
}

// Billing implements [billing.Store].
func (s *Store) Billing(tx storage.Tx) (billing.Rows, error) {
	t, err := s.open(tx)
	if err != nil {
		return nil, err
	}
	return rows{t}, nil
}

// Reseller implements [reseller.Store].
func (s *Store) Reseller(tx storage.Tx) (reseller.Rows, error) {
	t, err := s.open(tx)
	if err != nil {
		return nil, err
	}
	return resellerRows{t}, nil
}

// Outbox implements [storage.OutboxStore].
func (s *Store) Outbox(tx storage.Tx) (storage.Outbox, error) {
	t, err := s.open(tx)
	if err != nil {
		return nil, err
	}
	return outbox{t}, nil
}

// open returns the transaction behind tx if it is one of s that has not ended.
func (s *Store) open(tx storage.Tx) (*txn, error) {
	t, ok := tx.(*txn)
	if !ok || t == nil || t.store != s {
		return nil, storage.ErrForeignTx
	}
	if t.over() {
		return nil, storage.ErrTxDone
	}
	return t, nil
}

// unreachable is the error for a connection that could not be had.
func unreachable(op string, ctx context.Context, err error) error {
	if cerr := ctx.Err(); cerr != nil && !errors.Is(err, cerr) {
		err = errors.Join(cerr, err)
	}
	return &tierhost.Error{
		Op: op, Kind: tierhost.KindUnavailable, Code: "connection", Err: fmt.Errorf("no connection: %w", err),
	}
}
