package label

import (
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/internal/event"
	"github.com/tierhost/tierhost/storage"
)

// EventData is the content of one of this package's events. [DecodeEvent] reads them
// back.
type EventData interface {
	event() (name string, version int)
}

// BrandChanged is the event "label.brand.changed": a brand was made or changed. What
// depends on the host names, such as certificates, follows from it.
type BrandChanged struct {
	Seller  billing.SellerID `json:"seller"`
	Version int64            `json:"version"`
	Hosts   []string         `json:"hosts,omitempty"`
	Gone    []string         `json:"gone,omitempty"` // hosts that it had before
}

// BrandRemoved is the event "label.brand.removed".
type BrandRemoved struct {
	Seller billing.SellerID `json:"seller"`
	Gone   []string         `json:"gone,omitempty"`
}

func (BrandChanged) event() (string, int) { return "label.brand.changed", 1 }
func (BrandRemoved) event() (string, int) { return "label.brand.removed", 1 }

// DecodeEvent reads the content of one of this package's events: one of its EventData
// types, by value. An event of another package or of an unknown version is
// tierhost.ErrUnsupported.
func DecodeEvent(e storage.Event) (EventData, error) {
	return event.Decode("label.DecodeEvent", []event.Form[EventData]{form[BrandChanged](), form[BrandRemoved]()}, e)
}

// form is how events with the content T are read.
func form[T EventData]() event.Form[EventData] {
	var zero T
	name, version := zero.event()
	return event.FormOf(name, version, func(d T) EventData { return d })
}

func newEvent(id string, at time.Time, seller billing.SellerID, d EventData) *storage.Event {
	name, version := d.event()
	return event.New(id, at, string(seller), "brand/"+string(seller), name, version, d)
}
