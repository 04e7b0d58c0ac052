package resellertest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// checkRows writes a batch and looks whether each of its rows is there as it was
// written, by every way to read it.
func checkRows(t *conformance.T, st reseller.Store, what string, b *reseller.Batch) {
	t.Helper()
	write(t, st, b)
	t.OK(view(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
		for _, want := range b.Holdings {
			page, err := rows.Holdings(ctx, want.Seller, 0, "", all)
			if err != nil {
				return err
			}
			same := func(h reseller.Holding) bool {
				return h.Seller == want.Seller && h.Account == want.Account && h.Resource == want.Resource
			}
			t.Equal(keep(page, same), []reseller.Holding{want}, "holding %s", what)
			loaded, err := rows.Load(ctx, reseller.LoadQuery{Accounts: []billing.AccountID{want.Account}})
			if err != nil {
				return err
			}
			t.Equal(keep(loaded.Holdings, same), []reseller.Holding{want}, "loaded holding %s", what)
		}
		for _, want := range b.Stocks {
			list, err := rows.Stocks(ctx, want.Seller)
			if err != nil {
				return err
			}
			same := func(s reseller.Stock) bool { return s.Key() == want.Key() }
			t.Equal(keep(list, same), []reseller.Stock{want}, "stock %s", what)
			loaded, err := rows.Load(ctx, reseller.LoadQuery{Sellers: []billing.SellerID{want.Seller}})
			if err != nil {
				return err
			}
			t.Equal(keep(loaded.Stocks, same), []reseller.Stock{want}, "loaded stock %s", what)
		}
		for _, want := range b.Books {
			got, err := rows.Books(ctx, want.Seller)
			if err != nil {
				return err
			}
			t.Equal(got, want, "books %s", what)
			loaded, err := rows.Load(ctx, reseller.LoadQuery{Sellers: []billing.SellerID{want.Seller}})
			if err != nil {
				return err
			}
			t.Equal(loaded.Books, []reseller.Books{want}, "loaded books %s", what)
		}
		for _, s := range b.Shadows {
			want := *s
			want.Recorded = want.Recorded.UTC()
			got, err := rows.Shadows(ctx, reseller.ShadowQuery{Seller: want.Seller}, reseller.ShadowID{Day: want.Day, Seq: want.Seq - 1}, 1)
			if err != nil {
				return err
			}
			t.Equal(got, []reseller.Shadow{want}, "shadow %s", what)
		}
		for _, want := range b.Bills {
			want.Recorded = want.Recorded.UTC()
			q := reseller.BillQuery{Seller: want.Seller, Since: want.Day, Until: want.Day}
			page, err := rows.Bills(ctx, q, billing.Date{}, "", all)
			if err != nil {
				return err
			}
			t.Equal(keep(page, func(x reseller.Bill) bool { return x.Resource == want.Resource }), []reseller.Bill{want}, "bill %s", what)
		}
		for _, want := range b.Transfers {
			got, err := rows.Transfer(ctx, want.Account)
			if err != nil {
				return err
			}
			t.Equal(got, want, "transfer %s", what)
			page, err := rows.Transfers(ctx, want.State, want.Account-1, 1)
			if err != nil {
				return err
			}
			t.Equal(page, []reseller.Transfer{want}, "listed transfer %s", what)
		}
		return nil
	}), "read back rows %s", what)
	for _, want := range b.Stocks { // without a trace: what is locked is not committed
		t.Is(update(t.Context(), st, func(ctx context.Context, rows reseller.Rows) error {
			got, err := rows.Lock(ctx, []reseller.StockKey{want.Key()})
			if err != nil {
				return err
			}
			t.Equal(got, []reseller.Stock{want}, "locked stock %s", what)
			return errRefused
		}), errRefused, "Update that locks")
	}
}

