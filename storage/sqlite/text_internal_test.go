package sqlite

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

func TestDateText(t *testing.T) {
	t.Parallel()
	// Every day of four centuries, after which the calendar repeats, and its ends.
	first, last := billing.NewDate(1, 1, 1), billing.NewDate(9999, 12, 31)
	days := []billing.Date{first, last}
	for d := billing.NewDate(1900, 1, 1); d.Before(billing.NewDate(2300, 3, 1)); d = d.AddDays(1) {
		days = append(days, d)
	}
	for _, d := range days {
		text := string(appendDate(nil, d))
		if text != d.String() {
			t.Fatalf("day %d is written %s, not %s", d.Days(), text, d)
		}
		if back, err := parseDate(text); err != nil || back != d {
			t.Fatalf("%s is read as %s, %v", text, back, err)
		}
	}
	for _, s := range []string{"", "2030", "2030-02-30", "2030-13-01", "2030-00-10", "2030-01-00", "0000-12-31", "2030/01/01", "2030-1-011", "2030-01-1x"} {
		_, err := parseDate(s)
		require.Error(t, err, s)
	}
}

func TestDecimalText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]decimal.Decimal{
		"0":                      decimal.New(0, 5),
		"7":                      decimal.New(7, 0),
		"-12.50":                 decimal.New(-1250, -2),
		"0.05":                   decimal.New(5, -2),
		"-0.000000000000000001":  decimal.New(-1, -18),
		"5000000":                decimal.New(5, 6),
		"5e7":                    decimal.New(5, 7),
		"1e-19":                  decimal.New(1, -19),
		"123456789012345678":     decimal.New(123456789012345678, 0),
		"1234567890123456789e-3": decimal.New(1234567890123456789, -3),
		"-9223372036854775808":   decimal.New(math.MinInt64, 0),
	} {
		require.Equal(t, text, string(appendDecimal(nil, want)))
		got, err := parseDecimal(text)
		require.NoError(t, err, text)
		require.True(t, got.Equal(want), text)
	}
	for _, s := range []string{"-", "1.2.3", "x", "1e"} {
		_, err := parseDecimal(s)
		require.Error(t, err, s)
	}
}

func TestDecimalTextIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, exponent := rapid.Int64().Draw(t, "n"), rapid.Int32Range(-40, 40).Draw(t, "exponent")
		d := decimal.New(n, exponent)
		if rapid.Bool().Draw(t, "big") {
			d = d.Mul(decimal.New(rapid.Int64().Draw(t, "m"), 0))
		}
		text := string(appendDecimal(nil, d))
		back, err := parseDecimal(text)
		if err != nil || !back.Equal(d) {
			t.Fatalf("%s e%d: written %q, read %s, %v", d, exponent, text, back, err)
		}
	})
}

func TestRatText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		num, den := rapid.Int64().Draw(t, "num"), rapid.Int64Min(1).Draw(t, "den")
		r, err := money.RatFrac(num, den)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "big") {
			r = r.Mul(money.RatInt(math.MaxInt64))
		}
		back, err := parseRat(r.String())
		if err != nil || !back.Equal(r) {
			t.Fatalf("%s: read %s, %v", r, back, err)
		}
	})
	for _, s := range []string{"", "x", "1/0", "1/-2", "1/"} {
		_, err := parseRat(s)
		require.Error(t, err, s)
	}
	b := &binder{}
	huge, _ := money.RatFrac(1, 3)
	for range 10 {
		huge = huge.Mul(huge)
	}
	b.start().rat(huge)
	require.Error(t, b.err, "a number that could not be read back must not be written")
}

func TestCurrencyText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]money.Currency{
		"": {}, "USD:2": {Code: "USD", Exponent: 2}, "JPY:0": {Code: "JPY"}, "CREDITS:18": {Code: "CREDITS", Exponent: 18},
	} {
		require.Equal(t, text, string(appendCurrency(nil, want)))
		got, err := parseCurrency(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, s := range []string{"USD", "USD:x", "USD:999"} {
		_, err := parseCurrency(s)
		require.Error(t, err, s)
	}
}

func TestInstantIsKeptToTheMicrosecond(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		{}, time.Date(2030, 6, 15, 12, 0, 0, 123456789, time.FixedZone("", 3600)), time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC),
	} {
		got := instant(micros(at))
		require.True(t, got.Equal(at.Truncate(time.Microsecond)), "%s is read as %s", at, got)
		require.Equal(t, time.UTC, got.Location())
	}
}

// fill sets every field of v, also nested ones, to something that is not zero.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch v.Interface().(type) {
	case decimal.Decimal:
		v.Set(reflect.ValueOf(decimal.New(int64(1000+*n), -2)))
		return
	case money.Rat:
		r, err := money.RatFrac(int64(1000+*n), 7)
		require.NoError(t, err)
		v.Set(reflect.ValueOf(r))
		return
	case money.Money:
		v.Set(reflect.ValueOf(money.FromMinor(int64(1000+*n), money.Currency{Code: "USD", Exponent: 2})))
		return
	case money.Rounding:
		v.Set(reflect.ValueOf(money.Floor))
		return
	case billing.Date:
		v.Set(reflect.ValueOf(billing.NewDate(2030, 1, 1).AddDays(*n)))
		return
	case billing.Period:
		v.Set(reflect.ValueOf(billing.Months(1 + *n%100)))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2030, 1, 1, 0, 0, *n, 5000, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.String:
		v.SetString("text \"<" + string(rune('a'+*n%26)) + ">\" é")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n))
	default:
		t.Fatalf("a field of kind %s: teach this test about it", v.Kind())
	}
}

