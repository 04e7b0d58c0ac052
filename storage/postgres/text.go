package postgres

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
)

// The functions here write what is kept as text or JSON. They write what the types'
// MarshalText and encoding/json write, without reflection: the nightly run encodes
// millions of these.

func appendDate(b []byte, d billing.Date) []byte {
	if d.IsZero() {
		return b
	}
	y, m, day := d.YMD()
	return append(b,
		byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+day/10), byte('0'+day%10))
}

func appendPeriod(b []byte, p billing.Period) []byte {
	if p.IsZero() {
		return b
	}
	b = strconv.AppendInt(b, int64(p.Count()), 10)
	if p.InDays() {
		return append(b, 'd')
	}
	return append(b, 'm')
}

// appendAccounts writes "1,20,300".
func appendAccounts(b []byte, ids []billing.AccountID) []byte {
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return b
}

// appendCurrency writes "USD:2": the digits are kept beside the code, so that amounts
// stay what they were whatever a list of currencies says later.
func appendCurrency(b []byte, c money.Currency) []byte {
	if c == (money.Currency{}) {
		return b
	}
	return strconv.AppendInt(append(append(b, c.Code...), ':'), int64(c.Exponent), 10)
}

// appendDecimal writes d in full, without trailing zeros behind the point. It does not
// use decimal.String, which obeys package variables.
func appendDecimal(b []byte, d decimal.Decimal) []byte {
	var buffer [40]byte
	digits := buffer[:0]
	if d.NumDigits() <= 18 {
		c := d.CoefficientInt64()
		if c < 0 {
			b = append(b, '-')
			c = -c
		}
		digits = strconv.AppendInt(digits, c, 10)
	} else {
		c := d.Coefficient()
		if c.Sign() < 0 {
			b = append(b, '-')
			c.Neg(c)
		}
		digits = c.Append(digits, 10)
	}
	scale := -int(d.Exponent())
	if d.IsZero() {
		scale = 0
	}
	for ; scale < 0; scale++ {
		digits = append(digits, '0')
	}
	for scale > 0 && len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		scale--
	}
	whole := len(digits) - scale
	if whole <= 0 {
		b = append(b, '0')
	} else {
		b = append(b, digits[:whole]...)
		digits = digits[whole:]
	}
	if scale == 0 {
		return b
	}
	b = append(b, '.')
	for ; whole < 0; whole++ {
		b = append(b, '0')
	}
	return append(b, digits...)
}

// appendString writes a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil { // no string does
				return b
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// object writes the members of a JSON object. The caller appends "{" first, then
// members, then "}".
type object struct {
	b   []byte
	err error // the first value that has no text
}

// name starts a member.
func (o *object) name(name string) {
	if last := o.b[len(o.b)-1]; last != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), `":`...)
}

func (o *object) string(name, s string) {
	o.name(name)
	o.b = appendString(o.b, s)
}

func (o *object) int(name string, n int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

func (o *object) decimal(name string, d decimal.Decimal) {
	o.name(name)
	o.b = append(appendDecimal(append(o.b, '"'), d), '"')
}

func (o *object) rat(name string, r money.Rat) {
	o.name(name)
	b, err := r.AppendText(append(o.b, '"'))
	if err != nil && o.err == nil {
		o.err = err
	}
	o.b = append(b, '"')
}

func (o *object) date(name string, d billing.Date) {
	o.name(name)
	o.b = append(appendDate(append(o.b, '"'), d), '"')
}

func (o *object) true(name string) {
	o.name(name)
	o.b = append(o.b, "true"...)
}

// appendList writes a JSON array; nil is nothing at all.
func appendList[T any](b []byte, list []T, item func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, &list[i])
	}
	return append(b, ']')
}

// list writes a JSON array as a text value; nil is NULL.
func list[T any](rs *rowset, items []T, item func([]byte, *T) []byte) {
	if items == nil {
		rs.null()
		return
	}
	b, start := rs.open()
	*b = appendList(*b, items, item)
	rs.close(b, start)
}

func appendStretch(b []byte, s *billing.Stretch) []byte {
	o := object{b: append(b, '{')}
	o.date("from", s.From)
	o.string("plan", string(s.Plan))
	o.int("version", int64(s.Version))
	return append(o.b, '}')
}

