package sqlite_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
)

// BenchmarkReserve compares a reservation with the bare conditional update, prepared and
// committed, of one row of a table in a file of its own.
func BenchmarkReserve(b *testing.B) {
	provisioningtest.BenchmarkReserve(b, inFile, bareUpdates)
}

// BenchmarkStep compares a step of a service with two of them.
func BenchmarkStep(b *testing.B) { provisioningtest.BenchmarkStep(b, inFile, bareUpdates) }

func inFile(b *testing.B) provisioning.Store {
	st, _ := file(b)
	return st
}

func bareUpdates(b *testing.B) func(ctx context.Context, n int) error {
	st, _ := file(b)
	_, err := st.DB().ExecContext(b.Context(), `CREATE TABLE bare (id INTEGER PRIMARY KEY, used INTEGER NOT NULL, capacity INTEGER NOT NULL) STRICT;
		WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < 49) INSERT INTO bare SELECT id, 0, 1 << 40 FROM n`)
	require.NoError(b, err)
	update, err := st.DB().PrepareContext(b.Context(), `UPDATE bare SET used = used + 1 WHERE id = ? AND used < capacity`)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, update.Close()) })
	return func(ctx context.Context, n int) error {
		_, err := update.ExecContext(ctx, n%50)
		return err
	}
}
