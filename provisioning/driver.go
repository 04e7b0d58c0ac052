package provisioning

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/secret"
)

// Driver keeps hosted things of one or more kinds on servers of one sort: databases on
// MariaDB, web accounts on a Unix machine, whatever a host's own scripts do. The
// [Manager] decides, a driver does; hosts implement this interface and check their
// implementation with provisioningtest.TestDriver.
//
// What the manager guarantees: a call has a deadline; calls for one service never run at
// the same time; Call.Service and Call.Server are complete, Call.Spec passed [SpecChecker]
// if the driver has one; Call.Operation is the same for every attempt of one operation
// and differs between operations. Calls for different services may run at the same time,
// in several processes.
//
// What a driver MUST do:
//
//   - Every method is idempotent: done again, also by another process, after a crash at
//     any point of an earlier attempt, it ends in the same state.
//   - A thing belongs to the service whose ID it carries. A driver stores Service.ID with
//     the thing where the server has room for it (a comment, a label, a file) and never
//     changes or removes a thing that carries another: Ensure, Suspend, Resume fail with
//     tierhost.KindExists, Remove with tierhost.KindPrecondition, and EffectNone. A thing
//     that carries no ID at all is foreign too, unless the driver's documentation says
//     how it is adopted.
//   - An error says what it left behind: tierhost.Fail(kind, effect, cause). What the
//     manager does with it is in [Classify]. An error that is not classified counts as
//     unavailable with effect unknown, after which the manager reads before it repeats.
//   - A cancelled context ends the call soon; the error then has EffectUnknown unless the
//     driver knows better.
//   - Neither errors nor log lines nor observations contain passwords.
//
// Optional abilities are the further interfaces of this file, found through decorators by
// [As]. Within v1 no method will be added to this one.
type Driver interface {
	// Ensure makes the thing be there and active as c.Spec says, whatever there is now:
	// it creates it, completes one that is there in part, and changes one that is
	// different. It sets c.Password if that is not empty. What the spec does not mention
	// is left as it is. A suspended thing is changed and stays suspended.
	Ensure(ctx context.Context, c Call) (Observation, error)
	// Read tells what is there, without changing anything. A thing that is not there is
	// an observation with [Absent], not an error.
	Read(ctx context.Context, c Call) (Observation, error)
	// Suspend keeps the thing and its content, and keeps the customer and the public from
	// using it until Resume: the customer MUST NOT be able to undo it. Without the thing
	// it fails with tierhost.KindNotFound.
	Suspend(ctx context.Context, c Call) (Observation, error)
	// Resume makes a suspended thing usable as it was, with its passwords. Without the
	// thing it fails with tierhost.KindNotFound.
	Resume(ctx context.Context, c Call) (Observation, error)
	// Remove deletes the thing with its content. That it is not there is success.
	Remove(ctx context.Context, c Call) error
}

// Call is what a driver is asked to do.
type Call struct {
	// Operation identifies the operation: the same for all its attempts. Where a server
	// takes idempotency keys it is the key.
	Operation string
	Server    Place
	Service   Subject
	// Spec is what the thing should be like, as JSON of the driver's own type; see
	// [DecodeSpec].
	Spec json.RawMessage
	// Password is to be set by Ensure or ChangePassword; empty: it stays as it is.
	Password secret.Text
}

// Subject is the service that a call is for, as far as drivers need to know it.
type Subject struct {
	ID   ServiceID
	Kind Kind
	// Name is what the thing is called on the server: a user, a database, a domain. It is
	// unique among the services of its kind on one server.
	Name string
	// Seller and Account own it. They may be written where staff looks, never where a
	// customer does.
	Seller  string
	Account string
}

// Presence is whether a thing is there.
type Presence string

// What a driver may see.
const (
	Absent    Presence = "absent"    // it is not there
	Present   Presence = "present"   // it is there and can be used
	Suspended Presence = "suspended" // it is there and cannot be used
	Partial   Presence = "partial"   // some of it is there, as after a failure half-way
)

