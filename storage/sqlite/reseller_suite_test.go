package sqlite_test

import (
	"testing"

	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/reseller/resellertest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func TestResellerOnAFile(t *testing.T) {
	t.Parallel()
	paths := newPaths()
	resellertest.TestStore(t, resellertest.Harness{
		New:    func(t *testing.T) reseller.Store { return paths.open(t, fresh(t)) },
		Reopen: func(t *testing.T, s reseller.Store) reseller.Store { return paths.reopen(t, s) },
	})
}

func TestResellerOnOthers(t *testing.T) {
	t.Parallel()
	if !thorough() {
		t.Skip("the same statements as on a file")
	}
	others(t, func(t *testing.T, newStore func(t *testing.T) *sqlite.Store) {
		resellertest.TestStore(t, resellertest.Harness{
			New: func(t *testing.T) reseller.Store { return newStore(t) },
		})
	})
}
