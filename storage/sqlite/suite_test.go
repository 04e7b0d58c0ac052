package sqlite_test

import (
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/billing/billingtest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/sqlite"
	"github.com/tierhost/tierhost/storage/storagetest"
)

// thorough runs the suites also where they would run the same statements again.
func thorough() bool { return !testing.Short() && !raced }

func TestStorageOnAFile(t *testing.T) {
	t.Parallel()
	paths := newPaths()
	storagetest.TestStore(t, storagetest.Harness{
		New:    func(t *testing.T) storage.OutboxStore { return paths.open(t, fresh(t)) },
		Reopen: func(t *testing.T, s storage.OutboxStore) storage.OutboxStore { return paths.reopen(t, s) },
	})
}

func TestBillingOnAFile(t *testing.T) {
	t.Parallel()
	paths := newPaths()
	billingtest.TestStore(t, billingtest.Harness{
		New:    func(t *testing.T) billing.Store { return paths.open(t, fresh(t)) },
		Reopen: func(t *testing.T, s billing.Store) billing.Store { return paths.reopen(t, s) },
	})
}

func TestStorageOnOthers(t *testing.T) {
	t.Parallel()
	others(t, func(t *testing.T, newStore func(t *testing.T) *sqlite.Store) {
		storagetest.TestStore(t, storagetest.Harness{
			New: func(t *testing.T) storage.OutboxStore { return newStore(t) },
		})
	})
}

func TestBillingOnOthers(t *testing.T) {
	t.Parallel()
	if !thorough() {
		t.Skip("the same statements as on a file")
	}
	others(t, func(t *testing.T, newStore func(t *testing.T) *sqlite.Store) {
		billingtest.TestStore(t, billingtest.Harness{
			New: func(t *testing.T) billing.Store { return newStore(t) },
		})
	})
}

// others runs a suite on stores in memory and on the host's database.
func others(t *testing.T, suite func(t *testing.T, newStore func(t *testing.T) *sqlite.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		if !thorough() {
			t.Skip("the same statements as on a file")
		}
		suite(t, func(t *testing.T) *sqlite.Store { return open(t, ":memory:") })
	})
	for _, connections := range []int{1, 4} {
		t.Run(name("connections", connections), func(t *testing.T) {
			t.Parallel()
			if connections > 1 && !thorough() {
				t.Skip("the same statements as with one")
			}
			suite(t, func(t *testing.T) *sqlite.Store {
				st, _ := hosted(t, fresh(t), connections, sqlite.Options{Retry: quick()})
				return st
			})
		})
	}
}
