// Package stripe takes cards through Stripe: PaymentIntents, SetupIntents, refunds and
// webhooks of the API version [Version].
//
//	m, err := gateways.New(store, gateways.Options{Gateways: map[string]gateways.Gateway{"stripe": stripe.New(stripe.Options{})}, …})
//	a, err := m.PutAccount(ctx, gateways.Account{ID: "acc", Seller: "shop", Gateway: "stripe", Live: true, Active: true,
//		Brands: map[gateways.Brand]int{gateways.Visa: 0}, Config: json.RawMessage(`{"publishable":"pk_live_…"}`)},
//		secret.New(`{"key":"sk_live_…","webhooks":["whsec_…"]}`))
//
// # Cards
//
// A customer gives the card to Stripe's script in the browser, never to the host.
// [Gateway.Keep] makes a customer and a SetupIntent at Stripe; the [Script] in the action is
// what the script needs. [Gateway.Kept] then returns the token, which is the ID of a payment
// method.
//
// # Payments
//
// Each operation that charges is a PaymentIntent that is made and confirmed in one request.
// The operation's ID is the Idempotency-Key, and stands in the metadata as "operation", by
// which Find sees it after the 24 hours for which Stripe keeps keys. If the answer was lost,
// Find lists the intents that were made within six hours of the time, as the host's clock has
// it; it does not use Stripe's search, which lags behind. Of other customers' intents, which
// such a list holds, nothing is recorded in the charge log.
//
// If the issuer wants to ask a customer who is there, the outcome is pending, the action
// holds a [Script] again, and Result.Expires is a day after the PaymentIntent was made; Stripe
// itself sets no time for it. Without the customer it is a decline gateways.DeclineAsk.
//
// A void lets go of what was authorized. What was charged is refunded.
//
// Facts of results: "charge", "avs_line1", "avs_postal_code", "cvc", "risk", "failure".
//
// # Amounts
//
// Stripe counts in units of its own, which are not always the minor units of ISO 4217: the
// ariary has none, the króna has two that must be 00, the dinars have three of which the
// last must be 0. UGX is refused, because what Stripe has published about it contradicts
// itself, and a wrong guess is a hundred times the money.
//
// # Notifications
//
// The account's notification URL takes webhooks of the types payment_intent.*,
// setup_intent.*, refund.*, charge.refund.updated and charge.dispute.*; others are known and
// ignored. They come in any order, so they are only a reason to ask what is true now, except
// for disputes and for refunds that have failed: a refund can fail weeks after it has
// succeeded, and stays so, which the notice says. Disputes are booked as Stripe moves money
// for them: charge.dispute.funds_withdrawn as lost, charge.dispute.funds_reinstated as
// regained. Signatures are checked on the raw body, with every secret that the account has, as two are needed
// while one is replaced, and may be five minutes old.
//
// # How far it is proven
//
// Peer-tested, but never against Stripe itself: what is sent is checked by stripe-mock,
// which is Stripe's own check of requests by its published description, and signatures are
// checked against stripe-go's in both directions. How Stripe behaves (declines, keys that
// are used again, states, refunds) is checked against a server of ours that was written by
// Stripe's documentation. Nothing proves the flow of 3-D Secure in a browser, and the codes
// with which real issuers decline.
package stripe
