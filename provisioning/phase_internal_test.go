package provisioning

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
)

// explorer walks every state that a service can be in, by everything that can happen to
// it. Counters are bounded and generations made relative, so that there are finitely many.
type explorer struct {
	t     *testing.T
	now   time.Time
	seen  map[string]bool
	queue []explored
	edges map[[2]Phase]string // and what led over it first
}

// explored is a state between two calls.
type explored struct{ Service }

var explorePatience = patience{attempts: 2, moveGrace: time.Hour, delay: func(int) time.Duration { return time.Second }}

// norm makes a state comparable: what does not decide anything is taken out.
func (x explored) norm() explored {
	s := x.Service.Clone()
	relative := func(at, now int64) int64 {
		if at >= now && now > 0 {
			return 2
		}
		return 0
	}
	s.Observed.SpecAt, s.SpecAt = relative(s.Observed.SpecAt, s.SpecAt), 2
	s.Observed.PasswordAt = relative(s.Observed.PasswordAt, s.PasswordAt)
	if s.Move != nil {
		s.Move.PasswordAt = relative(s.Move.PasswordAt, s.PasswordAt)
		s.Move.Rounds = max(s.Move.Rounds-roundsAllowed+1, 0)
		s.Move.Requested = time.Time{}
	}
	if s.PasswordAt > 0 {
		s.PasswordAt = 2
	}
	if op := s.Operation; op != nil {
		op.ID, op.Begun, op.Calls = "", time.Time{}, min(op.Calls, 1)
		op.Failures = min(op.Failures, 1)
		op.Generation = 2
	}
	s.Generation = 2
	s.Repairs = max(s.Repairs-repairsAllowed+1, 0)
	s.Spec, s.Password = nil, nil
	s.Failure, s.Version = nil, 0
	s.Observed.At, s.Observed.Facts = time.Time{}, nil
	for i := range s.Suspensions {
		s.Suspensions[i].At = time.Time{}
	}
	if s.Removal != nil {
		s.Removal.Requested, s.Removal.At = time.Time{}, time.Unix(1e9, 0).UTC()
	}
	if s.Parked != nil {
		s.Parked = &Parking{Reason: "parked"}
	}
	s.Due, s.Queue = time.Time{}, ""
	s.Reservation, s.Demand, s.Arrivals = ReservationRef{}, Demand{}, nil
	slices.SortFunc(s.Leftovers, func(a, b Leftover) int { return strings.Compare(string(a.Server), string(b.Server)) })
	for i := range s.Leftovers {
		s.Leftovers[i].Why, s.Leftovers[i].Reservation = "", ReservationRef{}
		if !s.Leftovers[i].After.IsZero() {
			s.Leftovers[i].After = time.Unix(2e9, 0).UTC()
		}
	}
	if s.Move != nil {
		s.Move.Reservation, s.Move.Facts = ReservationRef{}, nil
	}
	if s.Removal != nil && s.Removal.Begun { // how it was does not matter any more
		s.Observed = Observed{Made: s.Observed.Made}
		s.Suspensions = nil
		s.PasswordAt = 0
	}
	if s.Observed.Presence == Partial || s.Observed.Presence == "" {
		s.Observed.Presence = Absent
	}
	if s.Move != nil && s.Move.Stage == MoveMaking {
		s.Move.Presence = ""
	}
	// The two servers are alike: it is on the first.
	if s.Server == "b" || s.Server == "" && len(s.Leftovers) > 0 && s.Leftovers[0].Server == "b" {
		other := map[ServerID]ServerID{"a": "b", "b": "a", "": ""}
		s.Server = other[s.Server]
		for i := range s.Leftovers {
			s.Leftovers[i].Server = other[s.Leftovers[i].Server]
		}
		if s.Move != nil {
			s.Move.To = other[s.Move.To]
		}
		if s.Operation != nil {
			s.Operation.Server = other[s.Operation.Server]
		}
	}
	x.Service = s
	return x
}

