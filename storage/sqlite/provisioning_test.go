package sqlite_test

import (
	"testing"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func TestProvisioningOnAFile(t *testing.T) {
	t.Parallel()
	paths := newPaths()
	provisioningtest.TestStore(t, provisioningtest.StoreHarness{
		New:    func(t *testing.T) provisioning.Store { return paths.open(t, fresh(t)) },
		Reopen: func(t *testing.T, s provisioning.Store) provisioning.Store { return paths.reopen(t, s) },
	})
}

func TestProvisioningOnOthers(t *testing.T) {
	t.Parallel()
	others(t, func(t *testing.T, newStore func(t *testing.T) *sqlite.Store) {
		provisioningtest.TestStore(t, provisioningtest.StoreHarness{
			New: func(t *testing.T) provisioning.Store { return newStore(t) },
		})
	})
}
