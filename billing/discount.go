package billing

import (
	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// discountShare is the part of one, at most one, by which promotions lessen a charge
// over [from, to): each day counts the promotions in force on it, together at most
// 100 percent. An interval of no days counts by its day (spec section 5).
func (b *book) discountShare(kind EntryKind, from, to Date) money.Rat {
	var on []Promotion
	for _, p := range b.acct.Promotions {
		if p.applies(kind) && (p.Until.IsZero() || from.Before(p.Until)) {
			on = append(on, p)
		}
	}
	if len(on) == 0 {
		return money.Rat{}
	}
	days := to.Sub(from)
	if days <= 0 {
		return percentOf(together(on, from))
	}
	// The sum of percents changes only where a promotion ends.
	sum := money.Rat{}
	for day := from; day.Before(to); {
		next := to
		for _, p := range on {
			if !p.Until.IsZero() && day.Before(p.Until) && p.Until.Before(next) {
				next = p.Until
			}
		}
		sum = sum.Add(percentOf(together(on, day)).Mul(money.RatInt(int64(next.Sub(day)))))
		day = next
	}
	return over(sum, money.RatInt(int64(days)))
}

func (p Promotion) applies(kind EntryKind) bool {
	switch kind {
	case EntrySetup:
		return p.Setup
	case EntryUsage:
		return p.Usage
	}
	return p.Recurring
}

// together is the sum of the percents in force on a day, at most 100.
func together(on []Promotion, day Date) decimal.Decimal {
	sum := decimal.Decimal{}
	for _, p := range on {
		if p.Until.IsZero() || day.Before(p.Until) {
			sum = sum.Add(p.Percent)
		}
	}
	return decimal.Min(sum, decimal.New(100, 0))
}

// discount adds the discount entry of a charge or refund, if promotions lessen it, and
// returns its minor units.
func (b *book) discount(kind EntryKind, h *hold, quantity money.Rat, from, to Date, exact money.Rat, total *money.Rat, basis Basis) (int64, error) {
	if len(b.acct.Promotions) == 0 || exact.IsZero() {
		return 0, nil
	}
	share := b.discountShare(kind, from, to)
	if share.IsZero() {
		return 0, nil
	}
	d := Basis{
		Cause: basis.Cause, Plan: basis.Plan, Version: basis.Version, Period: basis.Period,
		Of: exact, Factor: share,
	}
	return b.post(EntryDiscount, h, quantity, from, to, exact.Mul(share).Neg(), total, d)
}
