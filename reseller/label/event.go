package label

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
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
	is := func(d EventData) bool {
		name, version := d.event()
		return name == e.Type && version == e.Version
	}
	switch {
	case is(BrandChanged{}):
		var d BrandChanged
		err := json.Unmarshal(e.Data, &d)
		return d, err
	case is(BrandRemoved{}):
		var d BrandRemoved
		err := json.Unmarshal(e.Data, &d)
		return d, err
	}
	return nil, tierhost.E("label.DecodeEvent", tierhost.KindUnsupported, "unknown_event",
		fmt.Errorf("%.60q version %d", e.Type, e.Version))
}

func newEvent(id string, at time.Time, seller billing.SellerID, d EventData) *storage.Event {
	name, version := d.event()
	data, err := json.Marshal(d)
	if err != nil { // values of our own types always marshal
		data = json.RawMessage("null")
	}
	return &storage.Event{
		ID: id, Type: name, Version: version, At: at,
		Seller: string(seller), Subject: "brand/" + string(seller), Data: data,
	}
}
