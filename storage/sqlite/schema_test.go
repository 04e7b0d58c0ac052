package sqlite_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// bare opens the file without this package's help.
func bare(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func execAll(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := db.Exec(s)
		require.NoError(t, err, s)
	}
}

func TestUnknownSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what    string
		changes []string
		fresh   bool // the changes are made in an empty file
		says    string
	}{
		{"newer", []string{`INSERT INTO tierhost_migrations VALUES (99, 'future', 'x', '')`}, false, "newer"},
		{"changed migration", []string{`UPDATE tierhost_migrations SET checksum = 'x' WHERE version = 2`}, false, "migration 2 (billing)"},
		{"gap", []string{`DELETE FROM tierhost_migrations WHERE version = 1`}, false, "migration 1 is not recorded"},
		{"dropped trigger", []string{`DROP TRIGGER billing_entries_no_update`}, false, "billing_entries_no_update is missing"},
		{"dropped index", []string{`DROP INDEX billing_documents_number`}, false, "billing_documents_number is missing"},
		{"added column", []string{`ALTER TABLE billing_accounts ADD COLUMN note TEXT`}, false, "billing_accounts was changed"},
		{"weaker trigger", []string{
			`DROP TRIGGER billing_entries_no_delete`,
			`CREATE TRIGGER billing_entries_no_delete BEFORE DELETE ON billing_entries BEGIN SELECT 1; END`,
		}, false, "billing_entries_no_delete was changed"},
		{"table of the host's", []string{`CREATE TABLE billing_entries (id INTEGER)`}, true, "billing_entries is there, but not made by this package"},
		{"table in capitals", []string{`CREATE TABLE OUTBOX (id INTEGER)`}, true, "outbox is there"},
		{"view of the host's", []string{`CREATE VIEW outbox AS SELECT 1`}, true, "outbox is there"},
		{"other records", []string{`CREATE TABLE tierhost_migrations (n INTEGER)`}, true, "cannot be read"},
		{"part of it", []string{`DELETE FROM tierhost_migrations WHERE version >= 2`}, false, "not made by this package (schema version 1)"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "books.db")
			if !c.fresh {
				require.NoError(t, open(t, path).Close())
			}
			db := bare(t, path)
			execAll(t, db, c.changes...)
			before := schemaOf(t, db)
			for _, o := range []sqlite.Options{{}, {ManualMigration: true}} {
				_, err := sqlite.Open(t.Context(), path, o)
				require.ErrorIs(t, err, storage.ErrSchema)
				require.ErrorIs(t, err, tierhost.ErrPrecondition)
				require.ErrorContains(t, err, c.says)
			}
			require.Equal(t, before, schemaOf(t, db), "a refused database must stay as it is")
		})
	}
}

func schemaOf(t testing.TB, db *sql.DB) string {
	t.Helper()
	rows, err := db.Query(`SELECT name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name`)
	require.NoError(t, err)
	var all []string
	for rows.Next() {
		var s string
		require.NoError(t, rows.Scan(&s))
		all = append(all, s)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return strings.Join(all, "\n")
}

func TestHostsTablesAreLeftAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "books.db")
	execAll(t, bare(t, path), `CREATE TABLE users (id INTEGER)`, `INSERT INTO users VALUES (1)`, `CREATE TABLE billing_notes (id INTEGER)`)
	st := open(t, path)
	execAll(t, st.DB(), `CREATE INDEX notes_of_host ON billing_entries (reference)`, `INSERT INTO users VALUES (2)`)
	require.NoError(t, st.Close())
	open(t, path)
}

func TestManualMigration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "books.db")
	st, err := sqlite.Open(t.Context(), path, sqlite.Options{ManualMigration: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	err = write(t.Context(), st, billing.Batch{})
	require.ErrorIs(t, err, storage.ErrSchema)
	require.NoError(t, st.Migrate(t.Context()))
	require.NoError(t, write(t.Context(), st, billing.Batch{Accounts: []billing.Account{account(1)}}))
	require.NoError(t, st.Migrate(t.Context()), "again")

	again, err := sqlite.Open(t.Context(), path, sqlite.Options{ManualMigration: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, again.Close()) })
	require.NoError(t, write(t.Context(), again, billing.Batch{Accounts: []billing.Account{account(2)}}), "the schema is there")
}

func TestManyStartAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "books.db")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			st, err := sqlite.Open(context.Background(), path, sqlite.Options{})
			if err != nil {
				t.Errorf("opener %d: %v", i, err)
				return
			}
			if err := write(context.Background(), st, billing.Batch{Accounts: []billing.Account{account(billing.AccountID(i + 1))}}); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var n int
	require.NoError(t, bare(t, path).QueryRow(`SELECT count(*) FROM tierhost_migrations`).Scan(&n))
	files, err := os.ReadDir("migrations")
	require.NoError(t, err)
	require.Len(t, files, n)
}

