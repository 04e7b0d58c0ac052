package resellertest

import (
	"slices"
	"testing"
	"time"

	"github.com/tierhost/tierhost/reseller"
	"github.com/tierhost/tierhost/storage/storagetest/conformance"
)

// Harness describes a store to the suite.
type Harness struct {
	// New returns an empty store that shares nothing with any other; two or more are
	// used at once. What has to be closed is closed with t.Cleanup.
	New func(t *testing.T) reseller.Store
	// Reopen ends s, as the end of the process would, and opens the same data anew.
	// nil: durability is not tested, which is reported.
	Reopen func(t *testing.T, s reseller.Store) reseller.Store
	// Concurrent tells that two Updates that lock different stocks can be open at once.
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

// TestStore runs every rule of reseller.Rows against the store.
func TestStore(t *testing.T, h Harness) {
	t.Helper()
	conformance.Run(t, h, Rules())
}

// Rule is a rule about reseller.Rows.
type Rule = conformance.Rule[Harness]

// Rules returns the rules that [TestStore] runs.
func Rules() []Rule {
	return slices.Concat(writeRules(), refusalRules(), exactRules(), copyRules(), loadRules(), listRules(), dayRules(),
		lockRules(), txRules(), tenancyRules(), modelRules(), durabilityRules())
}

func notConcurrent(h Harness) string {
	if !h.Concurrent {
		return "the harness declares that the store runs one Update at a time"
	}
	return ""
}
