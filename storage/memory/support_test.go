package memory_test

import (
	"testing"

	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

func TestSupport(t *testing.T) {
	t.Parallel()
	supporttest.TestStore(t, supporttest.StoreHarness{New: func(*testing.T) support.Store { return memory.New() }})
}
