package billing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/memory"
)

// BenchmarkRun is the nightly run over 2,000 accounts with 3 charged resources each on
// the reference store: the engine's own time for an account.
func BenchmarkRun(b *testing.B) {
	ctx := context.Background()
	clock := tierhost.NewTestClock(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC))
	e, err := billing.New(memory.New(), billing.Options{Clock: clock})
	if err != nil {
		b.Fatal(err)
	}
	cur, _ := money.ISO("USD")
	price := func(s string) *decimal.Decimal { return new(decimal.RequireFromString(s)) }
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(e.DefineResources(ctx, billing.Resource{ID: "account"}, billing.Resource{ID: "mailbox"}, billing.Resource{ID: "traffic", Kind: billing.KindMonthly}))
	must(e.PutSeller(ctx, billing.Seller{ID: "host", Currency: cur}))
	_, err = e.PublishPlan(ctx, billing.Plan{Seller: "host", ID: "p", Open: true}, billing.Terms{Resources: []billing.Line{
		{Resource: "account", AtSignup: decimal.New(1, 0), Prices: billing.Prices{Recurring: price("4.90")}},
		{Resource: "mailbox", Free: decimal.New(5, 0), AtSignup: decimal.New(8, 0), Prices: billing.Prices{Recurring: price("0.99")}},
		{Resource: "traffic", Free: decimal.New(10, 0), AtSignup: decimal.New(25, 0), Prices: billing.Prices{Recurring: price("0.10"), Usage: price("0.15")}},
	}})
	must(err)
	const accounts = 2000
	for i := range accounts {
		_, err := e.Do(ctx, billing.Signup{Seller: "host", Name: fmt.Sprint("a", i), Plan: "p"})
		must(err)
	}
	day := billing.NewDate(2026, 1, 15)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 1; b.Loop(); n++ {
		on := day.AddMonths(n)
		clock.Set(on.Start(time.UTC).Add(12 * time.Hour))
		r, err := e.Run(ctx, on, billing.RunOptions{})
		must(err)
		if r.Billed != accounts {
			b.Fatal(r)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/accounts, "ns/account")
}
