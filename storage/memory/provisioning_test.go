package memory_test

import (
	"testing"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestProvisioning(t *testing.T) {
	t.Parallel()
	provisioningtest.TestStore(t, provisioningtest.StoreHarness{
		New: func(*testing.T) provisioning.Store { return memory.New() },
	})
}
