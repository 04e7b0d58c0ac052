package billing

import (
	"context"
	"errors"
	"github.com/tierhost/tierhost/storage"

	"github.com/tierhost/tierhost/money"
)

// Result is what an action did.
type Result struct {
	// Account as it is after the action (of a replay: as it is now).
	Account Account
	// Entries and Documents that were made, those of boundaries that were due before
	// the action first.
	Entries   []Entry
	Documents []Document
	// Usage is the record that a RecordUsage made, or found.
	Usage *UsageRecord
	// Collect is what closing asks to be collected; zero: nothing.
	Collect money.Money
	// Replayed: the key had been used for this before; nothing was done.
	Replayed bool
}

// Do does an action, in one transaction with the boundaries that were due before it.
//
// Errors: a [*Refusal] when the rules do not allow it (nothing but the boundaries is
// written), tierhost.Invalid when the input is malformed (nothing is written),
// [ErrUnknownAccount], [ErrKeyReused], storage.ErrConflict when rivals were faster too
// often, else what the store reports, with its effect.
func (e *Engine) Do(ctx context.Context, act Action) (Result, error) {
	began := e.opt.Clock.Now()
	var res Result
	act, err := Plain(act)
	if err == nil {
		res, err = e.do(ctx, act)
	}
	if e.opt.Observer != nil {
		e.opt.Observer.Acted(actionName(act), e.opt.Clock.Now().Sub(began), err)
	}
	return res, err
}

func (e *Engine) do(ctx context.Context, act Action) (Result, error) {
	if err := validateAction(act); err != nil {
		return Result{}, err
	}
	var res Result
	var refused error
	once := func(cleared Date) error {
		return e.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows, final bool) error {
			res, refused = Result{}, nil // the function may be run again
			d, err := e.decide(ctx, tx, rows, act, LockWait, cleared)
			if err != nil {
				return err
			}
			if refused = d.refused; refused == nil && d.replay != nil {
				res = *d.replay
				return nil
			}
			batch := d.batch(e.opt.IDs)
			if d.catalog != nil && refused == nil {
				if err := rows.PutCatalog(ctx, *d.catalog); err != nil {
					return err
				}
			}
			if !batch.empty() {
				if d.part != nil {
					if err := d.part.Write(ctx); err != nil {
						return err
					}
				}
				batch.Final = final
				if err := rows.Write(ctx, batch); err != nil {
					return err
				}
			}
			if refused == nil {
				res = d.result()
			}
			return nil
		})
	}
	err := once(Date{})
	for {
		due, ok := errors.AsType[*errDue](err)
		if !ok {
			break
		}
		// They are handled in transactions of their own, and stay so whatever comes of the
		// action; again if a day has begun meanwhile.
		if err = e.clear(ctx, due); err == nil {
			err = once(due.day)
		}
	}
	if err == nil {
		err = refused
	}
	if err != nil {
		return Result{}, err
	}
	return res, nil
}

func actionName(act Action) string {
	if act == nil {
		return ""
	}
	return act.name()
}

// Quote returns exactly what [Engine.Do] would do now, and writes nothing: documents
// have no number yet, and a new account no ID. Its errors are those of Do.
func (e *Engine) Quote(ctx context.Context, act Action) (Result, error) {
	act, err := Plain(act)
	if err == nil {
		err = validateAction(act)
	}
	if err != nil {
		return Result{}, err
	}
	var res Result
	err = e.view(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		d, err := e.decide(ctx, tx, rows, act, LockNone, Date{})
		switch {
		case err != nil:
			return err
		case d.refused != nil:
			return d.refused
		case d.replay != nil:
			res = *d.replay
			return nil
		}
		res = d.result()
		return nil
	})
	return res, err
}
