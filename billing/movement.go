package billing

import (
	"github.com/shopspring/decimal"
)

// Movement is what happened to something that an account holds, before any price was
// put to it: quantities, interval, fraction. The engine rates movements at the
// account's plan; a [Hook] gets the same ones and may rate them at other price lists.
// Accounts that nobody is above make none. Within a trial nothing is charged: what is
// held is noted (MoveTry) until the trial ends (MoveTried, then MoveSettle, then
// MoveTrialEnd), by its conversion, by the account's closing or by itself.
type Movement struct {
	Kind MovementKind
	On   Date // day of the event: of its document
	// Resource that is held; of MoveLapse and MoveEnd none: they concern all.
	Resource      Resource
	Before, After decimal.Decimal // quantity held
	// From and To are the half-open interval that a charge or refund is for, Days of
	// OfDays the fraction of the period or month that it comes to.
	From, To     Date
	Days, OfDays int
	// Charged: a month opens charged (MoveOpen), or was (MoveSettle, MoveEnd).
	Charged bool
	// Opening: a fall on the day on which a boundary, or the resumption of a lapsed
	// account, opened the interval: it is as if it had not been charged.
	Opening bool
	// Period is the one at which prices are read, Plan and Version what the account is on.
	Period  Period
	Plan    PlanID
	Version int
	// RolledUp: the account is a reseller's double whose own plan rolls the resource up.
	RolledUp bool
	// Stretch is the index of the running stretch of the month ([Account.Stretches]).
	Stretch int
	// SetupEntry and ChargeEntry are the Seqs of the retail entries of the same event
	// (of MoveFall: its refund); 0: there is none.
	SetupEntry, ChargeEntry int64
	// Parts are the month's stretches with their records, of MoveSettle.
	Parts []MovementPart
	// Closing: the account closes, so that the last part ends before its month.
	Closing bool
	// MonthTo is the end of the running month, within a trial the day it ends by itself.
	MonthTo Date
	// Trial is how many days the trial lasts if it is not ended early; 0: the account is
	// not in one.
	Trial int
}

// MovementKind is what kind of movement it is.
type MovementKind uint8

// The kinds of movements (the rows of the table in spec section 4).
const (
	// MoveRise: the quantity rises from Before to After.
	MoveRise MovementKind = iota + 1
	// MoveFall: the quantity falls; of a monthly resource only when Opening.
	MoveFall
	// MoveOpen: a period, or a month, opens with After held.
	MoveOpen
	// MoveResume: a late resume opens a stretch in a month that opened uncharged.
	MoveResume
	// MoveLapse: the period of a suspended account ends and no other opens.
	MoveLapse
	// MoveSettle: a month's usage is settled.
	MoveSettle
	// MoveEnd: the account closes; falls, if there were any, came before.
	MoveEnd
	// MoveTry: within a trial the quantity changes from Before to After; Days are what is
	// left of the trial.
	MoveTry
	// MoveTried: a trial ends on the day To, early or not; Days have been used.
	MoveTried
	// MoveTrialEnd: a trial has ended and its usage is settled: what follows is new.
	MoveTrialEnd
)

// MovementPart is a stretch of a month that is settled.
type MovementPart struct {
	Stretch  int // index of Account.Stretches
	From, To Date
	RolledUp bool // as Movement.RolledUp, on the stretch's plan
	// Records of the account itself, by day; those that came from below are left out.
	Records []UsageRecord
}

// hooked reports whether somebody stands above the account.
func (b *book) hooked() bool { return len(b.acct.Above) > 0 }

// move notes a movement of a holding on a day; mark is how many drafts the document had
// before the event, to find its entries by.
func (b *book) move(kind MovementKind, h *hold, before decimal.Decimal, from Date, f fraction, mark int) *Movement {
	a := &b.acct
	_, to := b.interval(h)
	b.moves = append(b.moves, Movement{
		Kind: kind, On: b.docDate, Resource: *h.res, Before: before, After: h.Quantity,
		From: from, To: to, Days: f.days, OfDays: f.of, Charged: a.MonthCharged,
		Period: a.Period, Plan: a.Plan, Version: a.PlanVersion,
		RolledUp: a.Sells != "" && b.plan().rollsUp(h.Resource),
		Stretch:  max(0, len(a.Stretches)-1), MonthTo: a.MonthTo, Trial: a.trialDays(),
	})
	m := &b.moves[len(b.moves)-1]
	for i := mark; i < len(b.drafts); i++ {
		if b.drafts[i].Resource != h.Resource {
			continue
		}
		switch b.drafts[i].Kind { // places in the document until it is finished
		case EntrySetup:
			m.SetupEntry = int64(i) + 1
		case EntryRecurring, EntryRefund, EntryUsage:
			m.ChargeEntry = int64(i) + 1
		}
	}
	return m
}

// moveAll notes a movement that concerns all holdings.
func (b *book) moveAll(kind MovementKind, day Date) {
	a := &b.acct
	b.moves = append(b.moves, Movement{
		Kind: kind, On: b.docDate, From: day, To: day, Charged: a.MonthCharged,
		Period: a.Period, Plan: a.Plan, Version: a.PlanVersion,
		Stretch: max(0, len(a.Stretches)-1), MonthTo: a.MonthTo, Trial: a.trialDays(),
	})
}

// happened is what a hook is told of the book.
func (b *book) happened(opened bool) Happened {
	h := Happened{Account: &b.acct, Moves: b.moves, Opened: opened, Closed: b.closed, Periods: b.periods}
	for _, x := range b.holds {
		if by := x.Quantity.Sub(x.was); !by.IsZero() {
			h.Grow = append(h.Grow, Growth{x.Resource, by})
		}
	}
	return h
}

// placed turns places in the document that is finished into entries' numbers.
func (b *book) placed(first int64) {
	for i := b.docMoves; i < len(b.moves); i++ {
		m := &b.moves[i]
		if m.SetupEntry > 0 {
			m.SetupEntry += first - 1
		}
		if m.ChargeEntry > 0 {
			m.ChargeEntry += first - 1
		}
	}
	b.docMoves = len(b.moves)
}
