package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tierhost/tierhost"
)

// Code says why a server was not chosen. Codes are stable; filters of the host have
// their own.
type Code string

// The codes, in the order in which a server is checked: a verdict names the first that
// applies. Filters of the host come after NoRoom.
const (
	Chosen        Code = "chosen"
	Possible      Code = "possible" // nothing was chosen yet, this could be
	OtherKind     Code = "other_kind"
	OtherGroup    Code = "other_group"
	NotCarried    Code = "group_not_carried" // the machine does not carry the group
	ServerStatus  Code = "server_status"     // draining, disabled, down
	MachineStatus Code = "machine_status"
	SetAside      Code = "set_aside" // the machine is for another seller, or for one to come
	NotOwn        Code = "not_own"   // the seller has machines of its own, and this is none
	OtherPlatform Code = "other_platform"
	TagMissing    Code = "tag_missing"
	TagForbidden  Code = "tag_forbidden"
	OtherServer   Code = "other_server"
	Excluded      Code = "excluded"
	RuleBroken    Code = "rule" // of Request.Rules
	NoRoom        Code = "no_room"
	MachineNoRoom Code = "machine_no_room"
	MoreWaived    Code = "more_waived"    // others break fewer waivable rules
	LessPreferred Code = "less_preferred" // others have more of Request.Prefer
	Outscored     Code = "outscored"      // others have more points from the policy's scorers
	NotPicked     Code = "not_picked"     // the picker took another of the best
)

// Refusal is why one server is not possible. The zero value says that it is.
type Refusal struct {
	Code Code
	// Subject is what it is about: a dimension, a tag, a status, a platform, a relation.
	Subject string
	// Need and Have are the figures: of NoRoom and MachineNoRoom what is demanded and what
	// is free, of MoreWaived and LessPreferred what others have and what this one has.
	Need, Have int64
}

// Verdict is what became of one server.
type Verdict struct {
	Server  string
	Machine string
	Refusal // Code is Chosen for the one that was chosen
}

// String returns the verdict for staff, in one line.
func (v Verdict) String() string { return v.Server + ": " + v.Refusal.String() }

// String returns the refusal for staff, in one line.
func (r Refusal) String() string {
	switch r.Code {
	case "", Possible:
		return "possible"
	case Chosen:
		return "chosen"
	case OtherKind:
		return "is of kind " + r.Subject
	case OtherGroup:
		return "is in group " + r.Subject
	case NotCarried:
		return "its machine does not carry group " + r.Subject
	case ServerStatus:
		return "is " + r.Subject
	case MachineStatus:
		return "its machine is " + r.Subject
	case SetAside:
		return "its machine is set aside"
	case NotOwn:
		return "the seller has machines of its own"
	case OtherPlatform:
		return "its platform is " + orNone(r.Subject)
	case TagMissing:
		return "lacks the tag " + r.Subject
	case TagForbidden:
		return "has the tag " + r.Subject
	case OtherServer:
		return "another server is asked for"
	case Excluded:
		return "is excluded"
	case RuleBroken:
		return "breaks the rule " + r.Subject
	case NoRoom:
		return fmt.Sprintf("%s: %d needed, %d free", r.Subject, r.Need, r.Have)
	case MachineNoRoom:
		return fmt.Sprintf("%s of its machine: %d needed, %d free", r.Subject, r.Need, r.Have)
	case MoreWaived:
		return fmt.Sprintf("breaks %d rules, others %d", r.Have, r.Need)
	case LessPreferred:
		return fmt.Sprintf("has %d of the preferred tags, others %d", r.Have, r.Need)
	case Outscored:
		return "has " + r.Subject
	case NotPicked:
		return "another was picked"
	}
	return strings.TrimSpace(string(r.Code) + " " + r.Subject)
}

func orNone(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}

// Count is how many servers got a code.
type Count struct {
	Code    Code
	Servers int
}

