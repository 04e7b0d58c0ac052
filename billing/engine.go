package billing

import (
	"context"
	"log/slog"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Options are the settings of an [Engine]. The zero value works.
type Options struct {
	Clock  tierhost.Clock // nil: the system's
	IDs    tierhost.IDs   // nil: UUIDs; for events
	Logger *slog.Logger   // nil: discards
	// Observer is told of actions and runs; nil: nobody.
	Observer Observer
	// Hook takes part in the transactions of accounts below resellers; nil: there are no
	// resellers. reseller.New sets it.
	Hook Hook
	// MaxDepth is how many levels of resellers there may be, one below the other; 0: 1.
	MaxDepth int
	// RunEntryBound is the most entries that a run may make for one account and day
	// before it parks the account; 0: 10,000. Actions of people are not bounded.
	RunEntryBound int
}

// Observer is told what the engine has done, for metrics, and how long it took by the
// engine's clock. It is called after the commit (of an engine made by In: before the
// host's), by the goroutine that worked, and must be quick and safe for concurrent use.
type Observer interface {
	Acted(action string, took time.Duration, err error)
	Ran(report RunReport, took time.Duration, err error)
}

// Engine is the books of a hosting company: catalog, accounts, ledger, documents and
// the nightly run. It is safe for concurrent use; it starts no goroutine except in
// [Engine.Run], which ends them before it returns.
type Engine struct {
	store Store
	opt   Options
	cache *catalog
	tx    storage.Tx // set by In
	// present: actions are of today, see Present.
	present bool
	// departing: it works for a [Leaver], and closes what leaves.
	departing bool
}

// New returns an engine on a store. Several engines, in one process or many, may use
// one store.
func New(store Store, o Options) (*Engine, error) {
	if store == nil {
		return nil, tierhost.E("billing.New", tierhost.KindInvalid, "no_store", nil)
	}
	if o.Clock == nil {
		o.Clock = tierhost.SystemClock()
	}
	if o.IDs == nil {
		o.IDs = tierhost.UUIDs()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 1
	}
	if o.RunEntryBound <= 0 {
		o.RunEntryBound = 10_000
	}
	return &Engine{store: store, opt: o, cache: newCatalog()}, nil
}

// In returns an engine whose calls work in a transaction of the host's, obtained from
// the store's Wrap or given by its Update: what they write commits or rolls back with
// it. Such an engine is used by one goroutine, for that transaction only. After an
// error that is not a [Refusal] the host must roll back.
func (e *Engine) In(tx storage.Tx) *Engine {
	c := *e
	c.tx = tx
	c.cache = e.cache.private()
	return &c
}

// Present returns an engine on which nothing is dated back: an action of a day before
// today in its seller's zone is [ErrDayPassed], unless its key has been used for it
// already, when it is replayed. It is for those who may not choose the price list that
// was in force on another day.
func (e *Engine) Present() *Engine {
	c := *e
	c.present = true
	return &c
}

// update runs fn in a transaction that writes: the host's, or one of its own. final
// says that the transaction ends with fn.
func (e *Engine) update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx, rows Rows, final bool) error) error {
	if e.tx != nil {
		rows, err := e.store.Billing(e.tx)
		if err != nil {
			return err
		}
		return fn(ctx, e.tx, rows, false)
	}
	return e.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := e.store.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, tx, rows, true)
	})
}

// view runs fn in a transaction that reads: the host's, or one of its own.
func (e *Engine) view(ctx context.Context, fn func(ctx context.Context, tx storage.Tx, rows Rows) error) error {
	if e.tx != nil {
		rows, err := e.store.Billing(e.tx)
		if err != nil {
			return err
		}
		return fn(ctx, e.tx, rows)
	}
	return e.store.View(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := e.store.Billing(tx)
		if err != nil {
			return err
		}
		return fn(ctx, tx, rows)
	})
}
