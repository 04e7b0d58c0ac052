// Package gestpay takes money on the page of GestPay (now Axerve), by its web services
// WsCryptDecrypt and WsS2S.
//
//	m, err := gateways.New(store, gateways.Options{Gateways: map[string]gateways.Gateway{"gestpay": gestpay.New(gestpay.Options{})}, …})
//	a, err := m.PutAccount(ctx, gateways.Account{ID: "acc", Seller: "shop", Gateway: "gestpay", Live: true, Active: true,
//		Config: json.RawMessage(`{"shop":"9000001"}`)}, secret.New(`{"key":"…"}`))
//
// # Payments
//
// [Gateway.Begin] has the bank encrypt the payment, whose name is the operation's ID, and
// returns the page to which the customer takes the result. There is no cryptography here:
// what the page brings back is decrypted by the bank too. The outcome is looked up by the
// operation's ID.
//
// There are no captures, voids and refunds here: they are not in the sources that this
// package was written from, and GestPay knows no keys. Staff makes them in the bank's back
// office.
//
// Facts of results: "auth_code", "bank_transaction", "error".
//
// # Notifications
//
// The bank calls the account's notification URL with the same two parameters as the
// customer's browser. A notice names the operation that the bank has decrypted, and is a
// reason to look.
//
// # Chargebacks
//
// GestPay tells of none here: the desk enters them by [gateways.Manager.EnterDispute], as
// the bank's statements have them.
//
// # How far it is proven
//
// Documentation-only: GestPay has never answered this package. A server of ours checks the
// form of requests and answers as documented. The number of the euro, the results OK, KO and
// XX, and the service that looks a payment up are from memory of the documentation. Error
// codes mean what Axerve's API documentation says: 2011 that there is no payment of a name,
// about a hundred why one was refused, and others, such as technical errors and those that
// are not known, say nothing, so that the payment is looked up again and parked in the end.
package gestpay
