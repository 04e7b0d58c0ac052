package billing_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tierhost/tierhost/billing"
)

// The four options of hsphere.md section 2.9, with and without a credit limit.
func TestClosing(t *testing.T) {
	t.Parallel()
	// 30.00 prepaid for 30 days, closed after 12: 18 back, 4 of usage at 2: 8. In debt
	// by 30 before, by 20 after.
	for _, c := range []struct {
		how     billing.CloseBilling
		limit   string // of the account; "": the plan's, 25
		paid    string
		entries int
		balance string
		collect string
	}{
		{billing.CloseAccrue, "", "", 3, "-20.00", ""},
		{billing.CloseNoBilling, "", "", 1, "-30.00", ""},
		{billing.CloseCollect, "", "", 3, "-20.00", ""},             // 20 has not reached 25
		{billing.CloseCollect, "20", "", 3, "-20.00", "20.00"},      // reached
		{billing.CloseCollect, "20.01", "", 3, "-20.00", ""},        //
		{billing.CloseCollect, "0", "", 3, "-20.00", "20.00"},       //
		{billing.CloseCollect, "0", "20.00", 4, "0.00", ""},         // no debt
		{billing.CloseCollect, "0", "25.00", 4, "5.00", ""},         // nor that
		{billing.CloseCollectOnly, "", "", 1, "-30.00", "30.00"},    // whatever the limit
		{billing.CloseCollectOnly, "100", "", 1, "-30.00", "30.00"}, //
		{billing.CloseCollectOnly, "0", "30.00", 2, "0.00", ""},
	} {
		t.Run(fmt.Sprintf("%s limit %s paid %s", c.how, c.limit, c.paid), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.plan("p", `{'credit_limit':'25','resources':[{'id':'account','at_signup':'1','prices':{'recurring':'30'}},{'id':'traffic','prices':{'usage':'2'}}]}`)
			id := w.at("2026-04-01").signup("a", "p")
			w.use(id, "traffic", "4")
			if c.limit != "" {
				w.do(billing.SetCreditLimit{Account: id, Limit: ref(dec(c.limit))})
			}
			if c.paid != "" {
				w.do(billing.Pay{Account: id, Amount: usd(c.paid)})
			}
			w.events()
			x := billing.Close{Account: id, Billing: c.how}
			res := w.at("2026-04-13").do(x)
			if got := w.entries(id); len(got) != c.entries {
				t.Errorf("entries %q", lines(got))
			}
			if c.entries >= 3 {
				w.made(res.Entries, "2026-04-13 refund account 1 2026-04-13/2026-05-01 -18.00", "2026-04-13 usage traffic 4 2026-04-01/2026-04-13 8.00")
			}
			w.wantBalance(id, c.balance)
			ev := w.events()
			asked := slices.ContainsFunc(ev, func(e billing.EventData) bool { _, ok := e.(billing.CollectionRequested); return ok })
			if c.collect == "" && (asked || !res.Collect.IsZero()) {
				t.Errorf("collects %s, events %+v", res.Collect, ev)
			}
			if c.collect != "" {
				want := billing.CollectionRequested{Account: id, Amount: usd(c.collect), On: day("2026-04-13")}
				if !res.Collect.Equal(want.Amount) || !slices.ContainsFunc(ev, func(e billing.EventData) bool {
					x, ok := e.(billing.CollectionRequested)
					return ok && x.Account == id && x.On == want.On && x.Amount.Equal(want.Amount)
				}) {
					t.Errorf("collects %s, events %+v", res.Collect, ev)
				}
			}
			if !slices.Contains(ev, billing.EventData(billing.AccountClosed{Account: id, On: day("2026-04-13")})) {
				t.Errorf("events %+v", ev)
			}
			a := w.account(id)
			if a.Status != billing.Closed || a.Closed != day("2026-04-13") || !a.Next.IsZero() {
				t.Errorf("%s on %s, next %s", a.Status, a.Closed, a.Next)
			}
			for _, h := range must(w.e.Holdings(w.ctx, id)) {
				if !h.Quantity.IsZero() || !h.Paid.IsZero() {
					t.Errorf("it still holds %s of %s", h.Quantity, h.Resource)
				}
			}
			w.run("2026-08-01")
			w.refused(x, billing.ErrAccountClosed)
			w.verified()
		})
	}
}

