package sqlite

import (
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Options are the settings of a [Store]. The zero value works.
type Options struct {
	// BusyTimeout is how long a transaction waits for its turn to write before it
	// fails with [storage.ErrConflict]; 0: 10 s. It is not tried again then.
	BusyTimeout time.Duration
	// Readers is how many Views may run at once on a store made by [Open]; 0: 4. More
	// wait for one to end.
	Readers int
	// Retry bounds how often Update runs a function that reports a conflict, such as
	// an account of another version; the zero value is the default of
	// [storage.RetryPolicy].
	Retry storage.RetryPolicy
	// ManualMigration leaves the schema alone until the host calls [Store.Migrate].
	// Until then transactions fail with [storage.ErrSchema].
	ManualMigration bool
}

func (o Options) withDefaults() (Options, error) {
	var issues tierhost.Issues
	if o.BusyTimeout < 0 {
		issues.Add("busy_timeout", "negative", "a timeout cannot be negative, got %s", o.BusyTimeout)
	}
	if o.Readers < 0 {
		issues.Add("readers", "negative", "the number of readers cannot be negative, got %d", o.Readers)
	}
	if err := issues.Err(); err != nil {
		return o, fmt.Errorf("sqlite: options: %w", err)
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 10 * time.Second
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	return o, nil
}
