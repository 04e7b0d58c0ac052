package sqlite_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

// BenchmarkDesk is tickets in a file, and the same statements prepared on its connection.
func BenchmarkDesk(b *testing.B) {
	supporttest.BenchmarkDesk(b, func(b *testing.B) (support.Store, supporttest.Bare) {
		st, _ := file(b)
		page, err := st.DB().PrepareContext(b.Context(), `SELECT r.doc FROM support_places p CROSS JOIN support_rows r
			ON r.kind = p.kind AND r.id = p.id WHERE p.list = ? ORDER BY p.sort, p.id LIMIT 50`)
		require.NoError(b, err)
		_, err = st.DB().ExecContext(b.Context(), "CREATE TABLE bare (id INTEGER PRIMARY KEY, doc TEXT NOT NULL) STRICT")
		require.NoError(b, err)
		write, err := st.DB().PrepareContext(b.Context(), "INSERT INTO bare (doc) VALUES (?)")
		require.NoError(b, err)
		b.Cleanup(func() {
			require.NoError(b, page.Close())
			require.NoError(b, write.Close())
		})
		return st, supporttest.Bare{
			Page: func(ctx context.Context, list string) error {
				rows, err := page.QueryContext(ctx, list)
				if err != nil {
					return err
				}
				defer rows.Close()
				var doc string
				for rows.Next() {
					if err := rows.Scan(&doc); err != nil {
						return err
					}
				}
				return rows.Err()
			},
			Write: func(ctx context.Context, _ int) error {
				_, err := write.ExecContext(ctx, strings.Repeat("x", 300))
				return err
			},
		}
	})
}
