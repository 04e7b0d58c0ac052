package money

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

const (
	maxDigits   = 64             // of an amount in text
	maxAmount   = maxDigits + 2  // with sign and point
	maxRatText  = 256            // bytes of a Rat in text
	maxJSONText = 512            // bytes of a Money in JSON
	zeros       = "000000000000" // a piece to append
)

// parseDecimal reads -?[0-9]+(\.[0-9]+)?. It does not use decimal.NewFromString,
// which takes exponents and obeys a package variable.
func parseDecimal(s string) (decimal.Decimal, error) {
	if len(s) > maxAmount {
		return decimal.Decimal{}, syntaxError("number (too long)", s)
	}
	rest, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(rest, ".")
	if whole == "" || point && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return decimal.Decimal{}, syntaxError("number", s)
	}
	digits := len(whole) + len(fraction)
	if digits > maxDigits {
		return decimal.Decimal{}, syntaxError("number (too long)", s)
	}
	exponent := -int32(len(fraction))
	if digits <= 18 {
		var n int64
		for _, part := range [2]string{whole, fraction} {
			for i := range len(part) {
				n = 10*n + int64(part[i]-'0')
			}
		}
		if negative {
			n = -n
		}
		return decimal.New(n, exponent), nil
	}
	n, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return decimal.Decimal{}, syntaxError("number", s)
	}
	if negative {
		n.Neg(n)
	}
	return decimal.NewFromBigInt(n, exponent), nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// appendDecimal appends d with at least the given number of decimal digits and no
// further trailing zeros. It does not use decimal.String, which obeys package
// variables.
func appendDecimal(b []byte, d decimal.Decimal, atLeast int) []byte {
	var buffer [24]byte
	coefficient := buffer[:0]
	if d.NumDigits() <= 18 {
		coefficient = strconv.AppendUint(coefficient, magnitude(d.CoefficientInt64()), 10)
	} else {
		n := d.Coefficient()
		coefficient = n.Abs(n).Append(coefficient, 10)
	}
	scale := -int(d.Exponent())
	if d.IsZero() {
		scale = 0
	}
	for scale > max(atLeast, 0) && len(coefficient) > 1 && coefficient[len(coefficient)-1] == '0' {
		coefficient = coefficient[:len(coefficient)-1]
		scale--
	}
	if d.Sign() < 0 {
		b = append(b, '-')
	}
	switch whole := len(coefficient) - scale; {
	case scale <= 0:
		b = append(b, coefficient...)
		b = appendZeros(b, -scale)
	case whole > 0:
		b = append(b, coefficient[:whole]...)
		b = append(b, '.')
		b = append(b, coefficient[whole:]...)
	default:
		b = append(b, "0."...)
		b = appendZeros(b, -whole)
		b = append(b, coefficient...)
	}
	if scale <= 0 && atLeast > 0 {
		b = append(b, '.')
	}
	return appendZeros(b, atLeast-max(scale, 0))
}

func appendZeros(b []byte, n int) []byte {
	for ; n > len(zeros); n -= len(zeros) {
		b = append(b, zeros...)
	}
	return append(b, zeros[:max(n, 0)]...)
}

// appendAmount appends the amount of m, if it can be read back.
func (m Money) appendAmount(b []byte) ([]byte, error) {
	start := len(b)
	b = appendDecimal(b, m.amount, int(m.currency.Exponent))
	digits := 0
	for _, c := range b[start:] {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if digits > maxDigits {
		return b[:start], fmt.Errorf("%w: more than %d", ErrPrecision, maxDigits)
	}
	return b, nil
}

// isNone reports whether m is Money{}.
func (m Money) isNone() bool { return m.currency == Currency{} && m.amount.IsZero() }

// MarshalJSON returns {"amount":"100.00","currency":"USD"}, with the member
// "exponent" for a currency that is not ISO's, and null for Money{}. It fails with
// [ErrPrecision] beyond 64 digits and with [ErrUnknownCurrency].
func (m Money) MarshalJSON() ([]byte, error) {
	if m.isNone() {
		return []byte("null"), nil
	}
	if err := m.currency.Validate(); err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, 64), `{"amount":"`...)
	b, err := m.appendAmount(b)
	if err != nil {
		return nil, err
	}
	b = append(b, `","currency":"`...)
	b = append(b, m.currency.Code...)
	b = append(b, '"')
	if !m.currency.IsISO() {
		b = append(b, `,"exponent":`...)
		b = strconv.AppendInt(b, int64(m.currency.Exponent), 10)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes, members in any order, and nothing
// else: it fails with [ErrSyntax] for unknown, repeated or missing members and for
// an amount that is not a string, and with [ErrUnknownCurrency] for a code that is
// neither ISO's nor comes with an exponent.
func (m *Money) UnmarshalJSON(data []byte) error {
	if string(bytes.TrimSpace(data)) == "null" {
		*m = Money{}
		return nil
	}
	if len(data) > maxJSONText || !json.Valid(data) {
		return syntaxError("money", string(data))
	}
	amount, currency, err := decodeMembers(data)
	if err != nil {
		return err
	}
	parsed, err := Parse(amount, currency)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// decodeMembers works on tokens, because json.Unmarshal takes members repeated and
// in any case.
func decodeMembers(data []byte) (amount string, c Currency, err error) {
	fail := func() (string, Currency, error) { return "", Currency{}, syntaxError("money", string(data)) }
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return fail()
	}
	var code, exponent string
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return fail()
		}
		value, err := decoder.Token()
		if err != nil {
			return fail()
		}
		var target *string
		switch key {
		case "amount":
			target = &amount
		case "currency":
			target = &code
		case "exponent":
			number, ok := value.(json.Number)
			if !ok || exponent != "" {
				return fail()
			}
			exponent = number.String()
			continue
		default:
			return fail()
		}
		text, ok := value.(string)
		if !ok || text == "" || *target != "" {
			return fail()
		}
		*target = text
	}
	if amount == "" || code == "" {
		return fail()
	}
	if strings.Contains(code, "/") {
		return fail()
	}
	if exponent != "" {
		code += "/" + exponent
	}
	c, err = ParseCurrency(code)
	return amount, c, err
}

