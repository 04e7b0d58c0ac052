package postgres_test

import (
	"sync"
	"testing"

	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/reseller/resellertest"
	"github.com/tierhost/tierhost/storage/postgres"
)

func TestResellerSuite(t *testing.T) {
	t.Parallel()
	var where sync.Map // by store: how to open it again
	resellertest.TestStore(t, resellertest.Harness{
		Concurrent: true,
		New: func(t *testing.T) reseller.Store {
			dsn, schema := lent(t)
			s := reopen(t, dsn, postgres.Options{Schema: schema})
			where.Store(s, func(t *testing.T) reseller.Store { return reopen(t, dsn, postgres.Options{Schema: schema}) })
			return s
		},
		Reopen: func(t *testing.T, s reseller.Store) reseller.Store {
			again, _ := where.Load(s)
			s.(*postgres.Store).Close()
			return again.(func(t *testing.T) reseller.Store)(t)
		},
	})
}

// As the suites of package billing, on a pool of one connection and on one that keeps
// no prepared statements.
func TestResellerSuiteOnTheHostsPool(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("the same statements as on a pool of its own")
	}
	for name, params := range map[string]string{
		"one connection":         "&pool_max_conns=1",
		"no prepared statements": "&default_query_exec_mode=exec",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resellertest.TestStore(t, resellertest.Harness{
				Concurrent: name != "one connection",
				New: func(t *testing.T) reseller.Store {
					s, _ := hosted(t, params)
					return s
				},
			})
		})
	}
}
