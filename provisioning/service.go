package provisioning

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// Service is one hosted thing: what is wanted of it, where it is, what was last seen of
// it, and what the manager is doing to bring the two together. A [Manager] gives out
// copies; only its methods change a service.
type Service struct {
	ID ServiceID `json:"id"`
	// Version counts the writes of the row, from 1.
	Version int64 `json:"version"`
	Kind    Kind  `json:"kind"`
	// Name is what the thing is called on its server. Among the services of a kind that
	// have a place on a server it is unique.
	Name    string    `json:"name"`
	Seller  string    `json:"seller"`
	Account string    `json:"account"`
	Ordered time.Time `json:"ordered"`

	// Chain is the order that the service belongs to, and Position where in it, from 0.
	// While Waiting is set it is not yet its turn.
	Chain    ChainID `json:"chain"`
	Position int     `json:"position"`
	Waiting  bool    `json:"waiting,omitempty"`

	// Generation counts the changes of what is wanted, from 1. What is wanted is the
	// spec, the password, the suspensions, the removal and the place.
	Generation int64           `json:"generation"`
	Spec       json.RawMessage `json:"spec,omitempty"`
	// SpecAt and PasswordAt are the generations of the present spec and password.
	SpecAt     int64 `json:"spec_at"`
	PasswordAt int64 `json:"password_at,omitempty"`
	// Password is sealed; it is opened for the call that sets it. Moves need it again.
	Password    []byte       `json:"password,omitempty"`
	Suspensions []Suspension `json:"suspensions,omitempty"`
	Removal     *Removal     `json:"removal,omitempty"`

	// Server is where the thing is, or is to be made; "" while no server has room for
	// it, and again when it is removed.
	Server ServerID `json:"server,omitempty"`
	// Demand is what it needs of a server, for when it is placed and when it moves.
	Demand Demand `json:"demand"`
	// Reservation is what holds its room on Server; it is committed.
	Reservation ReservationRef `json:"reservation,omitzero"`
	// Oversized: its reservations hold more than Demand says, as the thing may still take
	// what it took before a change.
	Oversized bool  `json:"oversized,omitempty"`
	Move      *Move `json:"move,omitempty"`
	// Leftovers are other servers on which something of it may still be, which is to be
	// removed: the old place after a move, the new one after a failed move, wherever a
	// call took effect after its lease had ended.
	Leftovers []Leftover `json:"leftovers,omitempty"`

	// Arrivals are the servers on which something of it may be, and since when.
	Arrivals []Arrival `json:"arrivals,omitempty"`

	// Touched: a driver was called for it on Server.
	Touched bool `json:"touched,omitempty"`
	// Observed is what was last seen on Server.
	Observed Observed `json:"observed"`
	// Refused is a server on which the name was found taken before anything of the service
	// was seen there: what carries no ID there is not taken for the service's own.
	Refused ServerID `json:"refused,omitempty"`
	// Recheck is set when what was seen may be out of date: it is read again first.
	Recheck bool `json:"recheck,omitempty"`

	// Phase sums all of this up; see [Phase].
	Phase Phase `json:"phase"`
	// Operation is under way, between two calls or in one.
	Operation *Operation `json:"operation,omitempty"`
	// Due is when the manager is to look at it again; the zero time: there is nothing
	// to be done. Queue is the server of the next call, "" if that needs none.
	Due   time.Time `json:"due,omitzero"`
	Queue ServerID  `json:"queue,omitempty"`
	// Repairs counts how often the thing was found missing in this generation.
	Repairs int      `json:"repairs,omitempty"`
	Failure *Failure `json:"failure,omitempty"` // the last one, until something succeeds
	Parked  *Parking `json:"parked,omitempty"`
	Lease   Lease    `json:"lease,omitzero"`
}

// Desired is the state that a service should be in.
type Desired string

// The states that can be wanted.
const (
	DesiredActive    Desired = "active"
	DesiredSuspended Desired = "suspended"
	DesiredRemoved   Desired = "removed"
)

// Desired returns the state that the service should be in: removed once its removal has
// begun, suspended while there is a reason for it or a removal to come, else active.
func (s *Service) Desired() Desired {
	switch {
	case s.Removal != nil && s.Removal.Begun:
		return DesiredRemoved
	case len(s.Suspensions) > 0 || s.Removal != nil:
		return DesiredSuspended
	}
	return DesiredActive
}

// Suspension is one reason for which a service is suspended. It is suspended while there
// is any.
type Suspension struct {
	Reason string    `json:"reason"` // such as "unpaid" or "abuse"
	Note   string    `json:"note,omitempty"`
	At     time.Time `json:"at"`
}

// Removal is the end of a service: it is suspended at once, removed at At, and can be
// kept until that has begun.
type Removal struct {
	Reason    string    `json:"reason"`
	Requested time.Time `json:"requested"`
	At        time.Time `json:"at"`
	Begun     bool      `json:"begun,omitempty"`
	// Undo: the service is removed because its order failed.
	Undo bool `json:"undo,omitempty"`
}

// MoveStage is how far a move has come.
type MoveStage string

// The stages of a move, in order. After the last the new place serves and the old one
// becomes a leftover.
const (
	MoveMaking    MoveStage = "making"    // it is made on the new server
	MoveCopying   MoveStage = "copying"   // its content is copied
	MoveVerifying MoveStage = "verifying" // the new one is compared with the old one
	MoveAligning  MoveStage = "aligning"  // the new one is suspended or resumed, as is wanted
)

