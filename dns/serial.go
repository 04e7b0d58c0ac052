package dns

import (
	"strconv"
	"time"
)

// Serial is the serial number of a zone's revision. Serials are compared on a circle
// (RFC 1982): 1 comes after 4294967295.
type Serial uint32

// maxStep is the largest step that still counts as forward.
const maxStep = 1<<31 - 1

// After reports whether s is later than o. Of two serials that are exactly 2^31 apart
// neither is.
func (s Serial) After(o Serial) bool {
	d := uint32(s - o)
	return d > 0 && d <= maxStep
}

// String returns the number.
func (s Serial) String() string { return strconv.FormatUint(uint64(s), 10) }

// SerialScheme is what new serials are made from.
type SerialScheme string

// The schemes. The zero scheme is [SerialUnix].
const (
	// SerialUnix takes the seconds since 1970: past every counter, so that a zone that
	// others had before goes on from where they were.
	SerialUnix SerialScheme = "unix"
	// SerialCounter counts by one.
	SerialCounter SerialScheme = "counter"
	// SerialDate takes YYYYMMDDnn, the day in UTC. After 99 changes of a day it goes on
	// with the next day's.
	SerialDate SerialScheme = "date"
)

// NextSerial returns the serial for a changed revision: the later one of prev+1 and what
// the scheme gives at now, so it never goes back, whatever the clock says. prev is the
// last serial that the name ever had, also before it was deleted, or the latest that any
// of its servers has been seen with, and 0 for a name that had none.
//
// The step is never more than 2^31-1. To go to a smaller number, as after the import of a
// serial that is far ahead, takes two published revisions: see [SerialsTo].
func NextSerial(scheme SerialScheme, prev Serial, now time.Time) Serial {
	next := prev + 1
	if next == 0 {
		next = 1 // some servers take 0 for "none"
	}
	var candidate Serial
	switch scheme {
	case SerialCounter:
		return next
	case SerialDate:
		y, m, d := now.UTC().Date()
		if n := int64(y)*1000000 + int64(m)*10000 + int64(d)*100; n > 0 && n < 1<<32 {
			candidate = Serial(n)
		}
		if next.After(candidate) && dateLike(prev) {
			if next%100 == 0 { // 99 changes were made on the day that the serial says
				return nextDay(prev)
			}
			return next
		}
	default:
		candidate = Serial(uint32(now.Unix()))
	}
	if candidate != 0 && (prev == 0 || candidate.After(next)) {
		return candidate
	}
	return next
}

func dateLike(s Serial) bool {
	_, err := time.Parse("20060102", strconv.Itoa(int(s/100)))
	return err == nil
}

func nextDay(s Serial) Serial {
	day, err := time.Parse("20060102", strconv.Itoa(int(s/100)))
	if err != nil {
		return s + 1
	}
	y, m, d := day.AddDate(0, 0, 1).Date()
	return Serial(uint32(y*1000000 + int(m)*10000 + d*100))
}

// SerialsTo returns the serials to publish, one after the other, so that servers that
// have from come to have to: none if they are equal, one if to is after from, else two,
// and three to go back by one. Every server must have taken a serial before the next one
// is published.
func SerialsTo(from, to Serial) []Serial {
	var steps []Serial
	for from != to {
		if to.After(from) {
			from = to
		} else {
			from += maxStep
		}
		steps = append(steps, from)
	}
	return steps
}
