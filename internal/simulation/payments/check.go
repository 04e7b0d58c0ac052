package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/gateways"
)

// Finish stops all faults, has everything worked on until nothing is left to do, and
// compares the providers' books with ours.
func (w *World) Finish(ctx context.Context) error {
	w.calm = true
	w.opt.Trace("the faults stop")
	for _, p := range w.providers {
		p.Heal()
		for _, d := range p.Books() {
			if d.Outcome == gateways.Pending && w.odds(2) {
				p.Complete(d.Operation, nil)
			}
		}
	}
	w.collect()
	for len(w.inbox) > 0 {
		if status := w.post(ctx, w.inbox[0]); status != 200 {
			return fmt.Errorf("a notification was answered with %d", status)
		}
		w.inbox = w.inbox[1:]
	}
	for idle := 0; idle < 40; {
		worked, err := w.m.Step(ctx)
		if err != nil {
			return fmt.Errorf("without faults: %w", err)
		}
		if worked {
			continue
		}
		idle++
		w.clock.Advance(7 * time.Hour)
		w.collect()
		for len(w.inbox) > 0 {
			w.post(ctx, w.inbox[0])
			w.inbox = w.inbox[1:]
		}
	}
	if len(w.broken) > 0 {
		return errors.New(w.broken[0])
	}
	return w.compare(ctx)
}

// compare looks at what must hold when nothing is left to do.
func (w *World) compare(ctx context.Context) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	known := map[gateways.OperationID]gateways.Attempt{}
	payments := map[gateways.PaymentID]gateways.Payment{}
	for p, err := range w.m.Payments(ctx, gateways.PaymentQuery{AllSellers: true}) {
		if err != nil {
			return err
		}
		payments[p.ID] = p
		w.Stats["end "+string(p.Phase)]++
		if p.Parked != nil {
			w.Stats["parked "+p.Parked.Reason]++
		}
		for _, a := range p.Attempts {
			known[a.ID] = a
		}
		if p.Parked == nil && p.Phase == gateways.PhaseOpen {
			fail("%s stays open: %+v", p.ID, p)
		}
		if !p.Due.IsZero() && p.Phase != gateways.PhasePending && p.Phase != gateways.PhasePaid && p.Phase != gateways.PhaseAuthorized {
			fail("%s is %s and stays due", p.ID, p.Phase)
		}
	}
	done := map[gateways.OperationID]bool{}
	taken := map[gateways.PaymentID]int{}
	given := map[string]int64{}
	got := map[string]int64{}
	for _, provider := range w.providers {
		for _, d := range provider.Books() {
			a, ours := known[d.Operation]
			if !ours {
				fail("the provider has done %s, of which nothing is known", d.Operation)
				continue
			}
			if d.Outcome != gateways.Approved {
				continue
			}
			done[d.Operation] = true
			minor, err := d.Amount.Minor()
			if err != nil {
				return err
			}
			switch d.Verb {
			case gateways.VerbCharge:
				taken[d.Payment]++
				got[d.Reference] += minor
			case gateways.VerbAuthorize:
				taken[d.Payment]++
			case gateways.VerbCapture:
				got[d.Of] += minor
			case gateways.VerbRefund:
				given[d.Of] += minor
			}
			parked := payments[d.Payment].Parked != nil
			switch {
			case a.State == gateways.AttemptSuspense && parked:
			case a.State != gateways.AttemptApproved:
				fail("%s was done by the provider, and is %s (%s) in %s, made %s, called %s, ended %s", d.Operation, a.State, a.Failure, payments[d.Payment].Phase, a.Begun, a.Called, a.Ended)
			case !a.Amount.Equal(d.Amount):
				fail("%s has moved %s, and %s is kept", d.Operation, d.Amount, a.Amount)
			case d.Verb != gateways.VerbAuthorize && d.Verb != gateways.VerbVoid:
				s, booked := w.booked[string(d.Operation)]
				if !booked || !s.Amount.Equal(d.Amount) {
					fail("%s has moved %s, and %v is booked", d.Operation, d.Amount, s.Amount)
				}
			}
		}
	}
	for id, n := range taken {
		if n > 1 {
			fail("%s was paid %d times: %+v", id, n, payments[id].Attempts)
		}
	}
	for reference, back := range given {
		if back > got[reference] {
			fail("of %s %d were given back, and %d taken", reference, back, got[reference])
		}
	}
	for id, s := range w.booked {
		a := known[gateways.OperationID(id)]
		if a.State != gateways.AttemptApproved {
			fail("%s of %s was booked, and is %s", id, s.Amount, a.State)
		}
		if !done[gateways.OperationID(id)] {
			fail("%s of %s was booked, and no provider has done it", id, s.Amount)
		}
	}
	return errors.Join(errs...)
}
