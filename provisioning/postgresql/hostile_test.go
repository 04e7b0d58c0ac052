package postgresql_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/postgresql"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
)

// What a customer can do in its database neither reaches others nor stops or misleads the
// driver, which works there as a superuser.
func TestHostileDatabase(t *testing.T) {
	t.Parallel()
	w, d := start(t), postgresql.New(postgresql.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ann, bob := w.call("s1", "ann"), w.call("s2", "bob")
	ann.Spec = []byte(`{"connections":5,"temp_kb":1000}`)
	for _, c := range []provisioning.Call{ann, bob} {
		_, err := d.Ensure(ctx, c)
		require.NoError(t, err)
		require.NoError(t, w.use(ctx, c, c.Password.Reveal()))
	}
	db, err := w.login(ctx, "ann", "ann", ann.Password.Reveal())
	require.NoError(t, err)
	defer db.Close(ctx)

	// It may take locks of any number, in its own database.
	_, err = db.Exec(ctx, "SELECT count(pg_try_advisory_lock(n)) FROM generate_series(-1000, 1000) n")
	require.NoError(t, err)
	// Its own functions and operators stand where those of the server should.
	for _, sql := range []string{
		"CREATE SCHEMA evil", "CREATE FUNCTION public.quote_ident(text) RETURNS text LANGUAGE sql AS $$SELECT 'bob'$$",
		"CREATE FUNCTION public.shobj_description(oid, text) RETURNS text LANGUAGE sql AS $$SELECT 'tierhost service s2'$$",
		"CREATE TABLE public.pg_roles (rolname text, oid oid)", "CREATE TABLE public.pg_database (datname text)",
		"ALTER ROLE ann SET search_path = evil, public, pg_catalog", "ALTER ROLE ann SET role = 'ann'", "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO bob",
		"ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO bob", "GRANT ALL ON SCHEMA public TO bob", "CREATE DOMAIN public.d AS text CHECK (pg_sleep(0) IS NOT NULL)",
		"SELECT lo_from_bytea(4242, 'x')", "GRANT ALL ON LARGE OBJECT 4242 TO bob", "ALTER ROLE ann RESET ALL", "CREATE EXTENSION IF NOT EXISTS pgcrypto",
	} {
		_, err := db.Exec(ctx, sql)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "0A000" || pg.Code == "58P01") {
			continue // the extension is not installed
		}
		require.NoError(t, err, sql)
	}
	o, err := d.Read(ctx, ann)
	require.NoError(t, err)
	require.True(t, o.Matches, "%s", o.Spec) // RESET ALL has left what is not the customer's

	for _, sql := range []string{
		"CREATE EXTENSION dblink", "CREATE EXTENSION postgres_fdw", "CREATE EXTENSION file_fdw", "CREATE EXTENSION adminpack", "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()",
		"CREATE FUNCTION c() RETURNS int LANGUAGE c AS 'libc.so.6', 'getpid'", "CREATE FUNCTION i() RETURNS int LANGUAGE internal AS 'pg_terminate_backend'",
		"COPY visits TO '/tmp/tierhost-trespass'", "COPY visits FROM '/etc/passwd'", "COPY visits FROM PROGRAM 'id'", "SELECT lo_import('/etc/passwd')", "SELECT lo_export(4242, '/tmp/tierhost-trespass')",
		"SELECT pg_ls_dir('.')", "SELECT pg_stat_file('base')", "SELECT * FROM pg_authid", "SELECT * FROM pg_shadow", "SELECT * FROM pg_hba_file_rules", "SELECT pg_reload_conf()",
		"SELECT pg_rotate_logfile()", "ALTER SYSTEM SET log_statement = 'none'", "SET SESSION AUTHORIZATION bob", "SET SESSION AUTHORIZATION postgres", "SET ROLE postgres", "SET ROLE pg_read_server_files",
		"ALTER DATABASE ann SET search_path = evil", "ALTER DATABASE ann SET session_preload_libraries = 'x'", "ALTER ROLE ann SET session_preload_libraries = 'x'", "LOAD '/tmp/x.so'",
		"ALTER ROLE ALL SET statement_timeout = 1", "ALTER ROLE bob SET statement_timeout = 1", "REASSIGN OWNED BY bob TO ann", "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p", "SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
		"CREATE TABLESPACE t LOCATION '/tmp'", "SET log_statement = 'none'", "SET session_replication_role = replica", "SECURITY LABEL ON ROLE ann IS 'x'", "COMMENT ON DATABASE bob IS 'tierhost service s1'",
		"ALTER FUNCTION public.quote_ident(text) OWNER TO postgres", "ALTER SCHEMA evil OWNER TO bob", "CREATE SERVER x FOREIGN DATA WRAPPER postgres_fdw",
	} {
		_, err := db.Exec(ctx, sql)
		pg, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok, "%s: %v", sql, err)
		require.NotEqual(t, "42601", pg.Code, "%s: %v", sql, err) // syntax
	}
	// Nobody's statements are shown to it, and it ends nobody's session.
	other, err := w.login(ctx, "bob", "bob", bob.Password.Reveal())
	require.NoError(t, err)
	defer other.Close(ctx)
	_, err = other.Exec(ctx, "SELECT 'a secret of bob'")
	require.NoError(t, err)
	_, err = db.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bob'")
	require.NoError(t, refused(err))
	rows, err := db.Query(ctx, "SELECT coalesce(query, '') FROM pg_stat_activity WHERE usename = 'bob'")
	require.NoError(t, err)
	seen, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, seen)
	for _, query := range seen {
		require.NotContains(t, query, "secret")
	}

	// Ensure works on, also where schema public is gone.
	_, err = db.Exec(ctx, "DROP SCHEMA public CASCADE")
	require.NoError(t, err)
	ann.Spec = []byte(`{"connections":6}`)
	o, err = d.Ensure(ctx, ann)
	require.NoError(t, err)
	require.True(t, o.Matches)
	_, err = d.Suspend(ctx, ann)
	require.NoError(t, err)
	require.ErrorIs(t, w.use(ctx, ann, ann.Password.Reveal()), provisioningtest.ErrRefused)
	require.NoError(t, d.Remove(ctx, ann))
	left, err := w.left(ctx, "ann")
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, w.use(ctx, bob, bob.Password.Reveal()))

	// What others have given to a role in their databases keeps it from nothing.
	require.NoError(t, d.Remove(ctx, bob))
	left, err = w.left(ctx, "bob")
	require.NoError(t, err)
	require.Empty(t, left)
}
