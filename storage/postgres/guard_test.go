package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// A change of the catalog that was decided on another revision is refused whole.
func TestCatalogBase(t *testing.T) {
	t.Parallel()
	s, _ := hosted(t, "")
	put := func(c billing.CatalogChange) error {
		tries := 0
		return update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
			if tries++; tries > 1 {
				return fmt.Errorf("%w; not again", tierhost.ErrConflict)
			}
			return rows.PutCatalog(ctx, c)
		})
	}
	revision := func() (n int64) {
		require.NoError(t, view(t.Context(), s, func(ctx context.Context, rows billing.Rows) (err error) {
			n, err = rows.Revision(ctx)
			return err
		}))
		return n
	}
	resource := billing.Resource{ID: "mailbox"}
	base := revision()
	require.NoError(t, put(billing.CatalogChange{Base: &base, Resources: []billing.Resource{resource}}))
	now := revision()
	require.NotEqual(t, base, now)
	// The resource is there already, which would be ErrExists.
	require.ErrorIs(t, put(billing.CatalogChange{Base: &base, Resources: []billing.Resource{resource}}), tierhost.ErrConflict)
	require.Equal(t, now, revision())
	require.ErrorIs(t, put(billing.CatalogChange{Base: &now, Resources: []billing.Resource{resource}}), storage.ErrExists)
	require.ErrorIs(t, put(billing.CatalogChange{Resources: []billing.Resource{resource}}), storage.ErrExists)

	// One that waits for another compares with what that has left.
	late := make(chan error, 1)
	require.NoError(t, update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
		require.NoError(t, rows.PutCatalog(ctx, billing.CatalogChange{Base: &now}))
		go func() { late <- put(billing.CatalogChange{Base: &now}) }()
		return nil
	}))
	require.ErrorIs(t, <-late, tierhost.ErrConflict)

	plan := billing.Plan{Seller: "host", ID: "standard", Latest: 3}
	version := billing.PlanVersion{Seller: "host", Plan: "standard", Version: 3, Published: noon}
	require.NoError(t, put(billing.CatalogChange{Plans: []billing.Plan{plan}, Versions: []billing.PlanVersion{version}}))
	plan.Latest, plan.Name = 2, "renamed"
	require.NoError(t, put(billing.CatalogChange{Plans: []billing.Plan{plan}}))
	require.NoError(t, view(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
		got, err := rows.Plan(ctx, "host", "standard")
		require.Equal(t, 3, got.Latest)
		require.Equal(t, "renamed", got.Name)
		return err
	}))
}

func TestAccountTwiceInABatch(t *testing.T) {
	t.Parallel()
	s := open(t)
	signUp(t, s, 1, 3)
	for _, accounts := range [][]billing.Account{
		{account(1, 2), account(1, 3)}, {account(2, 2), account(1, 2), account(2, 2)}, {account(9, 1), account(9, 2)},
	} {
		tries := 0
		err := update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
			if tries++; tries > 1 {
				return tierhost.ErrPrecondition
			}
			err := rows.Write(ctx, &billing.Batch{Accounts: accounts, Final: true})
			require.ErrorIs(t, err, storage.ErrConflict)
			return err
		})
		require.ErrorIs(t, err, tierhost.ErrPrecondition)
	}
	require.NoError(t, write(t.Context(), s, &billing.Batch{Accounts: []billing.Account{account(3, 2), account(1, 2)}, Final: true}))
}

// What was acknowledged is on the disk, whatever the server or the session is set to.
func TestSynchronousCommit(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{"off": "on", "local": "local", "remote_apply": "remote_apply"} {
		for _, mode := range []string{"", "&default_query_exec_mode=exec"} {
			s, pool := hosted(t, "&synchronous_commit="+setting+"&pool_max_conns=1"+mode)
			signUp(t, s, 1, 1)
			show := func(q interface {
				QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
			}) (now string) {
				require.NoError(t, q.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&now))
				return now
			}
			require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				rows, err := s.Billing(s.Wrap(tx))
				require.NoError(t, err)
				require.NoError(t, actIn(t.Context(), rows, 1, "key", true))
				require.Equal(t, want, show(tx), mode)
				return nil
			}))
			require.Equal(t, setting, show(pool), "it ends with the transaction")
		}
	}
}

