package memory_test

import (
	"testing"

	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/reseller/resellertest"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestReseller(t *testing.T) {
	t.Parallel()
	resellertest.TestStore(t, resellertest.Harness{
		New: func(*testing.T) reseller.Store { return memory.New() },
	})
}
