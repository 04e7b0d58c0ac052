package reseller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/billing"
	"github.com/tierhost/tierhost/storage"
)

// TransferRequest asks for a customer to be moved to another seller.
type TransferRequest struct {
	Account billing.AccountID
	To      billing.SellerID
	Name    string // of the new account; "": the present one
	Plan    billing.PlanID
	Period  billing.Period // zero: the plan's first
	By      billing.Actor
}

// Errors of transfers.
var (
	// ErrNotTransferable: the account is closed, lapsed or in a trial, is a reseller's
	// own, or is the other seller's already.
	ErrNotTransferable = tierhost.E("", tierhost.KindPrecondition, "not_transferable", nil)
	// ErrUnknownTransfer: no transfer of the account is waiting.
	ErrUnknownTransfer = tierhost.E("", tierhost.KindNotFound, "unknown_transfer", nil)
)

// CustomerTransferred is the event "reseller.customer.transferred": an account was
// closed at the end of its period, and another one opened at another seller, with what
// the first one held.
type CustomerTransferred struct {
	From billing.AccountID `json:"from"`
	To   billing.AccountID `json:"to"`
	On   billing.Date      `json:"on"`
}

// TransferDropped is the event "reseller.transfer.dropped": the customer stays where it
// was, because the other seller could not take it.
type TransferDropped struct {
	Account billing.AccountID `json:"account"`
	Reason  string            `json:"reason"`
	On      billing.Date      `json:"on"`
}

// Transfer moves a customer to another seller when its present period ends, so that both
// books are right: there its account is closed as by a cancellation, with its usage
// charged and nothing refunded or renewed, and what it owes or has stays there; here a
// new one opens on that day on a plan of the new seller, with all that was held, at that
// seller's prices, setup included, with wholesale on either side as for any account. Old
// entries and documents stay where they are. [Manager.Run] does it on the day; if the
// new seller then cannot take the customer it stays, and renews.
//
// What can be known now is checked now, with the refusals of a signup and of quantities
// at the new seller; ErrNotTransferable for accounts that cannot be moved.
func (m *Manager) Transfer(ctx context.Context, x TransferRequest) (Transfer, error) {
	var out Transfer
	err := m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		engine := m.engine.In(tx)
		a, err := engine.Account(ctx, x.Account)
		if err != nil {
			return err
		}
		if a.Status == billing.Closed || a.Lapsed || !a.TrialEnds.IsZero() || a.Sells != "" || a.Seller == x.To {
			return fmt.Errorf("reseller: account %d: %w", a.ID, ErrNotTransferable)
		}
		out = Transfer{Account: a.ID, From: a.Seller, To: x.To, Name: x.Name, Plan: x.Plan, Period: x.Period, State: TransferWaiting, By: x.By}
		if out.Name == "" {
			out.Name = a.Name
		}
		if err := m.takes(ctx, engine, &out); err != nil {
			return err
		}
		if _, err := engine.Do(ctx, billing.Cancel{Request: billing.Request{By: x.By}, Account: a.ID}); err != nil {
			return err
		}
		seller, err := engine.Seller(ctx, a.Seller)
		if err != nil {
			return err
		}
		loc, err := zone(seller.TimeZone)
		if err != nil {
			return err
		}
		out.Requested = billing.DateIn(m.clock.Now(), loc)
		return rows.Write(ctx, &Batch{Transfers: []Transfer{out}})
	})
	if err != nil {
		return Transfer{}, err
	}
	return out, nil
}

// takes checks that the new seller could take the customer today.
func (m *Manager) takes(ctx context.Context, engine *billing.Engine, t *Transfer) error {
	if _, err := engine.Quote(ctx, billing.Signup{Seller: t.To, Name: t.Name, Plan: t.Plan, Period: t.Period, SkipTrial: true}); err != nil {
		return err
	}
	v, err := engine.PlanVersion(ctx, t.To, t.Plan, 0)
	if err != nil {
		return err
	}
	holdings, err := engine.Holdings(ctx, t.Account)
	if err != nil {
		return err
	}
	for _, h := range holdings {
		if h.Quantity.Sign() <= 0 {
			continue
		}
		i := slices.IndexFunc(v.Terms.Resources, func(l billing.Line) bool { return l.Resource == h.Resource })
		switch {
		case i < 0:
			return billing.Refuse(billing.ErrNotInPlan, h.Resource, "plan "+string(t.Plan)+" does not have it")
		case v.Terms.Resources[i].Max != nil && h.Quantity.Cmp(*v.Terms.Resources[i].Max) > 0:
			return billing.Refuse(billing.ErrOverMax, h.Resource, "plan "+string(t.Plan)+" allows "+v.Terms.Resources[i].Max.String())
		}
	}
	return nil
}

