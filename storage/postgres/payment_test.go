package postgres_test

import (
	"sync"
	"testing"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/gatewaytest"
	"github.com/tierhost/tierhost/storage/postgres"
)

func TestGateways(t *testing.T) {
	t.Parallel()
	var where sync.Map // by store: how to open it again
	open := func(t *testing.T, dsn, schema string) *postgres.Store {
		s := reopen(t, dsn, postgres.Options{Schema: schema})
		where.Store(s, func(t *testing.T) *postgres.Store { return reopen(t, dsn, postgres.Options{Schema: schema}) })
		return s
	}
	gatewaytest.TestStore(t, gatewaytest.StoreHarness{
		New: func(t *testing.T) gateways.Store {
			dsn, schema := lent(t)
			return open(t, dsn, schema)
		},
		Reopen: func(t *testing.T, s gateways.Store) gateways.Store {
			again, _ := where.Load(s)
			s.(*postgres.Store).Close()
			return again.(func(*testing.T) *postgres.Store)(t)
		},
	})
}
