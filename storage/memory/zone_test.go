package memory_test

import (
	"testing"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/storage/memory"
)

func TestDNS(t *testing.T) {
	t.Parallel()
	dnstest.TestStore(t, dnstest.StoreHarness{New: func(*testing.T) dns.Store { return memory.New() }})
}
