package support

import (
	"fmt"
	"time"
)

// The bounds of priorities.
const (
	MinPriority     = 1
	MaxPriority     = 99
	DefaultPriority = 50
)

// Urgency is what makes some tickets more pressing than others: a priority that grows while
// a customer waits.
type Urgency struct {
	Priority int           // 1 to 99, when the waiting began
	Since    time.Time     // when it began; zero: nobody waits
	Growth   time.Duration // how long one point takes; 0: it does not grow
}

// At is the priority at an instant.
func (u Urgency) At(now time.Time) int {
	p := int64(u.Priority)
	if u.Growth > 0 && !u.Since.IsZero() && now.After(u.Since) {
		p += int64(now.Sub(u.Since) / u.Growth)
	}
	return int(min(max(p, MinPriority), MaxPriority))
}

// sort is a text whose order is that of urgency, the most pressing first. It does not
// depend on the time: tickets that grow at one rate keep their order, since each of them
// had, or would have had, priority 0 at an instant that stands, and whichever had it first
// is ahead for ever. Those that reach 99 stay in that order.
func (u Urgency) sort() string {
	since := u.Since
	if u.Growth <= 0 {
		return fmt.Sprintf("%02d %s", MaxPriority-min(max(u.Priority, 0), MaxPriority), timeSort(since))
	}
	return timeSort(since.Add(-time.Duration(u.Priority) * u.Growth))
}

// timeSort is a text in the order of time, for years from 1 to 9999.
func timeSort(t time.Time) string {
	if t.IsZero() {
		return "000000000000000000"
	}
	const year1 = 62135596800 * 1e6 // microseconds from the year 1 to 1970
	return fmt.Sprintf("%018d", max(t.UnixMicro()+int64(year1), 0))
}

// latestFirst is a text in the reverse order of time.
func latestFirst(t time.Time) string {
	b := []byte(timeSort(t))
	for i, c := range b {
		b[i] = '0' + '9' - c
	}
	return string(b)
}

// numberSort is a text in the order of numbers from 0.
func numberSort(n int64) string { return fmt.Sprintf("%019d", n) }
