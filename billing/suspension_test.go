package billing_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tierhost/tierhost/billing"
)

var (
	roles = []billing.Role{billing.RoleHost, billing.RoleSeller, billing.RoleCustomer, billing.RoleOverlimit, billing.RoleSuspend, billing.RoleTrial}
	// reasons in the order of the columns of hsphere.md section 2.9
	reasons = []billing.Reason{billing.ReasonHost, billing.ReasonSeller, billing.ReasonOverlimit, billing.ReasonReseller,
		billing.ReasonDebt, billing.ReasonTrial, billing.ReasonMoneyBack, billing.ReasonExemption}
)

// The table of hsphere.md section 2.9, the truncated rows as the issue decides them.
func TestWhoMayResume(t *testing.T) {
	t.Parallel()
	table := map[billing.Role]string{
		billing.RoleHost:      "yyyyyyny",
		billing.RoleSeller:    "nyyyyyny",
		billing.RoleCustomer:  "nnnnnnnn",
		billing.RoleOverlimit: "nnnnnnnn",
		billing.RoleSuspend:   "nnnyynnn",
		billing.RoleTrial:     "nnnnnynn",
	}
	for role, row := range table {
		for i, reason := range reasons {
			t.Run(fmt.Sprintf("%s %s", role, reason), func(t *testing.T) {
				t.Parallel()
				may := row[i] == 'y'
				if got := billing.MayResume(role, reason); got != may {
					t.Errorf("MayResume says %t", got)
				}
				w := newWorld(t)
				w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}}]}`)
				id := w.signup("a", "p")
				w.do(billing.Suspend{Account: id, Reason: reason})
				if !may {
					w.refused(billing.Resume{Request: by(role), Account: id}, billing.ErrMayNotResume)
					return
				}
				w.do(billing.Resume{Request: by(role), Account: id})
				if a := w.account(id); a.Status != billing.Active || a.Suspension != (billing.Suspension{}) {
					t.Errorf("it is %s for %q", a.Status, a.Suspension.Reason)
				}
			})
		}
	}
}

func TestSuspensionRecordsWhoAndWhy(t *testing.T) {
	t.Parallel()
	for role, want := range map[billing.Role]billing.Reason{
		billing.RoleHost: billing.ReasonHost, billing.RoleSeller: billing.ReasonSeller, billing.RoleOverlimit: billing.ReasonOverlimit,
		billing.RoleSuspend: billing.ReasonDebt, billing.RoleTrial: billing.ReasonTrial,
	} {
		w := newWorld(t)
		w.plan("p", `{'resources':[{'id':'account','at_signup':'1'}]}`)
		id := w.signup("a", "p")
		who := billing.Actor{Role: role, Name: "jo"}
		w.at("2026-01-05").do(billing.Suspend{Request: billing.Request{By: who}, Account: id, Note: "n"})
		if a := w.account(id); a.Status != billing.Suspended || a.Suspension != (billing.Suspension{Reason: want, By: who, On: day("2026-01-05"), Note: "n"}) {
			t.Errorf("%q suspended it for %+v, want %s", role, a.Suspension, want)
		}
		if ev := w.events(); !slices.Contains(ev, billing.EventData(billing.AccountSuspended{Account: id, Reason: want, On: day("2026-01-05")})) {
			t.Errorf("events %+v", ev)
		}
	}
}

// Row 39: suspended and resumed k times within a period, an account owes what it owed.
func TestSuspendAndResumeWithinAPeriodMakesNoEntries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'periods':['12m'],'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'5'}},{'id':'traffic','at_signup':'2','prices':{'recurring':'1','usage':'2'}}]}`)
	id, twin := w.signup("a", "p"), w.signup("b", "p")
	for k := range 20 {
		w.at(fmt.Sprintf("2026-01-%02d", k+2))
		w.made(w.do(billing.Suspend{Account: id}).Entries)
		w.made(w.do(billing.Resume{Account: id}).Entries)
		if k%5 == 0 {
			w.do(billing.Suspend{Account: id})
			w.at(fmt.Sprintf("2026-01-%02d", k+3)).do(billing.Resume{Account: id})
		}
	}
	w.run("2026-12-31")
	w.run("2027-02-01")
	if a, b := w.book(id), w.book(twin); !slices.Equal(a, b) {
		t.Errorf("suspended:\n%q\nnot:\n%q", a, b)
	}
	w.verified()
}

