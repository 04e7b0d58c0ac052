package postgres_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

func TestTwoStoresStartAtOnce(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), dsn, postgres.Options{Schema: schema})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
	s := reopen(t, dsn, postgres.Options{Schema: schema, ManualMigration: true})
	require.NoError(t, s.Migrate(t.Context()), "nothing to do")
	require.NoError(t, s.Check(t.Context()))
}

// A schema that this version does not know is refused, by everything, with a text that
// helps.
func TestSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql      []string
		says     string
		migrates bool // Migrate helps
	}{
		"nothing there": {
			[]string{"DROP SCHEMA %s CASCADE"}, "call Store.Migrate", true,
		},
		"an empty schema": {
			[]string{"DROP SCHEMA %s CASCADE", "CREATE SCHEMA %[1]s"}, "version 0 of 12", true,
		},
		"newer": {
			[]string{"INSERT INTO %s.tierhost_migrations (version, name, checksum) VALUES (13, '0013_future.sql', 'x')"},
			"0013_future.sql", false,
		},
		"edited": {
			[]string{"UPDATE %s.tierhost_migrations SET checksum = 'something else' WHERE version = 2"}, "checksum something", false,
		},
		"a gap": {
			[]string{"DELETE FROM %s.tierhost_migrations WHERE version = 1"}, "lacks number 1", false,
		},
		"somebody else's": {
			[]string{"DROP TABLE %s.tierhost_migrations"}, "Options.Schema", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn, schema := postgrestest.Schema(t)
			reopen(t, dsn, postgres.Options{Schema: schema})
			pool, err := pgxpool.New(t.Context(), dsn)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			for _, sql := range c.sql {
				_, err := pool.Exec(t.Context(), fmt.Sprintf(sql, schema))
				require.NoError(t, err)
			}
			refused := func(err error, what string) {
				t.Helper()
				require.ErrorIs(t, err, storage.ErrSchema, what)
				require.ErrorContains(t, err, c.says, what)
				require.ErrorContains(t, err, schema, what)
			}
			_, err = postgres.Open(t.Context(), dsn, postgres.Options{Schema: schema, ManualMigration: true})
			refused(err, "Open without migration")
			s, err := postgres.New(pool, postgres.Options{Schema: schema})
			require.NoError(t, err)
			refused(s.Check(t.Context()), "Check")
			refused(write(t.Context(), s, &billing.Batch{Accounts: []billing.Account{account(1, 1)}}), "Write")
			tx, err := pool.Begin(t.Context())
			require.NoError(t, err)
			rows, err := s.Billing(s.Wrap(tx))
			require.NoError(t, err)
			_, err = rows.Revision(t.Context())
			refused(err, "Revision in a host's transaction")
			_, err = tx.Exec(t.Context(), "SELECT 1")
			require.NoError(t, err, "which goes on")
			require.NoError(t, tx.Rollback(t.Context()))
			if !c.migrates {
				refused(s.Migrate(t.Context()), "Migrate")
				return
			}
			require.NoError(t, s.Migrate(t.Context()))
			signUp(t, s, 1, 1)
		})
	}
}

// Tables that were taken away under a running store.
func TestSchemaThatIsGone(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	s, pool := hostedIn(t, dsn, schema, "")
	signUp(t, s, 1, 1)
	_, err := pool.Exec(t.Context(), "DROP SCHEMA "+schema+" CASCADE")
	require.NoError(t, err)
	require.ErrorIs(t, act(t.Context(), s, 1, "key"), storage.ErrSchema)
}

// A right that is missing is said as such.
func TestMigrateWithoutTheRight(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.DSN(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), "DO $$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
	require.NoError(t, err)
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	config.ConnConfig.User = "guest"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer pool.Close()
	s, err := postgres.New(pool, postgres.Options{})
	require.NoError(t, err)
	require.ErrorContains(t, s.Migrate(t.Context()), "permission denied")

	_, err = conn.Exec(t.Context(), "CREATE SCHEMA tierhost AUTHORIZATION guest")
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()), "in a schema that was made for it")
	signUp(t, s, 1, 1)
}
