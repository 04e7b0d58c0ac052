package storagetest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/storage/storagetest"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// mutant is a store that breaks the contract in one way.
type mutant struct {
	name  string
	rules []string                     // that must fail
	hooks func() hooks                 // over a memory store
	make  func() storage.OutboxStore   // instead of hooks
	shape func(h *storagetest.Harness) // further changes to the harness
}

func (m mutant) harness() storagetest.Harness {
	h := storagetest.Harness{
		New: func(*testing.T) storage.OutboxStore {
			if m.make != nil {
				return m.make()
			}
			return &broken{memory.New(), m.hooks()}
		},
		Reopen:   func(_ *testing.T, s storage.OutboxStore) storage.OutboxStore { return s },
		Patience: 300 * time.Millisecond,
	}
	if m.shape != nil {
		m.shape(&h)
	}
	return h
}

// A store without a fault passes, through the same wrapper as those with one.
func TestSoundStores(t *testing.T) {
	t.Parallel()
	h := mutant{hooks: func() hooks { return hooks{} }}.harness()
	h.Patience = 0 // nothing here is stuck, it is only slow under the race detector
	t.Run("memory", func(t *testing.T) { storagetest.TestStore(t, h) })
	rough := storagetest.Harness{
		New:        func(*testing.T) storage.OutboxStore { return newRough("") },
		Concurrent: true,
	}
	conformance.Run(t, rough, only(t, "OUT-10", "OUT-11", "LEASE-1", "LEASE-2", "LEASE-6", "TX-1", "TX-17"))
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
					t.Logf("%s: %s", id, failures[0])
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
	for _, r := range storagetest.Rules() {
		if !found[r.ID] {
			t.Errorf("no mutant breaks %s %s", r.ID, r.Name)
		}
		if seen[r.ID] || r.Name == "" || r.Text == "" || r.Why == "" {
			t.Errorf("rule %s is there twice or lacks a text", r.ID)
		}
		seen[r.ID] = true
	}
}

func allMutants() []mutant { return slices.Concat(txMutants(), outboxMutants(), roughMutants()) }

// only returns the rules with these IDs.
func only(t *testing.T, ids ...string) []storagetest.Rule {
	t.Helper()
	var out []storagetest.Rule
	for _, r := range storagetest.Rules() {
		if slices.Contains(ids, r.ID) {
			out = append(out, r)
		}
	}
	if len(out) != len(ids) {
		t.Fatalf("%d of the rules %v exist", len(out), ids)
	}
	return out
}
