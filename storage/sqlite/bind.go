package sqlite

import (
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
)

// binder collects the arguments of a statement. Its memory is used again; a value
// that is equal to the one that stood in its place is left there, which saves the
// copy that an interface would make of it. The first error is kept.
type binder struct {
	values []driver.NamedValue
	n      int
	text   []byte
	err    error
}

// start begins the arguments of another statement.
func (b *binder) start() *binder {
	b.n, b.err = 0, nil
	return b
}

// args returns the arguments collected.
func (b *binder) args() []driver.NamedValue { return b.values[:b.n] }

func (b *binder) next() *driver.NamedValue {
	if b.n == len(b.values) {
		b.values = append(b.values, driver.NamedValue{Ordinal: b.n + 1})
	}
	b.n++
	return &b.values[b.n-1]
}

func (b *binder) null() { b.next().Value = nil }

func (b *binder) int(x int64) {
	v := b.next()
	if old, ok := v.Value.(int64); !ok || old != x {
		v.Value = x
	}
}

func (b *binder) flag(x bool) {
	if x {
		b.int(1)
	} else {
		b.int(0)
	}
}

func (b *binder) string(s string) {
	v := b.next()
	if old, ok := v.Value.(string); !ok || old != s {
		v.Value = s
	}
}

// bytes binds text, and NULL if there is none.
func (b *binder) bytes(text []byte) {
	if len(text) == 0 {
		b.null()
		return
	}
	v := b.next()
	if old, ok := v.Value.(string); !ok || old != string(text) {
		v.Value = string(text)
	}
}

func (b *binder) blob(x []byte) {
	if x == nil {
		b.null()
		return
	}
	b.next().Value = x
}

func (b *binder) date(d billing.Date) {
	if d.IsZero() {
		b.null()
		return
	}
	b.text = appendDate(b.text[:0], d)
	b.bytes(b.text)
}

func (b *binder) instant(t time.Time) { b.int(micros(t)) }

func (b *binder) period(p billing.Period) { b.string(p.String()) }

func (b *binder) decimal(d decimal.Decimal) {
	if d.IsZero() {
		b.string("0")
		return
	}
	b.text = appendDecimal(b.text[:0], d)
	b.bytes(b.text)
}

// optional binds NULL for none.
func (b *binder) optional(d *decimal.Decimal) {
	if d == nil {
		b.null()
		return
	}
	b.decimal(*d)
}

func (b *binder) rat(r money.Rat) {
	if r.IsZero() {
		b.string("0")
		return
	}
	text, err := r.AppendText(b.text[:0])
	b.fail(err)
	b.text = text
	b.bytes(b.text)
}

func (b *binder) currency(c money.Currency) {
	if c == (money.Currency{}) {
		b.string("")
		return
	}
	b.text = appendCurrency(b.text[:0], c)
	b.bytes(b.text)
}

// amount binds minor units, and NULL for Money{}. All amounts of a row share the
// currency c.
func (b *binder) amount(m money.Money, c money.Currency) {
	if none(m) {
		b.null()
		return
	}
	minor, err := minorUnits(m)
	b.fail(err)
	if m.Currency() != c {
		b.fail(tierhost.E("sqlite.Write", tierhost.KindInvalid, "mixed_currencies",
			fmt.Errorf("amounts in %s and %s in one row", m.Currency().Code, c.Code)))
	}
	b.int(minor)
}

func (b *binder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// none reports whether m is Money{}, which has no currency.
func none(m money.Money) bool { return m.Currency() == money.Currency{} && m.IsZero() }

// shared returns the currency of the first amount that has one.
func shared(amounts ...money.Money) money.Currency {
	for _, m := range amounts {
		if c := m.Currency(); c != (money.Currency{}) {
			return c
		}
	}
	return money.Currency{}
}

// minorUnits is [money.Money.Minor] without allocation for amounts as
// [money.FromMinor] makes them.
func minorUnits(m money.Money) (int64, error) {
	a := m.Amount()
	if a.Exponent() == -int32(m.Currency().Exponent) && a.NumDigits() <= 18 {
		return a.CoefficientInt64(), nil
	}
	minor, err := m.Minor()
	if err != nil {
		return 0, tierhost.E("sqlite.Write", tierhost.KindInvalid, "amount_not_whole", err)
	}
	return minor, nil
}
