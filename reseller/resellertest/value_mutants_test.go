package resellertest_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/memory"
)

// units changes all quantities.
func units(f func(decimal.Decimal) decimal.Decimal) func() hooks {
	return rewritingOut(change{
		holding: func(h *reseller.Holding) { h.Pooled, h.Charged = f(h.Pooled), f(h.Charged) },
		stock:   func(s *reseller.Stock) { s.Pooled, s.Held = f(s.Pooled), f(s.Held) },
		shadow:  func(s *reseller.Shadow) { s.Quantity = f(s.Quantity) },
	})
}

// minor changes the minor units or the currency of all amounts.
func minor(f func(n int64, c money.Currency) (int64, money.Currency)) func() hooks {
	of := func(m money.Money) money.Money {
		n, err := m.Minor()
		if err != nil {
			return m
		}
		return money.FromMinor(f(n, m.Currency()))
	}
	return rewritingOut(change{
		shadow: func(s *reseller.Shadow) { s.Amount = of(s.Amount) }, bill: func(b *reseller.Bill) { b.Amount = of(b.Amount) },
	})
}

func valueMutants() []mutant {
	zero := decimal.Decimal{}
	return []mutant{
		{name: "who asked for a transfer is forgotten", rules: []string{"EXACT-1"}, hooks: rewritingIn(change{transfer: func(x *reseller.Transfer) { x.By.Name = "" }})},
		{name: "a price list is not cleared", rules: []string{"EXACT-1", "WRITE-1"}, hooks: writing(func(ctx context.Context, rows reseller.Rows, b *reseller.Batch) error {
			b.Holdings = each(b.Holdings, func(h *reseller.Holding) {
				old, _ := rows.Load(ctx, reseller.LoadQuery{Accounts: []billing.AccountID{h.Account}})
				for _, o := range old.Holdings {
					if o.Seller == h.Seller && o.Resource == h.Resource && h.List == (reseller.List{}) {
						h.List = o.List
					}
				}
			})
			return nil
		})},
		{name: "no limit is one of 0", rules: []string{"EXACT-2"}, hooks: rewritingOut(change{stock: func(s *reseller.Stock) {
			if s.Limit == nil {
				s.Limit = &zero
			}
		}})},
		{name: "a limit of 0 is none", rules: []string{"EXACT-2"}, hooks: rewritingOut(change{stock: func(s *reseller.Stock) {
			if s.Limit != nil && s.Limit.IsZero() {
				s.Limit = nil
			}
		}})},
		{name: "empty limits are left out", rules: []string{"EXACT-2"}, hooks: rewritingIn(change{holding: func(h *reseller.Holding) {
			h.Limits = without(h.Limits, func(l reseller.Limit) bool { return l.Units.IsZero() })
		}})},
		{name: "quantities as floats", rules: []string{"EXACT-3"}, hooks: units(func(d decimal.Decimal) decimal.Decimal { return decimal.NewFromFloat(d.InexactFloat64()) })},
		{name: "quantities with six decimals", rules: []string{"EXACT-3"}, hooks: units(func(d decimal.Decimal) decimal.Decimal { return d.Round(6) })},
		{name: "returns with six decimals", rules: []string{"EXACT-3"}, hooks: rewritingIn(change{stock: func(s *reseller.Stock) {
			s.Returns = each(s.Returns, func(r *reseller.Return) { r.Units = r.Units.Round(6) })
		}})},
		{name: "fractions as decimals", rules: []string{"EXACT-4"}, hooks: rewritingIn(change{holding: func(h *reseller.Holding) {
			h.RecurringTotal = money.RatOf(h.RecurringTotal.RoundTo(30, money.HalfUp))
		}})},
		{name: "fractions in 64 bits", rules: []string{"EXACT-4"}, hooks: rewritingIn(change{holding: func(h *reseller.Holding) {
			if !h.SetupTotal.Big().Num().IsInt64() {
				h.SetupTotal = money.Rat{}
			}
		}})},
		{name: "every currency has cents", rules: []string{"EXACT-5"}, hooks: minor(func(n int64, c money.Currency) (int64, money.Currency) {
			return n, money.Currency{Code: c.Code, Exponent: 2}
		})},
		{name: "amounts as floats", rules: []string{"EXACT-5"}, hooks: minor(func(n int64, c money.Currency) (int64, money.Currency) { return int64(float64(n/2)) * 2, c })},
		{name: "instants to the millisecond", rules: []string{"EXACT-6"}, hooks: rewritingIn(change{shadow: func(s *reseller.Shadow) { s.Recorded = s.Recorded.Truncate(time.Millisecond) }})},
		{name: "instants in a local zone", rules: []string{"EXACT-6"}, hooks: rewritingOut(change{bill: func(b *reseller.Bill) { b.Recorded = b.Recorded.In(time.FixedZone("", 3600)) }})},
		{name: "no date is the first day", rules: []string{"EXACT-6"}, hooks: rewritingOut(change{shadow: func(s *reseller.Shadow) {
			if s.From.IsZero() {
				s.From = billing.NewDate(1, 1, 1)
			}
		}})},
		{name: "dates through an instant of a zone", rules: []string{"EXACT-6"}, hooks: rewritingOut(change{books: func(b *reseller.Books) {
			if !b.Through.IsZero() && b.Through.Before(billing.NewDate(1970, 1, 1)) {
				b.Through = b.Through.AddDays(-1)
			}
		}})},
		{name: "periods of days as months", rules: []string{"EXACT-6"}, hooks: rewritingIn(change{transfer: func(x *reseller.Transfer) {
			if x.Period == billing.Days(30) {
				x.Period = billing.Months(1)
			}
		}})},
		{name: "texts trimmed", rules: []string{"EXACT-7"}, hooks: rewritingIn(change{transfer: func(x *reseller.Transfer) { x.Name = strings.TrimSpace(x.Name) }})},
		{name: "texts cut off", rules: []string{"EXACT-7"}, hooks: rewritingIn(change{transfer: func(x *reseller.Transfer) { x.Reason = x.Reason[:min(255, len(x.Reason))] }})},
		{name: "plans in quotes", rules: []string{"EXACT-7"}, hooks: rewritingIn(change{holding: func(h *reseller.Holding) {
			h.Limits = each(h.Limits, func(l *reseller.Limit) {
				l.List.Plan = billing.PlanID(strings.ReplaceAll(string(l.List.Plan), `"`, `'`))
			})
		}})},
		{name: "resources normalised", rules: []string{"EXACT-7", "LIST-3"}, hooks: rewritingIn(change{stock: func(s *reseller.Stock) {
			s.Resource = billing.ResourceID(strings.ReplaceAll(string(s.Resource), "e\u0301", "é"))
		}})},
		{name: "counts in 32 bits", rules: []string{"EXACT-8"}, hooks: rewritingIn(change{bill: func(b *reseller.Bill) { b.Shadows = int64(int32(b.Shadows)) }})},
		{name: "returns by units", rules: []string{"EXACT-8"}, hooks: rewritingIn(change{stock: func(s *reseller.Stock) {
			s.Returns = slices.Clone(s.Returns)
			slices.SortFunc(s.Returns, func(a, b reseller.Return) int { return a.Units.Cmp(b.Units) })
		}})},
		{name: "limits by stretch", rules: []string{"EXACT-8"}, hooks: rewritingIn(change{holding: func(h *reseller.Holding) {
			h.Limits = slices.Clone(h.Limits)
			slices.SortFunc(h.Limits, func(a, b reseller.Limit) int { return a.Stretch - b.Stretch })
		}})},
		{name: "slices of the caller are kept", rules: []string{"COPY-1"}, hooks: func() hooks {
			limits := map[billing.AccountID][]reseller.Limit{}
			return rewriting(&change{holding: func(h *reseller.Holding) { limits[h.Account] = h.Limits }},
				&change{holding: func(h *reseller.Holding) { h.Limits = limits[h.Account] }})
		}},
		{name: "pointers of the caller are kept", rules: []string{"COPY-1"}, hooks: func() hooks {
			limits := map[reseller.StockKey]*decimal.Decimal{}
			return rewriting(&change{stock: func(s *reseller.Stock) { limits[s.Key()] = s.Limit }},
				&change{stock: func(s *reseller.Stock) { s.Limit = limits[s.Key()] }})
		}},
		{name: "the caller's rows are kept until they are sent", rules: []string{"COPY-1"}, make: func() reseller.Store { return newDeferred("memory of the caller") }},
		{name: "stocks are given out from a cache", rules: []string{"COPY-2"}, hooks: func() hooks {
			cache := map[reseller.StockKey][]reseller.Return{}
			return rewriting(nil, &change{stock: func(s *reseller.Stock) {
				if cache[s.Key()] == nil {
					cache[s.Key()] = s.Returns
				}
				s.Returns = cache[s.Key()]
			}})
		}},
		{name: "what is locked is what is kept", rules: []string{"COPY-2"}, make: func() reseller.Store {
			limits := map[reseller.StockKey]*decimal.Decimal{}
			h := rewriting(&change{stock: func(s *reseller.Stock) {
				if s.Limit != nil {
					c := *s.Limit
					limits[s.Key()] = &c
				}
			}}, nil)
			h.lock = func(next reseller.Rows, ctx context.Context, keys []reseller.StockKey) ([]reseller.Stock, error) {
				list, err := next.Lock(ctx, keys)
				return each(list, func(s *reseller.Stock) { s.Limit = limits[s.Key()] }), err
			}
			return &broken{memory.New(), h}
		}},
		{name: "parts of shadows are given out again", rules: []string{"COPY-2"}, hooks: func() hooks {
			parts := map[int64][]billing.UsagePart{}
			return rewriting(nil, &change{shadow: func(s *reseller.Shadow) {
				if parts[s.Seq] == nil {
					parts[s.Seq] = s.Basis.Parts
				}
				s.Basis.Parts = parts[s.Seq]
			}})
		}},
	}
}
