package sqlite_test

import (
	"testing"

	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/reseller/label/labeltest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func TestBrandsOnAFile(t *testing.T) {
	t.Parallel()
	paths := newPaths()
	labeltest.TestStore(t, labeltest.Harness{
		New:    func(t *testing.T) label.Store { return paths.open(t, fresh(t)) },
		Reopen: func(t *testing.T, s label.Store) label.Store { return paths.reopen(t, s) },
	})
}

func TestBrandsOnOthers(t *testing.T) {
	t.Parallel()
	others(t, func(t *testing.T, newStore func(t *testing.T) *sqlite.Store) {
		labeltest.TestStore(t, labeltest.Harness{
			New: func(t *testing.T) label.Store { return newStore(t) },
		})
	})
}
