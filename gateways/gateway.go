package gateways

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
)

// Gateway moves money through one provider. The manager decides, a gateway does; hosts
// implement this interface and check their implementation with
// gatewaytest.TestGateway.
//
// What the manager guarantees: a call has a deadline; calls for one payment never run at
// the same time; the intent to make a call is stored before it is made, so that a call
// whose answer is lost is looked up with Find by whoever comes next; Do gets only verbs
// that Capabilities names; amounts are above zero and whole in their currency's minor
// unit, which passed [Capabilities.Check]. Calls for different payments may run at the
// same time, in several processes.
//
// What a gateway MUST do:
//
//   - Operation.ID is the provider's idempotency key, or is kept by the provider where
//     Find sees it. Do with an ID that was used moves no money a second time: it returns
//     what became of the first. Where the provider has neither, Do asks Find first, and
//     the gateway's documentation says what is not safe about that.
//   - A decline is a Result, not an error. An error is that there is no answer; it says
//     what it left behind: tierhost.Fail(kind, effect, cause). With EffectNone the provider
//     did not take the operation and never will. An error that is not classified counts as
//     unavailable with effect unknown: it is looked up, never repeated blindly.
//   - Result.Amount and its currency are what the provider says, not what was asked for.
//   - An outcome that the gateway does not know is not approved: it is an error with
//     EffectUnknown.
//   - A cancelled context ends the call soon; the error then has EffectUnknown unless the
//     gateway knows better.
//   - Neither errors, results nor what is recorded on the [Tape] hold keys, tokens or card
//     numbers. A card number never passes through this package: customers give it to the
//     provider, in their browser or on its page.
//
// Optional abilities are the further interfaces of this package, found through decorators
// by [As]. Within v1 no method will be added to this one.
type Gateway interface {
	// Capabilities tells what accounts of this gateway can do. It does not ask the provider.
	Capabilities() Capabilities
	// Do makes the provider do the operation.
	Do(ctx context.Context, at Place, o Operation) (Result, error)
	// Find tells what became of an operation that was given to Do, or begun by a customer
	// on the provider's page, without changing anything. If the provider has never heard
	// of it, and never will of a call that was made before, it fails with
	// [ErrNoOperation].
	Find(ctx context.Context, at Place, o Operation) (Result, error)
}

// AccountID identifies a seller's account at a provider. It is an opaque string.
type AccountID string

// Place is a seller's account at a provider, as far as gateways need to know it.
type Place struct {
	Account AccountID
	// Live says that real money moves. Else the provider's test system is used.
	Live bool
	// Config is what the gateway needs to know of the account, as JSON of its own type.
	Config json.RawMessage
	// Secret is what authenticates the account, as JSON of the gateway's own type.
	Secret secret.Text
}

// Verb is what an operation does.
type Verb string

// The verbs.
const (
	VerbCharge    Verb = "charge"    // takes money
	VerbAuthorize Verb = "authorize" // has money set aside, for a later capture
	VerbCapture   Verb = "capture"   // takes what was authorized, or a part of it; the rest is let go
	VerbVoid      Verb = "void"      // lets go what was authorized
	VerbRefund    Verb = "refund"    // gives back what was taken, or a part of it
)

// Verbs returns all verbs.
func Verbs() []Verb { return []Verb{VerbCharge, VerbAuthorize, VerbCapture, VerbVoid, VerbRefund} }

// OperationID identifies an operation: 1 to 36 letters, digits and hyphens, which every
// provider takes as a key. Each attempt that may move money anew is an operation of its
// own; each repetition of one whose answer was lost is not.
type OperationID string

// PaymentID identifies a payment. It is an opaque string.
type PaymentID string

// Operation is what a gateway is to do.
type Operation struct {
	ID      OperationID
	Verb    Verb
	Payment PaymentID
	// Amount is how much: for a void, what was authorized.
	Amount money.Money
	// Instrument is what is charged, for [VerbCharge] and [VerbAuthorize]; nil for what
	// was begun on the provider's page.
	Instrument *Token
	// Present says that the customer is there and can be asked by the card's issuer.
	Present bool
	// Reference is what the provider calls the payment, as it was told in a Result before:
	// for captures, voids and refunds. For Find it is what the provider calls the operation
	// itself, a capture, void or refund as well, if that is known; else that of the payment.
	Reference string
	// Card is what was charged, for providers that want to hear it again.
	Card Card
	// Number is what the customer knows the purpose by, such as the number of an invoice,
	// and Text what it is for.
	Number string
	Text   string
	// Over, for Find: it was approved, declined or given up before, and the customer may have
	// paid otherwise since. Find then tells what has become of it, and completes nothing.
	Over bool
	// Begun is when the operation was made, for providers that search by time.
	Begun time.Time
	// Tape records what is said to the provider and what it answers; nil: nothing does.
	Tape *Tape
}

