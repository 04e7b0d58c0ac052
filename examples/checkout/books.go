package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
)

// books books money that has moved, in the transaction that stores that it has.
type books struct {
	engine *billing.Engine
	// live: they are of real money. Else they are of what a provider's test system has moved,
	// which must never pay an invoice of the others.
	live bool
}

// Settled implements [gateways.Settler].
func (b books) Settled(ctx context.Context, tx storage.Tx, s gateways.Settlement) error {
	if s.Live != b.live {
		return tierhost.E("checkout", tierhost.KindPrecondition, "other_money", fmt.Errorf("live: %t, and these books are of live: %t", s.Live, b.live))
	}
	n, err := strconv.ParseInt(s.Customer, 10, 64)
	if err != nil {
		return tierhost.E("checkout", tierhost.KindInvalid, "no_account", fmt.Errorf("%.40q is no account", s.Customer))
	}
	// The settlement is unique for ever, so its ID is the key: it cannot be booked twice.
	request := billing.Request{Key: "settlement/" + s.ID}
	var act billing.Action
	switch s.Kind {
	case gateways.Received, gateways.Regained, gateways.Undone: // the customer's money
		act = billing.Pay{Request: request, Account: billing.AccountID(n), Amount: s.Amount, Reference: s.Reference}
	default: // it has gone back to the customer
		act = billing.Debit{Request: request, Account: billing.AccountID(n), Amount: s.Amount, Reference: s.Reference}
	}
	_, err = b.engine.In(tx).Do(ctx, act)
	return err
}
