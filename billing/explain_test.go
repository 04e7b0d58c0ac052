package billing_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
)

// One line of text for each cause.
func TestExplainInOneLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, taxed("VAT 20"))
	w.plan("p", `{'periods':['1m','3m'],'refund_percent':'50','resources':[
		{'id':'account','at_signup':'1','prices':{'setup':'5','recurring':'10'}},
		{'id':'mailbox','free':'2','prices':{'setup':'1','recurring':'3.1'}},
		{'id':'traffic','free':'1','at_signup':'3','prices':{'recurring':'1','usage':'2'}}]}`)
	w.plan("q", `{'periods':['1m','3m'],'resources':[{'id':'account','prices':{'setup':'8','recurring':'4'}},{'id':'mailbox','prices':{'recurring':'1'}},{'id':'traffic','prices':{'usage':'1'}}]}`)
	w.plan("try", `{'trial':{'days':10},'money_back_days':30,'resources':[{'id':'account','at_signup':'1','prices':{'recurring':'31'}}]}`)
	a := w.signup("a", "p", promo("10", "recurring", 1))
	trial := w.signup("trial", "try")
	w.at("2026-01-11").do(billing.Convert{Account: trial})
	w.do(billing.Close{Account: trial})
	w.at("2026-01-22").set(a, "mailbox", "4")
	w.set(a, "mailbox", "3")
	w.use(a, "traffic", "7.5")
	w.do(billing.Pay{Account: a, Amount: usd("5"), Reference: "card 4242"})
	w.do(billing.Credit{Account: a, Amount: usd("1")})
	w.run("2026-02-01")
	w.at("2026-02-15").do(billing.ChangePlan{Account: a, Plan: "q"})
	w.plan("q", `{'periods':['1m','3m'],'resources':[{'id':'account','prices':{'setup':'9.5','recurring':'4'}},{'id':'mailbox','prices':{'recurring':'1'}},{'id':'traffic','prices':{'recurring':'0.5','usage':'1'}}]}`)
	w.do(billing.MoveVersion{Account: a})
	w.do(billing.ChangePeriod{Account: a, Period: per("3m")})
	w.run("2026-03-01")
	w.do(billing.Suspend{Account: a})
	w.run("2026-04-01")
	w.at("2026-04-16").do(billing.Resume{Account: a})
	w.do(billing.Reverse{Account: a, Entry: paymentOf(w, a)})
	seen := map[billing.Cause]bool{}
	var got []string
	for _, id := range []billing.AccountID{a, trial} {
		for _, e := range w.entries(id) {
			seen[e.Basis.Cause] = true
			x, err := w.e.Explain(w.ctx, e.ID())
			w.ok(err)
			if x.String() != x.Text || strings.ContainsAny(x.Text, "\r\n") || x.Entry.ID() != e.ID() {
				t.Errorf("%q", x.Text)
			}
			got = append(got, x.Text)
		}
	}
	for _, c := range []billing.Cause{billing.CauseRise, billing.CauseFall, billing.CauseOpen, billing.CauseResume, billing.CauseSettle, billing.CausePlanChange,
		billing.CauseRenewal, billing.CauseMoneyBack, billing.CauseTrial, billing.CauseTax, billing.CauseManual, billing.CauseReversal} {
		if !seen[c] {
			t.Errorf("no entry of the cause %s", c)
		}
	}
	if text := strings.Join(got, "\n"); text != strings.TrimSpace(explained) {
		t.Errorf("got:\n%s\ndifferent:\n%s", text, diff(strings.TrimSpace(explained), text))
	}
	w.verified()
}

func paymentOf(w *world, id billing.AccountID) int64 {
	for _, e := range w.entries(id) {
		if e.Kind == billing.EntryPayment {
			return e.Seq
		}
	}
	return 0
}

