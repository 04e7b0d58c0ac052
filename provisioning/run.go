package provisioning

import (
	"context"
	"errors"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
	"github.com/tierhost/tierhost/storage"
)

// NextDue returns when there is something to do for [Manager.Step] next: not after now if
// something can be done already, else when the next service becomes due, or a server for
// which services wait may be called again. The zero time: never. Services whose server's
// driver this manager has not got do not count. Hosts that call Step from a schedule of
// their own may wait until then, unless something is changed meanwhile.
func (m *Manager) NextDue(ctx context.Context) (next time.Time, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		u := unit{m: m, rows: rows, now: m.now()}
		if next, err = rows.NextDue(ctx, u.now); err != nil {
			return err
		}
		sooner := func(at time.Time) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
		}
		due, err := rows.DueServices(ctx, u.now, nil, 1)
		if err != nil || len(due) == 0 {
			return err
		}
		closed, err := closedGates(ctx, rows, u.now)
		if err != nil {
			return err
		}
		var except []ServerID
		for _, g := range closed {
			sooner(g.ClosedUntil)
			except = append(except, g.Server)
		}
		for {
			due, err := rows.DueServices(ctx, u.now, except, 1)
			if err != nil || len(due) == 0 {
				return err
			}
			on := due[0].Queue
			open, until, err := u.callable(ctx, on)
			switch {
			case err != nil:
				return err
			case open:
				next = u.now
				return nil
			case !until.IsZero():
				sooner(until)
			}
			except = append(except, on)
		}
	})
	return next, named("provisioning.NextDue", err)
}

// callable reports whether this manager may call a server now, and if not, from when on;
// the zero time: it has no driver for it. Where nothing is called, something can be done.
func (u *unit) callable(ctx context.Context, on ServerID) (open bool, until time.Time, err error) {
	if on == "" {
		return true, time.Time{}, nil
	}
	_, driver, _, err := u.server(ctx, on)
	switch {
	case errors.Is(err, storage.ErrNotFound): // which is found out by trying
		return true, time.Time{}, nil
	case err != nil || driver == nil:
		return false, time.Time{}, err
	}
	g, err := u.rows.Gate(ctx, on)
	if err != nil {
		return false, time.Time{}, err
	}
	return g.open(u.now, u.m.opt.Work.Concurrency), g.ClosedUntil, nil
}

// Run calls [Manager.Step] again and again until ctx is done, whose error it returns. When
// there is nothing to do it waits until something is due, at most for [WorkOptions.Idle],
// which is how long it takes at most to notice what other processes have asked for. When
// the store fails it logs that and waits as long.
//
// A host that wants several calls at once runs several, each in a goroutine of its own.
func (m *Manager) Run(ctx context.Context) error {
	if m.tx != nil {
		_, err := m.Step(ctx)
		return err
	}
	return worker.Loop{
		Step: m.Step, NextDue: m.NextDue, Now: m.now, Idle: m.opt.Work.Idle, Jitter: m.opt.Work.jittered,
		Failed: func(ctx context.Context, err error) {
			m.opt.Logger.ErrorContext(ctx, "services are not worked on", "error", err, "code", tierhost.CodeOf(err))
		},
	}.Run(ctx)
}
