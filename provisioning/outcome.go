package provisioning

import (
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
)

// checksAfterSuccess is how often what succeeded is looked for before it is done again:
// what a server tells may lag behind what it did.
const checksAfterSuccess = 3

// repairsAllowed is how often a thing is made again in one generation of its service.
const repairsAllowed = 3

// roundsAllowed is how often the copy of a move is repeated because the new place was
// found unfit.
const roundsAllowed = 5

// made is a call that a worker made for a service.
type made struct {
	verb Verb // what the driver was asked: the operation's verb, or VerbRead
	// password says that the driver was given the password.
	password bool
	obs      Observation
	err      error
	// uncalled: the driver was not asked, err says why. refused: it was
	// WorkOptions.BeforeRemove that refused; unread: the password could not be opened.
	uncalled, refused, unread bool
	// ended: the worker was told to end in the middle of the call.
	ended   bool
	samples []Sample // what VerbUsage has read
}

// read reports whether the call has looked at the thing.
func (c made) read() bool { return c.verb == VerbRead }

// harmless reports whether the call could not have changed anything.
func (c made) harmless() bool { return c.verb == VerbRead || c.verb == VerbUsage }

// verdict is what else follows from an outcome.
type verdict struct {
	freed      []ReservationRef // room that is no longer needed
	missing    bool             // the thing was found missing
	movedFrom  ServerID         // it serves from another server now
	moveFailed ServerID         // it stays where it is
	conflict   bool             // the name is somebody else's, whom rival names if known
	rival      ServiceID
	last       []Sample // what was read before a removal
	unread     bool     // it could not be read
	ended      []Stay   // on servers on which nothing is left
}

// patience decides when something is tried again and when it is given up.
type patience struct {
	attempts  int
	moveGrace time.Duration
	delay     func(failures int) time.Duration
}

// begin makes the operation for what is to be done next, or goes on with the one that is
// under way, and reports whether the next call is a read. The operation is left as it has
// to be stored before the call: whoever finds it without an outcome has to read.
func (s *Service) begin(verb Verb, on ServerID, now time.Time, newID func() string) (read bool) {
	op := s.Operation
	if op == nil || op.Verb != verb || op.Server != on || op.Generation != s.Generation {
		// What is removed is looked at before: it must be ours. So is what is changed: if it
		// is gone it has to be made again, with its password.
		op = &Operation{
			ID: newID(), Verb: verb, Server: on, Generation: s.Generation, Begun: now,
			Check: verb == VerbRemove || verb == VerbEnsure && on == s.Server && s.Observed.there(),
		}
		s.Operation = op
	}
	op.Calls++
	if verb == VerbEnsure {
		s.arrive(on, now)
	}
	s.Touched = s.Touched || on == s.Server
	read = verb == VerbRead || op.Check && checkable(verb)
	op.Check = true
	return read
}

// checkable reports whether a read can tell if the verb has worked. The others are done
// again when that is not known, which their contract allows.
func checkable(v Verb) bool {
	return v == VerbEnsure || v == VerbSuspend || v == VerbResume || v == VerbRemove
}

// conclude changes s by the outcome of a call that was made under its lease.
func (s *Service) conclude(c made, now time.Time, p patience) (v verdict) {
	op := s.Operation
	s.Due = now
	if op == nil || op.Generation != s.Generation {
		// What was wanted has changed meanwhile. The call may have had an effect.
		s.Operation = nil
		s.Recheck = s.Recheck || !c.harmless()
		return v
	}
	if c.verb == VerbUsage {
		s.measured(op, c, now, p, &v)
		return v
	}
	if c.err != nil {
		s.failed(op, c, now, p, &v)
		return v
	}
	if c.read() {
		s.saw(op, c, now, p, &v)
		return v
	}
	switch op.Verb {
	case VerbPassword:
		s.Observed.PasswordAt = s.PasswordAt
		s.done()
	case VerbCopy:
		s.Move.Stage = MoveVerifying
		s.done()
	case VerbVerify:
		s.verified(&v, now, p)
	default:
		op.Acted, op.Check, op.Checks = true, true, 0
		if op.Verb == VerbEnsure && s.Refused == op.Server {
			s.Refused = ""
		}
		switch {
		case !c.password:
		case op.Server == s.Server:
			s.Observed.PasswordAt = s.PasswordAt
		case s.Move != nil:
			s.Move.PasswordAt = s.PasswordAt
		}
	}
	return v
}

