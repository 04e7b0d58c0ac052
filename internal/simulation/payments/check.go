package payments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost/gateways"
)

// Finish stops all faults, has everything worked on until nothing is left to do, has staff
// see to what is parked, and compares the providers' books with ours.
func (w *World) Finish(ctx context.Context) error {
	w.calm, w.closed, w.m = true, false, w.processes[0]
	w.opt.Trace("the faults stop")
	for _, name := range names() {
		p := w.providers[name]
		p.Heal()
		for _, d := range p.Books() {
			if d.Outcome == gateways.Pending && w.odds(2) {
				p.Complete(d.Operation, nil)
			}
		}
	}
	const rounds = 20
	for round := 0; ; round++ {
		if err := w.work(ctx); err != nil {
			return err
		}
		left, err := w.seeTo(ctx)
		if err != nil {
			return err
		}
		if len(w.broken) > 0 {
			return errors.New(w.broken[0])
		}
		if left == 0 {
			return w.compare(ctx)
		}
		if round == rounds {
			return fmt.Errorf("after %d rounds of staff %d things are parked still", rounds, left)
		}
	}
}

// work delivers what providers have to say and does what is due, until nothing is.
func (w *World) work(ctx context.Context) error {
	for idle := 0; idle < 30; {
		w.collect()
		for len(w.inbox) > 0 {
			if status := w.post(ctx, w.inbox[0]); status != 200 {
				return fmt.Errorf("a notification was answered with %d", status)
			}
			w.inbox = w.inbox[1:]
		}
		worked, err := w.m.Step(ctx)
		if err != nil {
			return fmt.Errorf("without faults: %w", err)
		}
		if !worked {
			idle++
			w.clock.Advance(7 * time.Hour)
		}
	}
	return nil
}

// seeTo has staff see to all that is parked, and returns how much that was.
func (w *World) seeTo(ctx context.Context) (n int, err error) {
	for p, err := range w.m.Payments(ctx, gateways.PaymentQuery{AllSellers: true, Parked: true}) {
		if err != nil {
			return n, err
		}
		w.look(p)
		switch p.Parked.Reason {
		case gateways.ParkAmount, gateways.ParkLost, gateways.ParkTwice, gateways.ParkExcess, gateways.ParkContrary, gateways.ParkRefused:
		default:
			return n, fmt.Errorf("%s is parked for %q", p.ID, p.Parked.Reason)
		}
		if p.Parked.Text == "" || p.Parked.At.IsZero() {
			return n, fmt.Errorf("%s is parked without a word", p.ID)
		}
		for _, d := range w.providers[p.Account].Books() {
			if d.Operation == p.Parked.Operation && d.Outcome == gateways.Pending {
				w.providers[p.Account].Complete(d.Operation, nil)
			}
		}
		n++
		w.resolve(ctx, p)
	}
	for in, err := range w.m.Notices(ctx, gateways.NoticeQuery{AllSellers: true, Parked: true}) {
		if err != nil {
			return n, err
		}
		n++
		w.happens("notice parked")
		if _, err := w.m.RetryNotice(ctx, in.Account, in.Event); err != nil {
			return n, err
		}
	}
	return n, nil
}

// ledger is what there is of one payment, by one side's books, in minor units.
type ledger struct{ taken, given, lost int64 }

