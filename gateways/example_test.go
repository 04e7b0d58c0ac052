package gateways_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// shop is a manager of a seller with an account at a test provider, and a card that a
// customer has given.
func shop() (*gateways.Manager, *fake.Provider, *tierhost.TestClock, gateways.InstrumentID) {
	ctx := context.Background()
	provider, clock := fake.New(fake.Options{}), tierhost.NewTestClock(time.Date(2031, 5, 1, 9, 0, 0, 0, time.UTC))
	keys := must(secret.NewKeyring(must(secret.GenerateKey("2031"))))
	m := must(gateways.New(memory.New(), gateways.Options{
		Clock: clock, Gateways: map[string]gateways.Gateway{"test": provider}, Sealer: keys, Rand: func() float64 { return 0 },
		Settler: gateways.SettlerFunc(func(_ context.Context, _ storage.Tx, s gateways.Settlement) error {
			fmt.Println("booked:", s.Kind, s.Amount, "for", s.Purpose)
			return nil
		}),
	}))
	must(m.PutAccount(ctx, gateways.Account{
		ID: "acme-cards", Seller: "acme", Gateway: "test", Active: true, Brands: map[gateways.Brand]int{gateways.Visa: 0},
	}, secret.New("the provider's key")))
	card := gateways.Card{Brand: gateways.Visa, LastFour: "4242"}
	provider.Put("tok_1", card) // the provider's script has made it in the customer's browser
	kept := must(m.Keep(ctx, gateways.KeepRequest{
		Seller: "acme", Customer: "ann", Account: "acme-cards", Token: gateways.Token{Value: secret.New("tok_1")}, Card: card,
	}))
	return m, provider, clock, kept.ID
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A payment, and a part of it given back. The same key is the same payment.
func ExampleManager_Charge() {
	ctx := context.Background()
	m, _, _, card := shop()
	q := gateways.ChargeRequest{Key: "invoice 7", Seller: "acme", Customer: "ann", Purpose: "invoice 7", Amount: eur("10.00"), Instrument: card}
	p := must(m.Charge(ctx, q))
	fmt.Println(p.Phase, p.Card)
	fmt.Println("again:", must(m.Charge(ctx, q)).ID == p.ID)
	p = must(m.Refund(ctx, gateways.MoveRequest{Key: "goodwill", Payment: p.ID, Amount: eur("4.00")}))
	fmt.Println(p.Refunded(), "given back,", p.Refundable(), "left")
	// Output:
	// booked: received 10.00 EUR for invoice 7
	// paid visa ending in 4242
	// again: true
	// booked: returned 4.00 EUR for invoice 7
	// 4.00 EUR given back, 6.00 EUR left
}

// The answer of a provider is lost after it has taken the money: it is looked up, and not
// asked for again.
func ExampleManager_Step() {
	ctx := context.Background()
	m, provider, clock, card := shop()
	provider.Script(fake.Script{After: true})
	p := must(m.Charge(ctx, gateways.ChargeRequest{Key: "invoice 8", Seller: "acme", Customer: "ann", Purpose: "invoice 8", Amount: eur("10.00"), Instrument: card}))
	fmt.Println(p.Phase)
	clock.Advance(must(m.NextDue(ctx)).Sub(clock.Now()))
	must(m.Step(ctx))
	fmt.Println(must(m.Payment(ctx, p.ID)).Phase)
	for _, c := range provider.Calls() {
		fmt.Println(c.Method, c.Verb)
	}
	// Output:
	// open
	// booked: received 10.00 EUR for invoice 8
	// paid
	// do charge
	// find charge
}

// A card that is declined for now is tried again a day later; a payment with it meanwhile
// waits.
func ExampleRetryRules() {
	ctx := context.Background()
	m, provider, clock, card := shop()
	provider.Script(fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}})
	charge := func(key string) gateways.PaymentID {
		p := must(m.Charge(ctx, gateways.ChargeRequest{Key: key, Seller: "acme", Customer: "ann", Purpose: key, Amount: eur("10.00"), Instrument: card}))
		fmt.Println(key, "is", p.Phase, "until", p.Again.Format(time.DateTime))
		return p.ID
	}
	charge("invoice 9")
	charge("domain")
	clock.Advance(24 * time.Hour)
	for must(m.Step(ctx)) {
	}
	// Output:
	// invoice 9 is waiting until 2031-05-02 09:00:00
	// domain is waiting until 2031-05-02 09:00:00
	// booked: received 10.00 EUR for invoice 9
	// booked: received 10.00 EUR for domain
}

// A customer pays on the provider's page.
func ExampleManager_Checkout() {
	ctx := context.Background()
	m, provider, _, _ := shop()
	p := must(m.Checkout(ctx, gateways.CheckoutRequest{
		Key: "press 1", Seller: "acme", Customer: "ann", Purpose: "invoice 10", Amount: eur("10.00"), Account: "acme-cards",
		Return: "https://panel.acme.example/paid",
	}))
	fmt.Println(p.Phase)
	operation := p.Attempts[0].ID
	provider.Pay(operation) // the customer does
	for range 2 {           // the customer's return and a notification, in any order
		fmt.Println(must(m.Settle(ctx, "acme-cards", operation, "")).Phase)
	}
	// Output:
	// action
	// booked: received 10.00 EUR for invoice 10
	// paid
	// paid
}

// Where cards of a brand go is a pure function of the seller's accounts.
func ExampleRoute() {
	able := map[string]gateways.Capabilities{"test": fake.New(fake.Options{}).Capabilities()}
	accounts := []gateways.Account{
		{ID: "spare", Seller: "acme", Gateway: "test", Active: true, Brands: map[gateways.Brand]int{gateways.Visa: 1}},
		{ID: "main", Seller: "acme", Gateway: "test", Active: true, Brands: map[gateways.Brand]int{gateways.Visa: 0}},
		{ID: "parent", Seller: "host", Gateway: "test", Active: true, Brands: map[gateways.Brand]int{gateways.Amex: 0}},
	}
	for _, a := range must(gateways.Route("acme", accounts, able, gateways.Visa, gateways.VerbCharge, eur("10.00"))) {
		fmt.Println(a.ID)
	}
	_, err := gateways.Route("acme", accounts, able, gateways.Amex, gateways.VerbCharge, eur("10.00"))
	fmt.Println(tierhost.CodeOf(err))
	fmt.Println(gateways.Offered("acme", accounts, able, eur("10.00")), gateways.Offered("nobody", accounts, able, eur("10.00")))
	// Output:
	// main
	// spare
	// no_gateway
	// [visa] []
}
