// Firstprogram sells five mailboxes on 31 January and bills them again in February.
package main

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/memory"
)

func main() {
	ctx, books := context.Background(), must(billing.New(memory.New(), billing.Options{}))
	check(books.DefineResources(ctx, billing.Resource{ID: "mailbox"}))
	check(books.PutSeller(ctx, billing.Seller{ID: "acme", Currency: must(money.ISO("EUR"))}))
	must(books.PublishPlan(ctx, billing.Plan{Seller: "acme", ID: "mail", Open: true}, billing.Terms{Resources: []billing.Line{{
		Resource: "mailbox", AtSignup: decimal.NewFromInt(5),
		Prices: billing.Prices{Recurring: new(decimal.RequireFromString("4.90"))}, // each, a month
	}}}))
	signup := billing.Signup{Seller: "acme", Name: "ann", Plan: "mail"}
	signup.On = billing.NewDate(2026, 1, 31) // left out: today
	ann := must(books.Do(ctx, signup)).Account.ID
	must(books.Run(ctx, billing.NewDate(2026, 2, 28), billing.RunOptions{})) // each night
	for d, err := range books.Documents(ctx, billing.DocumentQuery{Account: ann}) {
		fmt.Println(must(d, err).Date, d.Kind, d.Number, d.Total)
	}
	fmt.Println("balance", must(books.Balance(ctx, ann, billing.Date{})))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(err error) { must(0, err) }
