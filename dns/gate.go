package dns

import (
	"slices"
	"time"

	"github.com/tierhost/tierhost/internal/worker"
)

// Gate is what keeps calls away from a server: the calls that run now, in whatever
// process, and the circuit breaker. One server that hangs or fails thus never holds up
// the others.
type Gate struct {
	Server ServerID `json:"server"`
	Slots  []Lease  `json:"slots,omitempty"` // one for each call under way
	// Failures counts the calls in a row that the server did not answer.
	Failures int `json:"failures,omitempty"`
	// Trips counts how often in a row the breaker has opened; 0: it is closed.
	Trips int `json:"trips,omitempty"`
	// OpenUntil is until when a breaker that is open lets nothing through.
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

// enter takes a slot, if one is free.
func (g *Gate) enter(l Lease, now time.Time, limit int) bool {
	if g.refresh(now, limit); now.Before(g.ClosedUntil) {
		return false
	}
	g.Slots = append(g.Slots, l)
	g.refresh(now, limit)
	return true
}

// heard is what the calls of a task say about a server.
type heard uint8

const (
	heardNothing heard = iota // there were none
	heardAnswer
	heardSilence
)

// leave gives a slot back and tells how the call went.
func (g *Gate) leave(token string, h heard, now time.Time, o *WorkOptions) (opened, closed bool) {
	g.Slots = slices.DeleteFunc(g.Slots, func(l Lease) bool { return l.Token == token })
	switch {
	case h == heardNothing:
	case h == heardAnswer:
		closed = g.Trips > 0
		g.Failures, g.Trips, g.OpenUntil = 0, 0, time.Time{}
	case now.Before(g.OpenUntil):
		g.Failures++
	default:
		if g.Failures++; g.Failures >= o.Trip || g.Trips > 0 {
			opened = g.Trips == 0
			g.Trips++
			g.OpenUntil = now.Add(o.jittered(worker.Doubled(o.TripFirst, o.TripMax, g.Trips)))
		}
	}
	g.refresh(now, o.Concurrency)
	return opened, closed
}
