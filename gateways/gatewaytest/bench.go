package gatewaytest

import (
	"context"
	"fmt"
	"testing"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// BenchmarkCharge measures what [gateways.Manager.Charge] does on a store beside a provider
// that answers at once: read the request's key, the instrument and the route, write the
// intent with its event, then the outcome with its event, the charge log and the
// statistics. floor makes the n-th pair of transactions that only write the same rows, in
// turns with it. It reports both rates and the share of the floor's rate that is left.
func BenchmarkCharge(b *testing.B, open func(b *testing.B) gateways.Store, floor func(b *testing.B) func(ctx context.Context, n int) error) {
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) { benchmarkCharge(b, open(b), floor(b), clients) })
	}
}

func benchmarkCharge(b *testing.B, st gateways.Store, floor func(ctx context.Context, n int) error, clients int) {
	ctx := b.Context()
	key, err := secret.GenerateKey("bench")
	if err != nil {
		b.Fatal(err)
	}
	ring, err := secret.NewKeyring(key)
	if err != nil {
		b.Fatal(err)
	}
	p := fake.New(fake.Options{})
	card := gateways.Card{Brand: gateways.Visa, LastFour: "4242"}
	p.Put("tok_bench", card)
	m, err := gateways.New(st, gateways.Options{Gateways: map[string]gateways.Gateway{"fake": p}, Sealer: ring})
	if err != nil {
		b.Fatal(err)
	}
	account := gateways.Account{ID: "a", Seller: "shop", Gateway: "fake", Active: true, Brands: map[gateways.Brand]int{gateways.Visa: 0}}
	if _, err := m.PutAccount(ctx, account, secret.New("sk_bench")); err != nil {
		b.Fatal(err)
	}
	var cards []gateways.InstrumentID
	for i := range 100 {
		kept, err := m.Keep(ctx, gateways.KeepRequest{
			Seller: "shop", Customer: fmt.Sprint("customer", i), Account: "a", Token: gateways.Token{Value: secret.New("tok_bench")}, Card: card,
		})
		if err != nil {
			b.Fatal(err)
		}
		cards = append(cards, kept.ID)
	}
	ids := tierhost.UUIDs()
	charge := func(ctx context.Context, n int) error {
		i := n % len(cards)
		paid, err := m.Charge(ctx, gateways.ChargeRequest{
			Key: ids.NewID("order"), Seller: "shop", Customer: fmt.Sprint("customer", i), Purpose: "invoice/2031-0042", Amount: euro(1000), Instrument: cards[i],
		})
		if err == nil && paid.Phase != gateways.PhasePaid {
			err = fmt.Errorf("the payment is %s", paid.Phase)
		}
		return err
	}
	conformance.InTurns(b, clients, 1, floor, charge, func(context.Context) error { return nil }, "payments/s")
}
