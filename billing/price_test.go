package billing_test

import (
	"fmt"
	"testing"

	"github.com/tierhost/tierhost/billing"
)

// The vectors d1 to d8 of hsphere.md section 2.4.
func TestWorkedNumbersDerived(t *testing.T) {
	t.Parallel()
	t.Run("d1: 45 of 90 days of 3 months at 2.00, 10% off", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'periods':['3m'],'discounts':{'3m':{'recurring':'10'}},'resources':[{'id':'mailbox','prices':{'recurring':'2'}}]}`)
		id := w.signup("a", "p")
		w.made(w.at("2026-02-15").set(id, "mailbox", "1").Entries, "2026-02-15 recurring mailbox 1 2026-02-15/2026-04-01 2.70")
	})
	t.Run("d2: 182 of 365 days of an explicit annual price", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'periods':['12m'],'discounts':{'12m':{'recurring':'50'}},'resources':[{'id':'mailbox','prices':{'recurring':'2'},'period_prices':{'12m':{'recurring':'20'}}}]}`)
		id := w.signup("a", "p")
		w.made(w.at("2026-07-03").set(id, "mailbox", "1").Entries, "2026-07-03 recurring mailbox 1 2026-07-03/2027-01-01 9.97")
	})
	t.Run("d3, d4: a month of annual prices", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'periods':['12m'],'resources':[{'id':'traffic','free':'1','at_signup':'6','period_prices':{'12m':{'recurring':'24','usage':'60'}}}]}`)
		id := w.signup("a", "p")
		w.use(id, "traffic", "9")
		w.run("2026-02-01")
		w.made(w.entries(id),
			"2026-01-01 recurring traffic 5 2026-01-01/2026-02-01 10.00",
			"2026-02-01 usage traffic 3 2026-01-01/2026-02-01 15.00",
			"2026-02-01 recurring traffic 5 2026-02-01/2026-03-01 10.00")
	})
	t.Run("d5: half of 30 of 90 days", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'periods':['3m'],'refund_percent':'50','resources':[{'id':'mailbox','at_signup':'1','period_prices':{'3m':{'recurring':'9'}}}]}`)
		id := w.signup("a", "p")
		w.made(w.at("2026-03-02").set(id, "mailbox", "0").Entries, "2026-03-02 refund mailbox 1 2026-03-02/2026-04-01 -1.50")
	})
	t.Run("d5: a part that was bought late is given back at its own price", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'periods':['3m'],'refund_percent':'50','discounts':{'3m':{'recurring':'10'}},'resources':[{'id':'mailbox','prices':{'recurring':'2'}}]}`)
		id := w.signup("a", "p")
		w.at("2026-02-15").set(id, "mailbox", "1") // 2.70 for 45 days
		w.made(w.at("2026-03-02").set(id, "mailbox", "0").Entries, "2026-03-02 refund mailbox 1 2026-03-02/2026-04-01 -0.90")
	})
	t.Run("d6 as the spec decides it: nothing is given back of a month, but on the day it opened", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'refund_percent':'50','resources':[{'id':'traffic','at_signup':'10','prices':{'recurring':'1'}}]}`)
		id := w.signup("a", "p")
		w.made(w.set(id, "traffic", "0").Entries)
		w.set(id, "traffic", "10")
		w.at("2026-01-20")
		w.made(w.set(id, "traffic", "0").Entries)
		w.made(w.set(id, "traffic", "10").Entries)
		w.run("2026-02-01")
		w.made(w.set(id, "traffic", "0").Entries, "2026-02-01 refund traffic 10 2026-02-01/2026-03-01 -10.00")
	})
	t.Run("d7: money back on day 10 of 30", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'money_back_days':30,'refund_percent':'0','resources':[{'id':'account','at_signup':'1','prices':{'setup':'5','recurring':'30'}}]}`)
		id := w.at("2026-04-01").signup("a", "p")
		w.made(w.at("2026-04-11").do(billing.Close{Account: id}).Entries, "2026-04-11 refund account 1 2026-04-01/2026-05-01 -30.00")
		w.wantBalance(id, "-5.00")
	})
	t.Run("d8: a limit on an annual plan is charged every month", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'periods':['12m'],'resources':[{'id':'disk','prices':{'recurring':'8'}}]}`)
		id := w.signup("a", "p")
		w.set(id, "disk", "10")
		w.run("2026-12-01")
		got := w.entries(id)
		if len(got) != 12 {
			t.Fatalf("%d charges in 12 months", len(got))
		}
		for _, e := range got {
			if e.Amount.Digits() != "80.00" {
				t.Errorf("%s", line(e))
			}
		}
	})
}

