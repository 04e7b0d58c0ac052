package stripe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/money"
)

// unit is how Stripe counts a currency: in 10^-digits of it, in steps of so many.
type unit struct {
	digits int
	step   int64
}

// unitOf returns how Stripe counts a currency, and false for one that it does not take or
// about which its documents contradict each other.
//
// Source: https://docs.stripe.com/currencies, minor units, special cases.
func unitOf(c money.Currency) (unit, bool) {
	code := c.Code
	switch {
	case !c.IsISO(), code == "UGX":
		return unit{}, false
	case slices.Contains([]string{"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}, code):
		return unit{0, 1}, true
	case slices.Contains([]string{"BHD", "JOD", "KWD", "OMR", "TND"}, code):
		return unit{3, 10}, true
	case code == "ISK":
		return unit{2, 100}, true
	}
	return unit{2, 1}, c.Exponent == 2
}

// toUnits is an amount as Stripe counts it.
func toUnits(m money.Money) (int64, error) {
	u, known := unitOf(m.Currency())
	if !known {
		return 0, fmt.Errorf("how Stripe counts %s is not known", m.Currency())
	}
	d := m.Amount().Shift(int32(u.digits))
	if !d.IsInteger() || !d.BigInt().IsInt64() || d.BigInt().Int64()%u.step != 0 {
		return 0, fmt.Errorf("of %s Stripe counts %d digits, in steps of %d", m.Currency(), u.digits, u.step)
	}
	return d.BigInt().Int64(), nil
}

// fromUnits is an amount of Stripe's.
func fromUnits(n int64, code string) (money.Money, error) {
	c, err := money.ISO(strings.ToUpper(code))
	if err != nil {
		return money.Money{}, err
	}
	u, known := unitOf(c)
	if !known {
		return money.Money{}, fmt.Errorf("how Stripe counts %s is not known", c)
	}
	for range int(c.Exponent) - u.digits {
		if n > 1<<58 || n < -1<<58 {
			return money.Money{}, fmt.Errorf("%d is too much", n)
		}
		n *= 10
	}
	for range u.digits - int(c.Exponent) {
		if n%10 != 0 {
			return money.Money{}, fmt.Errorf("%d is a part of the smallest unit of %s", n, c)
		}
		n /= 10
	}
	return money.FromMinor(n, c), nil
}
