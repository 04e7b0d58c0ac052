package gateways

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Settler books money that has moved. The host wires it to its books: package billing's
// engine, with the settlement's ID as the key. What is paid otherwise the host tells the
// manager by [Manager.Cancel], so that no payment that waits for its next try is charged.
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
	Returned SettlementKind = "returned" // to the customer, by a refund, or by a void of what was booked as received
	Lost     SettlementKind = "lost"     // taken back by the customer's bank
	Regained SettlementKind = "regained" // a dispute that was lost before and is won
	// Undone: a refund that was booked as Returned has come back, as the customer's bank does
	// not take it. The seller has the money again, and owes it to the customer still.
	Undone SettlementKind = "undone"
)

// Settlement is money that has moved.
type Settlement struct {
	// ID is unique for ever: that of the operation, with "/undone" if it is undone, or of the
	// dispute.
	ID       string
	Kind     SettlementKind
	Payment  PaymentID
	Seller   string
	Customer string
	Purpose  string
	Account  AccountID
	Live     bool        // real money; else the provider's test system has moved none
	Amount   money.Money // above zero
	// Reference is what the provider calls it.
	Reference string
	Reason    string // of a refund or a dispute, in the words of whoever asked for it
	At        time.Time
}

// settle has the host book what an attempt has moved, or that it was undone. What is only
// set aside is not booked.
func (u *unit) settle(ctx context.Context, p *Payment, a *Attempt) error {
	at, err := u.at(ctx, a.Account)
	if err != nil {
		return err
	}
	s := Settlement{
		ID: string(a.ID), Payment: p.ID, Seller: p.Seller, Customer: p.Customer, Purpose: p.Purpose, Account: a.Account, Live: at.Live,
		Amount: a.Amount, Reference: a.Reference, Reason: a.Reason, At: u.now,
	}
	switch {
	case a.Verb == VerbCharge, a.Verb == VerbCapture:
		s.Kind = Received
	case a.Verb == VerbRefund && a.State == AttemptUndone:
		s.ID, s.Kind, s.Reason = s.ID+"/undone", Undone, a.Decline.Code
	case a.Verb == VerbRefund, a.Verb == VerbVoid && !p.Captured().IsZero():
		s.Kind = Returned
	default:
		return nil
	}
	a.Settled = true
	return u.m.opt.Settler.Settled(ctx, u.tx, s)
}

// at returns an account, which the unit may have already.
func (u *unit) at(ctx context.Context, id AccountID) (Account, error) {
	if u.account.ID == id {
		return u.account, nil
	}
	return u.rows.Account(ctx, id)
}
