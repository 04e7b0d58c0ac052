package simulation_test

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/postgres/postgrestest"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// desk is what the calls of TestOneConnection work on.
type desk struct {
	e     *billing.Engine
	store reseller.Store
	s     *simulation.Script
	id    billing.AccountID
	name  string
	day   billing.Date
	offer simulation.Offer
}

// each uses up a listing, and works with the engine between its items: a listing holds
// no transaction, so that must not wait for it.
func each[T any](d *desk, seq iter.Seq2[T, error]) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, err := range seq {
			if err != nil {
				return err
			}
			if _, err := d.e.Account(ctx, d.id); err != nil {
				return err
			}
		}
		return nil
	}
}

// call is a call of a method of the engine.
type call = func(ctx context.Context, d *desk) error

// calls returns every public method of the engine, by name.
func calls() map[string]call {
	m := map[string]call{
		"DefineResources": func(ctx context.Context, d *desk) error {
			return d.e.DefineResources(ctx, billing.Resource{ID: "new"}, d.s.Catalog.Resources[0])
		},
		"PutSeller": func(ctx context.Context, d *desk) error { return d.e.PutSeller(ctx, d.s.Catalog.Sellers[0]) },
		"Seller": func(ctx context.Context, d *desk) error {
			_, err := d.e.Seller(ctx, d.offer.Head.Seller)
			return err
		},
		"PublishPlan": func(ctx context.Context, d *desk) error {
			_, err := d.e.PublishPlan(ctx, d.offer.Head, d.offer.Terms)
			return err
		},
		"PutPlan": func(ctx context.Context, d *desk) error { return d.e.PutPlan(ctx, d.offer.Head) },
		"Plan": func(ctx context.Context, d *desk) error {
			_, err := d.e.Plan(ctx, d.offer.Head.Seller, d.offer.Head.ID)
			return err
		},
		"PlanVersion": func(ctx context.Context, d *desk) error {
			_, err := d.e.PlanVersion(ctx, d.offer.Head.Seller, d.offer.Head.ID, 0)
			return err
		},
		"Do": func(ctx context.Context, d *desk) error {
			for _, act := range []billing.Action{
				billing.Signup{Request: billing.Request{Key: "new"}, Seller: d.offer.Head.Seller, Name: "new", Plan: d.offer.Head.ID},
				billing.Pay{Request: billing.Request{Key: "new"}, Account: d.id, Amount: money.FromMinor(100, d.s.Catalog.Sellers[0].Currency)},
				billing.Pay{Request: billing.Request{Key: "new"}, Account: d.id, Amount: money.FromMinor(100, d.s.Catalog.Sellers[0].Currency)},
				billing.Exempt{Account: d.id, Code: "X"},
			} {
				if _, err := d.e.Do(ctx, act); err != nil {
					return err
				}
			}
			return nil
		},
		"Quote": func(ctx context.Context, d *desk) error {
			_, err := d.e.Quote(ctx, billing.Close{Account: d.id})
			return err
		},
		"MoveVersions": func(ctx context.Context, d *desk) error {
			_, _, err := d.e.MoveVersions(ctx, d.offer.Head.Seller, d.offer.Head.ID, 0)
			return err
		},
		"Run": func(ctx context.Context, d *desk) error {
			_, err := d.e.Run(ctx, d.day, billing.RunOptions{Batch: 2, Workers: 4})
			return err
		},
		"Unpark": func(ctx context.Context, d *desk) error {
			_, err := d.e.Unpark(ctx, d.id, d.day)
			return err
		},
		"Preview": func(ctx context.Context, d *desk) error {
			_, err := d.e.Preview(ctx, d.day.AddDays(40))
			return err
		},
		"PreviewAccounts": func(ctx context.Context, d *desk) error {
			return each(d, d.e.PreviewAccounts(ctx, d.day.AddDays(40)))(ctx)
		},
		"Explain": func(ctx context.Context, d *desk) error {
			_, err := d.e.Explain(ctx, billing.EntryID{Account: d.id, Seq: 1})
			return err
		},
		"Entry": func(ctx context.Context, d *desk) error {
			_, err := d.e.Entry(ctx, billing.EntryID{Account: d.id, Seq: 1})
			return err
		},
		"Document": func(ctx context.Context, d *desk) error {
			_, err := d.e.Document(ctx, billing.DocumentID{Account: d.id, Seq: 1})
			return err
		},
		"Verify": func(ctx context.Context, d *desk) error {
			return each(d, d.e.Verify(ctx, billing.VerifyOptions{}))(ctx)
		},
		"VerifyPage": func(ctx context.Context, d *desk) error {
			_, err := d.e.VerifyPage(ctx, billing.VerifyOptions{})
			return err
		},
		"Account": func(ctx context.Context, d *desk) error { _, err := d.e.Account(ctx, d.id); return err },
		"AccountByName": func(ctx context.Context, d *desk) error {
			_, err := d.e.AccountByName(ctx, d.offer.Head.Seller, d.name)
			return err
		},
		"Holdings": func(ctx context.Context, d *desk) error { _, err := d.e.Holdings(ctx, d.id); return err },
		"Accounts": func(ctx context.Context, d *desk) error {
			return each(d, d.e.Accounts(ctx, billing.AccountQuery{}))(ctx)
		},
		"Entries": func(ctx context.Context, d *desk) error { return each(d, d.e.Entries(ctx, billing.EntryQuery{}))(ctx) },
		"Documents": func(ctx context.Context, d *desk) error {
			return each(d, d.e.Documents(ctx, billing.DocumentQuery{}))(ctx)
		},
		"Series": func(ctx context.Context, d *desk) error {
			return each(d, d.e.Series(ctx, d.offer.Head.Seller, billing.Invoice))(ctx)
		},
		"Periods": func(ctx context.Context, d *desk) error { return each(d, d.e.Periods(ctx, d.id))(ctx) },
		"Usage":   func(ctx context.Context, d *desk) error { return each(d, d.e.Usage(ctx, d.id))(ctx) },
		"Sellers": func(ctx context.Context, d *desk) error { return each(d, d.e.Sellers(ctx))(ctx) },
		"Plans":   func(ctx context.Context, d *desk) error { return each(d, d.e.Plans(ctx, d.offer.Head.Seller))(ctx) },
		"Resources": func(ctx context.Context, d *desk) error {
			_, err := d.e.Resources(ctx)
			return err
		},
		"Balance": func(ctx context.Context, d *desk) error {
			_, err := d.e.Balance(ctx, d.id, d.day)
			return err
		},
		"Statement": func(ctx context.Context, d *desk) error {
			_, err := d.e.Statement(ctx, d.id, d.s.First, d.s.Last)
			return err
		},
	}
	// In is every other call in a transaction of the host's; see below.
	m["In"] = func(ctx context.Context, d *desk) error {
		return d.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
			in := *d
			in.e = d.e.In(tx)
			if _, err := in.e.Do(ctx, billing.SetCreditLimit{Account: d.id, Limit: new(decimal.New(5, 0))}); err != nil {
				return err
			}
			if _, err := in.e.Run(ctx, d.day, billing.RunOptions{}); err == nil {
				return fmt.Errorf("a run in the host's transaction was not refused")
			}
			for _, name := range []string{"Account", "Entries", "Plans", "Preview", "Verify", "VerifyPage", "Unpark", "MoveVersions", "Statement", "PutSeller"} {
				if err := m[name](ctx, &in); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		})
	}
	return m
}

