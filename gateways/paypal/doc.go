// Package paypal takes money on PayPal's page: Orders v2, Payments v2 and webhooks.
//
//	m, err := gateways.New(store, gateways.Options{Gateways: map[string]gateways.Gateway{"paypal": paypal.New(paypal.Options{})}, …})
//	a, err := m.PutAccount(ctx, gateways.Account{ID: "acc", Seller: "shop", Gateway: "paypal", Live: true, Active: true,
//		Config: json.RawMessage(`{"webhook":"5GP028458E2496506"}`)}, secret.New(`{"client":"…","secret":"…"}`))
//	p, err := m.Checkout(ctx, gateways.CheckoutRequest{Account: "acc", Return: "https://shop.example/back", …}) // p.Action.URL is PayPal's page
//
// # Payments
//
// [Gateway.Begin] makes an order. When the payer has approved it nothing is taken yet: the
// seller has to say so. [Gateway.Find] does, as what an approved order was begun for: it
// captures or authorizes it, once, whoever asks how often. That is the one thing that a
// look changes here. It is asked when the customer comes back, when the notification
// CHECKOUT.ORDER.APPROVED comes, and by the manager's own looks, whichever is first. Of
// what was declined or given up before it only reads (gateways.Operation.Over): the customer
// may have paid otherwise, and what is approved then is never taken. An order whose customer was never told of it (the answer to Begin was lost) can take nothing.
// One that PayPal has dropped, as it does with what nobody approves, is pending until the
// payment's time is over.
//
// An order that is completed is no money: what counts is the status of its capture, which
// may be pending for days with an electronic check.
//
// # References
//
// A payment is called by its order, such as "5O190127TN364715T", and when it was captured
// or authorized by that too: "5O190127TN364715T/capture/3C679366HH908993F". A refund is
// called by its own ID. An order can have several captures: what was declined does not hide
// what was paid after it, all that stands counts, and the capture of an authorization is
// the one whose invoice_id is the operation that it was made for.
//
// # Keys
//
// The operation's ID is the PayPal-Request-Id, which PayPal keeps for 6 hours with orders
// and 45 days with refunds and captures of authorizations. It is the order's invoice_id too:
// an account that refuses invoices twice, which is a setting at PayPal, then refuses a
// second capture for ever. And it is the custom_id, by which notifications and Find know
// what they are about.
//
// # Notifications
//
// The account's notification URL takes CHECKOUT.ORDER.*, PAYMENT.* and CUSTOMER.DISPUTE.*.
// PayPal itself is asked whether a notification is its own, so that each costs a request;
// the address of a certificate that the notification brings is not followed. One older than
// four days is refused: PayPal tries again for three. They are reasons to look, except for
// PAYMENT.CAPTURE.REVERSED and for refunds that have failed, of which they say so.
//
// # Disputes
//
// PAYMENT.CAPTURE.REVERSED is booked as money lost, of as much as was taken back; PayPal is
// asked whose capture it was if the notification does not say. One that does not tell how
// much was taken back books nothing: it is parked in the inbox, and the desk decides.
// CUSTOMER.DISPUTE.* moves nothing. Money that comes back after a dispute, and what is
// taken without such a notification, the desk enters by [gateways.Manager.EnterDispute], as
// PayPal's statements have it.
//
// # How far it is proven
//
// Schema-tested: each field of each request is checked, by a server of ours, against tables
// that were written from PayPal's published description of both interfaces; the server's
// answers have the statuses and issues of that description. The requests of the tests were
// also held against the description itself, once and by another validator. PayPal itself has never
// answered this package. Not proven are the approval in a browser, what an account's
// settings change, and the payloads of notifications, which the description leaves open.
package paypal
