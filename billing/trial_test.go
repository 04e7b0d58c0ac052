package billing_test

import (
	"slices"
	"testing"

	"github.com/tierhost/tierhost/billing"
)

// trialWorld has a plan of one a day and a mailbox at one a day, in months of 31 days.
func trialWorld(t *testing.T, trial string) *world {
	w := newWorld(t)
	w.plan("p", `{'periods':['1m','3m'],'trial':`+trial+`,'resources':[
		{'id':'account','at_signup':'1','prices':{'setup':'2','recurring':'31'}},
		{'id':'mailbox','free':'1','max':'9','prices':{'recurring':'31'}},
		{'id':'traffic','free':'31','prices':{'recurring':'31','usage':'3'}}]}`)
	return w
}

func TestTrialIsUsedUnpaidAndLogged(t *testing.T) {
	t.Parallel()
	w := trialWorld(t, `{'days':14}`)
	res := w.do(billing.Signup{Seller: host, Name: "a", Plan: "p"})
	w.made(res.Entries)
	a := res.Account
	if a.Status != billing.Active || a.TrialEnds != day("2026-01-15") || a.Next != a.TrialEnds || !a.Activated.IsZero() || a.PeriodSeq != 0 {
		t.Errorf("%+v", a)
	}
	w.made(w.set(a.ID, "mailbox", "3").Entries)
	h := must(w.e.Holdings(w.ctx, a.ID))
	if len(h) != 2 || !h[0].TrialUse.Equal(dec("14")) || !h[1].TrialUse.Equal(dec("28")) {
		t.Errorf("logged: %+v", h)
	}
	if ev := w.events(); !slices.Contains(ev, billing.EventData(billing.AccountOpened{Account: a.ID, Plan: "p", On: day("2026-01-01"), Trial: true})) {
		t.Errorf("events %+v", ev)
	}
	w.wantBalance(a.ID, "0.00")
}

// Converted early, at the end by itself, and long after it expired.
func TestConvertingATrial(t *testing.T) {
	t.Parallel()
	opening := func(on, end string) []string {
		return []string{on + " setup account 1 " + on + "/" + on + " 2.00", on + " recurring account 1 " + on + "/" + end + " 31.00"}
	}
	for _, c := range []struct {
		name, trial, on string
		auto            bool
		want            []string
	}{
		{"early", `{'days':14}`, "2026-01-11", false, append([]string{"2026-01-11 recurring account 1 2026-01-01/2026-01-11 10.00"}, opening("2026-01-11", "2026-02-11")...)},
		{"on the first day", `{'days':14}`, "2026-01-01", false, opening("2026-01-01", "2026-02-01")},
		{"at its end by itself", `{'days':14,'convert':true}`, "2026-01-15", true, append([]string{"2026-01-15 recurring account 1 2026-01-01/2026-01-15 14.00"}, opening("2026-01-15", "2026-02-15")...)},
		{"on its last day by hand", `{'days':14}`, "2026-01-15", false, append([]string{"2026-01-15 recurring account 1 2026-01-01/2026-01-15 14.00"}, opening("2026-01-15", "2026-02-15")...)},
		{"after it expired", `{'days':14}`, "2026-01-31", false, append([]string{"2026-01-31 recurring account 1 2026-01-01/2026-01-15 14.00"}, opening("2026-01-31", "2026-02-28")...)},
		{"free, early", `{'days':14,'free':true}`, "2026-01-11", false, opening("2026-01-11", "2026-02-11")},
		{"free, by itself", `{'days':14,'free':true,'convert':true}`, "2026-01-15", true, opening("2026-01-15", "2026-02-15")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := trialWorld(t, c.trial)
			id := w.signup("a", "p")
			w.run(c.on)
			if !c.auto {
				w.do(billing.Convert{Account: id})
			}
			w.made(w.entries(id), c.want...)
			a := w.account(id)
			if a.Status != billing.Active || a.Anchor != day(c.on) || a.Activated != day(c.on) || !a.TrialEnds.IsZero() || a.SignedUp != day("2026-01-01") {
				t.Errorf("%+v", a)
			}
			w.refused(billing.Convert{Account: id}, billing.ErrNotInTrial)
			w.run("2026-03-31")
			w.verified()
		})
	}
}

