package provisioning

import (
	"time"

	"github.com/tierhost/tierhost/internal/event"
	"github.com/tierhost/tierhost/storage"
)

// EventData is the content of one of this package's events. [DecodeEvent] reads them
// back.
type EventData interface {
	event() (name string, version int)
}

// form is how events with the content T are read.
func form[T EventData]() event.Form[EventData] {
	var zero T
	name, version := zero.event()
	return event.FormOf(name, version, func(d T) EventData { return d })
}

// eventForms lists all events of this package.
func eventForms() []event.Form[EventData] {
	return []event.Form[EventData]{
		form[MachineChanged](), form[MachineRemoved](), form[ServerChanged](), form[ServerRemoved](),
		form[ServiceChanged](), form[ServiceMoved](), form[MoveFailed](), form[LeftoverAbandoned](), form[ServiceMissing](),
		form[UsageLost](), form[LateOutcome](), form[ChainChanged](), form[BreakerChanged](), form[DriftFound](),
		form[NoRoom](), form[AddressesExhausted](), form[RoomExpired](),
	}
}

// DecodeEvent reads the content of one of this package's events: one of its EventData
// types, by value. An event of another package or of an unknown version is
// tierhost.ErrUnsupported.
func DecodeEvent(e storage.Event) (EventData, error) {
	return event.Decode("provisioning.DecodeEvent", eventForms(), e)
}

// newEvent makes an event about a subject, such as "service/svc_1", in a seller's books;
// "": the host's.
func newEvent(id string, at time.Time, seller, subject string, d EventData) *storage.Event {
	name, version := d.event()
	return event.New(id, at, seller, subject, name, version, d)
}
