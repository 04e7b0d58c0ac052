package reseller

import (
	"context"
	"log/slog"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Options are the settings of a [Manager]. The zero value works.
type Options struct {
	// Billing are the settings of the engine; MaxDepth among them says how many levels
	// of resellers there may be. Its Hook is set by [New].
	Billing billing.Options
	// MinMargin says what to do about plans of resellers that sell a resource below what
	// it costs them.
	MinMargin MarginRule
	// MaxTrialDays is how long trials of resellers' customers may be: what is used in
	// them is not owed before they end. 0: 31; negative: no trials.
	MaxTrialDays int
	// FreeTrials: resellers owe nothing for what their customers use in trials. Otherwise
	// they owe it when the trial ends, whether the customer then buys or not.
	FreeTrials bool
}

// Manager is the business of a host with resellers: an engine whose movements are
// rated at wholesale too, and the closing of resellers' days. It is safe for concurrent
// use; it starts no goroutine.
type Manager struct {
	store  Store
	engine *billing.Engine
	opt    Options
	clock  tierhost.Clock
	ids    tierhost.IDs
	log    *slog.Logger
	tx     storage.Tx // set by In
}

// New returns a manager on a store, with an engine of its own. All processes that work
// on a store with resellers do so through one.
func New(store Store, o Options) (*Manager, error) {
	if store == nil {
		return nil, tierhost.E("reseller.New", tierhost.KindInvalid, "no_store", nil)
	}
	switch o.MinMargin {
	case MarginWarn, MarginRefuse, MarginOff:
	default:
		var is tierhost.Issues
		is.Add("min_margin", billing.FaultKind, "%q is no rule", o.MinMargin)
		return nil, is.Err()
	}
	if o.MaxTrialDays == 0 {
		o.MaxTrialDays = 31
	}
	m := &Manager{store: store}
	o.Billing.Hook = hook{store: store, maxTrial: o.MaxTrialDays, freeTrials: o.FreeTrials, m: m}
	if o.Billing.Clock == nil {
		o.Billing.Clock = tierhost.SystemClock()
	}
	if o.Billing.IDs == nil {
		o.Billing.IDs = tierhost.UUIDs()
	}
	if o.Billing.Logger == nil {
		o.Billing.Logger = slog.New(slog.DiscardHandler)
	}
	engine, err := billing.New(store, o.Billing)
	if err != nil {
		return nil, err
	}
	m.engine, m.opt, m.clock, m.ids, m.log = engine, o, o.Billing.Clock, o.Billing.IDs, o.Billing.Logger
	return m, nil
}

// Billing returns the engine. What is done through it to accounts below resellers has
// its shadows in the same transaction.
func (m *Manager) Billing() *billing.Engine { return m.engine }

// In returns a manager whose calls work in a transaction of the host's, as
// [billing.Engine.In] does.
func (m *Manager) In(tx storage.Tx) *Manager {
	c := *m
	c.tx, c.engine = tx, m.engine.In(tx)
	return &c
}

// update runs fn in a transaction that writes: the host's, or one of its own.
func (m *Manager) update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx, rows Rows) error) error {
	do := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Reseller(tx)
		if err != nil {
			return err
		}
		return fn(ctx, tx, rows)
	}
	if m.tx != nil {
		return do(ctx, m.tx)
	}
	return m.store.Update(ctx, do)
}

// view runs fn in a transaction that reads: the host's, or one of its own.
func (m *Manager) view(ctx context.Context, fn func(ctx context.Context, tx storage.Tx, rows Rows) error) error {
	do := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Reseller(tx)
		if err != nil {
			return err
		}
		return fn(ctx, tx, rows)
	}
	if m.tx != nil {
		return do(ctx, m.tx)
	}
	return m.store.View(ctx, do)
}
