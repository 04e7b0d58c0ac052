package billingtest_test

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// A store that forgets any one field of any row fails, on an insert and, for
// accounts, on an update.
func TestEveryFieldIsLookedAt(t *testing.T) {
	t.Parallel()
	forget(t, func(f func(*billing.Resource)) change { return change{resource: f} })
	forget(t, func(f func(*billing.Seller)) change { return change{seller: f} })
	forget(t, func(f func(*billing.Plan)) change { return change{plan: f} })
	forget(t, func(f func(*billing.PlanVersion)) change { return change{version: f} })
	forget(t, func(f func(*billing.Account)) change { return change{account: f} })
	forget(t, func(f func(*billing.Account)) change {
		return change{account: func(a *billing.Account) {
			if a.Version > 1 {
				f(a)
			}
		}}
	})
	forget(t, func(f func(*billing.Holding)) change { return change{holding: f} })
	forget(t, func(f func(*billing.PeriodRow)) change { return change{period: f} })
	forget(t, func(f func(*billing.UsageRecord)) change { return change{usage: f} }, "Seq")
	forget(t, func(f func(*billing.Document)) change { return change{document: f} }, "Number")
	forget(t, func(f func(*billing.Entry)) change { return change{entry: f} })
	forget(t, func(f func(*billing.Key)) change { return change{key: f} })
}

// forget runs the rule EXACT-1 on a store for each field of R that has lost it, but
// for those that the store sets itself.
func forget[R any](t *testing.T, changing func(f func(*R)) change, assigned ...string) {
	t.Helper()
	rules := only(t, "EXACT-1")
	typ := reflect.TypeFor[R]()
	for _, path := range paths(typ) {
		name := strings.Join(path, ".")
		if slices.Contains(assigned, name) {
			continue
		}
		m := mutant{hooks: rewritingIn(changing(func(r *R) {
			copied := deepCopy(reflect.ValueOf(*r))
			v := reflect.New(typ).Elem()
			v.Set(copied)
			zero(v, path)
			*r = v.Interface().(R)
		}))}
		if report := conformance.Record(t, m.harness(), rules); len(report.Failed) == 0 {
			t.Errorf("a store that forgets %s.%s passes", typ.Name(), name)
		}
	}
}

// whole reports whether a type is not taken apart.
func whole(typ reflect.Type) bool {
	if typ == reflect.TypeFor[decimal.Decimal]() || typ == reflect.TypeFor[money.Money]() || typ == reflect.TypeFor[money.Rat]() {
		return true
	}
	return typ.Kind() != reflect.Struct || typ.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// paths lists the fields of a struct, also those of structs in it, in its slices and
// behind its pointers.
func paths(typ reflect.Type) [][]string {
	var out [][]string
	for i := range typ.NumField() {
		field := typ.Field(i)
		out = append(out, []string{field.Name})
		inner := field.Type
		if inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if whole(inner) {
			continue
		}
		for _, rest := range paths(inner) {
			out = append(out, append([]string{field.Name}, rest...))
		}
	}
	return out
}

// zero clears the field at a path, in all elements of slices on the way.
func zero(v reflect.Value, path []string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			zero(v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			zero(v.Index(i), path)
		}
	default:
		if field := v.FieldByName(path[0]); len(path) == 1 {
			field.SetZero()
		} else {
			zero(field, path[1:])
		}
	}
}

// deepCopy copies slices and what pointers point to.
func deepCopy(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		c.Set(reflect.New(v.Type().Elem()))
		c.Elem().Set(deepCopy(v.Elem()))
	case v.Kind() == reflect.Slice && !v.IsNil():
		c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			c.Index(i).Set(deepCopy(v.Index(i)))
		}
	case v.Kind() == reflect.Struct && !whole(v.Type()):
		for i := range v.NumField() {
			c.Field(i).Set(deepCopy(v.Field(i)))
		}
	}
	return c
}
