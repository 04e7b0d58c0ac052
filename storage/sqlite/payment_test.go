package sqlite_test

import (
	"testing"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func TestGatewaysOnAFile(t *testing.T) {
	t.Parallel()
	paths := newPaths()
	gatewaytest.TestStore(t, gatewaytest.StoreHarness{
		New:    func(t *testing.T) gateways.Store { return paths.open(t, fresh(t)) },
		Reopen: func(t *testing.T, s gateways.Store) gateways.Store { return paths.reopen(t, s) },
	})
}

func TestGatewaysOnOthers(t *testing.T) {
	t.Parallel()
	others(t, func(t *testing.T, newStore func(t *testing.T) *sqlite.Store) {
		gatewaytest.TestStore(t, gatewaytest.StoreHarness{New: func(t *testing.T) gateways.Store { return newStore(t) }})
	})
}
