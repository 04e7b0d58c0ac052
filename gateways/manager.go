package gateways

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

// Options are the settings of a [Manager]. The zero value works, for a manager that calls
// no gateway.
type Options struct {
	Clock  tierhost.Clock // nil: the system's
	IDs    tierhost.IDs   // nil: UUIDs
	Logger *slog.Logger   // nil: discards
	// Gateways do the work, by the name that [Account.Gateway] has.
	Gateways map[string]Gateway
	// Sealer encrypts the secrets of accounts and the tokens of instruments. nil: there
	// can be neither.
	Sealer secret.Sealer
	// Settler books what has moved. nil: nothing is booked, which suits tests only.
	Settler Settler
	// Retry says what becomes of soft declines.
	Retry RetryRules
	// Timeout bounds a call of a gateway; 0: 60 seconds.
	Timeout time.Duration
	// Lease is how long a worker has a payment before another one may think it dead; 0:
	// five minutes. It is made longer than Timeout.
	Lease time.Duration
	// Doubt is how long after a call a provider that does not know the operation is not
	// believed: the call may be on its way still; 0: 15 minutes. It is not below Lease.
	Doubt time.Duration
	// Look and LookMost are how long it waits before it looks again what became of an
	// operation, at first and at the most; 0: one minute, six hours.
	Look     time.Duration
	LookMost time.Duration
	// Page is how long a customer may take on a provider's page, or for what a card's issuer
	// asks, if the provider does not say; 0: 24 hours.
	Page time.Duration
	// Idle is how long [Manager.Run] waits at the most; 0: 30 seconds.
	Idle time.Duration
	// Give is after how many looks in vain a payment is parked, and after how many tries a
	// notice; 0: 40.
	Give int
	// Rand yields numbers in [0,1) for jitter; nil: a generator seeded by the runtime.
	Rand func() float64
}

// Manager takes payments. It is safe for concurrent use and starts no goroutine.
type Manager struct {
	store Store
	opt   Options
}

// New returns a manager on a store. Several managers, in one process or many, may use one
// store.
func New(store Store, o Options) (*Manager, error) {
	if store == nil {
		return nil, tierhost.E("gateways.New", tierhost.KindInvalid, "no_store", nil)
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
	if o.Settler == nil {
		o.Settler = SettlerFunc(func(context.Context, storage.Tx, Settlement) error { return nil })
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.Lease <= 0 {
		o.Lease = 5 * time.Minute
	}
	o.Lease = max(o.Lease, o.Timeout+outcomeTime)
	if o.Doubt <= 0 {
		o.Doubt = 15 * time.Minute
	}
	o.Doubt = max(o.Doubt, o.Lease) // as long a call may begin late
	if o.Look <= 0 {
		o.Look = time.Minute
	}
	if o.LookMost <= 0 {
		o.LookMost = 6 * time.Hour
	}
	if o.Page <= 0 {
		o.Page = 24 * time.Hour
	}
	if o.Idle <= 0 {
		o.Idle = 30 * time.Second
	}
	if o.Give <= 0 {
		o.Give = 40
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	o.Retry = o.Retry.withDefaults()
	return &Manager{store: store, opt: o}, nil
}

// outcomeTime is how long the outcome of a call may take to be stored when the caller has
// given up already.
const outcomeTime = 30 * time.Second

// now is one reading of the clock, as it is kept.
func (m *Manager) now() time.Time { return m.opt.Clock.Now().UTC().Truncate(time.Microsecond) }

// operationID makes an ID that every provider takes as a key, whatever the host's are like.
func (m *Manager) operationID(kind string) OperationID {
	made := m.opt.IDs.NewID(kind)
	id := []byte(made)
	for i, c := range id {
		switch {
		case isDigit(c), isLetter(c), c == '-':
		case c == '_':
			id[i] = '-'
		default:
			id = nil
		}
		if id == nil {
			break
		}
	}
	if len(id) == 0 || len(id) > 36 {
		sum := sha256.Sum256([]byte(made))
		return OperationID(kind + "-" + hex.EncodeToString(sum[:16]))
	}
	return OperationID(id)
}

// unit is what one transaction does.
type unit struct {
	m      *Manager
	tx     storage.Tx
	rows   Rows
	now    time.Time
	events []*storage.Event
	// account is one that was read already; the zero Account: none.
	account Account
}

// update runs fn in a transaction that writes. fn may run several times.
func (m *Manager) update(ctx context.Context, fn func(ctx context.Context, u *unit) error) error {
	return m.store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Gateways(tx)
		if err != nil {
			return err
		}
		u := &unit{m: m, tx: tx, rows: rows, now: m.now()}
		if err := fn(ctx, u); err != nil {
			return err
		}
		if len(u.events) == 0 {
			return nil
		}
		outbox, err := m.store.Outbox(tx)
		if err != nil {
			return err
		}
		return outbox.Append(ctx, u.events)
	})
}

// view runs fn in a transaction that reads.
func (m *Manager) view(ctx context.Context, fn func(ctx context.Context, rows Rows) error) error {
	return m.store.View(ctx, func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Gateways(tx)
		if err != nil {
			return err
		}
		return fn(ctx, rows)
	})
}

// missing makes a row that is not there the sentinel of its sort.
func missing(sentinel, err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return errors.Join(sentinel, err)
	}
	return err
}

// errElsewhere: a gateway that this process has not got; another may.
var errElsewhere error = tierhost.E("", tierhost.KindUnsupported, "unknown_gateway", nil)

func unknownGateway(name string) error {
	return fmt.Errorf("%w: there is no gateway %.128q here", errElsewhere, name)
}

// place is an account as its gateway sees it. It opens the account's secret, and is not
// called within a transaction.
func (m *Manager) place(ctx context.Context, a Account) (Place, Gateway, error) {
	g := m.opt.Gateways[a.Gateway]
	if g == nil {
		return Place{}, nil, unknownGateway(a.Gateway)
	}
	at := Place{Account: a.ID, Live: a.Live, Config: a.Config}
	if len(a.Sealed) == 0 {
		return at, g, nil
	}
	plain, err := m.open(ctx, a.Sealed, aboutAccount(a.ID))
	at.Secret = plain
	if err == nil && m.stale(a.Sealed) {
		m.lazily(ctx, func() (bool, error) { return m.resealAccount(ctx, a) })
	}
	return at, g, err
}
