package money

import (
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
)

func iso(t require.TestingT, code string) Currency {
	c, err := ISO(code)
	require.NoError(t, err)
	return c
}

func custom(t require.TestingT, code string, exponent int) Currency {
	c, err := Custom(code, exponent)
	require.NoError(t, err)
	return c
}

func amount(t require.TestingT, s, code string) Money {
	m, err := Parse(s, iso(t, code))
	require.NoError(t, err)
	return m
}

func TestISO(t *testing.T) {
	t.Parallel()
	all := slices.Collect(Currencies())
	assert.Len(t, all, 165)
	assert.True(t, slices.IsSortedFunc(all, func(a, b Currency) int { return strings.Compare(a.Code, b.Code) }))
	assert.Len(t, slices.Compact(slices.Clone(all)), len(all))
	digits := map[int8]string{}
	for _, c := range all {
		assert.Equal(t, c, iso(t, c.Code))
		assert.NoError(t, c.Validate())
		assert.True(t, c.IsISO())
		if c.Exponent != 2 {
			digits[c.Exponent] += c.Code + " "
		}
	}
	assert.Equal(t, map[int8]string{
		0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
		3: "BHD IQD JOD KWD LYD OMR TND ",
		4: "CLF UYW ",
	}, digits)
	for _, code := range []string{"", "usd", "US", "USDX", "XAU", "XXX", "HRK", "ANG", "DEM", "AAA", "ZZZ", "EDA"} {
		_, err := ISO(code)
		require.ErrorIs(t, err, ErrUnknownCurrency, code)
		require.ErrorIs(t, err, tierhost.ErrInvalid)
	}
	for c := range Currencies() {
		assert.Equal(t, "AED", c.Code)
		break
	}
}

func TestCustomCurrencies(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Currency{"CREDITS", 3}, custom(t, "CREDITS", 3))
	assert.Equal(t, iso(t, "USD"), custom(t, "USD", 2))
	for _, bad := range []Currency{
		{"USD", 3}, {"", 2}, {"credits", 2}, {"1A", 2}, {"A B", 2}, {"A/B", 2}, {"Ä", 2},
		{"ABCDEFGHIJKLMNOPQ", 2}, {"CREDITS", -1}, {"CREDITS", 19},
	} {
		_, err := Custom(bad.Code, int(bad.Exponent))
		require.ErrorIs(t, err, ErrUnknownCurrency, "%v", bad)
		require.ErrorIs(t, bad.Validate(), ErrUnknownCurrency)
		_, err = bad.MarshalText()
		require.ErrorIs(t, err, ErrUnknownCurrency)
		_, err = New(decimal.New(1, 0), bad)
		require.ErrorIs(t, err, ErrUnknownCurrency)
	}
	_, err := Custom("CREDITS", 256+2)
	require.ErrorIs(t, err, ErrUnknownCurrency)
	require.ErrorIs(t, Currency{}.Validate(), ErrUnknownCurrency)

	for _, c := range []Currency{{}, iso(t, "EUR"), custom(t, "X-1._", 0), custom(t, "BTC", 8)} {
		text, err := c.MarshalText()
		require.NoError(t, err)
		back := Currency{"OLD", 1}
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, c, back)
	}
	for _, text := range []string{"CREDITS", "CREDITS/", "CREDITS/02", "CREDITS/+2", "CREDITS/2/2", "USD/3", "/2"} {
		_, err := ParseCurrency(text)
		require.ErrorIs(t, err, ErrUnknownCurrency, text)
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	credits := custom(t, "CREDITS", 3)
	for _, c := range []struct {
		amount   string
		currency Currency
		digits   string
		whole    bool
	}{
		{"12.5", iso(t, "USD"), "12.50", true},
		{"12.505", iso(t, "USD"), "12.505", false},
		{"12.500", iso(t, "USD"), "12.50", true},
		{"0", iso(t, "USD"), "0.00", true},
		{"-0", iso(t, "USD"), "0.00", true},
		{"-0.05", iso(t, "USD"), "-0.05", true},
		{"0.0004", iso(t, "USD"), "0.0004", false},
		{"1000000", iso(t, "JPY"), "1000000", true},
		{"1000000.50", iso(t, "JPY"), "1000000.5", false},
		{"0.00", iso(t, "JPY"), "0", true},
		{"1.5", iso(t, "KWD"), "1.500", true},
		{"0.0001", iso(t, "CLF"), "0.0001", true},
		{"007", credits, "7.000", true},
		{"123456789012345678901234567890.120", iso(t, "EUR"), "123456789012345678901234567890.12", true},
	} {
		m, err := Parse(c.amount, c.currency)
		require.NoError(t, err)
		assert.Equal(t, c.digits, m.Digits())
		assert.Equal(t, c.digits+" "+c.currency.Code, m.String())
		assert.Equal(t, c.whole, m.IsWhole(), c.amount)
	}
	m, err := New(decimal.New(12, 2), iso(t, "USD"))
	require.NoError(t, err)
	assert.Equal(t, "1200.00", m.Digits())
	assert.Equal(t, "0", Money{}.String())
}

