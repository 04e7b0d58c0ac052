package scenario_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/scenario"
	"github.com/tierhost/tierhost/storage/memory"
)

func treeOf(seed int) *oracleFile {
	return generateTree(seeded{rand.New(rand.NewPCG(uint64(seed), 20260202))})
}

// differencesTree are those between the oracle and the engine on a scenario with
// resellers.
func differencesTree(tb testing.TB, f *scenario.File) []string {
	tb.Helper()
	want, codes := consultTree(tb, f)
	for i := range f.Steps {
		f.Steps[i].Error = codes[i]
	}
	got, err := f.Play(context.Background(), memory.New(), scenario.PlayOptions{Run: billing.RunOptions{Batch: len(f.Steps) % 4}})
	if err != nil {
		return []string{err.Error()}
	}
	return scenario.Compare(want, got)
}

// disagreeTree says that oracle and engine disagree on a scenario that the engine can
// play at all.
func disagreeTree(t *testing.T, f *oracleFile) bool {
	t.Helper()
	_, parsed := f.write(t)
	diff := differencesTree(t, parsed)
	if len(diff) == 1 && strings.Contains(diff[0], "scenario: ") &&
		!strings.Contains(diff[0], "scenario: step") && !strings.Contains(diff[0], "scenario: run") {
		return false
	}
	_, codes := consultTree(t, parsed)
	for i := range f.Steps {
		f.Steps[i].Error = codes[i]
	}
	return len(diff) > 0
}

// TestOracleTreeSeeds compares oracle and engine on random scenarios with resellers
// that a seed replays, with the flags of TestOracleSeeds.
func TestOracleTreeSeeds(t *testing.T) {
	t.Parallel()
	for seed := *oracleFirst; seed < *oracleFirst+*oracleSeeds; seed++ {
		f := treeOf(seed)
		_, parsed := f.write(t)
		diff := differencesTree(t, parsed)
		if len(diff) == 0 {
			continue
		}
		small := reduce(t, f, func(g *oracleFile) bool { return disagreeTree(t, g) })
		text, parsed := small.write(t)
		t.Errorf("seed %d: oracle (-) and engine (+) disagree on\n%s\n%s", seed, text, strings.Join(differencesTree(t, parsed), "\n"))
		if !*oracleKeep {
			return
		}
	}
}

// TestOracleTree compares oracle and engine on what rapid makes.
func TestOracleTree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := generateTree(drawn{rt})
		text, parsed := f.write(t)
		if diff := differencesTree(t, parsed); len(diff) > 0 {
			rt.Fatalf("oracle (-) and engine (+) disagree on\n%s\n%s", text, strings.Join(diff, "\n"))
		}
	})
}

// TestOracleTreeBooks holds the oracle's own books together: shadows against bills,
// bills against the resellers' entries, entries against balances.
func TestOracleTreeBooks(t *testing.T) {
	t.Parallel()
	for seed := *oracleFirst; seed < *oracleFirst+*oracleSeeds; seed++ {
		f := treeOf(seed)
		f.RunEvery = 0
		o := newOracle(f)
		r, _ := o.playTree()
		sums := map[string]ratio{}
		add := func(key, amount string, sign int) {
			if sums[key] == nil {
				sums[key] = whole(0)
			}
			sums[key] = plus(sums[key], times(number(amount), whole(sign)))
		}
		for _, s := range r.Shadows {
			if dayOf(s.Date) < o.book.open {
				add("bill "+s.Date+" "+s.Seller+" "+s.Resource, s.Amount, 1)
			}
		}
		for _, b := range r.Bills {
			add("bill "+b.Date+" "+b.Seller+" "+b.Resource, b.Amount, -1)
			add("wholesale "+b.Date+" "+o.seller(b.Seller).Account+" "+b.Resource, b.Amount, 1)
		}
		for _, e := range r.Entries {
			add("balance "+e.Account, e.Amount, 1)
			if e.Kind == "wholesale" {
				add("wholesale "+e.Date+" "+e.Account+" "+e.Resource, e.Amount, -1)
			}
		}
		for account, b := range r.Balances {
			add("balance "+account, b, 1)
		}
		for key, sum := range sums {
			if sum.Sign() != 0 {
				t.Errorf("seed %d: %s is off by %s", seed, key, sum.FloatString(4))
			}
		}
	}
}