// Statements that return something else than when they were prepared are prepared anew,
// and others of the same names do no harm.
func TestStatementsArePreparedAnew(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	pool, err := pgxpool.New(t.Context(), dsn+"&pool_max_conns=1")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s, err := postgres.New(pool, postgres.Options{Schema: schema})
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	signUp(t, s, 1, 1)
	require.NoError(t, act(t.Context(), s, 1, "key"))
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
	}
	meta := func(kind string) {
		exec("ALTER TABLE " + schema + ".billing_meta ALTER COLUMN revision TYPE " + kind)
	}
	var name string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT name FROM pg_prepared_statements WHERE name LIKE 'tierhost%' LIMIT 1").Scan(&name))
	exec("DEALLOCATE " + name) // one of many
	require.NoError(t, act(t.Context(), s, 1, "one is gone"))

	meta("numeric")
	meta("bigint") // and back: the same again
	require.NoError(t, act(t.Context(), s, 1, "nothing changed"))

	// In a host's transaction the connection stays, and the host starts over.
	require.NoError(t, s.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error { return nil }))
	meta("text")
	tries := 0
	for {
		tries++
		require.Less(t, tries, 4)
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			rows, err := s.Billing(s.Wrap(tx))
			require.NoError(t, err)
			_, err = rows.Revision(t.Context())
			return err
		})
		if tries == 1 {
			require.ErrorIs(t, err, storage.ErrConflict)
			meta("bigint USING revision::bigint")
		} else if err == nil {
			break
		}
	}
	require.NoError(t, act(t.Context(), s, 1, "afterwards"))
}

// Parts that were taken away or switched off are missed, whatever the list of
// migrations says.
func TestSchemaThatIsNotWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sql, says string }{
		{"DROP TABLE %s.billing_keys", "table billing_keys is missing"},
		{"DROP INDEX %s.billing_accounts_name", "(seller,name)"},
		{"ALTER TABLE %s.outbox DROP CONSTRAINT outbox_pkey", "(id)"},
		{"ALTER TABLE %s.billing_entries DISABLE TRIGGER append_only", "append_only of table billing_entries"},
		{"DROP TRIGGER append_only ON %s.billing_usage", "append_only of table billing_usage"},
	} {
		dsn, schema := postgrestest.Schema(t)
		s, pool := hostedIn(t, dsn, schema, "&application_name=whole")
		require.NoError(t, s.Check(t.Context()))
		_, err := pool.Exec(t.Context(), fmt.Sprintf(c.sql, schema))
		require.NoError(t, err)
		for _, err := range []error{s.Check(t.Context()), s.Migrate(t.Context())} {
			require.ErrorIs(t, err, storage.ErrSchema)
			require.ErrorContains(t, err, c.says)
		}
	}
}

// Something of the host's by the name of what Migrate makes.
func TestMigrateMeetsAnothersTable(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"CREATE TABLE %s.billing_sellers (id text)", "CREATE VIEW %s.billing_keys AS SELECT 1 AS n",
		"CREATE FUNCTION %s.tierhost_append_only() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE TYPE %s.billing_series AS (n int)",
	} {
		dsn, schema := postgrestest.Schema(t)
		pool, err := pgxpool.New(t.Context(), dsn)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		_, err = pool.Exec(t.Context(), "CREATE SCHEMA "+schema)
		require.NoError(t, err)
		_, err = pool.Exec(t.Context(), fmt.Sprintf(sql, schema))
		require.NoError(t, err)
		_, err = postgres.Open(t.Context(), dsn, postgres.Options{Schema: schema})
		require.ErrorIs(t, err, storage.ErrSchema, sql)
		require.ErrorContains(t, err, "Options.Schema")
	}
}
