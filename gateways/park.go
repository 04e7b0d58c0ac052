package gateways

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
)

// Parking is why staff has to look at a payment.
type Parking struct {
	Reason string `json:"reason"`
	// Operation is the attempt that it is about; "": the payment itself.
	Operation OperationID `json:"operation,omitempty"`
	Text      string      `json:"text"`
	At        time.Time   `json:"at"`
}

// Reasons of parking. Each ends by [Manager.Resolve], and what is said of it by itself.
const (
	// ParkAmount: the provider has moved another amount than it was asked for. Nothing is
	// booked.
	ParkAmount = "amount_differs"
	// ParkLost: what became of an operation cannot be found out. It ends by itself when
	// the provider tells after all: a notification, or [Manager.Settle].
	ParkLost = "outcome_lost"
	// ParkTwice: more has been taken than once, as the provider says: by two attempts, by
	// one under two references, or for two payments under one.
	ParkTwice = "paid_twice"
	// ParkExcess: more is given back, or taken back by the customer's bank, than was taken.
	// A refund that is it is not booked; what a bank takes is.
	ParkExcess = "more_returned"
	// ParkContrary: the provider has told both that a refund was made and that it was not,
	// and cannot be asked; or that what was authorized was taken and that it was let go. What
	// it has told last is not booked. A void that has given back what was booked as taken is
	// booked as returned.
	ParkContrary = "contradicted"
	// ParkRefused: the host's books have refused a settlement. It ends by itself when they
	// take it: after a notification, or [Manager.Settle].
	ParkRefused = "settlement_refused"
)

// parkings are all that there are.
func (p *Payment) parkings() []Parking {
	if p.Parked == nil {
		return nil
	}
	return append([]Parking{*p.Parked}, p.Also...)
}

// held reports whether staff has to look at an attempt for a reason.
func (p *Payment) held(id OperationID, reason string) bool {
	return slices.ContainsFunc(p.parkings(), func(h Parking) bool { return h.Operation == id && h.Reason == reason })
}

// release ends those that match.
func (p *Payment) release(match func(h Parking) bool) {
	left := slices.DeleteFunc(p.parkings(), match)
	p.Parked, p.Also = nil, nil
	if len(left) > 0 {
		p.Parked, p.Also = &left[0], left[1:]
	}
	if len(p.Also) == 0 {
		p.Also = nil
	}
}

// found ends that an attempt was lost, or that the books have refused it.
func (p *Payment) found(a *Attempt) {
	p.release(func(h Parking) bool {
		return h.Operation == a.ID && (h.Reason == ParkLost || h.Reason == ParkRefused)
	})
}

// park has staff look at a payment; about is the attempt that it is about.
func (u *unit) park(p *Payment, reason string, about OperationID, text string) {
	if p.held(about, reason) {
		return
	}
	text = shortened(text)
	h := Parking{Reason: reason, Operation: about, Text: text, At: u.now}
	if p.Parked == nil {
		p.Parked = &h
	} else {
		p.Also = append(p.Also, h)
	}
	u.tell(p, PaymentParked{Payment: p.ID, Customer: p.Customer, Account: p.Account, Operation: about, Reason: reason, Text: text})
}

