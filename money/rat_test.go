package money

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// edge draws integers that are small, anywhere, or near the limits of an int64.
func edge() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.Int64Range(-1000, 1000),
		rapid.Int64(),
		rapid.Custom(func(t *rapid.T) int64 {
			near := rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 1 << 62, -1 << 62, 1 << 32, 3037000499, 1e18}).Draw(t, "near")
			return near + rapid.Int64Range(-3, 3).Draw(t, "off") // wraps, which is an edge as well
		}),
		rapid.Custom(func(t *rapid.T) int64 { // many common factors
			n := int64(1)
			for _, p := range []int64{2, 3, 5, 7, 31} {
				for range rapid.IntRange(0, 4).Draw(t, "times") {
					n *= p
				}
			}
			return n
		}),
	)
}

type pair struct {
	rat Rat
	big *big.Rat
}

func anyRat() *rapid.Generator[pair] {
	return rapid.Custom(func(t *rapid.T) pair {
		num := edge().Draw(t, "num")
		den := edge().Filter(func(n int64) bool { return n != 0 }).Draw(t, "den")
		r, err := RatFrac(num, den)
		require.NoError(t, err)
		want := new(big.Rat).SetFrac(big.NewInt(num), big.NewInt(den))
		if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
			square := RatInt(math.MaxInt64 - 1)
			r, want = r.Mul(square), want.Mul(want, square.Big())
		}
		return pair{r, want}
	})
}

// same checks the value and that it has the one representation it must have.
func same(t require.TestingT, want *big.Rat, got Rat) {
	if got.big == nil {
		require.Greater(t, got.dm+1, int64(0))
		require.NotEqual(t, int64(math.MinInt64), got.num)
	}
	require.Equal(t, fromBig(new(big.Rat).Set(want)).String(), got.String())
	require.Equal(t, fromBig(new(big.Rat).Set(want)).big == nil, got.big == nil, "representation of %s", got)
	require.Zero(t, want.Cmp(got.Big()))
}

func TestRatEqualsBigRat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRat().Draw(t, "a"), anyRat().Draw(t, "b")
		before := a.rat.String() + " " + b.rat.String()
		same(t, a.big, a.rat)
		same(t, new(big.Rat).Add(a.big, b.big), a.rat.Add(b.rat))
		same(t, new(big.Rat).Sub(a.big, b.big), a.rat.Sub(b.rat))
		same(t, new(big.Rat).Mul(a.big, b.big), a.rat.Mul(b.rat))
		same(t, new(big.Rat).Neg(a.big), a.rat.Neg())
		same(t, new(big.Rat).Abs(a.big), a.rat.Abs())
		if quotient, err := a.rat.Quo(b.rat); b.big.Sign() != 0 {
			require.NoError(t, err)
			same(t, new(big.Rat).Quo(a.big, b.big), quotient)
		} else {
			require.ErrorIs(t, err, ErrDivisionByZero)
		}
		cmp := a.big.Cmp(b.big)
		require.Equal(t, cmp, a.rat.Cmp(b.rat))
		require.Equal(t, cmp == 0, a.rat.Equal(b.rat))
		require.Equal(t, a.big.Sign(), a.rat.Sign())
		require.Equal(t, a.big.Sign() == 0, a.rat.IsZero())
		require.Equal(t, a.big.IsInt(), a.rat.IsInt())
		require.True(t, RatMin(a.rat, b.rat).Cmp(RatMax(a.rat, b.rat)) <= 0)
		require.True(t, RatMin(a.rat, b.rat).Add(RatMax(a.rat, b.rat)).Equal(a.rat.Add(b.rat)))

		// Coming back from the large form gives the very same value.
		require.Equal(t, a.rat, a.rat.Add(b.rat).Sub(b.rat))
		if !b.rat.IsZero() {
			back, err := a.rat.Mul(b.rat).Quo(b.rat)
			require.NoError(t, err)
			require.Equal(t, a.rat, back)
		}
		require.Equal(t, before, a.rat.String()+" "+b.rat.String(), "operands must not change")
	})
}

func TestRatTextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := anyRat().Draw(t, "a")
		text, err := json.Marshal(a.rat)
		require.NoError(t, err)
		var back Rat
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, a.rat, back)
	})
	for digits := 1; digits < 250; digits++ {
		r := RatOf(decimal.New(7, int32(digits)))
		back, err := ParseRat(r.Neg().String())
		require.NoError(t, err, digits)
		require.True(t, back.Equal(r.Neg()))
	}
	_, err := RatOf(decimal.New(1, 300)).MarshalText()
	require.ErrorIs(t, err, ErrOverflow)
}

// oracle rounds by the definition of each mode, from floor and distance.
func oracle(r *big.Rat, exponent int, mode Rounding) *big.Int {
	scaled := new(big.Rat).Set(r)
	ten := big.NewRat(10, 1)
	for range max(exponent, 0) {
		scaled.Mul(scaled, ten)
	}
	for range max(-exponent, 0) {
		scaled.Quo(scaled, ten)
	}
	// Euclidean division floors for a positive divisor.
	floor := new(big.Int).Div(scaled.Num(), scaled.Denom())
	if scaled.IsInt() {
		return floor
	}
	ceiling := new(big.Int).Add(floor, big.NewInt(1))
	toZero, fromZero := floor, ceiling
	if r.Sign() < 0 {
		toZero, fromZero = ceiling, floor
	}
	fraction := new(big.Rat).Sub(scaled, new(big.Rat).SetInt(floor))
	nearest := fraction.Cmp(big.NewRat(1, 2))
	pick := func(half *big.Int) *big.Int {
		switch {
		case nearest < 0:
			return floor
		case nearest > 0:
			return ceiling
		}
		return half
	}
	switch mode {
	case HalfUp:
		return pick(fromZero)
	case HalfDown:
		return pick(toZero)
	case HalfEven:
		if floor.Bit(0) == 0 {
			return pick(floor)
		}
		return pick(ceiling)
	case Down:
		return toZero
	case Up:
		return fromZero
	case Floor:
		return floor
	}
	return ceiling
}

func TestRoundingEqualsOracle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := anyRat().Draw(t, "r")
		if rapid.Bool().Draw(t, "half") { // ties and their neighbours
			half, err := RatFrac(edge().Draw(t, "n"), 2)
			require.NoError(t, err)
			r = pair{half, half.Big()}
		}
		exponent := rapid.OneOf(rapid.IntRange(0, 4), rapid.IntRange(-25, 25), rapid.IntRange(-128, 127)).Draw(t, "exponent")
		for mode := HalfUp; mode <= Ceiling; mode++ {
			want := oracle(r.big, exponent, mode)
			rounded := r.rat.RoundTo(exponent, mode)
			require.Equal(t, want.String(), rounded.Coefficient().String(), "%s of %s to %d", mode, r.rat, exponent)
			require.Equal(t, int32(-exponent), rounded.Exponent())
			units, err := r.rat.RoundMinor(int8(exponent), mode)
			if want.IsInt64() {
				require.NoError(t, err)
				require.Equal(t, want.Int64(), units)
			} else {
				require.ErrorIs(t, err, ErrOverflow)
			}
		}
		require.Equal(t, r.rat.RoundTo(2, HalfUp).Coefficient(), r.rat.RoundTo(2, Rounding(99)).Coefficient())
	})
}