func TestMinor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount, code string
		units        int64
		err          error
	}{
		{"12.50", "USD", 1250, nil},
		{"12", "JPY", 12, nil},
		{"-1.234", "KWD", -1234, nil},
		{"0.0001", "CLF", 1, nil},
		{"12.505", "USD", 0, ErrPrecision},
		{"0.5", "JPY", 0, ErrPrecision},
		{"92233720368547758.07", "USD", math.MaxInt64, nil},
		{"-92233720368547758.08", "USD", math.MinInt64, nil},
		{"92233720368547758.08", "USD", 0, ErrOverflow},
		{"99999999999999999999.999", "USD", 0, ErrPrecision},
		{"1.0000000000000000000000000000000", "USD", 100, nil},
	} {
		units, err := amount(t, c.amount, c.code).Minor()
		if c.err != nil {
			require.ErrorIs(t, err, c.err, c.amount)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.units, units)
		assert.True(t, FromMinor(units, iso(t, c.code)).Equal(amount(t, c.amount, c.code)))
	}
}

func TestCurrenciesDoNotMix(t *testing.T) {
	t.Parallel()
	usd, eur := amount(t, "1", "USD"), amount(t, "1", "EUR")
	for _, other := range []Money{eur, {}, FromMinor(100, custom(t, "CREDITS", 2))} {
		_, err := usd.Add(other)
		require.ErrorIs(t, err, ErrCurrencyMismatch)
		require.ErrorIs(t, err, tierhost.ErrPrecondition)
		assert.Equal(t, "currency_mismatch", tierhost.CodeOf(err))
		_, err = other.Sub(usd)
		require.ErrorIs(t, err, ErrCurrencyMismatch)
		_, err = usd.Cmp(other)
		require.ErrorIs(t, err, ErrCurrencyMismatch)
		assert.False(t, usd.Equal(other))
	}
	_, err := Money{}.Add(Money{})
	require.ErrorIs(t, err, ErrCurrencyMismatch)
	assert.True(t, Money{}.Equal(Money{}))
	_, err = FromMinor(1, custom(t, "C", 2)).Add(FromMinor(1, custom(t, "C", 3)))
	require.ErrorContains(t, err, "C/2 and C/3")
}

func TestArithmetic(t *testing.T) {
	t.Parallel()
	draw := rapid.Custom(func(t *rapid.T) Money {
		m, err := New(decimal.New(edge().Draw(t, "n"), rapid.Int32Range(-12, 4).Draw(t, "e")), Currency{"EUR", 2})
		require.NoError(t, err)
		return m
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		sum, err := a.Add(b)
		require.NoError(t, err)
		back, err := sum.Sub(b)
		require.NoError(t, err)
		require.True(t, back.Equal(a))
		require.True(t, sum.Rat().Equal(a.Rat().Add(b.Rat())))
		require.True(t, a.Neg().Neg().Equal(a))
		require.Equal(t, -a.Sign(), a.Neg().Sign())
		require.True(t, a.Abs().Sign() >= 0)
		cmp, err := a.Cmp(b)
		require.NoError(t, err)
		require.Equal(t, a.Rat().Cmp(b.Rat()), cmp)
		require.Equal(t, cmp == 0, a.Equal(b))
		require.True(t, a.Mul(b.Amount()).Rat().Equal(a.Rat().Mul(b.Rat())))
		for mode := HalfUp; mode <= Ceiling; mode++ {
			round := a.Round(mode)
			require.True(t, round.IsWhole())
			viaRat, err := RoundRat(a.Rat(), a.Currency(), mode)
			require.NoError(t, err)
			require.True(t, round.Equal(viaRat))
			if !b.IsZero() {
				ratio, err := a.MulRatio(decimal.New(7, 0), b.Amount(), mode)
				require.NoError(t, err)
				exact, err := a.Rat().Mul(RatInt(7)).Quo(b.Rat())
				require.NoError(t, err)
				require.True(t, ratio.Rat().Equal(RatOf(exact.RoundTo(2, mode))))
			}
		}
	})
}

