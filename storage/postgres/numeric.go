package postgres

import (
	"encoding/binary"
	"errors"
	"math/big"
	"strconv"

	"github.com/shopspring/decimal"
)

// PostgreSQL's numeric is groups of four decimal digits: their number, the weight of
// the first (0: units), the sign, the digits shown behind the point, the groups.
const (
	numericMinus = 0x4000
	numericScale = 16383 // most digits behind the point
	numericWhole = 131072
)

var errNumeric = errors.New("a number has more digits than PostgreSQL's numeric")

// appendNumeric appends d in PostgreSQL's binary form, exactly.
func appendNumeric(b []byte, d decimal.Decimal) ([]byte, error) {
	if d.IsZero() {
		return append(b, 0, 0, 0, 0, 0, 0, 0, 0), nil
	}
	exponent := int(d.Exponent())
	if d.NumDigits() > 14 || exponent > 4 || exponent < -numericScale {
		return appendBigNumeric(b, d)
	}
	c := d.CoefficientInt64()
	sign, n := uint16(0), uint64(c)
	if c < 0 {
		sign, n = numericMinus, uint64(-c)
	}
	// Groups are aligned at the point: add zeros until the exponent is a multiple of 4.
	scale := max(0, -exponent)
	for ; exponent&3 != 0; exponent-- {
		n *= 10 // at most 14 + 3 digits
	}
	var groups [5]uint16
	first := len(groups)
	weight := exponent/4 - 1
	for ; n > 0; n /= 10000 {
		first--
		groups[first] = uint16(n % 10000)
		weight++
	}
	used := groups[first:]
	for used[len(used)-1] == 0 {
		used = used[:len(used)-1]
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(used)))
	b = binary.BigEndian.AppendUint16(b, uint16(int16(weight)))
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(scale))
	for _, g := range used {
		b = binary.BigEndian.AppendUint16(b, g)
	}
	return b, nil
}

// appendBigNumeric is appendNumeric for numbers of any length.
func appendBigNumeric(b []byte, d decimal.Decimal) ([]byte, error) {
	exponent := int(d.Exponent())
	if exponent > numericWhole || exponent < -numericScale || d.NumDigits()+exponent > numericWhole {
		return b, errNumeric
	}
	scale := max(0, -exponent)
	coefficient := d.Coefficient()
	sign := uint16(0)
	if coefficient.Sign() < 0 {
		sign = numericMinus
		coefficient.Neg(coefficient)
	}
	digits := coefficient.Append(nil, 10)
	for ; exponent&3 != 0; exponent-- {
		digits = append(digits, '0')
	}
	if short := len(digits) % 4; short != 0 {
		digits = append([]byte("000"[:4-short]), digits...)
	}
	weight := len(digits)/4 - 1 + exponent/4
	for string(digits[len(digits)-4:]) == "0000" {
		digits = digits[:len(digits)-4]
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(digits)/4))
	b = binary.BigEndian.AppendUint16(b, uint16(int16(weight)))
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(scale))
	for ; len(digits) > 0; digits = digits[4:] {
		g, err := strconv.ParseUint(string(digits[:4]), 10, 16)
		if err != nil {
			return b, err
		}
		b = binary.BigEndian.AppendUint16(b, uint16(g))
	}
	return b, nil
}

// parseNumeric reads PostgreSQL's binary form.
func parseNumeric(b []byte) (decimal.Decimal, error) {
	if len(b) < 8 {
		return decimal.Decimal{}, errShort
	}
	n := int(binary.BigEndian.Uint16(b))
	weight := int(int16(binary.BigEndian.Uint16(b[2:])))
	sign := binary.BigEndian.Uint16(b[4:])
	scale := int(binary.BigEndian.Uint16(b[6:]))
	b = b[8:]
	if len(b) != 2*n {
		return decimal.Decimal{}, errShort
	}
	if sign != 0 && sign != numericMinus {
		return decimal.Decimal{}, errors.New("not a finite number")
	}
	exponent := 4 * (weight + 1 - n)
	if n == 0 {
		return decimal.New(0, -int32(scale)), nil
	}
	if n <= 4 {
		c := int64(0)
		for ; len(b) > 0; b = b[2:] {
			c = 10000*c + int64(binary.BigEndian.Uint16(b))
		}
		// The form that most arithmetic likes best: no digits behind those shown, no
		// positive exponent.
		for ; exponent < -scale && c%10 == 0; exponent++ {
			c /= 10
		}
		for ; exponent > 0 && c < 1e17; exponent-- {
			c *= 10
		}
		if sign != 0 {
			c = -c
		}
		return decimal.New(c, int32(exponent)), nil
	}
	c, base := new(big.Int), big.NewInt(10000)
	for ; len(b) > 0; b = b[2:] {
		c.Mul(c, base)
		c.Add(c, big.NewInt(int64(binary.BigEndian.Uint16(b))))
	}
	if over := -scale - exponent; over > 0 { // zeros that fill the last group
		c.Quo(c, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(over)), nil))
		exponent = -scale
	}
	if sign != 0 {
		c.Neg(c)
	}
	return decimal.NewFromBigInt(c, int32(exponent)), nil
}
