package reseller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// Leave implements [billing.Leaver]: a customer whose transfer is due goes to the other
// seller, or stays.
func (h hook) Leave(ctx context.Context, d billing.Departure) (billing.RunReport, error) {
	m := *h.m
	m.engine, m.tx = d.Engine, d.Tx
	report, err := m.depart(ctx, d.Account)
	reason, own := whyNot(err)
	if !own {
		return report, err
	}
	if d.Tx != nil && !errors.Is(err, errStays) {
		// Half of it is written, and only the host can roll it back.
		return report, fmt.Errorf("reseller: account %d cannot be transferred in this transaction (%s): %w", d.Account, reason, ErrTransferRefused)
	}
	return billing.RunReport{Day: d.Day}, m.stay(ctx, d.Account, reason)
}

// ErrTransferRefused: in a transaction of the host's a transfer came due, and the other
// seller cannot take the customer. It has to be rolled back; a run then ends the
// transfer.
var ErrTransferRefused = tierhost.E("", tierhost.KindPrecondition, "transfer_refused", nil)

// errStays is the error of a transfer that comes to nothing before anything of it is
// written.
var errStays = errors.New("it stays")

// stays says that a customer stays where it is, for a reason.
type stays struct{ reason string }

func (s *stays) Error() string { return "reseller: the customer stays: " + s.reason }
func (s *stays) Unwrap() error { return errStays }

// whyNot tells the errors that end a transfer, by a code, from those that only hold it
// up.
func whyNot(err error) (code string, ends bool) {
	if s, ok := errors.AsType[*stays](err); ok {
		return s.reason, true
	}
	if r, ok := errors.AsType[*billing.Refusal](err); ok {
		return r.Code(), true
	}
	switch { // the new account's own fault: the old one's parks it
	case errors.Is(err, billing.ErrBroken):
		return tierhost.CodeOf(billing.ErrBroken), true
	case errors.Is(err, money.ErrOverflow):
		return "amount_too_large", true
	}
	return "", false
}

// moving is a transfer under the locks of all who are part of it.
type moving struct {
	m      *Manager // in the transaction
	tx     storage.Tx
	rows   Rows
	state  billing.State // of the account that closes
	t      Transfer
	wanted bool // the transfer is waiting
}

// move locks an account, the doubles above it and those above the seller to which it
// goes, and reads what there is to be done. They are locked in one order, that of IDs,
// and alone: nobody else is at work below them, so that whatever the transfer locks
// later it need not wait for.
func (m *Manager) move(ctx context.Context, id billing.AccountID, fn func(ctx context.Context, x *moving) error) error {
	return m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		x := &moving{m: m.In(tx), tx: tx, rows: rows}
		t, err := transferOf(ctx, rows, id)
		if err != nil {
			return err
		}
		ids, err := x.m.chains(ctx, id, t)
		if err != nil {
			return err
		}
		books, err := m.store.Billing(tx)
		if err != nil {
			return err
		}
		loaded, err := books.Load(ctx, billing.LoadQuery{IDs: ids, Lock: billing.LockWait})
		if err != nil {
			return err
		}
		i := slices.IndexFunc(loaded.States, func(st billing.State) bool { return st.Account.ID == id })
		if i < 0 {
			return fmt.Errorf("reseller: account %d: %w", id, billing.ErrUnknownAccount)
		}
		x.state = loaded.States[i]
		if x.t, err = transferOf(ctx, rows, id); err != nil { // now that nobody else writes it
			return err
		}
		again, err := x.m.chains(ctx, id, x.t)
		if err != nil {
			return err
		}
		if !slices.Equal(ids, again) {
			return fmt.Errorf("reseller: transfer of account %d: it was asked for anew meanwhile: %w", id, storage.ErrConflict)
		}
		x.wanted = x.t.State == TransferWaiting
		return fn(ctx, x)
	})
}

// transferOf returns an account's transfer; the zero one if there is none.
func transferOf(ctx context.Context, rows Rows, id billing.AccountID) (Transfer, error) {
	t, err := rows.Transfer(ctx, id)
	if isNotFound(err) {
		return Transfer{}, nil
	}
	return t, err
}

