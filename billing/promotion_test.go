package billing_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
)

// Worked number 4 of hsphere.md section 2.4: two times 20% on 1.00 leave 0.60.
func TestPromotionsAddUpAndNeverCompound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'setup':'1','recurring':'1'}}]}`)
	w.made(w.entries(w.signup("two", "p", promo("20", "recurring", 0), promo("20", "setup recurring", 0))),
		"2026-01-01 setup account 1 2026-01-01/2026-01-01 1.00", "2026-01-01 discount account 1 2026-01-01/2026-01-01 -0.20",
		"2026-01-01 recurring account 1 2026-01-01/2026-02-01 1.00", "2026-01-01 discount account 1 2026-01-01/2026-02-01 -0.40")
	id := w.signup("three", "p", promo("50", "recurring setup", 0), promo("50", "recurring setup", 0), promo("50", "recurring setup", 0))
	w.wantBalance(id, "0.00") // at most 100 percent
}

// Worked number 5 as later versions have it: percent off, not percent paid.
func TestPromotionsArePercentOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','at_signup':'1','prices':{'setup':'10','recurring':'5'}},{'id':'traffic','prices':{'usage':'10'}}]}`)
	id := w.signup("a", "p", promo("20", "setup recurring usage", 0))
	w.wantBalance(id, "-12.00")
	w.use(id, "traffic", "1")
	w.run("2026-02-01")
	w.wantBalance(id, "-24.00") // 8 of usage, 4 of the month
	other := w.at("2026-02-01").signup("b", "p", promo("20", "usage", 0))
	w.wantBalance(other, "-15.00")
}

// A promotion lasts some periods of the signup length, in days of an interval.
func TestPromotionsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		period string
		n      int
		change string
		want   []string
	}{
		{"1m", 2, "", []string{"-3.10", "-3.10"}},
		{"7d", 2, "", []string{"-3.10", "-3.10"}},
		// Two months of a promotion are not stretched by going to three months: 28 of 89 days are discounted.
		{"1m", 2, "3m", []string{"-3.10", "-2.93"}},
		{"1m", 0, "", []string{"-3.10", "-3.10", "-3.10", "-3.10"}},
	} {
		w := newWorld(t)
		w.plan("p", `{'periods':['1m','3m','7d'],'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'31'},'period_prices':{'7d':{'recurring':'31'}}}]}`)
		id := w.signup("a", "p", period(c.period), promo("10", "recurring", c.n))
		if c.change != "" {
			w.do(billing.ChangePeriod{Account: id, Period: per(c.change)})
		}
		w.run("2026-04-10")
		var got []string
		for _, e := range w.entries(id) {
			if e.Kind == billing.EntryDiscount {
				got = append(got, e.Amount.Digits())
			}
		}
		if len(got) < len(c.want) || c.n > 0 && len(got) != len(c.want) {
			t.Fatalf("%+v: discounts %q", c, got)
		}
		for i, x := range c.want {
			if got[i] != x {
				t.Errorf("%+v: discounts %q", c, got)
			}
		}
		w.verified()
	}
}

// A refund gives back what was paid: its discount is taken off again.
func TestRefundsAreDiscountedLikeTheirCharges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, taxed("VAT 19"))
		w.plan("p", `{'resources':[{'id':'mailbox','prices':{'recurring':'3.33'}}]}`)
		id := w.signup("a", "p", promo(rapid.SampledFrom([]string{"1", "33.3", "50", "100"}).Draw(t, "p1"), "recurring", rapid.IntRange(0, 2).Draw(t, "n")), promo("7.5", "recurring", 1))
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			w.at(day(w.clock.Now().Format("2006-01-02")).AddDays(rapid.IntRange(0, 9).Draw(t, "days")).String())
			w.set(id, "mailbox", rapid.SampledFrom([]string{"0", "1", "2", "7", "40"}).Draw(t, "q"))
		}
		before := w.account(id).Balance
		w.set(id, "mailbox", "40")
		w.set(id, "mailbox", "0")
		w.set(id, "mailbox", "40")
		mid := w.account(id).Balance
		w.set(id, "mailbox", "0")
		w.set(id, "mailbox", "40")
		if after := w.account(id).Balance; !after.Equal(mid) {
			t.Fatalf("given back and bought again: %s became %s (%s before)", mid, after, before)
		}
		for _, d := range all(w, w.e.Documents(w.ctx, billing.DocumentQuery{})) {
			if d.Kind == billing.Invoice && d.Total.Sign() < 0 {
				t.Fatalf("%+v", d)
			}
		}
		w.verified()
	})
}
