package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

// nightly is what a run writes for accounts that renew.
func nightly(first billing.AccountID, n int, version int64) *billing.Batch {
	b := &billing.Batch{Final: true}
	for id := first; id < first+billing.AccountID(n); id++ {
		a := account(id, version)
		a.Next = a.Next.AddMonths(1)
		b.Accounts = append(b.Accounts, a)
		b.Entries = append(b.Entries, entry(id, 1), entry(id, 2), entry(id, 3))
		b.Documents = append(b.Documents, document(id, 1))
		b.Events = append(b.Events, event(id, 1))
	}
	return b
}

// BenchmarkNight writes what a run writes for 500 accounts at a time, and then streams
// the same rows by COPY into tables with the same indexes, which nothing can beat.
func BenchmarkNight(b *testing.B) {
	const accounts, rowsEach = 500, 6
	dsn, schema := postgrestest.Schema(b)
	s := reopen(b, dsn, postgres.Options{Schema: schema})
	reopen(b, dsn, postgres.Options{Schema: schema + "_copy"})
	conn, err := pgx.Connect(b.Context(), dsn)
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	signUp(b, s, 1, billing.AccountID(b.N*accounts))

	var written, copied time.Duration
	for i := range b.N {
		batch := nightly(billing.AccountID(i*accounts+1), accounts, 2)
		start := time.Now()
		if err := write(b.Context(), s, batch); err != nil {
			b.Fatal(err)
		}
		written += time.Since(start)
		// In turns, so that what else the machine does hits both.
		copied += copyIn(b, conn, schema, copyOut(b, conn, schema, i*accounts+1, (i+1)*accounts))
	}
	rows := float64(b.N * accounts * rowsEach)
	b.ReportMetric(rows/written.Seconds(), "rows/s")
	b.ReportMetric(rows/copied.Seconds(), "copied-rows/s")
	b.ReportMetric(100*copied.Seconds()/written.Seconds(), "%ofCOPY")
	b.ReportMetric(float64(b.N*accounts)/written.Seconds(), "accounts/s")
}

// copyOut reads the rows of some accounts, by table.
func copyOut(b *testing.B, conn *pgx.Conn, schema string, first, last int) map[string]*bytes.Buffer {
	b.Helper()
	data := map[string]*bytes.Buffer{}
	for table, column := range map[string]string{
		"billing_accounts": "id", "billing_entries": "account", "billing_documents": "account",
		"outbox": "substr(subject, 9)::bigint",
	} {
		data[table] = new(bytes.Buffer)
		_, err := conn.PgConn().CopyTo(b.Context(), data[table], fmt.Sprintf(
			"COPY (SELECT * FROM %s.%s WHERE %s BETWEEN %d AND %d ORDER BY %s) TO STDOUT BINARY", schema, table, column, first, last, column))
		require.NoError(b, err)
	}
	return data
}

// copyIn streams rows into the other schema, in a transaction.
func copyIn(b *testing.B, conn *pgx.Conn, schema string, data map[string]*bytes.Buffer) time.Duration {
	b.Helper()
	start := time.Now()
	err := pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error {
		for table, rows := range data {
			if _, err := conn.PgConn().CopyFrom(b.Context(), rows, "COPY "+schema+"_copy."+table+" FROM STDIN BINARY"); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(b, err)
	return time.Since(start)
}

// BenchmarkAction is one action: an account loaded and locked, then written with an
// entry, a document, a holding, a key and an event.
func BenchmarkAction(b *testing.B) {
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) { benchAction(b, clients) })
	}
}
