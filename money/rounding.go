package money

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
)

// Rounding says which way a number goes that lies between two. A value outside of
// the list rounds as [HalfUp].
type Rounding uint8

const (
	HalfUp   Rounding = iota // to the nearest, half away from zero: 0.5 → 1, -0.5 → -1
	HalfEven                 // to the nearest, half to the even neighbour: 0.5 → 0, 1.5 → 2
	HalfDown                 // to the nearest, half toward zero: 0.5 → 0, 0.6 → 1
	Down                     // toward zero: 1.9 → 1, -1.9 → -1
	Up                       // away from zero: 1.1 → 2, -1.1 → -2
	Floor                    // toward negative infinity: 1.9 → 1, -1.1 → -2
	Ceiling                  // toward positive infinity: 1.1 → 2, -1.9 → -1
)

// String returns the stable name of m, such as "half_up".
func (m Rounding) String() string {
	switch m {
	case HalfUp:
		return "half_up"
	case HalfEven:
		return "half_even"
	case HalfDown:
		return "half_down"
	case Down:
		return "down"
	case Up:
		return "up"
	case Floor:
		return "floor"
	case Ceiling:
		return "ceiling"
	}
	return fmt.Sprintf("rounding(%d)", uint8(m))
}

// MarshalText returns the name of m. It fails with [ErrSyntax] if m is not in the
// list.
func (m Rounding) MarshalText() ([]byte, error) {
	if m > Ceiling {
		return nil, fmt.Errorf("%w rounding: %d", ErrSyntax, uint8(m))
	}
	return []byte(m.String()), nil
}

// UnmarshalText reads a name as MarshalText writes it. It fails with [ErrSyntax].
func (m *Rounding) UnmarshalText(text []byte) error {
	for mode := HalfUp; mode <= Ceiling; mode++ {
		if string(text) == mode.String() {
			*m = mode
			return nil
		}
	}
	return syntaxError("rounding", string(text))
}

// away reports whether a magnitude with a remainder moves to the next one away
// from zero. half is the remainder compared with one half.
func (m Rounding) away(negative, odd bool, half int) bool {
	switch m {
	case HalfEven:
		return half > 0 || half == 0 && odd
	case HalfDown:
		return half > 0
	case Down:
		return false
	case Up:
		return true
	case Floor:
		return negative
	case Ceiling:
		return !negative
	}
	return half >= 0
}

// maxPow10 is the largest power of ten that fits in a uint64.
const maxPow10 = 19

func pow10(n int) uint64 {
	p := uint64(1)
	for base := uint64(10); n > 0; n >>= 1 {
		if n&1 != 0 {
			p *= base
		}
		base *= base
	}
	return p
}

func bigPow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// roundSmall returns num/den × 10^exponent as an integer. It needs an exponent
// within ±maxPow10; ok is false if the result does not fit.
func roundSmall(num int64, den uint64, exponent int, mode Rounding) (units int64, ok bool) {
	hi, lo := uint64(0), magnitude(num)
	if exponent > 0 {
		hi, lo = bits.Mul64(lo, pow10(exponent))
	} else if exponent < 0 {
		var over uint64
		if over, den = bits.Mul64(den, pow10(-exponent)); over != 0 {
			// |num| < 2^63 is less than half of a divisor beyond 2^64.
			if num != 0 && mode.away(num < 0, false, -1) {
				return signed(1, num < 0)
			}
			return 0, true
		}
	}
	if hi >= den {
		return 0, false
	}
	q, r := bits.Div64(hi, lo, den)
	if r != 0 {
		half := -1
		if rest := den - r; r > rest {
			half = 1
		} else if r == rest {
			half = 0
		}
		if mode.away(num < 0, q&1 != 0, half) {
			if q == math.MaxUint64 {
				return 0, false
			}
			q++
		}
	}
	return signed(q, num < 0)
}

// roundBig is roundSmall without limits.
func roundBig(r *big.Rat, exponent int, mode Rounding) *big.Int {
	num, den := new(big.Int).Abs(r.Num()), r.Denom()
	if exponent >= 0 {
		num.Mul(num, bigPow10(exponent))
	} else {
		den = new(big.Int).Mul(den, bigPow10(-exponent))
	}
	rest := new(big.Int)
	num.QuoRem(num, den, rest)
	negative := r.Sign() < 0
	if rest.Sign() != 0 {
		half := rest.Lsh(rest, 1).Cmp(den)
		if mode.away(negative, num.Bit(0) != 0, half) {
			num.Add(num, big.NewInt(1))
		}
	}
	if negative {
		num.Neg(num)
	}
	return num
}

// magnitude returns |n|, also for the least int64.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// signed returns ±m; ok is false if it does not fit in an int64.
func signed(m uint64, negative bool) (n int64, ok bool) {
	if negative {
		return -int64(m), m <= 1<<63
	}
	return int64(m), m <= math.MaxInt64
}
