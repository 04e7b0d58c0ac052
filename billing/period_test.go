package billing_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
)

func TestPeriodForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text   string
		count  int
		days   bool
		months int
	}{{"1m", 1, false, 1}, {"3m", 3, false, 3}, {"12m", 12, false, 12}, {"1200m", 1200, false, 1200}, {"7d", 7, true, 1}, {"3660d", 3660, true, 1}} {
		p, err := billing.ParsePeriod(c.text)
		if err != nil || p.Count() != c.count || p.InDays() != c.days || p.PriceMonths() != c.months || p.String() != c.text {
			t.Errorf("%s was read as %s (%d, in days: %t, M %d): %v", c.text, p, p.Count(), p.InDays(), p.PriceMonths(), err)
		}
	}
	for _, s := range []string{"", "m", "d", "0m", "01m", "+1m", "-1m", "1", "1y", "1M", "1201m", "3661d", "99999d", "1 m", "1m ", "1.5m", "１m"} {
		p, err := billing.ParsePeriod(s)
		if err == nil || !p.IsZero() {
			t.Errorf("%q was read as %s", s, p)
		}
		wantCode(t, err, "period_syntax")
	}
	for _, p := range []billing.Period{billing.Months(0), billing.Months(-1), billing.Months(1201), billing.Days(0), billing.Days(3661), {}} {
		if !p.IsZero() || p.String() != "" {
			t.Errorf("%s should be no period", p)
		}
	}
	if billing.Months(3) != per("3m") || billing.Days(7) != per("7d") || billing.Months(7) == billing.Days(7) {
		t.Error("periods do not compare with ==")
	}
	var p billing.Period
	if err := p.UnmarshalText(nil); err != nil || !p.IsZero() {
		t.Errorf("no text is %s, %v", p, err)
	}
	if err := p.UnmarshalText([]byte("x")); err == nil {
		t.Error("x was read")
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, s := range []string{"1m", "12m", "7d", "3660d", "0m", "", "m", "1y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := billing.ParsePeriod(s)
		if err != nil {
			if !p.IsZero() {
				t.Errorf("%q: a period and an error", s)
			}
			return
		}
		if p.String() != s || p.IsZero() || p.Count() < 1 {
			t.Errorf("%q was read as %s", s, p)
		}
	})
}

// P1, P2 and rows 20, 29, 31 of peers.md: the periods and months that an account has
// had tile its life, whatever the anchor and the length.
func TestPeriodsOfAccountsTile(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"1m", "3m", "12m", "7d"} {
		t.Run(length, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.plan("p", `{'periods':['1m','3m','12m','7d'],'resources':[
				{'id':'account','prices':{'recurring':'1'},'at_signup':'1','period_prices':{'7d':{'recurring':'1'}}},
				{'id':'traffic','prices':{'recurring':'1'},'at_signup':'1','period_prices':{'7d':{'recurring':'1'}}}]}`)
			var ids []billing.AccountID
			first := day("2023-12-25")
			for n := range 70 { // the ends of December, January and February
				d := first.AddDays(n)
				w.at(d.String())
				ids = append(ids, w.signup(fmt.Sprint(n), "p", period(length)))
			}
			years := 9
			if length == "7d" {
				years = 1
			}
			w.run(first.AddMonths(12 * years).String())
			for n, id := range ids {
				anchor := first.AddDays(n)
				rows := all(w, w.e.Periods(w.ctx, id))
				at := anchor
				for i, p := range rows {
					end := anchor.AddMonths((i + 1) * per(length).Count())
					if per(length).InDays() {
						end = at.AddDays(7)
					}
					if p.From != at || p.To != end || p.Seq != int64(i+1) {
						t.Fatalf("anchor %s: period %d is %s to %s, want %s to %s", anchor, i+1, p.From, p.To, at, end)
					}
					at = end
				}
				if !at.After(first.AddMonths(12 * years)) {
					t.Fatalf("anchor %s: the periods end on %s", anchor, at)
				}
				at = anchor
				for _, e := range w.entries(id) {
					if e.Resource != "traffic" {
						continue
					}
					if e.From != at || !e.From.Before(e.To) || e.To.Sub(e.From) > 31 {
						t.Fatalf("anchor %s: a month from %s to %s, the last one ended on %s", anchor, e.From, e.To, at)
					}
					at = e.To
				}
			}
			w.verified()
		})
	}
}

