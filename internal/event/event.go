// Package event makes and reads the events of packages whose content is a type of their
// own for each sort of event.
package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Form is how one sort of event is read, as one of the values D of a package.
type Form[D any] struct {
	name    string
	version int
	decode  func(data json.RawMessage) (D, error)
}

// FormOf returns the form of events whose content is a T.
func FormOf[D, T any](name string, version int, as func(T) D) Form[D] {
	return Form[D]{name, version, func(data json.RawMessage) (D, error) {
		var content T
		err := json.Unmarshal(data, &content)
		return as(content), err
	}}
}

// Decode reads the content of an event that has one of the forms. Another one, or an
// unknown version of one, is tierhost.ErrUnsupported.
func Decode[D any](op string, forms []Form[D], e storage.Event) (D, error) {
	for _, f := range forms {
		if f.name == e.Type && f.version == e.Version {
			return f.decode(e.Data)
		}
	}
	var none D
	return none, tierhost.E(op, tierhost.KindUnsupported, "unknown_event", fmt.Errorf("%.60q version %d", e.Type, e.Version))
}

// New makes an event about a subject, such as "service/svc_1", in a seller's books; "":
// the host's. The content is of a type that always marshals.
func New(id string, at time.Time, seller, subject, name string, version int, content any) *storage.Event {
	data, err := json.Marshal(content)
	if err != nil {
		data = json.RawMessage("null")
	}
	return &storage.Event{ID: id, Type: name, Version: version, At: at, Seller: seller, Subject: subject, Data: data}
}
