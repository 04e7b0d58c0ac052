package billing

import (
	"encoding/json"
	"strconv"

	"github.com/tierhost/tierhost/internal/event"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// EventData is the content of one of billing's events: the types of this package
// whose doc says so. [DecodeEvent] reads them back.
type EventData interface {
	event() (name string, version int)
}

// AccountOpened is the event "billing.account.opened".
type AccountOpened struct {
	Account AccountID `json:"account"`
	Plan    PlanID    `json:"plan"`
	On      Date      `json:"on"`
	Trial   bool      `json:"trial,omitempty"`
}

// TrialConverted is the event "billing.trial.converted".
type TrialConverted struct {
	Account AccountID `json:"account"`
	On      Date      `json:"on"`
}

// QuantityChanged is the event "billing.quantity.changed".
type QuantityChanged struct {
	Account  AccountID  `json:"account"`
	Resource ResourceID `json:"resource"`
	Quantity string     `json:"quantity"`
	On       Date       `json:"on"`
}

// PlanChanged is the event "billing.plan.changed".
type PlanChanged struct {
	Account AccountID `json:"account"`
	Plan    PlanID    `json:"plan"`
	Version int       `json:"version"`
	On      Date      `json:"on"`
}

// AccountSuspended is the event "billing.account.suspended".
type AccountSuspended struct {
	Account AccountID `json:"account"`
	Reason  Reason    `json:"reason"`
	On      Date      `json:"on"`
}

// SellerAppointed is the event "billing.seller.appointed": the account is now the
// double of a seller.
type SellerAppointed struct {
	Account AccountID `json:"account"`
	Seller  SellerID  `json:"seller"`
}

// AccountResumed is the event "billing.account.resumed".
type AccountResumed struct {
	Account AccountID `json:"account"`
	On      Date      `json:"on"`
}

// AccountClosed is the event "billing.account.closed".
type AccountClosed struct {
	Account AccountID `json:"account"`
	On      Date      `json:"on"`
}

// AccountParkedEvent is the event "billing.account.parked".
type AccountParkedEvent struct {
	Account AccountID `json:"account"`
	Code    string    `json:"code"`
	Reason  string    `json:"reason"`
	On      Date      `json:"on"`
}

// DocumentIssued is the event "billing.document.issued".
type DocumentIssued struct {
	Account  AccountID    `json:"account"`
	Document int64        `json:"document"` // DocumentID.Seq; the number stands in the document
	Kind     DocumentKind `json:"kind"`
	Numbered bool         `json:"numbered"` // false: its total is zero, and it has no number
	Date     Date         `json:"date"`
	Total    money.Money  `json:"total"`
}

// EntryPosted is the event "billing.entry.posted": a payment, credit, debit or reversal.
type EntryPosted struct {
	Account AccountID   `json:"account"`
	Entry   int64       `json:"entry"`
	Kind    EntryKind   `json:"kind"`
	Amount  money.Money `json:"amount"`
}

// CollectionRequested is the event "billing.collection.requested": closing asks for
// the debt to be collected from the customer's payment instrument.
type CollectionRequested struct {
	Account AccountID   `json:"account"`
	Amount  money.Money `json:"amount"`
	On      Date        `json:"on"`
}

func (AccountOpened) event() (string, int)       { return "billing.account.opened", 1 }
func (TrialConverted) event() (string, int)      { return "billing.trial.converted", 1 }
func (QuantityChanged) event() (string, int)     { return "billing.quantity.changed", 1 }
func (PlanChanged) event() (string, int)         { return "billing.plan.changed", 1 }
func (AccountSuspended) event() (string, int)    { return "billing.account.suspended", 1 }
func (SellerAppointed) event() (string, int)     { return "billing.seller.appointed", 1 }
func (AccountResumed) event() (string, int)      { return "billing.account.resumed", 1 }
func (AccountClosed) event() (string, int)       { return "billing.account.closed", 1 }
func (AccountParkedEvent) event() (string, int)  { return "billing.account.parked", 1 }
func (DocumentIssued) event() (string, int)      { return "billing.document.issued", 1 }
func (EntryPosted) event() (string, int)         { return "billing.entry.posted", 1 }
func (CollectionRequested) event() (string, int) { return "billing.collection.requested", 1 }

// DecodeEvent reads the content of one of billing's events: one of this package's
// EventData types, by value. An event of another package or of an unknown version is
// tierhost.ErrUnsupported.
func DecodeEvent(e storage.Event) (EventData, error) {
	return event.Decode("billing.DecodeEvent", eventForms(), e)
}

// eventForms lists all events of this package.
func eventForms() []event.Form[EventData] {
	return []event.Form[EventData]{
		form[AccountOpened](), form[TrialConverted](), form[QuantityChanged](), form[PlanChanged](),
		form[AccountSuspended](), form[AccountResumed](), form[AccountClosed](), form[AccountParkedEvent](),
		form[DocumentIssued](), form[EntryPosted](), form[CollectionRequested](), form[SellerAppointed](),
	}
}

// form is how events with the content T are read.
func form[T EventData]() event.Form[EventData] {
	var zero T
	name, version := zero.event()
	return event.FormOf(name, version, func(d T) EventData { return d })
}

// event notes an event; its ID and time are filled in when the rows are written.
func (b *book) event(d EventData) {
	name, version := d.event()
	data, err := json.Marshal(d)
	if err != nil { // values of our own types always marshal
		data = json.RawMessage("null")
	}
	b.events = append(b.events, &storage.Event{
		Type: name, Version: version, At: b.now, Seller: string(b.acct.Seller),
		Subject: "account/" + strconv.FormatInt(int64(b.acct.ID), 10), Data: data,
	})
}
