// Package gateways takes money in, once: accounts at payment providers, instruments that
// are charged again, payments with every outcome there is, and payments on providers'
// pages.
//
// Hosts hold a [Manager]; providers are behind [Gateway] and its abilities [Web], [Vault]
// and [Notifier]; money that has moved reaches the host's books through [Settler].
//
// # Accounts
//
// Each seller has [Account]s of its own at providers, made by [Manager.PutAccount]. Cards go
// to accounts by their brand, in an order ([Route]): the next account is asked only if the
// one before could not be reached and has certainly done nothing, never after a decline or
// an answer that was lost. Nobody's money goes through the account of a parent. [Offered]
// tells which brands a seller takes; none: there is no card option.
//
// # Instruments
//
// An [Instrument] is a token of a provider with what may be known of the card. Customers
// give it to the provider: on its page or in the browser after [Manager.Register], or by
// the provider's script, whose token the host gives to [Manager.Keep]. What looks like the
// number of a card is refused in every text, and masked in what providers say. Secrets of
// accounts, tokens, and what customers have to do are sealed by [Options.Sealer] before they
// are stored, and sealed anew by [Manager.Reseal] when its key has changed.
//
// # Payments
//
// [Manager.Charge] and [Manager.Checkout] write the intent first, then ask the provider with
// the operation's ID as its key, then write the outcome:
//
//   - approved: it is booked in the same transaction;
//   - declined softly: it is tried again as [RetryRules] say, and other payments with the
//     instrument wait; declined hard, or too often: the instrument is blocked until
//     [Manager.Reset]; declined as its issuer wants to ask the customer ([DeclineAsk]): the
//     customer is told, and pays with it while present;
//   - pending: the customer or a bank has to do something;
//   - failed before it had an effect: another account is asked, or it is tried again;
//   - unknown: it is looked up by [Manager.Step], and never repeated blindly.
//
// What moves otherwise than it was asked to, in amount or a second time, is in suspense: the
// payment is parked, and staff decides by [Manager.Resolve]. A refund that comes back and an
// authorization that runs out are undone, and what a bank takes back is lost: by a notice of
// the provider's, or by [Manager.EnterDispute]. [Manager.Capture],
// [Manager.Void] and [Manager.Refund] never move more than there is. [Manager.Cancel] ends
// what waits to be tried again: the host calls it when an invoice is paid otherwise. [Manager.ChargeLog] has
// what was said to the provider and its answers, without secrets.
//
// # Pages and notifications
//
// The customer's return ([Manager.Returned]), notifications ([Manager.Handler]) and the
// worker meet in [Manager.Settle]: in any order and number there is one credit.
// Notifications are kept in an inbox before they are answered, and one is done when what it
// is about was found out, not when it came. Staff sees what fails by [Manager.Notices], and
// ends it by [Manager.RetryNotice] or [Manager.DiscardNotice].
//
// # Work
//
// [Manager.Step] does one thing that is due; [Manager.Run] is a loop around it. Any number
// of processes may run it. The manager starts no goroutine.
//
// # Events
//
// [DecodeEvent] reads this package's events, which are in the store's outbox in the
// transaction of what they tell: [PaymentChanged], [PaymentDeclined] and
// [InstrumentBlocked], of which the customer is to be told, [InstrumentKept],
// [RefundChanged], and [PaymentParked] and [NoticeStuck] for staff.
//
// # Errors
//
// What a gateway says is an outcome of the payment and no error of the manager. Faults of
// requests come all at once as a [github.com/tierhost/tierhost.Invalid]; the sentinels of
// this package have kinds of the kernel.
//
// # Implementing a gateway
//
// The comments of [Gateway], [Web], [Vault] and [Notifier] are normative;
// gatewaytest.TestGateway checks them, and docs/implementing-a-gateway.md begins with a
// failing test.
//
// # Implementing a store
//
// The comments of [Rows] are normative; gatewaytest.TestStore checks them.
package gateways
