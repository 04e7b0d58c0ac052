package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// kinds are the ways to have a store.
func kinds(t *testing.T, test func(t *testing.T, st *sqlite.Store)) {
	t.Helper()
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		st, _ := file(t)
		test(t, st)
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, ":memory:"))
	})
	for _, n := range []int{1, 3} {
		t.Run(name("connections", n), func(t *testing.T) {
			t.Parallel()
			st, _ := hosted(t, fresh(t), n, sqlite.Options{Retry: quick()})
			test(t, st)
		})
	}
}

func TestCancelledBeforeTheCommit(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, st *sqlite.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		b := fullBatch(1)
		err := update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
			if err := rows.Write(ctx, &b); err != nil {
				return err
			}
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, entries(t, st, 1))
		require.ErrorIs(t, write(ctx, st, b), context.Canceled)
		require.ErrorIs(t, view(ctx, st, func(context.Context, billing.Rows) error { return nil }), context.Canceled)
		require.NoError(t, write(t.Context(), st, fullBatch(1)), "the connection is free again")
	})
}

func TestPanicRollsBack(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, st *sqlite.Store) {
		require.PanicsWithValue(t, "boom", func() {
			_ = update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
				b := fullBatch(1)
				require.NoError(t, rows.Write(ctx, &b))
				panic("boom")
			})
		})
		require.PanicsWithValue(t, "boom", func() {
			_ = view(t.Context(), st, func(context.Context, billing.Rows) error { panic("boom") })
		})
		require.Empty(t, entries(t, st, 1))
		require.NoError(t, write(t.Context(), st, fullBatch(1)))
		require.Len(t, entries(t, st, 1), 1)
	})
}

func TestFailedWriteIsNotCommitted(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, st *sqlite.Store) {
		require.NoError(t, write(t.Context(), st, fullBatch(1)))
		err := update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
			b := billing.Batch{Accounts: []billing.Account{account(2)}, Entries: []billing.Entry{entry(1, 1, 1)}}
			require.ErrorIs(t, rows.Write(ctx, &b), storage.ErrExists)
			_, err := rows.Revision(ctx)
			require.ErrorIs(t, err, storage.ErrTxDone, "the transaction is aborted")
			return nil // ignored
		})
		require.ErrorIs(t, err, storage.ErrExists)
		require.NoError(t, view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
			got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1, 2}})
			require.Len(t, got.States, 1)
			return err
		}))
	})
}

func TestUseAfterTheEnd(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, st *sqlite.Store) {
		var kept storage.Tx
		var rows billing.Rows
		require.NoError(t, st.Update(t.Context(), func(_ context.Context, tx storage.Tx) (err error) {
			kept = tx
			rows, err = st.Billing(tx)
			return err
		}))
		_, err := st.Billing(kept)
		require.ErrorIs(t, err, storage.ErrTxDone)
		require.ErrorIs(t, rows.Write(t.Context(), &billing.Batch{}), storage.ErrTxDone)
		_, err = rows.Revision(t.Context())
		require.ErrorIs(t, err, storage.ErrTxDone)

		require.NoError(t, update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
			require.NoError(t, rows.Write(ctx, &billing.Batch{Final: true}))
			_, err := rows.Revision(ctx)
			require.ErrorIs(t, err, storage.ErrTxDone, "after a final write")
			return nil
		}))
	})
}

func TestViewWritesNothing(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, st *sqlite.Store) {
		require.NoError(t, view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
			b := fullBatch(1)
			require.ErrorIs(t, rows.Write(ctx, &b), storage.ErrReadOnly)
			require.ErrorIs(t, rows.PutCatalog(ctx, billing.CatalogChange{}), storage.ErrReadOnly)
			_, err := rows.Load(ctx, billing.LoadQuery{NewID: true})
			require.ErrorIs(t, err, storage.ErrReadOnly)
			_, err = rows.Load(ctx, billing.LoadQuery{Lock: billing.LockSkip})
			require.ErrorIs(t, err, storage.ErrReadOnly)
			return nil
		}))
	})
}

func TestViewIsASnapshot(t *testing.T) {
	t.Parallel()
	st, _ := file(t)
	require.NoError(t, write(t.Context(), st, fullBatch(1)))
	require.NoError(t, view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
		count := func() int {
			all, err := rows.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, 10)
			require.NoError(t, err)
			return len(all)
		}
		require.Equal(t, 1, count())
		done := make(chan error)
		go func() { done <- write(t.Context(), st, fullBatch(2)) }()
		require.NoError(t, <-done, "a reader does not hold a writer up")
		require.Equal(t, 1, count())
		return nil
	}))
	require.Len(t, entries(t, st, 2), 1)
}

