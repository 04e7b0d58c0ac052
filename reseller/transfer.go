package reseller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	// ErrNotTransferable: the account is closed, lapsed, cancelled or in a trial, is
	// suspended, unless with its reseller, is a reseller's own, or is the other seller's
	// already.
	ErrNotTransferable = tierhost.E("", tierhost.KindPrecondition, "not_transferable", nil)
	// ErrUnknownTransfer: no transfer of the account is waiting.
	ErrUnknownTransfer = tierhost.E("", tierhost.KindNotFound, "unknown_transfer", nil)
)

// Transfer moves a customer to another seller when its present period ends, so that both
// books are right: there its account is closed as by a cancellation, with its usage
// charged and nothing refunded or renewed, and what it owes or has stays there; here a
// new one opens on that day on a plan of the new seller, with all that was held, at that
// seller's prices, setup included, with wholesale on either side as for any account. Old
// entries and documents stay where they are.
//
// Both are one transaction. It is done by who first comes to the end of the period once
// that day has begun where either seller is: a run, or an action on the account, which
// is then refused as on any account that is closed. Where the day has yet to begin at
// the new seller the account waits, and takes nothing but money
// (billing.ErrAccountLeaving). If the new seller then cannot take the customer, or the
// account is suspended, it stays and renews. Whoever closes, cancels or keeps it
// meanwhile ends the transfer, see [Transfer].Reason. Asking again, for another seller
// too, replaces a transfer that waits.
//
// What can be known now is checked now, with the refusals of a signup and of quantities
// at the new seller; ErrNotTransferable for accounts that cannot be moved.
func (m *Manager) Transfer(ctx context.Context, x TransferRequest) (Transfer, error) {
	if err := m.settle(ctx, x.Account, x.To); err != nil {
		return Transfer{}, err
	}
	var out Transfer
	err := m.update(ctx, func(ctx context.Context, tx storage.Tx, rows Rows) error {
		engine := m.engine.In(tx)
		a, err := engine.Account(ctx, x.Account)
		if err != nil {
			return err
		}
		if a.Status == billing.Closed || a.Lapsed || !a.TrialEnds.IsZero() || a.Sells != "" || a.Seller == x.To ||
			a.Cancelling && !a.Leaving || a.Status == billing.Suspended && a.Suspension.Reason != billing.ReasonReseller {
			return fmt.Errorf("reseller: account %d: %w", a.ID, ErrNotTransferable)
		}
		out = Transfer{Account: a.ID, From: a.Seller, To: x.To, Name: x.Name, Plan: x.Plan, Period: x.Period, State: TransferWaiting, By: x.By}
		if out.Name == "" {
			out.Name = a.Name
		}
		if err := m.takes(ctx, engine, &out); err != nil {
			return err
		}
		if _, err := engine.Do(ctx, billing.Cancel{Request: billing.Request{By: x.By}, Account: a.ID, Leaving: true}); errors.Is(err, billing.ErrNoPeriod) {
			return fmt.Errorf("reseller: account %d: %w", a.ID, ErrNotTransferable) // its period ended meanwhile
		} else if err != nil {
			return err
		}
		if out.Requested, err = m.In(tx).today(ctx, a.Seller); err != nil {
			return err
		}
		return rows.Write(ctx, &Batch{Transfers: []Transfer{out}})
	})
	if err != nil {
		return Transfer{}, err
	}
	return out, nil
}

// settle handles what is due of an account, and above it and the seller to which it
// goes, in transactions of its own, so that one transaction need not lock them in
// between.
func (m *Manager) settle(ctx context.Context, id billing.AccountID, to billing.SellerID) error {
	if m.tx != nil {
		return nil
	}
	ids, err := m.chains(ctx, id, Transfer{To: to, State: TransferWaiting})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := m.engine.CatchUp(ctx, id, billing.DateIn(m.clock.Now().Add(14*time.Hour), time.UTC)); err != nil {
			return err
		}
	}
	return nil
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

// KeepHere takes a transfer back, until it is done: the account goes on where it is.
// ErrUnknownTransfer if none is waiting, or if it has just been done.
func (m *Manager) KeepHere(ctx context.Context, account billing.AccountID, by billing.Actor) error {
	t, err := m.TransferOf(ctx, account)
	if err != nil {
		return err
	}
	unknown := fmt.Errorf("reseller: account %d: %w", account, ErrUnknownTransfer)
	if t.State != TransferWaiting {
		return unknown
	}
	// The account's word counts: what is left of the transfer is ended by the next run, if
	// not here.
	if _, err := m.engine.Do(ctx, billing.Keep{Request: billing.Request{By: by}, Account: account}); err != nil {
		if errors.Is(err, billing.ErrAccountClosed) {
			err = unknown
		}
		return err
	}
	today, err := m.today(ctx, t.From)
	if err != nil {
		return err
	}
	return m.endTransfer(ctx, account, today)
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
