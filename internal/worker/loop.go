package worker

import (
	"context"
	"time"
)

// Loop is a handle that is worked on step by step.
type Loop struct {
	// Step does one thing that is due, and reports whether there was one.
	Step func(ctx context.Context) (worked bool, err error)
	// NextDue is when there is something to do next; the zero time: never.
	NextDue func(ctx context.Context) (time.Time, error)
	Now     func() time.Time
	// Idle is how long it waits at the most, and after an error.
	Idle   time.Duration
	Jitter func(d time.Duration) time.Duration
	// Wait waits for so long, or until ctx is done or there is news; nil: the time only.
	Wait func(ctx context.Context, d time.Duration)
	// Failed is told errors of Step and NextDue.
	Failed func(ctx context.Context, err error)
}

// Run steps until ctx is done, whose error it returns.
func (l Loop) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		worked, err := l.Step(ctx)
		if worked && err == nil {
			continue
		}
		wait := l.Idle
		if err == nil {
			var next time.Time
			if next, err = l.NextDue(ctx); err == nil && !next.IsZero() {
				wait = min(wait, max(next.Sub(l.Now()), time.Millisecond))
			}
		}
		if err != nil && ctx.Err() == nil {
			l.Failed(ctx, err)
			wait = l.Idle
		}
		pause := l.Wait
		if pause == nil || err != nil {
			pause = Pause
		}
		pause(ctx, l.Jitter(wait))
	}
	return ctx.Err()
}

// Pause waits for so long, or until ctx is done.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
