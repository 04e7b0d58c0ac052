package billingtest_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// values changes values of a type wherever a store may have kept them badly.
type values struct {
	quantity func(decimal.Decimal) decimal.Decimal
	fraction func(money.Rat) money.Rat
	amount   func(money.Money) money.Money
	instant  func(time.Time) time.Time
	date     func(billing.Date) billing.Date
	period   func(billing.Period) billing.Period
	text     func(string) string
}

// everywhere applies the changes to what is read.
func everywhere(v values) func() hooks {
	return func() hooks {
		return rewriting(nil, &change{
			seller: func(s *billing.Seller) {
				if v.text != nil {
					s.Name = v.text(s.Name)
				}
			},
			account: func(a *billing.Account) {
				if v.quantity != nil {
					a.RefundPercent = v.quantity(a.RefundPercent)
				}
				if v.amount != nil {
					a.Balance, a.LastRun = v.amount(a.Balance), v.amount(a.LastRun)
				}
				if v.date != nil {
					a.Next, a.Anchor = v.date(a.Next), v.date(a.Anchor)
				}
				if v.period != nil {
					a.Period = v.period(a.Period)
				}
				if v.text != nil {
					a.Suspension.Note = v.text(a.Suspension.Note)
				}
			},
			holding: func(h *billing.Holding) {
				if v.quantity != nil {
					h.Quantity, h.Paid = v.quantity(h.Quantity), v.quantity(h.Paid)
				}
				if v.fraction != nil {
					h.SetupPaid, h.RecurringTotal = v.fraction(h.SetupPaid), v.fraction(h.RecurringTotal)
				}
			},
			entry: func(e *billing.Entry) {
				if v.quantity != nil {
					e.Quantity = v.quantity(e.Quantity)
				}
				if v.fraction != nil {
					e.Basis.Exact = v.fraction(e.Basis.Exact)
				}
				if v.amount != nil {
					e.Amount = v.amount(e.Amount)
				}
				if v.instant != nil {
					e.Recorded = v.instant(e.Recorded)
				}
				if v.date != nil {
					e.Date = v.date(e.Date)
				}
				if v.text != nil {
					e.Reference = v.text(e.Reference)
				}
			},
			document: func(d *billing.Document) {
				if v.amount != nil {
					d.Total = v.amount(d.Total)
				}
				if v.instant != nil {
					d.Recorded = v.instant(d.Recorded)
				}
			},
			key: func(k *billing.Key) {
				if v.instant != nil {
					k.Recorded = v.instant(k.Recorded)
				}
			},
		})
	}
}

// minor makes an amount of changed minor units or currency.
func minor(change func(units int64, c money.Currency) (int64, money.Currency)) func(money.Money) money.Money {
	return func(m money.Money) money.Money {
		units, err := m.Minor()
		if err != nil || m.Currency().Code == "" {
			return m
		}
		return money.FromMinor(change(units, m.Currency()))
	}
}

