package money

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func anyMoney() *rapid.Generator[Money] {
	return rapid.Custom(func(t *rapid.T) Money {
		c := rapid.SampledFrom([]Currency{{"USD", 2}, {"JPY", 0}, {"KWD", 3}, {"CLF", 4}, {"CREDITS", 3}, {"WEI", 18}, {"X.1_-", 0}}).Draw(t, "currency")
		m, err := New(decimal.New(edge().Draw(t, "n"), rapid.Int32Range(-25, 20).Draw(t, "e")), c)
		require.NoError(t, err)
		return m
	})
}

func TestMoneyRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := anyMoney().Draw(t, "m")
		text, err := json.Marshal(m)
		require.NoError(t, err)
		var fromJSON Money
		require.NoError(t, json.Unmarshal(text, &fromJSON))
		require.True(t, m.Equal(fromJSON), "%s", text)

		text, err = m.MarshalText()
		require.NoError(t, err)
		var fromText Money
		require.NoError(t, fromText.UnmarshalText(text))
		require.True(t, m.Equal(fromText), "%s", text)

		parsed, err := Parse(m.Digits(), m.Currency())
		require.NoError(t, err)
		require.True(t, m.Equal(parsed))
	})
}

func TestMoneyForms(t *testing.T) {
	t.Parallel()
	credits := FromMinor(1500, custom(t, "CREDITS", 3))
	for want, v := range map[string]any{
		`{"amount":"100.00","currency":"USD"}`:                 FromMinor(10000, iso(t, "USD")),
		`{"amount":"1.500","currency":"CREDITS","exponent":3}`: credits,
		`null`:                Money{},
		`[null]`:              []Money{{}},
		`"7/3"`:               small(7, 3),
		`{"7/3":"half_even"}`: map[string]Rounding{"7/3": HalfEven},
		`{"CREDITS/3":"USD"}`: map[Currency]Currency{credits.Currency(): iso(t, "USD")},
		`{"M":null,"R":"0","C":""}`: struct {
			M Money
			R Rat
			C Currency
		}{},
	} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		assert.Equal(t, want, string(text))
	}
	text, err := credits.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, "1.500 CREDITS/3", string(text))
	text, err = FromMinor(10000, iso(t, "USD")).AppendText([]byte("> "))
	require.NoError(t, err)
	assert.Equal(t, "> 100.00 USD", string(text))

	m := credits
	require.NoError(t, json.Unmarshal([]byte(" null "), &m))
	assert.True(t, m.Equal(Money{}))
	m = credits
	require.NoError(t, m.UnmarshalText(nil))
	assert.True(t, m.Equal(Money{}))
	require.NoError(t, json.Unmarshal([]byte(`{ "exponent": 2, "currency": "USD", "amount": "-1.5" }`), &m))
	assert.Equal(t, "-1.50 USD", m.String())

	for _, bad := range []Money{FromMinor(1, Currency{}), FromMinor(1, Currency{"usd", 2}), FromMinor(1, Currency{"USD", 3})} {
		_, err := json.Marshal(bad)
		require.ErrorIs(t, err, ErrUnknownCurrency)
		_, err = bad.MarshalText()
		require.ErrorIs(t, err, ErrUnknownCurrency)
	}
}

func TestMoneyRefusesForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		`{"amount":"1","currency":"CREDITS"}`:                             ErrUnknownCurrency,
		`{"amount":"1","currency":"USD","exponent":3}`:                    ErrUnknownCurrency,
		`{"amount":"1","currency":"CREDITS","exponent":19}`:               ErrUnknownCurrency,
		`{"amount":"1","currency":"CREDITS","exponent":-1}`:               ErrUnknownCurrency,
		`{"amount":"1","currency":"CREDITS","exponent":1e0}`:              ErrUnknownCurrency,
		`{"amount":"1","currency":"usd"}`:                                 ErrUnknownCurrency,
		`{"amount":1,"currency":"USD"}`:                                   ErrSyntax,
		`{"amount":"1","currency":"CREDITS/2"}`:                           ErrSyntax,
		`{"amount":"1","currency":"CREDITS","exponent":"2"}`:              ErrSyntax,
		`{"amount":"1","currency":"CREDITS","exponent":null}`:             ErrSyntax,
		`{"amount":"1","currency":"CREDITS","exponent":2,"exponent":2}`:   ErrSyntax,
		`{"amount":"1","amount":"2","currency":"USD"}`:                    ErrSyntax,
		`{"Amount":"1","currency":"USD"}`:                                 ErrSyntax,
		`{"amount":"1","currency":"USD","note":""}`:                       ErrSyntax,
		`{"amount":["1"],"currency":"USD"}`:                               ErrSyntax,
		`{"amount":{"a":"1"},"currency":"USD"}`:                           ErrSyntax,
		`{"amount":"1"}`:                                                  ErrSyntax,
		`{"currency":"USD"}`:                                              ErrSyntax,
		`{"amount":"","currency":"USD"}`:                                  ErrSyntax,
		`{}`:                                                              ErrSyntax,
		`[]`:                                                              ErrSyntax,
		`"1.00 USD"`:                                                      ErrSyntax,
		`1`:                                                               ErrSyntax,
		`{"amount":"1","currency":"USD"} x`:                               ErrSyntax,
		`{"amount":"1","currency":"USD"}{}`:                               ErrSyntax,
		`{"amount":"1","currency":"USD"`:                                  ErrSyntax,
		``:                                                                ErrSyntax,
		`{"amount":"NaN","currency":"USD"}`:                               ErrSyntax,
		`{"amount":"1e999999","currency":"USD"}`:                          ErrSyntax,
		`{"amount":"` + digits(65) + `","currency":"USD"}`:                ErrSyntax,
		`{"amount":"1","currency":"USD"` + strings.Repeat(" ", 600) + `}`: ErrSyntax,
	} {
		m := FromMinor(7, Currency{"USD", 2})
		require.ErrorIs(t, m.UnmarshalJSON([]byte(text)), want, text)
		assert.Equal(t, "0.07 USD", m.String(), "a failure must not change it")
	}
	for text, want := range map[string]error{
		"1.00": ErrSyntax, " USD": ErrSyntax, "1.00  USD": ErrUnknownCurrency, "1.00 CREDITS": ErrUnknownCurrency,
		"1.00 USD ": ErrUnknownCurrency, "1e3 USD": ErrSyntax, "1.00 USD/4": ErrUnknownCurrency,
	} {
		var m Money
		require.ErrorIs(t, m.UnmarshalText([]byte(text)), want, text)
	}
	for _, text := range []string{"", "-", "+1", "1.", ".1", "1e3", "1 ", "1,5", "1_0", "0x1", "NaN", "1.2.3", "-.5", "1.-5", digits(65), "0." + digits(64)} {
		_, err := Parse(text, Currency{"USD", 2})
		require.ErrorIs(t, err, ErrSyntax, text)
	}
	for _, text := range []string{digits(64), "-0." + digits(63)} {
		m, err := Parse(text, Currency{"JPY", 0})
		require.NoError(t, err)
		assert.Equal(t, text, m.Digits())
	}
}

// Not parallel: it sets the variables of decimal that a host may set.
func TestDecimalGlobalsDoNotMatter(t *testing.T) {
	run := func() string {
		m := amount(t, "12.5000", "USD")
		third, err := m.MulRatio(decimal.New(1, 0), decimal.New(3, 0), HalfUp)
		require.NoError(t, err)
		text, err := json.Marshal([]Money{m, third, m.Mul(decimal.New(100, 0))})
		require.NoError(t, err)
		return string(text)
	}
	before := run()
	precision, quotes, trim, scientific, limit := decimal.DivisionPrecision, decimal.MarshalJSONWithoutQuotes, decimal.TrimTrailingZeros, decimal.UseScientificNotation, decimal.MaxDecodeExponent
	defer func() {
		decimal.DivisionPrecision, decimal.MarshalJSONWithoutQuotes, decimal.TrimTrailingZeros, decimal.UseScientificNotation, decimal.MaxDecodeExponent = precision, quotes, trim, scientific, limit
	}()
	decimal.DivisionPrecision, decimal.MarshalJSONWithoutQuotes, decimal.TrimTrailingZeros, decimal.UseScientificNotation, decimal.MaxDecodeExponent = 0, true, false, true, 0
	assert.Equal(t, before, run())
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"12.50", "-0.0004", "0", "1e9", digits(64), "00.00"} {
		f.Add(seed, int8(2))
	}
	f.Fuzz(func(t *testing.T, text string, exponent int8) {
		c, err := Custom("CREDITS", int(exponent))
		if err != nil {
			return
		}
		m, err := Parse(text, c)
		if err != nil {
			return
		}
		back, err := Parse(strings.TrimSpace(m.Digits()), c)
		if len(m.Digits()) <= maxDigits {
			require.NoError(t, err)
			require.True(t, m.Equal(back))
		}
	})
}

func FuzzUnmarshalJSON(f *testing.F) {
	for _, seed := range []string{`{"amount":"1.50","currency":"USD"}`, `{"amount":"1","currency":"CREDITS","exponent":3}`, `null`, `{"amount":"1","amount":"2"}`, `{"amount":[[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m Money
		if err := m.UnmarshalJSON(data); err != nil {
			return
		}
		text, err := m.MarshalJSON()
		if err != nil {
			require.ErrorIs(t, err, ErrPrecision)
			return
		}
		var back Money
		require.NoError(t, back.UnmarshalJSON(text))
		require.True(t, m.Equal(back))
	})
}

func FuzzISO(f *testing.F) {
	for _, seed := range []string{"USD", "usd", "CREDITS/3", "", "XXX"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, code string) {
		if c, err := ISO(code); err == nil {
			require.Equal(t, code, c.Code)
			require.NoError(t, c.Validate())
		}
		if c, err := ParseCurrency(code); err == nil {
			text, err := c.MarshalText()
			require.NoError(t, err)
			var back Currency
			require.NoError(t, back.UnmarshalText(text))
			require.Equal(t, c, back)
		}
	})
}
