package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// BenchmarkCharge compares a payment with the bare writes of its rows, in two transactions
// of one round trip each.
func BenchmarkCharge(b *testing.B) {
	gatewaytest.BenchmarkCharge(b, func(b *testing.B) gateways.Store {
		dsn, schema := postgrestest.Schema(b)
		return reopen(b, dsn, postgres.Options{Schema: schema})
	}, bareCharges)
}

func bareCharges(b *testing.B) func(ctx context.Context, n int) error {
	dsn, schema := postgrestest.Schema(b)
	reopen(b, dsn, postgres.Options{Schema: schema})
	pool, err := pgxpool.New(b.Context(), dsn)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	doc, event := `"`+strings.Repeat("x", 1100)+`"`, `"`+strings.Repeat("x", 200)+`"`
	in := func(sql string) string { return strings.ReplaceAll(sql, "gw.", pgx.Identifier{schema}.Sanitize()+".") }
	outbox := in(`INSERT INTO gw.outbox (id, type, version, at, seller, subject, data) VALUES ($1, 't', 1, now(), 'shop', $2, $3)`)
	run := func(ctx context.Context, all ...[]any) error {
		batch := &pgx.Batch{}
		batch.Queue("BEGIN")
		for _, q := range all {
			batch.Queue(q[0].(string), q[1:]...)
		}
		batch.Queue("COMMIT")
		return pool.SendBatch(ctx, batch).Close()
	}
	return func(ctx context.Context, n int) error {
		id := fmt.Sprintf("pay_%032d", n)
		err := run(ctx,
			[]any{in(`INSERT INTO gw.gateway_payments (id, version, doc, seller, customer, account, instrument, phase, key, available)
				VALUES ($1, 1, $2, 'shop', 'anna', 'a', 'i', 'open', $1, now())`), id, doc},
			[]any{in(`INSERT INTO gw.gateway_operations VALUES ($1, $2)`), "op" + id, id},
			[]any{outbox, "e1" + id, id, event})
		if err != nil {
			return err
		}
		return run(ctx,
			[]any{in(`UPDATE gw.gateway_payments SET version = 2, doc = $2, phase = 'paid', available = NULL WHERE id = $1`), id, doc},
			[]any{in(`INSERT INTO gw.gateway_references VALUES ('a', $1, $2)`), "r" + id, id},
			[]any{in(`INSERT INTO gw.gateway_exchanges (payment, doc) VALUES ($1, $2)`), id, event},
			[]any{in(`INSERT INTO gw.gateway_counts VALUES ('a', 'd', 'visa', 'charge', 'approved', 'EUR', pg_catalog.pg_backend_pid() % 64, 1, 1000)
				ON CONFLICT (account, day, brand, verb, outcome, currency, slot) DO UPDATE SET number = gateway_counts.number + 1`)},
			[]any{outbox, "e2" + id, id, event})
	}
}