// Row 26: what is bought on the last days of a month ends with the account's period.
func TestPurchasesShareTheAnniversary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'resources':[{'id':'account','prices':{'recurring':'31'},'at_signup':'1'},{'id':'mailbox','prices':{'recurring':'28'}}]}`)
	id := w.at("2026-01-31").signup("a", "p")
	w.made(w.at("2026-02-27").set(id, "mailbox", "1").Entries, "2026-02-27 recurring mailbox 1 2026-02-27/2026-02-28 1.00")
	w.run("2026-02-28")
	w.made(w.at("2026-03-30").set(id, "mailbox", "2").Entries, "2026-03-30 recurring mailbox 1 2026-03-30/2026-03-31 0.90")
	w.run("2026-03-31")
	if a := w.account(id); a.PeriodFrom != day("2026-03-31") || a.PeriodTo != day("2026-04-30") {
		t.Errorf("the period is %s to %s", a.PeriodFrom, a.PeriodTo)
	}
}

// A change of period takes effect at the renewal; between months the anchor stays.
func TestChangeOfPeriodKeepsTheAnchorOfMonths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.plan("p", `{'periods':['1m','3m','7d','10d'],'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'1'},'period_prices':{'7d':{'recurring':'1'},'10d':{'recurring':'1'}}}]}`)
	id := w.at("2026-01-31").signup("a", "p")
	w.at("2026-02-10").do(billing.ChangePeriod{Account: id, Period: per("3m")})
	for _, c := range []struct{ run, change, from, to, anchor string }{
		{"2026-02-28", "", "2026-02-28", "2026-05-31", "2026-01-31"},
		{"2026-05-31", "7d", "2026-05-31", "2026-08-31", "2026-01-31"},
		{"2026-08-31", "10d", "2026-08-31", "2026-09-07", "2026-08-31"},
		{"2026-09-07", "1m", "2026-09-07", "2026-09-17", "2026-09-07"},
		{"2026-09-17", "", "2026-09-17", "2026-10-17", "2026-09-17"},
	} {
		w.run(c.run)
		a := w.account(id)
		if a.PeriodFrom != day(c.from) || a.PeriodTo != day(c.to) || a.Anchor != day(c.anchor) {
			t.Errorf("on %s the period is %s to %s, anchor %s, want %+v", c.run, a.PeriodFrom, a.PeriodTo, a.Anchor, c)
		}
		if c.change != "" {
			w.do(billing.ChangePeriod{Account: id, Period: per(c.change)})
		}
	}
	w.do(billing.ChangePeriod{Account: id, Period: per("3m")})
	w.do(billing.ChangePeriod{Account: id, Period: per("1m")}) // the present one takes it back
	if a := w.account(id); !a.PendingPeriod.IsZero() {
		t.Errorf("the change to %s was not taken back", a.PendingPeriod)
	}
	w.verified()
}

// P3: prices of parts of an interval add up to the price of the whole.
func TestProrationsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		price := rapid.IntRange(1, 9999).Draw(rt, "price")
		w.plan("p", fmt.Sprintf(`{'resources':[{'id':'mailbox','prices':{'recurring':'0.%04d'}}]}`, price))
		a, b := w.signup("a", "p"), w.signup("b", "p")
		start := day("2026-01-01")
		d1 := rapid.IntRange(0, 30).Draw(rt, "d1")
		n := rapid.IntRange(1, 12).Draw(rt, "n")
		w.at(start.AddDays(d1).String())
		for i := 1; i <= n; i++ {
			w.set(a, "mailbox", fmt.Sprint(i))
		}
		w.set(b, "mailbox", fmt.Sprint(n))
		if w.balance(a) != w.balance(b) {
			rt.Fatalf("%d in steps cost %s, at once %s", n, w.balance(a), w.balance(b))
		}
		d2 := rapid.IntRange(d1, 30).Draw(rt, "d2")
		w.at(start.AddDays(d2).String()).set(a, "mailbox", "0")
		for i := n - 1; i >= 0; i-- {
			w.set(b, "mailbox", fmt.Sprint(i))
		}
		if w.balance(a) != w.balance(b) || w.account(a).Balance.Sign() > 0 {
			rt.Fatalf("after giving back: %s at once, %s in steps", w.balance(a), w.balance(b))
		}
		if d1 == d2 && w.balance(a) != "0.00" {
			rt.Fatalf("bought and given back on one day costs %s", w.balance(a))
		}
		w.verified()
	})
}