const explained = `
2026-01-01 5.00 USD: setup of account (bought), plan p version 1 at 1m: 1 units at 5 = 5, rounded half up
2026-01-01 10.00 USD: recurring of account (bought), plan p version 1 at 1m: 1 units at 10 = 10, rounded half up
2026-01-01 -1.00 USD: discount of account (bought), plan p version 1 at 1m: 10% off 10 = -1, rounded half up
2026-01-01 2.00 USD: recurring of traffic (bought), plan p version 1 at 1m: 2 units above 1 free at 1 = 2, rounded half up
2026-01-01 -0.20 USD: discount of traffic (bought), plan p version 1 at 1m: 10% off 2 = -0.2, rounded half up
2026-01-01 3.16 USD: VAT, 20% of the document's 15.8
2026-01-22 2.00 USD: setup of mailbox (bought), plan p version 1 at 1m: 2 units above 2 free at 1 = 2, rounded half up
2026-01-22 2.00 USD: recurring of mailbox (bought), plan p version 1 at 1m: 2 units above 2 free at 3.1 x 10/31 days = 2, rounded half up
2026-01-22 -0.20 USD: discount of mailbox (bought), plan p version 1 at 1m: 10% off 2 = -0.2, rounded half up
2026-01-22 0.76 USD: VAT, 20% of the document's 3.8
2026-01-22 -0.50 USD: refund of mailbox (given up), plan p version 1 at 1m: 1 units above 2 free at 3.1 x 10/31 days x 50% = -0.5, rounded half up on the running total 2
2026-01-22 0.05 USD: discount of mailbox (given up), plan p version 1 at 1m: 10% off -0.5 = 0.05, rounded half up on the running total -0.2
2026-01-22 -0.09 USD: VAT, 20% of the document's -0.45
2026-01-22 -5.00 USD: payment "card 4242"
2026-01-22 -1.00 USD: credit
2026-02-01 9.00 USD: usage of traffic (month settled), plan p version 1 at 1m: 2026-01-01 to 2026-02-01 used 7.5, limit 3, at 2; 4.5 above the limit = 9, rounded half up
2026-02-01 10.00 USD: recurring of account (interval opened), plan p version 1 at 1m: 1 units at 10 = 10, rounded half up
2026-02-01 3.10 USD: recurring of mailbox (interval opened), plan p version 1 at 1m: 1 units above 2 free at 3.1 = 3.1, rounded half up
2026-02-01 2.00 USD: recurring of traffic (interval opened), plan p version 1 at 1m: 2 units above 1 free at 1 = 2, rounded half up
2026-02-01 4.82 USD: VAT, 20% of the document's 24.1
2026-02-15 -3.66 USD: refund of account (plan changed), plan p version 1 at 1m: 1 units at 10 x 14/28 days x 0.731788... = -3.65894..., rounded half up on the running total 10
2026-02-15 -1.13 USD: refund of mailbox (plan changed), plan p version 1 at 1m: 1 units above 2 free at 3.1 x 14/28 days x 0.731788... = -1.134272..., rounded half up on the running total 3.1
2026-02-15 -0.73 USD: refund of traffic (plan changed), plan p version 1 at 1m: 2 units above 1 free at 1 x 14/28 days x 0.731788... = -0.731788..., rounded half up on the running total 2
2026-02-15 3.00 USD: setup of account (plan changed), plan q version 1 at 1m: 1 units at 8, less what had been paid for them = 3, rounded half up on the running total 5
2026-02-15 2.00 USD: recurring of account (plan changed), plan q version 1 at 1m: 1 units at 4 x 14/28 days = 2, rounded half up
2026-02-15 1.50 USD: recurring of mailbox (plan changed), plan q version 1 at 1m: 3 units at 1 x 14/28 days = 1.5, rounded half up
2026-02-15 0.20 USD: VAT, 20% of the document's 0.98
2026-03-01 1.50 USD: setup of account (renewed on another version), plan q version 2 at 3m: 1 units at 9.5, less what had been paid for them = 1.5, rounded half up on the running total 8
2026-03-01 12.00 USD: recurring of account (interval opened), plan q version 2 at 3m: 1 units at 12 = 12, rounded half up
2026-03-01 9.00 USD: recurring of mailbox (interval opened), plan q version 2 at 3m: 3 units at 3 = 9, rounded half up
2026-03-01 1.50 USD: recurring of traffic (interval opened), plan q version 2 at 3m: 3 units at 0.5 = 1.5, rounded half up
2026-03-01 4.80 USD: VAT, 20% of the document's 24
2026-04-16 0.75 USD: recurring of traffic (resumed), plan q version 2 at 3m: 3 units at 0.5 x 15/30 days = 0.75, rounded half up
2026-04-16 0.15 USD: VAT, 20% of the document's 0.75
2026-04-16 5.00 USD: reverses entry 14
2026-01-11 10.00 USD: recurring of account (use of the trial), plan try version 1 at 1m: 1 units at 31 x 10/31 days = 10, rounded half up
2026-01-11 31.00 USD: recurring of account (bought), plan try version 1 at 1m: 1 units at 31 = 31, rounded half up
2026-01-11 8.20 USD: VAT, 20% of the document's 41
2026-01-11 -41.00 USD: money back, all that was kept of the recurring charges for account
2026-01-11 -8.20 USD: VAT, 20% of the document's -41
`

