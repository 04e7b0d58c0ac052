package sqlite_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// hosts are the ways in which a host has a *sql.DB to begin its transactions on.
func hosts(t *testing.T, test func(t *testing.T, st *sqlite.Store, db *sql.DB)) {
	t.Helper()
	const table = `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)`
	t.Run("the store's", func(t *testing.T) {
		t.Parallel()
		st, _ := file(t)
		execAll(t, st.DB(), table)
		test(t, st, st.DB())
	})
	t.Run("its own", func(t *testing.T) {
		t.Parallel()
		st, db := hosted(t, fresh(t), 1, sqlite.Options{})
		execAll(t, db, table)
		test(t, st, db)
	})
	t.Run("its own, on the file of an opened store", func(t *testing.T) {
		t.Parallel()
		st, path := file(t)
		db, err := sql.Open("sqlite", sqlite.DSN(path))
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		execAll(t, db, table)
		test(t, st, db)
	})
}

func users(t testing.TB, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM users`).Scan(&n))
	return n
}

// join writes a user of the host's and a batch of ours in one transaction, which
// remains open.
func join(t testing.TB, st *sqlite.Store, db *sql.DB, b billing.Batch) (*sql.Tx, storage.Tx) {
	t.Helper()
	x, err := db.BeginTx(context.Background(), nil)
	require.NoError(t, err)
	_, err = x.Exec(`INSERT INTO users (name) VALUES ('anna')`)
	require.NoError(t, err)
	tx := st.Wrap(x)
	rows, err := st.Billing(tx)
	require.NoError(t, err)
	require.NoError(t, rows.Write(context.Background(), &b))
	return x, tx
}

func TestWrapCommitsAndRollsBackTogether(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, st *sqlite.Store, db *sql.DB) {
		x, _ := join(t, st, db, fullBatch(1))
		require.NoError(t, x.Rollback())
		require.Zero(t, users(t, db))
		require.Empty(t, entries(t, st, 1))

		x, tx := join(t, st, db, fullBatch(1))
		rows, err := st.Billing(tx)
		require.NoError(t, err)
		got, err := rows.Load(t.Context(), billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait, NewID: true, Usage: true})
		require.NoError(t, err)
		require.Len(t, got.States, 1, "it sees what it wrote")
		require.Greater(t, got.NewID, billing.AccountID(1))
		require.NoError(t, x.Commit())
		require.Equal(t, 1, users(t, db))
		require.Len(t, entries(t, st, 1), 1)

		_, err = st.Billing(tx)
		require.ErrorIs(t, err, storage.ErrTxDone)
		_, err = st.Outbox(tx)
		require.ErrorIs(t, err, storage.ErrTxDone)
		_, err = rows.Revision(t.Context())
		require.ErrorIs(t, err, storage.ErrTxDone)
	})
}

func TestWrapUndoesAFailedWriteWhole(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, st *sqlite.Store, db *sql.DB) {
		require.NoError(t, write(t.Context(), st, fullBatch(1)))
		x, tx := join(t, st, db, fullBatch(2))
		rows, err := st.Billing(tx)
		require.NoError(t, err)
		b := billing.Batch{Accounts: []billing.Account{account(3)}, Entries: []billing.Entry{entry(3, 1, 5), entry(1, 1, 5)}}
		require.ErrorIs(t, rows.Write(t.Context(), &b), storage.ErrExists)
		b = billing.Batch{Accounts: []billing.Account{account(1)}}
		require.ErrorIs(t, rows.Write(t.Context(), &b), storage.ErrConflict)
		require.NoError(t, x.Commit(), "the host decides")
		require.Equal(t, 1, users(t, db))
		require.Len(t, entries(t, st, 2), 1)
		require.Empty(t, entries(t, st, 3))
		require.NoError(t, view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
			got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1, 2, 3}})
			require.Len(t, got.States, 2)
			return err
		}))
	})
}

func TestWrapRefusesOtherDatabases(t *testing.T) {
	t.Parallel()
	st, _ := file(t)
	other, _ := file(t)
	plain := bare(t, ":memory:")
	for what, db := range map[string]*sql.DB{"another store": other.DB(), "no store": plain} {
		x, err := db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = st.Billing(st.Wrap(x))
		require.ErrorIs(t, err, storage.ErrForeignTx, what)
		require.NoError(t, x.Rollback())
	}
	_, err := st.Billing(st.Wrap(nil))
	require.ErrorIs(t, err, storage.ErrForeignTx)
	x, err := st.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = other.Billing(st.Wrap(x))
	require.ErrorIs(t, err, storage.ErrForeignTx)
	require.NoError(t, x.Rollback())
}

func TestWrapOfACancelledTransaction(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, st *sqlite.Store, db *sql.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		x, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		tx := st.Wrap(x)
		rows, err := st.Billing(tx)
		require.NoError(t, err)
		cancel()
		b := fullBatch(1)
		require.ErrorIs(t, rows.Write(ctx, &b), context.Canceled)
		require.Error(t, x.Commit())
		_ = x.Rollback() // or database/sql has done it already, or will
		_, err = st.Billing(tx)
		require.ErrorIs(t, err, storage.ErrTxDone)
		require.Empty(t, entries(t, st, 1))
	})
}

func TestWrapOfATransactionThatDidNotLock(t *testing.T) {
	t.Parallel()
	st, path := file(t)
	require.NoError(t, write(t.Context(), st, fullBatch(1)))
	db := bare(t, path+"?_pragma=synchronous(FULL)") // no _txlock
	x, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	rows, err := st.Billing(st.Wrap(x)) // reads, and so has a snapshot
	require.NoError(t, err)
	require.NoError(t, add(t.Context(), st, 1), "another writer is faster")
	_, err = rows.Load(t.Context(), billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait})
	require.ErrorIs(t, err, storage.ErrConflict)
	require.NoError(t, x.Rollback())

	x, err = db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	rows, err = st.Billing(st.Wrap(x))
	require.NoError(t, err)
	got, err := rows.Load(t.Context(), billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait})
	require.NoError(t, err)
	require.Equal(t, int64(2), got.States[0].Account.Version)
	require.NoError(t, x.Rollback())

	weak := bare(t, path+"?_pragma=synchronous(OFF)")
	x, err = weak.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = st.Billing(st.Wrap(x))
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	require.NotErrorIs(t, err, storage.ErrForeignTx)
	require.NoError(t, x.Rollback())
}

func TestHostsTransactionsTakeTurnsWithTheStores(t *testing.T) {
	t.Parallel()
	st, _ := file(t)
	execAll(t, st.DB(), `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)`)
	require.NoError(t, write(t.Context(), st, billing.Batch{Accounts: []billing.Account{account(1)}}))
	done := make(chan error)
	const each = 20
	for range 2 {
		go func() {
			for range each {
				if err := addWithUser(st); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		go func() {
			for range each {
				if err := add(context.Background(), st, 1); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		require.NoError(t, <-done)
	}
	require.Len(t, entries(t, st, 1), 4*each)
	require.Equal(t, 2*each, users(t, st.DB()))
}

// addWithUser is add in a transaction of the host's.
func addWithUser(st *sqlite.Store) error {
	ctx := context.Background()
	x, err := st.DB().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer x.Rollback()
	if _, err := x.ExecContext(ctx, `INSERT INTO users (name) VALUES ('anna')`); err != nil {
		return err
	}
	rows, err := st.Billing(st.Wrap(x))
	if err != nil {
		return err
	}
	got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait})
	if err != nil {
		return err
	}
	a := got.States[0].Account
	a.Version++
	a.EntrySeq++
	b := billing.Batch{Accounts: []billing.Account{a}, Entries: []billing.Entry{entry(1, a.EntrySeq, 1)}}
	if err := rows.Write(ctx, &b); err != nil {
		return err
	}
	return x.Commit()
}