// Move is a move to another server. Until it ends the service is where it was.
type Move struct {
	To          ServerID       `json:"to"`
	Reservation ReservationRef `json:"reservation"`
	Stage       MoveStage      `json:"stage"`
	Requested   time.Time      `json:"requested"`
	// WithoutContent: the driver need not be able to copy.
	WithoutContent bool `json:"without_content,omitempty"`
	// Presence and Facts are what was last seen on the new server.
	Presence Presence        `json:"presence,omitempty"`
	Facts    json.RawMessage `json:"facts,omitempty"`
	// PasswordAt is the generation of the password that it was given.
	PasswordAt int64 `json:"password_at,omitempty"`
	// Rounds counts how often the new place was found unfit and the copy repeated.
	Rounds int `json:"rounds,omitempty"`
}

// leftMoved is why something is left on the server from which a service has moved.
const leftMoved = "moved"

// Leftover is a server on which something of a service may still be.
type Leftover struct {
	Server      ServerID       `json:"server"`
	Reservation ReservationRef `json:"reservation,omitzero"` // holds its room there; zero: none does
	Why         string         `json:"why"`                  // stable code: moved, move_failed, move_cancelled, late, orphan
	// After is until when the old place of a move is left alone ([WorkOptions.MoveGrace]);
	// zero: it is removed now.
	After time.Time `json:"after,omitzero"`
}

// Observed is what was last seen of a service on its server.
type Observed struct {
	// Presence is "" before anything was seen.
	Presence Presence        `json:"presence,omitempty"`
	Facts    json.RawMessage `json:"facts,omitempty"`
	At       time.Time       `json:"at,omitzero"`
	// SpecAt and PasswordAt are the generations of the spec and the password that the
	// thing was seen to have, or was given.
	SpecAt     int64 `json:"spec_at,omitempty"`
	PasswordAt int64 `json:"password_at,omitempty"`
	// Made: it has been there at least once.
	Made bool `json:"made,omitempty"`
}

// there reports whether the thing was there in full.
func (o *Observed) there() bool { return o.Presence == Present || o.Presence == Suspended }

// Failure is the last thing that went wrong. It holds no secrets.
type Failure struct {
	At     time.Time `json:"at"`
	Verb   Verb      `json:"verb"`
	Server ServerID  `json:"server,omitempty"`
	Class  Class     `json:"class"`
	Kind   string    `json:"kind,omitempty"`   // tierhost.Kind, as text
	Code   string    `json:"code,omitempty"`   // stable code, if the driver gave one
	Effect string    `json:"effect,omitempty"` // tierhost.Effect, as text
	Text   string    `json:"text"`
}

// Parking is why nothing more is done until somebody decides: a change of what is
// wanted, [Manager.Retry] or [Manager.Remove].
type Parking struct {
	Reason string    `json:"reason"` // stable code; see the Park constants
	Text   string    `json:"text"`
	At     time.Time `json:"at"`
}

// Reasons for which services are parked.
const (
	ParkPermanent = "permanent"       // the driver says that trying again is useless
	ParkAttempts  = "attempts"        // it was tried as often as the options allow
	ParkConflict  = "name_conflict"   // the server has something of that name that is not of this service
	ParkVanishing = "keeps_vanishing" // it was made again and again and did not stay
	ParkKept      = "removal_refused" // Options.BeforeRemove refuses its removal for good
	ParkNoDriver  = "no_driver"       // its server is unknown or has no driver here
	ParkInternal  = "internal"        // its record cannot be worked on: a defect
	ParkSecret    = "password_unread" // its password cannot be opened
)

// Lease is a worker's right to call the driver for a service.
type Lease struct {
	Token string    `json:"token"`
	Until time.Time `json:"until"`
}

// held reports whether somebody has the lease at now; it ends exactly at Until.
func (l Lease) held(now time.Time) bool { return l.Token != "" && now.Before(l.Until) }

// Available returns when a worker may take the service: when it is due, or when the lease
// that somebody has on it ends, if that is later. The zero time: there is nothing to do.
func (s *Service) Available() time.Time {
	if s.Due.IsZero() || s.Lease.Token == "" || s.Lease.Until.Before(s.Due) {
		return s.Due
	}
	return s.Lease.Until
}

// Claim is a name that a service holds on a server.
type Claim struct {
	Server ServerID
	Kind   Kind
	Name   string
}

// Claims returns the names that the service holds: on its server, and on the one it moves
// to. A store keeps each for one service only.
func (s *Service) Claims() []Claim {
	var all []Claim
	add := func(on ServerID) {
		if c := (Claim{on, s.Kind, s.Name}); on != "" && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	add(s.Server)
	if s.Move != nil {
		add(s.Move.To)
	}
	return all
}

// Clone returns a copy that shares no memory with s.
func (s Service) Clone() Service {
	s.Spec, s.Password = bytes.Clone(s.Spec), bytes.Clone(s.Password)
	s.Suspensions = slices.Clone(s.Suspensions)
	s.Removal = cloned(s.Removal)
	if s.Move = cloned(s.Move); s.Move != nil {
		s.Move.Facts = bytes.Clone(s.Move.Facts)
	}
	s.Leftovers, s.Arrivals = slices.Clone(s.Leftovers), slices.Clone(s.Arrivals)
	s.Demand = s.Demand.Clone()
	s.Observed.Facts = bytes.Clone(s.Observed.Facts)
	s.Operation, s.Failure, s.Parked = cloned(s.Operation), cloned(s.Failure), cloned(s.Parked)
	return s
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
