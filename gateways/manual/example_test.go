package manual_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/manual"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/memory"
)

// A customer is going to send a check. It comes, of less than was asked for, and is taken
// all the same.
func Example() {
	ctx := context.Background()
	desk := manual.New(manual.Options{})
	m, err := gateways.New(memory.New(), gateways.Options{Gateways: map[string]gateways.Gateway{"check": desk}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = m.PutAccount(ctx, gateways.Account{
		ID: "checks", Gateway: "check", Active: true,
		Config: json.RawMessage(`{"method": "check", "lines": ["Payable to Example Hosting", "1 Main Street, Springfield"]}`),
	}, secret.Text{})
	if err != nil {
		log.Fatal(err)
	}
	dollar, err := money.ISO("USD")
	if err != nil {
		log.Fatal(err)
	}
	p, err := m.Checkout(ctx, gateways.CheckoutRequest{
		Key: "invoice 41", Customer: "anna", Number: "41", Amount: money.FromMinor(12_500, dollar), Account: "checks", Return: "https://shop.example/paid",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Phase, string(p.Action.Client))

	came := manual.Receipt{Account: "checks", Payment: p.ID, Reference: "check 1007", Amount: money.FromMinor(12_000, dollar), By: "ann"}
	if p, err = desk.Record(ctx, m, came); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Parked.Reason)
	came.Accept = true
	if p, err = desk.Record(ctx, m, came); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Phase, p.Captured())
	// Output:
	// action {"method":"check","lines":["Payable to Example Hosting","1 Main Street, Springfield"],"amount":"125.00 USD","write":"41"}
	// amount_differs
	// paid 120.00 USD
}
