package simulation_test

import (
	"context"
	"database/sql"
	"errors"
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

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/simulation"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/postgres"
	"github.com/tierhost/tierhost/storage/sqlite"
)

// desk is what the calls of TestOneConnection work on.
type desk struct {
	e     *billing.Engine
	m     *reseller.Manager
	store reseller.Store
	sold  billing.AccountID // a reseller's customer
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
		"Present": func(ctx context.Context, d *desk) error {
			_, err := d.e.Present().Do(ctx, billing.SetCreditLimit{Account: d.id, Limit: new(decimal.New(5, 0))})
			return ruled(err)
		},
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
		"Appoint": func(ctx context.Context, d *desk) error {
			r, err := d.e.Seller(ctx, "alpha")
			if err != nil {
				return err
			}
			return d.e.Appoint(ctx, r.ID, r.Double)
		},
		"SellersBelow": func(ctx context.Context, d *desk) error {
			_, err := d.e.SellersBelow(ctx, "acme")
			return err
		},
		"PriceList": func(ctx context.Context, d *desk) error {
			_, err := d.e.PriceList(ctx, "acme", "resale-0", 1)
			return err
		},
		"CatchUp": func(ctx context.Context, d *desk) error {
			_, err := d.e.CatchUp(ctx, d.sold, d.day)
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

// withOneConnection are the stores with a pool of one connection.
var withOneConnection = map[string]func(t *testing.T) reseller.Store{
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
		dsn, schema := lent(t)
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
}

// deskOn plays a script and returns what the calls work on.
func deskOn(t *testing.T, store reseller.Store) *desk {
	t.Helper()
	for seed := uint64(1); ; seed++ { // until there are customers of both who are active
		s := simulation.NewScript(seed, simulation.Options{Resellers: true, Accounts: 14, Days: 40})
		if d := deskOf(t, played(t, s, memory.New(), 20)); d.id != 0 && d.sold != 0 {
			return deskOf(t, played(t, s, store, 20))
		}
	}
}

func deskOf(t *testing.T, w *simulation.World) *desk {
	t.Helper()
	d := &desk{e: w.Engine, m: w.Manager, store: w.Store, s: w.Script, day: w.Script.Last, offer: w.Script.Catalog.Offers[0]}
	for a, err := range w.Engine.Accounts(t.Context(), billing.AccountQuery{Status: billing.Active}) {
		require.NoError(t, err)
		switch {
		case a.DocumentSeq == 0 || a.Sells != "":
		case a.Seller == d.offer.Head.Seller:
			d.id, d.name = a.ID, a.Name
		case a.Seller == "alpha":
			d.sold = a.ID
		}
	}
	return d
}

// With a pool of one connection every public call of the engine ends, on its own and
// when many make it at once.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	all := calls()
	methods := methodsOf(t, reflect.TypeFor[*billing.Engine](), all)
	for name, open := range withOneConnection {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			d := deskOn(t, store)
			for _, name := range methods {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				require.NoError(t, all[name](ctx, d), name)
				cancel()
			}
			together(t, d, all, slices.DeleteFunc(slices.Clone(methods), func(name string) bool { return name == "PublishPlan" }))
		})
	}
}

