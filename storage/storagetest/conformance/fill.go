package conformance

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
)

// Filler sets fields. The zero Filler is ready for use; each value it makes differs
// from the ones before it.
type Filler struct {
	// ByType makes the n-th value of a type. It is needed for types with unexported
	// fields and for those of which only some values are allowed. The Filler knows
	// decimals, rationals, times and JSON by itself.
	ByType map[reflect.Type]func(n int) any
	n      int
}

// Fill sets every exported field of the struct that row points to, and what is below
// it, to a value that is not the zero value: slices and maps get two elements, bools
// are true. It panics on a type it cannot fill, which is a mistake in a suite.
func (f *Filler) Fill(row any) {
	v := reflect.ValueOf(row)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("conformance: Fill(%T), want a pointer to a struct", row))
	}
	f.fill(v.Elem(), v.Elem().Type().Name())
}

func (f *Filler) fill(v reflect.Value, path string) {
	f.n++
	if made, ok := f.made(v.Type()); ok {
		v.Set(reflect.ValueOf(made).Convert(v.Type()))
		if v.IsZero() {
			panic(fmt.Sprintf("conformance: the value made for %s is zero", path))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); !field.IsExported() {
				panic(fmt.Sprintf("conformance: %s (%s) has unexported fields", path, v.Type()))
			} else {
				f.fill(v.Field(i), path+"."+field.Name)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), path)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			f.fill(v.Index(i), path)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key, path)
			f.fill(value, path)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("%s-%d", path, f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Uint8:
		v.SetUint(uint64(f.n%255 + 1))
	default:
		panic(fmt.Sprintf("conformance: cannot fill %s (%s)", path, v.Type()))
	}
}

func (f *Filler) made(typ reflect.Type) (any, bool) {
	if make := f.ByType[typ]; make != nil {
		return make(f.n), true
	}
	switch typ {
	case reflect.TypeFor[decimal.Decimal]():
		return decimal.New(int64(f.n)*1000+7, -3), true
	case reflect.TypeFor[money.Rat]():
		// Neither a whole number nor one with finite decimals.
		return money.RatInt(int64(f.n)).Add(money.RatOf(decimal.New(1, -1))).Mul(third()), true
	case reflect.TypeFor[time.Time]():
		return time.Date(2031, 2, 3, 4, 5, 6, f.n*1000, time.UTC), true
	case reflect.TypeFor[json.RawMessage]():
		return json.RawMessage(fmt.Sprintf(`{"n": %d}`, f.n)), true
	}
	return nil, false
}

func third() money.Rat {
	r, err := money.RatFrac(1, 3)
	if err != nil {
		panic(err) // 3 is not 0
	}
	return r
}

// Scramble overwrites all memory that v shares with copies of it: elements of slices,
// maps, what pointers point to. Whoever kept v without copying it now holds garbage.
func Scramble(v any) { scramble(reflect.ValueOf(v)) }

func scramble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			scramble(v.Elem())
			v.Elem().SetZero()
		}
	case reflect.Interface:
		scramble(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			scramble(v.Index(i))
			v.Index(i).SetZero()
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			scramble(it.Value())
		}
		v.Clear()
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				scramble(v.Field(i))
			}
		}
	}
}