// done ends the operation: what it was for was seen.
func (s *Service) done() { s.Operation, s.Failure = nil, nil }

// saw draws the conclusions from a read.
func (s *Service) saw(op *Operation, c made, now time.Time, p patience, v *verdict) {
	obs := c.obs
	op.Checks++
	here := op.Server == s.Server
	there := obs.Presence == Present || obs.Presence == Suspended
	foreign := obs.Presence != Absent && obs.Owner != "" && obs.Owner != s.ID
	if foreign && op.Verb != VerbEnsure && op.Verb != VerbVerify {
		obs = Observation{Presence: Absent} // nothing of ours is there
	}
	// What carries no ID is the service's if it was made here before, or just now.
	if obs.Owner == "" && there && !op.Acted && !(here && s.Observed.Made) && (op.Verb == VerbEnsure && !op.Exists || op.Verb == VerbRead) {
		obs, there = Observation{Presence: Absent}, false
	}
	switch op.Verb {
	case VerbRemove:
		switch {
		case obs.Presence != Absent && obs.Owner == "" && s.Refused == op.Server:
			// It was there before; a driver that cannot tell would remove it.
			s.removedFrom(op.Server, now, v)
			return
		case obs.Presence == Absent && op.Acted:
			s.removedFrom(op.Server, now, v)
			return
		case obs.Presence == Absent:
			// What was seen may be older than what was made last: removing it is sure.
			op.Gone = true
		case there && here && obs.Owner == s.ID:
			s.Observed.Made = true
		}
	case VerbRead:
		s.Recheck = false
		if !there {
			s.lost(obs, now, v)
			s.Failure = nil
			return
		}
		s.look(obs, now)
		s.done()
		return
	case VerbEnsure, VerbVerify:
		if foreign || op.Exists && obs.Presence != Absent && obs.Owner != s.ID {
			v.conflict, v.rival = true, obs.Owner // the manager looks who that is
			return
		}
		if there && obs.Matches {
			s.ensured(op, obs, now, v, p)
			return
		}
		if op.Verb == VerbVerify {
			s.again(now, v)
			return
		}
		if !there && here && s.Observed.there() && (!op.Acted || op.Checks >= checksAfterSuccess) {
			s.lost(obs, now, v)
			return
		}
	case VerbSuspend, VerbResume:
		want := Suspended
		if op.Verb == VerbResume {
			want = Present
		}
		switch {
		case obs.Presence == want && here:
			s.Observed.Presence, s.Observed.At = want, now
			s.done()
			return
		case obs.Presence == want && s.Move.Stage == MoveAligning:
			s.Move.Presence = want
			s.switchOver(now, v, p)
			return
		case obs.Presence == want: // before the content comes
			s.Move.Presence = want
			s.done()
			return
		case obs.Presence == Partial && !op.Acted:
			// The call that has failed may have got half-way: it is done again.
		case there || op.Acted && op.Checks < checksAfterSuccess:
		case here:
			s.lost(obs, now, v)
			return
		default: // the new place of a move is gone
			s.again(now, v)
			return
		}
	}
	// Not what was hoped for.
	switch {
	case !op.Acted: // nothing was known, or nothing had happened: now it is done
		op.Check, op.Exists, op.Checks = false, false, 0
	case op.Checks < checksAfterSuccess:
		s.Due = now.Add(p.delay(op.Checks))
	default:
		op.Check, op.Acted, op.Checks = false, false, 0
		s.later(op, &Failure{
			At: now, Verb: op.Verb, Server: op.Server, Class: ClassTransient, Code: "not_as_wanted",
			Text: fmt.Sprintf("%s succeeded, but the thing is %s and matches: %t", op.Verb, obs.Presence, obs.Matches),
		}, 0, now, p, v)
	}
}

