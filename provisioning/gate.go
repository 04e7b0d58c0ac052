package provisioning

import (
	"slices"
	"time"

	"github.com/tierhost/tierhost/internal/worker"
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
	// OpenUntil is when a breaker that is open lets one call through to see, and until
	// when a server that is down is left alone.
	OpenUntil time.Time `json:"open_until,omitzero"`
	// ClosedUntil is how long no call may begin: stores find gates by it. The zero time:
	// calls may begin.
	ClosedUntil time.Time `json:"closed_until,omitzero"`
	// Forgotten is before when samples of the server are no longer remembered: older ones
	// count no more.
	Forgotten time.Time `json:"forgotten,omitzero"`
}

// Clone returns a copy that shares no memory with g.
func (g Gate) Clone() Gate {
	g.Slots = slices.Clone(g.Slots)
	return g
}

// open reports whether a call may begin at now.
func (g *Gate) open(now time.Time, limit int) bool {
	g.refresh(now, limit)
	return !now.Before(g.ClosedUntil)
}

// refresh drops the slots of those who were not heard of, and says until when no call may
// begin.
func (g *Gate) refresh(now time.Time, limit int) {
	g.Slots = slices.DeleteFunc(g.Slots, func(l Lease) bool { return !l.held(now) })
	g.ClosedUntil = time.Time{}
	if now.Before(g.OpenUntil) {
		g.ClosedUntil = g.OpenUntil
	}
	if g.Trips > 0 {
		limit = 1 // one is enough to see whether it works again
	}
	if len(g.Slots) < limit {
		return
	}
	first := slices.MinFunc(g.Slots, func(a, b Lease) int { return a.Until.Compare(b.Until) })
	if first.Until.After(g.ClosedUntil) {
		g.ClosedUntil = first.Until
	}
}

// enter takes a slot, or extends the one that is held with the token.
func (g *Gate) enter(l Lease, now time.Time, limit int) {
	g.leave(l.Token)
	g.Slots = append(g.Slots, l)
	g.refresh(now, limit)
}

// leave gives a slot back.
func (g *Gate) leave(token string) {
	g.Slots = slices.DeleteFunc(g.Slots, func(l Lease) bool { return l.Token == token })
}

// note counts a call that was answered or not, and reports whether the breaker has opened
// or closed by it.
func (g *Gate) note(answered bool, now time.Time, o WorkOptions) (opened, closed bool) {
	if answered {
		closed = g.Trips > 0
		g.Failures, g.Trips, g.OpenUntil = 0, 0, time.Time{}
		return false, closed
	}
	g.Failures++
	if g.Failures < o.Trip && g.Trips == 0 || now.Before(g.OpenUntil) {
		return false, false
	}
	opened = g.Trips == 0
	g.Trips++
	g.OpenUntil = now.Add(o.jittered(worker.Doubled(o.TripFirst, o.TripMax, g.Trips)))
	return opened, false
}
