package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	dsn, _ := postgrestest.Schema(t)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	defer pool.Close()
	for _, o := range []postgres.Options{
		{Schema: "pg_mine"}, {Schema: "information_schema"}, {Schema: "a\x00b"}, {Schema: "\xff"}, {EndTimeout: -1},
		{Schema: "a_name_of_more_than_sixty_three_bytes_which_postgresql_would_cut_off"},
	} {
		_, err := postgres.New(pool, o)
		require.ErrorIs(t, err, tierhost.ErrInvalid, "%+v", o)
	}
	_, err = postgres.New(nil, postgres.Options{})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	_, err = postgres.Open(t.Context(), "postgres://user:secret@host:notaport/", postgres.Options{})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	require.NotContains(t, err.Error(), "secret")
	_, err = postgres.Open(t.Context(), "postgres:///x?host=/nowhere", postgres.Options{})
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
}

func TestAnySchemaName(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.DSN(t)
	for _, schema := range []string{"", "public", `We"ird o'Schema; {{schema}} ☃`, "SELECT"} {
		s := reopen(t, dsn, postgres.Options{Schema: schema})
		signUp(t, s, 1, 10)
		require.NoError(t, act(t.Context(), s, 3, "key"), schema)
		require.NoError(t, view(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
			entries, err := rows.Entries(ctx, billing.EntryQuery{}, billing.EntryID{}, 10)
			require.Len(t, entries, 1)
			return err
		}))
	}
}

// What a host does between the store's transactions does not matter: not its
// search_path, and not that it throws prepared statements away.
func TestTheHostsConnection(t *testing.T) {
	t.Parallel()
	s, pool := hosted(t, "&pool_max_conns=1")
	signUp(t, s, 1, 1)
	for i, sql := range []string{
		"SET search_path = pg_catalog", "DEALLOCATE ALL", "DISCARD ALL", "SET default_transaction_read_only = on",
		"SET default_transaction_isolation = serializable",
	} {
		_, err := pool.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err)
		require.NoError(t, act(t.Context(), s, 1, fmt.Sprint("key", i)), sql)
	}
	var seqscan string
	require.NoError(t, pool.QueryRow(t.Context(), "SHOW enable_seqscan").Scan(&seqscan))
	require.Equal(t, "on", seqscan, "settings end with the transaction")
}

func TestWrap(t *testing.T) {
	t.Parallel()
	s, pool := hosted(t, "&pool_max_conns=1")
	signUp(t, s, 1, 1)
	_, err := pool.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS wrap_test (id text PRIMARY KEY)")
	require.NoError(t, err)
	counts := func(key string) (orders, entries int) {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM wrap_test WHERE id = $1", key).Scan(&orders))
		require.NoError(t, view(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
			list, err := rows.Entries(ctx, billing.EntryQuery{Account: 1}, billing.EntryID{}, 10)
			entries = len(list)
			return err
		}))
		return orders, entries
	}
	both := func(key string, end func(ctx context.Context, tx pgx.Tx) error) (storage.Tx, billing.Rows) {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "INSERT INTO wrap_test VALUES ($1)", key)
		require.NoError(t, err)
		wrapped := s.Wrap(tx)
		require.Equal(t, any(s), wrapped.StoreID())
		rows, err := s.Billing(wrapped)
		require.NoError(t, err)
		require.NoError(t, actIn(t.Context(), rows, 1, key, true), "Final does not commit what is the host's")
		require.NoError(t, end(t.Context(), tx))
		return wrapped, rows
	}
	_, _ = both("back", func(ctx context.Context, tx pgx.Tx) error { return tx.Rollback(ctx) })
	orders, entries := counts("back")
	require.Zero(t, orders)
	require.Zero(t, entries)

	wrapped, rows := both("done", func(ctx context.Context, tx pgx.Tx) error { return tx.Commit(ctx) })
	orders, entries = counts("done")
	require.Equal(t, 1, orders)
	require.Equal(t, 1, entries)

	// The connection is in the pool again, and perhaps somebody else's.
	_, err = s.Outbox(wrapped)
	require.ErrorIs(t, err, storage.ErrTxDone)
	_, err = rows.Load(t.Context(), billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait})
	require.ErrorIs(t, err, storage.ErrTxDone)

	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{AccessMode: pgx.ReadOnly})
	require.NoError(t, err)
	rows, err = s.Billing(s.Wrap(tx))
	require.NoError(t, err)
	require.ErrorIs(t, actIn(t.Context(), rows, 1, "read only", false), storage.ErrReadOnly)
	require.NoError(t, tx.Rollback(t.Context()))
}