func appendPromotion(b []byte, p *billing.Promotion) []byte {
	o := object{b: append(b, '{')}
	o.string("code", p.Code)
	o.decimal("percent", p.Percent)
	if p.Setup {
		o.true("setup")
	}
	if p.Recurring {
		o.true("recurring")
	}
	if p.Usage {
		o.true("usage")
	}
	if !p.Until.IsZero() {
		o.date("until", p.Until)
	}
	return append(o.b, '}')
}

func appendTaxTotal(b []byte, t *billing.TaxTotal) []byte {
	o := object{b: append(b, '{')}
	o.string("name", t.Name)
	o.int("minor", t.Minor)
	return append(o.b, '}')
}

func appendLimit(b []byte, d *decimal.Decimal) []byte {
	return append(appendDecimal(append(b, '"'), *d), '"')
}

func appendUnits(b []byte, l *reseller.Limit) []byte {
	o := object{b: append(b, '{')}
	o.int("stretch", int64(l.Stretch))
	o.decimal("units", l.Units)
	if l.List != (reseller.List{}) {
		o.name("list")
		o.b = append(o.b, '{')
		if l.List.Plan != "" {
			o.string("plan", string(l.List.Plan))
		}
		if l.List.Version != 0 {
			o.int("version", int64(l.List.Version))
		}
		o.b = append(o.b, '}')
	}
	return append(o.b, '}')
}

func appendReturn(b []byte, r *reseller.Return) []byte {
	o := object{b: append(b, '{')}
	o.date("on", r.On)
	o.decimal("units", r.Units)
	return append(o.b, '}')
}

// appendBasis writes an entry's basis as JSON.
func appendBasis(b []byte, x *billing.Basis) ([]byte, error) {
	o := object{b: append(b, '{')}
	o.string("cause", string(x.Cause))
	if x.Plan != "" {
		o.string("plan", string(x.Plan))
	}
	if x.Version != 0 {
		o.int("version", int64(x.Version))
	}
	if !x.Period.IsZero() {
		o.name("period")
		o.b = append(appendPeriod(append(o.b, '"'), x.Period), '"')
	}
	o.decimalIf("held", x.Held)
	o.decimalIf("free", x.Free)
	o.ratIf("units", x.Units)
	o.ratIf("unit_price", x.UnitPrice)
	if x.Days != 0 {
		o.int("days", int64(x.Days))
	}
	if x.OfDays != 0 {
		o.int("of_days", int64(x.OfDays))
	}
	o.decimalIf("percent", x.Percent)
	o.ratIf("factor", x.Factor)
	o.ratIf("of", x.Of)
	if len(x.Parts) > 0 {
		o.name("parts")
		o.b = append(o.b, '[')
		for i := range x.Parts {
			if i > 0 {
				o.b = append(o.b, ',')
			}
			o.usagePart(&x.Parts[i])
		}
		o.b = append(o.b, ']')
	}
	o.ratIf("exact", x.Exact)
	o.ratIf("before", x.Before)
	if x.Rounding != 0 {
		text, err := x.Rounding.MarshalText()
		if err != nil {
			return b, err
		}
		o.string("rounding", string(text))
	}
	if x.Capped {
		o.true("capped")
	}
	return append(o.b, '}'), o.err
}

func (o *object) usagePart(p *billing.UsagePart) {
	o.b = append(o.b, '{')
	o.date("from", p.From)
	o.date("to", p.To)
	o.string("plan", string(p.Plan))
	o.int("version", int64(p.Version))
	o.rat("used", p.Used)
	o.decimal("limit", p.Limit)
	o.rat("counted", p.Counted)
	o.int("days", int64(p.Days))
	o.int("of_days", int64(p.OfDays))
	o.rat("unit_price", p.UnitPrice)
	o.rat("over", p.Over)
	if p.Level {
		o.true("level")
	}
	o.b = append(o.b, '}')
}

func (o *object) decimalIf(name string, d decimal.Decimal) {
	if !d.IsZero() {
		o.decimal(name, d)
	}
}

func (o *object) ratIf(name string, r money.Rat) {
	if !r.IsZero() {
		o.rat(name, r)
	}
}
