package billing

import (
	"testing"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

func benchBook(b *testing.B) *book {
	b.Helper()
	price := func(s string) *decimal.Decimal { return new(decimal.RequireFromString(s)) }
	resources := map[ResourceID]Resource{
		"account": Resource{ID: "account"}.withDefaults(),
		"mailbox": Resource{ID: "mailbox"}.withDefaults(),
		"traffic": Resource{ID: "traffic", Kind: KindMonthly}.withDefaults(),
	}
	plan, err := pricePlan(PlanVersion{Seller: "host", Plan: "p", Version: 1, Terms: Terms{Resources: []Line{
		{Resource: "account", AtSignup: decimal.New(1, 0), Prices: Prices{Recurring: price("4.90")}},
		{Resource: "mailbox", Free: decimal.New(5, 0), AtSignup: decimal.New(8, 0), Prices: Prices{Recurring: price("0.99"), Setup: price("1")}},
		{Resource: "traffic", Free: decimal.New(10, 0), AtSignup: decimal.New(25, 0), Prices: Prices{Recurring: price("0.10"), Usage: price("0.15")}},
	}}}, resources)
	if err != nil {
		b.Fatal(err)
	}
	seller := &Seller{ID: "host", Currency: money.Currency{Code: "USD", Exponent: 2}}
	day := NewDate(2026, 1, 15)
	a := newAccount(1, Signup{Seller: "host", Name: "x"}, seller, plan, Months(1), day)
	bk, err := newBook(seller, resources, map[planRef]*pricedPlan{{"p", 1}: plan}, State{Account: a}, day, day.utc())
	if err != nil {
		b.Fatal(err)
	}
	if r, err := bk.apply(Signup{}, day, wanted{}); r != nil || err != nil {
		b.Fatal(r, err)
	}
	return bk
}

// BenchmarkRateMovement rates one movement: a rise of 3 mailboxes in the middle of a
// period, from the price list to the rounded entry (goal: at most 2 µs).
func BenchmarkRateMovement(b *testing.B) {
	bk := benchBook(b)
	h := bk.holding("mailbox")
	day := bk.acct.PeriodFrom.AddDays(13)
	bk.begin(day)
	b.ReportAllocs()
	for b.Loop() {
		bk.drafts = bk.drafts[:0]
		h.RecurringTotal, h.Kept = money.Rat{}, 0
		if err := bk.recurring(CauseRise, h, money.RatInt(3), day, bk.left(day)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRateArithmetic is the arithmetic of a movement alone: price, units, days,
// and rounding on a running total.
func BenchmarkRateArithmetic(b *testing.B) {
	price, units := money.RatOf(decimal.RequireFromString("0.99")), money.RatInt(3)
	total := money.RatOf(decimal.RequireFromString("12.345"))
	b.Run("rat", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			after := total.Add(price.Mul(units).Mul(ratio(18, 31)))
			x, _ := after.RoundMinor(2, money.HalfUp)
			y, _ := total.RoundMinor(2, money.HalfUp)
			_ = x - y
		}
	})
	b.Run("decimal", func(b *testing.B) {
		p, u, t := decimal.RequireFromString("0.99"), decimal.New(3, 0), decimal.RequireFromString("12.345")
		b.ReportAllocs()
		for b.Loop() {
			after := t.Add(p.Mul(u).Mul(decimal.New(18, 0)).DivRound(decimal.New(31, 0), 16))
			_ = after.Round(2).Sub(t.Round(2))
		}
	})
}

// BenchmarkBoundary handles one account's renewal with three charged resources, in
// memory: settled, opened, charged, one document.
func BenchmarkBoundary(b *testing.B) {
	bk := benchBook(b)
	st := State{Account: bk.acct}
	for _, h := range bk.holds {
		st.Holdings = append(st.Holdings, h.Holding)
	}
	resources := map[ResourceID]Resource{}
	for _, h := range bk.holds {
		resources[h.Resource] = *h.res
	}
	b.ReportAllocs()
	for b.Loop() {
		n, err := newBook(bk.seller, resources, bk.plans, st, st.Account.Next, bk.now)
		if err != nil {
			b.Fatal(err)
		}
		if err := n.advance(st.Account.Next); err != nil {
			b.Fatal(err)
		}
	}
}
