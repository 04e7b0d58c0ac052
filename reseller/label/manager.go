package label

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// Options are the settings of a [Manager]. The zero value works.
type Options struct {
	Clock  tierhost.Clock // nil: the system's
	IDs    tierhost.IDs   // nil: UUIDs; for events
	Logger *slog.Logger   // nil: discards
	// TTL is how long ResolveHost may answer from memory: the longest that a brand which
	// another process has changed is still served as it was. 0: 10 seconds; below 0:
	// nothing is kept in memory.
	TTL time.Duration
	// CacheSize is the most hosts kept in memory, those that are known and those that
	// are not each; 0: 4096.
	CacheSize int
	// Sellers, usually the same store, is asked whether the seller of a brand exists, and
	// who is above it ([Manager.Above]). nil: any seller may have a brand.
	Sellers Sellers
	// Serves says whether a seller's panel is served at all: a host asks whether the
	// seller sleeps, or was closed. If not, the middleware answers as for hosts of nobody.
	// It is asked at each request, at the same time for several. nil: all are served.
	Serves func(ctx context.Context, seller billing.SellerID) (bool, error)
	// TrustedProxies are the addresses of proxies whose X-Forwarded-Host header is
	// believed. Empty: nobody's.
	TrustedProxies []netip.Prefix
}

// Manager keeps brands and finds the brand of a request. It is safe for concurrent use
// and starts no goroutine.
type Manager struct {
	store Store
	opt   Options
	cache *hostCache
	tx    storage.Tx // set by In
}

// New returns a manager on a store. Several managers, in one process or many, may use
// one store.
func New(store Store, o Options) (*Manager, error) {
	if store == nil {
		return nil, tierhost.E("label.New", tierhost.KindInvalid, "no_store", nil)
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
	if o.TTL == 0 {
		o.TTL = 10 * time.Second
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 4096
	}
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
	return &Manager{store: store, opt: o, cache: newHostCache(o.TTL, o.CacheSize)}, nil
}

// In returns a manager whose calls work in a transaction of the host's: what they write
// commits or rolls back with it. Such a manager is used by one goroutine, for that
// transaction only, and reads past the memory. After an error the host must roll back;
// after the commit it should call [Manager.Forget].
func (m *Manager) In(tx storage.Tx) *Manager {
	c := *m
	c.tx = tx
	return &c
}

// Forget empties the memory of ResolveHost.
func (m *Manager) Forget() { m.cache.forget() }

// Put makes or changes a seller's brand and returns it as it is kept: in its normal form
// and with the next version. b.Version is the version that was read, 0 for none.
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrStale] if the
// brand has another version by now, with [ErrHostTaken] if a host name belongs to another
// brand, and with [billing.ErrUnknownSeller] if [Options.Sellers] does not know the seller.
func (m *Manager) Put(ctx context.Context, b Brand) (Brand, error) {
	const op = "label.Put"
	normal, err := b.Normal()
	if err != nil {
		return Brand{}, err
	}
	var kept Brand
	err = m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows, outbox storage.Outbox) error {
		kept = normal.Clone()
		if m.opt.Sellers != nil {
			if _, err := m.seller(ctx, tx, b.Seller); err != nil {
				return tierhost.E(op, 0, "", err)
			}
		}
		old, err := rows.Brand(ctx, b.Seller)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		if old.Version != b.Version {
			return tierhost.E(op, 0, "", fmt.Errorf("%w: version %d was given, %d is there", ErrStale, b.Version, old.Version))
		}
		for _, host := range kept.Hosts {
			other, err := rows.BrandByHost(ctx, host)
			switch {
			case errors.Is(err, storage.ErrNotFound):
			case err != nil:
				return err
			case other.Seller != b.Seller:
				return tierhost.E(op, 0, "", fmt.Errorf("%w: %s", ErrHostTaken, host))
			}
		}
		kept.Version, kept.Changed = b.Version+1, m.opt.Clock.Now().UTC().Truncate(time.Microsecond)
		if err := rows.PutBrand(ctx, kept); err != nil {
			return err
		}
		return outbox.Append(ctx, []*storage.Event{newEvent(m.opt.IDs.NewID("evt"), kept.Changed, b.Seller,
			BrandChanged{Seller: b.Seller, Version: kept.Version, Hosts: kept.Hosts, Gone: without(old.Hosts, kept.Hosts)})})
	})
	if err != nil {
		return Brand{}, err
	}
	return kept, nil
}

