package provisioning

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning/placement"
	"github.com/tierhost/tierhost/storage"
)

// Options are the settings of a [Manager]. The zero value works.
type Options struct {
	Clock  tierhost.Clock // nil: the system's
	IDs    tierhost.IDs   // nil: UUIDs; for events and reservations
	Logger *slog.Logger   // nil: discards
	// Drivers do the work on servers, by the name that [Server.Driver] has. nil: this
	// manager keeps the inventory and calls no driver.
	Drivers map[string]Driver
	// Rest is how long an address that was released is kept back before somebody else
	// gets it. 0: 72 hours; below 0: none.
	Rest time.Duration
	// Hold is how long a reservation is held if the request does not say; 0: 15 minutes.
	Hold time.Duration
	// Refresh is how long placement goes by the loads and the inventory that it knows
	// before it looks what other processes have changed; 0: 5 seconds. Old knowledge costs
	// a second try at times, never room that is not there.
	Refresh time.Duration
	// Policy is how a server is chosen among those that can take a demand; the zero value
	// picks any of them at random. Policies are those of groups that have their own.
	Policy   placement.Policy
	Policies map[GroupID]placement.Policy
	// Seed is where the randomness of placement starts; 0: anywhere.
	Seed uint64
	// Work is how services are worked on.
	Work WorkOptions
}

// policy is how a server of a group is chosen.
func (o *Options) policy(g GroupID) placement.Policy {
	if p, ok := o.Policies[g]; ok {
		return p
	}
	return o.Policy
}

// Manager keeps the inventory, reserves room in it, and keeps services at their desired
// state. It is safe for concurrent use and starts no goroutine.
type Manager struct {
	store Store
	opt   Options
	fleet *fleet
	tx    storage.Tx // set by In
}

// New returns a manager on a store. Several managers, in one process or many, may use
// one store.
func New(store Store, o Options) (*Manager, error) {
	if store == nil {
		return nil, tierhost.E("provisioning.New", tierhost.KindInvalid, "no_store", nil)
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
	if o.Rest == 0 {
		o.Rest = 72 * time.Hour
	}
	o.Rest = max(o.Rest, 0)
	if o.Hold <= 0 {
		o.Hold = 15 * time.Minute
	}
	if o.Refresh <= 0 {
		o.Refresh = 5 * time.Second
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	o.Work = o.Work.withDefaults()
	return &Manager{store: store, opt: o, fleet: newFleet(o.Seed)}, nil
}

// In returns a manager whose calls work in a transaction of the host's: what they write
// commits or rolls back with it. Such a manager is used by one goroutine, for that
// transaction only. After an error the host must roll back.
func (m *Manager) In(tx storage.Tx) *Manager {
	c := *m
	c.tx = tx
	return &c
}

// now is one reading of the clock, as it is kept.
func (m *Manager) now() time.Time { return m.opt.Clock.Now().UTC().Truncate(time.Microsecond) }

// update runs fn in a transaction that writes: the host's, or one of its own.
func (m *Manager) update(ctx context.Context, fn func(ctx context.Context, rows Rows, outbox storage.Outbox) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Provisioning(tx)
		if err != nil {
			return err
		}
		outbox, err := m.store.Outbox(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows, outbox)
	}
	if m.tx != nil {
		return within(ctx, m.tx)
	}
	return m.store.Update(ctx, within)
}

// view runs fn in a transaction that reads: the host's, or one of its own.
func (m *Manager) view(ctx context.Context, fn func(ctx context.Context, rows Rows) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Provisioning(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	}
	if m.tx != nil {
		return within(ctx, m.tx)
	}
	return m.store.View(ctx, within)
}
