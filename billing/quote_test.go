package billing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
)

// A quote is exactly what the deed then makes, and writes nothing; and whatever was
// done, nothing is wrong with the books.
func TestQuoteEqualsDeed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := randomWorld(rt)
		w.play(rt, 2, rapid.IntRange(3, 12).Draw(rt, "steps"), true)
		w.verified()
	})
}

// The preview of a day is what its run then does.
func TestPreviewEqualsRun(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := randomWorld(rt)
		w.play(rt, 3, rapid.IntRange(0, 8).Draw(rt, "steps"), false)
		on := day(w.clock.Now().Format("2006-01-02")).AddDays(rapid.IntRange(0, 70).Draw(rt, "ahead"))
		if rapid.Bool().Draw(rt, "on the day") {
			w.at(on.String())
		}
		var p billing.Preview
		foreseen := map[billing.AccountID][]string{}
		w.readOnly(func() {
			p = must(w.e.Preview(w.ctx, on))
			for x, err := range w.e.PreviewAccounts(w.ctx, on) {
				w.ok(err)
				foreseen[x.Account.ID] = lines(x.Entries)
				if (x.NotBilled == nil) != (len(x.Documents) > 0) {
					rt.Fatalf("account %d: %d documents, not billed %+v", x.Account.ID, len(x.Documents), x.NotBilled)
				}
			}
		})
		had := map[billing.AccountID]int{}
		for id := range foreseen {
			had[id] = len(w.entries(id))
		}
		r := w.run(on.String())
		if p.Accounts != r.Accounts || p.Boundary != r.Boundary || p.Documents != r.Documents || p.Entries != r.Entries || int64(len(p.NotBilled)) != r.Unchanged {
			rt.Fatalf("foreseen %+v\nrun %+v", p, r)
		}
		total := map[string]int64{}
		for id, want := range foreseen {
			got := w.entries(id)[had[id]:]
			if !slices.Equal(lines(got), want) {
				rt.Fatalf("account %d: foreseen\n%s\nrun\n%s", id, strings.Join(want, "\n"), strings.Join(lines(got), "\n"))
			}
			for _, e := range got {
				total[fmt.Sprint(e.Seller, e.Kind, e.Resource)] += must(e.Amount.Minor())
			}
		}
		for _, x := range p.Totals {
			if k := fmt.Sprint(x.Seller, x.Kind, x.Resource); total[k] != must(x.Amount.Minor()) {
				rt.Fatalf("%s: foreseen %s, run %d", k, x.Amount, total[k])
			} else {
				delete(total, k)
			}
		}
		for k, v := range total {
			if v != 0 {
				rt.Fatalf("%s of %d was not foreseen", k, v)
			}
		}
	})
}

// Who would not be billed, why, and what is different from the last period.
func TestPreviewSaysWhoIsNotBilledAndWhatChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}},{'id':'mailbox','prices':{'recurring':'1'}}]}`)
	w.plan("free", `{'resources':[{'id':'account','at_signup':'1'}]}`)
	w.plan("try", `{'trial':{'days':31},'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'10'}}]}`)
	same, more := w.signup("same", "p"), w.signup("more", "p")
	asleep, gone, gratis, trial := w.signup("asleep", "p"), w.signup("gone", "p"), w.signup("gratis", "free"), w.signup("trial", "try")
	w.run("2026-02-01")
	w.do(billing.Close{Account: trial, Billing: billing.CloseNoBilling})
	trial = w.signup("trial2", "try", func(x *billing.Signup) {})
	w.at("2026-02-10").set(more, "mailbox", "5")
	w.do(billing.Suspend{Account: asleep})
	w.do(billing.Cancel{Account: gone})
	p := must(w.e.Preview(w.ctx, day("2026-03-04")))
	why := map[billing.AccountID]billing.WhyNotBilled{}
	for _, n := range p.NotBilled {
		why[n.Account] = n.Reason
	}
	want := map[billing.AccountID]billing.WhyNotBilled{asleep: billing.NotBilledSuspended, gone: billing.NotBilledClosing, gratis: billing.NotBilledFree, trial: billing.NotBilledTrial}
	if fmt.Sprint(why) != fmt.Sprint(want) {
		t.Errorf("not billed: %v, want %v", why, want)
	}
	if len(p.Sellers) != 1 || p.Sellers[0].Now.Digits() != "25.00" || p.Sellers[0].Last.Digits() != "40.00" || p.Sellers[0].Changed != 3 {
		t.Errorf("%+v", p.Sellers)
	}
	_ = same
}
