package payments

import (
	"context"
	"errors"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/storage"
)

// errClosed is what the books say when they take nothing.
var errClosed error = tierhost.E("books", tierhost.KindPrecondition, "closed", nil)

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

// flaky is a store that fails as decide says.
type flaky struct {
	gateways.Store
	decide func() fault
}

// Update implements [storage.Transactor].
func (f *flaky) Update(ctx context.Context, fn func(context.Context, storage.Tx) error) error {
	how := f.decide()
	if how == before {
		return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, errInjected)
	}
	again := how == conflict
	err := f.Store.Update(ctx, func(ctx context.Context, tx storage.Tx) error {
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
