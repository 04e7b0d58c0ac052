package billing

import (
	"context"
	"errors"

	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Unpark lets the run have an account again, and handles its boundaries up to a day
// at once, after those of the doubles above it; an account that still cannot be billed stays parked and is in the report.
// ErrUnknownAccount if there is none; one that is not parked is left alone.
func (e *Engine) Unpark(ctx context.Context, id AccountID, day Date) (RunReport, error) {
	report := RunReport{Day: day}
	a, err := e.Account(ctx, id)
	if errors.Is(err, ErrUnknownAccount) {
		return report, &Refusal{Action: "unpark", Account: id, sentinel: ErrUnknownAccount}
	}
	if err == nil {
		err = e.catchUpChain(ctx, a.Above, day)
	}
	if err != nil {
		return report, err
	}
	err = e.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows, final bool) error {
		report = RunReport{Day: day}
		loaded, err := rows.Load(ctx, LoadQuery{IDs: []AccountID{id}, Lock: LockWait, Usage: true, Above: AboveShare})
		if err != nil {
			return err
		}
		if len(loaded.States) == 0 {
			return &Refusal{Action: "unpark", Account: id, sentinel: ErrUnknownAccount}
		}
		st := loaded.States[0]
		if st.Account.Parked.Code == "" {
			return nil
		}
		st.Account.Parked = Parking{}
		r := &runner{e: e, day: day, unpark: true}
		w, err := r.open(ctx, tx, rows, loaded)
		if err != nil {
			return err
		}
		if err := r.account(ctx, w, st, &report); err != nil {
			return err
		}
		return w.write(ctx, final)
	})
	return report, err
}

// parkable reports whether an error is the account's own fault and not the outside's,
// and the code under which to park it.
func parkable(err error) (string, bool) {
	var b *broken
	var n *bound
	switch {
	case errors.As(err, &n):
		return "too_many_entries", true
	case errors.As(err, &b), errors.Is(err, ErrBroken):
		return "broken_invariant", true
	case errors.Is(err, money.ErrOverflow):
		return "amount_too_large", true
	}
	return "", false
}

// whileParked reports whether an action needs none of the boundaries that a parked account
// has not handled: money, and measurements, which would be lost otherwise.
func whileParked(act Action) bool {
	_, usage := act.(RecordUsage)
	return usage || onMoney(act)
}
