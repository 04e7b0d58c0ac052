package dns

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Options are the settings of a [Manager]. The zero value works.
type Options struct {
	Clock  tierhost.Clock // nil: the system's
	IDs    tierhost.IDs   // nil: UUIDs; for events, leases and operations
	Logger *slog.Logger   // nil: discards
	// Drivers reach the name servers, by the name that [Server.Driver] has. nil: this
	// manager keeps zones and publishes nothing.
	Drivers map[string]NameServer
	// Waiver allows both name servers of a zone to be on one machine, as in small
	// installations.
	Waiver bool
	// MaxRecords bounds the custom records of a zone, disabled ones included; 0: 10,000.
	// Zones of [PurposeService] and [PurposeReverse] have no bound.
	MaxRecords int
	// Guards say which changes need approval.
	Guards GuardOptions
	// Rest is how long an instant alias that was released is kept back before somebody
	// else may get the name; 0: 90 days.
	Rest time.Duration
	// Seed is where the choice of servers and the names of instant aliases start; 0:
	// anywhere.
	Seed uint64
	// Work is how zones are brought to their servers.
	Work WorkOptions
}

// Manager keeps zones and publishes them on name servers. It is safe for concurrent use
// and starts no goroutine.
type Manager struct {
	store Store
	opt   Options
	dice  *dice
	tx    storage.Tx // set by In
}

// NewManager returns a manager on a store. Several managers, in one process or many, may
// use one store.
func NewManager(store Store, o Options) (*Manager, error) {
	if store == nil {
		return nil, tierhost.E("dns.NewManager", tierhost.KindInvalid, "no_store", nil)
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
	if o.Rest <= 0 {
		o.Rest = 90 * 24 * time.Hour
	}
	if o.MaxRecords <= 0 {
		o.MaxRecords = 10_000
	}
	source := rand.NewPCG(o.Seed, 0)
	if o.Seed == 0 {
		source = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	o.Work = o.Work.withDefaults()
	return &Manager{store: store, opt: o, dice: &dice{rnd: rand.New(source)}}, nil
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

// dice are random numbers for several goroutines.
type dice struct {
	mu  sync.Mutex
	rnd *rand.Rand
}

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rnd.IntN(n)
}

// unit is what one transaction does.
type unit struct {
	m       *Manager
	rows    Rows
	now     time.Time
	events  []*storage.Event
	parts   *parts
	touched map[Name]touch
}

// touch is that a zone has changed with one below it: from a version, to the present one.
type touch struct{ from, to int64 }

// transact runs fn in a transaction that writes, the host's or one of its own, and
// appends the events. fn may run several times.
func (m *Manager) transact(ctx context.Context, op string, fn func(ctx context.Context, u *unit) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.DNS(tx)
		if err != nil {
			return err
		}
		outbox, err := m.store.Outbox(tx)
		if err != nil {
			return err
		}
		u := &unit{m: m, rows: rows, now: m.now(), parts: newParts(), touched: map[Name]touch{}}
		if err := fn(ctx, u); err != nil || len(u.events) == 0 {
			return err
		}
		return outbox.Append(ctx, u.events)
	}
	if m.tx != nil {
		return named(op, within(ctx, m.tx))
	}
	return named(op, m.store.Update(ctx, within))
}

// view runs fn in a transaction that reads: the host's, or one of its own.
func (m *Manager) view(ctx context.Context, op string, fn func(ctx context.Context, u *unit) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.DNS(tx)
		if err != nil {
			return err
		}
		return fn(ctx, &unit{m: m, rows: rows, now: m.now(), parts: newParts(), touched: map[Name]touch{}})
	}
	if m.tx != nil {
		return named(op, within(ctx, m.tx))
	}
	return named(op, m.store.View(ctx, within))
}

// event notes an event in a seller's books. What names servers goes to the host's: a
// reseller does not learn of its machines.
func (u *unit) event(seller, subject string, d EventData) {
	u.events = append(u.events, newEvent(u.m.opt.IDs.NewID("evt"), u.now, seller, subject, d))
}

// named says which operation has failed.
func named(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*tierhost.Invalid](err); ok {
		return err
	}
	return tierhost.Classify(op, err)
}

// outside refuses what calls drivers in a transaction of the host's.
func (m *Manager) outside(op string) error {
	if m.tx == nil {
		return nil
	}
	return tierhost.E(op, tierhost.KindUnsupported, "in_transaction", errors.New("drivers are called outside of transactions"))
}
