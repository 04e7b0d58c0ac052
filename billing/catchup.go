package billing

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost/storage"
)

// CatchUp handles an account's boundaries up to a day, as a run of that day would, for
// this account only: those of the doubles above it are not looked at. In a host's
// transaction (see [Engine.In]) it is part of it. One that leaves goes on elsewhere, see
// [Leaver]. An account that cannot be billed is
// parked, and in the report. ErrUnknownAccount if there is none.
func (e *Engine) CatchUp(ctx context.Context, id AccountID, day Date) (RunReport, error) {
	report := RunReport{Day: day}
	var one DueAccount
	err := e.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{id}})
		if err != nil {
			return err
		}
		if len(loaded.States) == 0 {
			return fmt.Errorf("billing.CatchUp: account %d: %w", id, ErrUnknownAccount)
		}
		one = DueAccount{ID: id}
		if above := loaded.States[0].Account.Above; len(above) > 0 {
			one.Top = above[0]
		}
		return nil
	})
	if err != nil {
		return report, err
	}
	r := &runner{e: e, day: day, o: RunOptions{Batch: 1, Workers: 1}}
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