// KeepHere takes a transfer back: the account goes on where it is. ErrUnknownTransfer
// if none is waiting.
func (m *Manager) KeepHere(ctx context.Context, account billing.AccountID, by billing.Actor) error {
	return m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		t, err := rows.Transfer(ctx, account)
		if isNotFound(err) || err == nil && t.State != TransferWaiting {
			return fmt.Errorf("reseller: account %d: %w", account, ErrUnknownTransfer)
		}
		if err != nil {
			return err
		}
		if _, err := m.engine.In(tx).Do(ctx, billing.Keep{Request: billing.Request{By: by}, Account: account}); err != nil {
			return err
		}
		t.State, t.Reason = TransferFailed, "kept"
		return rows.Write(ctx, &Batch{Transfers: []Transfer{t}})
	})
}

// TransferOf returns the last transfer of an account, or ErrUnknownTransfer.
func (m *Manager) TransferOf(ctx context.Context, account billing.AccountID) (t Transfer, err error) {
	err = m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) error {
		t, err = rows.Transfer(ctx, account)
		if isNotFound(err) {
			return fmt.Errorf("reseller: account %d: %w", account, ErrUnknownTransfer)
		}
		return err
	})
	return t, err
}

// transfers does the transfers whose day has come. One that fails does not hold up the
// others.
func (m *Manager) transfers(ctx context.Context, day billing.Date) error {
	var failed []error
	for after := billing.AccountID(0); ; {
		var page []Transfer
		err := m.view(ctx, func(ctx context.Context, _ storage.Tx, rows Rows) (err error) {
			page, err = rows.Transfers(ctx, TransferWaiting, after, pageSize)
			return err
		})
		if err != nil {
			return err
		}
		for _, t := range page {
			err := m.transfer(ctx, t.Account, day)
			if r, ok := errors.AsType[*billing.Refusal](err); ok {
				err = m.drop(ctx, t.Account, r.Code())
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("reseller: transfer of account %d: %w", t.Account, err))
			}
			after = t.Account
		}
		if len(page) < pageSize {
			return errors.Join(failed...)
		}
	}
}

// transfer does one transfer, if its day has come, in one transaction.
func (m *Manager) transfer(ctx context.Context, id billing.AccountID, day billing.Date) error {
	return m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		engine := m.engine.In(tx)
		a, err := engine.Account(ctx, id)
		if err != nil || a.PeriodTo.After(day) && a.Status != billing.Closed {
			return err
		}
		t, err := rows.Transfer(ctx, id)
		if err != nil || t.State != TransferWaiting {
			return err
		}
		if err := m.holdTops(ctx, engine, tx, &a, t.To); err != nil {
			return err
		}
		if a, err = engine.Account(ctx, id); err != nil { // now that nobody else works on it
			return err
		}
		if !a.Cancelling || a.Status == billing.Closed {
			t.State, t.Reason, t.Ended = TransferFailed, "kept", day
			if a.Status == billing.Closed {
				t.Reason = "closed"
			}
			return rows.Write(ctx, &Batch{Transfers: []Transfer{t}})
		}
		held, err := engine.Holdings(ctx, id)
		if err != nil {
			return err
		}
		on := a.PeriodTo
		report, err := engine.CatchUp(ctx, id, on)
		if err != nil || len(report.Parked) > 0 {
			return err // parked: it waits until it is unparked
		}
		if a, err = engine.Account(ctx, id); err != nil || a.Status != billing.Closed {
			return err // its day has not begun where its seller is
		}
		res, err := engine.Do(ctx, billing.Signup{Request: billing.Request{On: on, By: t.By, Key: "transfer/" + strconv.FormatInt(int64(id), 10)},
			Seller: t.To, Name: t.Name, Plan: t.Plan, Period: t.Period, SkipTrial: true})
		if err != nil {
			return err
		}
		if err := m.refill(ctx, engine, res.Account.ID, on, t.By, held); err != nil {
			return err
		}
		t.State, t.Opened, t.Ended = TransferDone, res.Account.ID, on
		if err := rows.Write(ctx, &Batch{Transfers: []Transfer{t}}); err != nil {
			return err
		}
		return m.publish(ctx, tx, t.To, res.Account.ID, "reseller.customer.transferred", CustomerTransferred{id, res.Account.ID, on})
	})
}

