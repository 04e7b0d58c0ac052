package money

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/shopspring/decimal"
)

// Rat is an exact rational number: an amount before it is rounded, a quantity, a
// share of a period. It is immutable, safe for concurrent use, and its zero value
// is 0. Operations neither round nor overflow.
//
// A number whose reduced numerator and denominator are below 2^63 in magnitude is
// held in two machine words and computed without allocation; a larger one in a
// [big.Rat]. Each number has exactly one representation.
type Rat struct {
	_   [0]func() // == must not compile
	num int64     // never the least int64, so that negation cannot overflow
	dm  int64     // denominator minus 1, so that the zero value is 0/1
	big *big.Rat  // if not nil, the number, which does not fit in num and dm; never changed
}

// small returns num/den, which is reduced already.
func small(num, den int64) Rat { return Rat{num: num, dm: den - 1} }

// fromBig takes ownership of r.
func fromBig(r *big.Rat) Rat {
	if num, den := r.Num(), r.Denom(); num.IsInt64() && den.IsInt64() && num.Int64() != math.MinInt64 {
		return small(num.Int64(), den.Int64())
	}
	return Rat{big: r}
}

// bigRat returns r for reading only.
func (r Rat) bigRat() *big.Rat {
	if r.big != nil {
		return r.big
	}
	return new(big.Rat).SetFrac64(r.num, r.dm+1)
}

// RatInt returns n.
func RatInt(n int64) Rat {
	if n == math.MinInt64 {
		return Rat{big: new(big.Rat).SetInt64(n)}
	}
	return small(n, 1)
}

// RatFrac returns num/den. It fails with [ErrDivisionByZero] if den is 0.
func RatFrac(num, den int64) (Rat, error) {
	if den == 0 {
		return Rat{}, fmt.Errorf("%w: %d/0", ErrDivisionByZero, num)
	}
	n, d := magnitude(num), magnitude(den)
	g := gcd(n, d)
	n, d = n/g, d/g
	if n > math.MaxInt64 || d > math.MaxInt64 {
		return fromBig(new(big.Rat).SetFrac(big.NewInt(num), big.NewInt(den))), nil
	}
	signedNum, _ := signed(n, num < 0 != (den < 0))
	return small(signedNum, int64(d)), nil
}

// RatOf returns d exactly. Its cost grows with the magnitude of d's exponent, so
// decimals from outside should come through [Parse] or [ParseRat], which bound it.
func RatOf(d decimal.Decimal) Rat {
	if d.IsZero() {
		return Rat{}
	}
	exponent := int(d.Exponent())
	if d.NumDigits() <= 18 {
		c := d.CoefficientInt64()
		switch {
		case exponent == 0:
			return small(c, 1)
		case exponent > 0 && exponent <= 18:
			if n, ok := mul64(c, int64(pow10(exponent))); ok {
				return small(n, 1)
			}
		case exponent < 0 && exponent >= -18:
			den := pow10(-exponent)
			g := gcd(magnitude(c), den)
			return small(c/int64(g), int64(den/g))
		}
	}
	num, den := d.Coefficient(), big.NewInt(1)
	if exponent >= 0 {
		num.Mul(num, bigPow10(exponent))
	} else {
		den = bigPow10(-exponent)
	}
	return fromBig(new(big.Rat).SetFrac(num, den))
}

// RatMin returns the lesser of a and b.
func RatMin(a, b Rat) Rat {
	if b.Cmp(a) < 0 {
		return b
	}
	return a
}

// RatMax returns the greater of a and b.
func RatMax(a, b Rat) Rat {
	if b.Cmp(a) > 0 {
		return b
	}
	return a
}

// Add returns r + o.
func (r Rat) Add(o Rat) Rat {
	if r.big == nil && o.big == nil {
		if sum, ok := addSmall(r.num, r.dm+1, o.num, o.dm+1); ok {
			return sum
		}
	}
	return fromBig(new(big.Rat).Add(r.bigRat(), o.bigRat()))
}

// Sub returns r - o.
func (r Rat) Sub(o Rat) Rat {
	if r.big == nil && o.big == nil {
		if diff, ok := addSmall(r.num, r.dm+1, -o.num, o.dm+1); ok {
			return diff
		}
	}
	return fromBig(new(big.Rat).Sub(r.bigRat(), o.bigRat()))
}

// Mul returns r × o.
func (r Rat) Mul(o Rat) Rat {
	if r.big == nil && o.big == nil {
		if product, ok := mulSmall(r.num, r.dm+1, o.num, o.dm+1); ok {
			return product
		}
	}
	return fromBig(new(big.Rat).Mul(r.bigRat(), o.bigRat()))
}