// Months go on while suspended: usage is charged at their ends, what opens meanwhile is
// not; the resumption pays the rest of the running month.
func TestSuspendedOverAMonthOfALongPeriod(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'periods':['3m'],'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'5'}},{'id':'traffic','free':'1','at_signup':'32','prices':{'recurring':'1','usage':'2'}}]}`)
	id := w.signup("a", "p")
	w.at("2026-01-20").do(billing.Suspend{Account: id})
	w.use(id, "traffic", "40")
	w.run("2026-02-01")
	w.at("2026-02-10").use(id, "traffic", "5") // only the free unit counts
	w.run("2026-03-01")
	w.made(w.at("2026-03-11").do(billing.Resume{Account: id}).Entries, "2026-03-11 recurring traffic 31 2026-03-11/2026-04-01 21.00") // 21 of 31 days
	w.made(w.entries(id)[2:4],
		"2026-02-01 usage traffic 8 2026-01-01/2026-02-01 16.00",
		"2026-03-01 usage traffic 4 2026-02-01/2026-03-01 8.00")
	if a := w.account(id); a.PeriodTo != day("2026-04-01") || a.Anchor != day("2026-01-01") || a.Lapsed {
		t.Errorf("the period ends %s, anchor %s, lapsed %t", a.PeriodTo, a.Anchor, a.Lapsed)
	}
	w.verified()
}

// At its period's end a suspended account lapses; resumed, it opens a new period with
// a new anchor, charged whole.
func TestLapsedAccountsOpenAnewWhenResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'setup':'3','recurring':'5'}},{'id':'traffic','at_signup':'2','prices':{'recurring':'1','usage':'2'}}]}`)
	id := w.at("2026-01-31").signup("a", "p")
	w.at("2026-02-10").do(billing.Suspend{Account: id})
	w.run("2026-02-28")
	if a := w.account(id); !a.Lapsed || a.MonthTo != day("2026-03-31") || a.PeriodTo != day("2026-02-28") {
		t.Errorf("lapsed %t, month to %s, period to %s", a.Lapsed, a.MonthTo, a.PeriodTo)
	}
	w.at("2026-03-05").use(id, "traffic", "4")
	w.run("2026-03-31")
	w.at("2026-04-10").use(id, "traffic", "1")
	w.made(w.entries(id)[3:], "2026-03-31 usage traffic 4 2026-02-28/2026-03-31 8.00")
	w.made(w.at("2026-04-15").do(billing.Resume{Account: id}).Entries,
		"2026-04-15 usage traffic 1 2026-03-31/2026-04-15 2.00",
		"2026-04-15 recurring account 1 2026-04-15/2026-05-15 5.00",
		"2026-04-15 recurring traffic 2 2026-04-15/2026-05-15 2.00")
	a := w.account(id)
	if a.Lapsed || a.Anchor != day("2026-04-15") || a.PeriodTo != day("2026-05-15") || a.Next != day("2026-05-15") {
		t.Errorf("lapsed %t, anchor %s, period to %s, next %s", a.Lapsed, a.Anchor, a.PeriodTo, a.Next)
	}
	// On the very day of the resumption everything can be given back whole.
	w.made(w.set(id, "account", "0").Entries, "2026-04-15 refund account 1 2026-04-15/2026-05-15 -5.00")
	w.verified()
}

func TestLapsedAccountsCloseAtOnce(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(billing.AccountID) billing.Action{
		"close":  func(id billing.AccountID) billing.Action { return billing.Close{Account: id} },
		"cancel": func(id billing.AccountID) billing.Action { return billing.Cancel{Account: id} },
	} {
		w := newWorld(t)
		w.plan("p", `{'money_back_days':365,'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'5'}},{'id':'traffic','prices':{'usage':'2'}}]}`)
		id := w.signup("a", "p")
		w.do(billing.Suspend{Account: id})
		w.run("2026-02-01")
		w.at("2026-02-10").use(id, "traffic", "1")
		w.made(w.do(act(id)).Entries, "2026-02-10 usage traffic 1 2026-02-01/2026-02-10 2.00") // no money back when lapsed
		if a := w.account(id); a.Status != billing.Closed || a.Closed != day("2026-02-10") || !a.Next.IsZero() {
			t.Errorf("%s: %s on %s, next %s", name, a.Status, a.Closed, a.Next)
		}
		w.verified()
	}
}
