package support

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// Parents tell who is above whom.
//
// Within v1 no method will be added to this interface.
type Parents interface {
	// Parent returns the seller above a seller, and the account that the seller has there.
	// It reads within tx and MUST have no other effect. A seller above which nobody is, the
	// host, is [ErrNoParent].
	Parent(ctx context.Context, tx storage.Tx, seller string) (Parent, error)
}

// Parent is a seller as another one's customer sees it.
type Parent struct {
	Seller  string
	Account string // that the seller below has there
}

// Options are the settings of a [Manager]. The zero value works.
type Options struct {
	Clock  tierhost.Clock // nil: the system's
	IDs    tierhost.IDs   // nil: UUIDs
	Logger *slog.Logger   // nil: discards
	// Host is the seller that the host is: system errors become tickets of its queue
	// ErrorQueue.
	Host       string
	ErrorQueue QueueID
	// Parents tell who is above whom; nil: nobody is above anybody.
	Parents Parents
	// Blobs keep attachments; nil: the store does, in the transaction of their message.
	Blobs Blobs
	// MaxFile is how large an attachment may be, in bytes; 0: 10 MiB. Those of a message are
	// together at most four times as large.
	MaxFile int
	// Biller bills custom jobs; nil: they cannot be billed.
	Biller Biller
	// Indexer makes the index that a knowledge base is searched by; nil: [NewWordIndex]
	// with English stems.
	Indexer func(articles []Article) Index
	// Words say what the words of tickets are, by which [Agent.FindTickets] finds them; nil in it:
	// English. What was written before they are changed is found by what they were.
	Words WordOptions
	// Idle is how long [Manager.Run] waits at most when there is nothing to do; 0: a minute.
	Idle time.Duration
}

// Manager is the support desks of all sellers. What somebody may see and do is in the
// handle that it gives to them: [Manager.Customer], [Manager.Agent], [Manager.Public]. It
// is safe for concurrent use and starts no goroutine.
type Manager struct {
	store Store
	opt   Options
	cache *indexCache
	tx    storage.Tx // set by In
}

// NewManager returns a manager on a store. Several managers, in one process or many, may
// use one store.
func NewManager(store Store, o Options) (*Manager, error) {
	if store == nil {
		return nil, tierhost.E("support.NewManager", tierhost.KindInvalid, "no_store", nil)
	}
	if o.ErrorQueue != "" && o.Host == "" {
		return nil, tierhost.E("support.NewManager", tierhost.KindInvalid, "no_host", errors.New("a queue for system errors is the host's"))
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
	if o.MaxFile <= 0 {
		o.MaxFile = 10 << 20
	}
	if o.Indexer == nil {
		o.Indexer = func(articles []Article) Index { return NewWordIndex(articles, WordOptions{}) }
	}
	o.Words = o.Words.filled()
	if o.Idle <= 0 {
		o.Idle = time.Minute
	}
	return &Manager{store: store, opt: o, cache: &indexCache{built: map[indexKey]builtIndex{}, mu: new(sync.Mutex)}}, nil
}

// In returns a manager whose calls, and those of the handles that it gives, work in a
// transaction of the host's: what they write commits or rolls back with it. Such a manager
// is used by one goroutine, for that transaction only. After an error the host must roll
// back.
func (m *Manager) In(tx storage.Tx) *Manager {
	c := *m
	c.tx = tx
	return &c
}

// now is one reading of the clock, as it is kept.
func (m *Manager) now() time.Time { return m.opt.Clock.Now().UTC().Truncate(time.Microsecond) }

// parent returns who is above a seller.
func (u *unit) parent(ctx context.Context, seller string) (Parent, error) {
	if u.m.opt.Parents == nil {
		return Parent{}, ErrNoParent
	}
	return u.m.opt.Parents.Parent(ctx, u.tx, seller)
}

// Customer is what one account of a seller may see and do: its own tickets, without notes
// or anything else that is the seller's, the articles for customers, its jobs.
type Customer struct {
	m               *Manager
	seller, account string
}

// Customer returns the handle of an account. Who is on the other side was established by
// the caller.
func (m *Manager) Customer(seller, account string) *Customer {
	return &Customer{m, seller, account}
}

// Agent is what a person at a seller's desk may see and do: everything of that seller's,
// and nothing of another's.
type Agent struct {
	m              *Manager
	seller, person string
}

// Agent returns the handle of a person at a seller's desk. What of it the person is allowed
// to use is for the caller to decide.
func (m *Manager) Agent(seller, person string) *Agent { return &Agent{m, seller, person} }

// Public is what everybody may read of a seller's.
type Public struct {
	m      *Manager
	seller string
}

// Public returns the handle of everybody.
func (m *Manager) Public(seller string) *Public { return &Public{m, seller} }
