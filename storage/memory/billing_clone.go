package memory

import (
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
)

// The functions here copy what a caller could change: slices, maps, pointers. Values
// of decimal.Decimal, money.Money and money.Rat are immutable and may be shared.

func clonePointer(d *decimal.Decimal) *decimal.Decimal {
	if d == nil {
		return nil
	}
	c := *d
	return &c
}

func cloneSeller(s billing.Seller) billing.Seller {
	s.Taxes = slices.Clone(s.Taxes)
	return s
}

func clonePlan(p billing.Plan) billing.Plan {
	p.From = slices.Clone(p.From)
	return p
}

func cloneVersion(v billing.PlanVersion) billing.PlanVersion {
	v.Published = instant(v.Published)
	t := &v.Terms
	t.Periods = slices.Clone(t.Periods)
	t.Discounts = maps.Clone(t.Discounts)
	t.RefundPercent = clonePointer(t.RefundPercent)
	t.Resources = cloneLines(t.Resources)
	if t.Wholesale != nil {
		w := *t.Wholesale
		w.Resources = cloneLines(w.Resources)
		w.Discounts = maps.Clone(w.Discounts)
		w.RefundPercent = clonePointer(w.RefundPercent)
		t.Wholesale = &w
	}
	return v
}

func cloneLines(lines []billing.Line) []billing.Line {
	lines = slices.Clone(lines)
	for i := range lines {
		l := &lines[i]
		l.Max = clonePointer(l.Max)
		l.Prices.Setup = clonePointer(l.Prices.Setup)
		l.Prices.Recurring = clonePointer(l.Prices.Recurring)
		l.Prices.Usage = clonePointer(l.Prices.Usage)
		l.PeriodPrices = maps.Clone(l.PeriodPrices)
		for period, p := range l.PeriodPrices {
			p.Setup = clonePointer(p.Setup)
			p.Recurring = clonePointer(p.Recurring)
			p.Usage = clonePointer(p.Usage)
			p.Free = clonePointer(p.Free)
			l.PeriodPrices[period] = p
		}
	}
	return lines
}

func cloneAccount(a billing.Account) billing.Account {
	a.Above = slices.Clone(a.Above)
	a.Stretches = slices.Clone(a.Stretches)
	a.Promotions = slices.Clone(a.Promotions)
	a.TaxCharged = slices.Clone(a.TaxCharged)
	a.CreditLimit = clonePointer(a.CreditLimit)
	return a
}

func cloneHolding(h billing.Holding) billing.Holding {
	h.Limits = slices.Clone(h.Limits)
	return h
}

func cloneUsage(u billing.UsageRecord) billing.UsageRecord {
	u.Recorded = instant(u.Recorded)
	u.RolledUp = slices.Clone(u.RolledUp)
	return u
}

func cloneDocument(d billing.Document) billing.Document {
	d.Recorded = instant(d.Recorded)
	return d
}

func cloneEntry(e billing.Entry) billing.Entry {
	e.Recorded = instant(e.Recorded)
	e.Basis.Parts = slices.Clone(e.Basis.Parts)
	return e
}

func cloneKey(k billing.Key) billing.Key {
	k.Recorded = instant(k.Recorded)
	k.Fingerprint = slices.Clone(k.Fingerprint)
	return k
}

// cloneEach copies a slice with the copies of its elements.
func cloneEach[T any](s []T, clone func(T) T) []T {
	if len(s) == 0 {
		return nil
	}
	c := make([]T, len(s))
	for i := range s {
		c[i] = clone(s[i])
	}
	return c
}
