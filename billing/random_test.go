package billing_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/memory"
)

// readOnly calls fn and asserts that it writes nothing.
func (w *world) readOnly(fn func()) {
	w.t.Helper()
	store, ok := w.store.(*bent)
	if !ok {
		w.t.Fatalf("no store that can tell")
	}
	store.write = func(b *billing.Batch) error {
		w.t.Errorf("wrote %+v", b)
		return nil
	}
	fn()
	store.write = nil
}

// randomWorld has plans in which everything occurs that the engine knows.
func randomWorld(t tb, set ...func(*billing.Seller, *billing.Options)) *world {
	w := newWorldOn(t, &bent{Store: memory.New()}, append(set, taxed("VAT 19", "city 1.5"))...)
	const periods = `'periods':['1m','3m','12m','7d'],'discounts':{'3m':{'recurring':'10','usage':'5'},'12m':{'setup':'50','recurring':'20'}},`
	const week = `'period_prices':{'7d':{'setup':'1','recurring':'0.33','usage':'0.05','free':'1'}}`
	w.plan("a", `{`+periods+`'refund_percent':'70','money_back_days':20,'credit_limit':'30','resources':[
		{'id':'account','at_signup':'1','prices':{'setup':'5','recurring':'4.99'},`+week+`},
		{'id':'mailbox','free':'2','at_signup':'3','max':'50','prices':{'setup':'0.10','recurring':'0.337'},`+week+`},
		{'id':'traffic','free':'10','at_signup':'12','prices':{'setup':'0.01','recurring':'0.11','usage':'0.17'},`+week+`},
		{'id':'disk','prices':{'recurring':'0.5','usage':'0.9'},`+week+`}]}`)
	w.plan("b", `{`+periods+`'refund_percent':'30','money_back_days':5,'trial':{'days':10,'convert':true},'resources':[
		{'id':'account','at_signup':'1','prices':{'setup':'9','recurring':'9.99'},`+week+`},
		{'id':'mailbox','free':'5','max':'80','prices':{'setup':'0.05','recurring':'0.25'},`+week+`},
		{'id':'traffic','free':'30','prices':{'recurring':'0.07','usage':'0.2'},`+week+`},
		{'id':'domain','at_signup':'1','prices':{'setup':'2','recurring':'1'},`+week+`},
		{'id':'disk_avg','free':'1','prices':{'recurring':'0.4','usage':'0.7'},`+week+`},{'id':'disk'}]}`)
	w.plan("c", `{'periods':['1m','3m'],'refund_percent':'0','trial':{'days':14},'resources':[
		{'id':'account','at_signup':'1','prices':{'recurring':'1'}},{'id':'mailbox','max':'9'},{'id':'traffic','prices':{'recurring':'0.3','usage':'0.3'}}]}`)
	w.plan("a", `{`+periods+`'refund_percent':'80','money_back_days':10,'resources':[
		{'id':'account','at_signup':'1','prices':{'setup':'6','recurring':'5.49'},`+week+`},
		{'id':'mailbox','free':'1','max':'40','prices':{'setup':'0.20','recurring':'0.35'},`+week+`},
		{'id':'domain','at_signup':'2','prices':{'setup':'3','recurring':'1.5'},`+week+`},
		{'id':'traffic','free':'10','at_signup':'12','prices':{'recurring':'0.12','usage':'0.19'},`+week+`},
		{'id':'disk','free':'1','prices':{'recurring':'0.6','usage':'0.8'},`+week+`},{'id':'disk_avg'}]}`)
	return w
}

// randomSignup draws a signup.
func randomSignup(t *rapid.T, name string) billing.Signup {
	x := billing.Signup{Seller: host, Name: name, Plan: rapid.SampledFrom([]billing.PlanID{"a", "b", "c"}).Draw(t, "plan"),
		Period: per(rapid.SampledFrom([]string{"1m", "3m", "12m", "7d"}).Draw(t, "period")), SkipTrial: rapid.Bool().Draw(t, "skip")}
	if x.Plan == "c" {
		x.Period = per("1m")
	}
	for range rapid.IntRange(0, 2).Draw(t, "promotions") {
		x.Promotions = append(x.Promotions, billing.PromotionGrant{Percent: dec(rapid.SampledFrom([]string{"10", "33.3", "60"}).Draw(t, "percent")),
			Kinds: []billing.EntryKind{"recurring", "usage", "setup"}[:rapid.IntRange(1, 3).Draw(t, "kinds")], Periods: rapid.IntRange(0, 3).Draw(t, "periods")})
	}
	return x
}

