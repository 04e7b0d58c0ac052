package billing_test

import (
	"strings"
	"testing"

	"github.com/tierhost/tierhost/billing"
)

func TestPaymentsCreditsAndDebits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, taxed("VAT 20"))
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`)
	id := w.signup("a", "p")
	w.events()
	w.made(w.do(billing.Pay{Account: id, Amount: usd("7.50"), Reference: "card"}).Entries, "2026-01-01 payment -7.50")
	w.made(w.do(billing.Credit{Account: id, Amount: usd("1"), Reference: "sorry"}).Entries, "2026-01-01 credit -1.00")
	res := w.do(billing.Debit{Account: id, Amount: usd("0.01")})
	w.made(res.Entries, "2026-01-01 debit 0.01")
	if len(res.Documents) != 0 || res.Entries[0].Document != 0 {
		t.Errorf("a debit is on a document: %+v", res.Documents)
	}
	w.wantBalance(id, "-3.51")
	e := w.entries(id)[2]
	if e.Reference != "card" {
		t.Errorf("reference %q", e.Reference)
	}
	for i, ev := range w.events() {
		x, ok := ev.(billing.EntryPosted)
		if !ok || x.Account != id || x.Entry != int64(3+i) || !x.Amount.Equal(w.entries(id)[2+i].Amount) {
			t.Errorf("event %+v", ev)
		}
	}
	w.do(billing.Close{Account: id, Billing: billing.CloseNoBilling})
	w.do(billing.Pay{Account: id, Amount: usd("3.51")}) // closed accounts take money
	w.do(billing.Credit{Account: id, Amount: usd("1")})
	w.do(billing.Debit{Account: id, Amount: usd("1")})
	w.wantBalance(id, "0.00")
	w.verified()
}

// An entry is reversed once, by an entry that names it (row 64).
func TestReversal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`)
	id, other := w.signup("a", "p"), w.signup("b", "p")
	w.do(billing.Pay{Account: id, Amount: usd("10")})
	w.do(billing.Debit{Account: id, Amount: usd("3")})
	w.at("2026-01-05")
	res := w.do(billing.Reverse{Account: id, Entry: 2, Reference: "chargeback"})
	w.made(res.Entries, "2026-01-05 payment 10.00")
	if e := res.Entries[0]; e.Corrects != 2 || e.Reference != "chargeback" || e.Basis.Cause != billing.CauseReversal {
		t.Errorf("%+v", e)
	}
	w.made(w.do(billing.Reverse{Account: id, Entry: 3}).Entries, "2026-01-05 debit -3.00")
	w.wantBalance(id, "-10.00")
	for _, seq := range []int64{2, 3, 4, 5, 1} { // again, a reversal, a charge
		w.refused(billing.Reverse{Account: id, Entry: seq}, billing.ErrNotReversible)
	}
	w.refused(billing.Reverse{Account: other, Entry: 2}, billing.ErrUnknownEntry)
	for range 450 { // however many entries came since
		w.do(billing.Credit{Account: id, Amount: usd("0.01")})
	}
	w.refused(billing.Reverse{Account: id, Entry: 2}, billing.ErrNotReversible)
	w.do(billing.Close{Account: id})
	w.do(billing.Reverse{Account: id, Entry: 6})
	w.verified()
}

