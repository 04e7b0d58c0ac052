package gateways

import (
	"time"

	"github.com/tierhost/tierhost/internal/event"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// PaymentChanged is the event "gateways.payment.changed": a payment went from one phase to
// another. From is "" for a new one.
type PaymentChanged struct {
	Payment  PaymentID   `json:"payment"`
	Customer string      `json:"customer"`
	Purpose  string      `json:"purpose,omitempty"`
	Amount   money.Money `json:"amount"`
	From     Phase       `json:"from,omitempty"`
	To       Phase       `json:"to"`
}

// PaymentDeclined is the event "gateways.payment.declined": an attempt was declined. The
// customer is to be told, not only staff. Again is when it is tried again; zero: never.
// Code [DeclineAsk] says that the card's issuer wants to ask the customer, who is to come and
// pay: by a charge of the same instrument with Present, or on a page.
type PaymentDeclined struct {
	Payment    PaymentID    `json:"payment"`
	Customer   string       `json:"customer"`
	Purpose    string       `json:"purpose,omitempty"`
	Amount     money.Money  `json:"amount"`
	Instrument InstrumentID `json:"instrument,omitempty"`
	Card       Card         `json:"card,omitzero"`
	Code       string       `json:"code"`
	Hard       bool         `json:"hard,omitempty"`
	Again      time.Time    `json:"again,omitzero"`
}

// InstrumentBlocked is the event "gateways.instrument.blocked": nothing is paid with an
// instrument until staff has reset it or the customer gives another one.
type InstrumentBlocked struct {
	Instrument InstrumentID `json:"instrument"`
	Customer   string       `json:"customer"`
	Card       Card         `json:"card,omitzero"`
	Why        string       `json:"why"`
}

// PaymentParked is the event "gateways.payment.parked": staff has to look at a payment.
type PaymentParked struct {
	Payment  PaymentID `json:"payment"`
	Customer string    `json:"customer"`
	Account  AccountID `json:"account"`
	// Operation is the attempt that it is about; "": the payment itself.
	Operation OperationID `json:"operation,omitempty"`
	Reason    string      `json:"reason"`
	Text      string      `json:"text"`
}

// NoticeStuck is the event "gateways.notice.parked": a notice of a provider could not be
// worked on too often, and staff has to look: [Manager.RetryNotice], [Manager.DiscardNotice].
type NoticeStuck struct {
	Account AccountID `json:"account"`
	Event   string    `json:"event"`
	Kind    string    `json:"kind,omitempty"`
	Payment PaymentID `json:"payment,omitempty"`
	Failure string    `json:"failure"`
}

// RefundChanged is the event "gateways.refund.changed": what is known of a refund has
// changed: it is pending, approved, declined, failed, or undone after all.
type RefundChanged struct {
	Payment   PaymentID    `json:"payment"`
	Operation OperationID  `json:"operation"`
	Customer  string       `json:"customer"`
	Purpose   string       `json:"purpose,omitempty"`
	Amount    money.Money  `json:"amount"`
	State     AttemptState `json:"state"`
}

// InstrumentKept is the event "gateways.instrument.kept": a customer has given an instrument
// to a provider, and it can be charged now.
type InstrumentKept struct {
	Instrument InstrumentID `json:"instrument"`
	Customer   string       `json:"customer"`
	Account    AccountID    `json:"account"`
	Card       Card         `json:"card,omitzero"`
}

// EventData is the content of an event of this package.
type EventData interface {
	event() (name string, version int)
}

func (PaymentChanged) event() (string, int)    { return "gateways.payment.changed", 1 }
func (PaymentDeclined) event() (string, int)   { return "gateways.payment.declined", 1 }
func (InstrumentBlocked) event() (string, int) { return "gateways.instrument.blocked", 1 }
func (InstrumentKept) event() (string, int)    { return "gateways.instrument.kept", 1 }
func (PaymentParked) event() (string, int)     { return "gateways.payment.parked", 1 }
func (NoticeStuck) event() (string, int)       { return "gateways.notice.parked", 1 }
func (RefundChanged) event() (string, int)     { return "gateways.refund.changed", 1 }

func form[T EventData]() event.Form[EventData] {
	var zero T
	name, version := zero.event()
	return event.FormOf(name, version, func(d T) EventData { return d })
}

// eventForms lists all events of this package.
func eventForms() []event.Form[EventData] {
	return []event.Form[EventData]{
		form[PaymentChanged](), form[PaymentDeclined](), form[InstrumentBlocked](), form[InstrumentKept](), form[PaymentParked](), form[NoticeStuck](),
		form[RefundChanged](),
	}
}

// DecodeEvent returns the content of an event of this package, as one of its types, by
// value. An event of another package or of an unknown version is tierhost.ErrUnsupported.
func DecodeEvent(e storage.Event) (EventData, error) {
	return event.Decode("gateways.DecodeEvent", eventForms(), e)
}

// tell says what happened to a payment.
func (u *unit) tell(p *Payment, d EventData) { u.tellOf(p.Seller, "payment/"+string(p.ID), d) }

// tellOf says what happened to a subject in a seller's books.
func (u *unit) tellOf(seller, subject string, d EventData) {
	name, version := d.event()
	u.events = append(u.events, event.New(u.m.opt.IDs.NewID("evt"), u.now, seller, subject, name, version, d))
}
