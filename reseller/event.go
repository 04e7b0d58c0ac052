package reseller

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/event"
	"github.com/tierhost/tierhost/storage"
)

// EventData is the content of one of this package's events: the types whose doc says
// so. [DecodeEvent] reads them back; billing's are read by billing.DecodeEvent.
type EventData interface {
	event() (name string, version int)
}

// CustomerTransferred is the event "reseller.customer.transferred", of the new seller:
// an account was closed at the end of its period, and another one opened at another
// seller, with what the first one held.
type CustomerTransferred struct {
	From billing.AccountID `json:"from"` // that closed
	To   billing.AccountID `json:"to"`   // that opened
	On   billing.Date      `json:"on"`
}

// TransferDropped is the event "reseller.transfer.dropped", of the old seller: a
// transfer came to nothing. Reason is that of [Transfer].
type TransferDropped struct {
	Account billing.AccountID `json:"account"`
	Reason  string            `json:"reason"`
	On      billing.Date      `json:"on"`
}

func (CustomerTransferred) event() (string, int) { return "reseller.customer.transferred", 1 }
func (TransferDropped) event() (string, int)     { return "reseller.transfer.dropped", 1 }

// DecodeEvent reads the content of one of this package's events: one of its EventData
// types, by value. An event of another package or of an unknown version is
// tierhost.ErrUnsupported.
func DecodeEvent(e storage.Event) (EventData, error) {
	return event.Decode("reseller.DecodeEvent", eventForms(), e)
}

// eventForms lists all events of this package.
func eventForms() []event.Form[EventData] {
	return []event.Form[EventData]{
		form[CustomerTransferred](), form[TransferDropped](),
	}
}

// form is how events with the content T are read.
func form[T EventData]() event.Form[EventData] {
	var zero T
	name, version := zero.event()
	return event.FormOf(name, version, func(d T) EventData { return d })
}

// publish puts an event about an account into the outbox.
func (m *Manager) publish(ctx context.Context, tx storage.Tx, seller billing.SellerID, account billing.AccountID, content EventData) error {
	name, version := content.event()
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	box, err := m.store.Outbox(tx)
	if err != nil {
		return err
	}
	return box.Append(ctx, []*storage.Event{{ID: m.ids.NewID("evt"), Type: name, Version: version, At: m.clock.Now().UTC(), Seller: string(seller),
		Subject: "account/" + strconv.FormatInt(int64(account), 10), Data: data}})
}