// key writes what decides anything.
func (x explored) key() string {
	b := make([]byte, 0, 160)
	word := func(s string) { b = append(append(b, s...), '|') }
	num := func(n int) { b = append(strconv.AppendInt(b, int64(n), 10), '|') }
	flags := func(all ...bool) {
		for _, f := range all {
			if f {
				b = append(b, '1')
			} else {
				b = append(b, '0')
			}
		}
	}
	flags(x.Waiting, x.Touched, x.Recheck, x.Observed.Made, x.Parked != nil, x.Observed.SpecAt > 0,
		x.PasswordAt > 0, x.Observed.PasswordAt > 0, len(x.Suspensions) > 0, x.Removal != nil, x.Removal != nil && x.Removal.Begun)
	word(string(x.Server))
	word(string(x.Observed.Presence))
	word(string(x.Phase))
	num(x.Repairs)
	for _, l := range x.Leftovers {
		word(string(l.Server))
		flags(!l.After.IsZero())
	}
	if m := x.Move; m != nil {
		word("move")
		word(string(m.To))
		word(string(m.Stage))
		word(string(m.Presence))
		num(m.Rounds)
		flags(m.PasswordAt > 0)
	}
	if op := x.Operation; op != nil {
		word(string(op.Verb))
		word(string(op.Server))
		num(op.Failures)
		num(op.Checks)
		flags(op.Check, op.Acted, op.Exists, op.Gone, op.Measured)
	}
	return string(b)
}

// to takes up the state that something has led to.
func (e *explorer) to(from, x explored, why string) {
	before := from.Phase
	err := x.settle(e.now)
	if x.Phase != before {
		edge := [2]Phase{before, x.Phase}
		if _, known := e.edges[edge]; !known {
			e.edges[edge] = why
		}
	}
	if err != nil && os.Getenv("EXPLORE") == "" {
		require.NoError(e.t, err, why)
	}
	x = x.norm()
	k := x.key()
	if !e.seen[k] {
		e.seen[k] = true
		e.queue = append(e.queue, x)
	}
}

// try does something to a copy.
func (e *explorer) try(from explored, why string, fn func(x *explored) error) {
	x := from
	x.Service = from.Service.Clone()
	if fn(&x) == nil {
		e.to(from, x, why)
	}
}

// commands are all that people may ask for.
func (e *explorer) commands(from explored) {
	now := e.now
	do := func(name string, fn func(s *Service) error) {
		e.try(from, name, func(x *explored) error { return fn(&x.Service) })
	}
	do("change", func(s *Service) error { return s.change(json.RawMessage(`{"n":1}`), now) })
	do("password", func(s *Service) error { return s.setPassword([]byte{1}, now) })
	do("suspend", func(s *Service) error { return s.suspend(Suspension{Reason: "unpaid", At: now}) })
	do("resume", func(s *Service) error { return s.resume("", now) })
	do("cancel the move", func(s *Service) error { s.cancelMove(now); return nil })
	do("remove", func(s *Service) error { _, err := s.remove("cancelled", time.Hour, now); return err })
	do("remove now", func(s *Service) error { _, err := s.remove("cancelled", 0, now); return err })
	do("keep", func(s *Service) error { return s.undoRemoval(now) })
	do("retry", func(s *Service) error { return s.retry(now) })
	for _, to := range []ServerID{"a", "b"} {
		do("move", func(s *Service) error {
			if done, err := s.movable(to); done || err != nil {
				return fmt.Errorf("refused: %w", err)
			}
			s.Move = &Move{To: to, Stage: MoveMaking}
			s.want(now)
			return nil
		})
		do("abandon", func(s *Service) error { _, _, err := s.abandon(to, now); return err })
		e.try(from, "a call ends late", func(x *explored) error { x.late(to, false, now); return nil })
		if from.PasswordAt > 0 {
			e.try(from, "an old password is set late", func(x *explored) error { x.late(to, true, now); return nil })
		}
	}
	if from.Removal != nil && !from.Removal.Begun {
		e.try(from, "the grace ends", func(x *explored) error { x.beginRemoval(now); return nil })
	}
	if from.Desired() != DesiredRemoved {
		e.try(from, "the order fails", func(x *explored) error {
			x.Removal = &Removal{Reason: "order_failed", Undo: true}
			x.beginRemoval(now)
			return nil
		})
	}
	if slices.ContainsFunc(from.Leftovers, func(l Leftover) bool { return !l.After.IsZero() }) {
		e.try(from, "the old place has served long enough", func(x *explored) error { x.ripen(time.Unix(3e9, 0)); return nil })
	}
	if from.Waiting {
		e.try(from, "its turn comes", func(x *explored) error { x.Waiting = false; return nil })
	}
	if from.Server == "" && from.Desired() != DesiredRemoved {
		e.try(from, "it is placed", func(x *explored) error {
			if x.Server = "a"; x.leftOn("a") {
				x.Server = "b" // it is not placed where something is left
			}
			return nil
		})
		e.try(from, "its server is gone", func(x *explored) error {
			x.Parked = &Parking{Reason: ParkNoDriver}
			return nil
		})
	}
}

