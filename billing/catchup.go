package billing

import (
	"context"
)

// CatchUp handles an account's boundaries up to a day, as a run of that day would: first
// those of the doubles above it, the highest first, then its own, which the report counts.
// In a host's transaction (see [Engine.In]) it is part of it. One that leaves goes on
// elsewhere, see [Leaver]. An account that cannot be billed is parked, and in the report.
// ErrUnknownAccount if there is none.
func (e *Engine) CatchUp(ctx context.Context, id AccountID, day Date) (RunReport, error) {
	report := RunReport{Day: day}
	a, err := e.Account(ctx, id)
	if err == nil {
		err = e.catchUpChain(ctx, a.Above, day)
	}
	if err != nil {
		return report, err
	}
	one := DueAccount{ID: id}
	if len(a.Above) > 0 {
		one.Top = a.Above[0]
	}
	r := e.catchUpRunner(day)
	part, err := r.attempt(ctx, unit{one}, LockWait)
	report.add(part)
	if err != nil || len(r.leaving) == 0 {
		return report, err
	}
	part, err = e.depart(ctx, id, day)
	report.add(part)
	if err == nil { // it may stay after all, and renew
		part, err = r.attempt(ctx, unit{one}, LockWait)
		report.add(part)
	}
	return report, err
}

// catchUpChain handles the boundaries of a chain of doubles up to a day, the highest
// first, each in a transaction of its own.
func (e *Engine) catchUpChain(ctx context.Context, chain []AccountID, day Date) error {
	r := e.catchUpRunner(day)
	for i, id := range chain {
		one := DueAccount{ID: id}
		if i > 0 {
			one.Top = chain[0]
		}
		if _, err := r.attempt(ctx, unit{one}, LockWait); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) catchUpRunner(day Date) *runner {
	return &runner{e: e, day: day, o: RunOptions{Batch: 500, Workers: 1}}
}
