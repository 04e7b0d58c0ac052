package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tierhost/tierhost/scenario"
)

// consultTree plays a scenario with resellers, as consult does one without.
func consultTree(tb testing.TB, f *scenario.File) (*scenario.Result, []string) {
	tb.Helper()
	return newOracle(readFile(tb, f)).playTree()
}

// TestOracleTreeCases holds the whole oracle against the expected results of all the
// cases: entries, shadows, bills, documents and balances, and the codes of refusals.
func TestOracleTreeCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.want.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 76 {
		t.Errorf("%d cases, expected 76", len(files))
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
			got, codes := consultTree(t, f)
			for i, s := range f.Steps {
				if codes[i] != s.Error {
					t.Errorf("step %d (%s %s %s): the oracle refuses with %q, the case with %q", i, s.On, s.Do, s.Account, codes[i], s.Error)
				}
			}
			for _, d := range scenario.Compare(want, got) {
				t.Error(d)
			}
		})
	}
}