// calls are all that a worker may meet with.
func (e *explorer) calls(from explored) {
	verb, on := from.next()
	if verb == "" || verb == VerbPlace {
		return
	}
	begun := explored{from.Service.Clone()}
	reading := begun.begin(verb, on, e.now, func() string { return "" })
	e.to(from, begun, "the worker ends in a call")
	measuring := !reading && begun.unmeasured()
	if reading {
		verb = VerbRead
	}
	conclude := func(x *explored, c made) {
		v := x.Service.conclude(c, e.now, explorePatience)
		if v.conflict {
			x.giveUp(ParkConflict, "", e.now, &v)
		}
	}
	outcome := func(why string, c made) {
		e.try(begun, why, func(x *explored) error { conclude(x, c); return nil })
	}
	succeeds := made{verb: verb, password: verb == VerbEnsure && from.PasswordAt > 0, obs: Observation{Presence: Absent}}
	// What is asked for during the call has been stored before its outcome.
	inner := &explorer{t: e.t, now: e.now, seen: map[string]bool{}, edges: map[[2]Phase]string{}}
	inner.commands(begun)
	for _, asked := range inner.queue {
		e.try(asked, "something was asked for during the call", func(x *explored) error { conclude(x, succeeds); return nil })
	}
	if !reading { // whose driver may have no meters
		outcome(string(verb)+" succeeds", succeeds)
	}
	if measuring {
		outcome("the meters are read", made{verb: VerbUsage})
		for class, err := range failures {
			outcome(fmt.Sprintf("the meters are not read: %s", class), made{verb: VerbUsage, err: err})
		}
		outcome("the worker is told to end while it reads the meters", made{verb: VerbUsage, err: failures[ClassUnknown], ended: true})
	}
	if reading || verb == VerbVerify { // which is a read with a driver that cannot
		for _, presence := range []Presence{Absent, Present, Suspended, Partial} {
			for _, owner := range []ServiceID{"", "svc", "other"} {
				for _, matches := range []bool{true, false} {
					if presence == Absent && (owner != "" || matches) {
						continue
					}
					outcome(fmt.Sprintf("it is seen %s, of %q, as wanted: %t", presence, owner, matches),
						made{verb: VerbRead, obs: Observation{Presence: presence, Owner: owner, Matches: matches}})
				}
			}
		}
	}
	for class, err := range failures {
		outcome(fmt.Sprintf("%s fails: %s", verb, class), made{verb: verb, err: err})
	}
	if verb == VerbRemove {
		outcome("the removal is refused", made{verb: verb, refused: true, err: failures[ClassPermanent]})
	}
}

// failures are errors of each class.
var failures = map[Class]error{
	ClassTransient: tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, nil),
	ClassThrottled: tierhost.Fail(tierhost.KindLimited, tierhost.EffectNone, nil),
	ClassPermanent: tierhost.Fail(tierhost.KindInvalid, tierhost.EffectNone, nil),
	ClassExists:    tierhost.Fail(tierhost.KindExists, tierhost.EffectNone, nil),
	ClassMissing:   tierhost.Fail(tierhost.KindNotFound, tierhost.EffectNone, nil),
	ClassUnknown:   tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, nil),
}

// explore visits every state.
func explore(t *testing.T, edges map[[2]Phase]string, visit func(s Service)) *explorer {
	e := &explorer{t: t, now: time.Unix(1e9, 0).UTC(), seen: map[string]bool{}, edges: edges}
	for _, first := range []Service{
		{Server: "a"}, {}, {Waiting: true, Server: "a"}, {Waiting: true}, {Server: "a", PasswordAt: 1},
	} {
		first.ID, first.Kind, first.Name, first.Generation, first.SpecAt = "svc", "web", "x", 1, 1
		e.to(explored{}, explored{first}, "it is ordered")
	}
	for len(e.queue) > 0 {
		x := e.queue[0]
		e.queue = e.queue[1:]
		if visit != nil {
			visit(x.Service)
		}
		e.commands(x)
		e.calls(x)
	}
	return e
}

// The table of phases has what happens, and nothing else happens: every state that a
// service can be in is visited, and everything that can happen to it tried.
func TestPhasesFollowTheTable(t *testing.T) {
	t.Parallel()
	edges := map[[2]Phase]string{}
	states := len(explore(t, edges, nil).seen)
	var happened, table []string
	for edge := range edges {
		happened = append(happened, fmt.Sprintf("%s -> %s", edge[0], edge[1]))
	}
	for from, all := range follows {
		for _, to := range all {
			table = append(table, fmt.Sprintf("%s -> %s", from, to))
		}
	}
	slices.Sort(happened)
	slices.Sort(table)
	t.Logf("%d states, %d edges", states, len(happened))
	if os.Getenv("EXPLORE") != "" {
		for edge, why := range edges {
			happened = append(happened, fmt.Sprintf("  %s -> %s: %s", edge[0], edge[1], why))
		}
		t.Log(strings.Join(happened, "\n"))
	}
	require.Equal(t, happened, table)
}