// The numbers of hsphere.md section 2.4 that H-Sphere's own pages work out.
func TestWorkedNumbersOfTheManuals(t *testing.T) {
	t.Parallel()
	t.Run("7: a traffic month closes on the 7th", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'periods':['6m'],'resources':[{'id':'traffic','prices':{'recurring':'1','usage':'2'}}]}`)
		id := w.at("2026-03-07").signup("a", "p", period("6m"))
		var want []string
		for m := 0; m < 6; m++ {
			from, to := day("2026-03-07").AddMonths(m), day("2026-03-07").AddMonths(m+1)
			w.at(from.AddDays(3).String()).use(id, "traffic", "1")
			w.run(to.String())
			want = append(want, fmt.Sprintf("%s usage traffic 1 %s/%s 2.00", to, from, to))
		}
		w.made(w.entries(id), want...)
	})
	t.Run("8: ten days at 10, ten at 25, ten at 15", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("sum", `{'resources':[{'id':'traffic','free':'300','prices':{'usage':'1'}}]}`)
		w.plan("average", `{'resources':[{'id':'disk_avg','free':'10','prices':{'usage':'3'}}]}`)
		w.at("2026-04-01")
		sum, average := w.signup("a", "sum"), w.signup("b", "average")
		for i := range 30 {
			w.at(day("2026-04-01").AddDays(i).String())
			gb := []string{"10", "25", "15"}[i/10]
			w.use(sum, "traffic", gb)
			w.use(average, "disk_avg", gb)
		}
		w.run("2026-05-01")
		w.made(w.entries(sum), "2026-05-01 usage traffic 200 2026-04-01/2026-05-01 200.00")
		w.made(w.entries(average), "2026-05-01 usage disk_avg 6.666667 2026-04-01/2026-05-01 20.00") // 3 x (500/30 - 10)
	})
	t.Run("9: the record of rank 29 of 30", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.plan("p", `{'resources':[{'id':'disk_p95','prices':{'usage':'1'}},{'id':'disk_last','prices':{'usage':'1'}},{'id':'disk','prices':{'usage':'1'}}]}`)
		id := w.at("2026-04-01").signup("a", "p")
		for i := range 30 {
			w.at(day("2026-04-01").AddDays(i).String())
			v := fmt.Sprint(30 + i)
			switch i {
			case 4:
				v = "95"
			case 5:
				v = "90"
			}
			for _, r := range []billing.ResourceID{"disk_p95", "disk_last", "disk"} {
				w.use(id, r, v)
			}
		}
		w.run("2026-05-01")
		w.made(w.entries(id),
			"2026-05-01 usage disk_p95 90 2026-04-01/2026-05-01 90.00",
			"2026-05-01 usage disk_last 59 2026-04-01/2026-05-01 59.00",
			"2026-05-01 usage disk 95 2026-04-01/2026-05-01 95.00")
	})
}

// Section 3: explicit prices are whole and never discounted, base prices are by the
// month and discounted, setup is not multiplied, free units have a value of their own.
func TestPricesOfPeriods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'periods':['1m','3m','7d'],
		'discounts':{'3m':{'setup':'50','recurring':'10','usage':'20'}},
		'resources':[
			{'id':'mailbox','free':'1','at_signup':'3','prices':{'setup':'4','recurring':'2'},'period_prices':{'7d':{'setup':'1','recurring':'0.70'}}},
			{'id':'domain','at_signup':'1','prices':{'setup':'4','recurring':'2'},'period_prices':{'3m':{'recurring':'5'},'7d':{'setup':'1','recurring':'0.70'}}},
			{'id':'traffic','at_signup':'3','prices':{'setup':'4','recurring':'2','usage':'5'},'period_prices':{'3m':{'free':'2','recurring':'9'},'7d':{'setup':'1','recurring':'0.70','usage':'1'}}}]}`)
	for _, c := range []struct {
		period string
		usage  string
		want   []string
	}{
		{"1m", "usage traffic 2 2026-01-01/2026-02-01 10.00", []string{
			"setup mailbox 2 2026-01-01/2026-01-01 8.00", "recurring mailbox 2 2026-01-01/2026-02-01 4.00",
			"setup domain 1 2026-01-01/2026-01-01 4.00", "recurring domain 1 2026-01-01/2026-02-01 2.00",
			"setup traffic 3 2026-01-01/2026-01-01 12.00", "recurring traffic 3 2026-01-01/2026-02-01 6.00"}},
		{"3m", "usage traffic 2 2026-01-01/2026-02-01 8.00", []string{ // 5 x 3 x 0.8 / 3
			"setup mailbox 2 2026-01-01/2026-01-01 4.00", "recurring mailbox 2 2026-01-01/2026-04-01 10.80",
			"setup domain 1 2026-01-01/2026-01-01 2.00", "recurring domain 1 2026-01-01/2026-04-01 5.00",
			"setup traffic 1 2026-01-01/2026-01-01 2.00", "recurring traffic 1 2026-01-01/2026-02-01 3.00"}},
		{"7d", "usage traffic 2 2026-01-01/2026-01-08 2.00", []string{
			"setup mailbox 2 2026-01-01/2026-01-01 2.00", "recurring mailbox 2 2026-01-01/2026-01-08 1.40",
			"setup domain 1 2026-01-01/2026-01-01 1.00", "recurring domain 1 2026-01-01/2026-01-08 0.70",
			"setup traffic 3 2026-01-01/2026-01-01 3.00", "recurring traffic 3 2026-01-01/2026-01-08 2.10"}},
	} {
		w.at("2026-01-01")
		id := w.signup(c.period, "p", period(c.period))
		var want []string
		for _, x := range c.want {
			want = append(want, "2026-01-01 "+x)
		}
		w.made(w.entries(id), want...)
		w.use(id, "traffic", "5")
		w.run("2026-02-01")
		found := false
		for _, e := range w.entries(id) {
			found = found || e.Kind == billing.EntryUsage && line(e)[11:] == c.usage
		}
		if !found {
			t.Errorf("%s: no %q in %q", c.period, c.usage, w.book(id))
		}
	}
	w.verified()
}