// A transaction of a host that was begun at a higher level meets 40001.
func TestSerializationFailureIsAConflict(t *testing.T) {
	t.Parallel()
	s, pool := hosted(t, "")
	signUp(t, s, 1, 1)
	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	rows, err := s.Billing(s.Wrap(tx))
	require.NoError(t, err)
	_, err = rows.Revision(t.Context()) // takes the snapshot
	require.NoError(t, err)
	require.NoError(t, act(t.Context(), s, 1, "in between"))
	err = actIn(t.Context(), rows, 1, "late", false)
	require.ErrorIs(t, err, storage.ErrConflict)
	require.ErrorIs(t, err, tierhost.ErrConflict)
	_, err = rows.Revision(t.Context())
	require.ErrorIs(t, err, storage.ErrTxDone, "it is aborted")
}

// Two transactions that lock two accounts in opposite order meet 40P01, and both come
// through.
func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	s := open(t)
	signUp(t, s, 1, 2)
	var runs, met sync.WaitGroup
	met.Add(2)
	var mu sync.Mutex
	tries := 0
	for _, order := range [][]billing.AccountID{{1, 2}, {2, 1}} {
		runs.Go(func() {
			first := true
			err := update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
				mu.Lock()
				tries++
				mu.Unlock()
				for _, id := range order {
					_, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{id}, Lock: billing.LockWait})
					if err != nil {
						return err
					}
					if first {
						first = false
						met.Done()
						met.Wait()
					}
				}
				if err := actIn(ctx, rows, order[0], fmt.Sprint("first of ", order), false); err != nil {
					return err
				}
				return actIn(ctx, rows, order[1], fmt.Sprint("second of ", order), true)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	runs.Wait()
	require.GreaterOrEqual(t, tries, 3)
	check(t, s)
}

// A version that somebody else has written first is decided anew.
func TestStaleVersionIsRetried(t *testing.T) {
	t.Parallel()
	s := open(t)
	signUp(t, s, 1, 8)
	runs := 0
	err := update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
		runs++
		loaded, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1, 2, 3, 4, 5, 6, 7, 8}})
		if err != nil {
			return err
		}
		if runs == 1 {
			require.NoError(t, act(context.WithoutCancel(t.Context()), s, 5, "in between"))
		}
		b := &billing.Batch{Final: true}
		for _, st := range loaded.States {
			st.Account.Version++
			st.Account.Anchor = day
			b.Accounts = append(b.Accounts, st.Account)
		}
		return rows.Write(ctx, b)
	})
	require.NoError(t, err)
	require.Equal(t, 2, runs)
}

