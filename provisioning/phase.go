package provisioning

import (
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
)

// Phase sums up where a service is between what is wanted and what was seen.
type Phase string

// The phases. The table of what may follow what is in docs/provisioning.md.
const (
	PhasePending    Phase = "pending"    // it has no place yet, or it is not its turn in the order
	PhaseCreating   Phase = "creating"   // it is being made for the first time
	PhaseRepairing  Phase = "repairing"  // it was there and is missing: it is being made again
	PhaseActive     Phase = "active"     // it was seen to be there, usable, and as wanted
	PhaseChanging   Phase = "changing"   // it is there; its spec or password is being changed
	PhaseSuspending Phase = "suspending" // it is usable and should not be
	PhaseSuspended  Phase = "suspended"  // it was seen to be suspended, and as wanted
	PhaseResuming   Phase = "resuming"   // it is suspended and should not be
	PhaseMoving     Phase = "moving"     // it is on its way to another server and works where it is
	PhaseRemoving   Phase = "removing"   // it, or a leftover of it, is being removed
	PhaseRemoved    Phase = "removed"    // nothing of it is left
	PhaseParked     Phase = "parked"     // nothing more is done until somebody decides; see Parking
)

// Phases lists all phases.
func Phases() []Phase {
	return []Phase{
		PhasePending, PhaseCreating, PhaseRepairing, PhaseActive, PhaseChanging, PhaseSuspending,
		PhaseSuspended, PhaseResuming, PhaseMoving, PhaseRemoving, PhaseRemoved, PhaseParked,
	}
}

// Settled reports whether a service in this phase is as it is wanted.
func (p Phase) Settled() bool {
	return p == PhaseActive || p == PhaseSuspended || p == PhaseRemoved
}

// derive returns the phase. It is a function of the record and of nothing else, and knows
// every record.
func (s *Service) derive() Phase {
	suspended := s.Desired() == DesiredSuspended
	switch {
	case s.Parked != nil:
		return PhaseParked
	case s.Desired() == DesiredRemoved:
		if s.Server == "" && len(s.Leftovers) == 0 {
			return PhaseRemoved
		}
		return PhaseRemoving
	case s.Waiting || s.Server == "":
		return PhasePending
	case !s.Observed.there():
		if s.Observed.Made {
			return PhaseRepairing
		}
		return PhaseCreating
	case suspended && s.Observed.Presence == Present:
		return PhaseSuspending
	case !suspended && s.Observed.Presence == Suspended:
		return PhaseResuming
	case s.Observed.SpecAt < s.SpecAt || s.Observed.PasswordAt < s.PasswordAt:
		return PhaseChanging
	case s.Move != nil:
		return PhaseMoving
	case suspended:
		return PhaseSuspended
	}
	return PhaseActive
}

// next returns what is to be done now, and on which server; "" if nothing is. It goes
// with derive: in each phase one thing is to be done, which moves on to another phase.
// What keeps a customer out comes before what is improved, and leftovers come last.
func (s *Service) next() (Verb, ServerID) {
	switch phase := s.derive(); {
	case phase == PhaseParked, phase == PhaseRemoved, s.Waiting:
		return "", ""
	case phase == PhaseRemoving:
		if len(s.Leftovers) > 0 {
			return VerbRemove, s.Leftovers[0].Server
		}
		return VerbRemove, s.Server
	case phase == PhasePending:
		return VerbPlace, ""
	case s.Recheck:
		return VerbRead, s.Server
	case phase == PhaseCreating, phase == PhaseRepairing:
		return VerbEnsure, s.Server
	case phase == PhaseSuspending:
		return VerbSuspend, s.Server
	case phase == PhaseResuming:
		return VerbResume, s.Server
	case phase == PhaseChanging:
		if s.Observed.SpecAt >= s.SpecAt {
			return VerbPassword, s.Server
		}
		return VerbEnsure, s.Server
	case phase == PhaseMoving:
		if s.Move.Stage != MoveMaking && s.Move.Presence == Present && s.Desired() == DesiredSuspended {
			return VerbSuspend, s.Move.To // before the content comes, and whoever is to be kept from it
		}
		switch s.Move.Stage {
		case MoveCopying:
			return VerbCopy, s.Move.To
		case MoveVerifying:
			return VerbVerify, s.Move.To
		case MoveAligning:
			if s.Desired() == DesiredSuspended {
				return VerbSuspend, s.Move.To
			}
			return VerbResume, s.Move.To
		}
		return VerbEnsure, s.Move.To
	}
	for _, l := range s.Leftovers {
		if l.After.IsZero() {
			return VerbRemove, l.Server
		}
	}
	return "", ""
}

