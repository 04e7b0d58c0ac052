package billing

import (
	"fmt"
	"strconv"

	"github.com/tierhost/tierhost"
)

// Period is the length of a billing period: a number of months ("1m", "12m") or of
// days ("7d"). The zero Period means "none". Periods compare with ==.
type Period struct {
	n    int16
	days bool
}

// Months returns a period of n months, 1 to 1200; outside it returns the zero Period.
func Months(n int) Period {
	if n < 1 || n > 1200 {
		return Period{}
	}
	return Period{n: int16(n)}
}

// Days returns a period of n days, 1 to 3660; outside it returns the zero Period.
func Days(n int) Period {
	if n < 1 || n > 3660 {
		return Period{}
	}
	return Period{n: int16(n), days: true}
}

// ParsePeriod reads "3m" or "7d".
func ParsePeriod(s string) (Period, error) {
	bad := func() (Period, error) {
		return Period{}, tierhost.E("billing.ParsePeriod", tierhost.KindInvalid, "period_syntax",
			fmt.Errorf("%.40q is not a period: months 1m to 1200m or days 1d to 3660d", s))
	}
	if len(s) < 2 || len(s) > 5 || s[0] == '0' || s[0] == '+' || s[0] == '-' {
		return bad()
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil {
		return bad()
	}
	var p Period
	switch s[len(s)-1] {
	case 'm':
		p = Months(n)
	case 'd':
		p = Days(n)
	}
	if p.IsZero() {
		return bad()
	}
	return p, nil
}

// IsZero reports whether p is no period.
func (p Period) IsZero() bool { return p.n == 0 }

// InDays reports whether the period is a number of days.
func (p Period) InDays() bool { return p.days }

// Count returns the number of months or days.
func (p Period) Count() int { return int(p.n) }

// PriceMonths returns M of spec section 3: the months by which a base price is
// multiplied. A period of days counts as 1.
func (p Period) PriceMonths() int {
	if p.days {
		return 1
	}
	return int(p.n)
}

// String returns "3m" or "7d", or "" for the zero Period.
func (p Period) String() string {
	switch {
	case p.IsZero():
		return ""
	case p.days:
		return strconv.Itoa(int(p.n)) + "d"
	}
	return strconv.Itoa(int(p.n)) + "m"
}

// MarshalText writes [Period.String].
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [Period.MarshalText] writes.
func (p *Period) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*p = Period{}
		return nil
	}
	v, err := ParsePeriod(string(b))
	if err == nil {
		*p = v
	}
	return err
}

// next returns the end of the period that opens on from, counted from the anchor.
func (p Period) next(anchor, from Date) Date {
	if p.days {
		return from.AddDays(int(p.n))
	}
	return anchor.AddMonths(from.MonthsSince(anchor) + int(p.n))
}

// nextMonth returns the end of the billing month that opens on from: one month of
// the anchor's calendar, or the whole period if it is of days.
func (p Period) nextMonth(anchor, from Date) Date {
	if p.days {
		return from.AddDays(int(p.n))
	}
	return anchor.AddMonths(from.MonthsSince(anchor) + 1)
}