// chains lists an account, the doubles above it, and those above the accounts of the
// seller to which it goes, by ID.
func (m *Manager) chains(ctx context.Context, id billing.AccountID, t Transfer) ([]billing.AccountID, error) {
	a, err := m.engine.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	ids := append(slices.Clone(a.Above), id)
	if t.State == TransferWaiting {
		for to := t.To; to != ""; {
			s, err := m.engine.Seller(ctx, to)
			if err != nil {
				return nil, err
			}
			if s.Double != 0 {
				ids = append(ids, s.Double)
			}
			to = s.Parent
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// depart closes an account at the end of its period and opens the one that follows it,
// in one transaction, if the day has come on both sides.
func (m *Manager) depart(ctx context.Context, id billing.AccountID) (report billing.RunReport, err error) {
	err = m.move(ctx, id, func(ctx context.Context, x *moving) error {
		report = billing.RunReport{}
		a := &x.state.Account
		on := a.PeriodTo
		if !a.Leaving { // others were faster
			return nil
		}
		if begun, err := x.begun(ctx, on); err != nil || !begun {
			return err
		}
		if a.Status == billing.Suspended && a.Suspension.Reason != billing.ReasonReseller && x.wanted {
			return &stays{tierhost.CodeOf(billing.ErrAccountSuspended)}
		}
		engine := x.m.engine
		for _, double := range a.Above { // whose lists are in force on the day
			if _, err := engine.CatchUp(ctx, double, on); err != nil {
				return err
			}
		}
		if report, err = engine.CatchUp(ctx, id, on); err != nil || len(report.Parked) > 0 || !x.wanted {
			return err // parked: it waits until it is unparked
		}
		if closed, err := engine.Account(ctx, id); err != nil || closed.Status != billing.Closed {
			return err
		}
		return x.open(ctx, on)
	})
	return report, err
}

// begun reports whether a day has begun where the seller is, and the one to which the
// account goes.
func (x *moving) begun(ctx context.Context, on billing.Date) (bool, error) {
	sellers := []billing.SellerID{x.state.Account.Seller}
	if x.wanted {
		sellers = append(sellers, x.t.To)
	}
	for _, id := range sellers {
		today, err := x.m.today(ctx, id)
		if err != nil || today.Before(on) {
			return false, err
		}
	}
	return true, nil
}

// today is the day that it is where a seller is.
func (m *Manager) today(ctx context.Context, id billing.SellerID) (billing.Date, error) {
	s, err := m.engine.Seller(ctx, id)
	if err != nil {
		return billing.Date{}, err
	}
	loc, err := zone(s.TimeZone)
	if err != nil {
		return billing.Date{}, err
	}
	return billing.DateIn(m.clock.Now(), loc), nil
}

// open opens the account that follows, with what the old one held.
func (x *moving) open(ctx context.Context, on billing.Date) error {
	t := x.t
	res, err := x.m.engine.Do(ctx, billing.Signup{Request: billing.Request{On: on, By: t.By, Key: "transfer/" + strconv.FormatInt(int64(t.Account), 10)},
		Seller: t.To, Name: t.Name, Plan: t.Plan, Period: t.Period, SkipTrial: true})
	if err != nil {
		return err
	}
	if err := x.refill(ctx, res.Account.ID, on); err != nil {
		return err
	}
	t.State, t.Opened, t.Ended = TransferDone, res.Account.ID, on
	if err := x.rows.Write(ctx, &Batch{Transfers: []Transfer{t}}); err != nil {
		return err
	}
	return x.m.publish(ctx, x.tx, t.To, res.Account.ID, CustomerTransferred{From: t.Account, To: res.Account.ID, On: on})
}

// refill gives the new account what the old one held; what its plan gives at signup
// counts.
func (x *moving) refill(ctx context.Context, id billing.AccountID, on billing.Date) error {
	now, err := x.m.engine.Holdings(ctx, id)
	if err != nil {
		return err
	}
	for _, h := range x.state.Holdings {
		present := decimal.Decimal{}
		if i := slices.IndexFunc(now, func(n billing.Holding) bool { return n.Resource == h.Resource }); i >= 0 {
			present = now[i].Quantity
		}
		if h.Quantity.Cmp(present) <= 0 {
			continue
		}
		_, err := x.m.engine.Do(ctx, billing.SetQuantity{Request: billing.Request{On: on, By: x.t.By}, Account: id, Resource: h.Resource, Quantity: h.Quantity})
		if err != nil {
			return err
		}
	}
	return nil
}

// stay ends a transfer that cannot be: the account goes on where it is, and renews.
func (m *Manager) stay(ctx context.Context, id billing.AccountID, reason string) error {
	return m.move(ctx, id, func(ctx context.Context, x *moving) error {
		a := &x.state.Account
		if !a.Leaving {
			return nil
		}
		// The last day of its period, unless something was done to it later.
		on := a.PeriodTo.AddDays(-1)
		if on.Before(a.ActedOn) {
			on = a.ActedOn
		}
		if _, err := x.m.engine.Do(ctx, billing.Keep{Request: billing.Request{On: on, By: x.t.By}, Account: id}); err != nil {
			return err
		}
		if !x.wanted {
			return nil
		}
		return x.m.failed(ctx, x.tx, x.rows, x.t, reason, a.PeriodTo)
	})
}

// failed notes that a transfer came to nothing.
func (m *Manager) failed(ctx context.Context, tx storage.Tx, rows Rows, t Transfer, reason string, on billing.Date) error {
	t.State, t.Reason, t.Ended = TransferFailed, reason, on
	if err := rows.Write(ctx, &Batch{Transfers: []Transfer{t}}); err != nil {
		return err
	}
	return m.publish(ctx, tx, t.From, t.Account, TransferDropped{Account: t.Account, Reason: reason, On: on})
}

// endTransfers ends the transfers of accounts that do not leave any more: they were
// closed, or cancelled for good, or kept. One that cannot be ended does not hold up the
// others.
func (m *Manager) endTransfers(ctx context.Context, day billing.Date) error {
	var failed []error
	for after := billing.AccountID(0); ; {
		var page []Transfer
		over := map[billing.AccountID]bool{}
		err := m.view(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) (err error) {
			if page, err = rows.Transfers(ctx, TransferWaiting, after, pageSize); err != nil || len(page) == 0 {
				return err
			}
			ids := make([]billing.AccountID, len(page))
			for i := range page {
				ids[i] = page[i].Account
			}
			books, err := m.store.Billing(tx)
			if err != nil {
				return err
			}
			loaded, err := books.Load(ctx, billing.LoadQuery{IDs: ids})
			for _, st := range loaded.States {
				over[st.Account.ID] = !st.Account.Leaving
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, t := range page {
			after = t.Account
			if !over[t.Account] {
				continue
			}
			if err := m.endTransfer(ctx, t.Account, day); err != nil {
				failed = append(failed, fmt.Errorf("reseller: transfer of account %d: %w", t.Account, err))
			}
		}
		if len(page) < pageSize {
			return errors.Join(failed...)
		}
	}
}

// endTransfer ends the transfer of an account, if it does not leave any more.
func (m *Manager) endTransfer(ctx context.Context, id billing.AccountID, day billing.Date) error {
	return m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		if err := m.hold(ctx, tx, id); err != nil {
			return err
		}
		t, err := transferOf(ctx, rows, id)
		if err != nil || t.State != TransferWaiting {
			return err
		}
		a, err := m.engine.In(tx).Account(ctx, id)
		switch {
		case err != nil || a.Leaving:
			return err
		case a.Status == billing.Closed && a.Closed == a.PeriodTo: // by its cancellation
			return m.failed(ctx, tx, rows, t, "cancelled", a.Closed)
		case a.Status == billing.Closed:
			return m.failed(ctx, tx, rows, t, "closed", a.Closed)
		case a.Cancelling:
			return m.failed(ctx, tx, rows, t, "cancelled", day)
		}
		return m.failed(ctx, tx, rows, t, "kept", day)
	})
}