// With a pool of one connection every public call of the engine ends, on its own and
// when many make it at once.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	all := calls()
	typ := reflect.TypeFor[*billing.Engine]()
	var methods []string
	for i := range typ.NumMethod() {
		methods = append(methods, typ.Method(i).Name)
		require.NotNil(t, all[typ.Method(i).Name], "%s is a new method of the engine: add it to the table", typ.Method(i).Name)
	}
	require.Equal(t, len(methods), len(all), "the table has methods that the engine has not")
	for name, open := range map[string]func(t *testing.T) reseller.Store{
		"sqlite": func(t *testing.T) reseller.Store {
			db, err := sql.Open("sqlite", sqlite.DSN(filepath.Join(t.TempDir(), "books.db")))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			db.SetMaxOpenConns(1)
			s, err := sqlite.New(t.Context(), db, sqlite.Options{})
			require.NoError(t, err)
			return s
		},
		"postgres": func(t *testing.T) reseller.Store {
			dsn, schema := postgrestest.Schema(t)
			config, err := pgxpool.ParseConfig(dsn)
			require.NoError(t, err)
			config.MaxConns = 1
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			s, err := postgres.New(pool, postgres.Options{Schema: schema})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(t.Context()))
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			s := simulation.NewScript(9, simulation.Options{Accounts: 8, Days: 60})
			w := played(t, s, store, 20)
			d := &desk{e: w.Engine, store: store, s: s, day: s.Last, offer: s.Catalog.Offers[0]}
			for a, err := range w.Engine.Accounts(t.Context(), billing.AccountQuery{Seller: d.offer.Head.Seller, Status: billing.Active}) {
				require.NoError(t, err)
				if a.DocumentSeq > 0 {
					d.id, d.name = a.ID, a.Name
				}
			}
			require.NotZero(t, d.id)
			for _, name := range methods {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				require.NoError(t, all[name](ctx, d), name)
				cancel()
			}
			together(t, d, slices.DeleteFunc(slices.Clone(methods), func(name string) bool { return name == "PublishPlan" }))
		})
	}
}

// together makes all calls at once; they queue for the connection.
func together(t *testing.T, d *desk, methods []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	all, errs := calls(), make(chan error)
	for _, name := range methods {
		go func() {
			err := all[name](ctx, d)
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			errs <- err
		}()
	}
	for range methods {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
