package provisioning

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// EventData is the content of one of this package's events. [DecodeEvent] reads them
// back.
type EventData interface {
	event() (name string, version int)
}

// eventForm is how one sort of event is read.
type eventForm struct {
	name    string
	version int
	decode  func(data json.RawMessage) (EventData, error)
}

func form[T EventData]() eventForm {
	var zero T
	name, version := zero.event()
	return eventForm{name, version, func(data json.RawMessage) (EventData, error) {
		var d T
		err := json.Unmarshal(data, &d)
		return d, err
	}}
}

// eventForms lists all events of this package.
func eventForms() []eventForm {
	return []eventForm{
		form[MachineChanged](), form[MachineRemoved](), form[ServerChanged](), form[ServerRemoved](),
		form[ServiceChanged](), form[ServiceMoved](), form[MoveFailed](), form[ServiceMissing](),
		form[LateOutcome](), form[ChainChanged](), form[BreakerChanged](), form[DriftFound](),
		form[NoRoom](), form[AddressesExhausted](), form[RoomExpired](),
	}
}

// DecodeEvent reads the content of one of this package's events: one of its EventData
// types, by value. An event of another package or of an unknown version is
// tierhost.ErrUnsupported.
func DecodeEvent(e storage.Event) (EventData, error) {
	for _, f := range eventForms() {
		if f.name == e.Type && f.version == e.Version {
			return f.decode(e.Data)
		}
	}
	return nil, tierhost.E("provisioning.DecodeEvent", tierhost.KindUnsupported, "unknown_event",
		fmt.Errorf("%.60q version %d", e.Type, e.Version))
}

// newEvent makes an event about a subject, such as "service/svc_1", in a seller's books;
// "": the host's.
func newEvent(id string, at time.Time, seller, subject string, d EventData) *storage.Event {
	name, version := d.event()
	data, err := json.Marshal(d)
	if err != nil { // values of our own types always marshal
		data = json.RawMessage("null")
	}
	return &storage.Event{ID: id, Type: name, Version: version, At: at, Seller: seller, Subject: subject, Data: data}
}
