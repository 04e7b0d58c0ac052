package conformance

import (
	"slices"
	"testing"
)

// Broken is something that breaks a rule of a suite on purpose.
type Broken[H any] struct {
	Rule, Name string
	Harness    func(t *testing.T) H
}

// Finds fails unless each broken thing fails in the rule that it breaks. It returns the
// rules that nothing breaks: a rule that finds nothing is none.
func Finds[H any](t *testing.T, rules []Rule[H], all []Broken[H]) (unbroken []string) {
	t.Helper()
	named(t, rules)
	for _, x := range all {
		t.Run(x.Rule+" "+x.Name, func(t *testing.T) {
			t.Parallel()
			only := slices.DeleteFunc(slices.Clone(rules), func(r Rule[H]) bool { return r.ID != x.Rule })
			report := Record(t, x.Harness(t), only)
			if len(report.Failed[x.Rule]) == 0 {
				t.Errorf("rule %s does not find it (skipped: %q)", x.Rule, report.Skipped[x.Rule])
			}
		})
	}
	for _, r := range rules {
		if !slices.ContainsFunc(all, func(x Broken[H]) bool { return x.Rule == r.ID }) {
			unbroken = append(unbroken, r.ID)
		}
	}
	return unbroken
}
