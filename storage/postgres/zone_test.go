package postgres_test

import (
	"sync"
	"testing"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/storage/postgres"
)

func TestDNS(t *testing.T) {
	t.Parallel()
	var where sync.Map // by store: how to open it again
	open := func(t *testing.T, dsn, schema string) *postgres.Store {
		s := reopen(t, dsn, postgres.Options{Schema: schema})
		where.Store(s, func(t *testing.T) *postgres.Store { return reopen(t, dsn, postgres.Options{Schema: schema}) })
		return s
	}
	h := dnstest.StoreHarness{
		New: func(t *testing.T) dns.Store {
			dsn, schema := lent(t)
			return open(t, dsn, schema)
		},
		Reopen: func(t *testing.T, s dns.Store) dns.Store {
			again, _ := where.Load(s)
			s.(*postgres.Store).Close()
			return again.(func(*testing.T) *postgres.Store)(t)
		},
	}
	dnstest.TestStore(t, h)
	dnstest.TestManager(t, h)
}

// BenchmarkRollout brings 10,000 zones to a new version of what they are made from.
func BenchmarkRollout(b *testing.B) {
	dnstest.BenchmarkRollout(b, func(b *testing.B) dns.Store { return inSchema(b).(dns.Store) })
}
