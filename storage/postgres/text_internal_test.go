package postgres

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// fill sets every field of a value to something, so that a field that is added to a row
// and forgotten here makes a test fail.
func fill(v reflect.Value, r *rand.Rand, zero float64) {
	if r.Float64() < zero {
		return
	}
	switch v.Interface().(type) {
	case decimal.Decimal:
		d := decimal.New(r.Int64N(2e9)-1e9, int32(r.IntN(12))-8)
		if r.IntN(8) == 0 {
			d = d.Mul(decimal.New(r.Int64(), 9))
		}
		v.Set(reflect.ValueOf(d))
		return
	case money.Rat:
		n, err := money.RatFrac(r.Int64N(2e12)-1e12, r.Int64N(9999)+1)
		if err != nil {
			panic(err)
		}
		v.Set(reflect.ValueOf(n))
		return
	case billing.Date:
		v.Set(reflect.ValueOf(billing.NewDate(1+r.IntN(9999), time.Month(1+r.IntN(12)), 1+r.IntN(28))))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMicro(r.Int64N(4e15)).UTC()))
		return
	case money.Currency:
		v.Set(reflect.ValueOf(money.Currency{Code: "EUR", Exponent: 2}))
		return
	case billing.Period:
		v.Set(reflect.ValueOf([]billing.Period{billing.Months(1 + r.IntN(1200)), billing.Days(1 + r.IntN(3660))}[r.IntN(2)]))
		return
	case money.Rounding:
		v.Set(reflect.ValueOf(money.Rounding(r.IntN(7))))
		return
	case money.Money:
		v.Set(reflect.ValueOf(money.FromMinor(r.Int64(), money.Currency{Code: "USD", Exponent: 2})))
		return
	}
	switch v.Kind() {
	case reflect.String:
		texts := []string{"plan", "ü ☃", "a\"b\\c", "<a&b>", "line\nbreak\t", "\u2028", "vat"}
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64N(1e15) - 5e14)
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		for i := range v.Len() {
			fill(v.Index(i), r, 0)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), r, 0)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r, zero)
		}
	default:
		panic("no filling for " + v.Type().String())
	}
}

func TestJSONIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var x billing.Basis
		fill(reflect.ValueOf(&x).Elem(), r, 0.3)
		want, err := json.Marshal(x)
		require.NoError(t, err)
		got, err := appendBasis(nil, &x)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))

		checkList(t, r, appendStretch, (*cursor).stretch)
		checkList(t, r, appendTaxTotal, (*cursor).taxTotal)
		checkList(t, r, appendPromotion, nil)
		checkList(t, r, appendLimit, nil)
		checkList(t, r, appendUnits, nil)
		checkList(t, r, appendReturn, nil)
	}
}

// checkList compares our writer and reader of a list with encoding/json.
func checkList[T any](t *testing.T, r *rand.Rand, write func([]byte, *T) []byte, parse func(*cursor, *T)) {
	t.Helper()
	items := []T{}
	fill(reflect.ValueOf(&items).Elem(), r, 0.1)
	want, err := json.Marshal(items)
	require.NoError(t, err)
	text := appendList(nil, items, write)
	require.Equal(t, string(want), string(text))
	if parse == nil {
		return
	}
	s := scan{values: [][]byte{text}}
	require.Equal(t, items, readList(&s, parse))
	require.NoError(t, s.err)
}

func TestListsByOtherHands(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]billing.Stretch{
		`[ ]`:                                {},
		`[{"plan":"p","from":"2030-01-02"}]`: {{Plan: "p", From: billing.NewDate(2030, 1, 2)}},
		`[{"from":"","plan":"a\u0062","version":-1}]`:          {{Plan: "ab", Version: -1}},
		`[{"from":"2030-01-02","plan":"p","version":1} ]`:      {{Plan: "p", From: billing.NewDate(2030, 1, 2), Version: 1}},
		`[{"from":"2030-01-02","plan":"p","version":1,"x":1}]`: {{Plan: "p", From: billing.NewDate(2030, 1, 2), Version: 1}},
	} {
		s := scan{values: [][]byte{[]byte(text)}}
		require.Equal(t, want, readList(&s, (*cursor).stretch), text)
		require.NoError(t, s.err, text)
	}
	for _, text := range []string{``, `[`, `[{`, `{}`, `[{"from":"2030-13-02","plan":"p","version":1}]`, `[]]`, `[{"from":"2030-01-02","plan":"p","version":99999999999999999999}]`} {
		s := scan{values: [][]byte{[]byte(text)}}
		readList(&s, (*cursor).stretch)
		require.Error(t, s.err, text)
	}
}

func TestDecimalText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecimal(t)
		text := string(appendDecimal(nil, d))
		require.Equal(t, d.String(), text)
		back, err := decimal.NewFromString(text)
		require.NoError(t, err)
		require.True(t, back.Equal(d))
	})
}