// honest is a driver without faults and its servers, as far as one service goes.
type honest map[ServerID]Observation

func (h honest) call(s *Service, op Operation, read bool) made {
	c := made{verb: op.Verb}
	switch {
	case read:
		c.verb = VerbRead
	case s.unmeasured():
		c.verb = VerbUsage
	}
	o := h[op.Server]
	there := o.Presence == Present || o.Presence == Suspended
	switch c.verb {
	case VerbRead:
		c.obs = o
	case VerbEnsure, VerbPassword:
		if !there {
			o.Presence = Present
		}
		o.Owner, o.Matches, c.password = s.ID, true, true
		h[op.Server] = o
	case VerbSuspend, VerbResume:
		if !there {
			c.err = failures[ClassMissing]
			break
		}
		o.Presence = map[Verb]Presence{VerbSuspend: Suspended, VerbResume: Present}[c.verb]
		h[op.Server] = o
	case VerbRemove:
		h[op.Server] = Observation{Presence: Absent}
	}
	return c
}

// Whatever has happened to a service, and whatever there is on its servers: from when
// nothing fails any more, a bounded number of calls makes it what is wanted.
func TestEveryStateLeadsToWhatIsWanted(t *testing.T) {
	t.Parallel()
	worlds := []Observation{{Presence: Absent}, {Presence: Partial, Owner: "svc"}}
	for _, presence := range []Presence{Present, Suspended} {
		for _, matches := range []bool{true, false} {
			worlds = append(worlds, Observation{Presence: presence, Owner: "svc", Matches: matches})
		}
	}
	now := time.Unix(1e9, 0).UTC()
	most, tried := 0, 0
	must := func(err error) { // and no require in the loops: it asks each time who has called
		if err != nil {
			t.Fatal(err)
		}
	}
	wanted := map[Desired]Presence{DesiredActive: Present, DesiredSuspended: Suspended}
	explore(t, map[[2]Phase]string{}, func(start Service) {
		for _, a := range worlds {
			for i, b := range worlds {
				// What is on a server that it does not know of is none of its business.
				if i > 0 && start.Server != "b" && !start.leftOn("b") && (start.Move == nil || start.Move.To != "b") {
					break
				}
				tried++
				s, world := start.Clone(), honest{"a": a, "b": b}
				ours := map[ServerID]bool{s.Server: true}
				for _, l := range s.Leftovers {
					ours[l.Server] = true
				}
				if s.Move != nil {
					ours[s.Move.To] = true
				}
				if s.Phase != PhaseRemoved {
					must(s.retry(now))
				}
				if s.Waiting = false; s.Server == "" && s.Desired() != DesiredRemoved {
					if s.Server = "a"; s.leftOn("a") {
						s.Server = "b"
					}
					ours[s.Server] = true
				}
				must(s.settle(now))
				calls := 0
				for ; s.Phase != PhaseParked; calls++ {
					verb, on := s.next()
					if verb == "" && len(s.Leftovers) > 0 {
						if s.Due.IsZero() {
							t.Fatalf("nobody comes for the old place of %+v", s)
						}
						must(s.settle(s.Due))
						continue
					}
					if verb == "" {
						break
					}
					if calls >= 40 {
						t.Fatalf("without an end: %+v", start)
					}
					read := s.begin(verb, on, now, func() string { return "op" })
					s.conclude(world.call(&s, *s.Operation, read), now, explorePatience)
					must(s.settle(now))
				}
				most = max(most, calls)
				if !s.Phase.Settled() {
					t.Fatalf("%s: %+v\nfrom %+v", s.Phase, s.Parked, start)
				}
				for _, server := range []ServerID{"a", "b"} {
					switch got := world[server]; {
					case server == s.Server && (got.Presence != wanted[s.Desired()] || !got.Matches):
						t.Fatalf("%s is %s, matching: %v, after %s: %+v / %+v, a %s b %s", server, got.Presence, got.Matches, explored{start}.key(),
							start.Operation, start.Observed, a.Presence, b.Presence)
					case server != s.Server && ours[server] && got.Presence != Absent:
						t.Fatalf("%s is left on %s: %+v", got.Presence, server, start)
					}
				}
			}
		}
	})
	t.Logf("%d states and worlds, at most %d calls", tried, most)
}