func TestBalancesAndStatements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`)
	id := w.signup("a", "p")
	w.at("2026-01-10").do(billing.Pay{Account: id, Amount: usd("4")})
	w.run("2026-02-01")
	w.at("2026-02-05").do(billing.Pay{Request: on("2026-01-20"), Account: id, Amount: usd("6")}) // booked late
	w.run("2026-03-01")
	for _, c := range []struct{ on, want string }{
		{"2025-12-31", "0.00"}, {"2026-01-01", "-10.00"}, {"2026-01-09", "-10.00"}, {"2026-01-10", "-6.00"}, {"2026-01-20", "0.00"},
		{"2026-02-01", "-10.00"}, {"2026-02-28", "-10.00"}, {"2026-03-01", "-20.00"}, {"2030-01-01", "-20.00"},
	} {
		if got := must(w.e.Balance(w.ctx, id, day(c.on))); got.Digits() != c.want {
			t.Errorf("on %s it is %s, want %s", c.on, got, c.want)
		}
	}
	if got := must(w.e.Balance(w.ctx, id, billing.Date{})); got.Digits() != "-20.00" {
		t.Errorf("now it is %s", got)
	}
	s := must(w.e.Statement(w.ctx, id, day("2026-01-10"), day("2026-02-28")))
	var got []string
	for _, l := range s.Lines {
		got = append(got, line(l.Entry)+" = "+l.Balance.Digits())
	}
	want := []string{"2026-01-10 payment -4.00 = -6.00",
		"2026-02-01 recurring account 1 2026-02-01/2026-03-01 10.00 = -16.00", "2026-01-20 payment -6.00 = -10.00"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || s.Opening.Digits() != "-10.00" || s.Closing.Digits() != "-10.00" {
		t.Errorf("from %s to %s:\n%s", s.Opening, s.Closing, strings.Join(got, "\n"))
	}
	empty := must(w.e.Statement(w.ctx, id, day("2027-01-01"), day("2027-02-01")))
	if len(empty.Lines) != 0 || !empty.Opening.Equal(empty.Closing) || empty.Opening.Digits() != "-20.00" {
		t.Errorf("%+v", empty)
	}
}

// Money may be of any day since the signup, everything else of the running month; no
// day lies in the future.
func TestLateAndEarlyDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}},{'id':'mailbox','prices':{'recurring':'31'}},{'id':'traffic','prices':{'usage':'1'}}]}`)
	id := w.at("2026-01-10").signup("a", "p")
	w.run("2026-03-10")
	w.at("2026-03-20")
	for _, act := range []billing.Action{
		billing.SetQuantity{Request: on("2026-03-09"), Account: id, Resource: "mailbox", Quantity: dec("1")},
		billing.ChangePlan{Request: on("2026-03-09"), Account: id, Plan: "p"}, billing.ChangePeriod{Request: on("2026-03-09"), Account: id, Period: per("1m")},
		billing.Suspend{Request: on("2026-03-09"), Account: id}, billing.Close{Request: on("2026-03-09"), Account: id},
		billing.Cancel{Request: on("2026-01-10"), Account: id}, billing.Exempt{Request: on("2026-03-09"), Account: id, Code: "x"},
		billing.Pay{Request: on("2026-01-09"), Account: id, Amount: usd("1")}, billing.RecordUsage{Request: on("2026-01-09"), Account: id, Resource: "traffic", Amount: dec("1")},
	} {
		r := w.refused(act, billing.ErrDayPassed)
		if !strings.Contains(r.Detail, "2026-0") {
			t.Errorf("%T does not say from when on: %v", act, r)
		}
	}
	for _, act := range []billing.Action{
		billing.SetQuantity{Request: on("2026-03-21"), Account: id, Resource: "mailbox", Quantity: dec("1")},
		billing.Pay{Request: on("2026-03-21"), Account: id, Amount: usd("1")},
		billing.RecordUsage{Request: on("2026-03-21"), Account: id, Resource: "traffic", Amount: dec("1")},
		billing.Signup{Request: on("2026-03-21"), Seller: host, Name: "b", Plan: "p"},
	} {
		w.refused(act, billing.ErrDayInFuture)
	}
	w.made(w.do(billing.SetQuantity{Request: on("2026-03-10"), Account: id, Resource: "mailbox", Quantity: dec("1")}).Entries,
		"2026-03-10 recurring mailbox 1 2026-03-10/2026-04-10 31.00")
	// A record of a month that is settled counts in the running one.
	w.do(billing.RecordUsage{Request: on("2026-01-15"), Account: id, Resource: "traffic", Amount: dec("2")})
	w.do(billing.Pay{Request: on("2026-01-10"), Account: id, Amount: usd("1")})
	n := len(w.entries(id))
	w.run("2026-04-10")
	if got := line(w.entries(id)[n]); got != "2026-04-10 usage traffic 2 2026-03-10/2026-04-10 2.00" {
		t.Errorf("%s", got)
	}
	// A signup that is booked late is caught up with.
	late := w.do(billing.Signup{Request: on("2026-02-20"), Seller: host, Name: "late", Plan: "p"}).Account.ID
	w.run("2026-04-20")
	w.made(w.entries(late), "2026-02-20 recurring account 1 2026-02-20/2026-03-20 10.00",
		"2026-03-20 recurring account 1 2026-03-20/2026-04-20 10.00", "2026-04-20 recurring account 1 2026-04-20/2026-05-20 10.00")
	w.verified()
}
