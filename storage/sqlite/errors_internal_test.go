package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

type coded int

func (c coded) Error() string { return "a failure of SQLite" }
func (c coded) Code() int     { return int(c) }

func TestFailuresHaveKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want error
	}{
		{coded(sqlite3.SQLITE_BUSY), storage.ErrConflict},
		{coded(sqlite3.SQLITE_BUSY_SNAPSHOT), storage.ErrConflict},
		{coded(sqlite3.SQLITE_LOCKED), storage.ErrConflict},
		{coded(sqlite3.SQLITE_READONLY), storage.ErrReadOnly},
		{coded(sqlite3.SQLITE_FULL), tierhost.ErrUnavailable},
		{coded(sqlite3.SQLITE_IOERR_FSYNC), tierhost.ErrUnavailable},
		{coded(sqlite3.SQLITE_CORRUPT), tierhost.ErrInternal},
		{sql.ErrTxDone, storage.ErrTxDone},
		{storage.ErrExists, storage.ErrExists},
		{errors.New("other"), tierhost.ErrInternal},
	} {
		err := failure(context.Background(), "Test", c.err)
		require.ErrorIs(t, err, c.want)
		require.ErrorIs(t, err, c.err, "the cause is kept")
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	}
	require.NoError(t, failure(context.Background(), "Test", nil))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, failure(ctx, "Test", coded(sqlite3.SQLITE_INTERRUPT)), context.Canceled)
}

func TestFailedCommits(t *testing.T) {
	t.Parallel()
	err := uncommitted(coded(sqlite3.SQLITE_BUSY))
	require.ErrorIs(t, err, storage.ErrConflict)
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	err = uncommitted(coded(sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY))
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	err = uncommitted(coded(sqlite3.SQLITE_IOERR_FSYNC))
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.Equal(t, tierhost.EffectUnknown, tierhost.EffectOf(err), "it may have reached the disk")
}

func TestTaken(t *testing.T) {
	t.Parallel()
	require.True(t, taken(coded(sqlite3.SQLITE_CONSTRAINT_UNIQUE)))
	require.True(t, taken(coded(sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)))
	require.False(t, taken(coded(sqlite3.SQLITE_CONSTRAINT_TRIGGER)))
	require.False(t, taken(nil))
}
