package memory_test

import (
	"testing"

	"github.com/tierhost/tierhost/reseller/label"
	"github.com/tierhost/tierhost/reseller/label/labeltest"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestBrands(t *testing.T) {
	t.Parallel()
	labeltest.TestStore(t, labeltest.Harness{
		New: func(*testing.T) label.Store { return memory.New() },
	})
}