// exactRules are about values that come back as they were written.
func exactRules() []Rule {
	return []Rule{
		{
			ID: "EXACT-1", Name: "every field",
			Text: "Every field of every row comes back as it was written, also where it was replaced.",
			Why:  "A field that a store forgets costs somebody money a month later.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				for n, what := range []string{"with every field", "that is replaced", "that is replaced again"} {
					checkRows(t, st, what, filledBatch(n+1))
				}
				checkRows(t, st, "whose fields are cleared", &reseller.Batch{
					Holdings: []reseller.Holding{{Seller: acme, Account: 1, Resource: "r"}}, Stocks: []reseller.Stock{{Seller: acme, Resource: "r"}},
					Books: []reseller.Books{{Seller: acme}}, Transfers: []reseller.Transfer{{Account: 1, State: reseller.TransferWaiting}},
				})
			},
		},
		{
			ID: "EXACT-2", Name: "empty fields",
			Text: "Rows with nothing but what identifies them come back with all other fields zero; no limit is not one of 0, no list no empty price list.",
			Why:  "A limit of 0 forbids what none allows.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				zero := dec("0")
				checkRows(t, st, "with empty fields", &reseller.Batch{
					Holdings: []reseller.Holding{
						{Seller: acme, Account: 1, Resource: "r"}, {Seller: acme, Account: 1, Resource: ""},
						{Seller: acme, Account: 2, Resource: "r", Limits: []reseller.Limit{{}, {}}},
					},
					Stocks: []reseller.Stock{
						{Seller: acme, Resource: ""}, {Seller: acme, Resource: "r", Limit: &zero}, {Seller: below, Resource: "r", Returns: []reseller.Return{{On: day(1)}}},
					},
					Books:     []reseller.Books{{Seller: acme}},
					Shadows:   []*reseller.Shadow{{Seller: acme, Account: 1, Day: day(1), Amount: usdOf(0), Recorded: now()}},
					Bills:     []reseller.Bill{{Seller: acme, Day: day(1), Amount: usdOf(0), Recorded: now()}},
					Transfers: []reseller.Transfer{{Account: 1, State: reseller.TransferWaiting}},
				})
			},
		},
		{
			ID: "EXACT-3", Name: "quantities",
			Text: "Quantities come back exactly equal, whatever their size and sign.",
			Why:  "A store that keeps them as floats draws 0.30000000000000004 units from the pool.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				big := strings.Repeat("9", 40)
				for i, text := range []string{
					"0", "1", "-1", "0.1", "0.30", "-0.000000000000000000000001", "123456789.123456789", "1" + strings.Repeat("0", 30),
					big, "-" + big, big + "." + strings.Repeat("9", 20), "33.333333333333333333",
				} {
					d := dec(text)
					s := shadow(acme, 1, 5, 1)
					s.Quantity, s.Basis.Held, s.Basis.Free = d, d, d
					hold := holding(acme, 1, "r", 0)
					hold.Pooled, hold.Billable, hold.Charged = d, d, d.Neg()
					hold.Limits = []reseller.Limit{{Stretch: i, Units: d}, {Units: d.Neg()}}
					checkRows(t, st, "with "+text, &reseller.Batch{
						Holdings: []reseller.Holding{hold}, Shadows: []*reseller.Shadow{s},
						Stocks: []reseller.Stock{{Seller: acme, Resource: "r", Pooled: d, Limit: &d, Held: d, Returns: []reseller.Return{{On: day(1), Units: d}, {On: day(2), Units: d.Neg()}}}},
					})
				}
			},
		},
		{
			ID: "EXACT-4", Name: "fractions",
			Text: "money.Rat values come back exactly equal: fractions without finite decimals, and far beyond 64 bits.",
			Why:  "Shadows are rounded on running totals; a total that loses its last digit makes a shadow of a cent.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				n := money.RatOf(decimal.New(1, 60)).Add(money.RatInt(7))
				small, err := money.RatInt(1).Quo(n.Add(money.RatInt(2)))
				t.OK(err, "make a small fraction")
				for _, r := range []money.Rat{
					{}, money.RatInt(1), money.RatInt(-7), frac(1, 3), frac(-22, 7), frac(math.MaxInt64, math.MaxInt64-1), money.RatInt(math.MinInt64),
					n, n.Neg(), small, n.Mul(frac(1, 3)),
				} {
					hold := holding(acme, 1, "r", 1)
					hold.SetupTotal, hold.RecurringTotal = r, r.Neg()
					s := shadow(acme, 1, 5, 1)
					s.Basis = billing.Basis{Cause: billing.CauseRise, Units: r, UnitPrice: r, Factor: r, Exact: r, Before: r, Parts: []billing.UsagePart{{Used: r}, {Over: r.Neg()}}}
					checkRows(t, st, "with "+r.String(), &reseller.Batch{Holdings: []reseller.Holding{hold}, Shadows: []*reseller.Shadow{s}})
				}
			},
		},
		{
			ID: "EXACT-5", Name: "amounts",
			Text: "Amounts come back exactly, with their currency and its digits, any int64 of minor units.",
			Why:  "10 JPY are not 0.10.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				for i, c := range []money.Currency{
					{Code: "USD", Exponent: 2}, {Code: "JPY"}, {Code: "KWD", Exponent: 3}, {Code: "POINTS", Exponent: 3}, {Code: "X123456789ABCDEF", Exponent: 18},
				} {
					seller := billing.SellerID("in " + c.Code)
					put(t, st, billing.CatalogChange{Sellers: []billing.Seller{{ID: seller, Currency: c}}})
					for k, minor := range []int64{0, 1, -1, 99, 100, -123456789, 1<<53 + 1, math.MaxInt64, math.MinInt64 + 1} {
						s, b := shadow(seller, 1, i, 0), bill(seller, k, "mailbox", 0)
						s.Amount, b.Amount = money.FromMinor(minor, c), money.FromMinor(minor, c)
						checkRows(t, st, fmt.Sprintf("of %d in %s", minor, c.Code), &reseller.Batch{Shadows: []*reseller.Shadow{s}, Bills: []reseller.Bill{b}})
					}
				}
			},
		},
		{
			ID: "EXACT-6", Name: "times and dates",
			Text: "Instants come back to the microsecond, in UTC, from the year 1 to 9999; dates exactly, and none as none; so do periods.",
			Why:  "A date that goes through an instant of a time zone is a day off somewhere.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				zone := time.FixedZone("", -5*3600)
				for i, at := range []time.Time{
					now(), now().In(zone), time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
					time.Date(9999, 12, 30, 23, 59, 59, 999_999_000, zone), time.Date(2024, 2, 29, 0, 0, 0, 1000, time.UTC),
				} {
					s, b := shadow(acme, 1, 5, 1), bill(acme, i, "at", 1)
					s.Recorded, b.Recorded = at, at
					checkRows(t, st, "at "+at.String(), &reseller.Batch{Shadows: []*reseller.Shadow{s}, Bills: []reseller.Bill{b}})
				}
				for _, d := range []billing.Date{
					{}, billing.NewDate(1, 1, 1), billing.NewDate(1582, 10, 10), billing.NewDate(1970, 1, 1), billing.NewDate(2024, 2, 29), billing.NewDate(9999, 12, 31),
				} {
					s, m := shadow(acme, 1, 5, 1), transfer(1, reseller.TransferWaiting)
					s.Date, s.From, s.To = d, d, d
					s.Basis.Parts = []billing.UsagePart{{From: d, To: d}}
					m.Requested, m.Ended, m.Period = d, d, billing.Days(30)
					b := &reseller.Batch{
						Shadows: []*reseller.Shadow{s}, Books: []reseller.Books{{Seller: acme, Through: d}}, Transfers: []reseller.Transfer{m},
						Stocks: []reseller.Stock{{Seller: acme, Resource: "r", Returns: []reseller.Return{{On: d, Units: dec("1")}}}},
					}
					if !d.IsZero() {
						s.Day = d
						x := bill(acme, 0, "on", 1)
						x.Day = d
						b.Bills = []reseller.Bill{x}
					}
					checkRows(t, st, fmt.Sprintf("on %q", d), b)
				}
			},
		},
		{
			ID: "EXACT-7", Name: "texts",
			Text: "Texts come back byte by byte: any script, quotes, spaces at the ends, thousands of letters; keys that differ in one byte are different.",
			Why:  "Customers are called O'Hara, Łukasz and 株式会社.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				for i, text := range []string{
					"O'Hara", `"quoted" \ back\\slash`, " spaces at the ends ", "\ttab\nand line\r\n", "Łukasz", "株式会社", "🙂👩‍👩‍👧", "e\u0301", "é", "%_?$1:x",
					"null", "NULL", "İıſK", "\u200f\u202e", "{}", strings.Repeat("long ünicode ", 100),
				} {
					seller, resource := billing.SellerID("s"+text), billing.ResourceID(text)
					put(t, st, billing.CatalogChange{Sellers: []billing.Seller{{ID: seller, Currency: usd()}}})
					s := shadow(seller, 1, 5, 1)
					s.Resource, s.Plan, s.Basis.Plan = resource, billing.PlanID(text), billing.PlanID(text)
					m := transfer(billing.AccountID(i+1), reseller.TransferFailed)
					m.From, m.To, m.Name, m.Plan, m.Reason, m.By = seller, seller+"2", text, billing.PlanID(text), text, billing.Actor{Role: billing.RoleHost, Name: text}
					hold := holding(seller, 1, resource, 1)
					hold.List, hold.Limits = reseller.List{Plan: billing.PlanID(text), Version: 1}, []reseller.Limit{{List: reseller.List{Plan: billing.PlanID(text), Version: 2}}}
					checkRows(t, st, fmt.Sprintf("with %.30q", text), &reseller.Batch{
						Holdings: []reseller.Holding{hold}, Stocks: []reseller.Stock{stock(seller, resource, int64(i))}, Books: []reseller.Books{books(seller, i)},
						Shadows: []*reseller.Shadow{s}, Bills: []reseller.Bill{bill(seller, 1, resource, 1)}, Transfers: []reseller.Transfer{m},
					})
				}
			},
		},
		{
			ID: "EXACT-8", Name: "large numbers",
			Text: "IDs, numbers and counts come back over the whole range of int64, versions over that of int32; lists of any length in their order.",
			Why:  "A counter in 32 bits works for years.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h)
				const huge = math.MaxInt64 - 10
				s, b, m := shadow(acme, huge, 5, 1), bill(acme, 5, "mailbox", 1), transfer(huge, reseller.TransferDone)
				s.Entry, s.PlanVersion = huge+1, math.MaxInt32
				b.Shadows, b.Account, b.Document, b.Entry = huge, huge+1, huge+2, huge+3
				m.Opened = huge + 4
				hold, k := holding(acme, huge, "mailbox", 1), stock(acme, "mailbox", 1)
				hold.List.Version = math.MaxInt32
				for i := range 100 {
					hold.Limits = append(hold.Limits, reseller.Limit{Stretch: 99 - i, Units: decimal.New(int64(i), -1), List: reseller.List{Plan: "gold", Version: i}})
					k.Returns = append(k.Returns, reseller.Return{On: day(i), Units: decimal.New(int64(100-i), -1)})
				}
				checkRows(t, st, "with large numbers", &reseller.Batch{
					Holdings: []reseller.Holding{hold}, Stocks: []reseller.Stock{k}, Shadows: []*reseller.Shadow{s}, Bills: []reseller.Bill{b}, Transfers: []reseller.Transfer{m},
				})
			},
		},
	}
}