// randomAction draws an action on an account; many of them will be refused.
func randomAction(t *rapid.T, w *world, id billing.AccountID) billing.Action {
	resource := func() billing.ResourceID {
		return rapid.SampledFrom([]billing.ResourceID{"account", "mailbox", "mailbox", "traffic", "traffic", "disk", "disk_avg", "domain"}).Draw(t, "resource")
	}
	amount := func() string {
		return fmt.Sprintf("%d.%02d", rapid.IntRange(0, 60).Draw(t, "units"), rapid.IntRange(0, 99).Draw(t, "cents"))
	}
	switch rapid.IntRange(0, 22).Draw(t, "action") {
	case 0, 1, 2, 3, 4, 5:
		return billing.SetQuantity{Account: id, Resource: resource(), Quantity: dec(fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "quantity")))}
	case 6, 7, 8, 9:
		return billing.RecordUsage{Account: id, Resource: resource(), Amount: dec(amount())}
	case 10, 11:
		return billing.ChangePlan{Account: id, Plan: rapid.SampledFrom([]billing.PlanID{"a", "b", "c"}).Draw(t, "plan")}
	case 12:
		return billing.ChangePeriod{Account: id, Period: per(rapid.SampledFrom([]string{"1m", "3m", "12m", "7d"}).Draw(t, "period"))}
	case 13:
		return billing.MoveVersion{Account: id, Version: rapid.IntRange(0, 2).Draw(t, "version")}
	case 14:
		return billing.Suspend{Account: id, Reason: rapid.SampledFrom([]billing.Reason{"", billing.ReasonDebt}).Draw(t, "reason")}
	case 15, 16:
		return billing.Resume{Account: id}
	case 17:
		return billing.Convert{Account: id}
	case 18:
		return billing.Pay{Account: id, Amount: w.money(amount())}
	case 19:
		if rapid.Bool().Draw(t, "debit") {
			return billing.Debit{Account: id, Amount: w.money(amount())}
		}
		return billing.Credit{Account: id, Amount: w.money(amount())}
	case 20:
		return billing.Reverse{Account: id, Entry: rapid.Int64Range(1, 30).Draw(t, "entry")}
	case 21:
		switch rapid.IntRange(0, 3).Draw(t, "end") {
		case 0:
			return billing.Close{Account: id, Billing: rapid.SampledFrom([]billing.CloseBilling{"", billing.CloseNoBilling, billing.CloseCollect, billing.CloseCollectOnly}).Draw(t, "how")}
		case 1:
			return billing.Cancel{Account: id}
		}
		return billing.Keep{Account: id}
	}
	return billing.Exempt{Account: id, Code: rapid.SampledFrom([]string{"", "X1"}).Draw(t, "code")}
}

// outcome is what an action or quote came to, without what only a deed can know:
// numbers, IDs, versions.
func outcome(r billing.Result) string {
	var b strings.Builder
	put := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	r.Account.ID, r.Account.Version = 0, 0
	put(r.Account)
	for _, e := range r.Entries {
		e.Account = 0
		put(e)
	}
	for _, d := range r.Documents {
		d.Account, d.Number = 0, 0
		put(d)
	}
	if r.Usage != nil {
		u := *r.Usage
		u.Seq = 0
		put(u)
	}
	put(r.Collect)
	return b.String()
}

// ledger is all entries and documents, of which late is what may depend on when a run
// came: the day of issue and the number.
func (w *world) ledger() string {
	w.t.Helper()
	var out []string
	for _, e := range all(w, w.e.Entries(w.ctx, billing.EntryQuery{})) {
		out = append(out, fmt.Sprintf("%d/%d %s doc %d corrects %d %s on %s", e.Account, e.Seq, line(e), e.Document, e.Corrects, e.Basis.Exact, e.Basis.Before))
	}
	for _, d := range all(w, w.e.Documents(w.ctx, billing.DocumentQuery{})) {
		out = append(out, fmt.Sprintf("%d/%d %s %s %s+%s=%s", d.Account, d.Seq, d.Kind, d.Date, d.Net, d.Tax, d.Total))
	}
	for _, a := range all(w, w.e.Accounts(w.ctx, billing.AccountQuery{})) {
		a.Version = 0
		out = append(out, fmt.Sprintf("%d %s %s %s %s", a.ID, a.Status, a.Plan, a.Balance, a.Next))
	}
	return strings.Join(out, "\n")
}

// play does random actions on some accounts over some days. Each is quoted first if
// quoted is set; before each day step is called.
func (w *world) play(t *rapid.T, accounts, steps int, quoted bool) []billing.AccountID {
	var ids []billing.AccountID
	today := day("2026-01-20").AddDays(rapid.IntRange(0, 20).Draw(t, "start"))
	do := func(act billing.Action) {
		var quote billing.Result
		var quoteErr error
		if quoted {
			w.readOnly(func() { quote, quoteErr = w.e.Quote(w.ctx, act) })
		}
		res, err := w.e.Do(w.ctx, act)
		if err != nil {
			if r, ok := err.(*billing.Refusal); !ok {
				t.Fatalf("%T %+v: %v", act, act, err)
			} else if quoted && (quoteErr == nil || quoteErr.Error() != r.Error()) {
				t.Fatalf("%T: the quote says %v, the deed %v", act, quoteErr, err)
			}
			return
		}
		if quoted {
			if quoteErr != nil {
				t.Fatalf("%T %+v was done, its quote says %v", act, act, quoteErr)
			}
			if q, d := outcome(quote), outcome(res); q != d {
				t.Fatalf("%T %+v: quote and deed differ\n%s", act, act, diff(q, d))
			}
		}
		if _, ok := act.(billing.Signup); ok {
			ids = append(ids, res.Account.ID)
		}
	}
	w.at(today.String())
	for i := range accounts {
		do(randomSignup(t, fmt.Sprint(i)))
	}
	for range steps {
		if n := rapid.IntRange(-2, 25).Draw(t, "days"); n > 0 {
			today = today.AddDays(n)
			w.at(today.String())
			if rapid.Bool().Draw(t, "run") {
				w.run(today.String())
			}
		}
		do(randomAction(t, w, rapid.SampledFrom(ids).Draw(t, "account")))
	}
	return slices.Clip(ids)
}
