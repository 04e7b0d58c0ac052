package provisioning

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A's Ensure on a leftover's server lands between B's last read there and the record of it.
func TestLateOnALeftover(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)
	s := Service{ID: "a", Generation: 3, SpecAt: 1, Server: "s1", Touched: true, Phase: PhaseActive,
		Observed:  Observed{Presence: Present, Made: true, SpecAt: 1},
		Leftovers: []Leftover{{Server: "s2", Reservation: ReservationRef{ID: "r", Token: 1}, Why: "move_failed"}},
		Operation: &Operation{Verb: VerbRemove, Server: "s2", Generation: 3, Check: true, Acted: true, Calls: 3}}
	// B has the lease, has called Read (absent). Now A's outcome of Ensure on s2 is recorded:
	s.late("s2", false, now)
	require.NoError(t, s.settle(now))
	// and then B's:
	v := s.conclude(made{verb: VerbRead, obs: Observation{Presence: Absent}}, now, patience{attempts: 3, delay: func(int) time.Duration { return 0 }})
	require.Empty(t, v.freed, "the room is given back")
	require.True(t, s.leftOn("s2"), "what A made on s2 is forgotten: an orphan")
}

// A's late Resume lands between B's Read and its record.
func TestLateBesideARead(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)
	s := Service{ID: "a", Generation: 3, SpecAt: 1, Server: "s1", Touched: true, Phase: PhaseSuspended, Recheck: true,
		Suspensions: []Suspension{{Reason: "unpaid"}},
		Observed:    Observed{Presence: Suspended, Made: true, SpecAt: 1},
		Operation:   &Operation{Verb: VerbRead, Server: "s1", Generation: 3, Check: true, Calls: 1}}
	s.late("s1", false, now)
	s.conclude(made{verb: VerbRead, obs: Observation{Presence: Suspended, Owner: "a", Matches: true}}, now, patience{attempts: 3, delay: func(int) time.Duration { return 0 }})
	require.NoError(t, s.settle(now))
	require.False(t, s.Due.IsZero(), "nobody looks again: it is usable and counts as suspended")
}
