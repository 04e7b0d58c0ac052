package billing_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// shop is a world with plans to be refused: p has everything, small is too small, poor
// lacks things, yearly has another period.
func shop(t tb) *world {
	w := newWorld(t)
	w.plan("p", `{'periods':['1m','3m'],'resources':[
		{'id':'account','at_signup':'1','prices':{'recurring':'5'}},{'id':'mailbox','max':'10','prices':{'recurring':'1'}},
		{'id':'slice','prices':{'recurring':'1'}},{'id':'traffic','max':'100','prices':{'recurring':'1','usage':'2'}}]}`)
	w.plan("small", `{'resources':[{'id':'account','prices':{'recurring':'5'}},{'id':'mailbox','max':'1'},{'id':'traffic','max':'1'}]}`)
	w.plan("poor", `{'resources':[{'id':'mailbox','max':'1'}]}`)
	w.plan("yearly", `{'periods':['12m'],'resources':[{'id':'mailbox','max':'1'}]}`)
	w.plan("shut", `{'resources':[{'id':'account'}]}`, func(p *billing.Plan) { p.Open = false })
	w.plan("staff", `{'resources':[{'id':'account'},{'id':'mailbox'},{'id':'traffic'}]}`, func(p *billing.Plan) { p.Access = billing.AccessStaff })
	w.plan("other", `{'resources':[{'id':'account'},{'id':'mailbox'},{'id':'traffic'}]}`, func(p *billing.Plan) { p.Group = "other" })
	w.ok(w.e.PutSeller(w.ctx, billing.Seller{ID: "rival", Currency: iso("EUR")}))
	_, err := w.e.PublishPlan(w.ctx, billing.Plan{Seller: "rival", ID: "theirs", Open: true}, terms(`{'resources':[{'id':'account'}]}`))
	w.ok(err)
	return w
}

