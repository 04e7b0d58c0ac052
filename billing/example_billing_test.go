package billing_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/memory"
)

// exampleShop is an engine with one seller and one plan: an account of 5.00 a month
// with two mailboxes, more at 1.00 each.
func exampleShop(clock tierhost.Clock) (*billing.Engine, money.Currency) {
	ctx := context.Background()
	eur, err := money.ISO("EUR")
	check(err)
	engine, err := billing.New(memory.New(), billing.Options{Clock: clock})
	check(err)
	check(engine.DefineResources(ctx, billing.Resource{ID: "account"}, billing.Resource{ID: "mailbox"},
		billing.Resource{ID: "traffic", Kind: billing.KindMonthly, Unit: "GB"}))
	check(engine.PutSeller(ctx, billing.Seller{ID: "acme", Currency: eur,
		Taxes: []billing.Tax{{Name: "VAT", Percent: decimal.NewFromInt(20)}}}))
	price := func(s string) *decimal.Decimal {
		d := decimal.RequireFromString(s)
		return &d
	}
	_, err = engine.PublishPlan(ctx, billing.Plan{Seller: "acme", ID: "basic", Open: true}, billing.Terms{
		Periods: []billing.Period{billing.Months(1), billing.Months(12)},
		Resources: []billing.Line{
			{Resource: "account", AtSignup: decimal.NewFromInt(1), Prices: billing.Prices{Recurring: price("5")}},
			{Resource: "mailbox", Free: decimal.NewFromInt(2), AtSignup: decimal.NewFromInt(2), Prices: billing.Prices{Recurring: price("1")}},
			{Resource: "traffic", Free: decimal.NewFromInt(10), Prices: billing.Prices{Usage: price("0.25")}},
		},
	})
	check(err)
	return engine, eur
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func atNoon(year int, month time.Month, day int) *tierhost.TestClock {
	return tierhost.NewTestClock(time.Date(year, month, day, 12, 0, 0, 0, time.UTC))
}

// A customer signs up, and a month later the nightly run renews the account.
func Example() {
	ctx := context.Background()
	clock := atNoon(2026, time.January, 31)
	engine, _ := exampleShop(clock)

	res, err := engine.Do(ctx, billing.Signup{Seller: "acme", Name: "jane", Plan: "basic"})
	check(err)
	fmt.Println("next on", res.Account.Next)

	clock.Set(time.Date(2026, time.February, 28, 3, 0, 0, 0, time.UTC))
	report, err := engine.Run(ctx, billing.NewDate(2026, time.February, 28), billing.RunOptions{})
	check(err)
	fmt.Println("billed", report.Billed, "parked", len(report.Parked))
	for d, err := range engine.Documents(ctx, billing.DocumentQuery{Account: res.Account.ID}) {
		check(err)
		fmt.Println(d.Kind, d.Number, d.Date, d.Net, "+", d.Tax, "=", d.Total)
	}
	// Output:
	// next on 2026-02-28
	// billed 1 parked 0
	// invoice 1 2026-01-31 5.00 EUR + 1.00 EUR = 6.00 EUR
	// invoice 2 2026-02-28 5.00 EUR + 1.00 EUR = 6.00 EUR
}

// A quote is what the action would make, to the cent, with nothing written.
func ExampleEngine_Quote() {
	ctx := context.Background()
	clock := atNoon(2026, time.April, 1)
	engine, _ := exampleShop(clock)
	res, err := engine.Do(ctx, billing.Signup{Seller: "acme", Name: "jane", Plan: "basic"})
	check(err)

	clock.Advance(20 * 24 * time.Hour)
	more := billing.SetQuantity{Account: res.Account.ID, Resource: "mailbox", Quantity: decimal.NewFromInt(5)}
	quote, err := engine.Quote(ctx, more)
	check(err)
	for _, e := range quote.Entries {
		fmt.Println(e.Kind, e.Resource, e.Amount)
	}
	balance, err := engine.Balance(ctx, res.Account.ID, billing.Date{})
	check(err)
	fmt.Println("still", balance)
	_, err = engine.Do(ctx, more)
	check(err)
	balance, err = engine.Balance(ctx, res.Account.ID, billing.Date{})
	check(err)
	fmt.Println("now", balance)
	// Output:
	// recurring mailbox 1.00 EUR
	// tax VAT 0.20 EUR
	// still -6.00 EUR
	// now -7.20 EUR
}

// Every entry can say how it came about.
func ExampleEngine_Explain() {
	ctx := context.Background()
	clock := atNoon(2026, time.April, 1)
	engine, _ := exampleShop(clock)
	res, err := engine.Do(ctx, billing.Signup{Seller: "acme", Name: "jane", Plan: "basic"})
	check(err)
	_, err = engine.Do(ctx, billing.RecordUsage{Account: res.Account.ID, Resource: "traffic", Amount: decimal.RequireFromString("14.5")})
	check(err)
	clock.Set(time.Date(2026, time.May, 1, 3, 0, 0, 0, time.UTC))
	_, err = engine.Run(ctx, billing.NewDate(2026, time.May, 1), billing.RunOptions{})
	check(err)
	for e, err := range engine.Entries(ctx, billing.EntryQuery{Account: res.Account.ID, Kind: billing.EntryUsage}) {
		check(err)
		x, err := engine.Explain(ctx, e.ID())
		check(err)
		fmt.Println(x)
	}
	// Output:
	// 2026-05-01 1.13 EUR: usage of traffic (month settled), plan basic version 1 at 1m: 2026-04-01 to 2026-05-01 used 14.5, limit 10, at 0.25; 4.5 above the limit = 1.125, rounded half up
}

// A request that carries a key can be sent again; it is done once.
func ExampleRequest_idempotency() {
	ctx := context.Background()
	engine, eur := exampleShop(atNoon(2026, time.April, 1))
	res, err := engine.Do(ctx, billing.Signup{Seller: "acme", Name: "jane", Plan: "basic"})
	check(err)
	pay := billing.Pay{
		Request: billing.Request{Key: "gateway-4711"},
		Account: res.Account.ID, Amount: money.FromMinor(600, eur),
	}
	for range 3 {
		res, err := engine.Do(ctx, pay)
		check(err)
		fmt.Println(res.Account.Balance, res.Replayed)
	}
	pay.Amount = money.FromMinor(700, eur)
	_, err = engine.Do(ctx, pay)
	fmt.Println(errors.Is(err, billing.ErrKeyReused))
	// Output:
	// 0.00 EUR false
	// 0.00 EUR true
	// 0.00 EUR true
	// true
}

// Verify reads all books and yields what must not be; here nothing.
func ExampleEngine_Verify() {
	ctx := context.Background()
	clock := atNoon(2026, time.January, 31)
	engine, _ := exampleShop(clock)
	for _, name := range []string{"jane", "joe"} {
		_, err := engine.Do(ctx, billing.Signup{Seller: "acme", Name: name, Plan: "basic", Period: billing.Months(12)})
		check(err)
	}
	clock.Set(time.Date(2028, time.March, 1, 3, 0, 0, 0, time.UTC))
	report, err := engine.Run(ctx, billing.NewDate(2028, time.March, 1), billing.RunOptions{})
	check(err)
	fmt.Println(report.Boundary, "boundaries,", report.Documents, "documents")
	findings := 0
	for f, err := range engine.Verify(ctx, billing.VerifyOptions{}) {
		check(err)
		fmt.Println(f)
		findings++
	}
	fmt.Println(findings, "findings")
	// Output:
	// 50 boundaries, 4 documents
	// 0 findings
}

// Promotions add up, end by themselves, and are entries of their own.
func ExampleSignup_promotion() {
	ctx := context.Background()
	clock := atNoon(2026, time.April, 1)
	engine, _ := exampleShop(clock)
	recurring := []billing.EntryKind{billing.EntryRecurring}
	res, err := engine.Do(ctx, billing.Signup{
		Seller: "acme", Name: "jane", Plan: "basic",
		Promotions: []billing.PromotionGrant{
			{Code: "SPRING", Percent: decimal.NewFromInt(20), Kinds: recurring, Periods: 1},
			{Code: "LOYAL", Percent: decimal.NewFromInt(20), Kinds: recurring},
		},
	})
	check(err)
	clock.Set(time.Date(2026, time.May, 1, 3, 0, 0, 0, time.UTC))
	_, err = engine.Run(ctx, billing.NewDate(2026, time.May, 1), billing.RunOptions{})
	check(err)
	for e, err := range engine.Entries(ctx, billing.EntryQuery{Account: res.Account.ID}) {
		check(err)
		fmt.Println(e.Date, e.Kind, e.Resource, e.Amount)
	}
	// Output:
	// 2026-04-01 recurring account 5.00 EUR
	// 2026-04-01 discount account -2.00 EUR
	// 2026-04-01 tax VAT 0.60 EUR
	// 2026-05-01 recurring account 5.00 EUR
	// 2026-05-01 discount account -1.00 EUR
	// 2026-05-01 tax VAT 0.80 EUR
}

// A refusal is a value: its code, what it is about, and what to do.
func ExampleRefusal() {
	ctx := context.Background()
	engine, _ := exampleShop(atNoon(2026, time.April, 1))
	_, err := engine.Do(ctx, billing.Signup{Seller: "acme", Name: "jane", Plan: "gold"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, billing.ErrUnknownPlan), errors.Is(err, tierhost.ErrNotFound), tierhost.EffectOf(err))
	// Output:
	// billing: signup refused: unknown_plan: the seller has no plan gold
	// true true none
}
