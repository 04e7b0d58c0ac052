package gateways

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
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
	_, err = m.perform(ctx, w)
	return true, err
}

// take decides what is to be done for a payment that is due, and leases it for that; or
// does it at once, if nobody has to be asked.
func (u *unit) take(ctx context.Context, p Payment) (*work, error) {
	before := p.Phase
	p.Lease, p.Due = Lease{}, time.Time{}
	if a := p.open(); a != nil {
		at, err := u.rows.Account(ctx, a.Account)
		if err != nil {
			return nil, err
		}
		if g := u.m.opt.Gateways[at.Gateway]; g != nil && !g.Capabilities().Finds && a.State != AttemptPending {
			u.park(&p, ParkLost, fmt.Sprintf("%s: its worker has ended, and this provider cannot be asked", a.ID))
			return nil, u.put(ctx, &p, before)
		}
		if a.State == AttemptIntended { // its worker has ended
			a.State = AttemptUnknown
		}
		return u.lease(ctx, &p, a.ID, at, nil, true)
	}
	if p.Again.IsZero() || u.now.Before(p.Again) {
		p.Due, p.Phase = p.Again, p.phase()
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
		if route, err = u.route(ctx, &p, &i); errors.Is(err, ErrNoGateway) {
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

// Run calls Step until ctx is done, and waits for idle while there is nothing to do; 0:
// five seconds. It returns the context's error, or the first one of the store that does
// not pass.
func (m *Manager) Run(ctx context.Context, idle time.Duration) error {
	if idle <= 0 {
		idle = 5 * time.Second
	}
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		worked, err := m.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !passes(err):
			return tierhost.E("gateways.Run", 0, "", err)
		case err != nil:
			m.opt.Logger.WarnContext(ctx, "a payment could not be worked on", "error", err)
		case worked:
			continue
		}
		timer.Reset(idle)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
}
