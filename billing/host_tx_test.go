package billing_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

var errHost = errors.New("the host changed its mind")

// What is done in a host's transaction commits or rolls back with it, and is seen in it.
func TestInJoinsTheHostsTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}},{'id':'mailbox','prices':{'recurring':'1'}}]}`)
	id := w.signup("a", "p")
	before := w.dump()
	for _, outcome := range []error{errHost, nil} {
		var fresh billing.AccountID
		err := w.store.Update(w.ctx, func(ctx context.Context, tx storage.Tx) error {
			e := w.e.In(tx)
			res, err := e.Do(ctx, billing.Signup{Seller: host, Name: "b", Plan: "p"})
			if err != nil {
				return err
			}
			fresh = res.Account.ID
			if _, err := e.Do(ctx, billing.SetQuantity{Account: fresh, Resource: "mailbox", Quantity: dec("3")}); err != nil {
				return err
			}
			if _, err := e.Do(ctx, billing.Pay{Account: id, Amount: usd("10")}); err != nil {
				return err
			}
			if _, err := e.Do(ctx, billing.Resume{Account: id}); !errors.Is(err, billing.ErrNotSuspended) {
				t.Errorf("a refusal: %v", err) // the transaction goes on
			}
			if a, err := e.Account(ctx, fresh); err != nil || a.Balance.Digits() != "-13.00" {
				t.Errorf("seen within: %s, %v", a.Balance, err)
			}
			if q, err := e.Quote(ctx, billing.SetQuantity{Account: fresh, Resource: "mailbox", Quantity: dec("4")}); err != nil || len(q.Entries) != 1 {
				t.Errorf("a quote within: %+v, %v", q, err)
			}
			if _, err := e.Run(ctx, day("2026-01-01"), billing.RunOptions{}); !errors.Is(err, storage.ErrNestedTx) {
				t.Errorf("a run within: %v", err)
			}
			if _, err := w.e.Do(ctx, billing.Pay{Account: id, Amount: usd("1")}); !errors.Is(err, storage.ErrNestedTx) {
				t.Errorf("the engine itself within: %v", err)
			}
			if _, err := w.e.Account(ctx, id); !errors.Is(err, storage.ErrNestedTx) {
				t.Errorf("a look-up of the engine itself within: %v", err)
			}
			return outcome
		})
		if !errors.Is(err, outcome) {
			t.Fatal(err)
		}
		if outcome != nil {
			if after := w.dump(); after != before {
				t.Errorf("rolled back, it left\n%s", diff(before, after))
			}
			continue
		}
		w.wantBalance(id, "0.00")
		w.wantBalance(fresh, "-13.00")
	}
	w.verified()
}

// A catalog that was published in a transaction is used within it, and is unknown to
// everybody when it was rolled back.
func TestCatalogOfARolledBackTransactionIsNotSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const dear = `{'resources':[{'id':'gold','at_signup':'1','prices':{'recurring':'1000'}}]}`
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`)
	w.signup("first", "p")
	err := w.store.Update(w.ctx, func(ctx context.Context, tx storage.Tx) error {
		e := w.e.In(tx)
		if err := e.DefineResources(ctx, billing.Resource{ID: "gold"}); err != nil {
			return err
		}
		for _, id := range []billing.PlanID{"p", "new"} {
			if _, err := e.PublishPlan(ctx, billing.Plan{Seller: host, ID: id, Open: true}, terms(dear)); err != nil {
				return err
			}
			res, err := e.Do(ctx, billing.Signup{Seller: host, Name: string(id), Plan: id})
			if err != nil || res.Account.Balance.Digits() != "-1000.00" {
				t.Errorf("within: %s, %v", res.Account.Balance, err)
			}
		}
		if err := e.PutSeller(ctx, billing.Seller{ID: host, Currency: iso("USD"), Taxes: []billing.Tax{{Name: "VAT", Percent: dec("50")}}}); err != nil {
			return err
		}
		res, err := e.Do(ctx, billing.Signup{Seller: host, Name: "taxed", Plan: "p"})
		if err != nil || res.Account.Balance.Digits() != "-1500.00" {
			t.Errorf("within: %s, %v", res.Account.Balance, err)
		}
		return errHost
	})
	if !errors.Is(err, errHost) {
		t.Fatal(err)
	}
	w.wantBalance(w.signup("p", "p"), "-10.00")
	w.refused(billing.Signup{Seller: host, Name: "new", Plan: "new"}, billing.ErrUnknownPlan)
	// A second version 2, of other terms, is what everybody sees.
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'20'}}]}`)
	w.wantBalance(w.signup("later", "p"), "-20.00")
	w.verified()
}

// Engines on one store see each other's catalog.
func TestEnginesShareTheCatalog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`)
	other, err := billing.New(w.store, billing.Options{Clock: w.clock})
	w.ok(err)
	must(other.Do(w.ctx, billing.Signup{Seller: host, Name: "a", Plan: "p"}))
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'20'}}]}`)
	if res := must(other.Do(w.ctx, billing.Signup{Seller: host, Name: "b", Plan: "p"})); res.Account.Balance.Digits() != "-20.00" {
		t.Errorf("the other engine sold at %s", res.Account.Balance)
	}
}

func TestForeignAndFinishedTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var done storage.Tx
	w.ok(w.store.Update(w.ctx, func(_ context.Context, tx storage.Tx) error { done = tx; return nil }))
	if _, err := w.e.In(done).Resources(w.ctx); !errors.Is(err, storage.ErrTxDone) {
		t.Errorf("finished: %v", err)
	}
	foreign := memory.New()
	w.ok(foreign.Update(w.ctx, func(ctx context.Context, tx storage.Tx) error {
		if _, err := w.e.In(tx).Account(ctx, 1); !errors.Is(err, storage.ErrForeignTx) {
			t.Errorf("foreign: %v", err)
		}
		return nil
	}))
}