// Row 57 of peers.md: the same books in currencies of 0, 2, 3 and 4 digits, with unit
// prices of more digits than the currency's; row 56: every amount has its digits.
func TestCurrencies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, whole, part, back, tax, net string }{
		{"JPY", "133", "43", "-21", "13", "155"}, // 133.33325 x 10/31 = 43.0107..., x 5/31 = 21.5053...
		{"USD", "133.33", "43.01", "-21.50", "13.33", "154.84"},
		{"KWD", "133.333", "43.011", "-21.505", "13.333", "154.839"},
		{"CLF", "133.3333", "43.0107", "-21.5054", "13.3333", "154.8386"},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, currency(c.code), taxed("VAT 10"))
			w.plan("p", `{'resources':[{'id':'mailbox','at_signup':'1','prices':{'recurring':'133.33325'}}]}`)
			id := w.signup("a", "p")
			first := w.entries(id)
			second := w.at("2026-01-22").set(id, "mailbox", "2").Entries
			third := w.at("2026-01-27").set(id, "mailbox", "1").Entries
			for i, x := range []struct{ got, want string }{
				{first[0].Amount.Digits(), c.whole}, {first[1].Amount.Digits(), c.tax},
				{second[0].Amount.Digits(), c.part}, {third[0].Amount.Digits(), c.back},
			} {
				if x.got != x.want {
					t.Errorf("amount %d is %s, want %s", i, x.got, x.want)
				}
			}
			for _, e := range w.entries(id) {
				if !e.Amount.IsWhole() || e.Amount.Currency() != iso(c.code) {
					t.Errorf("%s", line(e))
				}
			}
			w.set(id, "mailbox", "2")
			w.set(id, "mailbox", "1") // comes to nothing
			sum, net := 0, w.money("0")
			for _, e := range w.entries(id) {
				m, err := e.Amount.Minor()
				w.ok(err)
				sum -= int(m)
				if e.Kind != billing.EntryTax && e.Seq <= third[len(third)-1].Seq {
					net, err = net.Add(e.Amount)
					w.ok(err)
				}
			}
			if net.Digits() != c.net {
				t.Errorf("net %s, want %s", net.Digits(), c.net)
			}
			if m, _ := w.account(id).Balance.Minor(); int(m) != sum {
				t.Errorf("the balance is %s, the entries come to %d", w.balance(id), sum)
			}
			w.verified()
		})
	}
}

// Section 3: a hundred small purchases and one big refund come to nothing, and half
// even is the other rounding.
func TestRoundingOnRunningTotals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'mailbox','prices':{'recurring':'0.004'}}]}`)
	id := w.signup("a", "p")
	for i := 1; i <= 100; i++ {
		w.set(id, "mailbox", fmt.Sprint(i))
	}
	w.wantBalance(id, "-0.40")
	w.made(w.set(id, "mailbox", "0").Entries, "2026-01-01 refund mailbox 100 2026-01-01/2026-02-01 -0.40")
	w.wantBalance(id, "0.00")

	for mode, want := range map[string]string{"half_up": "0.13", "half_even": "0.12"} {
		w := newWorld(t, func(s *billing.Seller, _ *billing.Options) {
			if err := s.Rounding.UnmarshalText([]byte(mode)); err != nil {
				t.Fatal(err)
			}
		})
		w.plan("p", `{'resources':[{'id':'mailbox','at_signup':'1','prices':{'recurring':'0.125'}}]}`)
		w.made(w.entries(w.signup("a", "p")), "2026-01-01 recurring mailbox 1 2026-01-01/2026-02-01 "+want)
	}
}
