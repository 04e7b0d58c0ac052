package gateways

import "github.com/tierhost/tierhost"

// Errors of this package, for errors.Is; each also is its kernel kind.
var (
	// ErrNoOperation: the provider has never heard of an operation.
	ErrNoOperation error = tierhost.E("gateways", tierhost.KindNotFound, "no_operation", nil)
	// ErrSignature: a notification is not from the provider, or too old.
	ErrSignature error = tierhost.E("gateways", tierhost.KindDenied, "bad_signature", nil)
	// ErrNoAccount, ErrNoInstrument, ErrNoPayment: there is none of that ID.
	ErrNoAccount    error = tierhost.E("gateways", tierhost.KindNotFound, "no_account", nil)
	ErrNoInstrument error = tierhost.E("gateways", tierhost.KindNotFound, "no_instrument", nil)
	ErrNoPayment    error = tierhost.E("gateways", tierhost.KindNotFound, "no_payment", nil)
	// ErrNoNotice: an account has no notice of that event.
	ErrNoNotice error = tierhost.E("gateways", tierhost.KindNotFound, "no_notice", nil)
	// ErrStale: it has another version than the one that was read.
	ErrStale error = tierhost.E("gateways", tierhost.KindConflict, "stale", nil)
	// ErrBrandTaken: another account of the seller has the brand at the same order.
	ErrBrandTaken error = tierhost.E("gateways", tierhost.KindExists, "brand_taken", nil)
	// ErrKeyReused: a key was used for another request.
	ErrKeyReused error = tierhost.E("gateways", tierhost.KindConflict, "key_reused", nil)
	// ErrUnusable: nothing can be paid with an instrument now; the text says why.
	ErrUnusable error = tierhost.E("gateways", tierhost.KindPrecondition, "instrument_unusable", nil)
	// ErrBusy: a payment is being worked on; what is asked for has to wait.
	ErrBusy error = tierhost.E("gateways", tierhost.KindConflict, "payment_busy", nil)
	// ErrTooMuch: more is asked for than there is to capture or to give back.
	ErrTooMuch error = tierhost.E("gateways", tierhost.KindPrecondition, "too_much", nil)
	// ErrPhase: a payment is not in a phase in which that can be done.
	ErrPhase error = tierhost.E("gateways", tierhost.KindPrecondition, "wrong_phase", nil)
	// ErrNoGateway: the seller has no active account for the brand of the card.
	ErrNoGateway error = tierhost.E("gateways", tierhost.KindPrecondition, "no_gateway", nil)
	// ErrCardNumber: a text looks like the number of a card, which is kept nowhere.
	ErrCardNumber error = tierhost.E("gateways", tierhost.KindInvalid, "card_number", nil)
)