// Section 8 of the spec and billing/errors.go: every code, and the order of checks
// where an input breaks several rules.
func TestRefusals(t *testing.T) {
	t.Parallel()
	set := func(id billing.AccountID, r billing.ResourceID, q string) billing.Action {
		return billing.SetQuantity{Account: id, Resource: r, Quantity: dec(q)}
	}
	use := func(id billing.AccountID, r billing.ResourceID, q, key string) billing.Action {
		return billing.RecordUsage{Request: keyed(key), Account: id, Resource: r, Amount: dec(q)}
	}
	up := func(name string, plan billing.PlanID, p string) billing.Action {
		x := billing.Signup{Seller: host, Name: name, Plan: plan}
		if p != "" {
			x.Period = per(p)
		}
		return x
	}
	type step func(*world, billing.AccountID)
	act := func(a func(billing.AccountID) billing.Action) step {
		return func(w *world, id billing.AccountID) { w.do(a(id)) }
	}
	suspended := act(func(id billing.AccountID) billing.Action { return billing.Suspend{Account: id} })
	closed := act(func(id billing.AccountID) billing.Action { return billing.Close{Account: id} })
	mailboxes := act(func(id billing.AccountID) billing.Action { return set(id, "mailbox", "2") })
	customer := by(billing.RoleCustomer)
	for _, c := range []struct {
		name  string
		first step
		act   func(billing.AccountID) billing.Action
		want  error
	}{
		{"signup account_exists before unknown_plan", nil, func(billing.AccountID) billing.Action { return up("a", "none", "7d") }, billing.ErrAccountExists},
		{"signup unknown_plan before unknown_period", nil, func(billing.AccountID) billing.Action { return up("b", "none", "7d") }, billing.ErrUnknownPlan},
		{"signup another seller's plan", nil, func(billing.AccountID) billing.Action { return up("b", "theirs", "") }, billing.ErrUnknownPlan},
		{"signup unknown_period", nil, func(billing.AccountID) billing.Action { return up("b", "shut", "7d") }, billing.ErrUnknownPeriod},
		{"signup plan_not_open", nil, func(billing.AccountID) billing.Action { return up("b", "shut", "1m") }, billing.ErrPlanNotOpen},
		{"signup plan_restricted", nil, func(billing.AccountID) billing.Action {
			return billing.Signup{Request: customer, Seller: host, Name: "b", Plan: "staff"}
		}, billing.ErrPlanRestricted},
		{"signup unknown_seller", nil, func(billing.AccountID) billing.Action { return billing.Signup{Seller: "nobody", Name: "a", Plan: "p"} }, billing.ErrUnknownSeller},
		{"signup day_in_future", nil, func(billing.AccountID) billing.Action {
			return billing.Signup{Request: on("2026-01-02"), Seller: host, Name: "b", Plan: "p"}
		}, billing.ErrDayInFuture},

		{"set unknown_account", nil, func(billing.AccountID) billing.Action { return set(999, "none", "-1") }, billing.ErrUnknownAccount},
		{"set account_closed before not_in_plan", closed, func(id billing.AccountID) billing.Action { return set(id, "none", "-1") }, billing.ErrAccountClosed},
		{"set account_suspended before not_in_plan", suspended, func(id billing.AccountID) billing.Action { return set(id, "none", "-1") }, billing.ErrAccountSuspended},
		{"set not_in_plan before invalid_quantity", nil, func(id billing.AccountID) billing.Action { return set(id, "domain", "-1") }, billing.ErrNotInPlan},
		{"set an undefined resource", nil, func(id billing.AccountID) billing.Action { return set(id, "none", "1") }, billing.ErrNotInPlan},
		{"set negative", nil, func(id billing.AccountID) billing.Action { return set(id, "mailbox", "-1") }, billing.ErrInvalidQuantity},
		{"set invalid_quantity before over_max", nil, func(id billing.AccountID) billing.Action { return set(id, "mailbox", "10.5") }, billing.ErrInvalidQuantity},
		{"set no multiple of the step", nil, func(id billing.AccountID) billing.Action { return set(id, "slice", "1.3") }, billing.ErrInvalidQuantity},
		{"set finer than a monthly step", nil, func(id billing.AccountID) billing.Action { return set(id, "traffic", "1.0000001") }, billing.ErrInvalidQuantity},
		{"set over_max", nil, func(id billing.AccountID) billing.Action { return set(id, "mailbox", "11") }, billing.ErrOverMax},

		{"usage unknown_account", nil, func(billing.AccountID) billing.Action { return use(999, "none", "-1", "k") }, billing.ErrUnknownAccount},
		{"usage account_closed before not_in_plan", closed, func(id billing.AccountID) billing.Action { return use(id, "none", "-1", "") }, billing.ErrAccountClosed},
		{"usage not_in_plan before invalid_quantity", nil, func(id billing.AccountID) billing.Action { return use(id, "disk", "-1", "") }, billing.ErrNotInPlan},
		{"usage not_metered before invalid_quantity", nil, func(id billing.AccountID) billing.Action { return use(id, "mailbox", "-1", "") }, billing.ErrNotMetered},
		{"usage invalid_quantity before key_reused", func(w *world, id billing.AccountID) { w.do(use(id, "traffic", "1", "k")) },
			func(id billing.AccountID) billing.Action { return use(id, "traffic", "-1", "k") }, billing.ErrInvalidQuantity},
		{"usage key_reused", func(w *world, id billing.AccountID) { w.do(use(id, "traffic", "1", "k")) },
			func(id billing.AccountID) billing.Action { return use(id, "traffic", "2", "k") }, billing.ErrKeyReused},

		{"change_plan account_closed", closed, func(id billing.AccountID) billing.Action { return billing.ChangePlan{Account: id, Plan: "none"} }, billing.ErrAccountClosed},
		{"change_plan account_suspended", suspended, func(id billing.AccountID) billing.Action { return billing.ChangePlan{Account: id, Plan: "none"} }, billing.ErrAccountSuspended},
		{"change_plan unknown_plan", nil, func(id billing.AccountID) billing.Action {
			return billing.ChangePlan{Request: customer, Account: id, Plan: "none"}
		}, billing.ErrUnknownPlan},
		{"change_plan to another seller's", nil, func(id billing.AccountID) billing.Action { return billing.ChangePlan{Account: id, Plan: "theirs"} }, billing.ErrUnknownPlan},
		{"change_plan plan_restricted", nil, func(id billing.AccountID) billing.Action {
			return billing.ChangePlan{Request: customer, Account: id, Plan: "staff"}
		}, billing.ErrPlanRestricted},
		{"change_plan plan_group", nil, func(id billing.AccountID) billing.Action {
			return billing.ChangePlan{Request: customer, Account: id, Plan: "other"}
		}, billing.ErrPlanGroup},
		{"change_plan unknown_period before not_in_plan", mailboxes, func(id billing.AccountID) billing.Action { return billing.ChangePlan{Account: id, Plan: "yearly"} }, billing.ErrUnknownPeriod},
		{"change_plan unknown_period of a pending period", act(func(id billing.AccountID) billing.Action { return billing.ChangePeriod{Account: id, Period: per("3m")} }),
			func(id billing.AccountID) billing.Action { return billing.ChangePlan{Account: id, Plan: "small"} }, billing.ErrUnknownPeriod},
		{"change_plan not_in_plan before over_max", mailboxes, func(id billing.AccountID) billing.Action { return billing.ChangePlan{Account: id, Plan: "poor"} }, billing.ErrNotInPlan},
		{"change_plan over_max", mailboxes, func(id billing.AccountID) billing.Action { return billing.ChangePlan{Account: id, Plan: "small"} }, billing.ErrOverMax},

		{"move_version unknown_version", nil, func(id billing.AccountID) billing.Action { return billing.MoveVersion{Account: id, Version: 2} }, billing.ErrUnknownVersion},
		{"move_version negative", nil, func(id billing.AccountID) billing.Action { return billing.MoveVersion{Account: id, Version: -1} }, billing.ErrUnknownVersion},
		{"move_version account_closed", closed, func(id billing.AccountID) billing.Action { return billing.MoveVersion{Account: id} }, billing.ErrAccountClosed},

		{"change_period unknown_period", nil, func(id billing.AccountID) billing.Action {
			return billing.ChangePeriod{Account: id, Period: per("12m")}
		}, billing.ErrUnknownPeriod},
		{"change_period to none", nil, func(id billing.AccountID) billing.Action { return billing.ChangePeriod{Account: id} }, billing.ErrUnknownPeriod},
		{"change_period account_closed", closed, func(id billing.AccountID) billing.Action { return billing.ChangePeriod{Account: id} }, billing.ErrAccountClosed},
		{"cancel account_closed", closed, func(id billing.AccountID) billing.Action { return billing.Cancel{Account: id} }, billing.ErrAccountClosed},
		{"keep account_closed", closed, func(id billing.AccountID) billing.Action { return billing.Keep{Account: id} }, billing.ErrAccountClosed},
		{"suspend account_closed", closed, func(id billing.AccountID) billing.Action { return billing.Suspend{Account: id} }, billing.ErrAccountClosed},
		{"suspend account_suspended", suspended, func(id billing.AccountID) billing.Action { return billing.Suspend{Account: id} }, billing.ErrAccountSuspended},
		{"resume account_closed", closed, func(id billing.AccountID) billing.Action { return billing.Resume{Account: id} }, billing.ErrAccountClosed},
		{"resume not_suspended", nil, func(id billing.AccountID) billing.Action { return billing.Resume{Request: customer, Account: id} }, billing.ErrNotSuspended},
		{"resume may_not_resume", suspended, func(id billing.AccountID) billing.Action { return billing.Resume{Request: customer, Account: id} }, billing.ErrMayNotResume},
		{"convert not_in_trial", nil, func(id billing.AccountID) billing.Action { return billing.Convert{Account: id} }, billing.ErrNotInTrial},
		{"close account_closed", closed, func(id billing.AccountID) billing.Action { return billing.Close{Account: id} }, billing.ErrAccountClosed},
		{"exempt account_closed", closed, func(id billing.AccountID) billing.Action { return billing.Exempt{Account: id, Code: "X"} }, billing.ErrAccountClosed},

		{"pay nothing", nil, func(id billing.AccountID) billing.Action { return billing.Pay{Account: id, Amount: usd("0")} }, billing.ErrInvalidAmount},
		{"pay less than nothing", nil, func(id billing.AccountID) billing.Action { return billing.Pay{Account: id, Amount: usd("-1")} }, billing.ErrInvalidAmount},
		{"pay half a cent", nil, func(id billing.AccountID) billing.Action {
			return billing.Pay{Account: id, Amount: money.FromMinor(1, iso("USD")).Mul(dec("0.5"))}
		}, billing.ErrInvalidAmount},
		{"pay in another currency", nil, func(id billing.AccountID) billing.Action {
			return billing.Pay{Account: id, Amount: money.FromMinor(100, iso("EUR"))}
		}, billing.ErrInvalidAmount},
		{"pay no money at all", nil, func(id billing.AccountID) billing.Action { return billing.Pay{Account: id} }, billing.ErrInvalidAmount},
		{"credit nothing", nil, func(id billing.AccountID) billing.Action { return billing.Credit{Account: id, Amount: usd("0")} }, billing.ErrInvalidAmount},
		{"debit less than nothing", closed, func(id billing.AccountID) billing.Action { return billing.Debit{Account: id, Amount: usd("-0.01")} }, billing.ErrInvalidAmount},
		{"a negative credit limit", nil, func(id billing.AccountID) billing.Action {
			return billing.SetCreditLimit{Account: id, Limit: ref(dec("-1"))}
		}, billing.ErrInvalidAmount},
		{"reverse unknown_entry", nil, func(id billing.AccountID) billing.Action { return billing.Reverse{Account: id, Entry: 99} }, billing.ErrUnknownEntry},
		{"reverse entry 0", nil, func(id billing.AccountID) billing.Action { return billing.Reverse{Account: id} }, billing.ErrUnknownEntry},
		{"reverse a charge", nil, func(id billing.AccountID) billing.Action { return billing.Reverse{Account: id, Entry: 1} }, billing.ErrNotReversible},
		{"day_passed", nil, func(id billing.AccountID) billing.Action {
			return billing.SetQuantity{Request: on("2025-12-31"), Account: id, Resource: "mailbox", Quantity: dec("1")}
		}, billing.ErrDayPassed},
		{"day_in_future", nil, func(id billing.AccountID) billing.Action {
			return billing.Pay{Request: on("2026-01-02"), Account: id, Amount: usd("1")}
		}, billing.ErrDayInFuture},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := shop(t)
			id := w.signup("a", "p")
			if c.first != nil {
				c.first(w, id)
			}
			action := c.act(id)
			r := w.refused(action, c.want)
			code := tierhost.CodeOf(c.want)
			_, err := w.e.Do(w.ctx, action)
			if code == "" || tierhost.CodeOf(err) != code || tierhost.KindOf(err) != tierhost.KindOf(c.want) {
				t.Errorf("%v has the code %q and kind %s, want %q, %s", err, tierhost.CodeOf(err), tierhost.KindOf(err), code, tierhost.KindOf(c.want))
			}
			if errors.Is(c.want, billing.ErrDayInFuture) {
				return
			}
			// Row 40 of peers.md: one line that names account, rule and what to do.
			if r == nil || r.Code() != code || !strings.Contains(r.Error(), "refused: "+code) || r.Action == "" {
				t.Errorf("refusal %+v (%v)", r, r)
			}
		})
	}
}

