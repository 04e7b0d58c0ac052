// Package twocheckout takes money on the page of 2Checkout (now Verifone), to which a signed
// link leads.
//
//	m, err := gateways.New(store, gateways.Options{Gateways: map[string]gateways.Gateway{"2checkout": twocheckout.New(twocheckout.Options{})}, …})
//	a, err := m.PutAccount(ctx, gateways.Account{ID: "acc", Seller: "shop", Gateway: "2checkout", Live: true, Active: true,
//		Config: json.RawMessage(`{"merchant":"250111206876"}`)}, secret.New(`{"key":"…","word":"…"}`))
//
// # Payments
//
// [Gateway.Begin] makes a link for a product of the payment's name and price; it is signed,
// so that the customer cannot change them, and locked, so that the quantity stays one; making
// it asks nobody. The operation's ID is the order's external reference. 2Checkout takes the
// money and tells by a notification; an order is approved when it is COMPLETE, not when it is
// paid or authorized, as 2Checkout may refuse it after that. A customer can make several
// orders of one link: what is complete goes before what is pending, and that before what was
// canceled; of several that are complete the amount is the sum, so that staff looks into it.
//
// There are no refunds here: 2Checkout knows no keys, so that a refund whose answer was lost
// could be made twice. Staff gives them in 2Checkout's panel.
//
// # Notifications
//
// The instant payment notification (IPN) is signed with HMAC by SHA3-256 or SHA2-256 over
// its values as they stand; MD5 is refused. Neither the names of its fields are signed nor
// the other signatures, so the fields that are read have to be there, once: TEST_ORDER too, which
// has to be chosen in the panel. Without it a test order, which any customer can make of a
// live link, looks like one that was paid. It may be four days old. 2Checkout wants a
// signed answer, and sends again until it gets one.
//
// # Chargebacks
//
// They are not booked, nor are refunds that are given in the panel: the desk enters both by
// [gateways.Manager.EnterDispute], as 2Checkout's panel has them.
//
// # How far it is proven
//
// Documentation-only: 2Checkout has never answered this package. The way in which values are
// joined for the signature of a notification follows an example that was published, as does
// the head that authenticates requests. Not proven are the signature of links beyond the
// order of its parameters and that "lock" is among them, and that orders can be asked for by their external reference:
// where the answer holds other orders, what became of the operation counts as not known.
package twocheckout
