package services

import (
	"context"
	"errors"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/provisioning"
	"github.com/tierhost/tierhost/storage"
)

// errInjected is in every failure that this package makes.
var errInjected = errors.New("injected fault")

// fault is how a transaction fails.
type fault uint8

const (
	noFault  fault = iota
	before         // it does not begin
	atCommit       // it is rolled back
	conflict       // it is run again
	lost           // it is committed, and the answer is lost
	faults         // how many there are
)

func (f fault) String() string {
	return [...]string{"", "unreachable", "fails at commit", "conflict", "answer lost"}[f]
}

// flaky is a store as one process sees it. When the process is dead everything fails.
type flaky struct {
	provisioning.Store
	dead   bool
	decide func(write bool) fault
}

func (f *flaky) Update(ctx context.Context, fn func(context.Context, storage.Tx) error) error {
	return f.transact(ctx, f.Store.Update, fn, true)
}

func (f *flaky) View(ctx context.Context, fn func(context.Context, storage.Tx) error) error {
	return f.transact(ctx, f.Store.View, fn, false)
}

func (f *flaky) transact(
	ctx context.Context, run func(context.Context, func(context.Context, storage.Tx) error) error,
	fn func(context.Context, storage.Tx) error, write bool,
) error {
	if f.dead {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errInjected)
	}
	how := noFault
	if f.decide != nil {
		how = f.decide(write)
	}
	if how == before {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errInjected)
	}
	again := how == conflict
	err := run(ctx, func(ctx context.Context, tx storage.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		if how == atCommit {
			return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errInjected)
		}
		if again {
			again = false
			return storage.ErrConflict
		}
		return nil
	})
	if err == nil && how == lost {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errInjected)
	}
	return err
}
