package sqlite

import (
	"encoding/json"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// basisText writes what json.Marshal makes of a billing.Basis, at a tenth of its
// time: there is one with every entry. A test sets every field that the type has and
// reads it back, so that a field which is added there cannot be forgotten here.
type basisText struct {
	b   []byte
	err error
}

func (b *binder) basis(x *billing.Basis) {
	t := basisText{b: b.text[:0]}
	t.basis(x)
	b.fail(t.err)
	b.text = t.b
	b.bytes(b.text)
}

func (t *basisText) basis(x *billing.Basis) {
	t.raw(`{"cause":`)
	t.b = appendQuoted(t.b, string(x.Cause))
	t.name("plan", string(x.Plan))
	t.int("version", x.Version)
	if !x.Period.IsZero() {
		t.name("period", x.Period.String())
	}
	number(t, "held", x.Held)
	number(t, "free", x.Free)
	number(t, "units", x.Units)
	number(t, "unit_price", x.UnitPrice)
	t.int("days", x.Days)
	t.int("of_days", x.OfDays)
	number(t, "percent", x.Percent)
	number(t, "factor", x.Factor)
	number(t, "of", x.Of)
	for i := range x.Parts {
		if i == 0 {
			t.raw(`,"parts":`)
		}
		t.raw(separator(i))
		t.part(&x.Parts[i])
	}
	t.b = closed(t.b, len(x.Parts))
	number(t, "exact", x.Exact)
	number(t, "before", x.Before)
	if x.Rounding != 0 {
		name, err := x.Rounding.MarshalText()
		t.fail(err)
		t.name("rounding", string(name))
	}
	if x.Capped {
		t.raw(`,"capped":true`)
	}
	t.raw(`}`)
}

func (t *basisText) part(x *billing.UsagePart) {
	t.raw(`{"from":"`)
	t.b = appendOptionalDate(t.b, x.From)
	t.raw(`","to":"`)
	t.b = appendOptionalDate(t.b, x.To)
	t.raw(`","plan":`)
	t.b = appendQuoted(t.b, string(x.Plan))
	t.raw(`,"version":`)
	t.b = strconv.AppendInt(t.b, int64(x.Version), 10)
	figure(t, "used", x.Used)
	figure(t, "limit", x.Limit)
	figure(t, "counted", x.Counted)
	t.raw(`,"days":`)
	t.b = strconv.AppendInt(t.b, int64(x.Days), 10)
	t.raw(`,"of_days":`)
	t.b = strconv.AppendInt(t.b, int64(x.OfDays), 10)
	figure(t, "unit_price", x.UnitPrice)
	figure(t, "over", x.Over)
	if x.Level {
		t.raw(`,"level":true`)
	}
	t.raw(`}`)
}

func (t *basisText) raw(s string) { t.b = append(t.b, s...) }

func (t *basisText) key(key string) {
	t.b = append(t.b, `,"`...)
	t.b = append(t.b, key...)
	t.b = append(t.b, `":`...)
}

func (t *basisText) name(key, s string) {
	if s != "" {
		t.key(key)
		t.b = appendQuoted(t.b, s)
	}
}

func (t *basisText) int(key string, n int) {
	if n != 0 {
		t.key(key)
		t.b = strconv.AppendInt(t.b, int64(n), 10)
	}
}

// number adds a figure, whose type is that of the field: a decimal or a fraction.
func number[N decimal.Decimal | money.Rat](t *basisText, key string, x N) {
	if zero, ok := any(x).(interface{ IsZero() bool }); !ok || !zero.IsZero() {
		figure(t, key, x)
	}
}

// figure adds a figure also if it is zero.
func figure[N decimal.Decimal | money.Rat](t *basisText, key string, x N) {
	t.key(key)
	t.raw(`"`)
	switch x := any(x).(type) {
	case decimal.Decimal:
		t.b = appendDecimal(t.b, x)
	case money.Rat:
		b, err := x.AppendText(t.b)
		t.b = b
		t.fail(err)
	}
	t.raw(`"`)
}

func (t *basisText) fail(err error) {
	if t.err == nil && err != nil {
		t.err = tierhost.E("sqlite.Write", tierhost.KindInvalid, "basis_not_kept", err)
	}
}

func parseBasis(s string) (x billing.Basis, err error) {
	err = json.Unmarshal([]byte(s), &x)
	return x, err
}
