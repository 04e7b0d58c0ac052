package dns

import (
	"context"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
)

// NextDue returns when there is something to do next: when the next publication becomes due
// that is not due yet, or a server can be called again for which one waits; the zero time
// if neither happens.
func (m *Manager) NextDue(ctx context.Context) (next time.Time, err error) {
	err = m.view(ctx, "dns.NextDue", func(ctx context.Context, u *unit) (err error) {
		if next, err = u.rows.NextDue(ctx, u.now); err != nil {
			return err
		}
		due, err := u.rows.DuePublications(ctx, u.now, nil, 1)
		if err != nil || len(due) == 0 {
			return err
		}
		closed, err := u.closedGates(ctx)
		for _, g := range closed {
			if next.IsZero() || g.ClosedUntil.Before(next) {
				next = g.ClosedUntil
			}
		}
		return err
	})
	return next, err
}

// Run calls [Manager.Step] again and again until ctx is done, whose error it returns. When
// there is nothing to do it waits until something is due, at most for [WorkOptions.Idle].
// When the store fails it logs that and waits as long. A host that wants several calls at
// once runs several, each in a goroutine of its own.
func (m *Manager) Run(ctx context.Context) error {
	if err := m.outside("dns.Run"); err != nil {
		return err
	}
	return worker.Loop{
		Step: m.Step, NextDue: m.NextDue, Now: m.now, Idle: m.opt.Work.Idle, Jitter: m.opt.Work.jittered,
		Failed: func(ctx context.Context, err error) {
			m.opt.Logger.ErrorContext(ctx, "zones are not published", "error", err, "code", tierhost.CodeOf(err))
		},
	}.Run(ctx)
}
