package provisioning

import (
	"slices"
	"time"
)

// Gate is what keeps calls away from a server: the calls that run now, in whatever
// process, and the circuit breaker.
type Gate struct {
	Server ServerID `json:"server"`
	Slots  []Lease  `json:"slots,omitempty"` // one for each call under way
	// Failures counts the calls in a row that the server did not answer.
	Failures int `json:"failures,omitempty"`
	// Trips counts how often in a row the breaker has opened; 0: it is closed.
	Trips int `json:"trips,omitempty"`
	// OpenUntil is when a breaker that is open lets one call through to see.
	OpenUntil time.Time `json:"open_until,omitzero"`
	// ClosedUntil is how long no call may begin: stores find gates by it. The zero time:
	// calls may begin.
	ClosedUntil time.Time `json:"closed_until,omitzero"`
}

// Clone returns a copy that shares no memory with g.
func (g Gate) Clone() Gate {
	g.Slots = slices.Clone(g.Slots)
	return g
}
