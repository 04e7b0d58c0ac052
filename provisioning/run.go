package provisioning

import (
	"context"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
)

// NextDue returns when there is something to do next that cannot be done yet: when the
// next service becomes due, or when a server may be called again for which services are
// waiting. The zero time: never. Hosts that call [Manager.Step] from a schedule of their
// own may wait until then, unless something is changed meanwhile.
func (m *Manager) NextDue(ctx context.Context) (next time.Time, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
		now := m.now()
		if next, err = rows.NextDue(ctx, now); err != nil {
			return err
		}
		due, err := rows.DueServices(ctx, now, nil, 1)
		if err != nil || len(due) == 0 {
			return err
		}
		closed, err := closedGates(ctx, rows, now)
		for _, g := range closed {
			if next.IsZero() || g.ClosedUntil.Before(next) {
				next = g.ClosedUntil
			}
		}
		return err
	})
	return next, named("provisioning.NextDue", err)
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
