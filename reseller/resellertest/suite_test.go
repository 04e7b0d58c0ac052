package resellertest_test

import (
	"context"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/reseller/resellertest"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// mutant is a store that breaks the contract in one way.
type mutant struct {
	name  string
	rules []string                      // that must fail
	hooks func() hooks                  // over a memory store
	make  func() reseller.Store         // instead of hooks
	shape func(h *resellertest.Harness) // further changes to the harness
}

func (m mutant) harness() resellertest.Harness {
	h := resellertest.Harness{
		New: func(*testing.T) reseller.Store {
			if m.make != nil {
				return m.make()
			}
			return &broken{memory.New(), m.hooks()}
		},
		Reopen:   func(_ *testing.T, s reseller.Store) reseller.Store { return s },
		Patience: 300 * time.Millisecond,
	}
	if m.shape != nil {
		m.shape(&h)
	}
	return h
}

// Stores without a fault pass, through the same wrappers as those with one.
func TestSoundStores(t *testing.T) {
	t.Parallel()
	h := mutant{hooks: func() hooks { return rewriting(nil, nil) }}.harness()
	h.Patience = 0 // nothing here is stuck, it is only slow under the race detector
	t.Run("memory", func(t *testing.T) { resellertest.TestStore(t, h) })
	t.Run("deferred", func(t *testing.T) {
		resellertest.TestStore(t, resellertest.Harness{New: func(*testing.T) reseller.Store { return newDeferred("") }})
	})
	loose := resellertest.Harness{New: func(*testing.T) reseller.Store { return newLoose("") }, Concurrent: true}
	conformance.Run(t, loose, only(t, "LOCK-1", "LOCK-2", "LOCK-3", "LOCK-5", "LOCK-6"))
}

// Each broken store fails in the rule that is about what is broken.
func TestMutants(t *testing.T) {
	t.Parallel()
	for _, m := range allMutants() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			report := conformance.Record(t, m.harness(), only(t, m.rules...))
			for _, id := range m.rules {
				if failures := report.Failed[id]; len(failures) == 0 {
					t.Errorf("rule %s does not find it (skipped: %q)", id, report.Skipped[id])
				} else {
					t.Logf("%s: %.300s", id, failures[0])
				}
			}
		})
	}
}

// Each rule finds at least one of them.
func TestRulesAreTested(t *testing.T) {
	t.Parallel()
	found, names := map[string]bool{}, map[string]bool{}
	for _, m := range allMutants() {
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		names[m.name] = true
		for _, id := range m.rules {
			found[id] = true
		}
	}
	seen := map[string]bool{}
	for _, r := range resellertest.Rules() {
		if !found[r.ID] {
			t.Errorf("no mutant breaks %s %s", r.ID, r.Name)
		}
		if seen[r.ID] || r.Name == "" || r.Text == "" || r.Why == "" {
			t.Errorf("rule %s is there twice or lacks a text", r.ID)
		}
		seen[r.ID] = true
	}
}

// A dump has a line for each row of each kind, and says nothing of how a store numbers.
func TestDump(t *testing.T) {
	t.Parallel()
	usd := money.Currency{Code: "USD", Exponent: 2}
	day := billing.NewDate(2030, 1, 1)
	fill := func(lost int) string {
		st := memory.New()
		add := func(b *reseller.Batch, result error) {
			_ = st.Update(context.Background(), func(ctx context.Context, tx storage.Tx) error {
				books, err := st.Billing(tx)
				if err != nil {
					return err
				}
				if err := books.PutCatalog(ctx, billing.CatalogChange{Sellers: []billing.Seller{{ID: "acme"}, {ID: "zeta"}}}); err != nil {
					return err
				}
				rows, err := st.Reseller(tx)
				if err != nil {
					return err
				}
				if err := rows.Write(ctx, b); err != nil {
					return err
				}
				return result
			})
		}
		shadow := func(seller billing.SellerID, on int, minor int64) *reseller.Shadow {
			return &reseller.Shadow{Seller: seller, Account: 1, Day: day.AddDays(on), Amount: money.FromMinor(minor, usd)}
		}
		for range lost { // numbers of another seller, in between
			add(&reseller.Batch{Shadows: []*reseller.Shadow{shadow("unknown", 0, 1)}}, nil)
		}
		b := &reseller.Batch{
			Holdings: []reseller.Holding{{Seller: "acme", Account: 1, Resource: "r"}}, Stocks: []reseller.Stock{{Seller: "zeta", Resource: ""}},
			Books: []reseller.Books{{Seller: "acme", Through: day}}, Bills: []reseller.Bill{{Seller: "acme", Day: day, Resource: "r", Amount: money.Zero(usd)}},
			Transfers: []reseller.Transfer{{Account: 3, State: reseller.TransferFailed}, {Account: 4, State: reseller.TransferWaiting}},
		}
		add(b, nil)
		for i := range 1100 {
			add(&reseller.Batch{Shadows: []*reseller.Shadow{shadow("acme", i%3, int64(i)), shadow("zeta", 1, int64(i))}}, nil)
		}
		text, err := resellertest.Dump(context.Background(), st)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	a, b := fill(0), fill(7)
	if a != b {
		t.Errorf("dumps of stores that number their shadows differently differ")
	}
	counts := map[string]int{}
	for line := range strings.Lines(a) {
		kind, _, _ := strings.Cut(line, " ")
		counts[kind]++
	}
	if got, want := fmt.Sprint(counts), "map[bill:1 books:1 holding:1 shadow:2200 stock:1 transfer:2]"; got != want {
		t.Errorf("the dump has the lines %s, want %s", got, want)
	}
	if !strings.Contains(a, `shadow {Seq: 2, Seller: "acme", Account: 1, Day: "2030-01-02", Amount: "0.01 USD/2"}`) {
		t.Errorf("the numbers of shadows are not their places:\n%.600s", a)
	}
	if text, err := resellertest.Dump(context.Background(), memory.New()); text != "" || err != nil {
		t.Errorf("the dump of an empty store is %q, %v", text, err)
	}
}

func allMutants() []mutant {
	return slices.Concat(writeMutants(), refusalMutants(), valueMutants(), loadMutants(), listMutants(), dayMutants(), lockMutants(), txMutants(), tenancyMutants())
}

// only returns the rules with these IDs.
func only(t *testing.T, ids ...string) []resellertest.Rule {
	t.Helper()
	var out []resellertest.Rule
	for _, r := range resellertest.Rules() {
		if slices.Contains(ids, r.ID) {
			out = append(out, r)
		}
	}
	if len(out) != len(ids) {
		t.Fatalf("%d of the rules %v exist", len(out), ids)
	}
	return out
}

// A store that forgets any one field of any row fails.
func TestEveryFieldIsLookedAt(t *testing.T) {
	t.Parallel()
	forget(t, func(f func(*reseller.Holding)) change { return change{holding: f} })
	forget(t, func(f func(*reseller.Stock)) change { return change{stock: f} })
	forget(t, func(f func(*reseller.Books)) change { return change{books: f} })
	forget(t, func(f func(*reseller.Shadow)) change { return change{shadow: f} }, "Seq")
	forget(t, func(f func(*reseller.Bill)) change { return change{bill: f} })
	forget(t, func(f func(*reseller.Transfer)) change { return change{transfer: f} })
}

// forget runs the rule EXACT-1 on a store for each field of R that has lost it, but for
// those that the store sets itself.
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
			v := reflect.New(typ).Elem()
			v.Set(deepCopy(reflect.ValueOf(*r)))
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