// The debt that is collected counts the closing document's taxes.
func TestClosingCollectsWithTaxes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, taxed("VAT 50"))
	w.plan("p", `{'resources':[{'id':'traffic','prices':{'usage':'2'}}]}`)
	id := w.signup("a", "p")
	w.use(id, "traffic", "10")
	res := w.do(billing.Close{Account: id, Billing: billing.CloseCollect})
	if res.Collect.Digits() != "30.00" || len(res.Documents) != 1 || res.Documents[0].Total.Digits() != "30.00" {
		t.Errorf("collects %s, documents %+v", res.Collect, res.Documents)
	}
}

// The money-back window is the smallest of the plans the account has had, in days
// since the signup, and gives back recurring charges of period resources only.
func TestMoneyBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, on string
		act      func(*world, billing.AccountID)
		back     bool
	}{
		{"on its last day", "2026-01-30", nil, true},
		{"a day later", "2026-01-31", nil, false},
		{"through a plan with a shorter one", "2026-01-10", func(w *world, id billing.AccountID) {
			w.do(billing.ChangePlan{Account: id, Plan: "short"})
			w.do(billing.ChangePlan{Account: id, Plan: "p"})
		}, false},
		{"which has not run out", "2026-01-05", func(w *world, id billing.AccountID) {
			w.do(billing.ChangePlan{Account: id, Plan: "short"})
			w.do(billing.ChangePlan{Account: id, Plan: "p"})
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for plan, days := range map[billing.PlanID]string{"p": "30", "short": "5", "none": "0"} {
				w.plan(plan, `{'periods':['3m'],'refund_percent':'0','money_back_days':`+days+`,'resources':[
					{'id':'account','at_signup':'1','prices':{'setup':'7','recurring':'10'}},{'id':'mailbox','prices':{'recurring':'1'}},{'id':'traffic','at_signup':'1','prices':{'recurring':'2'}}]}`)
			}
			id := w.signup("a", "p")
			w.set(id, "mailbox", "2")
			w.set(id, "mailbox", "0") // nothing of it is given back, until the money-back
			if c.act != nil {
				c.act(w, id)
			}
			got := w.at(c.on).do(billing.Close{Account: id}).Entries
			if !c.back {
				w.made(got)
				return
			}
			sum := w.money("0")
			for _, e := range got {
				if e.Kind != billing.EntryRefund || e.Resource == "traffic" {
					t.Errorf("%s", line(e))
				}
				sum = must(sum.Add(e.Amount))
			}
			if sum.Digits() != "-36.00" { // 3 x 10 and 2 x 3 x 1
				t.Errorf("gives back %q", lines(got))
			}
			w.wantBalance(id, "-9.00") // setup and traffic stay
			w.verified()
		})
	}
}

func TestCancelClosesWhenThePaidPeriodEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'periods':['3m'],'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'traffic','at_signup':'1','prices':{'recurring':'1','usage':'1'}}]}`)
	id, kept := w.signup("a", "p"), w.signup("b", "p")
	for _, x := range []billing.AccountID{id, kept} {
		w.made(w.at("2026-01-15").do(billing.Cancel{Account: x}).Entries)
		w.do(billing.Cancel{Account: x}) // again changes nothing
	}
	w.do(billing.Keep{Account: kept})
	w.at("2026-03-20").use(id, "traffic", "4")
	w.run("2026-04-01")
	got := w.entries(id)
	w.made(got[4:], "2026-04-01 usage traffic 3 2026-03-01/2026-04-01 3.00")
	if a := w.account(id); a.Status != billing.Closed || a.Closed != day("2026-04-01") {
		t.Errorf("%s on %s", a.Status, a.Closed)
	}
	if a := w.account(kept); a.Status != billing.Active || a.PeriodFrom != day("2026-04-01") {
		t.Errorf("the one that was kept is %s, period from %s", a.Status, a.PeriodFrom)
	}
	w.verified()
}
