package scenario_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tierhost/tierhost/scenario"
)

// The oracle's own reading of a scenario file: numbers are decimal strings until they
// become rationals, dates are counted in days. It is also what the generator writes.
type (
	oracleFile struct {
		Scenario  string           `json:"scenario,omitempty"`
		About     string           `json:"about,omitempty"`
		Resources []oracleResource `json:"resources"`
		Sellers   []oracleSeller   `json:"sellers"`
		Plans     []oraclePlan     `json:"plans"`
		Steps     []oracleStep     `json:"steps"`
		Until     string           `json:"until,omitempty"`
		RunEvery  int              `json:"run_every,omitempty"`
	}
	oracleResource struct {
		ID        string `json:"id"`
		Kind      string `json:"kind,omitempty"`
		Step      string `json:"step,omitempty"`
		Aggregate string `json:"aggregate,omitempty"`
	}
	oracleTax struct {
		Name    string `json:"name"`
		Percent string `json:"percent"`
	}
	oracleSeller struct {
		ID       string      `json:"id"`
		Currency string      `json:"currency"`
		Rounding string      `json:"rounding,omitempty"`
		Taxes    []oracleTax `json:"taxes,omitempty"`
		Parent   string      `json:"parent,omitempty"`
		Account  string      `json:"account,omitempty"`
	}
	oraclePlan struct {
		ID            string                       `json:"id"`
		Seller        string                       `json:"seller"`
		Periods       []string                     `json:"periods,omitempty"`
		Discounts     map[string]map[string]string `json:"discounts,omitempty"`
		RefundPercent *string                      `json:"refund_percent,omitempty"`
		MoneyBackDays int                          `json:"money_back_days,omitempty"`
		Resources     []oracleLine                 `json:"resources"`
		Wholesale     *oracleWholesale             `json:"wholesale,omitempty"`
	}
	oracleWholesale struct {
		Resources     []oracleLine                 `json:"resources"`
		Discounts     map[string]map[string]string `json:"discounts,omitempty"`
		RefundPercent *string                      `json:"refund_percent,omitempty"`
	}
	oracleLine struct {
		ID           string                       `json:"id"`
		Free         string                       `json:"free,omitempty"`
		Max          *string                      `json:"max,omitempty"`
		AtSignup     string                       `json:"at_signup,omitempty"`
		Rollup       bool                         `json:"rollup,omitempty"`
		Required     bool                         `json:"required,omitempty"`
		Prices       map[string]string            `json:"prices,omitempty"`
		PeriodPrices map[string]map[string]string `json:"period_prices,omitempty"`
	}
	oraclePromotion struct {
		Code    string   `json:"code"`
		Percent string   `json:"percent"`
		Kinds   []string `json:"kinds"`
		Periods int      `json:"periods"`
	}
	oracleStep struct {
		On         string            `json:"on"`
		Do         string            `json:"do"`
		Account    string            `json:"account"`
		Plan       string            `json:"plan,omitempty"`
		Period     string            `json:"period,omitempty"`
		Promotions []oraclePromotion `json:"promotions,omitempty"`
		Resource   string            `json:"resource,omitempty"`
		Quantity   string            `json:"quantity,omitempty"`
		Amount     string            `json:"amount,omitempty"`
		Key        string            `json:"key,omitempty"`
		Error      string            `json:"error,omitempty"`
	}
)

// readFile converts a scenario to the oracle's types, by way of its JSON.
func readFile(tb testing.TB, f *scenario.File) *oracleFile {
	tb.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		tb.Fatalf("a scenario does not become JSON: %v", err)
	}
	var o oracleFile
	if err := json.Unmarshal(data, &o); err != nil {
		tb.Fatalf("the oracle cannot read %s: %v", data, err)
	}
	return &o
}

// write is the other way round: the JSON of a scenario, and what Parse makes of it.
func (f *oracleFile) write(tb testing.TB) (string, *scenario.File) {
	tb.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := scenario.Parse(data)
	if err != nil {
		tb.Fatalf("the generated scenario is wrong: %v\n%s", err, data)
	}
	return string(data), parsed
}

// ratio is an exact number. Its functions never change their arguments.
type ratio = *big.Rat

func number(s string) ratio {
	if s == "" {
		return new(big.Rat)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(fmt.Sprintf("%q is no number", s))
	}
	return r
}

func whole(n int) ratio         { return big.NewRat(int64(n), 1) }
func part(a, b int) ratio       { return big.NewRat(int64(a), int64(b)) }
func plus(a, b ratio) ratio     { return new(big.Rat).Add(a, b) }
func minus(a, b ratio) ratio    { return new(big.Rat).Sub(a, b) }
func over(a, b ratio) ratio     { return new(big.Rat).Quo(a, b) }
func less(a, b ratio) bool      { return a.Cmp(b) < 0 }
func negative(a ratio) ratio    { return new(big.Rat).Neg(a) }
func percent(a ratio) ratio     { return over(a, whole(100)) }
func positive(a ratio) ratio    { return larger(a, new(big.Rat)) }
func sameRatio(a, b ratio) bool { return a.Cmp(b) == 0 }

func times(a ...ratio) ratio {
	p := whole(1)
	for _, x := range a {
		p.Mul(p, x)
	}
	return p
}

func larger(a, b ratio) ratio {
	if less(a, b) {
		return b
	}
	return a
}

func smaller(a, b ratio) ratio {
	if less(b, a) {
		return b
	}
	return a
}

// roundTo rounds to so many decimals, half away from zero or half to even.
func roundTo(r ratio, digits int, halfEven bool) ratio {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	x := new(big.Rat).Mul(new(big.Rat).Abs(r), new(big.Rat).SetInt(scale))
	down, rest := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	switch rest.Lsh(rest, 1).Cmp(x.Denom()) {
	case 1:
		down.Add(down, big.NewInt(1))
	case 0:
		if !halfEven || down.Bit(0) == 1 {
			down.Add(down, big.NewInt(1))
		}
	}
	y := new(big.Rat).SetFrac(down, scale)
	if r.Sign() < 0 {
		y.Neg(y)
	}
	return y
}

// shown is a quantity as results print it.
func shown(r ratio) string {
	s := roundTo(r, 6, false).FloatString(6)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

// length is the length of a period, in months or days; the zero length is none.
type length struct {
	n    int
	days bool
}

func lengthOf(s string) length {
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil {
		panic(err)
	}
	return length{n, strings.HasSuffix(s, "d")}
}

func (l length) text() string {
	if l.days {
		return strconv.Itoa(l.n) + "d"
	}
	return strconv.Itoa(l.n) + "m"
}

func dayOf(s string) int {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return int(t.Unix() / 86400)
}

func civil(day int) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

func dayText(day int) string { return civil(day).Format(time.DateOnly) }

// monthsAfter is the day n months after an anchor, clamped to the month's length.
func monthsAfter(anchor, n int) int {
	t := civil(anchor)
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(first.Year(), first.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return int(first.Unix()/86400) + min(t.Day(), last) - 1
}

// later is the day n periods of this length after a day.
func (l length) later(day, n int) int {
	if l.days {
		return day + l.n*n
	}
	return monthsAfter(day, l.n*n)
}
