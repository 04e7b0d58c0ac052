package gateways

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/tierhost/tierhost/money"
)

// Web is implemented by gateways whose provider takes the money on a page of its own. The
// payment is an operation of [VerbCharge] or [VerbAuthorize] without an instrument.
type Web interface {
	// Begin prepares a payment and returns where the customer has to go. Nothing is moved
	// by it. Done again with the same operation it returns the same payment.
	Begin(ctx context.Context, at Place, c Checkout) (Begun, error)
	// Returned reads what the customer's browser brought back from the provider's page: the
	// operation that it is about. It proves nothing: what became of it tells Find, or a
	// notification. It fails with tierhost.KindInvalid if it names none.
	Returned(ctx context.Context, at Place, query url.Values) (OperationID, error)
}

// Checkout is a payment that a customer is to make on a provider's page.
type Checkout struct {
	Operation Operation
	// Return, Cancel and Notify are where the provider sends the customer afterwards, and
	// its own notifications.
	Return string
	Cancel string
	Notify string
	// Email and Language (BCP 47) are the customer's, if the host gives them away; "": not.
	Email    string
	Language string
}

// Begun is a payment on a provider's page that was begun.
type Begun struct {
	// Reference is what the provider calls the payment, if it does already.
	Reference string
	Action    Action
	Expires   time.Time // zero: not known
}

// Notifier is implemented by gateways whose provider sends notifications.
type Notifier interface {
	// Notices checks that a notification is the provider's, by its signature over the body
	// as it came and by its age at now, and returns what it is about. It fails with
	// [ErrSignature] if it is not the provider's, with tierhost.KindInvalid if it cannot be
	// read, and has no other effect. What it does not know is a Notice without an operation
	// and reference, not an error.
	//
	// Where the provider does not sign, the notices say so ([Notice.Unsigned]), and are
	// only taken as a reason to look.
	Notices(ctx context.Context, at Place, in Incoming, now time.Time) ([]Notice, error)
	// Answer is what the provider wants to hear when a notification was taken.
	Answer(ctx context.Context, at Place, in Incoming, now time.Time) (Answer, error)
}

// Incoming is a request of a provider to a notification URL, as it came.
type Incoming struct {
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte
	Remote netip.Addr
}

// Answer is an answer to an [Incoming]. The zero Answer is 200 without a body.
type Answer struct {
	Status int
	Type   string // of the body
	Body   []byte
}

// Notice is one thing that a provider tells by itself.
type Notice struct {
	// Event is the provider's name of the notice: one that comes again is the same one.
	Event string
	// Kind is the provider's word for what has happened.
	Kind string
	At   time.Time // when it happened, as the provider says; zero: it does not
	// Operation and Reference say what it is about, as far as the provider does. A notice of
	// which one of them, or Event, is longer than 255 octets or no text is refused.
	Operation OperationID
	Reference string
	Unsigned  bool
	// Result is what became of the operation, if the notice proves it; nil: Find has to be
	// asked.
	Result *Result
	// Dispute is set if the payment was taken back, or is about to be, by the customer's
	// bank.
	Dispute *Dispute
}

// Dispute is a payment that the customer's bank takes back.
type Dispute struct {
	Amount money.Money
	Lost   bool // the money is gone; else it is asked for
	Won    bool // the money is back
	Reason string
}

// Vault is implemented by gateways whose provider keeps instruments.
type Vault interface {
	// Keep prepares the keeping of an instrument: the customer gives it to the provider, in
	// the browser or on the provider's page. Nothing is charged.
	Keep(ctx context.Context, at Place, k Keeping) (Begun, error)
	// Kept tells what became of it: the token and what may be known of the card, or
	// [ErrNoOperation], or a Result that is pending or declined in a [NotKeptError].
	Kept(ctx context.Context, at Place, k Keeping) (Token, Card, error)
	// Forget has the provider forget an instrument. That it does not know it is success.
	Forget(ctx context.Context, at Place, t Token) error
}

// Keeping is an instrument that a customer is to give to a provider.
type Keeping struct {
	ID       OperationID // the same for every try
	Customer string      // the host's name of the customer
	// Known is the provider's name of the customer, if it has given one before.
	Known     string
	Reference string // what the provider calls the keeping, if it was told before
	Return    string
	Cancel    string
	Email     string
	Tape      *Tape
}

// NotKeptError tells that an instrument was not kept, or not yet.
type NotKeptError struct{ Result Result }

// Error says why.
func (e *NotKeptError) Error() string {
	if e.Result.Outcome == Declined {
		return "gateways: the instrument was declined: " + e.Result.Decline.Code
	}
	return "gateways: the instrument is not kept yet"
}
