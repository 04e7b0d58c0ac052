package postgrestest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// What comes back is lent again as it was made: rows, counters, and what refuses to alter
// them. What comes back from a test that has failed is not.
func TestLent(t *testing.T) {
	t.Parallel()
	s, ctx := Start(t), t.Context()
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	made := 0
	migrate := func(ctx context.Context, dsn, schema string) error {
		made++
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, `CREATE SCHEMA `+schema+`; SET search_path = `+schema+`;
			CREATE SEQUENCE numbers; SELECT nextval('numbers');
			CREATE TABLE settings (id text PRIMARY KEY, value text); INSERT INTO settings VALUES ('a', '1'), ('b', '2');
			CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY, what text);
			CREATE TABLE books (n bigint);
			CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END';
			CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON books FOR EACH STATEMENT EXECUTE FUNCTION refuse();
			ALTER TABLE books ENABLE ALWAYS TRIGGER append_only`)
		return err
	}
	content := func(schema string) (all string) {
		t.Helper()
		require.NoError(t, conn.QueryRow(ctx, `SELECT jsonb_build_array((SELECT jsonb_agg(x ORDER BY x) FROM `+schema+`.settings AS x),
			(SELECT jsonb_agg(x) FROM `+schema+`.log AS x), (SELECT jsonb_agg(x) FROM `+schema+`.books AS x),
			(SELECT jsonb_build_array(last_value, is_called) FROM `+schema+`.numbers),
			(SELECT jsonb_build_array(last_value, is_called) FROM `+schema+`.log_n_seq))::text`).Scan(&all))
		return all
	}
	first, err := s.lend(ctx, migrate)
	require.NoError(t, err)
	require.Equal(t, 2, made, "one is kept as it is")
	fresh := content(first.name)
	for range 3 {
		_, err = conn.Exec(ctx, `SET search_path = `+first.name+`; SELECT nextval('numbers'); DELETE FROM settings WHERE id = 'a'; UPDATE settings SET value = '3';
			INSERT INTO log (what) VALUES ('x'), ('y'); INSERT INTO books VALUES (1); RESET search_path`)
		require.NoError(t, err)
		require.NotEqual(t, fresh, content(first.name))
		other, err := s.lend(ctx, migrate)
		require.NoError(t, err)
		require.NotEqual(t, first.name, other.name, "it is lent once at a time")
		require.Equal(t, fresh, content(other.name))
		require.NoError(t, s.takeBack(ctx, first, true))
		again, err := s.lend(ctx, migrate)
		require.NoError(t, err)
		require.Equal(t, first.name, again.name)
		require.Equal(t, fresh, content(again.name))
		require.NoError(t, s.takeBack(ctx, other, true))
		first = again
	}
	require.Equal(t, 3, made)
	_, err = conn.Exec(ctx, `INSERT INTO `+first.name+`.books VALUES (2)`)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, `SET session_replication_role = replica; DELETE FROM `+first.name+`.books`)
	require.ErrorContains(t, err, "refused")

	require.NoError(t, s.takeBack(ctx, first, false))
	var there bool
	require.NoError(t, conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, first.name).Scan(&there))
	require.False(t, there, "what a failed test leaves is dropped")
}