// Explanation is what became of each server.
type Explanation struct {
	// Request is the request's name, or else its group or kind.
	Request string
	// Counts are the numbers of servers for each code that occurs, in the order in which
	// servers are checked; codes of the host's filters follow, by name.
	Counts []Count
	// Verdicts are sorted by the servers' IDs. In a [NoCandidateError] there are [NearestMisses]
	// at most, those first that passed the most checks.
	Verdicts []Verdict
}

// String returns the counts in one line.
func (e Explanation) String() string {
	if len(e.Counts) == 0 {
		return "there are no servers"
	}
	var b strings.Builder
	for i, c := range e.Counts {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d %s", c.Servers, c.Code)
	}
	return b.String()
}

// NearestMisses is how many verdicts a [NoCandidateError] holds.
const NearestMisses = 16

// ErrNoCandidate: no server is possible. The error is a [*NoCandidateError].
var ErrNoCandidate error = tierhost.E("", tierhost.KindPrecondition, "no_candidate", nil)

// NoCandidateError is that no server is possible for a request, and why. It is found by
// errors.As; errors.Is matches it with [ErrNoCandidate] or [ErrSearchLimit].
type NoCandidateError struct {
	Explanation
	sentinel error
}

// Error returns the request, the counts and the nearest miss in one line.
func (e *NoCandidateError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "placement: no server for %s: %s", e.Request, e.Explanation)
	if len(e.Verdicts) > 0 {
		fmt.Fprintf(&b, "; nearest: %s", e.Verdicts[0])
	}
	return b.String()
}

// Unwrap returns the sentinel.
func (e *NoCandidateError) Unwrap() error { return e.sentinel }

// order is the place of a code among the checks.
func (c Code) order() int {
	checks := [...]Code{
		Chosen, Possible, OtherKind, OtherGroup, NotCarried, ServerStatus, MachineStatus, SetAside, NotOwn, OtherPlatform, TagMissing, TagForbidden,
		OtherServer, Excluded, RuleBroken, NoRoom, MachineNoRoom, "", MoreWaived, LessPreferred, Outscored, NotPicked,
	}
	const host = 17 // codes of the host's filters
	for i, known := range checks {
		if known == c {
			return i
		}
	}
	return host
}

func compareCodes(a, b Code) int { return cmp.Or(cmp.Compare(a.order(), b.order()), cmp.Compare(a, b)) }

// explanation collects verdicts.
type explanation struct {
	counts   map[Code]int
	verdicts []Verdict
	limit    int    // of verdicts, nearest first; 0: all
	chosen   string // the server that was
}

// add notes what became of c; a nil explanation notes nothing.
func (e *explanation) add(c Candidate, why Refusal) {
	if e == nil {
		return
	}
	if c.Server.ID == e.chosen {
		why = Refusal{Code: Chosen}
	}
	v := Verdict{c.Server.ID, c.Machine.ID, why}
	if e.counts == nil {
		e.counts = map[Code]int{}
	}
	e.counts[v.Code]++
	if e.limit == 0 {
		e.verdicts = append(e.verdicts, v)
		return
	}
	if n := len(e.verdicts); n == e.limit {
		if nearer(e.verdicts[n-1], v) < 0 {
			return
		}
		e.verdicts = e.verdicts[:n-1]
	}
	at, _ := slices.BinarySearchFunc(e.verdicts, v, nearer)
	e.verdicts = slices.Insert(e.verdicts, at, v)
}

func nearer(a, b Verdict) int {
	if a.Code == b.Code {
		return strings.Compare(a.Server, b.Server)
	}
	return cmp.Or(compareCodes(b.Code, a.Code), strings.Compare(a.Server, b.Server))
}

func (e *explanation) of(r *Request) Explanation {
	out := Explanation{Request: cmp.Or(r.Name, r.Group, r.Kind), Verdicts: e.verdicts}
	for code, n := range e.counts {
		out.Counts = append(out.Counts, Count{code, n})
	}
	slices.SortFunc(out.Counts, func(a, b Count) int { return compareCodes(a.Code, b.Code) })
	if e.limit == 0 {
		slices.SortFunc(out.Verdicts, func(a, b Verdict) int { return cmp.Compare(a.Server, b.Server) })
	}
	return out
}
