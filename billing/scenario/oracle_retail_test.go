package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tierhost/tierhost/billing/scenario"
)

// TestOracleRetail holds the oracle against the retail side of the cases with
// resellers: the entries of accounts that are no reseller's double. Which steps are
// refused is taken from the case, and a sleeping reseller's customers sleep.
func TestOracleRetail(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.want.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".want.json"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(strings.TrimSuffix(file, ".want.json") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			f, err := scenario.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := scenario.ParseResult(text)
			if err != nil {
				t.Fatal(err)
			}
			file := readFile(t, f)
			for _, d := range scenario.Compare(retail(file, want), retail(file, playRetail(newOracle(file)))) {
				t.Error(d)
			}
		})
	}
}

// retail leaves the entries and balances of accounts that are no double.
func retail(f *oracleFile, r *scenario.Result) *scenario.Result {
	double := map[string]bool{}
	for _, s := range f.Sellers {
		double[s.Account] = true
	}
	out := &scenario.Result{Balances: map[string]string{}}
	for _, e := range r.Entries {
		if !double[e.Account] {
			out.Entries = append(out.Entries, e)
		}
	}
	for name, b := range r.Balances {
		if !double[name] {
			out.Balances[name] = b
		}
	}
	return out
}

func playRetail(o *oracle) *scenario.Result {
	last := o.file.Steps[len(o.file.Steps)-1].On
	if o.file.Until != "" {
		last = o.file.Until
	}
	asleep := map[string]string{} // account: the double with which it sleeps
	for _, s := range o.file.Steps {
		a := o.accounts[s.Account]
		if s.On > last || s.Error != "" || o.isDouble(s.Account) && s.Do == "change_plan" {
			continue
		}
		code := o.step(s)
		if code != "" {
			panic(s.On + " " + s.Do + " " + s.Account + ": " + code)
		}
		if a == nil {
			continue
		}
		for _, c := range o.below(s.Account) {
			c.handleBoundaries(dayOf(s.On))
			switch {
			case s.Do == "suspend" && !c.closed && !c.suspended:
				c.suspended = true
				asleep[c.name] = s.Account
			case s.Do == "resume" && !c.closed && asleep[c.name] == s.Account:
				delete(asleep, c.name)
				p := o.paper(c, dayOf(s.On), dayOf(s.On))
				c.resume(p)
				p.issue()
			}
		}
	}
	for _, a := range o.order {
		a.handleBoundaries(dayOf(last))
		o.book.Balances[a.name] = a.balance.FloatString(a.digits())
	}
	return o.book.Result
}

func (o *oracle) isDouble(account string) bool {
	for _, s := range o.file.Sellers {
		if s.Account == account {
			return true
		}
	}
	return false
}

// below are the accounts below a double, at any depth.
func (o *oracle) below(account string) []*oracleAccount {
	var out []*oracleAccount
	for _, s := range o.file.Sellers {
		if s.Account != account || account == "" {
			continue
		}
		for _, a := range o.order {
			if a.seller.ID == s.ID {
				out = append(out, a)
				out = append(out, o.below(a.name)...)
			}
		}
	}
	return out
}
