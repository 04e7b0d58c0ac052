package gateways

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Settler books money that has moved. The host wires it to its books: package billing's
// engine, with the settlement's ID as the key.
//
// Settled is called in the transaction that stores the outcome: both are there, or
// neither is. It may be called again for a settlement whose transaction was rolled back,
// and never for one that was committed. An error rolls the transaction back; the payment
// is parked with the reason [ParkRefused] if the error will not pass by itself
// (tierhost.KindInvalid, KindNotFound, KindExists, KindPrecondition, KindUnsupported), and
// tried again else.
type Settler interface {
	Settled(ctx context.Context, tx storage.Tx, s Settlement) error
}

// SettlerFunc is a function that is a [Settler].
type SettlerFunc func(ctx context.Context, tx storage.Tx, s Settlement) error

// Settled calls f.
func (f SettlerFunc) Settled(ctx context.Context, tx storage.Tx, s Settlement) error {
	return f(ctx, tx, s)
}

// SettlementKind is which way money went.
type SettlementKind string

// The kinds of settlements.
const (
	Received SettlementKind = "received" // from the customer
	Returned SettlementKind = "returned" // to the customer, by a refund or a void
	Lost     SettlementKind = "lost"     // taken back by the customer's bank
	Regained SettlementKind = "regained" // a dispute that was lost before and is won
)

// Settlement is money that has moved.
type Settlement struct {
	// ID is unique for ever: that of the operation, or of the dispute.
	ID       string
	Kind     SettlementKind
	Payment  PaymentID
	Seller   string
	Customer string
	Purpose  string
	Account  AccountID
	Amount   money.Money // above zero
	// Reference is what the provider calls it.
	Reference string
	Reason    string // of a refund or a dispute, in the words of whoever asked for it
	At        time.Time
}
