package twocheckout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/twocheckout"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// A link is signed; making it asks nobody.
func ExampleGateway_Begin() {
	euro, err := money.ISO("EUR")
	if err != nil {
		log.Fatal(err)
	}
	g := twocheckout.New(twocheckout.Options{Clock: tierhost.NewTestClock(time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC))})
	begun, err := g.Begin(context.Background(), gateways.Place{
		Live: true, Config: json.RawMessage(`{"merchant": "250111206876"}`), Secret: secret.New(`{"key": "k", "word": "w"}`),
	}, gateways.Checkout{
		Operation: gateways.Operation{ID: "op-1", Verb: gateways.VerbCharge, Amount: money.FromMinor(1250, euro), Number: "41", Text: "Hosting"},
		Return:    "https://shop.example/back",
	})
	if err != nil {
		log.Fatal(err)
	}
	link, err := url.Parse(begun.Action.URL)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(link.Query().Get("prod"), link.Query().Get("price"), link.Query().Get("lock"), link.Query().Get("return-url"))
	// Output:
	// 41: Hosting 12.50 1 https://shop.example/back?operation=op-1
}