func TestNumeric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := anyDecimal(t)
		short, err := appendNumeric(nil, d)
		require.NoError(t, err)
		if !d.IsZero() {
			long, err := appendBigNumeric(nil, d)
			require.NoError(t, err)
			require.Equal(t, long, short)
		}
		back, err := parseNumeric(short)
		require.NoError(t, err)
		require.True(t, back.Equal(d), "%s came back as %s", d, back)
		require.LessOrEqual(t, -back.Exponent(), max(0, -d.Exponent()))
	})
	for _, d := range []decimal.Decimal{decimal.New(1, -16384), decimal.New(1, 131072), decimal.New(11, 131071)} {
		_, err := appendNumeric(nil, d)
		require.ErrorIs(t, err, errNumeric)
	}
	for _, b := range [][]byte{nil, {0, 0, 0}, {0, 1, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0xc0, 0, 0, 0}} {
		_, err := parseNumeric(b)
		require.Error(t, err, "%x", b)
	}
}

// anyDecimal draws numbers around the limits of the short forms, and a few long ones.
func anyDecimal(t *rapid.T) decimal.Decimal {
	d := decimal.New(rapid.Int64().Draw(t, "coefficient"), rapid.Int32Range(-24, 24).Draw(t, "exponent"))
	if rapid.Bool().Draw(t, "short") {
		d = decimal.New(d.CoefficientInt64()%1e6, d.Exponent())
	}
	if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
		d = d.Mul(decimal.New(rapid.Int64().Draw(t, "factor"), 0))
	}
	return d
}

func TestInstants(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Date(1999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(2030, 3, 31, 2, 30, 0, 1500, time.FixedZone("x", 3600)),
	} {
		require.Equal(t, at.UTC().Truncate(time.Microsecond), instantOf(micros(at)))
	}
}

// Each field of an account is either a figure or one of its terms.
func TestEveryFieldIsAFigureOrATerm(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	var a billing.Account
	fill(reflect.ValueOf(&a).Elem(), r, 0)
	require.True(t, sameTerms(&a, &a))
	fields := reflect.TypeFor[billing.Account]()
	for i := range fields.NumField() {
		b := a
		field := reflect.ValueOf(&b).Elem().Field(i)
		for reflect.DeepEqual(field.Interface(), reflect.ValueOf(a).Field(i).Interface()) {
			field.SetZero()
			fill(field, r, 0)
		}
		if sameTerms(&a, &b) {
			require.NotEqual(t, figuresOf(&a), figuresOf(&b), "a change of %s is not written", fields.Field(i).Name)
		}
	}
	b := a
	b.Balance, b.LastRun = money.FromMinor(1, money.Currency{Code: "EUR", Exponent: 2}), money.Money{}
	require.False(t, sameTerms(&a, &b), "another currency")
	b = a
	b.Promotions = append([]billing.Promotion{{Code: "more"}}, a.Promotions...)
	require.False(t, sameTerms(&a, &b), "another promotion")
}

// figuresOf returns what the update of figures would send.
func figuresOf(a *billing.Account) string {
	t := figureTable()
	var rs rowset
	rs.byRow(&t)
	rs.figures(a)
	return string(rs.bufs[0])
}

func TestValuesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	usd, eur := money.Currency{Code: "USD", Exponent: 2}, money.Currency{Code: "EUR", Exponent: 2}
	fraction, err := money.Parse("0.001", usd)
	require.NoError(t, err)
	long := money.RatInt(7)
	for range 10 {
		long = long.Mul(long)
	}
	for name, spoil := range map[string]func(e *billing.Entry){
		"fraction of a cent": func(e *billing.Entry) { e.Amount = fraction },
		"overflow":           func(e *billing.Entry) { e.Amount = money.FromMinor(1<<62, usd).Mul(decimal.New(4, 0)) },
		"digits":             func(e *billing.Entry) { e.Quantity = decimal.New(1, -20000) },
		"rat":                func(e *billing.Entry) { e.Basis.Exact = long },
		"rounding":           func(e *billing.Entry) { e.Basis.Rounding = 99 },
	} {
		e := billing.Entry{Amount: money.FromMinor(1, usd)}
		spoil(&e)
		table := entryTable()
		var rs rowset
		rs.byColumn(&table)
		rs.entry(&e)
		require.Error(t, rs.err, name)
	}
	table := documentTable()
	var rs rowset
	rs.byRow(&table)
	rs.document(&billing.Document{Net: money.FromMinor(1, usd), Tax: money.FromMinor(1, eur), Total: money.FromMinor(1, usd)})
	require.ErrorIs(t, rs.err, money.ErrCurrencyMismatch)
}
