package sqlite_test

import (
	"testing"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

func TestDNSOnAFile(t *testing.T) {
	t.Parallel()
	paths := newPaths()
	dnstest.TestStore(t, dnstest.StoreHarness{
		New:    func(t *testing.T) dns.Store { return paths.open(t, fresh(t)) },
		Reopen: func(t *testing.T, s dns.Store) dns.Store { return paths.reopen(t, s) },
	})
}

func TestDNSOnOthers(t *testing.T) {
	t.Parallel()
	others(t, func(t *testing.T, newStore func(t *testing.T) *sqlite.Store) {
		dnstest.TestStore(t, dnstest.StoreHarness{New: func(t *testing.T) dns.Store { return newStore(t) }})
	})
}
