// Package manual is the gateway for money that no machine takes: checks, bank transfers and
// cash. Customers are told where to send it, staff records what came, and the payment is
// settled in the same way as any other.
//
//	desk, err := manual.New(manual.Options{})
//	m, err := gateways.New(store, gateways.Options{Gateways: map[string]gateways.Gateway{"transfer": desk}, …})
//	p, err := m.Checkout(ctx, gateways.CheckoutRequest{Account: "acc_transfer", …}) // the customer is going to pay
//	p, err = desk.Record(ctx, m, manual.Receipt{Account: "acc_transfer", Payment: p.ID, Reference: "statement 7/12", Amount: amount, By: "ann"})
//
// # What comes
//
// A receipt has a reference, such as the number of the check or the line of the bank's
// statement. One reference of an account is one receipt: recorded again, for the same
// payment and with the same amount, it changes nothing; for another payment or with another
// amount it fails with [ErrReferenceUsed]. After [Gateway.Refuse] nothing is recorded any
// more: what comes all the same belongs to a payment of its own.
//
// If the amount differs from what was asked for, the payment is parked with
// gateways.ParkAmount and nothing is booked, as with any provider. With Receipt.Accept it is
// booked as it came: less leaves the rest owed, more is the customer's credit. Another
// receipt for the same payment is refused; it belongs to a payment of its own.
//
// A check that the bank does not honour, and a transfer that it takes back, is
// [Gateway.Bounced], which is booked as money lost.
//
// Facts of results: "recorded_by", "received", "amount".
//
// # What goes
//
// A refund is money that staff sends. It is pending until [Gateway.Record] says that it was
// sent, with Receipt.Operation, or [Gateway.Refuse] that it was not.
//
// # How far it is proven
//
// All of it is ours: there is no provider. Nothing of it comes from outside, so an account
// needs no secret; what is recorded is handed to the manager in this process, signed with a
// key that lives as long as the gateway. Each process has a gateway of its own. What comes
// to the account's notification URL from outside is refused.
package manual
