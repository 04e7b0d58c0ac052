package billingtest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// exactRules are about values that come back as they were written.
func exactRules() []Rule {
	return []Rule{
		{
			ID: "EXACT-1", Name: "every field",
			Text:  "Every field of every row comes back as it was written.",
			Why:   "A field that a store forgets costs somebody money a month later.",
			Check: checkEveryField,
		},
		{
			ID: "EXACT-2", Name: "empty fields",
			Text:  "Rows with nothing but what identifies them come back with all other fields zero; no amount is not an amount of 0, a missing limit not 0.",
			Why:   "A credit limit of 0 is another one than none; adding to no amount is an error, adding to 0 is not.",
			Check: checkEmptyFields,
		},
		{
			ID: "EXACT-3", Name: "quantities",
			Text: "Quantities and percents come back exactly equal, whatever their size and sign.",
			Why:  "A store that keeps them as floats bills 0.30000000000000004 units.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				big := strings.Repeat("9", 40)
				for i, text := range []string{
					"0", "1", "-1", "0.1", "0.30", "0.000001", "-0.000000000000000000000001", "123456789.123456789", "1" + strings.Repeat("0", 30),
					big, "-" + big, big + "." + strings.Repeat("9", 20), "0." + strings.Repeat("0", 30) + "1", "33.333333333333333333",
				} {
					d := dec(text)
					hold := billing.Holding{
						Account: 1, Resource: "r", Quantity: d, Paid: d, Top: d, Limits: []decimal.Decimal{d, d.Neg()}, SetupUnits: d, TrialUse: d,
					}
					e := entry(1, int64(i+1), 1)
					e.Quantity, e.Basis.Held, e.Basis.Free, e.Basis.Percent = d, d, d, d
					e.Basis.Parts = []billing.UsagePart{{Limit: d}}
					u := usage(1, "r", "")
					u.Amount = d
					a := account(1, host)
					a.Version, a.RefundPercent, a.CreditLimit = int64(i+2), d, &d
					a.Promotions = []billing.Promotion{{Code: "p", Percent: d}}
					plan := billing.PlanVersion{Seller: host, Plan: "p", Version: i + 1, Published: now(), Terms: billing.Terms{
						CreditLimit: d, RefundPercent: &d, Resources: []billing.Line{{Resource: "r", Free: d, Max: &d, AtSignup: d, Prices: billing.Prices{Setup: &d}}},
					}}
					put(t, st, billing.CatalogChange{Versions: []billing.PlanVersion{plan}, Resources: []billing.Resource{{ID: billing.ResourceID(fmt.Sprint("r", i)), Step: d}}})
					checkRows(t, st, "with "+text, &billing.Batch{
						Accounts: []billing.Account{a}, Holdings: []billing.Holding{hold}, Entries: []billing.Entry{e}, Usage: []*billing.UsageRecord{u},
					})
					got := read(t, st, func(ctx context.Context, rows billing.Rows) (billing.PlanVersion, error) {
						return rows.PlanVersion(ctx, host, "p", i+1)
					})
					t.Equal(got, plan, "plan version with %s", text)
				}
			},
		},
		{
			ID: "EXACT-4", Name: "fractions",
			Text: "money.Rat values come back exactly equal: fractions without finite decimals, and far beyond 64 bits.",
			Why:  "Entries are rounded on running totals; a total that loses its last digit makes an entry of a cent.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				huge, ok := decimal.NewFromString("1" + strings.Repeat("0", 60))
				if ok != nil {
					t.Fatalf("a mistake in the suite: %v", ok)
				}
				n := money.RatOf(huge).Add(money.RatInt(7))
				small, err := money.RatInt(1).Quo(money.RatOf(huge).Add(money.RatInt(3)))
				t.OK(err, "make a small fraction")
				for i, r := range []money.Rat{
					{}, money.RatInt(1), money.RatInt(-7), frac(1, 3), frac(-22, 7), frac(1, math.MaxInt64), frac(math.MaxInt64, math.MaxInt64-1),
					money.RatInt(math.MinInt64), n, n.Neg(), small, small.Neg(), n.Mul(frac(1, 3)), n.Mul(small),
				} {
					hold := billing.Holding{
						Account: 1, Resource: "r", SetupPaid: r, SetupTotal: r, SetupDiscount: r.Neg(), RecurringTotal: r, RecurringDiscount: r.Neg(),
					}
					e := entry(1, int64(i+1), 1)
					e.Basis = billing.Basis{Cause: billing.CauseRise, Units: r, UnitPrice: r, Factor: r, Of: r, Exact: r, Before: r, Parts: []billing.UsagePart{
						{Used: r, Counted: r, UnitPrice: r, Over: r}, {Used: r.Neg()},
					}}
					checkRows(t, st, "with "+r.String(), &billing.Batch{Holdings: []billing.Holding{hold}, Entries: []billing.Entry{e}})
				}
			},
		},
		{
			ID: "EXACT-5", Name: "amounts",
			Text: "Amounts come back exactly, with their currency and its digits: ISO currencies of 0, 2, 3 and 4 digits and a host's own of up to 18, any int64 of minor units.",
			Why:  "10 JPY are not 0.10; credits of one host have three digits, of another eight.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				var id billing.AccountID
				for _, c := range []money.Currency{
					{Code: "USD", Exponent: 2}, {Code: "JPY"}, {Code: "KWD", Exponent: 3}, {Code: "CLF", Exponent: 4},
					{Code: "CREDITS"}, {Code: "POINTS", Exponent: 3}, {Code: "COIN-1.A_B", Exponent: 8}, {Code: "X123456789ABCDEF", Exponent: 18},
				} {
					seller := billing.Seller{ID: billing.SellerID("in " + c.Code), Currency: c}
					put(t, st, billing.CatalogChange{Sellers: []billing.Seller{seller}})
					got := read(t, st, func(ctx context.Context, rows billing.Rows) (billing.Seller, error) {
						return rows.Seller(ctx, seller.ID)
					})
					t.Equal(got, seller, "seller")
					for _, minor := range []int64{0, 1, -1, 5, 99, 100, -123456789, math.MaxInt64, math.MinInt64 + 1} {
						id++
						m := money.FromMinor(minor, c)
						a := account(id, seller.ID)
						a.Balance, a.LastRun = m, m
						e := entry(id, 1, 0)
						e.Seller, e.Amount = seller.ID, m
						d := documentOf(seller.ID, id, 1, billing.Invoice)
						d.Net, d.Tax, d.Total = m, money.Zero(c), m
						what := fmt.Sprintf("with %d minor units of %s", minor, conformance.Text(c))
						checkRows(t, st, what, &billing.Batch{
							Accounts: []billing.Account{a}, Entries: []billing.Entry{e}, Documents: []*billing.Document{d},
						})
						sum := read(t, st, func(ctx context.Context, rows billing.Rows) (int64, error) { return rows.Sum(ctx, id, billing.Date{}) })
						t.Equal(sum, minor, "sum of entries %s", what)
						debt := read(t, st, func(ctx context.Context, rows billing.Rows) ([]billing.Account, error) {
							return rows.Accounts(ctx, billing.AccountQuery{Seller: seller.ID, InDebt: true}, id-1, 1)
						})
						if inDebt := len(debt) == 1 && debt[0].ID == id; inDebt != (minor < 0) {
							t.Errorf("an account %s is in debt: %v", what, inDebt)
						}
					}
				}
			},
		},
		{
			ID: "EXACT-6", Name: "instants",
			Text: "Times come back to the microsecond and in UTC, whatever zone they were given in.",
			Why:  "A day has its border at midnight of the seller; a time that moved by its offset moves a charge to another day.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				for i, at := range []time.Time{
					now(), now().Add(time.Microsecond), now().In(time.FixedZone("", 13*3600)), time.Date(2030, 3, 31, 2, 30, 0, 999_999_000, time.FixedZone("", -9*3600)),
					time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Unix(0, 0),
				} {
					e, d, u := entry(1, int64(i+1), 1), document(1, int64(i+1)), usage(1, "r", "")
					e.Recorded, d.Recorded, u.Recorded = at, at, at
					k := key("account/1", "set", fmt.Sprint(i), 1)
					k.Recorded = at
					v := billing.PlanVersion{Seller: host, Plan: "p", Version: i + 1, Published: at}
					put(t, st, billing.CatalogChange{Versions: []billing.PlanVersion{v}})
					checkRows(t, st, "at "+at.String(), &billing.Batch{
						Entries: []billing.Entry{e}, Documents: []*billing.Document{d}, Usage: []*billing.UsageRecord{u}, Keys: []billing.Key{k},
					})
					got := read(t, st, func(ctx context.Context, rows billing.Rows) (billing.PlanVersion, error) {
						return rows.PlanVersion(ctx, host, "p", i+1)
					})
					t.Equal(got.Published, at.UTC(), "instant of a plan version")
				}
			},
		},
		{
			ID: "EXACT-7", Name: "dates and periods",
			Text: "Dates come back exactly, from the first day of year 1 to the last of 9999, and none as none; so do periods of any length.",
			Why:  "A date that goes through an instant of a time zone is a day off somewhere.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 1)
				dates := []billing.Date{
					{}, billing.NewDate(1, 1, 1), billing.NewDate(1582, 10, 10), billing.NewDate(1899, 12, 31), billing.NewDate(1970, 1, 1),
					billing.NewDate(2000, 2, 29), billing.NewDate(2024, 2, 29), billing.NewDate(2030, 3, 31), billing.NewDate(9999, 12, 31),
				}
				lengths := []billing.Period{
					{}, billing.Months(1), billing.Months(12), billing.Months(1200), billing.Days(1), billing.Days(7), billing.Days(30), billing.Days(3660), billing.Months(30),
				}
				for i, d := range dates {
					n := int64(i + 1)
					a := account(1, host)
					a.Version = n + 1
					a.SignedUp, a.Activated, a.Anchor, a.Closed, a.Next, a.TrialEnds, a.LastRunOn = d, d, d, d, d, d, d
					a.PeriodFrom, a.PeriodTo, a.MonthFrom, a.MonthTo = d, d, d, d
					a.Period, a.PendingPeriod = lengths[i], lengths[len(lengths)-1-i]
					a.Promotions = []billing.Promotion{{Code: "p", Until: d}}
					a.Stretches = []billing.Stretch{{From: d, Plan: "p", Version: 1}}
					e, doc, u, p := entry(1, n, 1), document(1, n), usage(1, "r", ""), period(1, n)
					e.Date, e.From, e.To, e.Basis.Period, e.Basis.Parts = d, d, d, lengths[i], []billing.UsagePart{{From: d, To: d}}
					doc.Date, doc.Issued = d, d
					u.Day = d
					p.From, p.To, p.Period = d, d, lengths[i]
					checkRows(t, st, fmt.Sprintf("on %q for %q", d, lengths[i]), &billing.Batch{
						Accounts: []billing.Account{a}, Entries: []billing.Entry{e}, Documents: []*billing.Document{doc},
						Usage: []*billing.UsageRecord{u}, Periods: []billing.PeriodRow{p},
					})
				}
			},
		},
		{
			ID: "EXACT-8", Name: "texts",
			Text: "Texts come back byte by byte: any script, quotes, spaces at the ends, thousands of letters; names that differ in one byte are different.",
			Why:  "Customers are called O'Hara, Łukasz and 株式会社.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				var id billing.AccountID
				for i, text := range []string{
					"O'Hara", `"quoted" \ back\\slash`, " spaces at the ends ", "\ttab\nand line\r\n", "Łukasz", "株式会社", "🙂👩‍👩‍👧", "e\u0301", "é", "%_?$1:x",
					"null", "NULL", "", "İıſK", "ﬀ", "\u200f\u202e", strings.Repeat("long ünicode ", 500),
				} {
					id++
					a := account(id, host)
					a.Name, a.Parked = text+" ", billing.Parking{Code: "code", Reason: text, On: day(1)}
					a.Suspension = billing.Suspension{Reason: billing.ReasonHost, By: billing.Actor{Name: text}, On: day(1), Note: text}
					a.Exemption, a.Promotions = billing.Exemption{Code: text}, []billing.Promotion{{Code: text}}
					a.TaxCharged, a.Plan = []billing.TaxTotal{{Name: text, Minor: 1}}, billing.PlanID(text)
					e := entry(id, 1, 1)
					e.Reference, e.Resource, e.Basis.Plan = text, billing.ResourceID(text), billing.PlanID(text)
					u := usage(id, billing.ResourceID(text), text+"k")
					k := key("account/"+text, text, text+"k", id)
					what := fmt.Sprintf("with %.30q", text)
					checkRows(t, st, what, &billing.Batch{
						Accounts: []billing.Account{a}, Entries: []billing.Entry{e}, Keys: []billing.Key{k}, Usage: []*billing.UsageRecord{u},
						Holdings: []billing.Holding{holding(id, billing.ResourceID(text), 1)},
					})
					got := load(t, st, billing.LoadQuery{
						IDs: []billing.AccountID{id}, Seller: host, Name: a.Name, UsageResource: u.Resource, UsageKey: u.Key,
					})
					t.Equal(got.Named, id, "account found by its name %s", what)
					t.Equal(got.Keyed, u, "usage found by its key %s", what)
					s := billing.Seller{ID: billing.SellerID("s" + text), Name: text, Currency: usd(), TimeZone: text, Taxes: []billing.Tax{{Name: text}}}
					p := billing.Plan{Seller: s.ID, ID: billing.PlanID("p" + text), Name: text, Group: text, From: []billing.PlanID{billing.PlanID(text)}, Latest: i}
					put(t, st, billing.CatalogChange{Sellers: []billing.Seller{s}, Plans: []billing.Plan{p}})
					t.OK(view(t.Context(), st, func(ctx context.Context, rows billing.Rows) error {
						gotSeller, err := rows.Seller(ctx, s.ID)
						if err != nil {
							return err
						}
						t.Equal(gotSeller, s, "seller %s", what)
						gotPlan, err := rows.Plan(ctx, s.ID, p.ID)
						t.Equal(gotPlan, p, "plan %s", what)
						return err
					}), "View")
				}
			},
		},
		{
			ID: "EXACT-9", Name: "large numbers",
			Text: "Row numbers and counters come back over the whole range of int64.",
			Why:  "A counter in 32 bits works for years.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				const huge = math.MaxInt64 - 10
				a := account(huge, host)
				a.PlanVersion, a.PendingVersion, a.MoneyBackDays = math.MaxInt32, math.MaxInt32, math.MaxInt32
				a.EntrySeq, a.DocumentSeq, a.PeriodSeq, a.MeterScan, a.MeterSeen = huge, huge, huge, huge, huge
				a.TaxCharged = []billing.TaxTotal{{Name: "VAT", Minor: math.MinInt64}, {Name: "GST", Minor: math.MaxInt64}}
				e, d, p, hold := entry(huge, huge, 1), document(huge, huge), period(huge, huge), holding(huge, "r", 1)
				e.Document, e.Corrects, hold.Kept = huge, huge-1, math.MinInt64
				d.FirstEntry, d.LastEntry = huge-1, huge
				k := key("account/1", "set", "k", huge)
				k.EntryAfter, k.EntryLast, k.DocumentAfter, k.DocumentLast = huge, huge, huge, huge
				k.Fingerprint = make([]byte, 256)
				for i := range k.Fingerprint {
					k.Fingerprint[i] = byte(i)
				}
				checkRows(t, st, "with large numbers", &billing.Batch{
					Accounts: []billing.Account{a}, Entries: []billing.Entry{e}, Documents: []*billing.Document{d}, Periods: []billing.PeriodRow{p},
					Holdings: []billing.Holding{hold}, Keys: []billing.Key{k},
				})
			},
		},
		{
			ID: "EXACT-10", Name: "lists of accounts",
			Text: "Account.Above and UsageRecord.RolledUp come back in their order, however long they are and however large the IDs; so do Sells, Cause and Source, whether the others are there or not.",
			Why:  "An account that has lost the first of those above it is nobody's customer.",
			Check: func(t *conformance.T, h Harness) {
				st := open(t, h, 0)
				const huge = math.MaxInt64 - 100
				long := make([]billing.AccountID, 40)
				for i := range long {
					long[i] = billing.AccountID(i*i*i*i + 1)
				}
				for i, list := range [][]billing.AccountID{nil, {1}, {1, 2}, {9, 10, 11}, {99, 100, 1000}, long, {1, math.MaxInt32, math.MaxInt32 + 1}, {huge - 2, huge - 1}} {
					a := account(billing.AccountID(huge+i), host)
					a.Above, a.Suspension.Cause = list, billing.AccountID(i)
					twin := account(billing.AccountID(huge+50+i), host)
					twin.Above, twin.Sells = list, billing.SellerID(fmt.Sprint("O'Łukasz, ", i))
					u, source := usage(a.ID, "r", ""), usage(twin.ID, "r", fmt.Sprint(i))
					u.RolledUp, source.RolledUp, source.Source = list, list, billing.AccountID(huge+i)
					what := fmt.Sprintf("with %v", list)
					checkRows(t, st, what, &billing.Batch{Accounts: []billing.Account{a, twin}, Usage: []*billing.UsageRecord{u, source}})
					got := load(t, st, billing.LoadQuery{IDs: []billing.AccountID{twin.ID}, Usage: true, UsageResource: "r", UsageKey: source.Key, Above: billing.AboveRead, AboveToo: []billing.AccountID{a.ID}})
					t.Equal(got.Keyed, source, "usage found by its key %s", what)
					t.Equal(got.States, []billing.State{{Account: twin, Usage: []billing.UsageRecord{*source}}}, "state %s", what)
					t.Equal(got.Above, []billing.Account{a}, "account above %s", what)
					s := billing.Seller{ID: billing.SellerID(fmt.Sprint("s", i)), Parent: twin.Sells, Double: twin.ID, Currency: usd()}
					if i%2 == 0 {
						s.Parent = ""
					}
					if i%3 == 0 {
						s.Double = 0
					}
					put(t, st, billing.CatalogChange{Sellers: []billing.Seller{s}})
					t.Equal(read(t, st, func(ctx context.Context, rows billing.Rows) (billing.Seller, error) { return rows.Seller(ctx, s.ID) }), s, "seller %d", i)
				}
			},
		},
	}
}