// failed draws the conclusions from a call that failed.
func (s *Service) failed(op *Operation, c made, now time.Time, p patience, v *verdict) {
	f := failureOf(c.err, c.verb, op.Server, now)
	class := f.Class
	if c.refused && class == ClassPermanent {
		s.Failure = f
		s.giveUp(ParkKept, f.Text, now, v)
		return
	}
	if c.unread && class == ClassPermanent {
		s.Failure = f
		s.giveUp(ParkSecret, f.Text, now, v)
		return
	}
	if c.read() {
		if c.ended {
			return
		}
		// A read has no effect and decides nothing; what is not there may be told so.
		if class == ClassMissing {
			c.err, c.obs = nil, Observation{Presence: Absent}
			s.saw(op, c, now, p, v)
			return
		}
		s.later(op, f, retryAfter(c.err), now, p, v)
		return
	}
	op.Acted, op.Checks = false, 0
	op.Check = class == ClassUnknown
	if c.ended { // which is nobody's failure: the next worker goes on
		return
	}
	here := op.Server == s.Server
	switch {
	case class == ClassPermanent && op.Verb == VerbVerify:
		// The new place lacks something: the content is copied again.
		s.Failure = f
		s.Move.Stage = MoveCopying
		s.nextRound(now, v)
		return
	case tierhost.KindOf(c.err) == tierhost.KindPrecondition && class == ClassPermanent && op.Verb == VerbRemove &&
		(op.Gone || here && !s.Observed.Made):
		// It was not seen to be there, and what is there is another's.
		s.removedFrom(op.Server, now, v)
		return
	case class == ClassPermanent:
		s.Failure = f
		s.giveUp(ParkPermanent, f.Text, now, v)
		return
	case class == ClassExists:
		op.Exists, op.Check = true, true
		if !here || !s.Observed.Made {
			s.Refused = op.Server
		}
	case class == ClassMissing && op.Verb == VerbRemove:
		op.Check, op.Acted = true, true
	case class == ClassMissing && op.Verb != VerbEnsure && here:
		s.Failure = f
		s.lost(Observation{Presence: Absent}, now, v)
		return
	case class == ClassMissing && op.Verb != VerbEnsure:
		s.Failure = f
		s.again(now, v)
		return
	}
	s.later(op, f, retryAfter(c.err), now, p, v)
}

// later keeps the operation for another try, or gives up.
func (s *Service) later(op *Operation, f *Failure, atLeast time.Duration, now time.Time, p patience, v *verdict) {
	s.Failure = f
	op.Failures++
	if op.Failures >= p.attempts {
		s.giveUp(ParkAttempts, fmt.Sprintf("given up after %d failures: %s", op.Failures, f.Text), now, v)
		return
	}
	s.Due = now.Add(max(p.delay(op.Failures), atLeast))
}

// giveUp ends what cannot be done: a move is taken back, anything else waits for a
// decision.
func (s *Service) giveUp(reason, text string, now time.Time, v *verdict) {
	op := s.Operation
	s.Operation = nil
	if s.Move != nil && op != nil && op.Server == s.Move.To && op.Verb != VerbRemove {
		v.moveFailed = s.Move.To
		s.dropMove("move_failed")
		return
	}
	s.Parked = &Parking{Reason: reason, Text: text, At: now}
}

// dropMove takes a move back: what it made is a leftover.
func (s *Service) dropMove(why string) {
	s.leave(Leftover{Server: s.Move.To, Reservation: s.Move.Reservation, Why: why})
	s.Move = nil
}

// leave notes that something is to be removed from another server.
func (s *Service) leave(l Leftover) {
	for i, old := range s.Leftovers {
		if old.Server == l.Server && old.Reservation.ID == "" {
			l.Why = old.Why
			s.Leftovers = slices.Clone(s.Leftovers)
			s.Leftovers[i] = l
			return
		}
	}
	s.Leftovers = append(slices.Clip(s.Leftovers), l)
}

// ensured notes that the thing was seen to be as wanted.
func (s *Service) ensured(op *Operation, obs Observation, now time.Time, v *verdict, p patience) {
	if op.Verb == VerbVerify {
		s.Move.Presence, s.Move.Facts = obs.Presence, kept(obs.Facts)
		s.verified(v, now, p)
		return
	}
	if op.Server == s.Server {
		s.look(obs, now)
		s.Observed.SpecAt = s.SpecAt
		s.done()
		return
	}
	s.Move.Presence, s.Move.Facts = obs.Presence, kept(obs.Facts)
	s.Move.Stage = MoveCopying
	s.done()
}

// verified ends the comparison of a move.
func (s *Service) verified(v *verdict, now time.Time, p patience) {
	s.done()
	if (s.Move.Presence == Suspended) != (s.Desired() == DesiredSuspended) {
		s.Move.Stage = MoveAligning
		return
	}
	s.switchOver(now, v, p)
}

