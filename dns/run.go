package dns

import (
	"context"
	"time"

	"github.com/tierhost/tierhost"
)

// NextDue returns when the next publication becomes due that is not due yet, or the zero
// time if none does.
func (m *Manager) NextDue(ctx context.Context) (next time.Time, err error) {
	err = m.view(ctx, "dns.NextDue", func(ctx context.Context, u *unit) (err error) {
		next, err = u.rows.NextDue(ctx, u.now)
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
	for ctx.Err() == nil {
		worked, err := m.Step(ctx)
		if worked && err == nil {
			continue
		}
		wait := m.opt.Work.Idle
		if err == nil {
			var next time.Time
			if next, err = m.NextDue(ctx); err == nil && !next.IsZero() {
				wait = min(wait, max(next.Sub(m.now()), time.Millisecond))
			}
		}
		if err != nil && ctx.Err() == nil {
			m.opt.Logger.ErrorContext(ctx, "zones are not published", "error", err, "code", tierhost.CodeOf(err))
			wait = m.opt.Work.Idle
		}
		timer := time.NewTimer(m.opt.Work.jittered(wait))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return ctx.Err()
}
