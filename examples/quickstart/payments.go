package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

// openPayments makes the manager of payments, with the test provider. What it takes is
// booked in the transaction that stores that it was taken.
func (c *company) openPayments() error {
	key, err := secret.GenerateKey("quickstart")
	if err != nil {
		return err
	}
	keys, err := secret.NewKeyring(key)
	if err != nil {
		return err
	}
	c.till, c.cards = fake.New(fake.Options{}), map[billing.AccountID]gateways.InstrumentID{}
	c.payments, err = gateways.New(c.store, gateways.Options{
		Clock: c.clock, Gateways: map[string]gateways.Gateway{"test": c.till}, Sealer: keys, Settler: gateways.SettlerFunc(c.settled),
	})
	return err
}

// settled books what a customer has paid.
func (c *company) settled(ctx context.Context, tx storage.Tx, s gateways.Settlement) error {
	if s.Kind != gateways.Received { // nothing is given back in this year
		return tierhost.E("quickstart", tierhost.KindUnsupported, "not_received", fmt.Errorf("%s %s", s.Amount, s.Kind))
	}
	id, err := strconv.ParseInt(s.Customer, 10, 64)
	if err != nil {
		return tierhost.E("quickstart", tierhost.KindInvalid, "no_account", err)
	}
	_, err = c.books.In(tx).Do(ctx, billing.Pay{
		Request: billing.Request{Key: "settlement/" + s.ID}, Account: billing.AccountID(id), Amount: s.Amount, Reference: s.Reference,
	})
	return err
}

// collect charges the card of a customer who owes. Each seller, resellers too, has an
// account of its own at the provider.
func (c *company) collect(ctx context.Context, p billing.Pay) error {
	who := c.byID[p.Account]
	card, err := c.card(ctx, p.Account)
	if err != nil {
		return err
	}
	a, err := c.books.Account(ctx, p.Account)
	if err != nil {
		return err
	}
	paid, err := c.payments.Charge(ctx, gateways.ChargeRequest{
		// The morning's work may be done twice: the key makes that harmless.
		Key: fmt.Sprintf("%s of %d", p.Key, p.Account), Seller: string(a.Seller), Customer: strconv.FormatInt(int64(p.Account), 10), Purpose: "balance",
		Text: "Hosting for " + who.name, Amount: p.Amount, Instrument: card,
	})
	if err == nil && paid.Phase != gateways.PhasePaid {
		err = fmt.Errorf("the payment of %s is %s", who.name, paid.Phase)
	}
	return err
}

// card is what a customer pays with: given to the provider when it is first needed.
func (c *company) card(ctx context.Context, id billing.AccountID) (gateways.InstrumentID, error) {
	if card, known := c.cards[id]; known {
		return card, nil
	}
	a, err := c.books.Account(ctx, id)
	if err != nil {
		return "", err
	}
	at := gateways.AccountID("cards of " + string(a.Seller))
	if _, err := c.payments.Account(ctx, at); errors.Is(err, gateways.ErrNoAccount) {
		_, err := c.payments.PutAccount(ctx, gateways.Account{
			ID: at, Seller: string(a.Seller), Gateway: "test", Active: true, Brands: map[gateways.Brand]int{gateways.Visa: 0},
		}, secret.New("the key of "+string(a.Seller)))
		if err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	visa := gateways.Card{Brand: gateways.Visa, LastFour: fmt.Sprintf("%04d", id%10000)}
	token := fmt.Sprintf("token of %d", id)
	c.till.Put(token, visa)
	kept, err := c.payments.Keep(ctx, gateways.KeepRequest{
		Seller: string(a.Seller), Customer: strconv.FormatInt(int64(id), 10), Account: at, Token: gateways.Token{Value: secret.New(token)}, Card: visa,
	})
	if err != nil {
		return "", err
	}
	c.cards[id] = kept.ID
	return kept.ID, nil
}