func TestWeakDurabilityIsRefused(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"?_pragma=journal_mode(DELETE)&_pragma=synchronous(FULL)",
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)",
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)",
	} {
		db := bare(t, filepath.Join(t.TempDir(), "books.db")+dsn)
		_, err := sqlite.New(t.Context(), db, sqlite.Options{})
		require.ErrorIs(t, err, tierhost.ErrPrecondition, dsn)
		require.ErrorContains(t, err, "sqlite.DSN")
	}
}

func TestConnectionThatWasWeakenedIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "books.db")
	st, db := hosted(t, path, 1, sqlite.Options{})
	execAll(t, db, `PRAGMA synchronous = OFF`)
	err := write(t.Context(), st, billing.Batch{Accounts: []billing.Account{account(1)}})
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
	execAll(t, db, `PRAGMA synchronous = EXTRA`)
	require.NoError(t, write(t.Context(), st, billing.Batch{Accounts: []billing.Account{account(1)}}))
}

func TestOwnConnectionsAreDurable(t *testing.T) {
	t.Parallel()
	st, _ := file(t)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "250",
	} {
		var got string
		require.NoError(t, st.DB().QueryRow("PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
}

func TestPathsAndOptions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "böoks of 100% #1?.db")
	st := open(t, path)
	require.NoError(t, write(t.Context(), st, billing.Batch{Accounts: []billing.Account{account(1)}}))
	require.FileExists(t, path)
	db, err := sql.Open("sqlite", sqlite.DSN(path))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var n int
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM billing_accounts`).Scan(&n))
	require.Equal(t, 1, n)

	_, err = sqlite.Open(t.Context(), "", sqlite.Options{})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	_, err = sqlite.New(t.Context(), nil, sqlite.Options{})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{BusyTimeout: -1, Readers: -1})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	_, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "no", "such", "directory", "x.db"), sqlite.Options{})
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sqlite.Open(ctx, path, sqlite.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestBooksAreAppendOnly(t *testing.T) {
	t.Parallel()
	st, path := file(t)
	require.NoError(t, write(t.Context(), st, fullBatch(1)))
	db := bare(t, path)
	for _, table := range []string{"billing_entries", "billing_documents", "billing_periods", "billing_usage"} {
		var n int
		require.NoError(t, db.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
		require.NotZero(t, n, table)
		for _, s := range []string{"UPDATE " + table + " SET account = 9", "UPDATE " + table + " SET seq = seq", "DELETE FROM " + table} {
			_, err := db.Exec(s)
			require.ErrorContains(t, err, table+" is append-only", s)
		}
	}
}

func TestResellersBooksAreAppendOnly(t *testing.T) {
	t.Parallel()
	st, path := file(t)
	require.NoError(t, st.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
		rows, err := st.Reseller(tx)
		if err != nil {
			return err
		}
		return rows.Write(ctx, &reseller.Batch{
			Shadows: []*reseller.Shadow{{Seller: "acme", Account: 7, Day: day(2030, 6, 15)}},
			Bills:   []reseller.Bill{{Seller: "acme", Day: day(2030, 6, 15)}},
		})
	}))
	db := bare(t, path)
	for _, table := range []string{"reseller_shadows", "reseller_bills"} {
		for _, s := range []string{"UPDATE " + table + " SET account = 9", "DELETE FROM " + table} {
			_, err := db.Exec(s)
			require.ErrorContains(t, err, table+" is append-only", s)
		}
	}
}

// fullBatch returns a batch with one row of each kind.
func fullBatch(id billing.AccountID) billing.Batch {
	a := account(id)
	a.EntrySeq, a.DocumentSeq = 1, 1
	return billing.Batch{
		Accounts: []billing.Account{a},
		Holdings: []billing.Holding{{Account: id, Resource: "mailbox"}},
		Periods: []billing.PeriodRow{{
			Account: id, Seq: 1, From: a.PeriodFrom, To: a.PeriodTo, Period: a.Period, Plan: a.Plan, PlanVersion: 3, Opened: billing.OpenedSignup,
		}},
		Usage:     []*billing.UsageRecord{{Account: id, Resource: "traffic", Day: a.PeriodFrom, Key: "k", Recorded: noon()}},
		Documents: []*billing.Document{{Account: id, Seq: 1, Seller: "host", Kind: billing.Invoice, Date: a.PeriodFrom, Numbered: true, FirstEntry: 1, LastEntry: 1, Recorded: noon()}},
		Entries:   []billing.Entry{entry(id, 1, -500)},
		Keys:      []billing.Key{{KeyID: billing.KeyID{Scope: "seller/host", Action: "signup", Key: a.Name}, Account: id, Recorded: noon()}},
		Events:    []*storage.Event{event("evt-" + a.Name)},
	}
}