// Brand returns a seller's brand, or [ErrNoBrand]. It reads the store.
func (m *Manager) Brand(ctx context.Context, seller billing.SellerID) (b Brand, err error) {
	err = m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
		b, err = rows.Brand(ctx, seller)
		return err
	})
	return b, unknown("label.Brand", err)
}

// Remove deletes a seller's brand; its hosts are free from then on. version is the one
// that was read. It fails with [ErrNoBrand] or [ErrStale].
func (m *Manager) Remove(ctx context.Context, seller billing.SellerID, version int64) error {
	const op = "label.Remove"
	return m.update(ctx, func(ctx context.Context, _ storage.Tx, rows Rows, outbox storage.Outbox) error {
		old, err := rows.Brand(ctx, seller)
		if err != nil {
			return unknown(op, err)
		}
		if old.Version != version {
			return tierhost.E(op, 0, "", fmt.Errorf("%w: version %d was given, %d is there", ErrStale, version, old.Version))
		}
		if err := rows.RemoveBrand(ctx, seller, version); err != nil {
			return unknown(op, err)
		}
		now := m.opt.Clock.Now().UTC().Truncate(time.Microsecond)
		return outbox.Append(ctx, []*storage.Event{newEvent(m.opt.IDs.NewID("evt"), now, seller,
			BrandRemoved{Seller: seller, Gone: old.Hosts})})
	})
}

// pageSize is how many brands are read at once.
const pageSize = 100

// Brands yields all brands, by seller. An error is yielded once and ends the sequence.
// No transaction is held meanwhile; each range starts anew.
func (m *Manager) Brands(ctx context.Context) iter.Seq2[Brand, error] {
	return func(yield func(Brand, error) bool) {
		for after := billing.SellerID(""); ; {
			var page []Brand
			err := m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
				page, err = rows.Brands(ctx, after, pageSize)
				return err
			})
			if err != nil {
				yield(Brand{}, err)
				return
			}
			for _, b := range page {
				if !yield(b, nil) {
					return
				}
				after = b.Seller
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// unknown makes a row that is not there [ErrNoBrand].
func unknown(op string, err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return tierhost.E(op, 0, "", fmt.Errorf("%w: %w", ErrNoBrand, err))
	}
	return err
}

// without returns what is in a and not in b.
func without(a, b []string) []string {
	var rest []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// update runs fn in a transaction that writes: the host's, or one of its own, after
// which the memory is emptied.
func (m *Manager) update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx, rows Rows, outbox storage.Outbox) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Label(tx)
		if err != nil {
			return err
		}
		outbox, err := m.store.Outbox(tx)
		if err != nil {
			return err
		}
		return fn(ctx, tx, rows, outbox)
	}
	if m.tx != nil {
		return within(ctx, m.tx)
	}
	defer m.cache.forget() // whatever the error says: a commit may have happened
	return m.store.Update(ctx, within)
}

// view runs fn in a transaction that reads: the host's, or one of its own.
func (m *Manager) view(ctx context.Context, fn func(ctx context.Context, tx storage.Tx, rows Rows) error) error {
	within := func(ctx context.Context, tx storage.Tx) error {
		rows, err := m.store.Label(tx)
		if err != nil {
			return err
		}
		return fn(ctx, tx, rows)
	}
	if m.tx != nil {
		return within(ctx, m.tx)
	}
	return m.store.View(ctx, within)
}