// Observation is what a driver saw on a server, after what it did.
type Observation struct {
	Presence Presence `json:"presence"`
	// Name is what the thing is called there.
	Name string `json:"name,omitempty"`
	// Owner is the service's ID that the thing carries; "" if it carries none.
	Owner ServiceID `json:"owner,omitempty"`
	// Spec is what the thing is like, of the type of Call.Spec, as far as the server
	// tells; nil: it cannot be told.
	Spec json.RawMessage `json:"spec,omitempty"`
	// Matches is whether the thing is as the Call's Spec says; drivers that cannot tell
	// say true.
	Matches bool `json:"matches"`
	// Facts are what the customer needs to use it (host, port, user), as JSON of the
	// driver's own type, without secrets.
	Facts json.RawMessage `json:"facts,omitempty"`
}

// Lister is implemented by drivers that can list what a server holds: [Manager.Reconcile]
// then also finds orphans. Only things that the driver could have made are listed, those
// that carry no ID of a service too.
type Lister interface {
	// List yields what is on a server, in any order. An error is yielded once and ends
	// the sequence.
	List(ctx context.Context, on Place, kind Kind) iter.Seq2[Observation, error]
}

// Prober is implemented by drivers that can tell whether a server works. A nil error
// closes the server's circuit breaker.
type Prober interface {
	Probe(ctx context.Context, on Place) error
}

// PasswordChanger is implemented by drivers whose things have a password of their own.
type PasswordChanger interface {
	// ChangePassword sets c.Password. A suspended thing stays suspended and has the new
	// password when it is resumed.
	ChangePassword(ctx context.Context, c Call) error
}

// Mover is implemented by drivers that can carry content from one server to another.
type Mover interface {
	// Copy makes the content of the thing on c.Server what it is on from; Ensure has made
	// it there before. The thing on from goes on serving and is not changed. Done again it
	// copies what has changed since. Either may be suspended, and stays so.
	Copy(ctx context.Context, from Place, c Call) error
	// Verify reports whether the thing on c.Server can take over from the one on from:
	// nil if so, tierhost.KindPrecondition if something is missing there.
	Verify(ctx context.Context, from Place, c Call) error
}

// SpecChecker is implemented by drivers that can tell a bad spec from a good one without
// a server. The manager asks it before it stores one.
type SpecChecker interface {
	// CheckSpec returns a *tierhost.Invalid with all faults, their paths relative to the
	// spec, and nil if there are none.
	CheckSpec(kind Kind, name string, spec json.RawMessage) error
}

// Metric says how a meter's values are read.
type Metric string

// The two sorts of meters.
const (
	// Counter only grows within an epoch: bytes sent since the server started.
	Counter Metric = "counter"
	// Gauge is a level: bytes held now.
	Gauge Metric = "gauge"
)

// Sample is one reading of one meter of one thing.
type Sample struct {
	// Service is the ID that the thing carries; "" where Name has to do.
	Service ServiceID       `json:"service,omitempty"`
	Kind    Kind            `json:"kind"`
	Name    string          `json:"name"`
	Meter   string          `json:"meter"` // such as "disk_bytes"; the host maps it to a resource
	Metric  Metric          `json:"metric"`
	Value   decimal.Decimal `json:"value"` // not negative
	// Epoch changes when a counter starts anew (a boot, a rotated log). "" if the server
	// does not tell: a value below the last one then counts as a reset.
	Epoch string    `json:"epoch,omitempty"`
	At    time.Time `json:"at"` // when it was read, by the server's clock
}

// UsageReader is implemented by drivers that measure.
type UsageReader interface {
	// Usage yields the samples of the things of a kind on a server: for counters their
	// present reading, and where the server keeps history every reading since the given
	// time, oldest first. An error is yielded once and ends the sequence.
	Usage(ctx context.Context, on Place, kind Kind, since time.Time) iter.Seq2[Sample, error]
}

// MeterReader is implemented by drivers that can measure one thing with less effort than
// all of a server. It is asked before the thing is removed; without it [UsageReader] is,
// and what it yields of others is left.
type MeterReader interface {
	// ReadMeters yields what Usage yields of one thing, in the same order. That it is not
	// there is no error.
	ReadMeters(ctx context.Context, c Call, since time.Time) iter.Seq2[Sample, error]
}

// As finds an ability of a driver: on d itself, or on what it wraps, by a method
// Unwrap() Driver, as errors.As does with errors.
func As[T any](d Driver) (T, bool) {
	for d != nil {
		if t, ok := d.(T); ok {
			return t, true
		}
		u, ok := d.(interface{ Unwrap() Driver })
		if !ok {
			break
		}
		d = u.Unwrap()
	}
	var none T
	return none, false
}
