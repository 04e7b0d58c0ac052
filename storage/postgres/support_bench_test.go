package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

// BenchmarkDesk is tickets in a schema, and the same statements prepared.
func BenchmarkDesk(b *testing.B) {
	supporttest.BenchmarkDesk(b, func(b *testing.B) (support.Store, supporttest.Bare) {
		dsn, schema := postgrestest.Schema(b)
		st := reopen(b, dsn, postgres.Options{Schema: schema})
		pool, err := pgxpool.New(b.Context(), dsn)
		require.NoError(b, err)
		b.Cleanup(pool.Close)
		_, err = pool.Exec(b.Context(), "CREATE TABLE "+schema+".bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, doc text NOT NULL)")
		require.NoError(b, err)
		page := "SELECT r.doc::text FROM (SELECT sort, id, kind FROM " + schema + `.support_places WHERE list = $1 ORDER BY sort, id LIMIT 50) p
			CROSS JOIN LATERAL (SELECT doc FROM ` + schema + ".support_rows WHERE kind = p.kind AND id = p.id OFFSET 0) r ORDER BY p.sort, p.id"
		return st, supporttest.Bare{
			Page: func(ctx context.Context, list string) error {
				rows, err := pool.Query(ctx, page, list)
				if err != nil {
					return err
				}
				_, err = pgx.CollectRows(rows, pgx.RowTo[string])
				return err
			},
			Write: func(ctx context.Context, _ int) error {
				_, err := pool.Exec(ctx, "INSERT INTO "+schema+".bare (doc) VALUES ($1)", strings.Repeat("x", 300))
				return err
			},
		}
	})
}
