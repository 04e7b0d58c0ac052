package billing_test

import (
	"errors"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// An amount that no ledger can hold is a clear error and changes nothing.
func TestAmountsTooLargeAreRefusedWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, taxed("VAT 100"))
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'mailbox','prices':{'setup':'90000000000000000','recurring':'1'}},
		{'id':'domain','prices':{'recurring':'50000000000000000'}},{'id':'traffic','prices':{'usage':'1'}}]}`)
	id := w.signup("a", "p")
	most := money.FromMinor(1<<63-1, w.cur)
	for name, act := range map[string]billing.Action{
		"an entry":      billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: dec("2")},
		"a document":    billing.SetQuantity{Account: id, Resource: "domain", Quantity: dec("1")}, // with its tax
		"a balance":     billing.Debit{Account: id, Amount: most},
		"many units":    billing.SetQuantity{Account: id, Resource: "account", Quantity: dec("999999999999999999999999999999")},
		"a large money": billing.Debit{Account: id, Amount: most.Mul(dec("10"))},
	} {
		before := w.dump()
		_, quoteErr := w.e.Quote(w.ctx, act)
		_, err := w.e.Do(w.ctx, act)
		if err == nil || !errors.Is(err, money.ErrOverflow) && !errors.Is(err, billing.ErrInvalidAmount) {
			t.Errorf("%s: %v", name, err)
		}
		if quoteErr == nil {
			t.Errorf("%s: the quote has no error", name)
		}
		if after := w.dump(); after != before {
			t.Errorf("%s changed rows:\n%s", name, diff(before, after))
		}
	}
	w.do(billing.Pay{Account: id, Amount: must(most.Sub(usd("5")))})
	w.verified()
}

// A run parks the account, with its records, and bills the others; nothing is lost.
func TestRunParksAmountsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'traffic','prices':{'usage':'1'}}]}`)
	huge, ok := w.signup("huge", "p"), w.signup("ok", "p")
	w.use(huge, "traffic", "999999999999999999999999999999")
	w.at("2026-02-01")
	r, err := w.e.Run(w.ctx, day("2026-02-01"), billing.RunOptions{})
	w.ok(err)
	if len(r.Parked) != 1 || r.Parked[0].Account != huge || r.Parked[0].Parking.Code != "amount_too_large" || r.Billed != 1 {
		t.Fatalf("%+v", r)
	}
	w.wantBalance(ok, "-2.00")
	w.wantBalance(huge, "-1.00")
	if n := len(all(w, w.e.Usage(w.ctx, huge))); n != 1 {
		t.Errorf("%d records", n)
	}
	w.verified()
}

// Nothing is backdated behind what was done since: a refund would exceed the charge.
func TestActionsAreNotBackdatedBehindOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'money_back_days':30,'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'31'}},{'id':'mailbox','prices':{'recurring':'31'}}]}`)
	w.plan("q", `{'resources':[{'id':'account','prices':{'recurring':'31'}},{'id':'mailbox','prices':{'recurring':'1'}}]}`)
	id := w.signup("a", "p")
	w.at("2026-01-22").set(id, "mailbox", "1") // 10.00
	for _, act := range []billing.Action{
		billing.SetQuantity{Request: on("2026-01-02"), Account: id, Resource: "mailbox", Quantity: dec("0")},
		billing.ChangePlan{Request: on("2026-01-02"), Account: id, Plan: "q"}, billing.Close{Request: on("2026-01-02"), Account: id},
	} {
		w.refused(act, billing.ErrDayPassed)
	}
	w.made(w.set(id, "mailbox", "0").Entries, "2026-01-22 refund mailbox 1 2026-01-22/2026-02-01 -10.00")
	w.verified()
}