// equal compares as the rows do: numbers by value.
func equal(a, b reflect.Value) bool {
	switch x := a.Interface().(type) {
	case decimal.Decimal:
		return x.Equal(b.Interface().(decimal.Decimal))
	case money.Rat:
		return x.Equal(b.Interface().(money.Rat))
	case money.Money:
		return x.Equal(b.Interface().(money.Money))
	case time.Time:
		return x.Equal(b.Interface().(time.Time))
	}
	switch a.Kind() {
	case reflect.Struct:
		exported := 0
		for i := range a.NumField() {
			if !a.Type().Field(i).IsExported() {
				continue
			}
			if exported++; !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return exported > 0 || a.Interface() == b.Interface()
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return equal(a.Elem(), b.Elem())
	}
	return a.Interface() == b.Interface()
}

func requireSame(t *testing.T, want, got any) {
	t.Helper()
	if !equal(reflect.ValueOf(want), reflect.ValueOf(got)) {
		t.Fatalf("it does not come back as it was written:\n got %+v\nwant %+v", got, want)
	}
}

func TestBasisKeepsEveryField(t *testing.T) {
	t.Parallel()
	var full billing.Basis
	n := 0
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	half := full
	half.Parts, half.Held, half.Rounding, half.Capped = nil, decimal.Decimal{}, 0, false
	for _, x := range []billing.Basis{{}, full, half, {Cause: billing.CauseManual}} {
		text := basisText{}
		text.basis(&x)
		require.NoError(t, text.err)
		want, err := json.Marshal(x)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(text.b), "a field was added that basisText does not write?")
		got, err := parseBasis(string(text.b))
		require.NoError(t, err)
		requireSame(t, x, got)
	}
}

func TestListsAreJSON(t *testing.T) {
	t.Parallel()
	on := billing.NewDate(2030, 6, 15)
	check := func(text []byte, list any) {
		t.Helper()
		want, err := json.Marshal(list)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(text))
	}
	odd := `a "quoted" <name> \ é` + "\n"
	stretches := []billing.Stretch{{From: on, Plan: "gold", Version: 3}, {Plan: billing.PlanID(odd), Version: -1}}
	for _, list := range [][]billing.Stretch{stretches, stretches[:1]} {
		text := appendStretches(nil, list)
		check(text, list)
		got, err := parseStretches(string(text))
		require.NoError(t, err)
		require.Equal(t, list, got)
	}
	totals := []billing.TaxTotal{{Name: "VAT", Minor: -300}, {Name: odd, Minor: math.MaxInt64}}
	for _, list := range [][]billing.TaxTotal{totals, totals[:1]} {
		text := appendTaxTotals(nil, list)
		check(text, list)
		got, err := parseTaxTotals(string(text))
		require.NoError(t, err)
		require.Equal(t, list, got)
	}
	limits := []decimal.Decimal{decimal.New(15, -1), {}, decimal.New(-3, 30)}
	got, err := parseLimits(string(appendLimits(nil, limits)))
	require.NoError(t, err)
	requireSame(t, limits, got)
	promotions := []billing.Promotion{{Code: odd, Percent: decimal.New(125, -1), Setup: true, Recurring: true, Usage: true, Until: on}, {Code: "x"}}
	check(appendPromotions(nil, promotions), promotions)
	taxes := []billing.Tax{{Name: odd, Percent: decimal.New(21, 0)}}
	check(appendTaxes(nil, taxes), taxes)
	check(appendPlanIDs(nil, []billing.PlanID{"a", billing.PlanID(odd)}), []string{"a", odd})
	require.Empty(t, appendStretches(nil, nil), "an empty list is NULL")
}

func TestListsOfOthersAreRead(t *testing.T) {
	t.Parallel()
	got, err := parseStretches(`[ {"version": 3, "plan": "gold", "from": "2030-06-15"} ]`)
	require.NoError(t, err)
	require.Equal(t, []billing.Stretch{{From: billing.NewDate(2030, 6, 15), Plan: "gold", Version: 3}}, got)
	for _, s := range []string{`[`, `[{"from":"2030-06-15","plan":"gold","version":3}`, `{}`, `[{"from":"x"}]`} {
		_, err := parseStretches(s)
		require.Error(t, err, s)
	}
	limits, err := parseLimits(`[1.5, "2"]`)
	require.NoError(t, err)
	requireSame(t, []decimal.Decimal{decimal.New(15, -1), decimal.New(2, 0)}, limits)
	totals, err := parseTaxTotals(`[{"minor":1,"name":"VAT"}]`)
	require.NoError(t, err)
	require.Equal(t, []billing.TaxTotal{{Name: "VAT", Minor: 1}}, totals)
}

func TestMinorUnits(t *testing.T) {
	t.Parallel()
	usd := money.Currency{Code: "USD", Exponent: 2}
	for _, m := range []money.Money{money.FromMinor(-1250, usd), money.FromMinor(math.MinInt64, usd), money.Zero(usd)} {
		want, err := m.Minor()
		require.NoError(t, err)
		got, err := minorUnits(m)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	fraction, err := money.New(decimal.New(1, -3), usd)
	require.NoError(t, err)
	_, err = minorUnits(fraction)
	require.Error(t, err)
}
