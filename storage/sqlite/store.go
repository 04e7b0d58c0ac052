package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	lib "modernc.org/sqlite"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Store is a store in one SQLite file. Make one with [Open] or [New]. It is safe for
// concurrent use.
type Store struct {
	opt    Options
	write  *sql.DB // of one connection if it is ours
	read   *sql.DB // the same if it is the host's, or in memory
	owned  bool    // opened by Open, which Close closes
	memory bool    // in memory: nothing is durable, nothing is checked for it

	inserts *inserts

	// schema is what Migrate found or made; nil until then.
	schema atomic.Pointer[schemaState]

	// lastID is the largest account ID drawn. It is not rolled back: what a transaction
	// that failed has seen is not given out again by this process.
	lastID atomic.Int64
}

// schemaState is what transactions need to know of a schema that was found in order.
type schemaState struct {
	here     place
	prepared map[string]*sql.Stmt // of the host's *sql.DB, which keeps them per connection
}

// place is which database it is: copies have the same installation, and databases in
// memory the same file, "".
type place struct{ installation, file string }

var (
	_ storage.OutboxStore = (*Store)(nil)
	_ billing.Store       = (*Store)(nil)
)

// Open opens the database file at path, which is created if it is not there, and
// brings its schema up to date (see [Options.ManualMigration]). The path ":memory:"
// is a private database that ends with the store, for tests. It fails with
// [storage.ErrSchema] for a schema that it does not know, with tierhost.ErrInvalid for
// options out of range, and with tierhost.ErrUnavailable if the file cannot be opened.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, tierhost.E("sqlite.Open", tierhost.KindInvalid, "no_path", errors.New("the path is empty"))
	}
	s := &Store{opt: o, owned: true, memory: path == inMemory, inserts: newInserts()}
	if s.write, err = o.openDB(path, min(slice, o.BusyTimeout), "_txlock=immediate"); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	s.write.SetMaxIdleConns(1)
	s.read = s.write
	if !s.memory {
		// Readers wait for others that open or recover the file, at most.
		if s.read, err = o.openDB(path, o.BusyTimeout, "_query_only=1"); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.read.SetMaxOpenConns(o.Readers)
		s.read.SetMaxIdleConns(o.Readers)
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (o Options) openDB(path string, busy time.Duration, more ...string) (*sql.DB, error) {
	base, err := lib.NewConnector(dsn(path, busy, more...))
	if err != nil {
		return nil, tierhost.E("sqlite.Open", tierhost.KindInvalid, "path", err)
	}
	known := make(map[string]bool)
	for _, query := range preparedQueries() {
		known[query] = true
	}
	return sql.OpenDB(connector{Connector: base, busy: o.BusyTimeout, known: known}), nil
}

// New returns a store on the host's own *sql.DB, which should have been opened with
// [DSN]; [Store.Close] leaves it open. Any limit on its connections will do, SetMaxOpenConns(1)
// included. It fails with [storage.ErrSchema] for a schema that it does not know, and
// with tierhost.ErrPrecondition for a connection whose commits would not be durable.
func New(ctx context.Context, db *sql.DB, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, tierhost.E("sqlite.New", tierhost.KindInvalid, "no_database", errors.New("the *sql.DB is nil"))
	}
	s := &Store{opt: o, write: db, read: db, inserts: newInserts()}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// start checks the database and its schema.
func (s *Store) start(ctx context.Context) error {
	c, err := s.write.Conn(ctx)
	if err != nil {
		return failure(ctx, "Open", err)
	}
	err = s.checkMode(ctx, c)
	if err = errors.Join(err, c.Close()); err != nil {
		return err
	}
	if s.opt.ManualMigration {
		return s.verify(ctx)
	}
	return s.Migrate(ctx)
}

// checkMode makes sure that commits are durable.
func (s *Store) checkMode(ctx context.Context, c *sql.Conn) error {
	// An empty file name is a database in memory or a temporary one, which ends with
	// its connection anyway.
	var file string
	err := c.QueryRowContext(ctx, `SELECT coalesce(file, '') FROM pragma_database_list WHERE name = 'main'`).Scan(&file)
	if err != nil {
		return failure(ctx, "Open", err)
	}
	if s.memory = file == ""; s.memory {
		return nil
	}
	var mode string
	if s.owned {
		// Not on every connection: the file keeps its mode. Two processes that start at
		// once may find each other in the way.
		err = wait(ctx, s.opt.BusyTimeout, func() error {
			return c.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode)
		})
	} else {
		err = c.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode)
	}
	if err != nil {
		return failure(ctx, "Open", err)
	}
	if mode != "wal" {
		return unsafeMode("journal_mode is %s, it must be WAL: open the database with sqlite.DSN, on a local disk", mode)
	}
	var level int
	if err := c.QueryRowContext(ctx, `PRAGMA synchronous`).Scan(&level); err != nil {
		return failure(ctx, "Open", err)
	}
	return durable(level)
}

// durable refuses a level of PRAGMA synchronous below FULL.
func durable(level int) error {
	if level < 2 {
		return unsafeMode("synchronous is %d, it must be FULL (2): open the database with sqlite.DSN", level)
	}
	return nil
}

func unsafeMode(format string, args ...any) error {
	return tierhost.E("sqlite", tierhost.KindPrecondition, "not_durable", fmt.Errorf(format, args...))
}

// DB returns the database handle on which the host begins the transactions that it
// passes to [Store.Wrap]. For a store of [Open] it has one connection, which all
// writers share, and its transactions hold the write lock from the beginning: do not
// call the store's Update, or the engine without In, before such a transaction has
// ended in the same goroutine, as it would wait for itself until
// [Options.BusyTimeout]. Read with View, or on a handle of the host's own.
func (s *Store) DB() *sql.DB { return s.write }

// Close closes the connections of a store that was made by [Open]; a transaction that
// is under way can still end. The *sql.DB of [New] stays open.
func (s *Store) Close() error {
	var errs []error
	if state := s.schema.Load(); state != nil {
		errs = append(errs, state.close())
	}
	if s.owned {
		errs = append(errs, s.write.Close())
		if s.read != nil && s.read != s.write {
			errs = append(errs, s.read.Close())
		}
	}
	return errors.Join(errs...)
}
