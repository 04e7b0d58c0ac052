package main

import (
	"context"
	"errors"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// The company sells under one name, in one currency. So do its resellers, each under
// and in its own: see resellers.go.
const seller billing.SellerID = "northwind"

// What there is to sell. A resource means the same in every plan.
const (
	rAccount   billing.ResourceID = "account"
	rDomain    billing.ResourceID = "domain"
	rMailbox   billing.ResourceID = "mailbox"
	rIP        billing.ResourceID = "ip"
	rDatabase  billing.ResourceID = "database"
	rTraffic   billing.ResourceID = "traffic"
	rDisk      billing.ResourceID = "disk"
	rMailstore billing.ResourceID = "mailstore"
)

// The plans.
const (
	pStart   billing.PlanID = "unix-start"
	pPro     billing.PlanID = "unix-pro"
	pWindows billing.PlanID = "windows"
	pMail    billing.PlanID = "mail"
	pTry     billing.PlanID = "unix-try"
)

func resources() []billing.Resource {
	return []billing.Resource{
		{ID: rAccount},
		{ID: rDomain},
		{ID: rMailbox},
		{ID: rIP},
		{ID: rDatabase},
		// A flow: the month's records are added up.
		{ID: rTraffic, Kind: billing.KindMonthly, Unit: "GB"},
		// Levels: the same bytes on disk, measured in two ways. Measures keeps a plan from
		// charging for both.
		{ID: rDisk, Kind: billing.KindMonthly, Unit: "GB", Aggregate: billing.AggregateAverage, Measures: "disk"},
		{ID: rMailstore, Kind: billing.KindMonthly, Unit: "GB", Aggregate: billing.AggregateP95, Measures: "disk"},
	}
}

// prices reads a list as people write it: setup, a month, and a unit above the limit.
// "" is no price of that kind.
func prices(setup, recurring, usage string) billing.Prices {
	read := func(s string) *decimal.Decimal {
		if s == "" {
			return nil
		}
		return new(decimal.RequireFromString(s))
	}
	return billing.Prices{Setup: read(setup), Recurring: read(recurring), Usage: read(usage)}
}

// line is a resource in a plan: so many units at signup, as many of them free.
func line(id billing.ResourceID, included, most int64, p billing.Prices) billing.Line {
	l := billing.Line{Resource: id, AtSignup: whole(included), Free: whole(included), Prices: p}
	if id == rAccount {
		l.Free = decimal.Decimal{} // the account itself is what costs the monthly fee
	}
	if most > 0 {
		l.Max = new(whole(most))
	}
	return l
}

func whole(n int64) decimal.Decimal { return decimal.NewFromInt(n) }

func periods() []billing.Period {
	return []billing.Period{billing.Months(1), billing.Months(3), billing.Months(12)}
}

// terms are what all plans have in common; who pays for longer pays less.
func terms(lines ...billing.Line) billing.Terms {
	return billing.Terms{
		Periods: periods(),
		Discounts: map[billing.Period]billing.Discounts{
			billing.Months(3):  {Recurring: whole(5), Setup: whole(50)},
			billing.Months(12): {Recurring: whole(15), Setup: whole(100)},
		},
		RefundPercent: new(whole(80)),
		MoneyBackDays: 30,
		CreditLimit:   whole(10),
		Resources:     lines,
	}
}

// startTerms are the terms of the small plan; its price rises during the year.
func startTerms(fee string) billing.Terms {
	return terms(
		line(rAccount, 1, 1, prices("9.00", fee, "")),
		line(rDomain, 1, 5, prices("", "1.20", "")),
		line(rMailbox, 5, 50, prices("", "0.45", "")),
		line(rIP, 0, 1, prices("5.00", "2.50", "")),
		line(rDatabase, 1, 5, prices("", "0.90", "")),
		line(rTraffic, 50, 0, prices("", "", "0.08")),
		line(rDisk, 5, 40, prices("", "0.25", "0.60")),
	)
}

// offer is a plan as it is published.
type offer struct {
	plan  billing.Plan
	terms billing.Terms
}

// offers are the plans as they are sold on 1 January. The plans for web sites are one
// group: customers change between them as they like.
func offers() []offer {
	pro := terms(
		line(rAccount, 1, 1, prices("15.00", "9.90", "")),
		line(rDomain, 5, 50, prices("", "0.95", "")),
		line(rMailbox, 25, 500, prices("", "0.35", "")),
		line(rIP, 1, 4, prices("5.00", "2.00", "")),
		line(rDatabase, 5, 50, prices("", "0.70", "")),
		line(rTraffic, 200, 0, prices("", "", "0.05")),
		line(rDisk, 25, 400, prices("", "0.20", "0.45")),
	)
	windows := terms(
		line(rAccount, 1, 1, prices("20.00", "14.90", "")),
		line(rDomain, 3, 50, prices("", "1.10", "")),
		line(rMailbox, 20, 500, prices("", "0.50", "")),
		line(rIP, 1, 4, prices("5.00", "2.50", "")),
		line(rDatabase, 2, 20, prices("", "3.50", "")),
		line(rTraffic, 150, 0, prices("", "", "0.07")),
		line(rDisk, 20, 400, prices("", "0.30", "0.60")),
	)
	mail := terms(
		line(rAccount, 1, 1, prices("", "1.50", "")),
		line(rDomain, 1, 10, prices("", "1.20", "")),
		line(rMailbox, 3, 1000, prices("", "0.80", "")),
		line(rMailstore, 6, 0, prices("", "0.15", "0.40")),
	)
	try := startTerms("4.90")
	try.Trial = billing.Trial{Days: 14, Free: true}
	return []offer{
		{billing.Plan{ID: pStart, Name: "Unix Start", Group: "web"}, startTerms("3.90")},
		{billing.Plan{ID: pPro, Name: "Unix Pro", Group: "web"}, pro},
		{billing.Plan{ID: pWindows, Name: "Windows", Group: "web"}, windows},
		{billing.Plan{ID: pMail, Name: "Mail only", Group: "mail"}, mail},
		{billing.Plan{ID: pTry, Name: "Unix, 14 days free", Group: "web"}, try},
	}
}

// promotion is what new customers are granted on a day.
func promotion(day billing.Date) []billing.PromotionGrant {
	if _, month, _ := day.YMD(); month != time.April {
		return nil
	}
	return []billing.PromotionGrant{{
		Code: "SPRING", Percent: whole(25), Periods: 2,
		Kinds: []billing.EntryKind{billing.EntrySetup, billing.EntryRecurring},
	}}
}

// openShop writes the catalog into empty books.
func openShop(ctx context.Context, books *billing.Engine) error {
	eur, err := money.ISO("EUR")
	if err != nil {
		return err
	}
	if err := books.DefineResources(ctx, resources()...); err != nil {
		return err
	}
	err = books.PutSeller(ctx, billing.Seller{
		ID: seller, Name: "Northwind Hosting", Currency: eur,
		Taxes: []billing.Tax{{Name: "VAT", Percent: whole(19)}},
	})
	if err != nil {
		return err
	}
	for _, o := range offers() {
		o.plan.Seller, o.plan.Open = seller, true
		if _, err := books.PublishPlan(ctx, o.plan, o.terms); err != nil {
			return err // a tierhost.Invalid says everything that is wrong with the terms
		}
	}
	return nil
}

// raisePrices publishes a new version of the small plan. Accounts stay on the version
// they bought until they are moved, and then pay the new price from their next period.
func raisePrices(ctx context.Context, books *billing.Engine) error {
	plan, err := books.Plan(ctx, seller, pStart)
	if err != nil {
		return err
	}
	if _, err := books.PublishPlan(ctx, plan, startTerms("4.40")); err != nil {
		return err
	}
	_, refused, err := books.MoveVersions(ctx, seller, pStart, 0)
	for _, r := range refused {
		err = errors.Join(err, r) // it holds what the new version does not allow
	}
	return err
}
