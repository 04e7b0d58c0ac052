package primary

import (
	"sync"
	"time"

	"github.com/tierhost/tierhost/dns/internal/wire"
)

// replays remembers the signatures of transfers for as long as their time is good, so that
// nobody who has listened gets a later revision of a zone with an old message. Only holders
// of a key add to it.
type replays struct {
	mu        sync.Mutex
	now, last map[[16]byte]struct{}
	since     time.Time
}

// first reports whether a signature was not there before, and remembers it.
func (r *replays) first(mac []byte, now time.Time) bool {
	var key [16]byte
	copy(key[:], mac)
	r.mu.Lock()
	defer r.mu.Unlock()
	// A signature is good from Fudge before its time to Fudge after it.
	if d := now.Sub(r.since); r.now == nil || d > 2*wire.Fudge || d < -2*wire.Fudge {
		r.last, r.now, r.since = r.now, map[[16]byte]struct{}{}, now
	}
	if _, ok := r.now[key]; ok {
		return false
	}
	if _, ok := r.last[key]; ok {
		return false
	}
	r.now[key] = struct{}{}
	return true
}