// "The boundaries that were due before it stay handled."
func TestRefusalsKeepTheBoundariesThatWereDue(t *testing.T) {
	t.Parallel()
	w := shop(t)
	id, twin := w.signup("a", "p"), w.signup("b", "p")
	w.use(id, "traffic", "3")
	w.use(twin, "traffic", "3")
	w.at("2026-03-15")
	_, err := w.e.Do(w.ctx, billing.SetQuantity{Request: keyed("k"), Account: id, Resource: "mailbox", Quantity: dec("11")})
	if !errors.Is(err, billing.ErrOverMax) {
		t.Fatal(err)
	}
	w.run("2026-03-15") // handles the twin's
	if a, b := w.book(id), w.book(twin); strings.Join(a, "\n") != strings.Join(b, "\n") || len(a) != 4 {
		t.Errorf("after a refusal:\n%q\nafter a run:\n%q", a, b)
	}
	if a := w.account(id); a.Next != day("2026-04-01") || a.PeriodFrom != day("2026-03-01") {
		t.Errorf("next %s, period from %s", a.Next, a.PeriodFrom)
	}
	w.verified()
}

func TestMalformedInputIsInvalid(t *testing.T) {
	t.Parallel()
	w := shop(t)
	id := w.signup("a", "p")
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		act         billing.Action
		path, fault string
	}{
		{billing.Signup{Name: "x", Plan: "p"}, "seller", billing.FaultMissing},
		{billing.Signup{Seller: host, Plan: "p"}, "name", billing.FaultMissing},
		{billing.Signup{Seller: host, Name: long, Plan: "p"}, "name", billing.FaultTooLong},
		{billing.Signup{Seller: host, Name: "a\nb", Plan: "p"}, "name", billing.FaultKind},
		{billing.Signup{Seller: host, Name: "\xff", Plan: "p"}, "name", billing.FaultTooLong},
		{billing.Signup{Seller: host, Name: "x", Plan: "p", Exemption: long}, "exemption", billing.FaultTooLong},
		{billing.Signup{Seller: host, Name: "x", Plan: "p", Promotions: []billing.PromotionGrant{{Percent: dec("101"), Kinds: []billing.EntryKind{"setup"}}}}, "promotions[0].percent", billing.FaultPercent},
		{billing.Signup{Seller: host, Name: "x", Plan: "p", Promotions: []billing.PromotionGrant{{}}}, "promotions[0].kinds", billing.FaultMissing},
		{billing.Signup{Seller: host, Name: "x", Plan: "p", Promotions: []billing.PromotionGrant{{Kinds: []billing.EntryKind{"setup", "tax"}}}}, "promotions[0].kinds[1]", billing.FaultKind},
		{billing.Signup{Seller: host, Name: "x", Plan: "p", Promotions: []billing.PromotionGrant{{Kinds: []billing.EntryKind{"setup"}, Periods: -1}}}, "promotions[0].periods", billing.FaultNegative},
		{billing.Cancel{Request: keyed(long), Account: id}, "key", billing.FaultTooLong},
		{billing.Cancel{Request: billing.Request{By: billing.Actor{Name: long}}, Account: id}, "by.name", billing.FaultTooLong},
		{billing.Suspend{Account: id, Reason: "whim"}, "reason", billing.FaultKind},
		{billing.Close{Account: id, Billing: "maybe"}, "billing", billing.FaultKind},
		{billing.SetQuantity{Account: id, Resource: "mailbox", Quantity: dec("1e400")}, "quantity", billing.FaultTooLong},
		{billing.RecordUsage{Account: id, Resource: "traffic", Amount: dec("1e-400")}, "amount", billing.FaultTooLong},
		{billing.SetCreditLimit{Account: id, Limit: ref(dec("1e19"))}, "limit", billing.FaultTooLong},
		{billing.Pay{Account: id, Amount: usd("1"), Reference: "a\x00"}, "reference", billing.FaultTooLong},
		{billing.Exempt{Account: id, Code: long}, "code", billing.FaultTooLong},
	} {
		w.refused(c.act, tierhost.ErrInvalid)
		_, err := w.e.Do(w.ctx, c.act)
		if !hasIssue(err, c.path, c.fault) {
			t.Errorf("%T: got %v, want %s at %s", c.act, err, c.fault, c.path)
		}
	}
	if _, err := w.e.Do(w.ctx, nil); !errors.Is(err, billing.ErrInvalidInput) {
		t.Errorf("no action: %v", err)
	}
	if _, err := w.e.Quote(w.ctx, nil); !errors.Is(err, billing.ErrInvalidInput) {
		t.Errorf("a quote of no action: %v", err)
	}
	if _, err := billing.New(nil, billing.Options{}); !errors.Is(err, tierhost.ErrInvalid) {
		t.Errorf("no store: %v", err)
	}
}

