//go:build race

package sqlite_test

// raced tells that the race detector is on, with which SQLite takes ten times as long.
const raced = true
