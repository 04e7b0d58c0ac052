package gateways

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
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
	Reason   string    `json:"reason"`
	Text     string    `json:"text"`
}

// RefundChanged is the event "gateways.refund.changed": what became of a refund is known.
type RefundChanged struct {
	Payment   PaymentID    `json:"payment"`
	Operation OperationID  `json:"operation"`
	Customer  string       `json:"customer"`
	Purpose   string       `json:"purpose,omitempty"`
	Amount    money.Money  `json:"amount"`
	State     AttemptState `json:"state"`
}

// EventData is the content of an event of this package.
type EventData interface {
	event() (kind string, version int)
}

func (PaymentChanged) event() (string, int)    { return "gateways.payment.changed", 1 }
func (PaymentDeclined) event() (string, int)   { return "gateways.payment.declined", 1 }
func (InstrumentBlocked) event() (string, int) { return "gateways.instrument.blocked", 1 }
func (PaymentParked) event() (string, int)     { return "gateways.payment.parked", 1 }
func (RefundChanged) event() (string, int)     { return "gateways.refund.changed", 1 }

// DecodeEvent returns the content of an event of this package. It fails with
// tierhost.ErrUnsupported for others, and for versions that it does not know.
func DecodeEvent(e *storage.Event) (EventData, error) {
	var d EventData
	switch e.Type {
	case "gateways.payment.changed":
		d = &PaymentChanged{}
	case "gateways.payment.declined":
		d = &PaymentDeclined{}
	case "gateways.instrument.blocked":
		d = &InstrumentBlocked{}
	case "gateways.payment.parked":
		d = &PaymentParked{}
	case "gateways.refund.changed":
		d = &RefundChanged{}
	default:
		return nil, tierhost.E("gateways.DecodeEvent", tierhost.KindUnsupported, "unknown_event", fmt.Errorf("%.128q is no event of this package", e.Type))
	}
	if _, version := d.event(); e.Version != version {
		return nil, tierhost.E("gateways.DecodeEvent", tierhost.KindUnsupported, "unknown_version", fmt.Errorf("version %d of %s", e.Version, e.Type))
	}
	if err := json.Unmarshal(e.Data, d); err != nil {
		return nil, tierhost.E("gateways.DecodeEvent", tierhost.KindInvalid, "bad_event", errors.New("the content is no JSON of the event"))
	}
	switch d := d.(type) {
	case *PaymentChanged:
		return *d, nil
	case *PaymentDeclined:
		return *d, nil
	case *InstrumentBlocked:
		return *d, nil
	case *PaymentParked:
		return *d, nil
	case *RefundChanged:
		return *d, nil
	}
	return nil, nil
}

// tell says what happened to a payment.
func (u *unit) tell(p *Payment, d EventData) {
	kind, version := d.event()
	data, err := json.Marshal(d)
	if err != nil {
		data = []byte("{}") // amounts and texts always marshal
	}
	u.events = append(u.events, &storage.Event{
		ID: u.m.opt.IDs.NewID("evt"), Type: kind, Version: version, At: u.now, Seller: p.Seller, Subject: "payment/" + string(p.ID), Data: data,
	})
}
