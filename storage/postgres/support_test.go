package postgres_test

import (
	"sync"
	"testing"

	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/supporttest"
)

func TestSupport(t *testing.T) {
	t.Parallel()
	var where sync.Map // by store: how to open it again
	open := func(t *testing.T, dsn, schema string) *postgres.Store {
		s := reopen(t, dsn, postgres.Options{Schema: schema})
		where.Store(s, func(t *testing.T) *postgres.Store { return reopen(t, dsn, postgres.Options{Schema: schema}) })
		return s
	}
	supporttest.TestStore(t, supporttest.StoreHarness{
		New: func(t *testing.T) support.Store {
			dsn, schema := lent(t)
			return open(t, dsn, schema)
		},
		Reopen: func(t *testing.T, s support.Store) support.Store {
			again, _ := where.Load(s)
			s.(*postgres.Store).Close()
			return again.(func(*testing.T) *postgres.Store)(t)
		},
	})
}
