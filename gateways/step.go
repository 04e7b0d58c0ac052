package gateways

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/internal/worker"
)

// Step brings one payment that is due one call further, and reports whether there was
// anything to do: it looks up what became of an attempt whose answer was lost or is
// pending, tries a soft decline or an outage again, and works on notices that failed. Any
// number of goroutines and processes may call it. What a gateway says is no error of
// Step, which is one of the store's.
func (m *Manager) Step(ctx context.Context) (worked bool, err error) {
	if worked, err := m.stepNotice(ctx); worked || err != nil {
		return worked, err
	}
	var w *work
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		w, worked = nil, false
		due, err := u.rows.DuePayments(ctx, u.now, 1)
		if err != nil || len(due) == 0 {
			return err
		}
		worked = true
		w, err = u.take(ctx, due[0])
		return err
	})
	if err != nil || w == nil {
		return worked, err
	}
	_, _, err = m.perform(ctx, w)
	return true, err
}

// take decides what is to be done for a payment that is due, and leases it for that; or
// does it at once, if nobody has to be asked.
func (u *unit) take(ctx context.Context, p Payment) (*work, error) {
	before := p.Phase
	p.Lease, p.Due = Lease{}, time.Time{}
	a := p.next()
	if a == nil {
		a = p.expired(u.now)
	}
	if late, at := p.late(); a == nil && late != nil && !u.now.Before(at) && u.able(ctx, late).Finds {
		a = late
	}
	if a != nil {
		return u.look(ctx, &p, a)
	}
	if p.open() != nil { // staff has to look at it first
		return nil, u.put(ctx, &p, before)
	}
	if p.Again.IsZero() || u.now.Before(p.Again) {
		u.watch(ctx, &p)
		p.Phase = p.phase()
		return nil, u.put(ctx, &p, before)
	}
	p.Again = time.Time{}
	i, err := u.rows.Instrument(ctx, p.Instrument)
	if err != nil {
		return nil, err
	}
	usable, why := i.Usable(u.now)
	var route []Account
	if usable {
		if route, err = u.route(ctx, &p, &i); errors.Is(err, ErrNoGateway) && u.elsewhere(ctx, &p) {
			p.Again = u.now.Add(u.m.patience(1))
			p.Due, p.Phase = p.Again, PhaseWaiting
			return nil, u.put(ctx, &p, before)
		} else if errors.Is(err, ErrNoGateway) {
			usable, why = false, "no_gateway"
		} else if err != nil {
			return nil, err
		}
	}
	switch {
	case why == "waits":
		p.Again, p.Due, p.Phase = i.Waits, i.Waits, PhaseWaiting
		return nil, u.put(ctx, &p, before)
	case !usable:
		p.Phase = p.phase()
		if p.Phase == PhaseFailed {
			p.Phase = PhaseDeclined
		}
		u.tell(&p, PaymentDeclined{
			Payment: p.ID, Customer: p.Customer, Purpose: p.Purpose, Amount: p.Amount, Instrument: p.Instrument, Card: p.Card, Code: why, Hard: true,
		})
		return nil, u.put(ctx, &p, before)
	}
	return u.intend(ctx, &p, route[0], &i)
}

// look leases a payment to find out what became of an attempt.
func (u *unit) look(ctx context.Context, p *Payment, a *Attempt) (*work, error) {
	before := p.Phase
	at, err := u.rows.Account(ctx, a.Account)
	if err != nil {
		return nil, err
	}
	u.account = at
	g := u.m.opt.Gateways[at.Gateway]
	if g == nil { // another process has it
		p.Due = u.now.Add(u.m.patience(1))
		return nil, u.put(ctx, p, before)
	}
	if able := g.Capabilities(); !able.Finds && a.State != AttemptPending {
		switch {
		case a.State.Open():
			u.park(p, ParkLost, a.ID, fmt.Sprintf("%s: its worker has ended, and this provider cannot be asked", a.ID))
		case able.Can(VerbVoid):
			w, err := u.letGo(ctx, p, a)
			if err != nil || w != nil {
				return w, err
			}
		default: // it has run out, as the provider has said that it would
			if err := u.undone(ctx, p, a, Result{Decline: Decline{Code: DeclineExpired}}); err != nil {
				return nil, err
			}
		}
		u.watch(ctx, p)
		p.Phase = p.phase()
		return nil, u.put(ctx, p, before)
	}
	if a.State == AttemptIntended { // its worker has ended
		a.State = AttemptUnknown
	}
	if a.State == AttemptFailed || a.State == AttemptDeclined {
		a.Late--
	}
	w, err := u.lease(ctx, p, a.ID, at, nil, true)
	if w != nil {
		w.due = true
	}
	return w, err
}

// elsewhere reports whether the payment's seller has an active account whose gateway only
// another process has.
func (u *unit) elsewhere(ctx context.Context, p *Payment) bool {
	all, err := u.sellerAccounts(ctx, p.Seller)
	return err == nil && slices.ContainsFunc(all, func(a Account) bool { return a.Active && u.m.opt.Gateways[a.Gateway] == nil })
}

// NextDue returns when there is something to do next that is not yet: a payment to try or to
// look up, or a notice. The zero time: never, as things are.
func (m *Manager) NextDue(ctx context.Context) (next time.Time, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) error {
		next, err = rows.NextDue(ctx, m.now())
		return err
	})
	return next, err
}

// Run works until ctx is done, and returns its error: it calls [Manager.Step] as long as
// there is something to do, then waits until something is due, for [Options.Idle] at the
// most. When the store fails it logs that and waits as long. A host that wants several
// calls at once runs several, each in a goroutine of its own.
func (m *Manager) Run(ctx context.Context) error {
	return worker.Loop{
		Step: m.Step, NextDue: m.NextDue, Now: m.now, Idle: m.opt.Idle, Jitter: m.jittered,
		Failed: func(ctx context.Context, err error) {
			m.opt.Logger.ErrorContext(ctx, "payments are not worked on", "error", err, "code", tierhost.CodeOf(err))
		},
	}.Run(ctx)
}