// No one by hand brings an account so deep into debt that what falls due finds no room.
func TestDebitsLeaveRoomForWhatFallsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'mailbox','prices':{'recurring':'50000000000000000'}}]}`)
	id := w.signup("a", "p")
	most := money.FromMinor(1e18-100, w.cur) // beyond the 1.00 of the account
	paid := w.do(billing.Pay{Account: id, Amount: usd("2")}).Entries[0].Seq
	for name, act := range map[string]billing.Action{
		"a debit":             billing.Debit{Account: id, Amount: must(must(most.Add(usd("2"))).Add(usd("0.01")))},
		"a debit of all":      billing.Debit{Account: id, Amount: money.FromMinor(1<<63-1, w.cur)},
		"a payment, too much": billing.Pay{Account: id, Amount: money.FromMinor(1<<63-1, w.cur)},
	} {
		before := w.dump()
		w.refused(act, billing.ErrInvalidAmount)
		if after := w.dump(); after != before {
			t.Errorf("%s changed rows:\n%s", name, diff(before, after))
		}
	}
	w.do(billing.Debit{Account: id, Amount: must(most.Add(usd("2")))})
	w.refused(billing.Debit{Account: id, Amount: usd("0.01")}, billing.ErrInvalidAmount)
	w.refused(billing.Reverse{Account: id, Entry: paid}, billing.ErrInvalidAmount)
	w.run("2026-02-01")
	w.wantBalance(id, "-10000000000000001.00")
	w.refused(billing.Debit{Account: id, Amount: usd("0.01")}, billing.ErrInvalidAmount)
	w.do(billing.Credit{Account: id, Amount: usd("0.50")}) // out of it anything leads
	w.set(id, "mailbox", "1")
	w.refused(billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: dec("2")}, billing.ErrInvalidAmount)
	w.verified()
}

// What is measured while an account is parked counts in the month in which it was measured.
func TestUsageIsRecordedWhileParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'50000000000000000'}},{'id':'traffic','free':'5','prices':{'usage':'1'}}]}`)
	id := w.signup("a", "p")
	w.at("2026-02-01")
	must(w.e.Run(w.ctx, day("2026-02-01"), billing.RunOptions{}))
	if a := w.account(id); a.Parked.Code != "amount_too_large" {
		t.Fatalf("%+v", a.Parked)
	}
	w.at("2026-02-10").use(id, "traffic", "6")
	w.at("2026-03-10").use(id, "traffic", "7")
	w.do(billing.RecordUsage{Request: on("2026-02-11"), Account: id, Resource: "traffic", Amount: dec("8")})
	w.do(billing.Credit{Account: id, Amount: money.FromMinor(9e18, w.cur)})
	r := must(w.e.Unpark(w.ctx, id, day("2026-03-10")))
	if len(r.Parked) != 0 || r.Boundary != 2 {
		t.Fatalf("%+v", r)
	}
	w.do(billing.Credit{Account: id, Amount: money.FromMinor(9e18, w.cur)})
	w.run("2026-04-01")
	w.made(all(w, w.e.Entries(w.ctx, billing.EntryQuery{Account: id, Kind: billing.EntryUsage})),
		"2026-03-01 usage traffic 9 2026-02-01/2026-03-01 9.00", "2026-04-01 usage traffic 2 2026-03-01/2026-04-01 2.00")
	w.verified()
}

// What is wrong is corrected by an action of a day before the boundary that could not be
// handled, as operations.md says.
func TestTooLargeAmountsAreCorrectedBeforeTheirBoundary(t *testing.T) {
	t.Parallel()
	const parked, before = "2026-02-01", "2026-01-31"
	for name, act := range map[string]func(billing.AccountID) billing.Action{
		"quantity": func(id billing.AccountID) billing.Action {
			return billing.SetQuantity{Request: on(before), Account: id, Resource: "mailbox", Quantity: dec("0")}
		},
		"price": func(id billing.AccountID) billing.Action {
			return billing.MoveVersion{Request: on(before), Account: id, Version: 2}
		},
		"plan": func(id billing.AccountID) billing.Action {
			return billing.ChangePlan{Request: on(before), Account: id, Plan: "q"}
		},
		"close": func(id billing.AccountID) billing.Action {
			return billing.Close{Request: on(before), Account: id}
		},
	} {
		w := newWorld(t)
		w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'mailbox','at_signup':'1','prices':{'recurring':'50000000000000000'}}]}`)
		w.plan("q", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'mailbox','prices':{'recurring':'1'}}]}`)
		id := w.signup("a", "p")
		w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'mailbox','at_signup':'1','prices':{'recurring':'1'}}]}`)
		w.at(parked)
		must(w.e.Run(w.ctx, day(parked), billing.RunOptions{}))
		if a := w.account(id); a.Parked.Code != "amount_too_large" {
			t.Fatalf("%s: %+v", name, a.Parked)
		}
		w.at("2026-02-10")
		w.do(act(id))
		if r := must(w.e.Unpark(w.ctx, id, day("2026-02-10"))); len(r.Parked) != 0 {
			t.Errorf("%s: %+v", name, r.Parked)
		}
		w.verified()
	}
}
