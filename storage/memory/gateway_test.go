package memory_test

import (
	"testing"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestGateways(t *testing.T) {
	t.Parallel()
	gatewaytest.TestStore(t, gatewaytest.StoreHarness{New: func(*testing.T) gateways.Store { return memory.New() }})
}