// Token is an instrument as its provider knows it.
type Token struct {
	// Customer is the provider's name of the customer, if it has one.
	Customer string
	// Value names the instrument at the provider. It is of no use without the secret of
	// the account, and is kept from logs all the same.
	Value secret.Text
}

// Outcome is what became of an operation.
type Outcome string

// The outcomes that a gateway knows. Others are errors: with EffectNone it failed before
// it had an effect, with EffectUnknown it has to be looked up.
const (
	// Approved: the money is taken, set aside, let go or given back.
	Approved Outcome = "approved"
	// Declined: it is not, and this operation never will.
	Declined Outcome = "declined"
	// Pending: the provider, the bank or the customer has to do something first.
	Pending Outcome = "pending"
)

// Result is what a provider says of an operation.
type Result struct {
	Outcome Outcome
	// Reference is what the provider calls the payment, or the refund: at most 255 octets of
	// UTF-8 without NUL. With another one the Result is as good as lost.
	Reference string
	// Amount is how much was moved or set aside; what an outcome that is not approved is
	// about.
	Amount money.Money
	// Decline says why, if declined.
	Decline Decline
	// Action is what the customer has to do, if that is what is pending.
	Action *Action
	// Expires is when what was authorized is let go, or, with an Action, until when the
	// customer can do it; zero: not known.
	Expires time.Time
	// Card is what was charged, if the provider tells.
	Card Card
	// Facts are what else the provider says that staff may want to see: "auth_code", "avs",
	// "cvv". Names are of the gateway's documentation.
	Facts map[string]string
}

// Decline is why a payment was refused.
type Decline struct {
	// Hard: another attempt with this instrument is of no use, or not allowed.
	Hard bool
	// Code is stable: one of this package's, or the provider's own with its name in
	// front, such as "stripe.card_velocity_exceeded".
	Code string
	// Text is for staff.
	Text string
}

// Codes of declines that several providers have. What customers are told follows from
// them; the provider's own words are for staff.
const (
	DeclineFunds       = "insufficient_funds"
	DeclineExpired     = "expired"
	DeclineNumber      = "wrong_number"
	DeclineCheck       = "wrong_security_code"
	DeclineAddress     = "wrong_address"
	DeclineLost        = "lost_or_stolen"
	DeclineFraud       = "fraud"
	DeclineLimit       = "limit"
	DeclineIssuer      = "issuer_unavailable"
	DeclineRestricted  = "not_permitted"
	DeclineAsk         = "ask_customer" // only with the customer present; not tried again without, and no fault of the card
	DeclineUnspecified = "declined"
)

// Action is what a customer has to do: go to a page, by GET, or by POST with fields.
type Action struct {
	URL    string
	Post   bool
	Fields []Field
	// Client is what the provider's script in the browser needs, as JSON of the gateway's
	// own type, if there is no page to go to.
	Client json.RawMessage
	// Sealed is all of it, as the manager keeps it: with a page's address and what goes with
	// it anybody could pay, or see what is paid. Gateways leave it alone.
	Sealed []byte `json:",omitempty"`
}

func (a *Action) clone() Action {
	c := *a
	c.Fields, c.Client, c.Sealed = slices.Clone(a.Fields), slices.Clone(a.Client), slices.Clone(a.Sealed)
	return c
}

// Field is one field of a form.
type Field struct{ Name, Value string }

// As finds an ability of a gateway: on g itself, or on what it wraps, by a method
// Unwrap() Gateway, as errors.As does with errors.
func As[T any](g Gateway) (T, bool) {
	for g != nil {
		if t, ok := g.(T); ok {
			return t, true
		}
		u, ok := g.(interface{ Unwrap() Gateway })
		if !ok {
			break
		}
		g = u.Unwrap()
	}
	var none T
	return none, false
}
