package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// BenchmarkReserve compares a reservation with the bare conditional update of one row,
// prepared, in one round trip that commits.
func BenchmarkReserve(b *testing.B) {
	provisioningtest.BenchmarkReserve(b, inSchema, bareUpdates)
}

// BenchmarkStep compares a step of a service with two of them.
func BenchmarkStep(b *testing.B) { provisioningtest.BenchmarkStep(b, inSchema, bareUpdates) }

func inSchema(b *testing.B) provisioning.Store {
	dsn, schema := postgrestest.Schema(b)
	return reopen(b, dsn, postgres.Options{Schema: schema})
}

func bareUpdates(b *testing.B) func(ctx context.Context, n int) error {
	pool, err := pgxpool.New(b.Context(), postgrestest.DSN(b))
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	_, err = pool.Exec(b.Context(), `DROP TABLE IF EXISTS bare;
		CREATE TABLE bare (id bigint PRIMARY KEY, used bigint NOT NULL, capacity bigint NOT NULL) WITH (fillfactor = 50);
		INSERT INTO bare SELECT n, 0, 1::bigint << 40 FROM generate_series(0, 49) AS n`)
	require.NoError(b, err)
	return func(ctx context.Context, n int) error {
		_, err := pool.Exec(ctx, "UPDATE bare SET used = used + 1 WHERE id = $1 AND used < capacity", n%50)
		return err
	}
}
