package support

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tierhost/tierhost"
)

// Span is a part of a day in minutes since midnight by the clock on the wall: From up to,
// and not including, Until. Until may be 1440.
type Span struct {
	From  int `json:"from"`
	Until int `json:"until"`
}

// Hours are business hours. The zero Hours are always.
type Hours struct {
	// Zone is the IANA name of the time zone; "": UTC.
	Zone string `json:"zone,omitempty"`
	// Days are the spans of each day of the week, Sunday first, in order and apart.
	Days [7][]Span `json:"days,omitzero"`
	// Holidays are days without business: "2031-12-25".
	Holidays []string `json:"holidays,omitempty"`
}

// Clone returns a copy that shares no memory with h.
func (h Hours) Clone() Hours {
	for i := range h.Days {
		h.Days[i] = slices.Clone(h.Days[i])
	}
	h.Holidays = slices.Clone(h.Holidays)
	return h
}

const (
	dayMinutes = 24 * 60
	// horizon is how many days are looked at: no target is further away, and a seller that
	// is closed as long has none.
	horizon = 2000
)

func (h *Hours) always() bool {
	for _, day := range h.Days {
		if len(day) > 0 {
			return false
		}
	}
	return true
}

func (h *Hours) check(issues *tierhost.Issues, path string) {
	if _, err := time.LoadLocation(h.Zone); err != nil {
		issues.Add(tierhost.Path(path, "zone"), "unknown_zone", "%.60q is no time zone", h.Zone)
	}
	for d, spans := range h.Days {
		last := 0
		for i, s := range spans {
			if s.From < last || s.Until <= s.From || s.Until > dayMinutes {
				issues.Add(tierhost.Path(path, "days", d, i), "invalid_span", "from minute %d until %d: spans are in order, apart, and within a day", s.From, s.Until)
			}
			last = s.Until
		}
	}
	for i, day := range h.Holidays {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			issues.Add(tierhost.Path(path, "holidays", i), "invalid_date", "%.60q is no day such as 2031-12-25", day)
		}
	}
}

func (h *Hours) location() *time.Location {
	if zone, err := time.LoadLocation(h.Zone); err == nil {
		return zone
	}
	return time.UTC
}

// business yields the business times of the days from that of an instant on, in order.
// A span in an hour that the clock skips is shorter for it, one in an hour that comes
// twice is longer.
func (h *Hours) business(from time.Time, yield func(begin, end time.Time) bool) {
	zone := h.location()
	local := from.In(zone)
	y, m, d := local.Date()
	for i := range horizon {
		day := time.Date(y, m, d+i, 12, 0, 0, 0, zone)
		if slices.Contains(h.Holidays, day.Format(time.DateOnly)) {
			continue
		}
		dy, dm, dd := day.Date()
		for _, s := range h.Days[day.Weekday()] {
			begin := time.Date(dy, dm, dd, 0, s.From, 0, 0, zone)
			end := time.Date(dy, dm, dd, 0, s.Until, 0, 0, zone)
			if begin.Before(from) {
				begin = from
			}
			if begin.Before(end) && !yield(begin.UTC(), end.UTC()) {
				return
			}
		}
	}
}

// Add returns when a duration of business time that begins at an instant has passed; the
// zero time if that is further away than five years.
func (h *Hours) Add(from time.Time, d time.Duration) (at time.Time) {
	if h.always() {
		return from.Add(d)
	}
	if d <= 0 {
		return from
	}
	h.business(from, func(begin, end time.Time) bool {
		if span := end.Sub(begin); span < d {
			d -= span
			return true
		}
		at = begin.Add(d)
		return false
	})
	return at
}

// Between returns how much business time there is from an instant until another; 0 if that
// is not later.
func (h *Hours) Between(from, until time.Time) (d time.Duration) {
	if !from.Before(until) {
		return 0
	}
	if h.always() {
		return until.Sub(from)
	}
	h.business(from, func(begin, end time.Time) bool {
		if !begin.Before(until) {
			return false
		}
		if end.After(until) {
			end = until
		}
		d += end.Sub(begin)
		return true
	})
	return d
}

// ParseSpan reads "9:00-17:30".
func ParseSpan(s string) (Span, error) {
	var h1, m1, h2, m2 int
	n, err := fmt.Sscanf(s, "%d:%d-%d:%d", &h1, &m1, &h2, &m2)
	span := Span{h1*60 + m1, h2*60 + m2}
	if err != nil || n != 4 || h1 < 0 || h2 < 0 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 || span.Until <= span.From || span.Until > dayMinutes {
		return Span{}, tierhost.E("support.ParseSpan", tierhost.KindInvalid, "invalid_span", fmt.Errorf("%s is no span such as 9:00-17:30", strconv.Quote(s)))
	}
	return span, nil
}

// Weekdays are hours with the same spans from Monday to Friday.
func Weekdays(zone string, spans ...Span) Hours {
	h := Hours{Zone: zone}
	for d := time.Monday; d <= time.Friday; d++ {
		h.Days[d] = slices.Clone(spans)
	}
	return h
}
