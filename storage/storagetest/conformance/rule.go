package conformance

import (
	"fmt"
	"runtime"
	"testing"
)

// Rule is one rule of a contract, for implementations described by a harness H.
type Rule[H any] struct {
	ID   string // stable, such as "TX-3"
	Name string // a few words, for the name of the subtest
	Text string // what MUST hold
	Why  string // what breaks where it does not
	// Skip, if not nil, returns why the rule does not apply to the implementation, or
	// "" where it does. Only what the harness declares can be a reason.
	Skip func(h H) string
	// Check tests the rule. It reports through t, on the goroutine that it was called
	// on where it ends the test.
	Check func(t *T, h H)
}

// Run runs every rule as a parallel subtest.
func Run[H any](t *testing.T, h H, rules []Rule[H]) {
	t.Helper()
	named(t, rules)
	for _, r := range rules {
		t.Run(r.ID+" "+r.Name, func(t *testing.T) {
			t.Parallel()
			if why := r.skipped(h); why != "" {
				t.Skipf("rule %s is not tested: %s", r.ID, why)
			}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("%s is broken: %s\nWhy: %s", r.ID, r.Text, r.Why)
				}
			})
			r.Check(&T{tb: t}, h)
		})
	}
}

// named fails if two rules have one ID.
func named[H any](t *testing.T, rules []Rule[H]) {
	t.Helper()
	if twice := repeated(rules); twice != "" {
		t.Fatal(twice)
	}
}

// repeated says which two rules have one ID: what breaks one of them would stand for both.
func repeated[H any](rules []Rule[H]) string {
	names := map[string]string{}
	for _, r := range rules {
		if other, twice := names[r.ID]; twice {
			return fmt.Sprintf("rules %q and %q are both %s", other, r.Name, r.ID)
		}
		names[r.ID] = r.Name
	}
	return ""
}

func (r Rule[H]) skipped(h H) string {
	if r.Skip == nil {
		return ""
	}
	return r.Skip(h)
}

// Report is what [Record] found, by rule.
type Report struct {
	Failed  map[string][]string // what the check said
	Skipped map[string]string   // why
	Passed  map[string]bool
}

// Record runs every rule, one after the other, and returns what happened instead of
// failing t, which serves the harness only.
func Record[H any](t *testing.T, h H, rules []Rule[H]) Report {
	t.Helper()
	named(t, rules)
	report := Report{Failed: map[string][]string{}, Skipped: map[string]string{}, Passed: map[string]bool{}}
	for _, r := range rules {
		if why := r.skipped(h); why != "" {
			report.Skipped[r.ID] = why
			continue
		}
		// A subtest, so that what the harness opened for one rule is closed after it.
		t.Run(r.ID, func(t *testing.T) {
			rec := &recorder{}
			done := make(chan struct{})
			go func() { // of its own, because a failed check ends its goroutine
				defer close(done)
				defer func() {
					if p := recover(); p != nil {
						stack := make([]byte, 4096)
						rec.add(fmt.Sprintf("panic: %v\n%s", p, stack[:runtime.Stack(stack, false)]))
					}
				}()
				r.Check(&T{tb: t, rec: rec}, h)
			}()
			<-done
			if failures := rec.failures(); len(failures) > 0 {
				report.Failed[r.ID] = failures
			} else if !t.Failed() {
				report.Passed[r.ID] = true
			}
		})
	}
	return report
}