// Unconverted, an account is suspended when its trial ends; it waits, makes nothing,
// and may be resumed (which converts it) by whom the table of resuming names.
func TestTrialEndsSuspended(t *testing.T) {
	t.Parallel()
	w := trialWorld(t, `{'days':14}`)
	id := w.signup("a", "p")
	if r := w.run("2026-01-14"); r.Accounts != 0 {
		t.Errorf("a run within the trial: %+v", r)
	}
	w.run("2026-01-15")
	a := w.account(id)
	if a.Status != billing.Suspended || a.Suspension.Reason != billing.ReasonTrial || a.Suspension.By.Role != billing.RoleTrial || !a.Next.IsZero() {
		t.Errorf("%s for %+v, next %s", a.Status, a.Suspension, a.Next)
	}
	if r := w.run("2026-06-15"); r.Accounts != 0 {
		t.Errorf("it is due again: %+v", r)
	}
	w.refused(billing.Resume{Request: by(billing.RoleCustomer), Account: id}, billing.ErrMayNotResume)
	w.refused(billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: dec("1")}, billing.ErrAccountSuspended)
	w.made(w.at("2026-06-20").do(billing.Resume{Request: by(billing.RoleTrial), Account: id}).Entries,
		"2026-06-20 recurring account 1 2026-01-01/2026-01-15 14.00",
		"2026-06-20 setup account 1 2026-06-20/2026-06-20 2.00",
		"2026-06-20 recurring account 1 2026-06-20/2026-07-20 31.00")
	w.verified()
}

// Who was suspended for something else within the trial stays so when it ends: the
// table of hsphere.md section 2.9 holds for trials too.
func TestTrialEndKeepsTheReasonOfASuspension(t *testing.T) {
	t.Parallel()
	for _, reason := range reasons {
		w := trialWorld(t, `{'days':14}`)
		id := w.signup("a", "p")
		w.at("2026-01-05").do(billing.Suspend{Account: id, Reason: reason})
		if reason != billing.ReasonTrial {
			w.refused(billing.Convert{Account: id}, billing.ErrAccountSuspended)
		}
		w.run("2026-01-15")
		w.run("2026-02-20")
		a := w.account(id)
		if a.Status != billing.Suspended || a.Suspension.Reason != reason || !a.Next.IsZero() {
			t.Errorf("suspended for %s it is %s for %s, next %s", reason, a.Status, a.Suspension.Reason, a.Next)
		}
		for _, role := range roles {
			x := billing.Resume{Request: by(role), Account: id}
			if !billing.MayResume(role, reason) {
				w.refused(x, billing.ErrMayNotResume)
			} else if q, err := w.e.Quote(w.ctx, x); err != nil || len(q.Entries) != 3 {
				t.Errorf("%s resumes %s: %q, %v", role, reason, lines(q.Entries), err)
			}
		}
		if reason != billing.ReasonTrial {
			w.refused(billing.Convert{Account: id}, billing.ErrAccountSuspended)
		}
	}
}

func TestResumedWithinATrialItGoesOn(t *testing.T) {
	t.Parallel()
	w := trialWorld(t, `{'days':14,'convert':true}`)
	id := w.signup("a", "p")
	w.at("2026-01-05").do(billing.Suspend{Account: id})
	w.made(w.at("2026-01-08").do(billing.Resume{Account: id}).Entries)
	if a := w.account(id); a.Status != billing.Active || a.TrialEnds != day("2026-01-15") {
		t.Errorf("%s, the trial ends %s", a.Status, a.TrialEnds)
	}
	w.run("2026-01-15")
	if got := w.book(id)[0]; got != "2026-01-15 recurring account 1 2026-01-01/2026-01-15 14.00" {
		t.Errorf("%s", got)
	}
}

// What is held in a trial is paid for by unit and day, above the free units.
func TestQuantitiesWithinATrial(t *testing.T) {
	t.Parallel()
	w := trialWorld(t, `{'days':14}`)
	id := w.signup("a", "p")
	w.at("2026-01-03").set(id, "mailbox", "3") // 2 above the free one, for 2 days
	w.at("2026-01-05").set(id, "mailbox", "2") // 1 for 6 days
	w.set(id, "traffic", "33")                 // 2 for 6 days
	w.refused(billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: dec("10")}, billing.ErrOverMax)
	w.at("2026-01-11")
	w.made(w.do(billing.Convert{Account: id}).Entries,
		"2026-01-11 recurring account 1 2026-01-01/2026-01-11 10.00",
		"2026-01-11 recurring mailbox 1 2026-01-01/2026-01-11 10.00",
		"2026-01-11 recurring traffic 1.2 2026-01-01/2026-01-11 12.00",
		"2026-01-11 setup account 1 2026-01-11/2026-01-11 2.00",
		"2026-01-11 recurring account 1 2026-01-11/2026-02-11 31.00",
		"2026-01-11 recurring mailbox 1 2026-01-11/2026-02-11 31.00",
		"2026-01-11 recurring traffic 2 2026-01-11/2026-02-11 62.00")
	w.verified()
}

