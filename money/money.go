package money

import (
	"fmt"
	"math/big"
	"strconv"

	"github.com/shopspring/decimal"
)

// maxScale bounds the digits and the exponent of an amount in memory.
const maxScale = 1000

// Money is an exact amount in one currency. It is immutable and safe for
// concurrent use. It may have more decimal digits than its currency; see
// [Money.IsWhole] and [Money.Round].
//
// The zero Money has no currency and no amount. Any operation with it and another
// amount fails with [ErrCurrencyMismatch].
type Money struct {
	_        [0]func() // == must not compile: 1.0 and 1.00 are equal but held differently
	amount   decimal.Decimal
	currency Currency
}

// New returns an amount of major units (12.5 is twelve and a half dollars), with
// as many digits as it has. It fails with [ErrUnknownCurrency] if c is not valid
// and with [ErrOverflow] beyond 1000 digits or an exponent outside of ±1000.
func New(amount decimal.Decimal, c Currency) (Money, error) {
	if err := c.Validate(); err != nil {
		return Money{}, err
	}
	if amount.IsZero() {
		return Zero(c), nil
	}
	if !bounded(amount) {
		return Money{}, fmt.Errorf("%w: more than %d digits", ErrOverflow, maxScale)
	}
	return Money{amount: amount, currency: c}, nil
}

func bounded(d decimal.Decimal) bool {
	e := d.Exponent()
	return e >= -maxScale && e <= maxScale && d.NumDigits() <= maxScale
}

// Parse reads an amount of major units: an optional "-", digits, and optionally a
// point with digits after it, at most 64 digits in all. It fails with [ErrSyntax],
// and with [ErrUnknownCurrency] if c is not valid. It takes no spaces, separators
// of thousands or exponents.
func Parse(s string, c Currency) (Money, error) {
	d, err := parseDecimal(s)
	if err != nil {
		return Money{}, err
	}
	return New(d, c)
}

// FromMinor returns an amount of minor units: 1250 of USD is 12.50 USD. The
// currency must be valid.
func FromMinor(units int64, c Currency) Money {
	return Money{amount: decimal.New(units, -int32(c.Exponent)), currency: c}
}

// Zero returns nothing, in c, which must be valid.
func Zero(c Currency) Money { return FromMinor(0, c) }

// RoundRat returns r major units of c, rounded to its minor unit. It fails with
// [ErrUnknownCurrency] if c is not valid and with [ErrOverflow] beyond 1000 digits.
func RoundRat(r Rat, c Currency, mode Rounding) (Money, error) {
	if err := c.Validate(); err != nil {
		return Money{}, err
	}
	if r.big == nil {
		if units, ok := roundSmall(r.num, uint64(r.dm)+1, int(c.Exponent), mode); ok {
			return FromMinor(units, c), nil
		}
	}
	return New(r.RoundTo(int(c.Exponent), mode), c)
}

// Amount returns the amount in major units, exactly.
func (m Money) Amount() decimal.Decimal { return m.amount }

// Currency returns the currency, which is the zero one for Money{}.
func (m Money) Currency() Currency { return m.currency }

// Rat returns the amount in major units, exactly.
func (m Money) Rat() Rat { return RatOf(m.amount) }

// Minor returns the amount in minor units. It fails with [ErrPrecision] if that is
// not a whole number and with [ErrOverflow] if it does not fit in an int64.
func (m Money) Minor() (int64, error) {
	if units, whole, ok := m.minorSmall(); ok && whole {
		return units, nil
	}
	units, whole := m.minor()
	if !whole {
		return 0, fmt.Errorf("%w: %s is not a whole number of minor units", ErrPrecision, m)
	}
	if !units.IsInt64() {
		return 0, fmt.Errorf("%w: %s in minor units", ErrOverflow, m)
	}
	return units.Int64(), nil
}

// IsWhole reports whether the amount is a whole number of minor units, that is,
// has no more digits than its currency.
func (m Money) IsWhole() bool {
	if _, whole, ok := m.minorSmall(); ok {
		return whole
	}
	_, whole := m.minor()
	return whole
}

// minorSmall is minor without allocation; ok is false if it cannot tell.
func (m Money) minorSmall() (units int64, whole, ok bool) {
	if m.amount.NumDigits() > 18 {
		return 0, false, false
	}
	units = m.amount.CoefficientInt64()
	shift := int(m.amount.Exponent()) + int(m.currency.Exponent)
	switch {
	case shift == 0 || units == 0:
		return units, true, true
	case shift > 18 || shift < -18:
		return 0, false, false
	case shift > 0:
		units, ok = mul64(units, int64(pow10(shift)))
		return units, ok, ok
	}
	ten := int64(pow10(-shift))
	return units / ten, units%ten == 0, true
}