func TestEightWriters(t *testing.T) {
	t.Parallel()
	s := open(t)
	const accounts, each = 5, 40
	signUp(t, s, 1, accounts)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range each {
				if err := act(t.Context(), s, billing.AccountID((w+i)%accounts+1), fmt.Sprint(w, "/", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 8*each, check(t, s))
}

// check returns how many documents there are; in the books of act's accounts each one
// has its entry, key and event, and their numbers have no gap.
func check(t testing.TB, s *postgres.Store) int {
	t.Helper()
	documents := 0
	require.NoError(t, s.View(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := s.Billing(tx)
		require.NoError(t, err)
		box, err := s.Outbox(tx)
		require.NoError(t, err)
		accounts, err := rows.Accounts(ctx, billing.AccountQuery{}, 0, 1000)
		require.NoError(t, err)
		seen := map[int64]bool{}
		for _, a := range accounts {
			made := a.DocumentSeq - 12 // see account
			list, err := rows.Documents(ctx, billing.DocumentQuery{Account: a.ID}, billing.DocumentID{}, 10_000)
			require.NoError(t, err)
			require.Len(t, list, int(made))
			for i, d := range list {
				require.Equal(t, int64(13+i), d.Seq)
				require.False(t, seen[d.Number], "number %d twice", d.Number)
				seen[d.Number] = true
			}
			entries, err := rows.Entries(ctx, billing.EntryQuery{Account: a.ID}, billing.EntryID{}, 10_000)
			require.NoError(t, err)
			require.Len(t, entries, int(a.EntrySeq-36))
			require.Len(t, entries, int(made))
			require.Equal(t, made, a.Version-1)
			held, err := rows.Holdings(ctx, []billing.AccountID{a.ID})
			require.NoError(t, err)
			if made > 0 {
				require.Equal(t, a.Version, held[0].Quantity.IntPart())
			}
			documents += int(made)
		}
		for n := range int64(documents) {
			require.True(t, seen[n+1], "number %d is missing", n+1)
		}
		events, err := box.Pending(ctx)
		require.NoError(t, err)
		require.Equal(t, int64(documents), events)
		return nil
	}))
	return documents
}

func TestLockSkip(t *testing.T) {
	t.Parallel()
	s := open(t)
	signUp(t, s, 1, 6)
	all := billing.LoadQuery{IDs: []billing.AccountID{6, 5, 4, 3, 2, 1}, Lock: billing.LockSkip, DueBy: day.AddMonths(1)}
	require.NoError(t, update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
		_, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{2, 5}, Lock: billing.LockWait})
		require.NoError(t, err)
		return update(context.WithoutCancel(t.Context()), s, func(ctx context.Context, rows billing.Rows) error {
			loaded, err := rows.Load(ctx, all)
			require.NoError(t, err)
			var ids []billing.AccountID
			for _, st := range loaded.States {
				ids = append(ids, st.Account.ID)
			}
			require.Equal(t, []billing.AccountID{1, 3, 4, 6}, ids)
			return nil
		})
	}))
}

// A context that is done while a statement waits ends the wait, changes nothing and
// says so.
func TestCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() *postgres.Store{
		"own pool":    func() *postgres.Store { return open(t) },
		"host's pool": func() *postgres.Store { s, _ := hosted(t, "&pool_max_conns=2"); return s },
	} {
		s := make()
		signUp(t, s, 1, 1)
		require.NoError(t, update(t.Context(), s, func(ctx context.Context, rows billing.Rows) error {
			_, err := rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{1}, Lock: billing.LockWait})
			require.NoError(t, err)
			short, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 100*time.Millisecond)
			defer cancel()
			err = act(short, s, 1, "waits")
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), name)
			return nil
		}))
		require.NoError(t, act(t.Context(), s, 1, "afterwards"))
		require.Equal(t, 1, check(t, s))
	}
}

func TestTriggersRefuse(t *testing.T) {
	t.Parallel()
	dsn, schema := postgrestest.Schema(t)
	s := reopen(t, dsn, postgres.Options{Schema: schema})
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	defer pool.Close()
	signUp(t, s, 1, 1)
	require.NoError(t, act(t.Context(), s, 1, "key"))
	for _, table := range []string{"billing_entries", "billing_documents", "billing_periods", "billing_usage", "reseller_shadows", "reseller_bills"} {
		for _, sql := range []string{"UPDATE %s SET account = account", "DELETE FROM %s", "TRUNCATE %s", "DELETE FROM %s WHERE false"} {
			_, err := pool.Exec(t.Context(), fmt.Sprintf(sql, schema+"."+table))
			require.ErrorContains(t, err, "refused", "%s %s", sql, table)
		}
		require.Error(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), "DELETE FROM "+schema+"."+table)
			require.ErrorContains(t, err, "refused", table)
			return err
		}))
	}
}
