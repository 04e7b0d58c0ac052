package billingtest_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/billing/billingtest"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// mutant is a store that breaks the contract in one way.
type mutant struct {
	name  string
	rules []string                     // that must fail
	hooks func() hooks                 // over a memory store
	make  func() billing.Store         // instead of hooks
	shape func(h *billingtest.Harness) // further changes to the harness
}

func (m mutant) harness() billingtest.Harness {
	h := billingtest.Harness{
		New: func(*testing.T) billing.Store {
			if m.make != nil {
				return m.make()
			}
			return &broken{memory.New(), m.hooks()}
		},
		Reopen:   func(_ *testing.T, s billing.Store) billing.Store { return s },
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
	t.Run("memory", func(t *testing.T) { billingtest.TestStore(t, h) })
	loose := billingtest.Harness{New: func(*testing.T) billing.Store { return newLoose("") }, Concurrent: true}
	conformance.Run(t, loose, only(t, "LOCK-1", "LOCK-2", "LOCK-3", "LOCK-4", "LOCK-5", "LOCK-6", "LOCK-7", "LOCK-8", "LOCK-9", "LOCK-10"))
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
	found := map[string]bool{}
	for _, m := range allMutants() {
		for _, id := range m.rules {
			found[id] = true
		}
	}
	seen := map[string]bool{}
	for _, r := range billingtest.Rules() {
		if !found[r.ID] {
			t.Errorf("no mutant breaks %s %s", r.ID, r.Name)
		}
		if seen[r.ID] || r.Name == "" || r.Text == "" || r.Why == "" {
			t.Errorf("rule %s is there twice or lacks a text", r.ID)
		}
		seen[r.ID] = true
	}
}

func TestDumpOfNothing(t *testing.T) {
	t.Parallel()
	text, err := billingtest.Dump(context.Background(), memory.New())
	if text != "" || err != nil {
		t.Errorf("the dump of an empty store is %q, %v", text, err)
	}
}

func allMutants() []mutant {
	return slices.Concat(catalogMutants(), loadMutants(), writeMutants(), numberMutants(), valueMutants(), listMutants(), txMutants(), looseMutants())
}

// only returns the rules with these IDs.
func only(t *testing.T, ids ...string) []billingtest.Rule {
	t.Helper()
	var out []billingtest.Rule
	for _, r := range billingtest.Rules() {
		if slices.Contains(ids, r.ID) {
			out = append(out, r)
		}
	}
	if len(out) != len(ids) {
		t.Fatalf("%d of the rules %v exist", len(out), ids)
	}
	return out
}
