package postgres_test

import (
	"sync"
	"testing"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/storage/postgres"
)

func TestProvisioning(t *testing.T) {
	t.Parallel()
	var where sync.Map // by store: how to open it again
	open := func(t *testing.T, dsn, schema string) *postgres.Store {
		s := reopen(t, dsn, postgres.Options{Schema: schema})
		where.Store(s, func(t *testing.T) *postgres.Store { return reopen(t, dsn, postgres.Options{Schema: schema}) })
		return s
	}
	provisioningtest.TestStore(t, provisioningtest.StoreHarness{
		New: func(t *testing.T) provisioning.Store {
			dsn, schema := lent(t)
			return open(t, dsn, schema)
		},
		Reopen: func(t *testing.T, s provisioning.Store) provisioning.Store {
			again, _ := where.Load(s)
			s.(*postgres.Store).Close()
			return again.(func(*testing.T) *postgres.Store)(t)
		},
	})
}
