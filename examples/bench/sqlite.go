package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/sqlite"
)

type sqliteDatabase struct {
	s    *sqlite.Store
	path string
}

func openSQLite(ctx context.Context, path string) (database, error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	return &sqliteDatabase{s, path}, nil
}

func (d *sqliteDatabase) store() reseller.Store { return d.s }
func (d *sqliteDatabase) another(ctx context.Context) (reseller.Store, func(), error) {
	path := d.path + ".resellers"
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, nil, err
	}
	return s, func() {
		s.Close()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(path + suffix)
		}
	}, nil
}
func (d *sqliteDatabase) writers() int { return 1 }
func (d *sqliteDatabase) floorName() string {
	return "prepared inserts of the same rows, 1,000 a transaction"
}

func (d *sqliteDatabase) Close() {
	if err := d.s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// bare opens an empty database with the store's durability.
func (d *sqliteDatabase) bare() (*sql.DB, func(), error) {
	path := d.path + ".floor"
	dsn := "file:" + url.PathEscape(path) + "?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	return db, func() {
		db.Close()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(path + suffix)
		}
	}, nil
}

func (d *sqliteDatabase) commits(ctx context.Context, clients, n int) error {
	db, done, err := d.bare()
	if err != nil {
		return err
	}
	defer done()
	if _, err := db.ExecContext(ctx, "CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"); err != nil {
		return err
	}
	insert, err := db.PrepareContext(ctx, "INSERT INTO bare (text) VALUES (?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	return clientsDo(clients, n, func(_, i int) error {
		_, err := insert.ExecContext(ctx, "a row of a bare table")
		return err
	})
}

func (d *sqliteDatabase) floor(ctx context.Context, day billing.Date) (int, float64, error) {
	db, done, err := d.bare()
	if err != nil {
		return 0, 0, err
	}
	defer done()
	rows, seconds := 0, 0.0
	for _, t := range tables {
		where := t.where
		switch {
		case strings.Contains(where, "'%s'"):
			where = fmt.Sprintf(where, day)
		case strings.Contains(where, "%s"):
			where = fmt.Sprintf(where, fmt.Sprint(day.Start(time.UTC).UnixMicro()))
		}
		n, took, err := d.copyTable(ctx, db, t.name, where)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", t.name, err)
		}
		rows += n
		seconds += took
	}
	return rows, seconds, nil
}

// copyTable makes a table with its indexes in the bare database and measures the
// insertion of the rows that where selects.
func (d *sqliteDatabase) copyTable(ctx context.Context, db *sql.DB, name, where string) (int, float64, error) {
	list, err := d.s.DB().QueryContext(ctx, "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC", name)
	if err != nil {
		return 0, 0, err
	}
	defer list.Close()
	for list.Next() {
		var ddl string
		if err := list.Scan(&ddl); err != nil {
			return 0, 0, err
		}
		if _, err := db.ExecContext(ctx, ddl); err != nil {
			return 0, 0, err
		}
	}
	if err := list.Err(); err != nil {
		return 0, 0, err
	}
	rows, err := d.s.DB().QueryContext(ctx, "SELECT * FROM "+name+" WHERE "+where)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, 0, err
	}
	var all [][]any
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return 0, 0, err
		}
		all = append(all, values)
	}
	if err := rows.Err(); err != nil {
		return 0, 0, err
	}
	insert, err := db.PrepareContext(ctx, "INSERT INTO "+name+" VALUES ("+strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",")+")")
	if err != nil {
		return 0, 0, err
	}
	defer insert.Close()
	w := start()
	for from := 0; from < len(all); from += 1000 {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, 0, err
		}
		st := tx.StmtContext(ctx, insert)
		for _, values := range all[from:min(from+1000, len(all))] {
			if _, err := st.ExecContext(ctx, values...); err != nil {
				tx.Rollback()
				return 0, 0, err
			}
		}
		if err := tx.Commit(); err != nil {
			return 0, 0, err
		}
	}
	return len(all), w.seconds(), nil
}