// Quo returns r / o. It fails with [ErrDivisionByZero] if o is 0.
func (r Rat) Quo(o Rat) (Rat, error) {
	if o.IsZero() {
		return Rat{}, fmt.Errorf("%w: %s/0", ErrDivisionByZero, r)
	}
	if r.big == nil && o.big == nil {
		num, den := o.dm+1, o.num
		if den < 0 {
			num, den = -num, -den
		}
		if quotient, ok := mulSmall(r.num, r.dm+1, num, den); ok {
			return quotient, nil
		}
	}
	return fromBig(new(big.Rat).Quo(r.bigRat(), o.bigRat())), nil
}

// Neg returns -r.
func (r Rat) Neg() Rat {
	if r.big == nil {
		return Rat{num: -r.num, dm: r.dm}
	}
	return fromBig(new(big.Rat).Neg(r.big))
}

// Abs returns |r|.
func (r Rat) Abs() Rat {
	if r.Sign() < 0 {
		return r.Neg()
	}
	return r
}

// Cmp returns -1 if r < o, 0 if they are equal, and 1 if r > o.
func (r Rat) Cmp(o Rat) int {
	if r.big != nil || o.big != nil {
		return r.bigRat().Cmp(o.bigRat())
	}
	a, b := r.num, o.num
	if r.dm != o.dm && a < 0 == (b < 0) {
		// a/b < c/d if a·d < c·b; 126 bits, so it cannot overflow.
		hi1, lo1 := bits.Mul64(magnitude(a), uint64(o.dm)+1)
		hi2, lo2 := bits.Mul64(magnitude(b), uint64(r.dm)+1)
		c := 0
		if hi1 != hi2 {
			c = cmp64(hi1, hi2)
		} else {
			c = cmp64(lo1, lo2)
		}
		if a < 0 {
			c = -c
		}
		return c
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Equal reports whether r and o are the same number.
func (r Rat) Equal(o Rat) bool {
	if r.big != nil && o.big != nil {
		return r.big.Cmp(o.big) == 0
	}
	return r.big == nil && o.big == nil && r.num == o.num && r.dm == o.dm
}

// Sign returns -1, 0 or 1.
func (r Rat) Sign() int {
	switch {
	case r.big != nil:
		return r.big.Sign()
	case r.num < 0:
		return -1
	case r.num > 0:
		return 1
	}
	return 0
}

// IsCompact reports whether numerator and denominator fit 63 bits each.
func (r Rat) IsCompact() bool { return r.big == nil }

// IsZero reports whether r is 0.
func (r Rat) IsZero() bool { return r.big == nil && r.num == 0 }

// IsInt reports whether r is an integer.
func (r Rat) IsInt() bool {
	if r.big != nil {
		return r.big.IsInt()
	}
	return r.dm == 0
}

// Big returns r as a new [big.Rat], which the caller may change.
func (r Rat) Big() *big.Rat {
	if r.big != nil {
		return new(big.Rat).Set(r.big)
	}
	return r.bigRat()
}

// RoundTo returns r with the given number of decimal digits; a negative one
// rounds to tens, hundreds and so on. It is held within ±1000.
func (r Rat) RoundTo(exponent int, mode Rounding) decimal.Decimal {
	exponent = min(max(exponent, -maxScale), maxScale)
	if r.big == nil && exponent >= -maxPow10 && exponent <= maxPow10 {
		if units, ok := roundSmall(r.num, uint64(r.dm)+1, exponent, mode); ok {
			return decimal.New(units, int32(-exponent))
		}
	}
	return decimal.NewFromBigInt(roundBig(r.bigRat(), exponent, mode), int32(-exponent))
}

// RoundMinor returns r in minor units of a currency with this exponent: 12.345
// with exponent 2 and [HalfUp] is 1235. It fails with [ErrOverflow] if that does
// not fit in an int64.
func (r Rat) RoundMinor(exponent int8, mode Rounding) (int64, error) {
	if r.big == nil && exponent >= -maxPow10 && exponent <= maxPow10 {
		if units, ok := roundSmall(r.num, uint64(r.dm)+1, int(exponent), mode); ok {
			return units, nil
		}
	} else if units := roundBig(r.bigRat(), int(exponent), mode); units.IsInt64() {
		return units.Int64(), nil
	}
	return 0, fmt.Errorf("%w: it does not fit in 64 bits of minor units", ErrOverflow)
}

// Decimal returns r as a decimal and true, or false if its decimals do not end
// (1/3), which is when the denominator has a factor other than 2 and 5.
func (r Rat) Decimal() (decimal.Decimal, bool) {
	if r.big == nil {
		den := uint64(r.dm) + 1
		twos, fives := bits.TrailingZeros64(den), 0
		for den >>= twos; den%5 == 0; den /= 5 {
			fives++
		}
		if den != 1 {
			return decimal.Decimal{}, false
		}
		digits := max(twos, fives)
		if digits <= maxPow10 {
			if units, ok := roundSmall(r.num, uint64(r.dm)+1, digits, Down); ok {
				return decimal.New(units, int32(-digits)), true
			}
		}
		return decimal.NewFromBigInt(roundBig(r.bigRat(), digits, Down), int32(-digits)), true
	}
	den := new(big.Int).Set(r.big.Denom())
	twos, fives := int(den.TrailingZeroBits()), 0
	den.Rsh(den, uint(twos))
	five, quotient, rest := big.NewInt(5), new(big.Int), new(big.Int)
	for {
		if quotient.QuoRem(den, five, rest); rest.Sign() != 0 {
			break
		}
		den, quotient = quotient, den
		fives++
	}
	if den.BitLen() != 1 {
		return decimal.Decimal{}, false
	}
	digits := max(twos, fives)
	return decimal.NewFromBigInt(roundBig(r.big, digits, Down), int32(-digits)), true
}

// addSmall returns a/b + c/d of reduced fractions; ok is false if a step does not
// fit, which does not mean that the sum would not.
func addSmall(a, b, c, d int64) (Rat, bool) {
	switch {
	case b == d:
		sum, ok := add64(a, c)
		if !ok || sum == 0 {
			return Rat{}, ok
		}
		if b == 1 {
			return small(sum, 1), true
		}
		g := int64(gcd(magnitude(sum), uint64(b)))
		return small(sum/g, b/g), true
	case b == 1:
		a, b, c, d = c, d, a, b
		fallthrough
	case d == 1:
		// An integer does not change which factors the denominator shares.
		n, ok := mul64(c, b)
		if !ok {
			return Rat{}, false
		}
		sum, ok := add64(a, n)
		return small(sum, b), ok
	}
	g := int64(gcd(uint64(b), uint64(d)))
	left, ok1 := mul64(a, d/g)
	right, ok2 := mul64(c, b/g)
	sum, ok3 := add64(left, right)
	if !ok1 || !ok2 || !ok3 {
		return Rat{}, false
	}
	if sum == 0 {
		return Rat{}, true
	}
	// Only factors of g can be left to cancel (Knuth, TAOCP 4.5.1).
	cancel := int64(1)
	if g != 1 {
		cancel = int64(gcd(magnitude(sum), uint64(g)))
	}
	den, ok := mul64(b/g, d/cancel)
	return small(sum/cancel, den), ok
}

// mulSmall returns a/b × c/d of reduced fractions; cancelling crosswise first
// keeps the product reduced, and ok is false only if it does not fit.
func mulSmall(a, b, c, d int64) (Rat, bool) {
	if a == 0 || c == 0 {
		return Rat{}, true
	}
	if d != 1 {
		g := int64(gcd(magnitude(a), uint64(d)))
		a, d = a/g, d/g
	}
	if b != 1 {
		g := int64(gcd(magnitude(c), uint64(b)))
		c, b = c/g, b/g
	}
	num, ok1 := mul64(a, c)
	den, ok2 := mul64(b, d)
	return small(num, den), ok1 && ok2
}

// add64 and mul64 report false for results outside of ±(2^63-1).
func add64(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (a^sum)&(b^sum) >= 0 && sum != math.MinInt64
}

func mul64(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if a < 0 != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

func cmp64(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// gcd returns the greatest common divisor of a and b, which is the other one if
// one of them is 0. One division brings them to a like size, the rest is binary.
func gcd(a, b uint64) uint64 {
	if a < b {
		a, b = b, a
	}
	if b <= 1 {
		if b == 1 {
			return 1
		}
		return a
	}
	if a %= b; a == 0 {
		return b
	}
	shift := bits.TrailingZeros64(a | b)
	a >>= bits.TrailingZeros64(a)
	for b != 0 {
		b >>= bits.TrailingZeros64(b)
		if a > b {
			a, b = b, a
		}
		b -= a
	}
	return a << shift
}
