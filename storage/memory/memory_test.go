package memory_test

import (
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/billing/billingtest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest"
)

func TestStorage(t *testing.T) {
	t.Parallel()
	storagetest.TestStore(t, storagetest.Harness{
		New: func(*testing.T) storage.OutboxStore { return memory.New() },
	})
}

func TestBilling(t *testing.T) {
	t.Parallel()
	billingtest.TestStore(t, billingtest.Harness{
		New: func(*testing.T) billing.Store { return memory.New() },
	})
}