// follows lists, for each phase, the phases that may come after it. "" is a service that
// is not there yet.
var follows = map[Phase][]Phase{
	"":           {PhasePending, PhaseCreating},
	PhasePending: {PhaseCreating, PhaseRemoving, PhaseRemoved, PhaseParked},
	PhaseCreating: {
		PhaseActive, PhaseChanging, PhaseSuspending, PhaseSuspended,
		PhaseResuming, PhaseRemoving, PhaseRemoved, PhaseParked,
	},
	PhaseRepairing: {
		PhaseActive, PhaseChanging, PhaseSuspending, PhaseSuspended,
		PhaseResuming, PhaseMoving, PhaseRemoving, PhaseParked,
	},
	PhaseActive: {PhaseRepairing, PhaseChanging, PhaseSuspending, PhaseResuming, PhaseMoving, PhaseRemoving, PhaseParked},
	PhaseChanging: {
		PhaseRepairing, PhaseActive, PhaseSuspending, PhaseSuspended,
		PhaseResuming, PhaseMoving, PhaseRemoving, PhaseParked,
	},
	PhaseSuspending: {
		PhaseRepairing, PhaseActive, PhaseChanging, PhaseSuspended,
		PhaseMoving, PhaseRemoving, PhaseParked,
	},
	PhaseSuspended: {
		PhaseRepairing, PhaseChanging, PhaseSuspending, PhaseResuming,
		PhaseMoving, PhaseRemoving, PhaseParked,
	},
	PhaseResuming: {PhaseRepairing, PhaseActive, PhaseChanging, PhaseSuspended, PhaseMoving, PhaseRemoving, PhaseParked},
	PhaseMoving: {
		PhaseRepairing, PhaseActive, PhaseChanging, PhaseSuspending,
		PhaseSuspended, PhaseResuming, PhaseRemoving, PhaseParked,
	},
	PhaseRemoving: {PhaseRemoved, PhaseParked},
	PhaseRemoved:  {PhaseRemoving},
	PhaseParked: {
		PhasePending, PhaseCreating, PhaseRepairing, PhaseActive, PhaseChanging, PhaseSuspending,
		PhaseSuspended, PhaseResuming, PhaseMoving, PhaseRemoving, PhaseRemoved,
	},
}

// mayFollow reports whether a service may go from one phase to another at once.
func mayFollow(from, to Phase) bool { return from == to || slices.Contains(follows[from], to) }

// ripen has those leftovers removed that were left alone long enough, or that are in the
// way of what is wanted now. It returns when the next one is; zero: none is left alone.
func (s *Service) ripen(now time.Time) (next time.Time) {
	for i, l := range s.Leftovers {
		switch {
		case l.After.IsZero():
		case !now.Before(l.After) || s.Desired() != DesiredActive:
			s.Leftovers = slices.Clone(s.Leftovers)
			s.Leftovers[i].After = time.Time{}
		case next.IsZero() || l.After.Before(next):
			next = l.After
		}
	}
	return next
}

// settle brings the phase, and what hangs on it, up to date after a change of s. Due is
// when to try the next thing; settle forgets it if there is none.
func (s *Service) settle(now time.Time) error {
	// Where it is to be, nothing is left over: what is there is the thing itself.
	s.Leftovers = slices.DeleteFunc(slices.Clip(s.Leftovers), func(l Leftover) bool {
		return l.Reservation.ID == "" && (l.Server == s.Server || s.Move != nil && l.Server == s.Move.To)
	})
	later := s.ripen(now)
	from := s.Phase
	s.Phase = s.derive()
	verb, on := s.next()
	s.Queue = on
	switch {
	case verb == "":
		s.Operation, s.Due = nil, later // what else is done before comes upon it by itself
		if s.Removal != nil && !s.Removal.Begun {
			s.Due = s.Removal.At
		}
	case s.Due.IsZero():
		s.Due = now
	}
	// A removal that is to come comes also while something else is being done.
	if s.Removal != nil && !s.Removal.Begun && s.Removal.At.Before(s.Due) {
		s.Due = s.Removal.At
	}
	if !mayFollow(from, s.Phase) {
		return tierhost.E("provisioning", tierhost.KindInternal, "illegal_phase",
			fmt.Errorf("service %s went from %q to %q", s.ID, from, s.Phase))
	}
	return nil
}
