package provisioning

import (
	"slices"
	"time"
)

// Arrival is a server on which something of a service may be, and since when.
type Arrival struct {
	Server ServerID `json:"server"`
	// Number tells the stays of a service apart; a later one has a higher number.
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
}

// Stay is the time that a service has on a server: from before the first call that may
// have made it there until it was seen to be gone. What is measured there in that time is
// the service's, and its counters begin at 0 with it.
type Stay struct {
	Service ServiceID `json:"service"`
	Number  int64     `json:"number"`
	Server  ServerID  `json:"server"`
	Kind    Kind      `json:"kind"`
	Name    string    `json:"name"`
	Since   time.Time `json:"since"`          // by our clock; zero: it is not known
	Until   time.Time `json:"until,omitzero"` // the zero time: it has not ended
	// Last is what was measured there before the removal and was not counted yet.
	Last []Sample `json:"last,omitempty"`
}

// Clone returns a copy that shares no memory with s.
func (s Stay) Clone() Stay {
	s.Last = slices.Clone(s.Last)
	return s
}

// arrive notes, before the first call that may make the service on a server, that it may
// be there from now on.
func (s *Service) arrive(on ServerID, now time.Time) {
	if _, there := s.arrival(on); there {
		return
	}
	a := Arrival{Server: on, Number: s.Version, At: now}
	if on == s.Server && s.Observed.Made {
		a = Arrival{Server: on} // since before arrivals were noted
	}
	s.Arrivals = append(slices.Clip(s.Arrivals), a)
}

func (s *Service) arrival(on ServerID) (Arrival, bool) {
	for _, a := range s.Arrivals {
		if a.Server == on {
			return a, true
		}
	}
	return Arrival{}, false
}

// stay returns the stay of the service on a server that has not ended.
func (s *Service) stay(on ServerID) (Stay, bool) {
	a, there := s.arrival(on)
	if !there && (on != s.Server || !s.Observed.Made) {
		return Stay{}, false
	}
	return Stay{Service: s.ID, Number: a.Number, Server: on, Kind: s.Kind, Name: s.Name, Since: a.At}, true
}

// depart ends the stay on a server on which nothing is left of the service.
func (s *Service) depart(server ServerID, now time.Time, v *verdict) {
	stay, there := s.stay(server)
	if !there {
		return
	}
	stay.Until = now
	v.ended = append(v.ended, stay)
	s.Arrivals = slices.DeleteFunc(slices.Clone(s.Arrivals), func(a Arrival) bool { return a.Server == server })
}

// unmeasured reports whether what the service has used on the server of its operation is
// to be read before it is removed from there: the meters go with it.
func (s *Service) unmeasured() bool {
	op := s.Operation
	return op.Verb == VerbRemove && !op.Measured && !op.Gone && (op.Server != s.Server || s.Observed.Made)
}

// measured draws the conclusions from the last reading before a removal. One that fails
// is tried again as often as calls are; then the removal goes on, and what was used since
// the reading before may be lost.
func (s *Service) measured(op *Operation, c made, now time.Time, p patience, v *verdict) {
	op.Check, op.Checks = false, 0
	if c.err == nil {
		op.Measured, op.Failures = true, 0
		if len(c.samples) > 0 {
			s.arrive(op.Server, now) // where only a late call has made something
			v.last = c.samples
		}
		return
	}
	if c.ended { // which is nobody's failure
		return
	}
	s.Failure = failureOf(c.err, VerbUsage, op.Server, now)
	if op.Failures++; op.Failures < p.attempts && s.Failure.Class != ClassPermanent && s.Failure.Class != ClassMissing {
		s.Due = now.Add(max(p.delay(op.Failures), retryAfter(c.err)))
		return
	}
	op.Measured, op.Failures = true, 0
	v.unread = s.Failure.Class != ClassMissing // what is not there has no meters
}