// compare looks at what must hold when nothing is left to do.
func (w *World) compare(ctx context.Context) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	known := map[gateways.OperationID]gateways.Attempt{}
	ours, theirs, booked := map[gateways.PaymentID]ledger{}, map[gateways.PaymentID]ledger{}, map[gateways.PaymentID]ledger{}
	var all []gateways.Payment
	byID := map[gateways.PaymentID]gateways.Payment{}
	for p, err := range w.m.Payments(ctx, gateways.PaymentQuery{AllSellers: true}) {
		if err != nil {
			return err
		}
		all, byID[p.ID] = append(all, p), p
		w.Stats["end "+string(p.Phase)]++
		waits := false // a provider that never decides
		for _, a := range p.Attempts {
			known[a.ID] = a
			if !p.Canceled.IsZero() && a.Begun.After(p.Canceled) && (a.Verb == gateways.VerbCharge || a.Verb == gateways.VerbAuthorize) {
				fail("%s was canceled on %s, and %s begun on %s", p.ID, p.Canceled, a.ID, a.Begun)
			}
			waits = waits || a.State == gateways.AttemptPending
			if a.State == gateways.AttemptUndone {
				w.Stats["undone "+string(a.Verb)]++
			}
			if a.State == gateways.AttemptSuspense || a.State == gateways.AttemptIntended || a.State == gateways.AttemptUnknown {
				fail("%s of %s stays %s: %+v", a.ID, p.ID, a.State, p)
			}
		}
		if p.Phase == gateways.PhaseOpen || p.Phase == gateways.PhaseAction || p.Phase == gateways.PhaseWaiting {
			fail("%s stays %s: %+v", p.ID, p.Phase, p)
		}
		if !p.Due.IsZero() && !waits && p.Phase != gateways.PhasePaid && p.Phase != gateways.PhaseAuthorized {
			fail("%s is %s and stays due: %+v", p.ID, p.Phase, p)
		}
		if !p.Expires.IsZero() && p.Phase == gateways.PhaseAuthorized && p.Expires.Before(w.clock.Now()) && !waits {
			fail("the authorization of %s has run out on %s, and is kept: %+v", p.ID, p.Expires, p)
		}
		l := ledger{minor(p.Captured()), minor(p.Refunded()), minor(p.Lost)}
		ours[p.ID] = l
		if l.given > l.taken {
			fail("of %s %d were given back, and %d taken", p.ID, l.given, l.taken)
		}
		if l.given+l.lost > l.taken && l.lost > 0 && l.given > 0 && !w.seen[p.ID][gateways.ParkExcess] {
			fail("of %s %d are gone and %d were taken, and nobody was told", p.ID, l.given+l.lost, l.taken)
		}
	}
	takes := map[gateways.PaymentID]int{}
	for _, name := range names() {
		for _, d := range w.providers[name].Books() {
			a, is := known[d.Operation]
			if !is {
				fail("the provider has done %s, of which nothing is known", d.Operation)
				continue
			}
			l := theirs[d.Payment]
			if d.Outcome == gateways.Approved {
				switch d.Verb {
				case gateways.VerbCharge, gateways.VerbCapture:
					l.taken += minor(d.Amount)
				case gateways.VerbRefund:
					l.given += minor(d.Amount)
				}
				if d.Verb == gateways.VerbCharge || d.Verb == gateways.VerbAuthorize {
					takes[d.Payment]++
				}
				if a.State != gateways.AttemptApproved || !a.Amount.Equal(d.Amount) {
					fail("%s (%s of %s) was done by the provider, and is %s of %s (%s), made %s, called %s, ended %s",
						d.Operation, d.Verb, d.Amount, a.State, a.Amount, a.Failure, a.Begun, a.Called, a.Ended)
				}
			} else if a.State == gateways.AttemptApproved {
				fail("%s (%s) is approved, and %s at the provider", d.Operation, d.Verb, d.Outcome)
			}
			theirs[d.Payment] = l
		}
	}
	for id, n := range takes {
		if n > 1 && !w.seen[id][gateways.ParkTwice] {
			fail("%s was paid %d times, and nobody was told: %+v", id, n, byID[id])
		}
		if n > 3 {
			fail("%s was paid %d times", id, n)
		}
	}
	for id, s := range w.booked {
		l := booked[s.Payment]
		switch s.Kind {
		case gateways.Received:
			l.taken += minor(s.Amount)
		case gateways.Returned:
			l.given += minor(s.Amount)
		case gateways.Undone:
			l.given -= minor(s.Amount)
		case gateways.Lost:
			l.lost += minor(s.Amount)
		case gateways.Regained:
			l.lost -= minor(s.Amount)
		}
		booked[s.Payment] = l
		if s.ID != id || s.At.IsZero() || s.Amount.Sign() <= 0 {
			fail("%s was booked as %+v", id, s)
		}
	}
	for _, p := range all {
		want := theirs[p.ID]
		want.lost = w.lost[p.ID]
		if ours[p.ID] != want {
			fail("of %s we have %+v, the provider has %+v", p.ID, ours[p.ID], want)
		}
		if booked[p.ID] != want {
			fail("of %s %+v is booked, the provider has %+v", p.ID, booked[p.ID], want)
		}
		delete(booked, p.ID)
	}
	for id := range booked {
		fail("%s is booked, and there is no such payment", id)
	}
	return errors.Join(errs...)
}
