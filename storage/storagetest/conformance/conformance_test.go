package conformance_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

func TestText(t *testing.T) {
	t.Parallel()
	usd, credits := money.Currency{Code: "USD", Exponent: 2}, money.Currency{Code: "CREDITS", Exponent: 3}
	amount := func(s string, c money.Currency) money.Money {
		m, err := money.Parse(s, c)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	zero := decimal.New(0, 0)
	type inner struct {
		At   time.Time
		List []int
	}
	type row struct {
		Name   string
		Amount money.Money
		Max    *decimal.Decimal
		Rat    money.Rat
		In     inner
		ByName map[string]decimal.Decimal
		Raw    json.RawMessage
	}
	berlin := time.FixedZone("", 3600)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for _, c := range []struct {
		a, b any
		same bool
	}{
		{decimal.New(10, -1), decimal.New(1, 0), true},
		{decimal.New(1, 3), decimal.New(1000, 0), true},
		{decimal.New(-15, -1), decimal.New(15, -1), false},
		{decimal.New(5, -3), decimal.New(5, -4), false},
		{decimal.New(0, -5), decimal.Decimal{}, true},
		{amount("1.50", usd), amount("1.5", usd), true},
		{amount("1.50", usd), amount("1.50", credits), false},
		{row{Amount: money.Zero(usd)}, row{}, false},
		{row{Max: &zero}, row{}, false},
		{row{In: inner{List: []int{}}}, row{}, true},
		{row{In: inner{At: at}}, row{In: inner{At: at.In(berlin)}}, false},
		{row{ByName: map[string]decimal.Decimal{"a": decimal.New(1, 0), "b": {}}},
			row{ByName: map[string]decimal.Decimal{"b": {}, "a": decimal.New(10, -1)}}, true},
		{row{Raw: json.RawMessage(`{"a":1, "b":2}`)}, row{Raw: json.RawMessage(`{"b":2,"a":1}`)}, true},
		{row{Raw: json.RawMessage(`12345678901234567890`)}, row{Raw: json.RawMessage(`12345678901234567891`)}, false},
		{row{Name: "a"}, &row{Name: "a"}, true},
		{row{Name: "é"}, row{Name: "e\u0301"}, false},
		{[]row{{}}, []row{}, false},
	} {
		if got := conformance.Text(c.a) == conformance.Text(c.b); got != c.same {
			t.Errorf("%s and %s: the same is %v, want %v", conformance.Text(c.a), conformance.Text(c.b), got, c.same)
		}
	}
	for in, want := range map[string]string{
		"0": "0", "12.50": "12.5", "-0.001": "-0.001", "100": "100", "0.10": "0.1",
	} {
		d, err := decimal.NewFromString(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := conformance.Text(d); got != `"`+want+`"` {
			t.Errorf("text of %s is %s, want %q", in, got, want)
		}
	}
}

type full struct {
	S  string
	N  int64
	B  bool
	D  decimal.Decimal
	P  *decimal.Decimal
	R  money.Rat
	T  time.Time
	L  []struct{ X int }
	M  map[string]*decimal.Decimal
	C  money.Currency
	By []byte
}

func TestFillAndScramble(t *testing.T) {
	t.Parallel()
	f := conformance.Filler{ByType: map[reflect.Type]func(int) any{
		reflect.TypeFor[money.Currency](): func(int) any { return money.Currency{Code: "USD", Exponent: 2} },
	}}
	var x full
	f.Fill(&x)
	v := reflect.ValueOf(x)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s was not filled", v.Type().Field(i).Name)
		}
	}
	shared, before := x, conformance.Text(x)
	conformance.Scramble(x)
	after := conformance.Text(shared)
	for _, kept := range []string{`S: "full.S-`, "N: ", "C: "} {
		if !strings.Contains(after, kept) {
			t.Errorf("%q went from what is not shared: %s", kept, after)
		}
	}
	if want := `P: "0"`; !strings.Contains(after, want) || strings.Contains(after, "M:") || after == before {
		t.Errorf("shared memory was not overwritten: %s", after)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	type harness struct{ skip string }
	rules := []conformance.Rule[harness]{
		{ID: "A-1", Check: func(t *conformance.T, _ harness) { t.OK(nil, "fine") }},
		{ID: "A-2", Check: func(t *conformance.T, _ harness) {
			t.Errorf("one")
			t.Fatalf("two")
			t.Errorf("not reached")
		}},
		{ID: "A-3", Check: func(*conformance.T, harness) { panic("oops") }},
		{ID: "A-4", Check: func(t *conformance.T, _ harness) { t.FailNow() }},
		{ID: "A-5", Skip: func(h harness) string { return h.skip }},
		{ID: "A-6", Check: func(t *conformance.T, _ harness) {
			t.Is(errors.New("a"), errors.ErrUnsupported, "first")
			t.Equal(1, 2, "second")
		}},
	}
	r := conformance.Record(t, harness{"cannot"}, rules)
	if !r.Passed["A-1"] || len(r.Passed) != 1 {
		t.Errorf("passed: %v", r.Passed)
	}
	if r.Skipped["A-5"] != "cannot" || len(r.Skipped) != 1 {
		t.Errorf("skipped: %v", r.Skipped)
	}
	if len(r.Failed) != 4 || len(r.Failed["A-2"]) != 2 || len(r.Failed["A-6"]) != 2 ||
		!strings.HasPrefix(r.Failed["A-3"][0], "panic: oops") {
		t.Errorf("failed: %v", r.Failed)
	}
}
