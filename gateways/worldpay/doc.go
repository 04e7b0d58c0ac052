// Package worldpay takes money on WorldPay's hosted page, by the XML interface of its
// corporate gateway (WPG).
//
//	m, err := gateways.New(store, gateways.Options{Gateways: map[string]gateways.Gateway{"worldpay": worldpay.New(worldpay.Options{})}, …})
//	a, err := m.PutAccount(ctx, gateways.Account{ID: "acc", Seller: "shop", Gateway: "worldpay", Live: true, Active: true,
//		Config: json.RawMessage(`{"merchant":"SHOPCODE","installation":"1234567"}`)}, secret.New(`{"user":"…","password":"…"}`))
//
// # Payments
//
// [Gateway.Begin] submits an order whose code is the operation's ID, which WorldPay takes
// once, and returns its page. A charge is captured at once, and is approved when WorldPay
// says that it was captured; an authorization is captured by the seller.
//
// Captures and refunds are of all there is: an order tells what was last done to it, and
// not by which request, so that parts could not be told apart. Each has the operation's ID
// as its Idempotency-Key; WorldPay refuses a key that it has had, and then the order is
// looked at.
//
// WorldPay receives a modification at once and makes it later: a capture within a day, a
// refund within weeks. Until the order shows another event than it did before, what was
// received is pending; a refund that was sent (SENT_FOR_REFUND) is too, until it is REFUNDED
// or, three days after it was asked for, REFUND_FAILED, which may be told late of another. If
// the answer was lost, the outcome is not known for three days; an order that shows nothing
// of it then never will. A refund that fails as one before it did, and was not seen under
// way, stays pending, and staff decides by [gateways.Manager.Resolve].
//
// # Amounts
//
// They are written with their exponent. Currencies whose exponent WorldPay counts otherwise
// than ISO 4217 does, or may do, are refused.
//
// Facts of results: "last_event", "return_code".
//
// # Notifications
//
// WorldPay's order notifications are not signed: they are a reason to look. WorldPay wants
// to hear [OK].
//
// # Chargebacks
//
// They are not booked: what tells of them (CHARGED_BACK, CHARGEBACK_REVERSED) is not signed
// and names no amount. The desk enters them by [gateways.Manager.EnterDispute], as
// WorldPay's statements have them.
//
// # How far it is proven
//
// Documentation-only: WorldPay has never answered this package, and its document type was not
// at hand. A server of ours checks the form of requests and answers as documented. The
// parameters of the page's address, what the interface says of a key that it has had, the
// numbers of errors, and that an order which is submitted again gets the same page, are from
// memory of the documentation. The events are those of its payment status definitions.
package worldpay