func TestBusyIsAConflict(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	holder := open(t, path)
	o := sqlite.Options{BusyTimeout: 20 * time.Millisecond, Retry: storage.RetryPolicy{Tries: 2, First: time.Microsecond}}
	other, err := sqlite.Open(t.Context(), path, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	require.NoError(t, holder.Update(t.Context(), func(context.Context, storage.Tx) error {
		err := write(t.Context(), other, fullBatch(1))
		require.ErrorIs(t, err, storage.ErrConflict, "the lock of the file")
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, write(ctx, other, fullBatch(1)), context.Canceled)
		return nil
	}))
	require.NoError(t, other.Update(t.Context(), func(context.Context, storage.Tx) error {
		// Not the context of the transaction: a mistake that cannot be told from waiting.
		err := write(t.Context(), other, fullBatch(1))
		require.ErrorIs(t, err, storage.ErrConflict, "the turn to write")
		require.ErrorContains(t, err, "still open in this goroutine")
		return nil
	}))
	require.NoError(t, write(t.Context(), other, fullBatch(1)))
}

func TestWaitingForTheLockCanBeCalledOff(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	holder, waiting := open(t, path), open(t, path)
	require.NoError(t, holder.Update(t.Context(), func(context.Context, storage.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, write(ctx, waiting, fullBatch(1)), context.DeadlineExceeded)
		return nil
	}))
}

// count is how often each of several writers adds to a balance.
const count = 25

// add adds one entry, as an action does.
func add(ctx context.Context, st billing.Store, id billing.AccountID) error {
	return update(ctx, st, func(ctx context.Context, rows billing.Rows) error {
		got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{id}, Lock: billing.LockWait})
		if err != nil {
			return err
		}
		a := got.States[0].Account
		a.Version++
		a.EntrySeq++
		return rows.Write(ctx, &billing.Batch{
			Accounts: []billing.Account{a}, Entries: []billing.Entry{entry(id, a.EntrySeq, 1)},
			Events: []*storage.Event{event(fmt.Sprintf("evt-%d-%d", id, a.EntrySeq))},
		})
	})
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, st *sqlite.Store) {
		require.NoError(t, write(t.Context(), st, billing.Batch{Accounts: []billing.Account{account(1)}}))
		compete(t, st, st, st, st, st, st, st, st)
	})
}

func TestStoresOnOneFile(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	a, b := open(t, path), open(t, path)
	c, _ := hosted(t, path, 2, sqlite.Options{Retry: quick()})
	require.NoError(t, write(t.Context(), a, billing.Batch{Accounts: []billing.Account{account(1)}}))
	compete(t, a, b, c, a, b, c)
}

// compete lets each store in the list write on a goroutine of its own, and checks
// that nothing is lost.
func compete(t *testing.T, stores ...*sqlite.Store) {
	t.Helper()
	var wg sync.WaitGroup
	for _, st := range stores {
		wg.Go(func() {
			for range count {
				if err := add(t.Context(), st, 1); err != nil {
					t.Error(err)
					return
				}
				if err := view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
					got, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1}})
					if err != nil {
						return err
					}
					sum, err := rows.Sum(ctx, 1, billing.Date{})
					if err == nil && sum != got.States[0].Account.EntrySeq {
						err = fmt.Errorf("the account is at entry %d, the sum of its entries is %d", got.States[0].Account.EntrySeq, sum)
					}
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	all := entries(t, stores[0], 1)
	require.Len(t, all, count*len(stores))
	for i, e := range all {
		require.Equal(t, int64(i+1), e.Seq)
	}
}

func TestForeignTransactionsAreRefused(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	a, b := open(t, path), open(t, path)
	require.NoError(t, a.View(t.Context(), func(_ context.Context, tx storage.Tx) error {
		_, err := b.Billing(tx)
		require.ErrorIs(t, err, storage.ErrForeignTx)
		_, err = b.Outbox(nil)
		require.ErrorIs(t, err, storage.ErrForeignTx)
		require.Equal(t, any(a), tx.StoreID())
		return nil
	}))
}

func TestClosedStore(t *testing.T) {
	t.Parallel()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "books.db"), sqlite.Options{})
	require.NoError(t, err)
	require.NoError(t, st.Close())
	err = write(t.Context(), st, fullBatch(1))
	require.Error(t, err)
	require.False(t, errors.Is(err, storage.ErrConflict))
}

func TestFreshIDs(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, st *sqlite.Store) {
		draw := func(ctx context.Context, rows billing.Rows) billing.AccountID {
			got, err := rows.Load(ctx, billing.LoadQuery{NewID: true})
			require.NoError(t, err)
			return got.NewID
		}
		var lost billing.AccountID
		require.Error(t, update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
			lost = draw(ctx, rows)
			return errors.New("given up")
		}))
		require.NoError(t, update(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
			first := draw(ctx, rows)
			require.Greater(t, first, lost, "an ID that somebody has seen is not given out again")
			second := draw(ctx, rows)
			require.Greater(t, second, first)
			b := fullBatch(second + 100)
			require.NoError(t, rows.Write(ctx, &b))
			require.Greater(t, draw(ctx, rows), second+100)
			return nil
		}))
	})
}