func TestRoundingTable(t *testing.T) {
	t.Parallel()
	//                             HalfUp HalfEven HalfDown Down Up Floor Ceiling
	for text, want := range map[string][7]int64{
		"0.5":  {1, 0, 0, 0, 1, 0, 1},
		"-0.5": {-1, 0, 0, 0, -1, -1, 0},
		"1.5":  {2, 2, 1, 1, 2, 1, 2},
		"2.5":  {3, 2, 2, 2, 3, 2, 3},
		"-2.5": {-3, -2, -2, -2, -3, -3, -2},
		"1.1":  {1, 1, 1, 1, 2, 1, 2},
		"-1.1": {-1, -1, -1, -1, -2, -2, -1},
		"-1.9": {-2, -2, -2, -1, -2, -2, -1},
		"0.6":  {1, 1, 1, 0, 1, 0, 1},
		"7":    {7, 7, 7, 7, 7, 7, 7},
		"0":    {0, 0, 0, 0, 0, 0, 0},
	} {
		r, err := ParseRat(text)
		require.NoError(t, err)
		for mode := HalfUp; mode <= Ceiling; mode++ {
			got, err := r.RoundMinor(0, mode)
			require.NoError(t, err)
			assert.Equal(t, want[mode], got, "%s of %s", mode, text)
		}
	}
}

func TestRoundingText(t *testing.T) {
	t.Parallel()
	for mode := HalfUp; mode <= Ceiling; mode++ {
		text, err := mode.MarshalText()
		require.NoError(t, err)
		var back Rounding
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, mode, back)
	}
	_, err := Rounding(7).MarshalText()
	require.ErrorIs(t, err, ErrSyntax)
	var mode Rounding
	require.ErrorIs(t, mode.UnmarshalText([]byte("HalfUp")), ErrSyntax)
	assert.Equal(t, "rounding(7)", Rounding(7).String())
}

func TestRatDecimal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "7": "7", "1/2": "0.5", "-7/8": "-0.875", "1/3": "", "3/7000": "", "-3/1000": "-0.003",
		"1/9223372036854775808": "0.000000000000000000108420217248550443400745280086994171142578125",
		"1/4611686018427387904": "0.00000000000000000021684043449710088680149056017398834228515625",
		"1/7450580596923828125": "0.000000000000000000134217728", // 5^27
		"1/9223372036854775809": "",
		"9223372036854775807/2": "4611686018427387903.5",
	} {
		r, err := ParseRat(text)
		require.NoError(t, err, text)
		d, ok := r.Decimal()
		assert.Equal(t, want != "", ok, text)
		if ok {
			assert.Equal(t, want, string(appendDecimal(nil, d, 0)), text)
			same(t, r.Big(), RatOf(d))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := decimal.New(edge().Draw(t, "n"), rapid.Int32Range(-40, 40).Draw(t, "exponent"))
		r := RatOf(d)
		same(t, d.Rat(), r)
		back, ok := r.Decimal()
		require.True(t, ok)
		require.True(t, d.Equal(back))
	})
}

func TestParseRatRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "-", "+1", "--1", " 1", "1 ", "1.", ".5", "1e5", "1E999999", "NaN", "Inf", "0x10", "1_000", "1,000",
		"1/", "/2", "1/-2", "1/+2", "1.5/2", "1/2/3", "1/2.5", "١", "−1",
		string(make([]byte, 300)), "0." + digits(70), digits(257),
	} {
		_, err := ParseRat(text)
		require.ErrorIs(t, err, ErrSyntax, "%q", text)
		require.Less(t, len(err.Error()), 500)
	}
	_, err := ParseRat("1/0")
	require.ErrorIs(t, err, ErrDivisionByZero)
	_, err = RatFrac(1, 0)
	require.ErrorIs(t, err, ErrDivisionByZero)
}

func digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '1'
	}
	return string(b)
}

// TestMillionRandomCases compares price × quantity × share of a period + setup,
// rounded to cents, in 64 bits and in the large form.
func TestMillionRandomCases(t *testing.T) {
	t.Parallel()
	const parts = 4
	cases := 1_000_000 / parts
	if testing.Short() {
		cases = 50_000 / parts
	}
	for part := range uint64(parts) {
		t.Run(strconv.FormatUint(part, 10), func(t *testing.T) {
			t.Parallel()
			compareRandomCases(t, cases, rand.New(rand.NewPCG(1, part)))
		})
	}
}