func TestAbsurdNumbersAreRefused(t *testing.T) {
	t.Parallel()
	usd := iso(t, "USD")
	huge, tiny := decimal.New(1, math.MaxInt32), decimal.New(1, math.MinInt32)
	for _, d := range []decimal.Decimal{huge, tiny} {
		_, err := New(d, usd)
		require.ErrorIs(t, err, ErrOverflow)
		one := amount(t, "1", "USD")
		_, err = one.MulRatio(d, decimal.New(1, 0), HalfUp)
		require.ErrorIs(t, err, ErrOverflow)
		product := one.Mul(d)
		assert.True(t, product.Equal(Money{}))
		_, err = product.Add(one)
		require.ErrorIs(t, err, ErrCurrencyMismatch)
		assert.True(t, Zero(usd).Mul(d).Equal(Zero(usd)))
	}
	_, err := amount(t, "1", "USD").MulRatio(decimal.New(1, 0), decimal.New(0, 0), HalfUp)
	require.ErrorIs(t, err, ErrDivisionByZero)
	_, err = Money{}.MulRatio(decimal.New(1, 0), decimal.New(1, 0), HalfUp)
	require.ErrorIs(t, err, ErrUnknownCurrency)
	zero, err := New(decimal.New(0, math.MaxInt32), usd)
	require.NoError(t, err)
	assert.Equal(t, "0.00 USD", zero.String())
	assert.True(t, RatOf(decimal.New(0, math.MaxInt32)).IsZero())
	large, err := New(decimal.New(1, 1000), usd)
	require.NoError(t, err)
	_, err = json.Marshal(large)
	require.ErrorIs(t, err, ErrPrecision)
	_, err = RoundRat(RatOf(decimal.New(1, 1500)), usd, HalfUp)
	require.ErrorIs(t, err, ErrOverflow)
	assert.Equal(t, int32(-1000), RatInt(1).RoundTo(math.MaxInt, Up).Exponent())
}

// The examples of docs on tax rounding: seven lines of 0.13 at 21 %.
func TestTaxPerLineAndPerTotal(t *testing.T) {
	t.Parallel()
	line := amount(t, "0.13", "EUR")
	perLine, total := Zero(line.Currency()), Zero(line.Currency())
	for range 7 {
		tax, err := line.MulRatio(decimal.New(21, 0), decimal.New(100, 0), HalfUp)
		require.NoError(t, err)
		perLine, err = perLine.Add(tax)
		require.NoError(t, err)
		total, err = total.Add(line)
		require.NoError(t, err)
	}
	perTotal, err := total.MulRatio(decimal.New(21, 0), decimal.New(100, 0), HalfUp)
	require.NoError(t, err)
	assert.Equal(t, "0.21 EUR", perLine.String())
	assert.Equal(t, "0.19 EUR", perTotal.String())
	assert.Equal(t, "2.35", amount(t, "2.345", "EUR").Round(HalfUp).Digits())
	assert.Equal(t, "2.34", amount(t, "2.345", "EUR").Round(HalfEven).Digits())
	assert.Equal(t, "1.00", amount(t, "1.005", "EUR").Round(HalfEven).Digits())
}

func TestAllocate(t *testing.T) {
	t.Parallel()
	weights := func(texts ...string) []Rat {
		rats := make([]Rat, len(texts))
		for i, text := range texts {
			var err error
			rats[i], err = ParseRat(text)
			require.NoError(t, err)
		}
		return rats
	}
	for _, c := range []struct {
		total, code string
		weights     []Rat
		want        string
	}{
		{"1.00", "USD", weights("1", "1", "1"), "0.34 0.33 0.33"},
		{"-1.00", "USD", weights("1", "1", "1"), "-0.34 -0.33 -0.33"},
		{"10.00", "USD", weights("1", "1", "1", "1", "1", "1", "1"), "1.43 1.43 1.43 1.43 1.43 1.43 1.42"},
		{"100", "JPY", weights("1/3", "1/3", "1/3"), "34 33 33"},
		{"0.001", "KWD", weights("0", "1", "2"), "0.000 0.000 0.001"},
		{"0.0005", "CLF", weights("0.5", "0.5"), "0.0003 0.0002"},
		{"0", "USD", weights("3", "4"), "0.00 0.00"},
		{"92233720368547758070.00", "USD", weights("1", "9"), "9223372036854775807.00 83010348331692982263.00"},
	} {
		parts, err := Allocate(amount(t, c.total, c.code), c.weights)
		require.NoError(t, err)
		got := make([]string, len(parts))
		for i, part := range parts {
			got[i] = part.Digits()
			assert.Equal(t, c.code, part.Currency().Code)
		}
		assert.Equal(t, c.want, strings.Join(got, " "))
	}
	usd := amount(t, "1", "USD")
	for _, bad := range [][]Rat{nil, weights("0", "0"), weights("1", "-1/2")} {
		_, err := Allocate(usd, bad)
		require.ErrorIs(t, err, ErrWeights)
	}
	_, err := Allocate(amount(t, "1.001", "USD"), weights("1"))
	require.ErrorIs(t, err, ErrPrecision)
	_, err = Allocate(Money{}, weights("1"))
	require.ErrorIs(t, err, ErrUnknownCurrency)
}

func TestAllocateProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		total := FromMinor(edge().Draw(t, "units"), Currency{"USD", 2})
		weights := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rat {
			r, err := RatFrac(rapid.Int64Range(0, 50).Draw(t, "num"), rapid.Int64Range(1, 31).Draw(t, "den"))
			require.NoError(t, err)
			return r
		}), 1, 12).Draw(t, "weights")
		var all Rat
		for _, w := range weights {
			all = all.Add(w)
		}
		parts, err := Allocate(total, weights)
		if all.IsZero() {
			require.ErrorIs(t, err, ErrWeights)
			return
		}
		require.NoError(t, err)
		sum, cent := Zero(total.Currency()), RatOf(decimal.New(1, -2))
		for i, part := range parts {
			sum, err = sum.Add(part)
			require.NoError(t, err)
			exact, err := total.Rat().Mul(weights[i]).Quo(all)
			require.NoError(t, err)
			require.True(t, part.IsWhole())
			require.Negative(t, part.Rat().Sub(exact).Abs().Cmp(cent), "within one minor unit")
			require.True(t, part.Sign() == 0 || part.Sign() == total.Sign())
			require.False(t, weights[i].IsZero() && !part.IsZero())
		}
		require.True(t, sum.Equal(total))

		// The order decides who of those that lost as much gets a unit, nothing else:
		// the differences from the exact shares are the same in any order.
		order := rapid.Permutation(indexes(len(weights))).Draw(t, "order")
		mixed := make([]Rat, len(weights))
		for i, from := range order {
			mixed[i] = weights[from]
		}
		again, err := Allocate(total, mixed)
		require.NoError(t, err)
		require.Equal(t, differences(t, total, weights, parts), differences(t, total, mixed, again))
	})
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func differences(t require.TestingT, total Money, weights []Rat, parts []Money) []string {
	var all Rat
	for _, w := range weights {
		all = all.Add(w)
	}
	texts := make([]string, len(parts))
	for i, part := range parts {
		exact, err := total.Rat().Mul(weights[i]).Quo(all)
		require.NoError(t, err)
		texts[i] = part.Rat().Sub(exact).String()
	}
	slices.Sort(texts)
	return texts
}

// TestIncomparable type-checks a use of == on each type.
func TestIncomparable(t *testing.T) {
	t.Parallel()
	fset := token.NewFileSet()
	exports := func(path string) (io.ReadCloser, error) {
		file, err := exec.CommandContext(t.Context(), "go", "list", "-export", "-f", "{{.Export}}", path).Output()
		if err != nil {
			return nil, err
		}
		return os.Open(strings.TrimSpace(string(file)))
	}
	pkg, err := importer.ForCompiler(fset, "gc", exports).Import("github.com/tierhost/tierhost/money")
	require.NoError(t, err)
	for name, comparable := range map[string]bool{"Money": false, "Rat": false, "Currency": true, "Rounding": true} {
		file, err := parser.ParseFile(fset, "use.go", `package use
import "github.com/tierhost/tierhost/money"
func same(a, b money.`+name+`) bool { return a == b }`, 0)
		require.NoError(t, err)
		config := types.Config{Importer: fixedImporter{pkg}}
		_, err = config.Check("use", fset, []*ast.File{file}, nil)
		assert.Equal(t, comparable, err == nil, "%s: %v", name, err)
	}
}

type fixedImporter struct{ pkg *types.Package }

func (f fixedImporter) Import(string) (*types.Package, error) { return f.pkg, nil }