// together makes all calls at once; they queue for the connection.
func together(t *testing.T, d *desk, all map[string]call, methods []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	errs := make(chan error)
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

// ruled leaves errors out that are the rules' answer: what a call was refused for does
// not matter here.
func ruled(err error) error {
	if _, refused := errors.AsType[*billing.Refusal](err); refused {
		return nil
	}
	switch tierhost.KindOf(err) {
	case tierhost.KindPrecondition, tierhost.KindNotFound, tierhost.KindConflict:
		return nil
	}
	return err
}

// managerCalls returns every public method of the manager, by name.
func managerCalls() map[string]call {
	rate := func(d *desk) *reseller.ExchangeRate {
		for _, s := range d.s.Catalog.Sellers {
			if s.ID == "alpha" && s.Currency != d.s.Catalog.Sellers[0].Currency {
				return &reseller.ExchangeRate{From: d.s.Catalog.Sellers[0].Currency, To: s.Currency, Rate: decimal.New(2, 0), Source: "x", At: noonOf(d.day)}
			}
		}
		return nil
	}
	plan := func(d *desk) simulation.Offer {
		for _, of := range d.s.Catalog.Offers {
			if of.Head.Seller == "alpha" {
				return of
			}
		}
		return simulation.Offer{}
	}
	m := map[string]call{
		"Billing": func(ctx context.Context, d *desk) error { _, err := d.m.Billing().Account(ctx, d.sold); return err },
		"Bills": func(ctx context.Context, d *desk) error {
			return each(d, d.m.Bills(ctx, reseller.BillQuery{Seller: "alpha"}))(ctx)
		},
		"CheckMargins": func(ctx context.Context, d *desk) error {
			_, err := d.m.CheckMargins(ctx, "alpha", plan(d).Terms, rate(d))
			return err
		},
		"PublishPlan": func(ctx context.Context, d *desk) error {
			_, _, err := d.m.PublishPlan(ctx, plan(d).Head, plan(d).Terms, rate(d))
			return err
		},
		"Close": func(ctx context.Context, d *desk) error { _, err := d.m.Close(ctx, d.day); return err },
		"PreviewClosing": func(ctx context.Context, d *desk) error {
			_, err := d.m.PreviewClosing(ctx, "alpha", billing.CloseAccrue)
			return err
		},
		"CloseReseller": func(ctx context.Context, d *desk) error {
			c, err := d.m.PreviewClosing(ctx, "delta", billing.CloseAccrue)
			if err != nil {
				return ruled(err)
			}
			_, err = d.m.CloseReseller(ctx, c, billing.CloseAccrue, billing.Actor{})
			return ruled(err)
		},
		"ClosedThrough": func(ctx context.Context, d *desk) error { _, err := d.m.ClosedThrough(ctx, "alpha"); return err },
		"Desk": func(ctx context.Context, d *desk) error {
			k := d.m.Desk("alpha")
			for _, one := range []func() error{
				func() error { return each(d, k.Accounts(ctx, billing.AccountQuery{}))(ctx) },
				func() error { return each(d, k.Entries(ctx, billing.EntryQuery{}))(ctx) },
				func() error { return each(d, k.Documents(ctx, billing.DocumentQuery{}))(ctx) },
				func() error { return each(d, k.Bills(ctx, reseller.BillQuery{}))(ctx) },
				func() error { return each(d, k.Usage(ctx, d.sold))(ctx) },
				func() error { _, err := k.Holdings(ctx, d.sold); return err },
				func() error {
					_, err := k.Do(ctx, billing.SetQuantity{Account: d.sold, Resource: "mailbox", Quantity: decimal.New(2, 0)})
					return ruled(err)
				},
				func() error { _, err := k.Quote(ctx, billing.Close{Account: d.sold}); return ruled(err) },
			} {
				if err := one(); err != nil {
					return err
				}
			}
			return nil
		},
		"Enroll": func(ctx context.Context, d *desk) error {
			s, err := d.e.Seller(ctx, "alpha")
			if err != nil {
				return err
			}
			_, err = d.m.Enroll(ctx, reseller.Enrollment{Seller: s, Account: s.Double})
			return err
		},
		"EntryMargins": func(ctx context.Context, d *desk) error { return each(d, d.m.EntryMargins(ctx, d.sold))(ctx) },
		"Limits":       func(ctx context.Context, d *desk) error { _, err := d.m.Limits(ctx, "alpha"); return err },
		"Margins": func(ctx context.Context, d *desk) error {
			_, err := d.m.Margins(ctx, reseller.MarginQuery{Seller: "alpha", Rate: rate(d)})
			return err
		},
		"Open":  func(ctx context.Context, d *desk) error { _, err := d.m.Open(ctx, "alpha"); return err },
		"Pools": func(ctx context.Context, d *desk) error { _, err := d.m.Pools(ctx, "alpha", d.day); return err },
		"Run": func(ctx context.Context, d *desk) error {
			_, err := d.m.Run(ctx, d.day, billing.RunOptions{Batch: 2, Workers: 4})
			return err
		},
		"Sellers": func(ctx context.Context, d *desk) error { _, err := d.m.Sellers(ctx, ""); return err },
		"SetLimit": func(ctx context.Context, d *desk) error {
			if err := d.m.SetLimit(ctx, "alpha", "mailbox", new(decimal.New(9999, 0))); err != nil {
				return err
			}
			return d.m.SetLimit(ctx, "alpha", reseller.Customers, new(decimal.New(9999, 0)))
		},
		"Shadows": func(ctx context.Context, d *desk) error {
			return each(d, d.m.Shadows(ctx, reseller.ShadowQuery{Seller: "alpha"}))(ctx)
		},
		"Shares": func(ctx context.Context, d *desk) error { _, err := d.m.Shares(ctx, "alpha", "mailbox"); return err },
		"Statement": func(ctx context.Context, d *desk) error {
			_, err := d.m.Statement(ctx, "alpha", d.s.First, d.s.Last)
			return err
		},
		"SubjectOf": func(ctx context.Context, d *desk) error {
			_, err := d.m.SubjectOf(ctx, "alpha", d.sold)
			return ruled(err)
		},
		"Transfer": func(ctx context.Context, d *desk) error {
			_, err := d.m.Transfer(ctx, reseller.TransferRequest{Account: d.sold, To: "acme", Plan: d.offer.Head.ID})
			return ruled(err)
		},
		"KeepHere":     func(ctx context.Context, d *desk) error { return ruled(d.m.KeepHere(ctx, d.sold, billing.Actor{})) },
		"TransferOf":   func(ctx context.Context, d *desk) error { _, err := d.m.TransferOf(ctx, d.sold); return ruled(err) },
		"TrialBalance": func(ctx context.Context, d *desk) error { _, err := d.m.TrialBalance(ctx); return err },
		"Verify":       func(ctx context.Context, d *desk) error { return each(d, d.m.Verify(ctx))(ctx) },
	}
	// In is every other call in a transaction of the host's.
	m["In"] = func(ctx context.Context, d *desk) error {
		return d.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
			in := *d
			in.m = d.m.In(tx)
			in.e = in.m.Billing()
			if _, err := in.m.Run(ctx, d.day, billing.RunOptions{}); err == nil {
				return fmt.Errorf("a run in the host's transaction was not refused")
			}
			for _, name := range []string{"Bills", "Close", "ClosedThrough", "Enroll", "Limits", "Margins", "Open", "Pools", "Sellers", "SetLimit", "Shadows",
				"Shares", "Statement", "TrialBalance", "Verify", "PreviewClosing", "EntryMargins", "TransferOf"} {
				if err := m[name](ctx, &in); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		})
	}
	return m
}

// The same for every public call of the manager.
func TestOneConnectionOfTheManager(t *testing.T) {
	t.Parallel()
	all := managerCalls()
	methods := methodsOf(t, reflect.TypeFor[*reseller.Manager](), all)
	for name, open := range withOneConnection {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deskOn(t, open(t))
			for _, name := range methods {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				require.NoError(t, all[name](ctx, d), name)
				cancel()
			}
			together(t, d, all, slices.DeleteFunc(slices.Clone(methods), func(name string) bool { return name == "PublishPlan" }))
		})
	}
}

// methodsOf lists the methods of a type, all of which the table has to have.
func methodsOf(t *testing.T, typ reflect.Type, all map[string]call) (methods []string) {
	t.Helper()
	for i := range typ.NumMethod() {
		methods = append(methods, typ.Method(i).Name)
		require.NotNil(t, all[typ.Method(i).Name], "%s is a new method of %s: add it to the table", typ.Method(i).Name, typ)
	}
	require.Equal(t, len(methods), len(all), "the table has methods that %s has not", typ)
	return methods
}
