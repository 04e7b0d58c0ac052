package scenario_test

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	oracleSeeds = flag.Int("oracle.seeds", 60, "scenarios that TestOracleSeeds makes")
	oracleFirst = flag.Int("oracle.first", 1, "the seed of the first one")
	oracleKeep  = flag.Bool("oracle.keep-going", false, "go on after a scenario on which oracle and engine disagree")
)

// seeded chooses from a generator with a fixed seed.
type seeded struct{ *rand.Rand }

func (s seeded) choose(n int) int { return s.IntN(n) }

// drawn chooses what rapid draws.
type drawn struct{ *rapid.T }

func (d drawn) choose(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "n") }

// TestOracleSeeds compares oracle and engine on random scenarios that a seed replays:
// go test -run TestOracleSeeds -oracle.first=17 -oracle.seeds=1.
func TestOracleSeeds(t *testing.T) {
	t.Parallel()
	for seed := *oracleFirst; seed < *oracleFirst+*oracleSeeds; seed++ {
		f := generate(seeded{rand.New(rand.NewPCG(uint64(seed), 20260101))})
		_, parsed := f.write(t)
		diff := differences(t, parsed)
		if len(diff) == 0 {
			continue
		}
		small := reduce(t, f, func(g *oracleFile) bool { return disagree(t, g) })
		text, parsed := small.write(t)
		t.Errorf("seed %d: oracle (-) and engine (+) disagree on\n%s\n%s", seed, text, strings.Join(differences(t, parsed), "\n"))
		if !*oracleKeep {
			return
		}
	}
}

// disagree says that oracle and engine disagree on a scenario that the engine can
// play at all.
func disagree(t *testing.T, f *oracleFile) bool {
	t.Helper()
	_, parsed := f.write(t)
	diff := differences(t, parsed)
	if len(diff) == 1 && strings.Contains(diff[0], "scenario: ") && !strings.Contains(diff[0], "scenario: step") {
		return false
	}
	_, codes := consult(t, parsed)
	for i := range f.Steps {
		f.Steps[i].Error = codes[i]
	}
	return len(diff) > 0
}

// TestOracle compares oracle and engine on what rapid makes; -rapid.checks=N says how
// often.
func TestOracle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := generate(drawn{rt})
		text, parsed := f.write(t)
		if diff := differences(t, parsed); len(diff) > 0 {
			rt.Fatalf("oracle (-) and engine (+) disagree on\n%s\n%s", text, strings.Join(diff, "\n"))
		}
	})
}