// minor returns the amount in minor units, whole or cut off.
func (m Money) minor() (units *big.Int, whole bool) {
	units = m.amount.Coefficient()
	shift := int(m.amount.Exponent()) + int(m.currency.Exponent)
	switch {
	case shift == 0 || units.Sign() == 0:
		return units, true
	case shift > 0:
		return units.Mul(units, bigPow10(shift)), true
	}
	rest := new(big.Int)
	units.QuoRem(units, bigPow10(-shift), rest)
	return units, rest.Sign() == 0
}

// together returns an error unless both amounts have the same currency.
func (m Money) together(o Money) error {
	if m.currency != o.currency || m.currency.Code == "" {
		return fmt.Errorf("%w: %s and %s", ErrCurrencyMismatch, m.currency.label(), o.currency.label())
	}
	return nil
}

func (c Currency) label() string {
	switch {
	case c.Code == "":
		return "no currency"
	case c.IsISO():
		return c.Code
	}
	// Two custom currencies may differ in nothing but the digits.
	return c.Code + "/" + strconv.Itoa(int(c.Exponent))
}

// Add returns m + o. It fails with [ErrCurrencyMismatch].
func (m Money) Add(o Money) (Money, error) {
	if err := m.together(o); err != nil {
		return Money{}, err
	}
	return Money{amount: m.amount.Add(o.amount), currency: m.currency}, nil
}

// Sub returns m - o. It fails with [ErrCurrencyMismatch].
func (m Money) Sub(o Money) (Money, error) {
	if err := m.together(o); err != nil {
		return Money{}, err
	}
	return Money{amount: m.amount.Sub(o.amount), currency: m.currency}, nil
}

// Cmp returns -1 if m < o, 0 if they are equal and 1 if m > o. It fails with
// [ErrCurrencyMismatch].
func (m Money) Cmp(o Money) (int, error) {
	if err := m.together(o); err != nil {
		return 0, err
	}
	return m.amount.Cmp(o.amount), nil
}

// Equal reports whether m and o are the same amount of the same currency. 1.0 USD
// equals 1.00 USD; Money{} equals Money{} and nothing else.
func (m Money) Equal(o Money) bool {
	return m.currency == o.currency && m.amount.Equal(o.amount)
}

// Neg returns -m.
func (m Money) Neg() Money { return Money{amount: m.amount.Neg(), currency: m.currency} }

// Abs returns |m|.
func (m Money) Abs() Money { return Money{amount: m.amount.Abs(), currency: m.currency} }

// Sign returns -1, 0 or 1.
func (m Money) Sign() int { return m.amount.Sign() }

// IsZero reports whether the amount is 0, in whatever currency.
func (m Money) IsZero() bool { return m.amount.IsZero() }

// Mul returns m × factor, exactly, with as many digits as it takes. A product
// beyond the limits of [New], which no real price reaches, is the zero Money,
// which every later operation refuses.
func (m Money) Mul(factor decimal.Decimal) Money {
	if m.amount.IsZero() || factor.IsZero() {
		return Zero(m.currency)
	}
	// Checked first: decimal panics when exponents overflow.
	exponent := int64(m.amount.Exponent()) + int64(factor.Exponent())
	if exponent < -maxScale || exponent > maxScale || m.amount.NumDigits()+factor.NumDigits() > maxScale {
		return Money{}
	}
	return Money{amount: m.amount.Mul(factor), currency: m.currency}
}

// MulRatio returns m × num / den rounded once, to the minor unit. It fails with
// [ErrDivisionByZero] if den is 0, with [ErrOverflow] if a number is beyond the
// limits of [New], and with [ErrUnknownCurrency] for Money{}.
func (m Money) MulRatio(num, den decimal.Decimal, mode Rounding) (Money, error) {
	if !bounded(num) || !bounded(den) {
		return Money{}, fmt.Errorf("%w: ratio with more than %d digits", ErrOverflow, maxScale)
	}
	product, err := m.Rat().Mul(RatOf(num)).Quo(RatOf(den))
	if err != nil {
		return Money{}, err
	}
	return RoundRat(product, m.currency, mode)
}

// Round returns m rounded to the minor unit of its currency.
func (m Money) Round(mode Rounding) Money {
	if int(m.amount.Exponent()) >= -int(m.currency.Exponent) {
		return m
	}
	return Money{amount: m.Rat().RoundTo(int(m.currency.Exponent), mode), currency: m.currency}
}

// Digits returns the amount in major units with the digits of its currency, more
// if the exact amount has more: "12.50", "0.0004".
func (m Money) Digits() string {
	return string(appendDecimal(nil, m.amount, int(m.currency.Exponent)))
}

// String returns the amount and the code: "12.50 USD". It is for people and logs;
// the form to keep is that of [Money.MarshalText].
func (m Money) String() string {
	b := appendDecimal(make([]byte, 0, 32), m.amount, int(m.currency.Exponent))
	if m.currency.Code != "" {
		b = append(b, ' ')
		b = append(b, m.currency.Code...)
	}
	return string(b)
}
