package billing

import (
	"context"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// ErrAccountLeaving: the account's period has ended, and it goes on elsewhere as soon
// as that can be done; until then only money is booked on it.
var ErrAccountLeaving = code(tierhost.KindPrecondition, "account_leaving")

// ErrNoPeriod: a lapsed account, or one in a trial, has no period at whose end its customer
// could go on elsewhere.
var ErrNoPeriod = code(tierhost.KindPrecondition, "no_period")

// Leaver is a [Hook] that has accounts go on elsewhere: what closes such an account and
// what opens the one that follows it are one transaction, whoever comes to the end of
// its period first, an action, a run or [Engine.CatchUp]. Package reseller's hook is
// one.
type Leaver interface {
	Hook
	// Leave is called for a Leaving account whose period has ended by a day, where its
	// seller is. It either closes the account at its period's end, by
	// [Engine.CatchUp] of the departure's engine, together with whatever follows; or
	// has it stay, by [Keep]; or does nothing yet: the account then stays due. It is
	// called by several processes at once, and must find out by itself, under the
	// account's lock, whether something is left to be done. The report is of the
	// account's boundaries.
	Leave(ctx context.Context, d Departure) (RunReport, error)
}

// Departure is an account that leaves.
type Departure struct {
	// Engine handles the end of the account's period like any boundary, which others
	// leave to the Leaver.
	Engine *Engine
	// Tx is the host's transaction, which the departure is part of; nil: it is done in
	// transactions of its own.
	Tx      storage.Tx
	Account AccountID
	Day     Date
}

// leaves reports whether the end of the account's period, if it has come by a day, is a
// Leaver's to handle.
func (a *Account) leaves(day Date) bool {
	return a.Leaving && a.Status != Closed && a.Parked.Code == "" && !a.PeriodTo.After(day)
}

// upTo is the last day up to which an engine itself handles the account's boundaries.
func (e *Engine) upTo(a *Account, day Date) Date {
	if e.departing || !a.leaves(day) {
		return day
	}
	return a.PeriodTo.AddDays(-1)
}

// depart has one account leave.
func (e *Engine) depart(ctx context.Context, id AccountID, day Date) (RunReport, error) {
	leaver, ok := e.opt.Hook.(Leaver)
	if !ok {
		return RunReport{}, ErrNoHook
	}
	own := *e
	own.departing = true
	return leaver.Leave(ctx, Departure{Engine: &own, Tx: e.tx, Account: id, Day: day})
}

// lingers refuses an action on an account that is to leave and has not yet; money may be
// booked, and a Keep takes it back.
func (e *Engine) lingers(act Action, a *Account, day Date) *Refusal {
	if e.upTo(a, day) == day || onMoney(act) {
		return nil
	}
	if _, ok := act.(Keep); ok {
		return nil
	}
	return &Refusal{Action: act.name(), Account: a.ID, sentinel: ErrAccountLeaving,
		Detail: "its period ended on " + a.PeriodTo.String() + ", and it goes on elsewhere"}
}
