package provisioning

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
)

// What may be wanted of a service, as changes of the record alone: the manager does the
// rest. All but the first two refuse where the state of the service does not allow them.

// want notes that something else is wanted of the service from now on. What was under way
// for the last generation may have had an effect, which is read first.
func (s *Service) want(now time.Time) {
	s.Generation++
	s.Repairs, s.Parked, s.Failure = 0, nil, nil
	if op := s.Operation; op != nil && op.Calls > 0 && op.Verb != VerbRead {
		s.Recheck = true
	}
	s.Operation = nil
	if s.Move != nil {
		s.Move.Stage = MoveMaking // with what is wanted now
	}
	s.Due = now
}

// beginRemoval notes that from now on the service is to be removed, and everything that
// was made of it. What no driver was ever called for is gone at once.
func (s *Service) beginRemoval(now time.Time) (freed []ReservationRef) {
	s.Removal.Begun = true
	if s.Move != nil {
		s.dropMove("move_failed")
	}
	s.want(now)
	s.Waiting, s.Recheck = false, false
	if !s.Touched && s.Server != "" {
		var v verdict
		leftovers := s.Leftovers
		s.Leftovers = nil
		s.removedFrom(s.Server, now, &v)
		s.Leftovers = leftovers
		return v.freed
	}
	return nil
}

// refuse is the error for what the state of a service does not allow.
func refuse(code, format string, args ...any) error {
	return tierhost.E("", tierhost.KindPrecondition, code, fmt.Errorf(format, args...))
}

// alive refuses a service whose removal has begun.
func (s *Service) alive() error {
	if s.Desired() == DesiredRemoved {
		return refuse("removal_begun", "service %s is %s", s.ID, s.Phase)
	}
	return nil
}

func (s *Service) change(spec json.RawMessage, now time.Time) error {
	if err := s.alive(); err != nil {
		return err
	}
	if bytes.Equal(s.Spec, spec) && s.Parked == nil {
		return nil
	}
	s.Spec = bytes.Clone(spec)
	s.want(now)
	s.SpecAt = s.Generation
	return nil
}

func (s *Service) setPassword(sealed []byte, now time.Time) error {
	if err := s.alive(); err != nil {
		return err
	}
	s.Password = sealed
	s.want(now)
	s.PasswordAt = s.Generation
	return nil
}

func (s *Service) suspend(why Suspension) error {
	if err := s.alive(); err != nil {
		return err
	}
	if slices.ContainsFunc(s.Suspensions, func(old Suspension) bool { return old.Reason == why.Reason }) {
		return nil
	}
	s.Suspensions = append(slices.Clone(s.Suspensions), why)
	s.want(why.At)
	return nil
}

func (s *Service) resume(reason string, now time.Time) error {
	if err := s.alive(); err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(s.Suspensions), func(old Suspension) bool {
		return reason == "" || old.Reason == reason
	})
	if len(rest) == len(s.Suspensions) {
		return nil
	}
	s.Suspensions = rest
	s.want(now)
	return nil
}

// movable refuses a service that cannot be moved to a server, "" being any other; done
// says that it is on its way there.
func (s *Service) movable(to ServerID) (done bool, err error) {
	if err := s.alive(); err != nil {
		return false, err
	}
	switch {
	case s.Removal != nil:
		return false, refuse("removal_requested", "service %s is to be removed", s.ID)
	case !s.Observed.Made:
		return false, refuse("not_made", "service %s is %s", s.ID, s.Phase)
	case s.Move != nil && (to == "" || to == s.Move.To):
		return true, nil
	case s.Move != nil:
		return false, refuse("moving", "service %s is on its way to %s", s.ID, s.Move.To)
	case to == s.Server:
		return false, refuse("same_server", "service %s is on %s", s.ID, s.Server)
	case s.leftOn(to):
		return false, refuse("leftover_there", "something of service %s is still to be removed from %s", s.ID, to)
	}
	return false, nil
}

func (s *Service) cancelMove(now time.Time) {
	if s.Move != nil {
		s.dropMove("move_cancelled")
		s.want(now)
	}
}

// remove has the service removed after a grace, and at once if it was never there.
func (s *Service) remove(reason string, grace time.Duration, now time.Time) (freed []ReservationRef, err error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if !s.Observed.Made {
		grace = 0
	}
	s.Removal = &Removal{Reason: reason, Requested: now, At: now.Add(grace)}
	if s.Move != nil {
		s.dropMove("move_cancelled")
	}
	if grace == 0 {
		return s.beginRemoval(now), nil
	}
	s.want(now)
	return nil, nil
}

func (s *Service) undoRemoval(now time.Time) error {
	if err := s.alive(); err != nil {
		return err
	}
	if s.Removal != nil {
		s.Removal = nil
		s.want(now)
	}
	return nil
}

func (s *Service) retry(now time.Time) error {
	if s.Phase == PhaseRemoved {
		return refuse("removed", "service %s is removed", s.ID)
	}
	s.Parked, s.Failure, s.Repairs = nil, nil, 0
	if s.Operation != nil {
		s.Operation.Failures = 0
	}
	if s.Move != nil {
		s.Move.Stage = MoveMaking
	}
	s.Recheck = s.Touched && s.Desired() != DesiredRemoved
	s.Due = now
	return nil
}