func compareRandomCases(t *testing.T, cases int, rng *rand.Rand) {
	var sum, term, scale big.Int
	var divide division
	for i := range cases {
		price := rng.Int64N(2_000_000) - 1_000_000 // 1/10000 major units
		quantity, used, days, setup := rng.Int64N(5000), rng.Int64N(32), 28+rng.Int64N(4), rng.Int64N(100_000)-50_000
		mode := Rounding(i % 7)

		share, err := RatFrac(used, days)
		if err != nil {
			t.Fatal(err)
		}
		amount := RatOf(decimal.New(price, -4)).Mul(RatInt(quantity)).Mul(share).Add(RatOf(decimal.New(setup, -3)))
		got, err := amount.RoundMinor(2, mode)
		if err != nil || amount.big != nil {
			t.Fatal("left the fast path", err, amount)
		}

		// price·quantity·used/(10^4·days) + setup/10^3 = n / (10^4·days), in cents n / (100·days).
		sum.SetInt64(price)
		sum.Mul(&sum, term.SetInt64(quantity))
		sum.Mul(&sum, term.SetInt64(used))
		scale.SetInt64(10 * days)
		sum.Add(&sum, term.Mul(scale.SetInt64(10*days), term.SetInt64(setup)))
		if want := divide.round(&sum, 100*days, mode); got != want {
			t.Fatalf("case %d: %s of %s: got %d, want %d", i, mode, amount, got, want)
		}
	}
}

// division keeps what a division by big.Int needs.
type division struct{ floor, rest, divisor big.Int }

// round rounds n/den by the floor and twice the remainder.
func (d *division) round(n *big.Int, den int64, mode Rounding) int64 {
	d.floor.DivMod(n, d.divisor.SetInt64(den), &d.rest)
	q, r := d.floor.Int64(), d.rest.Int64()
	if r == 0 {
		return q
	}
	negative, up := n.Sign() < 0, false
	switch mode {
	case HalfUp:
		up = 2*r > den || 2*r == den && !negative
	case HalfDown:
		up = 2*r > den || 2*r == den && negative
	case HalfEven:
		up = 2*r > den || 2*r == den && q%2 != 0
	case Down:
		up = negative
	case Up:
		up = !negative
	case Ceiling:
		up = true
	}
	if up {
		q++
	}
	return q
}

func TestFastPathDoesNotAllocate(t *testing.T) {
	price, share := RatOf(decimal.New(1999, -2)), small(17, 31)
	m := FromMinor(123456, Currency{Code: "USD", Exponent: 2})
	var sink int64
	allocs := testing.AllocsPerRun(100, func() {
		amount := price.Mul(share).Add(RatInt(5)).Sub(share)
		units, err := amount.RoundMinor(2, HalfUp)
		minor, err2 := m.Minor()
		if err != nil || err2 != nil || !m.IsWhole() || amount.Cmp(price) >= 0 {
			t.Fatal(err, err2)
		}
		sink += units + minor
	})
	assert.Zero(t, allocs)
	assert.NotZero(t, sink)
}

func FuzzParseRat(f *testing.F) {
	for _, seed := range []string{"3", "-3.25", "7/3", "-7/3", "1/0", "9223372036854775808/9223372036854775807", "-9223372036854775808", "0.0000000000000000001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRat(text)
		if err != nil {
			return
		}
		// big.Rat reads "08/1" as octal, so its parts are given to it one by one.
		num, den, _ := strings.Cut(text, "/")
		want, ok := new(big.Rat).SetString(num)
		require.True(t, ok, text)
		if den != "" {
			divisor, ok := new(big.Rat).SetString(den)
			require.True(t, ok, text)
			want.Quo(want, divisor)
		}
		same(t, want, r)
		back, err := ParseRat(r.String())
		if len(r.String()) <= maxRatText {
			require.NoError(t, err)
			require.Equal(t, r, back)
		}
	})
}
