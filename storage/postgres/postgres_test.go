package postgres_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/billing/billingtest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
	"github.com/tierhost/tierhost/storage/storagetest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// lent returns a schema that is migrated and empty, and t's alone.
func lent(t testing.TB) (dsn, schema string) {
	t.Helper()
	return postgrestest.Lent(t, func(ctx context.Context, dsn, schema string) error {
		s, err := postgres.Open(ctx, dsn, postgres.Options{Schema: schema})
		if err == nil {
			s.Close()
		}
		return err
	})
}

// open returns an empty store of t's own.
func open(t testing.TB) *postgres.Store {
	t.Helper()
	dsn, schema := lent(t)
	return reopen(t, dsn, postgres.Options{Schema: schema})
}

func reopen(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), dsn, o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// suites runs both conformance suites.
func suites(t *testing.T, concurrent bool, open func(t *testing.T) *postgres.Store, reopen func(t *testing.T, s any) *postgres.Store) {
	t.Helper()
	s := storagetest.Harness{Concurrent: concurrent, New: func(t *testing.T) storage.OutboxStore { return open(t) }}
	b := billingtest.Harness{Concurrent: concurrent, New: func(t *testing.T) billing.Store { return open(t) }}
	if reopen != nil {
		s.Reopen = func(t *testing.T, old storage.OutboxStore) storage.OutboxStore { return reopen(t, old) }
		b.Reopen = func(t *testing.T, old billing.Store) billing.Store { return reopen(t, old) }
	}
	t.Run("storage", func(t *testing.T) {
		t.Parallel()
		storagetest.TestStore(t, s)
	})
	t.Run("billing", func(t *testing.T) {
		t.Parallel()
		billingtest.TestStore(t, b)
	})
}

func TestSuites(t *testing.T) {
	t.Parallel()
	var where sync.Map // by store: how to open it again
	suites(t, true, func(t *testing.T) *postgres.Store {
		dsn, schema := lent(t)
		s := reopen(t, dsn, postgres.Options{Schema: schema})
		where.Store(s, func(t *testing.T) *postgres.Store { return reopen(t, dsn, postgres.Options{Schema: schema}) })
		return s
	}, func(t *testing.T, s any) *postgres.Store {
		again, _ := where.Load(s)
		s.(*postgres.Store).Close()
		return again.(func(t *testing.T) *postgres.Store)(t)
	})
}

// A pool of one connection is enough for everything, one after the other; and one that
// keeps no prepared statements, as behind a pooler, for everything at all.
func TestSuitesOnTheHostsPool(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the same statements as on a pool of its own")
	}
	for name, params := range map[string]string{
		"one connection":         "&pool_max_conns=1",
		"no prepared statements": "&default_query_exec_mode=exec",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suites(t, name != "one connection", func(t *testing.T) *postgres.Store {
				s, _ := hosted(t, params)
				return s
			}, nil)
		})
	}
}

// hosted returns an empty store on a pool of a host.
func hosted(t testing.TB, params string) (*postgres.Store, *pgxpool.Pool) {
	t.Helper()
	dsn, schema := lent(t)
	return hostedIn(t, dsn, schema, params)
}

// hostedIn is hosted in a schema, which is made if it is not there.
func hostedIn(t testing.TB, dsn, schema, params string) (*postgres.Store, *pgxpool.Pool) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), dsn+params)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s, err := postgres.New(pool, postgres.Options{Schema: schema})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s, pool
}
