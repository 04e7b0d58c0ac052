package money

import (
	"testing"

	"github.com/shopspring/decimal"
)

// price × quantity × 17/31, added up, rounded to cents.
func BenchmarkRate(b *testing.B) {
	b.Run("rat", func(b *testing.B) {
		price, quantity, share, setup := RatOf(decimal.New(1999, -2)), RatInt(3), small(17, 31), RatOf(decimal.New(105, -1))
		b.ReportAllocs()
		var sink int64
		for b.Loop() {
			units, err := price.Mul(quantity).Mul(share).Add(setup).RoundMinor(2, HalfUp)
			if err != nil {
				b.Fatal(err)
			}
			sink += units
		}
		_ = sink
	})
	b.Run("decimal", func(b *testing.B) {
		price, quantity, setup := decimal.New(1999, -2), decimal.New(3, 0), decimal.New(105, -1)
		used, days := decimal.New(17, 0), decimal.New(31, 0)
		b.ReportAllocs()
		var sink decimal.Decimal
		for b.Loop() {
			sink = price.Mul(quantity).Mul(used).DivRound(days, 10).Add(setup).Round(2)
		}
		_ = sink
	})
}

func BenchmarkRat(b *testing.B) {
	x, y, z := small(1999*3, 100), small(17, 31), small(5, 31)
	d := decimal.New(1999, -2)
	var sink Rat
	var units int64
	for name, op := range map[string]func(){
		"mul":           func() { sink = x.Mul(y) },
		"add":           func() { sink = x.Add(y) },
		"add_same":      func() { sink = y.Add(z) },
		"add_int":       func() { sink = x.Add(RatInt(7)) },
		"cmp":           func() { units += int64(x.Cmp(y)) },
		"round_minor":   func() { n, _ := y.RoundMinor(2, HalfUp); units += n },
		"of_decimal":    func() { sink = RatOf(d) },
		"big_form_mul":  func() { sink = RatInt(1 << 62).Mul(small(1<<61, 31)) },
		"parse_decimal": func() { sink, _ = ParseRat("19.99") },
		"parse_ratio":   func() { sink, _ = ParseRat("17/31") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op()
			}
		})
	}
	_, _ = sink, units
}

func BenchmarkMoney(b *testing.B) {
	usd := Currency{Code: "USD", Exponent: 2}
	x, y := FromMinor(199900, usd), FromMinor(1234, usd)
	text, err := x.MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	for name, op := range map[string]func() error{
		"add":            func() error { _, err := x.Add(y); return err },
		"minor":          func() error { _, err := x.Minor(); return err },
		"round_rat":      func() error { _, err := RoundRat(small(17, 31), usd, HalfUp); return err },
		"marshal_json":   func() error { _, err := x.MarshalJSON(); return err },
		"unmarshal_json": func() error { var m Money; return m.UnmarshalJSON(text) },
		"parse":          func() error { _, err := Parse("1999.00", usd); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := op(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
