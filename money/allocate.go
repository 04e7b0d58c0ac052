package money

import (
	"fmt"
	"slices"
)

// Allocate divides total in proportion to the weights, by largest remainder: each
// part is its exact share cut off to the minor unit, and the minor units left over
// go one by one to the parts that lost most, the first of those that lost as much first. The parts
// add up to total, and each differs from its exact share by less than one minor
// unit. A negative total is divided as its absolute value.
//
// It fails with [ErrWeights] if a weight is negative, all are zero or there are
// none, with [ErrPrecision] if total is not a whole number of minor units, and with
// [ErrUnknownCurrency] for a total without a valid currency.
func Allocate(total Money, weights []Rat) ([]Money, error) {
	if err := total.currency.Validate(); err != nil {
		return nil, err
	}
	if !total.IsWhole() {
		return nil, fmt.Errorf("%w: %s is not a whole number of minor units", ErrPrecision, total)
	}
	var sum Rat
	for i, w := range weights {
		if w.Sign() < 0 {
			return nil, fmt.Errorf("%w: weight %d is negative", ErrWeights, i)
		}
		sum = sum.Add(w)
	}
	if sum.IsZero() {
		return nil, fmt.Errorf("%w: no weight above zero", ErrWeights)
	}
	exponent := int32(total.currency.Exponent)
	units := RatOf(total.amount.Abs().Shift(exponent))
	perWeight, err := units.Quo(sum)
	if err != nil {
		return nil, err
	}
	parts := make([]Rat, len(weights))
	lost := make([]Rat, len(weights))
	order := make([]int, len(weights))
	left := units
	for i, w := range weights {
		share := perWeight.Mul(w)
		parts[i] = RatOf(share.RoundTo(0, Down))
		lost[i] = share.Sub(parts[i])
		left = left.Sub(parts[i])
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return lost[b].Cmp(lost[a]) })
	// left is the sum of what was lost, so fewer than there are parts that lost.
	for one, i := RatInt(1), 0; left.Sign() > 0 && i < len(order); i++ {
		parts[order[i]] = parts[order[i]].Add(one)
		left = left.Sub(one)
	}
	allocated := make([]Money, len(parts))
	for i, part := range parts {
		if total.Sign() < 0 {
			part = part.Neg()
		}
		allocated[i] = Money{amount: part.RoundTo(0, Down).Shift(-exponent), currency: total.currency}
	}
	return allocated, nil
}
