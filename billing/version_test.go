package billing_test

import (
	"testing"

	"github.com/tierhost/tierhost/billing"
)

// A move to another version happens at the renewal: setup is due on the new prices,
// new at_signup resources are acquired, nothing is refunded.
func TestMoveVersionAtTheNextRenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'periods':['1m'],'refund_percent':'50','resources':[{'id':'mailbox','at_signup':'2','prices':{'setup':'1','recurring':'3'}}]}`)
	id := w.signup("a", "p")
	w.plan("p", `{'periods':['1m'],'refund_percent':'10','resources':[{'id':'mailbox','at_signup':'5','prices':{'setup':'4','recurring':'10'}},
		{'id':'domain','at_signup':'1','prices':{'setup':'7','recurring':'2'}},{'id':'traffic','at_signup':'3','prices':{'recurring':'1'}}]}`)
	w.made(w.at("2026-01-10").do(billing.MoveVersion{Account: id}).Entries)
	if a := w.account(id); a.PlanVersion != 1 || a.PendingPlan != "p" || a.PendingVersion != 2 {
		t.Errorf("on version %d, going to %s version %d", a.PlanVersion, a.PendingPlan, a.PendingVersion)
	}
	w.made(w.at("2026-01-16").set(id, "mailbox", "3").Entries, // the old prices until then: 16 of 31 days
		"2026-01-16 setup mailbox 1 2026-01-16/2026-01-16 1.00", "2026-01-16 recurring mailbox 1 2026-01-16/2026-02-01 1.55")
	before := len(w.entries(id))
	w.run("2026-02-01")
	w.made(w.entries(id)[before:],
		"2026-02-01 setup mailbox 3 2026-02-01/2026-02-01 9.00", // 3 x 4 less the 3 that were paid
		"2026-02-01 recurring mailbox 3 2026-02-01/2026-03-01 30.00",
		"2026-02-01 setup domain 1 2026-02-01/2026-02-01 7.00",
		"2026-02-01 recurring domain 1 2026-02-01/2026-03-01 2.00",
		"2026-02-01 recurring traffic 3 2026-02-01/2026-03-01 3.00")
	a := w.account(id)
	if a.PlanVersion != 2 || a.PendingPlan != "" || a.RefundPercent.String() != "10" {
		t.Errorf("on version %d, pending %q, refunds %s%%", a.PlanVersion, a.PendingPlan, a.RefundPercent)
	}
	if rows := all(w, w.e.Periods(w.ctx, id)); rows[0].PlanVersion != 1 || rows[1].PlanVersion != 2 {
		t.Errorf("periods %+v", rows)
	}
	w.verified()
}

func TestMoveVersionIsTakenBackByThePresentOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	publish := func(price string) {
		w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'`+price+`'}}]}`)
	}
	publish("1")
	id := w.signup("a", "p")
	publish("2")
	publish("3")
	publish("3.0") // the same terms: no other version
	w.do(billing.MoveVersion{Account: id, Version: 2})
	w.do(billing.MoveVersion{Account: id, Version: 3})
	w.do(billing.MoveVersion{Account: id, Version: 1})
	if a := w.account(id); a.PendingPlan != "" || a.PendingVersion != 0 {
		t.Errorf("still going to %q version %d", a.PendingPlan, a.PendingVersion)
	}
	w.do(billing.MoveVersion{Account: id, Version: 2})
	w.run("2026-02-01")
	w.do(billing.MoveVersion{Account: id, Version: 1}) // back to an old version works the same way
	w.run("2026-03-01")
	if a := w.account(id); a.PlanVersion != 1 {
		t.Errorf("on version %d", a.PlanVersion)
	}
}

// A move that no longer fits when the period opens is dropped; a change of plan takes
// it back.
func TestMoveVersionIsDroppedWhenItNoLongerFits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'periods':['1m','3m'],'resources':[{'id':'mailbox','at_signup':'1','prices':{'recurring':'1'}},{'id':'domain','prices':{'recurring':'1'}}]}`)
	w.plan("q", `{'periods':['1m','3m'],'resources':[{'id':'mailbox','prices':{'recurring':'2'}},{'id':'domain'}]}`)
	more, lacks, length, changed := w.signup("more", "p"), w.signup("lacks", "p"), w.signup("length", "p"), w.signup("changed", "p")
	w.plan("p", `{'resources':[{'id':'mailbox','max':'1','prices':{'recurring':'5'}}]}`)
	for _, id := range []billing.AccountID{more, lacks, length, changed} {
		w.do(billing.MoveVersion{Account: id})
	}
	w.set(more, "mailbox", "2")
	w.set(lacks, "domain", "1")
	w.do(billing.ChangePeriod{Account: length, Period: per("3m")})
	w.do(billing.ChangePlan{Account: changed, Plan: "q"})
	w.refused(billing.MoveVersion{Account: more, Version: 2}, billing.ErrOverMax)
	w.refused(billing.MoveVersion{Account: lacks, Version: 2}, billing.ErrNotInPlan)
	w.refused(billing.MoveVersion{Account: length, Version: 2}, billing.ErrUnknownPeriod)
	w.run("2026-02-01")
	for _, id := range []billing.AccountID{more, lacks, length} {
		if a := w.account(id); a.PlanVersion != 1 || a.PendingPlan != "" {
			t.Errorf("%s is on version %d, pending %q", a.Name, a.PlanVersion, a.PendingPlan)
		}
	}
	if a := w.account(changed); a.Plan != "q" || a.PendingPlan != "" {
		t.Errorf("changed is on plan %s, pending %q", a.Plan, a.PendingPlan)
	}
	w.verified()
}

func TestMoveVersionsMovesAllThatFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'mailbox','at_signup':'1','prices':{'recurring':'1'}}]}`)
	w.plan("q", `{'resources':[{'id':'mailbox','at_signup':'1','prices':{'recurring':'1'}}]}`)
	a, b, gone, other := w.signup("a", "p"), w.signup("b", "p"), w.signup("gone", "p"), w.signup("other", "q")
	w.set(b, "mailbox", "2")
	w.do(billing.Close{Account: gone})
	asleep := w.signup("asleep", "p")
	w.do(billing.Suspend{Account: asleep})
	w.plan("p", `{'resources':[{'id':'mailbox','max':'1','prices':{'recurring':'2'}}]}`)
	for _, want := range []int{2, 0} { // again is harmless
		moved, refused, err := w.e.MoveVersions(w.ctx, host, "p", 0)
		w.ok(err)
		if moved != want || len(refused) != 1 || refused[0].Account != b || refused[0].Code() != "over_max" {
			t.Errorf("%d moved, refused: %v", moved, refused)
		}
	}
	w.run("2026-02-01")
	for id, want := range map[billing.AccountID]int{a: 2, b: 1, gone: 1, other: 1, asleep: 1} {
		if got := w.account(id).PlanVersion; got != want {
			t.Errorf("account %d is on version %d, want %d", id, got, want)
		}
	}
	w.at("2026-02-10").do(billing.Resume{Account: asleep}) // its period opens only now
	if got := w.account(asleep).PlanVersion; got != 2 {
		t.Errorf("after its resumption it is on version %d", got)
	}
	w.verified()
}
