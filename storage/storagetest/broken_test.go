package storagetest_test

import (
	"context"
	"time"

	"github.com/tierhost/tierhost/storage"
)

type (
	txFunc  = func(ctx context.Context, tx storage.Tx) error
	runFunc = func(ctx context.Context, fn txFunc) error
)

// hooks stand in the place of a store's methods; nil ones let the call through. next
// is the method of the store below.
type hooks struct {
	update  func(next runFunc, ctx context.Context, fn txFunc) error
	view    func(next runFunc, ctx context.Context, fn txFunc) error
	outbox  func(st storage.OutboxStore, tx storage.Tx) (storage.Outbox, error)
	append  func(next storage.Outbox, ctx context.Context, events []*storage.Event) error
	lease   func(next storage.Outbox, ctx context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error)
	ack     func(next storage.Outbox, ctx context.Context, token string, seqs []int64) (int, error)
	release func(next storage.Outbox, ctx context.Context, token string, seqs []int64, until time.Time, tried bool) error
	purge   func(next storage.Outbox, ctx context.Context, before time.Time, limit int) (int, error)
	pending func(next storage.Outbox, ctx context.Context) (int64, error)
}

// broken is a store with hooks.
type broken struct {
	storage.OutboxStore
	hooks hooks
}

func (b *broken) Update(ctx context.Context, fn txFunc) error {
	if b.hooks.update != nil {
		return b.hooks.update(b.OutboxStore.Update, ctx, fn)
	}
	return b.OutboxStore.Update(ctx, fn)
}

func (b *broken) View(ctx context.Context, fn txFunc) error {
	if b.hooks.view != nil {
		return b.hooks.view(b.OutboxStore.View, ctx, fn)
	}
	return b.OutboxStore.View(ctx, fn)
}

func (b *broken) Outbox(tx storage.Tx) (storage.Outbox, error) {
	open := b.OutboxStore.Outbox
	if b.hooks.outbox != nil {
		open = func(tx storage.Tx) (storage.Outbox, error) { return b.hooks.outbox(b.OutboxStore, tx) }
	}
	ob, err := open(tx)
	if err != nil {
		return nil, err
	}
	return &brokenBox{ob, &b.hooks}, nil
}

// brokenBox is an outbox with hooks.
type brokenBox struct {
	storage.Outbox
	hooks *hooks
}

func (b *brokenBox) Append(ctx context.Context, events []*storage.Event) error {
	if b.hooks.append != nil {
		return b.hooks.append(b.Outbox, ctx, events)
	}
	return b.Outbox.Append(ctx, events)
}

func (b *brokenBox) Lease(ctx context.Context, token string, now, until time.Time, limit int) ([]storage.Event, error) {
	if b.hooks.lease != nil {
		return b.hooks.lease(b.Outbox, ctx, token, now, until, limit)
	}
	return b.Outbox.Lease(ctx, token, now, until, limit)
}

func (b *brokenBox) Ack(ctx context.Context, token string, seqs []int64) (int, error) {
	if b.hooks.ack != nil {
		return b.hooks.ack(b.Outbox, ctx, token, seqs)
	}
	return b.Outbox.Ack(ctx, token, seqs)
}

func (b *brokenBox) Release(ctx context.Context, token string, seqs []int64, until time.Time, tried bool) error {
	if b.hooks.release != nil {
		return b.hooks.release(b.Outbox, ctx, token, seqs, until, tried)
	}
	return b.Outbox.Release(ctx, token, seqs, until, tried)
}

func (b *brokenBox) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if b.hooks.purge != nil {
		return b.hooks.purge(b.Outbox, ctx, before, limit)
	}
	return b.Outbox.Purge(ctx, before, limit)
}

func (b *brokenBox) Pending(ctx context.Context) (int64, error) {
	if b.hooks.pending != nil {
		return b.hooks.pending(b.Outbox, ctx)
	}
	return b.Outbox.Pending(ctx)
}