// The use of a trial is measured as of the month that it stands in for: 10 of 31 days
// of the free units.
func TestUsageWithinATrial(t *testing.T) {
	t.Parallel()
	for free, want := range map[string][]string{
		"false": {"2026-01-11 usage traffic 15 2026-01-01/2026-01-11 45.00", "2026-01-11 recurring account 1 2026-01-01/2026-01-11 10.00"},
		"true":  nil,
	} {
		w := trialWorld(t, `{'days':14,'free':`+free+`}`)
		id := w.signup("a", "p")
		w.use(id, "traffic", "20")
		w.at("2026-01-09").use(id, "traffic", "5")
		w.at("2026-01-11").use(id, "traffic", "40") // of the day of conversion: in the first month
		w.made(w.do(billing.Convert{Account: id}).Entries, append(want,
			"2026-01-11 setup account 1 2026-01-11/2026-01-11 2.00", "2026-01-11 recurring account 1 2026-01-11/2026-02-11 31.00")...)
		n := len(w.entries(id))
		w.run("2026-02-11")
		w.made(w.entries(id)[n:], "2026-02-11 usage traffic 9 2026-01-11/2026-02-11 27.00", "2026-02-11 recurring account 1 2026-02-11/2026-03-11 31.00")
		w.verified()
	}
}

func TestChangesWithinATrial(t *testing.T) {
	t.Parallel()
	w := trialWorld(t, `{'days':14}`)
	w.plan("q", `{'periods':['1m','3m'],'resources':[{'id':'account','prices':{'recurring':'62'}},{'id':'mailbox','free':'5','prices':{'recurring':'31'}},{'id':'domain','at_signup':'1','prices':{'recurring':'31'}}]}`)
	id := w.signup("a", "p")
	w.set(id, "mailbox", "3")
	w.made(w.at("2026-01-06").do(billing.ChangePlan{Account: id, Plan: "q"}).Entries)
	a := w.account(id)
	if a.Plan != "q" || a.TrialEnds != day("2026-01-15") || a.Status != billing.Active {
		t.Errorf("on %s, trial to %s", a.Plan, a.TrialEnds)
	}
	w.do(billing.ChangePeriod{Account: id, Period: per("3m")})
	got := w.at("2026-01-11").do(billing.Convert{Account: id}).Entries
	if n := len(got); n < 2 || line(got[n-1]) != "2026-01-11 recurring domain 1 2026-01-11/2026-04-11 93.00" || line(got[n-2]) != "2026-01-11 recurring account 1 2026-01-11/2026-04-11 186.00" {
		t.Errorf("converted on another plan and period: %q", lines(got))
	}
	for _, e := range got {
		if e.Amount.Sign() < 0 {
			t.Errorf("%s", line(e))
		}
	}
	if a := w.account(id); a.Period != per("3m") || a.PeriodTo != day("2026-04-11") {
		t.Errorf("period %s to %s", a.Period, a.PeriodTo)
	}
	w.verified()
}

// A trial that is closed or cancelled costs nothing, whatever was used.
func TestClosingATrial(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(billing.AccountID) billing.Action{
		"cancel": func(id billing.AccountID) billing.Action { return billing.Cancel{Account: id} },
		"accrue": func(id billing.AccountID) billing.Action { return billing.Close{Account: id} },
		"no billing": func(id billing.AccountID) billing.Action {
			return billing.Close{Account: id, Billing: billing.CloseNoBilling}
		},
		"collect": func(id billing.AccountID) billing.Action {
			return billing.Close{Account: id, Billing: billing.CloseCollect}
		},
		"collect only": func(id billing.AccountID) billing.Action {
			return billing.Close{Account: id, Billing: billing.CloseCollectOnly}
		},
	} {
		for _, on := range []string{"2026-01-10", "2026-01-20"} { // within, and after it ended
			w := trialWorld(t, `{'days':14}`)
			id := w.signup("a", "p")
			w.set(id, "mailbox", "5")
			w.use(id, "traffic", "500")
			res := w.at(on).do(act(id))
			w.made(w.entries(id))
			if a := res.Account; a.Status != billing.Closed || a.Closed != day(on) || !a.Next.IsZero() || !res.Collect.IsZero() {
				t.Errorf("%s on %s: %s on %s, next %s, collect %s", name, on, a.Status, a.Closed, a.Next, res.Collect)
			}
			w.run("2026-03-01")
			w.verified()
		}
	}
}

func TestSkippingTheTrial(t *testing.T) {
	t.Parallel()
	w := trialWorld(t, `{'days':14}`)
	id := w.signup("a", "p", func(x *billing.Signup) { x.SkipTrial = true })
	w.made(w.entries(id), "2026-01-01 setup account 1 2026-01-01/2026-01-01 2.00", "2026-01-01 recurring account 1 2026-01-01/2026-02-01 31.00")
	if a := w.account(id); !a.TrialEnds.IsZero() || a.Activated != day("2026-01-01") {
		t.Errorf("%+v", a)
	}
}
