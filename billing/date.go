package billing

import (
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
)

// Date is a civil date: a day of the seller's calendar, without a time or a zone.
// The zero Date means "none". Dates compare with == and with [Date.Compare].
type Date struct {
	n int32 // days since 31 December of the year 0, so that 0001-01-01 is 1
}

const unixDay = 719163 // 1970-01-01 as n

// NewDate returns the date of a year (1 to 9999), month and day, normalised as
// time.Date does; out of range it returns the zero Date.
func NewDate(year int, month time.Month, day int) Date {
	return dateOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// DateIn returns the date that it is at the instant t in the given zone.
func DateIn(t time.Time, loc *time.Location) Date {
	y, m, d := t.In(loc).Date()
	return NewDate(y, m, d)
}

// ParseDate reads a date as YYYY-MM-DD (ISO 8601).
func ParseDate(s string) (Date, error) {
	t, err := time.Parse("2006-01-02", s)
	if err != nil || t.Year() < 1 {
		return Date{}, tierhost.E("billing.ParseDate", tierhost.KindInvalid, "date_syntax",
			fmt.Errorf("%.40q is not a date (YYYY-MM-DD)", s))
	}
	return dateOf(t), nil
}

func dateOf(t time.Time) Date {
	if t.Year() < 1 || t.Year() > 9999 {
		return Date{}
	}
	sec := t.Unix()
	days := sec / 86400
	if sec%86400 < 0 {
		days--
	}
	return Date{int32(days + unixDay)}
}

func (d Date) utc() time.Time { return time.Unix((int64(d.n)-unixDay)*86400, 0).UTC() }

// Days returns the days since 31 December of the year 0, a compact form for stores;
// 0 is the zero Date. [DateFromDays] is its inverse.
func (d Date) Days() int32 { return d.n }

// DateFromDays is the inverse of [Date.Days].
func DateFromDays(n int32) Date { return Date{n} }

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d.n == 0 }

// YMD returns the year, month and day.
func (d Date) YMD() (int, time.Month, int) { return d.utc().Date() }

// AddDays returns the date n days later.
func (d Date) AddDays(n int) Date { return Date{d.n + int32(n)} }

// AddMonths returns the date n months after the anchor d, its day clamped to the
// month's length: 31 January plus one month is 28 or 29 February, plus two 31 March.
// Boundaries are always counted from the anchor, never from each other (spec
// section 2).
func (d Date) AddMonths(n int) Date {
	y, m, day := d.YMD()
	i := y*12 + int(m) - 1 + n
	y, m = i/12, time.Month(i%12+1)
	if last := time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day(); day > last {
		day = last
	}
	return NewDate(y, m, day)
}

// MonthsSince returns how many calendar months lie between the months of from and d,
// whatever their days.
func (d Date) MonthsSince(from Date) int {
	y, m, _ := d.YMD()
	fy, fm, _ := from.YMD()
	return (y-fy)*12 + int(m) - int(fm)
}

// Sub returns the days from e to d.
func (d Date) Sub(e Date) int { return int(d.n - e.n) }

// Compare returns -1, 0 or +1 as d lies before, on or after e.
func (d Date) Compare(e Date) int {
	switch {
	case d.n < e.n:
		return -1
	case d.n > e.n:
		return 1
	}
	return 0
}

// Before reports whether d lies before e.
func (d Date) Before(e Date) bool { return d.n < e.n }

// later returns the later of two days.
func later(d, e Date) Date {
	if d.Before(e) {
		return e
	}
	return d
}

// After reports whether d lies after e.
func (d Date) After(e Date) bool { return d.n > e.n }

// Start returns the first instant of the day in a zone: midnight, the first of two
// where the clocks repeat it, and where they skip it the first instant after.
func (d Date) Start(loc *time.Location) time.Time {
	midnight := d.utc()
	for t := midnight.Add(-26 * time.Hour).In(loc); ; { // no zone is that far east
		_, offset := t.Zone()
		_, end := t.ZoneBounds()
		at := midnight.Add(-time.Duration(offset) * time.Second).In(loc)
		if at.Before(t) {
			at = t // the change of clocks that brought this offset skipped midnight
		}
		if end.IsZero() || at.Before(end) {
			return at
		}
		t = end
	}
}

// String returns YYYY-MM-DD, or "" for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.utc().Format("2006-01-02")
}

// MarshalText writes YYYY-MM-DD, or nothing for the zero Date.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [Date.MarshalText] writes.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	v, err := ParseDate(string(b))
	if err == nil {
		*d = v
	}
	return err
}
