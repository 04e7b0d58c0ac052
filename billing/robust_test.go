package billing_test

import (
	"errors"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/memory"
)

// A reader of an old snapshot must not show it to others: the plan that a view saw
// before a new version was published does not come back.
func TestAnOldViewDoesNotPoisonTheCatalog(t *testing.T) {
	t.Parallel()
	store := &bent{Store: memory.New()}
	w := newWorldOn(t, store)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}}]}`)
	quoting := false
	store.load = func(_ *billing.Loaded, err error) error {
		if quoting { // the quote has its snapshot, and has read no plan yet
			quoting = false
			w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'100'}}]}`)
			w.signup("second", "p")
		}
		return err
	}
	quoting = true
	w.e = must(billing.New(store, billing.Options{Clock: w.clock})) // knows nothing yet
	_, err := w.e.Quote(w.ctx, billing.Signup{Seller: host, Name: "quoted", Plan: "p"})
	w.ok(err)
	id := w.signup("third", "p")
	if got := w.account(id).Balance.String(); got != "-100.00 USD" {
		t.Errorf("the third customer's balance is %s: the old price", got)
	}
}

// A mistaken move of all accounts is taken back by moving them to where they are.
func TestMoveVersionsTakesAMoveBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}}]}`)
	id := w.signup("a", "p")
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'99'}}]}`)
	_, _, err := w.e.MoveVersions(w.ctx, host, "p", 2)
	w.ok(err)
	moved, _, err := w.e.MoveVersions(w.ctx, host, "p", 1)
	w.ok(err)
	w.run("2026-02-01")
	if a := w.account(id); moved != 1 || a.PlanVersion != 1 {
		t.Errorf("%d moved back, on version %d", moved, a.PlanVersion)
	}
}

// An ended trial that changes its version is charged for its days, not for those after.
func TestAnEndedTrialIsUsedNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'trial':{'days':30},'resources':[{'id':'mailbox','at_signup':'10','prices':{'recurring':'31'}}]}`)
	id := w.signup("a", "p")
	w.run("2026-03-01")
	w.plan("p", `{'trial':{'days':30},'resources':[{'id':'mailbox','free':'10','at_signup':'10','prices':{'recurring':'31'}}]}`)
	w.do(billing.MoveVersion{Account: id})
	res := w.do(billing.Convert{Account: id})
	if len(res.Documents) != 1 || res.Documents[0].Total.String() != "300.00 USD" {
		t.Errorf("the trial of 10 mailboxes over 30 days was charged %v", res.Documents)
	}
}

// Giving a proportion of a proportion back for ever keeps the account workable.
func TestSetupMoneyStaysFinite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("dear", `{'resources':[{'id':'mailbox','at_signup':'10','prices':{'setup':'10'}}]}`)
	w.plan("cheap", `{'resources':[{'id':'mailbox','at_signup':'10','prices':{'recurring':'1'}}]}`)
	id := w.signup("a", "dear")
	w.do(billing.ChangePlan{Account: id, Plan: "cheap"})
	for range 300 {
		w.set(id, "mailbox", "11")
		w.set(id, "mailbox", "10")
	}
	for _, h := range must(w.e.Holdings(w.ctx, id)) {
		if text := h.SetupPaid.String(); len(text) > 60 {
			t.Errorf("the money paid for setup takes %d bytes", len(text))
		}
	}
	w.verified()
}

// A machine that does not know a zone parks nobody: it is not the accounts' fault.
func TestAnUnknownZoneParksNobody(t *testing.T) {
	t.Parallel()
	store := &bent{Store: memory.New()}
	w := newWorldOn(t, store)
	w.plan("p", runPlan)
	w.signup("a", "p")
	w.at("2026-02-01")
	store.seller = func(s *billing.Seller) { s.TimeZone = "Nowhere/Land" }
	e := must(billing.New(store, billing.Options{Clock: w.clock}))
	r, err := e.Run(w.ctx, day("2026-02-01"), billing.RunOptions{})
	if tierhost.KindOf(err) != tierhost.KindUnavailable || len(r.Parked) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A replayed close asks again for what the first one asked for.
func TestAReplayedCloseCollectsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'setup':'5'}}]}`)
	id := w.signup("a", "p")
	act := billing.Close{Request: billing.Request{Key: "k"}, Account: id, Billing: billing.CloseCollect}
	first := w.do(act)
	w.do(billing.Pay{Account: id, Amount: usd("5")})
	again := w.do(act)
	if !again.Replayed || first.Collect.String() != "5.00 USD" || !again.Collect.Equal(first.Collect) {
		t.Errorf("first %s, then %s", first.Collect, again.Collect)
	}
}

// Numbers that would take for ever to compute with are refused before any is.
func TestHugeExponentsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	err := w.e.PutSeller(w.ctx, billing.Seller{ID: "x", Currency: usd("1").Currency(), Taxes: []billing.Tax{{Name: "t", Percent: decimal.New(1, -20_000_000)}}})
	wantFaults(t, err, "taxes[0].percent too_long")
	_, err = w.e.Do(w.ctx, billing.Signup{Request: billing.Request{By: billing.Actor{Role: "Customer"}}, Seller: host, Name: "n", Plan: "p"})
	if !errors.Is(err, tierhost.ErrInvalid) {
		t.Errorf("an unknown role: %v", err)
	}
}

// VerifyPage leads through all accounts.
func TestVerifyPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", runPlan)
	for _, name := range []string{"a", "b", "c"} {
		w.signup(name, "p")
	}
	pages, o := 0, billing.VerifyOptions{Limit: 2}
	for {
		p := must(w.e.VerifyPage(w.ctx, o))
		if pages++; len(p.Findings) > 0 || pages > 2 {
			t.Fatalf("%+v", p)
		}
		if p.Done {
			break
		}
		o.After = p.Last
	}
	if pages != 2 {
		t.Errorf("%d pages", pages)
	}
}