// AppendText appends the amount and the currency: "100.00 USD", or "1.500 CREDITS/3"
// for a currency that is not ISO's, and nothing for Money{}. It fails as
// [Money.MarshalJSON] does.
func (m Money) AppendText(b []byte) ([]byte, error) {
	if m.isNone() {
		return b, nil
	}
	if err := m.currency.Validate(); err != nil {
		return b, err
	}
	b, err := m.appendAmount(b)
	if err != nil {
		return b, err
	}
	return m.currency.AppendText(append(b, ' '))
}

// MarshalText returns what [Money.AppendText] appends.
func (m Money) MarshalText() ([]byte, error) { return m.AppendText(nil) }

// UnmarshalText reads what MarshalText writes. It fails with [ErrSyntax] and
// [ErrUnknownCurrency].
func (m *Money) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*m = Money{}
		return nil
	}
	amount, code, ok := strings.Cut(string(text), " ")
	if !ok {
		return syntaxError("money", string(text))
	}
	c, err := ParseCurrency(code)
	if err != nil {
		return err
	}
	parsed, err := Parse(amount, c)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// ParseRat reads "3", "-3.25" or "-7/3": a decimal of at most 64 digits, or one or
// two integers of any length within 256 bytes. It fails with [ErrSyntax], and with
// [ErrDivisionByZero] for "1/0".
func ParseRat(s string) (Rat, error) {
	if len(s) > maxRatText {
		return Rat{}, syntaxError("number (too long)", s)
	}
	if strings.Contains(s, ".") {
		d, err := parseDecimal(s)
		if err != nil {
			return Rat{}, err
		}
		return RatOf(d), nil
	}
	unsigned, negative := strings.CutPrefix(s, "-")
	num, den, fraction := strings.Cut(unsigned, "/")
	if !fraction {
		den = "1"
	}
	if num == "" || den == "" || !allDigits(num) || !allDigits(den) {
		return Rat{}, syntaxError("number", s)
	}
	if len(num) <= 18 && len(den) <= 18 {
		a, _ := strconv.ParseInt(num, 10, 64)
		b, _ := strconv.ParseInt(den, 10, 64)
		if negative {
			a = -a
		}
		return RatFrac(a, b)
	}
	n, ok1 := new(big.Int).SetString(num, 10)
	d, ok2 := new(big.Int).SetString(den, 10)
	if !ok1 || !ok2 {
		return Rat{}, syntaxError("number", s)
	}
	if d.Sign() == 0 {
		return Rat{}, fmt.Errorf("%w: %.80q", ErrDivisionByZero, s)
	}
	if negative {
		n.Neg(n)
	}
	return fromBig(new(big.Rat).SetFrac(n, d)), nil
}

// String returns r as "7/3", or "3" if it is an integer.
func (r Rat) String() string { return string(r.append(nil)) }

func (r Rat) append(b []byte) []byte {
	if r.big != nil {
		b = r.big.Num().Append(b, 10)
		if !r.big.IsInt() {
			b = append(b, '/')
			b = r.big.Denom().Append(b, 10)
		}
		return b
	}
	b = strconv.AppendInt(b, r.num, 10)
	if r.dm != 0 {
		b = append(b, '/')
		b = strconv.AppendInt(b, r.dm+1, 10)
	}
	return b
}

// AppendText appends what [Rat.String] returns. It fails with [ErrOverflow] if
// that is longer than [ParseRat] reads.
func (r Rat) AppendText(b []byte) ([]byte, error) {
	start := len(b)
	b = r.append(b)
	if len(b)-start > maxRatText {
		return b[:start], fmt.Errorf("%w: number longer than %d bytes", ErrOverflow, maxRatText)
	}
	return b, nil
}

// MarshalText returns what [Rat.AppendText] appends; in JSON a Rat is a string.
func (r Rat) MarshalText() ([]byte, error) { return r.AppendText(nil) }

// UnmarshalText reads what MarshalText writes; see [ParseRat].
func (r *Rat) UnmarshalText(text []byte) error {
	if len(text) > maxRatText {
		return syntaxError("number (too long)", string(text[:maxRatText]))
	}
	parsed, err := ParseRat(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