// refill gives the new account what the old one held; what its plan gives at signup
// counts.
func (m *Manager) refill(ctx context.Context, engine *billing.Engine, id billing.AccountID, on billing.Date, by billing.Actor, held []billing.Holding) error {
	now, err := engine.Holdings(ctx, id)
	if err != nil {
		return err
	}
	for _, h := range held {
		present := decimal.Decimal{}
		if i := slices.IndexFunc(now, func(x billing.Holding) bool { return x.Resource == h.Resource }); i >= 0 {
			present = now[i].Quantity
		}
		if h.Quantity.Cmp(present) <= 0 {
			continue
		}
		_, err := engine.Do(ctx, billing.SetQuantity{Request: billing.Request{On: on, By: by}, Account: id, Resource: h.Resource, Quantity: h.Quantity})
		if err != nil {
			return err
		}
	}
	return nil
}

// holdTops locks the highest doubles above an account and above a seller's accounts, in
// the order in which runs lock them.
func (m *Manager) holdTops(ctx context.Context, engine *billing.Engine, tx storage.Tx, a *billing.Account, to billing.SellerID) error {
	var tops []billing.AccountID
	if len(a.Above) > 0 {
		tops = append(tops, a.Above[0])
	}
	var top billing.AccountID
	for id := to; id != ""; {
		s, err := engine.Seller(ctx, id)
		if err != nil {
			return err
		}
		if s.Double != 0 {
			top = s.Double
		}
		id = s.Parent
	}
	if top != 0 && !slices.Contains(tops, top) {
		tops = append(tops, top)
	}
	slices.Sort(tops)
	rows, err := m.store.Billing(tx)
	if err != nil {
		return err
	}
	if len(tops) > 0 {
		if _, err := rows.Load(ctx, billing.LoadQuery{IDs: tops, Lock: billing.LockWait}); err != nil {
			return err
		}
	}
	for _, id := range a.Above { // whose lists are in force on the day
		if _, err := engine.CatchUp(ctx, id, a.PeriodTo); err != nil {
			return err
		}
	}
	_, err = rows.Load(ctx, billing.LoadQuery{IDs: []billing.AccountID{a.ID}, Lock: billing.LockWait, Above: billing.AboveShare})
	return err
}

// drop gives a transfer up: the account goes on where it is, and renews.
func (m *Manager) drop(ctx context.Context, id billing.AccountID, reason string) error {
	return m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		engine := m.engine.In(tx)
		t, err := rows.Transfer(ctx, id)
		if err != nil || t.State != TransferWaiting {
			return err
		}
		a, err := engine.Account(ctx, id)
		if err != nil {
			return err
		}
		day := a.PeriodTo
		if a.Cancelling && a.Status != billing.Closed {
			keep := billing.Keep{Request: billing.Request{On: day.AddDays(-1), By: t.By}, Account: id}
			if _, err := engine.Do(ctx, keep); err != nil {
				return err
			}
		}
		t.State, t.Reason, t.Ended = TransferFailed, reason, day
		if err := rows.Write(ctx, &Batch{Transfers: []Transfer{t}}); err != nil {
			return err
		}
		return m.publish(ctx, tx, t.From, id, "reseller.transfer.dropped", TransferDropped{id, reason, day})
	})
}

// publish puts an event about an account into the outbox.
func (m *Manager) publish(ctx context.Context, tx storage.Tx, seller billing.SellerID, account billing.AccountID, name string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	box, err := m.store.Outbox(tx)
	if err != nil {
		return err
	}
	return box.Append(ctx, []*storage.Event{{ID: m.ids.NewID("evt"), Type: name, Version: 1, At: m.clock.Now().UTC(), Seller: string(seller),
		Subject: "account/" + strconv.FormatInt(int64(account), 10), Data: data}})
}
