package memory

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/tierhost/tierhost/storage"
)

// tries bounds how often Update runs a function that reports a conflict.
const tries = 20

// Store is a store in memory. Make one with [New]; it is safe for concurrent use.
type Store struct {
	turn      chan struct{} // held by the one transaction that writes
	committed atomic.Pointer[state]

	// Neither is rolled back: what a transaction that failed has seen is not given
	// out again.
	lastID       atomic.Int64 // the largest account ID that was ever drawn or inserted
	lastRevision atomic.Int64 // of the catalog
}

// state is everything that is stored, at one instant. A committed state never
// changes; an Update works on a copy that shares its trees.
type state struct {
	outbox    outboxState
	billing   billingState
	reseller  resellerState
	brands    brandState
	inventory inventoryState
	services  serviceState
	gateways  gatewayState
	dns       dnsState
	support   supportState
}

// New returns an empty store.
func New() *Store {
	s := &Store{turn: make(chan struct{}, 1)}
	s.committed.Store(&state{
		outbox: newOutboxState(), billing: newBillingState(), reseller: newResellerState(), brands: newBrandState(),
		inventory: newInventoryState(), services: newServiceState(), gateways: newGatewayState(), dns: newDNSState(),
		support: newSupportState(),
	})
	return s
}

// Update implements [storage.Transactor]. Transactions that write run one at a
// time, in no particular order; waiting ends when ctx is done. A function that
// returns an error which is [storage.ErrConflict] is run again at once, at most 20
// times in all: while it waits for its turn again, others may remove the conflict.
func (s *Store) Update(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	inner, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err = s.updateOnce(inner, fn)
		if try >= tries || !errors.Is(err, storage.ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *Store) updateOnce(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.turn }()

	work := *s.committed.Load()
	t := &tx{store: s, state: &work, own: new(owner)}
	defer t.end() // also when fn panics or ends its goroutine
	if err := fn(ctx, t); err != nil {
		return err
	}
	if err := t.failure(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.committed.Store(&work)
	return nil
}

// View implements [storage.Transactor]. It neither waits for anything nor holds
// anything up: fn reads the state that was committed last when View was called.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	inner, err := storage.Enter(ctx, s)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &tx{store: s, state: s.committed.Load()}
	defer t.end()
	if err := fn(inner, t); err != nil {
		return err
	}
	return ctx.Err()
}
