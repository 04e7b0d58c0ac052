package sqlite

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// The texts in which values are kept. Writing and reading back gives an equal value;
// none of it obeys a package variable of the decimal package.

// appendDate appends YYYY-MM-DD. It is what [billing.Date.String] returns, at a
// tenth of the time.
func appendDate(b []byte, d billing.Date) []byte {
	y, m, day := civil(int(d.Days()))
	return append(b,
		byte('0'+y/1000%10), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-',
		byte('0'+day/10), byte('0'+day%10))
}

// parseDate reads YYYY-MM-DD.
func parseDate(s string) (billing.Date, error) {
	if len(s) == 10 && s[4] == '-' && s[7] == '-' {
		y, ok1 := digits(s[:4])
		m, ok2 := digits(s[5:7])
		d, ok3 := digits(s[8:])
		if ok1 && ok2 && ok3 && y >= 1 && m >= 1 && m <= 12 && d >= 1 {
			n := days(y, m, d)
			// A day beyond the month's end is one of the next month.
			if y2, m2, d2 := civil(n); y2 == y && m2 == m && d2 == d {
				return billing.DateFromDays(int32(n)), nil
			}
		}
	}
	return billing.Date{}, fmt.Errorf("%.40q is not a date", s)
}

func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = 10*n + int(c)
	}
	return n, true
}

// days counts from 31 December of the year 0, as billing.Date does. Years begin in
// March, so that the leap day is their last.
func days(y, m, d int) int {
	if m <= 2 {
		y, m = y-1, m+12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 306
}

// civil is the inverse of days, for dates from the year 1 on.
func civil(n int) (y, m, d int) {
	n += 305 // since 1 March of the year 0
	era := n / 146097
	n -= era * 146097
	y = (n - n/1460 + n/36524 - n/146096) / 365
	n -= 365*y + y/4 - y/100
	m = (5*n + 2) / 153
	d = n - (153*m+2)/5 + 1
	y += era * 400
	if m += 3; m > 12 {
		y, m = y+1, m-12
	}
	return y, m, d
}

// appendDecimal appends d as -12.50, or with an exponent, as 125e-40, when it would
// have many zeros.
func appendDecimal(b []byte, d decimal.Decimal) []byte {
	exponent := int(d.Exponent())
	if d.NumDigits() > 18 || exponent > 6 || exponent < -18 {
		b = d.Coefficient().Append(b, 10)
		if exponent != 0 {
			b = append(b, 'e')
			b = strconv.AppendInt(b, int64(exponent), 10)
		}
		return b
	}
	n := d.CoefficientInt64()
	if n == 0 {
		return append(b, '0')
	}
	if exponent >= 0 {
		b = strconv.AppendInt(b, n, 10)
		for range exponent {
			b = append(b, '0')
		}
		return b
	}
	if n < 0 {
		b = append(b, '-')
		n = -n
	}
	unit := int64(1)
	for range -exponent {
		unit *= 10
	}
	b = strconv.AppendInt(b, n/unit, 10)
	b = append(b, '.')
	for rest := n % unit; unit > 1; rest %= unit {
		unit /= 10
		b = append(b, byte('0'+rest/unit))
	}
	return b
}

// parseDecimal reads what appendDecimal writes.
func parseDecimal(s string) (decimal.Decimal, error) {
	if s == "0" {
		return decimal.Decimal{}, nil
	}
	if n, scale, ok := parseScaled(s); ok {
		return decimal.New(n, -int32(scale)), nil
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return d, fmt.Errorf("%.40q is not a number: %w", s, err)
	}
	return d, nil
}

// parseScaled reads a number of up to 18 digits; ok is false for any other.
func parseScaled(s string) (n int64, scale int, ok bool) {
	rest, negative := strings.CutPrefix(s, "-")
	if rest == "" || len(rest) > 19 {
		return 0, 0, false
	}
	point := -1
	for i := range len(rest) {
		switch c := rest[i]; {
		case c >= '0' && c <= '9':
			n = 10*n + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return 0, 0, false
		}
	}
	if point >= 0 {
		scale = len(rest) - 1 - point
	} else if len(rest) == 19 {
		return 0, 0, false
	}
	if negative {
		n = -n
	}
	return n, scale, true
}

// parseRat reads what money.Rat.AppendText writes.
func parseRat(s string) (money.Rat, error) {
	if s == "0" {
		return money.Rat{}, nil
	}
	num, den, fraction := strings.Cut(s, "/")
	if len(num) <= 18 && len(den) <= 18 {
		a, err1 := strconv.ParseInt(num, 10, 64)
		if !fraction && err1 == nil {
			return money.RatInt(a), nil
		}
		b, err2 := strconv.ParseInt(den, 10, 64)
		if err1 == nil && err2 == nil && b > 0 {
			return money.RatFrac(a, b)
		}
	}
	return money.ParseRat(s)
}

// appendCurrency appends "USD:2", and nothing for no currency. The digits are kept
// with every amount: they decide what it is worth.
func appendCurrency(b []byte, c money.Currency) []byte {
	if c == (money.Currency{}) {
		return b
	}
	b = append(b, c.Code...)
	b = append(b, ':')
	return strconv.AppendInt(b, int64(c.Exponent), 10)
}

// parseCurrency reads what appendCurrency writes.
func parseCurrency(s string) (money.Currency, error) {
	if s == "" {
		return money.Currency{}, nil
	}
	i := strings.LastIndexByte(s, ':')
	if i >= 0 {
		if e, err := strconv.ParseInt(s[i+1:], 10, 8); err == nil {
			return money.Currency{Code: s[:i], Exponent: int8(e)}, nil
		}
	}
	return money.Currency{}, fmt.Errorf("%.40q is not a currency", s)
}

// parsePeriod reads "12m".
func parsePeriod(s string) (billing.Period, error) {
	if s == "" {
		return billing.Period{}, nil
	}
	return billing.ParsePeriod(s)
}

// parseRounding reads the name of a rounding.
func parseRounding(s string) (r money.Rounding, err error) {
	err = r.UnmarshalText([]byte(s))
	return r, err
}

// micros is an instant as microseconds since 1970.
func micros(t time.Time) int64 { return t.UnixMicro() }

// instant is the inverse of micros, UTC.
func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }
