package sqlite

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// inMemory is the path of a private database in memory.
const inMemory = ":memory:"

// slice is how long SQLite itself waits for a lock. What waits longer waits in steps
// of it, because only between two of them a wait can be called off.
const slice = 250 * time.Millisecond

// cacheKiB is the page cache of a connection: what a run touches at once.
const cacheKiB = 16 << 10

// DSN returns the data source name with which a host opens its own *sql.DB on the
// database file at path, for [New]: WAL, synchronous=FULL, foreign keys, and
// transactions that take the write lock when they begin. The driver is "sqlite" of
// modernc.org/sqlite, which this package links:
//
//	db, err := sql.Open("sqlite", sqlite.DSN("books.db"))
//
// Let one such *sql.DB write with few connections (SetMaxOpenConns(1) is fine): more
// of them only wait for each other.
func DSN(path string) string {
	return dsn(path, 5*time.Second, "_pragma=journal_mode(WAL)", "_txlock=immediate")
}

// dsn always sets what durability needs, and what every connection has to agree on.
func dsn(path string, busy time.Duration, more ...string) string {
	if path != inMemory {
		// Only the characters that end a path in a URI: SQLite decodes %HH.
		path = "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	}
	settings := append([]string{
		fmt.Sprintf("_busy_timeout=%d", busy.Milliseconds()),
		"_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)",
		"_pragma=temp_store(MEMORY)",
		fmt.Sprintf("_pragma=cache_size(-%d)", cacheKiB),
		// A checkpoint writes each changed page once: fewer of them write less.
		"_pragma=wal_autocheckpoint(4000)",
	}, more...)
	for i, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		settings[i] = key + "=" + url.QueryEscape(value)
	}
	return path + "?" + strings.Join(settings, "&")
}
