// Package payflow takes cards through PayPal Payflow Pro: on its hosted page, and again by
// reference to what was paid there.
//
//	m, err := gateways.New(store, gateways.Options{Gateways: map[string]gateways.Gateway{"payflow": payflow.New(payflow.Options{})}, …})
//	a, err := m.PutAccount(ctx, gateways.Account{ID: "acc", Seller: "shop", Gateway: "payflow", Live: true, Active: true,
//		Brands: map[gateways.Brand]int{gateways.Visa: 0}, Config: json.RawMessage(`{"vendor":"shop","partner":"PayPal"}`)},
//		secret.New(`{"password":"…"}`))
//
// # Cards
//
// Customers give a card on Payflow's page, to which a secure token leads that is good for
// one payment and 20 minutes. What is kept is the reference of that transaction (PNREF), by
// which Payflow charges the card again for a year. [Gateway.Keep] has the page verify a
// card without charging it.
//
// # Keys
//
// The request ID is made of the operation's ID. Payflow answers one that it has had, for 30
// days at least, with what it answered before, and does not look at the rest of the
// request; such an answer without the amount counts as unknown. Each operation has a
// reference of its own (CUSTREF) too, by which Find asks, within 29 days from the day before
// it was begun: an inquiry of Payflow's looks no further.
//
// An authorization is called by its PNREF and "/authorization". Payflow gives back sales and
// captures only, so a refund looks for the capture, which has a CUSTREF made of the
// authorization's PNREF, back to fourteen months; what was captured and is not settled yet is
// let go by a void of the capture. If the last of several tries to capture has failed the
// capture is not found, and the refund is refused.
//
// If Payflow's answer names no amount it is the one that was asked for: partial approvals
// are never asked for.
//
// A transaction that filters hold for review (126) is pending, though Payflow has
// authorized it: it is not booked before staff at Payflow has decided.
//
// Facts of results: "auth_code", "avs_street", "avs_zip", "cvv", "ppref", "result".
//
// # Notifications
//
// Payflow's silent post is not signed: it is a reason to look.
//
// # Chargebacks
//
// Payflow tells of none: the desk enters them by [gateways.Manager.EnterDispute], as the
// statements of the bank that settles for the account have them.
//
// # How far it is proven
//
// Documentation-only: Payflow has never answered this package. A server of ours checks the
// form of requests, their lengths and headers, and answers as documented. What an inquiry
// answers beyond its result, its time zone, the meanings of results above 37, and the
// verification of a card for nothing, are from memory of the documentation.
package payflow
