package sqlite_test

import (
	"testing"

	"github.com/tierhost/tierhost/storage/sqlite"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

func TestSupportOnAFile(t *testing.T) {
	t.Parallel()
	paths := newPaths()
	supporttest.TestStore(t, supporttest.StoreHarness{
		New:    func(t *testing.T) support.Store { return paths.open(t, fresh(t)) },
		Reopen: func(t *testing.T, s support.Store) support.Store { return paths.reopen(t, s) },
	})
}

func TestSupportOnOthers(t *testing.T) {
	t.Parallel()
	others(t, func(t *testing.T, newStore func(t *testing.T) *sqlite.Store) {
		supporttest.TestStore(t, supporttest.StoreHarness{New: func(t *testing.T) support.Store { return newStore(t) }})
	})
}
