package dns

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

// ZoneChanged is the event "dns.zone.changed": a zone has another revision. The first one
// of a zone that was made, or made again, has Made.
type ZoneChanged struct {
	Zone     Name   `json:"zone"`
	Account  string `json:"account,omitempty"`
	Revision int64  `json:"revision"`
	Serial   Serial `json:"serial"`
	Made     bool   `json:"made,omitempty"`
	By       string `json:"by,omitempty"`
}

// ZoneGone is the event "dns.zone.removed": a zone is to be served no more.
type ZoneGone struct {
	Zone    Name   `json:"zone"`
	Account string `json:"account,omitempty"`
	By      string `json:"by,omitempty"`
}

// PublicationChanged is the event "dns.publication.changed": a zone is in another state on
// a server. Text says why it is parked or guarded.
type PublicationChanged struct {
	Zone    Name             `json:"zone"`
	Server  ServerID         `json:"server"`
	From    PublicationState `json:"from,omitempty"`
	To      PublicationState `json:"to"`
	Desired Serial           `json:"desired"`
	Removed bool             `json:"removed,omitempty"` // it is not served there any more
	Code    string           `json:"code,omitempty"`
	Text    string           `json:"text,omitempty"`
}

// DriftFound is the event "dns.drift.found": a server that had a revision was seen with
// something else. It is put right, unless that needs approval.
type DriftFound struct {
	Zone     Name     `json:"zone"`
	Server   ServerID `json:"server"`
	Present  bool     `json:"present"`
	Observed Serial   `json:"observed"`
	Desired  Serial   `json:"desired"`
}

// BreakerChanged is the event "dns.server.breaker": calls to a server are held back
// because it does not answer, or are made again.
type BreakerChanged struct {
	Server ServerID  `json:"server"`
	Open   bool      `json:"open"`
	Until  time.Time `json:"until,omitzero"` // when one call is tried, if Open
}

// AliasChanged is the event "dns.alias.changed": a site has an instant alias, or, with
// Released, has it no more.
type AliasChanged struct {
	Alias    Name   `json:"alias"`
	Account  string `json:"account"`
	Site     string `json:"site"`
	Released bool   `json:"released,omitempty"`
}

func (ZoneChanged) event() (string, int)        { return "dns.zone.changed", 1 }
func (ZoneGone) event() (string, int)           { return "dns.zone.removed", 1 }
func (PublicationChanged) event() (string, int) { return "dns.publication.changed", 1 }
func (DriftFound) event() (string, int)         { return "dns.drift.found", 1 }
func (BreakerChanged) event() (string, int)     { return "dns.server.breaker", 1 }
func (AliasChanged) event() (string, int)       { return "dns.alias.changed", 1 }

// form is how events with the content T are read.
func form[T EventData]() event.Form[EventData] {
	var zero T
	name, version := zero.event()
	return event.FormOf(name, version, func(d T) EventData { return d })
}

// eventForms lists all events of this package.
func eventForms() []event.Form[EventData] {
	return []event.Form[EventData]{
		form[ZoneChanged](), form[ZoneGone](), form[PublicationChanged](), form[DriftFound](), form[BreakerChanged](),
		form[AliasChanged](),
	}
}

// DecodeEvent reads the content of one of this package's events: one of its EventData
// types, by value. An event of another package or of an unknown version is
// tierhost.ErrUnsupported.
func DecodeEvent(e storage.Event) (EventData, error) {
	return event.Decode("dns.DecodeEvent", eventForms(), e)
}

// newEvent makes an event about a subject, such as "zone/example.com", in a seller's
// books; "": the host's.
func newEvent(id string, at time.Time, seller, subject string, d EventData) *storage.Event {
	name, version := d.event()
	return event.New(id, at, seller, subject, name, version, d)
}
