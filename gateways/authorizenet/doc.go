// Package authorizenet takes cards through Authorize.Net: its XML interface with customer
// profiles, refunds or voids as settlement allows, and webhooks.
//
//	m, err := gateways.New(store, gateways.Options{Gateways: map[string]gateways.Gateway{"authorizenet": authorizenet.New(authorizenet.Options{})}, …})
//	a, err := m.PutAccount(ctx, gateways.Account{ID: "acc", Seller: "shop", Gateway: "authorizenet", Live: true, Active: true,
//		Brands: map[gateways.Brand]int{gateways.Visa: 0}, Config: json.RawMessage(`{"currency":"USD"}`)},
//		secret.New(`{"login":"…","transaction_key":"…","signature_key":"…","signature_encoding":"hex"}`))
//
// # Cards
//
// [Gateway.Keep] makes a customer profile and returns Authorize.Net's own page, by POST,
// on which the customer gives the card; [Gateway.Kept] finds what was added there. Each keeping
// has a customer profile of its own, so that two of them never claim one card, and a customer
// with several cards has several profiles. A token is the ID of a payment profile, and its
// customer that of the customer profile.
//
// # Payments
//
// Authorize.Net has no keys that make a request repeatable. Each operation that moves money
// has an invoice number of its own, made of its ID, by which it is found: [Gateway.Do] looks
// for it before it charges or refunds, among what is not settled and the batches that were
// settled since, and asks for the longest window in which the same again is refused, which
// is eight hours. What is not safe about that: two calls for one operation at the very same
// time are told apart by that window only. A capture has no name of its own: whoever asks
// for one of what is captured already hears that it is. Of the other transactions in the
// lists nothing is recorded in the charge log.
//
// An account has one currency. The answer to a charge names no amount unless a part was
// approved, which this package never asks for; so the amount of a result is what was asked
// for, unless the answer says otherwise, and Find tells it from the details.
//
// # Refunds
//
// What is not settled yet, for up to a day, cannot be refunded: a refund of all of it is made
// as a void, and one of a part is refused until then. What is settled is refunded to the last
// four digits of the card, which Authorize.Net tells itself.
//
// Facts of results: "auth_code", "avs", "cvv", "reason".
//
// # Notifications
//
// The account's notification URL takes webhooks net.authorize.payment.*, signed with
// HMAC-SHA512. Whether the key is the hexadecimal digits that they show, or what those stand
// for, is told differently by different people; so the account says which
// ([Secret.Encoding]), and never are both accepted. A notification carries its date within
// what is signed; one older than four days is refused. It is a reason to look.
//
// # Chargebacks
//
// Authorize.Net has no webhook for them: the desk enters them (and returned items) by
// [gateways.Manager.EnterDispute], as the merchant account's statements have them.
//
// # How far it is proven
//
// Schema-tested: a server of ours checks the order, the names and the lengths of all
// elements, which the interface demands in the order of its schema; and the requests of the
// tests were held against Authorize.Net's own schema, once, as its licence does not let it
// be part of this module. What Authorize.Net answers is documentation-only: the server
// answers as documented, with the mark of UTF-8 before each answer. The encoding of the
// signature key is not proven, the reason codes are as several sources tell them, and that
// lists hold declines is told by one.
package authorizenet