func valueMutants() []mutant {
	zero := decimal.Decimal{}
	return []mutant{
		{name: "a note is forgotten", rules: []string{"EXACT-1"}, hooks: rewritingIn(change{account: func(a *billing.Account) { a.Suspension.Note = "" }})},
		{name: "a field is not cleared", rules: []string{"EXACT-1"}, hooks: writing(func(ctx context.Context, rows billing.Rows, b *billing.Batch) error {
			b.Accounts = each(b.Accounts, func(a *billing.Account) {
				if old, ok := stored(ctx, rows, a.ID); ok && a.CreditLimit == nil {
					a.CreditLimit = old.CreditLimit
				}
			})
			return nil
		})},
		{name: "no limit is a limit of 0", rules: []string{"EXACT-2"}, hooks: rewritingOut(change{account: func(a *billing.Account) {
			if a.CreditLimit == nil {
				a.CreditLimit = &zero
			}
		}})},
		{name: "no amount is an amount of 0", rules: []string{"EXACT-2"}, hooks: rewritingOut(change{account: func(a *billing.Account) {
			if a.LastRun.Currency().Code == "" {
				a.LastRun = money.Zero(a.Balance.Currency())
			}
		}})},
		{name: "a price of 0 is none", rules: []string{"EXACT-2"}, hooks: rewritingIn(change{version: func(v *billing.PlanVersion) {
			v.Terms.Resources = each(v.Terms.Resources, func(l *billing.Line) {
				if l.Prices.Setup != nil && l.Prices.Setup.IsZero() {
					l.Prices.Setup = nil
				}
			})
		}})},
		{name: "quantities as floats", rules: []string{"EXACT-3"}, hooks: everywhere(values{quantity: func(d decimal.Decimal) decimal.Decimal {
			return decimal.NewFromFloat(d.InexactFloat64())
		}})},
		{name: "quantities with six decimals", rules: []string{"EXACT-3"}, hooks: everywhere(values{quantity: func(d decimal.Decimal) decimal.Decimal { return d.Round(6) }})},
		{name: "percents of plans with two decimals", rules: []string{"EXACT-3"}, hooks: rewritingIn(change{version: func(v *billing.PlanVersion) {
			if v.Terms.RefundPercent != nil {
				p := v.Terms.RefundPercent.Round(2)
				v.Terms.RefundPercent = &p
			}
		}})},
		{name: "fractions as decimals", rules: []string{"EXACT-4"}, hooks: everywhere(values{fraction: func(r money.Rat) money.Rat {
			return money.RatOf(r.RoundTo(30, money.HalfUp))
		}})},
		{name: "fractions in 64 bits", rules: []string{"EXACT-4"}, hooks: everywhere(values{fraction: func(r money.Rat) money.Rat {
			if num := r.Big().Num(); !num.IsInt64() {
				return money.Rat{}
			}
			return r
		}})},
		{name: "sub-cent digits are lost", rules: []string{"EXACT-5"}, hooks: everywhere(values{amount: minor(func(n int64, c money.Currency) (int64, money.Currency) {
			for range max(c.Exponent-2, 0) {
				n /= 10
			}
			for range max(c.Exponent-2, 0) {
				n *= 10
			}
			return n, c
		})})},
		{name: "amounts as floats", rules: []string{"EXACT-5"}, hooks: everywhere(values{amount: minor(func(n int64, c money.Currency) (int64, money.Currency) {
			return int64(float64(n/2)) * 2, c
		})})},
		{name: "every currency has cents", rules: []string{"EXACT-5"}, hooks: everywhere(values{amount: minor(func(n int64, c money.Currency) (int64, money.Currency) {
			return n, money.Currency{Code: c.Code, Exponent: 2}
		})})},
		{name: "no debt in yen", rules: []string{"EXACT-5", "LIST-2"}, hooks: func() hooks {
			return hooks{accounts: func(next billing.Rows, ctx context.Context, q billing.AccountQuery, after billing.AccountID, limit int) ([]billing.Account, error) {
				page, err := next.Accounts(ctx, q, after, limit)
				return without(page, func(a billing.Account) bool { return q.InDebt && a.Balance.Currency().Exponent == 0 }), err
			}}
		}},
		{name: "instants to the millisecond", rules: []string{"EXACT-6"}, hooks: everywhere(values{instant: func(t time.Time) time.Time { return t.Truncate(time.Millisecond) }})},
		{name: "instants in a local zone", rules: []string{"EXACT-6"}, hooks: everywhere(values{instant: func(t time.Time) time.Time { return t.In(time.FixedZone("", 3600)) }})},
		{name: "instants without their zone", rules: []string{"EXACT-6"}, hooks: rewritingIn(change{entry: func(e *billing.Entry) {
			t := e.Recorded
			e.Recorded = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		}})},
		{name: "no date is the first day", rules: []string{"EXACT-7"}, hooks: everywhere(values{date: func(d billing.Date) billing.Date {
			if d.IsZero() {
				return billing.NewDate(1, 1, 1)
			}
			return d
		}})},
		{name: "dates through an instant of a zone", rules: []string{"EXACT-7"}, hooks: everywhere(values{date: func(d billing.Date) billing.Date {
			if d.IsZero() || d.Compare(billing.NewDate(1970, 1, 1)) >= 0 {
				return d
			}
			return d.AddDays(-1)
		}})},
		{name: "periods of days as months", rules: []string{"EXACT-7"}, hooks: everywhere(values{period: func(p billing.Period) billing.Period {
			if p == billing.Days(30) {
				return billing.Months(1)
			}
			return p
		}})},
		{name: "periods as texts of three", rules: []string{"EXACT-7"}, hooks: everywhere(values{period: func(p billing.Period) billing.Period {
			if p.Count() > 99 {
				return billing.Months(p.Count() / 100)
			}
			return p
		}})},
		{name: "texts trimmed", rules: []string{"EXACT-8"}, hooks: everywhere(values{text: strings.TrimSpace})},
		{name: "texts normalised", rules: []string{"EXACT-8"}, hooks: everywhere(values{text: func(s string) string { return strings.ReplaceAll(s, "e\u0301", "é") }})},
		{name: "texts cut off", rules: []string{"EXACT-8"}, hooks: everywhere(values{text: func(s string) string { return s[:min(len(s), 255)] }})},
		{name: "null is nothing", rules: []string{"EXACT-8"}, hooks: everywhere(values{text: func(s string) string {
			if strings.EqualFold(s, "null") {
				return ""
			}
			return s
		}})},
		{name: "counters in 32 bits", rules: []string{"EXACT-9"}, hooks: rewritingIn(change{account: func(a *billing.Account) { a.EntrySeq = int64(int32(a.EntrySeq)) }})},
		{name: "those above a double are forgotten", rules: []string{"EXACT-10"}, hooks: rewritingIn(change{account: func(a *billing.Account) {
			if a.Sells != "" {
				a.Above = nil
			}
		}})},
		{name: "at most eight above", rules: []string{"EXACT-10"}, hooks: rewritingIn(change{account: func(a *billing.Account) { a.Above = a.Above[:min(8, len(a.Above))] }})},
		{name: "those above by their digits", rules: []string{"EXACT-10"}, hooks: rewritingIn(change{account: func(a *billing.Account) {
			a.Above = slices.Clone(a.Above)
			slices.SortFunc(a.Above, func(x, y billing.AccountID) int { return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		}})},
		{name: "lists of accounts in 32 bits", rules: []string{"EXACT-10"}, hooks: rewritingIn(change{usage: func(u *billing.UsageRecord) {
			u.RolledUp = each(u.RolledUp, func(id *billing.AccountID) { *id = billing.AccountID(int32(*id)) })
		}})},
		{name: "rolled up records are not rolled up again", rules: []string{"EXACT-10"}, hooks: rewritingIn(change{usage: func(u *billing.UsageRecord) {
			if u.Source != 0 {
				u.RolledUp = nil
			}
		}})},
		{name: "a seller without a parent has no double", rules: []string{"EXACT-10"}, hooks: rewritingIn(change{seller: func(s *billing.Seller) {
			if s.Parent == "" {
				s.Double = 0
			}
		}})},
		{name: "lists of the caller are kept", rules: []string{"COPY-1"}, hooks: func() hooks {
			lists := map[billing.AccountID][]billing.AccountID{}
			return rewriting(&change{usage: func(u *billing.UsageRecord) { lists[u.Account] = u.RolledUp }},
				&change{usage: func(u *billing.UsageRecord) { u.RolledUp = lists[u.Account] }})
		}},
		{name: "those above are given out again", rules: []string{"COPY-2"}, hooks: func() hooks {
			lists := map[billing.AccountID][]billing.AccountID{}
			return rewriting(nil, &change{account: func(a *billing.Account) {
				if lists[a.ID] == nil {
					lists[a.ID] = a.Above
				}
				a.Above = lists[a.ID]
			}})
		}},
		{name: "slices of the caller are kept", rules: []string{"COPY-1"}, hooks: func() hooks {
			prints := map[billing.KeyID][]byte{}
			return rewriting(&change{key: func(k *billing.Key) { prints[k.KeyID] = k.Fingerprint }},
				&change{key: func(k *billing.Key) { k.Fingerprint = prints[k.KeyID] }})
		}},
		{name: "pointers of the caller are kept", rules: []string{"COPY-1"}, hooks: func() hooks {
			limits := map[billing.AccountID]*decimal.Decimal{}
			return rewriting(&change{account: func(a *billing.Account) { limits[a.ID] = a.CreditLimit }},
				&change{account: func(a *billing.Account) { a.CreditLimit = limits[a.ID] }})
		}},
		{name: "what was read is given out again", rules: []string{"COPY-2"}, hooks: func() hooks {
			taxes := map[billing.SellerID][]billing.Tax{}
			return rewriting(nil, &change{seller: func(s *billing.Seller) {
				if taxes[s.ID] == nil {
					taxes[s.ID] = s.Taxes
				}
				s.Taxes = taxes[s.ID]
			}})
		}},
		{name: "holdings are given out from a cache", rules: []string{"COPY-2"}, hooks: func() hooks {
			limits := map[billing.ResourceID][]decimal.Decimal{}
			return rewriting(nil, &change{holding: func(h *billing.Holding) {
				if limits[h.Resource] == nil {
					limits[h.Resource] = h.Limits
				}
				h.Limits = limits[h.Resource]
			}})
		}},
	}
}
