package provisioning

import (
	"context"
	"errors"
	"iter"
	"runtime/debug"
	"time"

	"github.com/tierhost/tierhost"
)

var errPanicked = errors.New("the driver has panicked; the log says where")

// panicked logs a panic of a driver and returns the failure that it counts as: one driver
// must not end a worker again and again.
func (m *Manager) panicked(ctx context.Context, p any, effect tierhost.Effect, about ...any) error {
	m.opt.Logger.ErrorContext(ctx, "a driver has panicked", append(about, "panic", p, "stack", string(debug.Stack()))...)
	return tierhost.Fail(tierhost.KindInternal, effect, errPanicked)
}

// guard returns a driver, with those abilities that sweeps use, whose panics are failures.
func (m *Manager) guard(d Driver, on ServerID) Driver {
	if d == nil {
		return nil
	}
	g := guard{d, m, on}
	lister, lists := As[Lister](d)
	reader, measures := As[UsageReader](d)
	switch {
	case lists && measures:
		return struct {
			guard
			guardedLister
			guardedUsage
		}{g, guardedLister{lister, g}, guardedUsage{reader, g}}
	case lists:
		return struct {
			guard
			guardedLister
		}{g, guardedLister{lister, g}}
	case measures:
		return struct {
			guard
			guardedUsage
		}{g, guardedUsage{reader, g}}
	}
	return g
}

type guard struct {
	Driver
	m  *Manager
	on ServerID
}

// Unwrap makes the other abilities found.
func (g guard) Unwrap() Driver { return g.Driver }

func (g guard) Read(ctx context.Context, c Call) (o Observation, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = g.m.panicked(ctx, p, tierhost.EffectNone, "service", c.Service.ID, "server", g.on, "verb", VerbRead)
		}
	}()
	return g.Driver.Read(ctx, c)
}

type guardedLister struct {
	lister Lister
	by     guard
}

func (g guardedLister) List(ctx context.Context, on Place, kind Kind) iter.Seq2[Observation, error] {
	return guarded(func() iter.Seq2[Observation, error] { return g.lister.List(ctx, on, kind) }, func(p any) error {
		return g.by.m.panicked(ctx, p, tierhost.EffectNone, "server", g.by.on, "verb", "list")
	})
}

type guardedUsage struct {
	reader UsageReader
	by     guard
}

func (g guardedUsage) Usage(ctx context.Context, on Place, kind Kind, since time.Time) iter.Seq2[Sample, error] {
	return guarded(func() iter.Seq2[Sample, error] { return g.reader.Usage(ctx, on, kind, since) }, func(p any) error {
		return g.by.m.panicked(ctx, p, tierhost.EffectNone, "server", g.by.on, "verb", "usage")
	})
}

// guarded yields what a sequence does, and a panic of it as its last error. Panics of whoever
// ranges over it are left alone.
func guarded[T any](begin func() iter.Seq2[T, error], caught func(p any) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		inside, over := false, false // of the loop's body; it wants no more
		defer func() {
			if inside {
				return
			}
			if p := recover(); p != nil {
				err := caught(p)
				if !over {
					var none T
					yield(none, err)
				}
			}
		}()
		for v, err := range begin() {
			inside = true
			more := yield(v, err)
			inside = false
			if over = !more; over {
				return
			}
		}
	}
}
