package conformance

import (
	"sync"
	"testing"
	"time"
)

// StoreHarness describes a store to a suite of rules about its rows.
type StoreHarness[S any] struct {
	// New returns an empty store that shares nothing with any other; two or more are
	// used at once. What has to be closed is closed with t.Cleanup.
	New func(t *testing.T) S
	// Reopen ends s, as the end of the process would, and opens the same data anew.
	// nil: durability is not tested, which is reported.
	Reopen func(t *testing.T, s S) S
	// Patience is how long a call may take before it is held to be stuck; 0: 10 s.
	Patience time.Duration
}

// AtOnce runs fn n times at once, and ends the check if they are stuck.
func (h StoreHarness[S]) AtOnce(t *T, n int, fn func(i int)) {
	t.Helper()
	patience := h.Patience
	if patience <= 0 {
		patience = 10 * time.Second
	}
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	if !Within(patience, all.Wait) {
		t.Fatalf("%d transactions at once are stuck", n)
	}
}