// Resolve ends what staff has looked into: a payment that is parked for an attempt, or of
// which one is pending, goes on as it would have. moved says how much the attempt has moved after all, which is then
// booked; the zero Money: nothing. What an attempt has done that is booked already, a
// refund or an authorization, is undone if nothing has moved.
//
// What staff finds out may be another reason to park it, such as that another attempt has
// been approved meanwhile: then nothing is booked yet.
//
// attempt "" ends what is about the payment itself, once staff has seen it; moved is zero
// then. Whatever else it is parked for stays.
//
// It fails with [ErrNoPayment], with [ErrPhase] if it is not parked for the attempt, which
// is not pending either, with [ErrTooMuch] if a void is to have given back more than there is, and with what the books
// say.
func (m *Manager) Resolve(ctx context.Context, id PaymentID, attempt OperationID, moved money.Money, by string) (p Payment, err error) {
	const op = "gateways.Resolve"
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		if p, err = u.rows.Payment(ctx, id); err != nil {
			return missing(ErrNoPayment, err)
		}
		a := p.attempt(attempt)
		parked := slices.ContainsFunc(p.parkings(), func(h Parking) bool { return h.Operation == attempt })
		if !parked && (a == nil || a.State != AttemptPending) {
			return fmt.Errorf("%w: it is not parked for %.64q, which is not pending", ErrPhase, attempt)
		}
		before, had := p.Phase, p.parkings()
		var was AttemptState
		p.release(func(h Parking) bool { return h.Operation == attempt })
		switch {
		case !moved.IsZero() && (moved.Currency() != p.Amount.Currency() || moved.Sign() < 0 || !moved.IsWhole() || a == nil):
			return tierhost.E("", tierhost.KindInvalid, "amount", fmt.Errorf("%s is no amount of what is resolved", moved))
		case a != nil:
			was = a.State
			if err := u.resolve(ctx, &p, a, moved, by, had); err != nil {
				return err
			}
		}
		u.toldRefund(&p, a, was)
		if p.Lease.Token == "" || !u.now.Before(p.Lease.Until) {
			p.Lease, p.Due = Lease{}, time.Time{}
		}
		u.watch(ctx, &p)
		p.Phase = p.phase()
		return u.put(ctx, &p, before)
	})
	if err != nil {
		return Payment{}, tierhost.E(op, 0, "", err)
	}
	return p, nil
}

// resolve keeps what staff has found out about an attempt; had is what it was parked for. If
// there is a reason to park it that staff did not know of, it is parked for that.
func (u *unit) resolve(ctx context.Context, p *Payment, a *Attempt, moved money.Money, by string, had []Parking) error {
	by = "resolved by " + shortened(by)
	a.Ended, a.Failure = u.now, by
	if a.State == AttemptApproved { // and what it has done is booked
		switch {
		case moved.Equal(a.Amount) || !moved.IsZero() && a.Verb == VerbAuthorize:
			if a.Verb == VerbAuthorize {
				p.Expires = time.Time{} // it is not as the provider has said
			}
			return nil
		case !moved.IsZero() || a.Verb != VerbRefund && a.Verb != VerbAuthorize:
			return fmt.Errorf("%w: %s of %s is booked", ErrPhase, a.Verb, a.Amount)
		}
		a.State = AttemptUndone
		return u.settle(ctx, p, a)
	}
	if moved.IsZero() {
		again := a.State.Open()
		if a.State != AttemptDeclined {
			a.State = AttemptFailed
		}
		if a.paying() {
			p.Action = nil
			if u.payable(p, a) {
				a.Late = lateLooks
			}
			if again && p.Instrument != "" && !p.Present {
				p.Again = u.now
			}
		}
		return nil
	}
	if a.Verb == VerbVoid {
		a.State = AttemptFailed // it is none of what was given back
		if more, err := moved.Cmp(p.Refundable()); !p.Captured().IsZero() && (err != nil || more > 0) {
			return fmt.Errorf("%w: %s were given back, there is %s", ErrTooMuch, moved, p.Refundable())
		}
	}
	a.Amount = moved
	reason, why, err := u.doubtful(ctx, p, a, Result{Amount: moved}, &work{look: true})
	if err != nil {
		return err
	}
	if reason != "" && !slices.ContainsFunc(had, func(h Parking) bool { return h.Operation == a.ID && h.Reason == reason }) {
		a.State = AttemptSuspense
		u.park(p, reason, a.ID, string(a.ID)+": "+why)
		return nil
	}
	if a.paying() && !p.ever(AttemptApproved) {
		p.Account, p.Action, p.Again = a.Account, nil, time.Time{}
		if a.Reference != "" {
			p.Reference = a.Reference
		}
	}
	a.State = AttemptApproved
	return u.settle(ctx, p, a)
}