// switchOver makes the new place of a move the one that serves.
func (s *Service) switchOver(now time.Time, v *verdict, p patience) {
	v.movedFrom = s.Server
	old := Leftover{Server: s.Server, Reservation: s.Reservation, Why: leftMoved}
	if p.moveGrace > 0 && s.Desired() == DesiredActive {
		old.After = now.Add(p.moveGrace)
	}
	s.leave(old)
	s.Server, s.Reservation = s.Move.To, s.Move.Reservation
	s.Observed = Observed{
		Presence: s.Move.Presence, Facts: s.Move.Facts, At: now, Made: true, SpecAt: s.SpecAt, PasswordAt: s.Move.PasswordAt,
	}
	s.Move = nil
	s.Recheck = true // copying may have taken long
	s.done()
}

// again has a move start from the beginning.
func (s *Service) again(now time.Time, v *verdict) {
	s.Move.Stage = MoveMaking
	s.nextRound(now, v)
}

func (s *Service) nextRound(now time.Time, v *verdict) {
	if s.Move.Rounds++; s.Move.Rounds > roundsAllowed {
		s.giveUp(ParkAttempts, "the new place was never fit to take over", now, v)
		return
	}
	s.Operation = nil
}

// look notes what was seen on the service's server.
func (s *Service) look(obs Observation, now time.Time) {
	o := &s.Observed
	o.Presence, o.At = obs.Presence, now
	o.Facts = kept(obs.Facts)
	there := o.there()
	o.Made = o.Made || there
	if !there || !obs.Matches {
		o.SpecAt = 0
	}
	if obs.Presence == Absent {
		o.PasswordAt = 0
	}
}

// lost notes that the thing is not there, or only in part, though it should be.
func (s *Service) lost(obs Observation, now time.Time, v *verdict) {
	s.look(obs, now)
	s.Operation = nil
	if !s.Observed.Made {
		return
	}
	v.missing = true
	if s.Repairs++; s.Repairs > repairsAllowed {
		s.Parked = &Parking{Reason: ParkVanishing, Text: fmt.Sprintf("it was found missing %d times", s.Repairs), At: now}
	}
}

// removedFrom notes that nothing of the service is left on a server: no leftover, or, if
// there was none, not the service itself.
func (s *Service) removedFrom(server ServerID, now time.Time, v *verdict) {
	free := func(r ReservationRef) {
		if r.ID != "" {
			v.freed = append(v.freed, r)
		}
	}
	s.done()
	s.depart(server, now, v)
	for i, l := range s.Leftovers {
		if l.Server == server {
			free(l.Reservation)
			s.Leftovers = append(s.Leftovers[:i:i], s.Leftovers[i+1:]...)
			return
		}
	}
	free(s.Reservation)
	s.Server, s.Reservation = "", ReservationRef{}
	s.Observed = Observed{Presence: Absent, At: now, Made: s.Observed.Made}
	s.Password = nil
}

// late notes that a call which could have changed something ended after its lease: what
// was seen since may not be so. oldPassword says that it has set one that was changed
// since, which no read would show.
func (s *Service) late(on ServerID, oldPassword bool, now time.Time) {
	if s.Operation != nil && s.Operation.Server == on {
		s.Operation = nil // what it has seen may have been before
	}
	switch {
	case !oldPassword:
	case on == s.Server:
		s.Observed.PasswordAt = 0
	case s.Move != nil && on == s.Move.To:
		s.Move.PasswordAt = 0
	}
	switch {
	case on == s.Server && s.Desired() != DesiredRemoved:
		s.Recheck = true
	case on == s.Server: // its removal reads first, unless that is over
	case s.Move != nil && on == s.Move.To:
		s.Move.Stage = MoveMaking
	case !s.leftOn(on):
		s.leave(Leftover{Server: on, Why: "late"})
	}
	s.Due = now
}

// served reports whether a server is where the service is or was, so that what is there may
// hold what its customer has made.
func (s *Service) served(server ServerID) bool {
	return server == s.Server && s.Observed.Made ||
		slices.ContainsFunc(s.Leftovers, func(l Leftover) bool { return l.Server == server && l.Why == leftMoved })
}

func (s *Service) leftOn(server ServerID) bool {
	for _, l := range s.Leftovers {
		if l.Server == server {
			return true
		}
	}
	return false
}
