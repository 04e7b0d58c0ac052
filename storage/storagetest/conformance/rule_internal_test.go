package conformance

import "testing"

func TestRulesOfOneID(t *testing.T) {
	t.Parallel()
	rules := []Rule[int]{{ID: "A-1", Name: "first"}, {ID: "A-2", Name: "first"}, {ID: "A-1", Name: "second"}}
	if got, want := repeated(rules), `rules "first" and "second" are both A-1`; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got := repeated(rules[:2]); got != "" {
		t.Errorf("%q of rules that differ", got)
	}
}
