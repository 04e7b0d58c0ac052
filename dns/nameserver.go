package dns

import (
	"context"
	"encoding/json"
	"iter"
	"net/netip"
	"slices"

	"github.com/tierhost/tierhost"
)

// NameServer publishes zones on name servers of one sort: over dynamic updates, an HTTP
// API, files, zone transfers. It is stateless: each call says which server is meant. The
// planner decides, a driver does; hosts implement this interface and check their
// implementation with dnstest.TestNameServer.
//
// What the caller guarantees: a call has a deadline; calls for one zone on one server
// never run at the same time. Change.Desired is a valid zone (see [Validate]) that passed
// [Capabilities.Check]; Change.Operation is the same for every attempt of one operation
// and differs between operations. Calls for different zones or servers may run at the same
// time, in several processes.
//
// What a driver MUST do:
//
//   - Every method is idempotent: done again, also by another process, after a crash at
//     any point of an earlier attempt, it ends in the same state.
//   - Nothing is published that the change does not say: no record is added, dropped,
//     reordered into another set, or changed in TTL. Where the server cannot do that, the
//     call fails before it changes anything, with tierhost.KindUnsupported.
//   - The serial is the change's, and other servers learn of it (NOTIFY, or whatever the
//     server has for it) within Apply: the caller need not do anything afterwards.
//   - An error says what it left behind: tierhost.Fail(kind, effect, cause). An error that
//     is not classified counts as unavailable with effect unknown, after which the caller
//     fetches before it repeats.
//   - A cancelled context ends the call soon; the error then has EffectUnknown unless the
//     driver knows better.
//   - Neither errors nor log lines contain keys.
//
// Optional abilities are the further interfaces of this file, found through decorators by
// [As]. Within v1 no method will be added to this one.
type NameServer interface {
	// Capabilities tells what servers of the sort can do. It does not ask them.
	Capabilities() Capabilities
	// Fetch tells what a server publishes, without changing anything. A zone that is not
	// there is a Published that is not Present, not an error. The records are those of one
	// serial: a zone that changes in between is read again or fails with
	// tierhost.KindUnavailable. Records that the server makes itself when it signs the
	// zone ([Type.Signing]) may be there or not.
	Fetch(ctx context.Context, at Place, zone Name) (Published, error)
	// Apply makes the server publish exactly c.Desired, and creates the zone if it is not
	// there.
	//
	// If the server publishes neither what c.Expect says nor c.Desired already, it fails
	// with [ErrChanged] and EffectNone. With [Capabilities.Conditional] that check and the
	// change are one step; else the driver looks first. If it publishes c.Desired already,
	// serial included, nothing is done. A server without the zone on which the driver
	// cannot create it is [ErrZoneMissing].
	Apply(ctx context.Context, at Place, c Change) error
	// Remove makes the server serve the zone no more. That it is not there is success.
	Remove(ctx context.Context, at Place, zone Name) error
}

// ServerID identifies a name server. It is an opaque string.
type ServerID string

// Place is a name server, as far as drivers need to know it.
type Place struct {
	Server    ServerID
	Name      Name         // its host name
	Addresses []netip.Addr // its own
	// Config is what the driver needs to reach it, as JSON of the driver's own type.
	// Secrets do not belong here: a driver is given them when it is made.
	Config json.RawMessage
}

// Published is what a server publishes of a zone.
type Published struct {
	Present bool   // whether the zone is there at all
	Serial  Serial // of its SOA
	// Records are all of the zone's, SOA and apex NS included, each once, in any order.
	Records []Record
}

// Expect is what a change was made from.
type Expect struct {
	Present bool   `json:"present"`
	Serial  Serial `json:"serial"`
}

// Change is what a server is to publish of a zone.
type Change struct {
	Operation string
	Zone      Name
	// Expect is what the server published when the change was planned.
	Expect Expect
	// Serial is that of the new revision, after Expect.Serial, and that of the SOA in
	// Desired.
	Serial Serial
	// Desired is the whole zone, SOA included, in canonical order ([Sorted]).
	Desired []Record
	// Steps lead from what was observed to Desired, set by set, in the order in which they
	// are safe one by one; the SOA is last. For a zone that was not there they are all
	// additions.
	Steps []SetChange
}

// Atomicity is how much of a change a server does at once.
type Atomicity string

// The levels.
const (
	AtomicZone   Atomicity = "zone"   // all of a change or nothing
	AtomicSet    Atomicity = "set"    // each set of records at once
	AtomicRecord Atomicity = "record" // record by record: sets are seen half changed
)

// Capabilities are what servers of a sort can do. The planner looks at them before
// anything is changed.
type Capabilities struct {
	Atomic Atomicity
	// Conditional: the check of Change.Expect and the change are one step at the server.
	Conditional bool
	// Creates: zones are made and removed by the driver; else whoever runs the server
	// does that.
	Creates bool
	// Types are the types of records that can be published, SOA and NS aside; nil: all
	// but ALIAS.
	Types []Type
	// Except are types that cannot be published, whatever Types says.
	Except []Type
	// Alias: records of type ALIAS can be published.
	Alias bool
	// MaxRecords bounds a zone, MaxText the octets of a TXT; 0: no bound of its own.
	MaxRecords int
	MaxText    int
}

// Check returns nil if a server with these abilities can publish the zone as it is, else
// a [*tierhost.Invalid] with a fault for each record that it cannot; paths are
// "records[i]".
func (c Capabilities) Check(records []Record) error {
	var issues tierhost.Issues
	if c.MaxRecords > 0 && len(records) > c.MaxRecords {
		issues.Add("records", "too_many_records", "the zone has %d records, the server takes at most %d", len(records), c.MaxRecords)
	}
	for i, r := range records {
		t := r.Type()
		switch text, isText := r.Data.(TXT); {
		case t == TypeALIAS && !c.Alias, slices.Contains(c.Except, t), c.Types != nil && t != TypeSOA && t != TypeNS && t != TypeALIAS && !slices.Contains(c.Types, t):
			issues.Add(tierhost.Path("records", i), "unsupported_type", "the server cannot publish records of type %s", t)
		case isText && c.MaxText > 0 && len(text.Text) > c.MaxText:
			issues.Add(tierhost.Path("records", i), "text_too_long", "the server takes texts of at most %d octets, this has %d", c.MaxText, len(text.Text))
		}
	}
	return issues.Err()
}

// SerialReader is implemented by drivers that can tell the serial without fetching the
// zone.
type SerialReader interface {
	// Serial tells the serial that a server publishes; present is false if the zone is
	// not there.
	Serial(ctx context.Context, at Place, zone Name) (serial Serial, present bool, err error)
}

// Lister is implemented by drivers that can list the zones of a server.
type Lister interface {
	// List yields the zones that a server has, in any order. An error is yielded once and
	// ends the sequence.
	List(ctx context.Context, at Place) iter.Seq2[Name, error]
}

// Prober is implemented by drivers that can tell whether a server works.
type Prober interface {
	Probe(ctx context.Context, at Place) error
}

// As finds an ability of a driver: on d itself, or on what it wraps, by a method
// Unwrap() NameServer, as errors.As does with errors.
func As[T any](d NameServer) (T, bool) {
	for d != nil {
		if t, ok := d.(T); ok {
			return t, true
		}
		u, ok := d.(interface{ Unwrap() NameServer })
		if !ok {
			break
		}
		d = u.Unwrap()
	}
	var none T
	return none, false
}
