package scenario_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/scenario"
	"github.com/tierhost/tierhost/storage/memory"
)

// oracle is a second implementation of the billing semantics, for scenarios with one
// seller. It is written from the specification alone, shares no code with the engine,
// and is naive: exact rationals everywhere, loops over days, no state that could be
// computed instead.
type oracle struct {
	file     *oracleFile
	accounts map[string]*oracleAccount
	order    []*oracleAccount // by creation
	book     *book
}

func newOracle(f *oracleFile) *oracle {
	return &oracle{file: f, accounts: map[string]*oracleAccount{}, book: &book{
		Result:  &scenario.Result{Balances: map[string]string{}},
		numbers: map[string]int64{},
	}}
}

// consult plays a scenario. It decides for itself which steps are refused and returns
// their codes, by the place of the step ("" for those that are not).
func consult(tb testing.TB, f *scenario.File) (*scenario.Result, []string) {
	tb.Helper()
	return newOracle(readFile(tb, f)).play()
}

func (o *oracle) play() (*scenario.Result, []string) {
	steps, codes := o.file.Steps, make([]string, len(o.file.Steps))
	if len(steps) > 0 {
		first, until := dayOf(steps[0].On), dayOf(steps[len(steps)-1].On)
		if o.file.Until != "" {
			until = dayOf(o.file.Until)
		}
		at := 0
		for day := first; day <= until; day++ {
			if (day-first)%max(1, o.file.RunEvery) == 0 || day == until {
				for _, a := range o.order {
					a.handleBoundaries(day)
				}
			}
			for ; at < len(steps) && dayOf(steps[at].On) == day; at++ {
				codes[at] = o.step(steps[at])
			}
		}
	}
	for _, a := range o.order {
		o.book.Balances[a.name] = a.balance.FloatString(a.digits())
	}
	return o.book.Result, codes
}

func (o *oracle) resource(id string) *oracleResource {
	for i := range o.file.Resources {
		if o.file.Resources[i].ID == id {
			return &o.file.Resources[i]
		}
	}
	return nil
}

func (o *oracle) monthly(id string) bool {
	r := o.resource(id)
	return r != nil && r.Kind == "monthly"
}

// unit is the step of a resource.
func (o *oracle) unit(id string) ratio {
	if r := o.resource(id); r != nil && r.Step != "" && number(r.Step).Sign() != 0 {
		return number(r.Step)
	}
	if o.monthly(id) {
		return number("0.000001")
	}
	return whole(1)
}

func (o *oracle) plan(id string) *oraclePlan {
	for i := range o.file.Plans {
		if o.file.Plans[i].ID == id {
			return &o.file.Plans[i]
		}
	}
	return nil
}

func (o *oracle) seller(id string) *oracleSeller {
	for i := range o.file.Sellers {
		if o.file.Sellers[i].ID == id {
			return &o.file.Sellers[i]
		}
	}
	return nil
}

// differences are those between the oracle and the engine on a scenario; the steps
// are to be refused with the codes that the oracle gives.
func differences(tb testing.TB, f *scenario.File) []string {
	tb.Helper()
	want, codes := consult(tb, f)
	for i := range f.Steps {
		f.Steps[i].Error = codes[i]
	}
	got, err := f.Play(context.Background(), memory.New(), scenario.PlayOptions{Run: billing.RunOptions{Batch: len(f.Steps) % 4}})
	if err != nil {
		return []string{err.Error()}
	}
	return scenario.Compare(want, got)
}

// TestOracleCases holds the oracle against the expected results of the cases.
func TestOracleCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.want.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(strings.TrimSuffix(file, ".want.json") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		f, err := scenario.Parse(data)
		if err != nil || len(f.Sellers) > 1 {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".want.json"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := scenario.ParseResult(text)
			if err != nil {
				t.Fatal(err)
			}
			got, codes := consult(t, f)
			for i, s := range f.Steps {
				if codes[i] != s.Error {
					t.Errorf("step %d: the oracle refuses with %q, the case with %q", i, codes[i], s.Error)
				}
			}
			for _, d := range scenario.Compare(want, got) {
				t.Error(d)
			}
		})
	}
}