func hasIssue(err error, path, code string) bool {
	inv, ok := errors.AsType[*tierhost.Invalid](err)
	if !ok {
		return false
	}
	for _, is := range inv.Issues {
		if is.Path == path && is.Code == code {
			return true
		}
	}
	return false
}

func TestLookupsOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := shop(t)
	_, e1 := w.e.Account(w.ctx, 9)
	_, e2 := w.e.AccountByName(w.ctx, host, "none")
	_, e3 := w.e.Holdings(w.ctx, 9)
	_, e4 := w.e.Balance(w.ctx, 9, billing.Date{})
	_, e5 := w.e.Statement(w.ctx, 9, day("2026-01-01"), day("2026-01-02"))
	_, e6 := w.e.Unpark(w.ctx, 9, day("2026-01-01"))
	for i, err := range []error{e1, e2, e3, e4, e5, e6} {
		if !errors.Is(err, billing.ErrUnknownAccount) || !errors.Is(err, tierhost.ErrNotFound) {
			t.Errorf("look-up %d: %v", i+1, err)
		}
	}
	_, e1 = w.e.Seller(w.ctx, "none")
	_, e2 = w.e.Plan(w.ctx, host, "none")
	_, e3 = w.e.PlanVersion(w.ctx, host, "none", 0)
	_, e4 = w.e.PlanVersion(w.ctx, host, "p", 2)
	_, e5 = w.e.Explain(w.ctx, billing.EntryID{Account: 1, Seq: 1})
	e6 = w.e.PutPlan(w.ctx, billing.Plan{Seller: host, ID: "none"})
	_, e7 := w.e.PublishPlan(w.ctx, billing.Plan{Seller: "none", ID: "p"}, billing.Terms{})
	for i, c := range []struct{ got, want error }{
		{e1, billing.ErrUnknownSeller}, {e2, billing.ErrUnknownPlan}, {e3, billing.ErrUnknownPlan}, {e4, billing.ErrUnknownVersion},
		{e5, billing.ErrUnknownEntry}, {e6, billing.ErrUnknownPlan}, {e7, billing.ErrUnknownSeller},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("look-up %d: %v", i+1, c.got)
		}
	}
	id := w.signup("x", "p")
	a, err := w.e.AccountByName(w.ctx, host, "x")
	if err != nil || a.ID != id {
		t.Errorf("x is account %d: %v", a.ID, err)
	}
}
