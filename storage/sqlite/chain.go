package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// PutChain implements [provisioning.ServiceRows].
func (r serviceRows) PutChain(ctx context.Context, c provisioning.Chain) error {
	text, err := encoded("PutChain", c)
	if err != nil {
		return err
	}
	return r.atomically(ctx, "PutChain", func() error {
		if err := r.lock(); err != nil {
			return err
		}
		query := queryChainUpdate
		if c.Version == 1 {
			query = queryChainPut
		}
		b := r.work.misc.start()
		b.int(c.Version)
		b.bytes(text)
		b.string(string(c.State))
		b.string(c.Seller)
		if c.Key == "" {
			b.null()
		} else {
			b.string(c.Key)
		}
		b.string(string(c.ID))
		n, err := r.run(query, b)
		switch {
		case taken(err):
			return fmt.Errorf("an order with key %.255q: %w: %w", c.Key, storage.ErrExists, err)
		case err == nil && n == 0:
			return fmt.Errorf("order %.128q is not at version %d: %w", c.ID, c.Version-1, storage.ErrConflict)
		}
		return err
	})
}

// Chain implements [provisioning.ServiceRows].
func (r serviceRows) Chain(ctx context.Context, id provisioning.ChainID) (provisioning.Chain, error) {
	return onlyRow[provisioning.Chain](ctx, r, "Chain", queryChainFind, r.key(string(id)))
}

// ChainByKey implements [provisioning.ServiceRows].
func (r serviceRows) ChainByKey(ctx context.Context, seller, key string) (provisioning.Chain, error) {
	b := r.work.misc.start()
	b.string(seller)
	b.string(key)
	return onlyRow[provisioning.Chain](ctx, r, "ChainByKey", queryChainKeyed, b)
}

// ChainPage implements [provisioning.ServiceRows].
func (r serviceRows) ChainPage(
	ctx context.Context, state provisioning.ChainState, after provisioning.ChainID, limit int,
) ([]provisioning.Chain, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	f := newFilter(queryChains, r.work)
	if state != "" {
		f.where("state = ?").string(string(state))
	}
	f.where("id > ?").string(string(after))
	return page[provisioning.Chain](ctx, r.inventoryRows, "ChainPage", f.query("id", limit), f.b)
}

// Gate implements [provisioning.ServiceRows].
func (r serviceRows) Gate(ctx context.Context, server provisioning.ServerID) (provisioning.Gate, error) {
	if err := r.reading(ctx); err != nil {
		return provisioning.Gate{}, err
	}
	found, err := page[provisioning.Gate](ctx, r.inventoryRows, "Gate", queryGate, r.key(string(server)))
	if err != nil || len(found) == 0 {
		return provisioning.Gate{Server: server}, err
	}
	return found[0], nil
}

// LockGate implements [provisioning.ServiceRows]. Whoever may write holds the only lock
// there is.
func (r serviceRows) LockGate(ctx context.Context, server provisioning.ServerID) (provisioning.Gate, error) {
	if err := r.writing(ctx); err != nil {
		return provisioning.Gate{}, err
	}
	if err := r.lock(); err != nil {
		return provisioning.Gate{}, failure(ctx, "LockGate", err)
	}
	return r.Gate(ctx, server)
}

// PutGate implements [provisioning.ServiceRows].
func (r serviceRows) PutGate(ctx context.Context, g provisioning.Gate) error {
	text, err := encoded("PutGate", g)
	if err != nil {
		return err
	}
	return r.atomically(ctx, "PutGate", func() error {
		b := r.key(string(g.Server))
		b.bytes(text)
		if g.ClosedUntil.IsZero() {
			b.null()
		} else {
			b.instant(g.ClosedUntil)
		}
		_, err := r.exec(queryGatePut, b)
		return err
	})
}

// Gates implements [provisioning.ServiceRows].
func (r serviceRows) Gates(
	ctx context.Context, closedAt time.Time, after provisioning.ServerID, limit int,
) ([]provisioning.Gate, error) {
	if err := r.reading(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	b := r.key(string(after))
	query := queryGates
	if !closedAt.IsZero() {
		query = queryGatesClosed
		b.instant(closedAt)
	}
	b.int(int64(limit))
	return page[provisioning.Gate](ctx, r.inventoryRows, "Gates", query, b)
}
