package billingtest

import (
	"slices"
	"testing"
	"time"

	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// Harness describes a store to the suite.
type Harness struct {
	// New returns an empty store that shares nothing with any other; two or more are
	// used at once. What has to be closed is closed with t.Cleanup.
	New func(t *testing.T) billing.Store
	// Reopen ends s, as the end of the process would, and opens the same data anew.
	// nil: durability is not tested, which is reported.
	Reopen func(t *testing.T, s billing.Store) billing.Store
	// Concurrent tells that two Updates of different accounts can be open at once.
	Concurrent bool
	// Patience is how long a call may take before it is held to be stuck; 0: 10 s.
	Patience time.Duration
}

func (h Harness) patience() time.Duration {
	if h.Patience > 0 {
		return h.Patience
	}
	return 10 * time.Second
}

// moment is how long the suite waits for what must not happen, or need not.
const moment = 50 * time.Millisecond

// TestStore runs every rule of billing.Rows against the store.
func TestStore(t *testing.T, h Harness) {
	t.Helper()
	conformance.Run(t, h, Rules())
}

// Rule is a rule about billing.Rows.
type Rule = conformance.Rule[Harness]

// Rules returns the rules that [TestStore] runs.
func Rules() []Rule {
	return slices.Concat(catalogRules(), loadRules(), writeRules(), refusalRules(), numberRules(), exactRules(),
		copyRules(), listRules(), bookRules(), lockRules(), txRules(), modelRules(), durabilityRules())
}

func notConcurrent(h Harness) string {
	if !h.Concurrent {
		return "the harness declares that the store runs one Update at a time"
	}
	return ""
}
