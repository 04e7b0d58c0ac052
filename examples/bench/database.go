package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/reseller"
)

// database is a store with the bare floor of its database.
type database interface {
	store() reseller.Store
	// another is a second, empty store on the same database server or disk.
	another(ctx context.Context) (reseller.Store, func(), error)
	// writers is how many workers the database can use.
	writers() int
	// commits commits single rows of a bare table, by some clients.
	commits(ctx context.Context, clients, n int) error
	// floor inserts the rows that the run of a day wrote into empty tables of the same
	// form, as fast as the database allows, and returns how many and how long it took.
	floor(ctx context.Context, day billing.Date) (rows int, seconds float64, err error)
	floorName() string
	Close()
}

func openDatabase(ctx context.Context, where string) (database, error) {
	kind, rest, _ := strings.Cut(where, ":")
	switch {
	case kind == "sqlite" && rest != "":
		return openSQLite(ctx, rest)
	case kind == "postgres" && strings.HasPrefix(rest, "//"):
		return openPostgres(ctx, where)
	case kind == "postgres":
		return openPostgres(ctx, rest)
	}
	return nil, fmt.Errorf("-store %q is neither sqlite:FILE nor postgres:DSN", where)
}

// tables that the run writes, with the rows that it wrote: each account had one
// document, one period, and so on before.
var tables = []struct{ name, where string }{
	{"billing_accounts", "true"},
	{"billing_entries", "date = '%s'"},
	{"billing_documents", "date = '%s'"},
	{"billing_periods", "starts = '%s'"},
	{"outbox", "type = 'billing.document.issued' AND at >= %s"},
}

// clientsDo runs do n times, spread over clients.
func clientsDo(clients, n int, do func(client, i int) error) error {
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := c; i < n && errs[c] == nil; i += clients {
				errs[c] = do(c, i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
