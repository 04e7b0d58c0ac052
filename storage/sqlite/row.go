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

// row reads the values of a row from the first to the last. The first error is kept;
// values read after it are zero.
type row struct {
	values []driver.Value
	i      int
	err    error
	stop   bool // set by the reader: no more rows
}

func (r *row) reset(values []driver.Value) { *r = row{values: values} }

func (r *row) next() driver.Value {
	if r.i >= len(r.values) {
		r.fail(fmt.Errorf("the row has %d columns only", len(r.values)))
		return nil
	}
	r.i++
	return r.values[r.i-1]
}

// fail reports a value that this package would not have written.
func (r *row) fail(err error) {
	if r.err == nil && err != nil {
		r.err = tierhost.E("sqlite.read", tierhost.KindInternal, "broken_row", fmt.Errorf("column %d: %w", r.i, err))
	}
}

// int returns an integer, 0 for NULL.
func (r *row) int() int64 {
	switch v := r.next().(type) {
	case int64:
		return v
	case nil:
		return 0
	default:
		r.fail(fmt.Errorf("%T where an integer should be", v))
		return 0
	}
}

func (r *row) flag() bool { return r.int() != 0 }

// string returns a text, "" for NULL.
func (r *row) string() string {
	switch v := r.next().(type) {
	case string:
		return v
	case []byte: // as other drivers return it
		return string(v)
	case nil:
		return ""
	default:
		r.fail(fmt.Errorf("%T where text should be", v))
		return ""
	}
}

// blob returns bytes, nil for NULL.
func (r *row) blob() []byte {
	switch v := r.next().(type) {
	case []byte:
		return append([]byte{}, v...)
	case nil:
		return nil
	default:
		r.fail(fmt.Errorf("%T where bytes should be", v))
		return nil
	}
}

func (r *row) date() billing.Date     { return read(r, parseDate) }
func (r *row) period() billing.Period { return read(r, parsePeriod) }

func (r *row) decimal() decimal.Decimal { return read(r, parseDecimal) }
func (r *row) rat() money.Rat           { return read(r, parseRat) }

func (r *row) currency() money.Currency { return read(r, parseCurrency) }

// read parses a text; NULL and "" are the zero value.
func read[T any](r *row, parse func(string) (T, error)) (x T) {
	s := r.string()
	if s == "" {
		return x
	}
	x, err := parse(s)
	r.fail(err)
	return x
}

// optional returns a number, nil for NULL.
func (r *row) optional() *decimal.Decimal {
	if r.i < len(r.values) && r.values[r.i] == nil {
		r.i++
		return nil
	}
	d := r.decimal()
	return &d
}

func (r *row) instant() time.Time { return instant(r.int()) }

// minor returns minor units, to be made an amount when the currency is known; ok is
// false for NULL.
func (r *row) minor() (units int64, ok bool) {
	if r.i < len(r.values) && r.values[r.i] == nil {
		r.i++
		return 0, false
	}
	return r.int(), true
}

// amount returns an amount, Money{} if there is none.
func amount(units int64, ok bool, c money.Currency) money.Money {
	if !ok {
		return money.Money{}
	}
	return money.FromMinor(units, c)
}
