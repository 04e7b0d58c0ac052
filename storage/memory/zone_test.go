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

func TestDNSManager(t *testing.T) {
	t.Parallel()
	dnstest.TestManager(t, dnstest.StoreHarness{New: func(*testing.T) dns.Store { return memory.New() }})
}

// BenchmarkRollout brings 10,000 zones to a new version of what they are made from.
func BenchmarkRollout(b *testing.B) {
	dnstest.BenchmarkRollout(b, func(*testing.B) dns.Store { return memory.New() })
}