// exact works an entry's amount out from its figures alone, by the formulas of the
// spec, and reports whether there is anything to work out.
func exact(b billing.Basis, kind billing.EntryKind) (*big.Rat, bool) {
	hundredth := func(x *big.Rat) *big.Rat { return new(big.Rat).Quo(x, big.NewRat(100, 1)) }
	switch {
	case b.Cause == billing.CauseManual || b.Cause == billing.CauseReversal || b.Cause == billing.CauseMoneyBack || kind == billing.EntrySetup:
		return nil, false
	case kind == billing.EntryTax:
		return new(big.Rat).Mul(b.Of.Big(), hundredth(b.Percent.Rat())), true
	case kind == billing.EntryDiscount:
		return new(big.Rat).Neg(new(big.Rat).Mul(b.Of.Big(), b.Factor.Big())), true
	case kind == billing.EntryUsage:
		total, weights, weighted, sum := new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)
		for _, p := range b.Parts {
			over := new(big.Rat).Sub(p.Used.Big(), p.Counted.Big())
			if p.Level {
				over = new(big.Rat).Sub(p.Used.Big(), p.Limit.Rat())
				over.Mul(over, big.NewRat(int64(p.Days), int64(p.OfDays)))
			}
			sum.Add(sum, over)
			if over.Sign() > 0 {
				price := new(big.Rat).Mul(over, p.UnitPrice.Big())
				weights.Add(weights, over)
				weighted.Add(weighted, price)
				total.Add(total, price)
			}
		}
		if !b.Parts[0].Level {
			total = sum.Mul(sum, weighted.Quo(weighted, weights))
		}
		return total, true
	}
	x := new(big.Rat).Mul(b.UnitPrice.Big(), b.Units.Big())
	if b.OfDays != 0 {
		x.Mul(x, big.NewRat(int64(b.Days), int64(b.OfDays)))
	}
	if kind == billing.EntryRefund {
		if b.Cause == billing.CauseFall {
			x.Mul(x, hundredth(b.Percent.Rat()))
		} else {
			x.Mul(x, b.Factor.Big())
		}
		x.Neg(x)
	}
	return x, true
}

// half away from zero, in cents.
func cents(x *big.Rat) *big.Int {
	y := new(big.Rat).Mul(x, big.NewRat(200, 1))
	n := new(big.Int).Abs(y.Num())
	n.Add(n, y.Denom()).Quo(n, new(big.Int).Lsh(y.Denom(), 1))
	if x.Sign() < 0 {
		n.Neg(n)
	}
	return n
}

// The figures of every entry of random books give its amount, worked out a second time
// without the engine's arithmetic.
func TestBasisGivesTheAmount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := randomWorld(rt)
		for _, id := range w.play(rt, 2, rapid.IntRange(5, 15).Draw(rt, "steps"), false) {
			for _, e := range w.entries(id) {
				want, ok := exact(e.Basis, e.Kind)
				if !ok {
					continue
				}
				if want.Cmp(e.Basis.Exact.Big()) != 0 {
					rt.Fatalf("%s: the figures give %s, not %s: %+v", line(e), want.RatString(), e.Basis.Exact, e.Basis)
				}
				before := e.Basis.Before.Big()
				minor := new(big.Int).Sub(cents(new(big.Rat).Add(before, want)), cents(before))
				if got := must(e.Amount.Minor()); !e.Basis.Capped && minor.Cmp(big.NewInt(got)) != 0 {
					rt.Fatalf("%s: %s on %s is %s", line(e), want.RatString(), before.RatString(), minor)
				}
				if e.Seq%5 != 0 {
					continue
				}
				x := must(w.e.Explain(w.ctx, e.ID()))
				if !strings.Contains(x.Text, e.Amount.String()) {
					rt.Fatalf("%s is explained as %q", line(e), x.Text)
				}
			}
		}
	})
}
