package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// deferred returns a store on a *sql.DB whose transactions do not begin IMMEDIATE.
func deferred(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	dsn := strings.Replace(sqlite.DSN(path), "&_txlock=immediate", "", 1)
	require.NotContains(t, dsn, "_txlock")
	db, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	st, err := sqlite.New(context.Background(), db, sqlite.Options{Retry: quick()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

// TestDeferredUpdateWaitsItsTurn makes one wait while another commits: what it had read
// before would be out of date for ever.
func TestDeferredUpdateWaitsItsTurn(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	first, second := open(t, path), deferred(t, path)
	require.NoError(t, write(t.Context(), first, billing.Batch{Accounts: []billing.Account{account(1)}}))
	done := make(chan error, 1)
	require.NoError(t, update(t.Context(), first, func(ctx context.Context, rows billing.Rows) error {
		go func() { done <- add(context.WithoutCancel(ctx), second, 1) }()
		time.Sleep(100 * time.Millisecond) // or it does not wait, and finds nothing in its way
		return rows.PutCatalog(ctx, billing.CatalogChange{Resources: []billing.Resource{{ID: "r"}}})
	}))
	require.NoError(t, <-done)
	require.Len(t, entries(t, first, 1), 1)
}

func TestDeferredUpdatesCompete(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	a, b, c := deferred(t, path), deferred(t, path), open(t, path)
	require.NoError(t, write(t.Context(), a, billing.Batch{Accounts: []billing.Account{account(1)}}))
	compete(t, a, b, c)
}

// TestRevisionsOfOtherProcesses takes two stores for two processes, which share only
// what is in the file.
func TestRevisionsOfOtherProcesses(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	a, b := open(t, path), open(t, path)
	revision := func(ctx context.Context, rows billing.Rows) int64 {
		n, err := rows.Revision(ctx)
		require.NoError(t, err)
		return n
	}
	change := billing.CatalogChange{Sellers: []billing.Seller{{ID: "host", Currency: usd()}}}
	lost := errors.New("given up")
	seen := map[int64]bool{0: true}
	for range 3 {
		for _, st := range []*sqlite.Store{a, b} {
			for _, end := range []error{lost, nil} {
				require.ErrorIs(t, update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					require.NoError(t, rows.PutCatalog(ctx, change))
					n := revision(ctx, rows)
					require.Positive(t, n)
					require.False(t, seen[n], "revision %d was seen before", n)
					seen[n] = true
					return end
				}), end)
			}
		}
	}
}
