package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func name(what string, n int) string { return fmt.Sprintf("%s=%d", what, n) }

// open opens a store that the test closes.
func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(context.Background(), path, sqlite.Options{Retry: quick()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

// quick tries as often as the default, but waits less.
func quick() storage.RetryPolicy {
	return storage.RetryPolicy{First: 50 * time.Microsecond, Max: 5 * time.Millisecond}
}

// fresh returns the path of a new file that has the schema already, which is quicker
// than to make it anew.
func fresh(t testing.TB) string {
	t.Helper()
	empty, err := template()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "books.db")
	require.NoError(t, os.WriteFile(path, empty, 0o600))
	return path
}

var template = sync.OnceValues(func() (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "tierhost-sqlite")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "template.db")
	st, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	// The last connection that closes empties the log into the file.
	if err := st.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// file opens a store in a new file.
func file(t testing.TB) (*sqlite.Store, string) {
	t.Helper()
	path := fresh(t)
	return open(t, path), path
}

// hosted returns a store on a *sql.DB of the host's.
func hosted(t testing.TB, path string, connections int, o sqlite.Options) (*sqlite.Store, *sql.DB) {
	t.Helper()
	db, err := sql.Open("sqlite", sqlite.DSN(path))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(connections)
	st, err := sqlite.New(context.Background(), db, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st, db
}

// paths remembers where stores lie, for suites that open them again.
type paths struct {
	mu sync.Mutex
	of map[any]string
}

func newPaths() *paths { return &paths{of: make(map[any]string)} }

func (p *paths) open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	st := open(t, path)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of[st] = path
	return st
}

func (p *paths) reopen(t testing.TB, s any) *sqlite.Store {
	t.Helper()
	p.mu.Lock()
	path := p.of[s]
	p.mu.Unlock()
	require.NotEmpty(t, path, "a store that this harness did not make")
	require.NoError(t, s.(*sqlite.Store).Close())
	return p.open(t, path)
}

func usd() money.Currency { return money.Currency{Code: "USD", Exponent: 2} }

func day(y int, m time.Month, d int) billing.Date { return billing.NewDate(y, m, d) }

func noon() time.Time { return time.Date(2030, 6, 15, 12, 0, 0, 123456000, time.UTC) }

// account returns a new account with an ordinary content.
func account(id billing.AccountID) billing.Account {
	from := day(2030, 6, 15)
	return billing.Account{
		ID: id, Seller: "host", Name: fmt.Sprintf("account-%d", id), Version: 1,
		Plan: "gold", PlanVersion: 3, Period: billing.Months(1), Status: billing.Active,
		SignedUp: from, Activated: from, Anchor: from,
		PeriodFrom: from, PeriodTo: day(2030, 7, 15), MonthFrom: from, MonthTo: day(2030, 7, 15), MonthCharged: true,
		Stretches: []billing.Stretch{{From: from, Plan: "gold", Version: 3}},
		Balance:   money.Zero(usd()), LastRun: money.Zero(usd()), Next: day(2030, 7, 15), PeriodSeq: 1,
	}
}

// entry returns an ordinary entry.
func entry(id billing.AccountID, seq, minor int64) billing.Entry {
	return billing.Entry{
		Account: id, Seq: seq, Seller: "host", Date: day(2030, 6, 15), Kind: billing.EntryCredit,
		Amount: money.FromMinor(minor, usd()), Basis: billing.Basis{Cause: billing.CauseManual}, Recorded: noon(),
	}
}

func event(id string) *storage.Event {
	return &storage.Event{ID: id, Type: "test.happened", Version: 1, At: noon(), Seller: "host", Subject: "account/1"}
}

// update runs fn with the billing rows in an Update.
func update(ctx context.Context, st billing.Store, fn func(ctx context.Context, rows billing.Rows) error) error {
	return st.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}

func view(ctx context.Context, st billing.Store, fn func(ctx context.Context, rows billing.Rows) error) error {
	return st.View(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}

// write writes a batch in a transaction of its own.
func write(ctx context.Context, st billing.Store, b billing.Batch) error {
	return update(ctx, st, func(ctx context.Context, rows billing.Rows) error { return rows.Write(ctx, &b) })
}

// entries returns all entries of an account, read in a View.
func entries(t testing.TB, st billing.Store, id billing.AccountID) (all []billing.Entry) {
	t.Helper()
	require.NoError(t, view(context.Background(), st, func(ctx context.Context, rows billing.Rows) (err error) {
		all, err = rows.Entries(ctx, billing.EntryQuery{Account: id}, billing.EntryID{}, 10_000)
		return err
	}))
	return all
}
