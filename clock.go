package tierhost

import (
	"sync"
	"time"
)

// Clock tells the time. Services read it once per operation and hand the instant
// to pure code. Implementations MUST be safe for concurrent use and SHOULD
// return UTC with no more than microseconds, which is what stores keep.
type Clock interface {
	Now() time.Time
}

// SystemClock returns the clock of the machine: UTC, truncated to microseconds,
// without a monotonic reading.
func SystemClock() Clock { return systemClock{} }

type systemClock struct{}

func (systemClock) Now() time.Time { return instant(time.Now()) }

// TestClock is a [Clock] that moves only when told to. It is safe for
// concurrent use.
type TestClock struct {
	mu  sync.Mutex
	now time.Time
}

// NewTestClock returns a clock that stands at t.
func NewTestClock(t time.Time) *TestClock { return &TestClock{now: instant(t)} }

// Now returns the instant the clock was last set to: UTC, truncated to
// microseconds.
func (c *TestClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock to t, which may be in its past.
func (c *TestClock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = instant(t)
}

// Advance moves the clock by d, backwards if d is negative.
func (c *TestClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = instant(c.now.Add(d))
}

func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
