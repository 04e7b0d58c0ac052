package gateways

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
)

// MoveRequest asks for a capture, a void or a refund of a payment.
type MoveRequest struct {
	// Key makes the request repeatable, among those of the payment. It is required.
	Key     string    `json:"-"`
	Payment PaymentID `json:"payment"`
	// Amount is how much; the zero Money: all that there is.
	Amount money.Money `json:"amount,omitzero"`
	Reason string      `json:"reason,omitempty"` // for the books and the provider
}

// Capture takes what a payment has set aside, or a part of it; the rest is let go. It
// returns the payment as it is after the provider was asked, and what the provider says is
// no error of Capture.
//
// It fails with a [*tierhost.Invalid] that lists all faults, with [ErrNoPayment],
// [ErrPhase], [ErrTooMuch], [ErrBusy] while another call is under way, and [ErrKeyReused].
func (m *Manager) Capture(ctx context.Context, q MoveRequest) (Payment, error) {
	return m.move(ctx, "gateways.Capture", VerbCapture, q)
}

// Void lets go what a payment has set aside. If money was taken already, a refund is what
// is needed. It returns and fails as [Manager.Capture] does.
func (m *Manager) Void(ctx context.Context, q MoveRequest) (Payment, error) {
	return m.move(ctx, "gateways.Void", VerbVoid, q)
}

// Refund gives back what a payment has taken, or a part of it: never more than was taken
// less what was given back, or may have been, before. It returns and fails as
// [Manager.Capture] does; what became of a refund that is pending or was lost is told by
// [RefundChanged]. What was paid twice, and is booked as that, is given back by refunds of
// which each is of one of the two, and no more than it has taken: else it is [ErrTooMuch].
func (m *Manager) Refund(ctx context.Context, q MoveRequest) (Payment, error) {
	return m.move(ctx, "gateways.Refund", VerbRefund, q)
}

// Cancel has a payment never tried again that waits to be, after a soft decline or an
// outage: a host calls it when what it is for is paid otherwise, or nothing is owed any
// more. It is safe to repeat, and for what is declined or failed already. Should an attempt
// that was given up have worked after all, that is kept and booked.
//
// It fails with [ErrNoPayment], with [ErrBusy] while an attempt is under way or what became
// of one is not known, after which it may be paid, and with [ErrPhase] if it is paid or
// authorized: a refund or a void is what is needed then.
func (m *Manager) Cancel(ctx context.Context, id PaymentID) (p Payment, err error) {
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		if p, err = u.rows.Payment(ctx, id); err != nil {
			return missing(ErrNoPayment, err)
		}
		switch a := p.open(); {
		case !p.Canceled.IsZero():
			return nil
		case p.Lease.Token != "" && u.now.Before(p.Lease.Until):
			return ErrBusy
		case a != nil:
			return fmt.Errorf("%w: what became of %s is not known yet", ErrBusy, a.ID)
		case p.Phase != PhaseWaiting && !p.Phase.Over():
			return fmt.Errorf("%w: it is %s", ErrPhase, p.Phase)
		}
		before := p.Phase
		p.Canceled, p.Due = u.now, time.Time{}
		u.watch(ctx, &p)
		p.Phase = p.phase()
		return u.put(ctx, &p, before)
	})
	if err != nil {
		return Payment{}, tierhost.E("gateways.Cancel", 0, "", err)
	}
	return p, nil
}

func (m *Manager) move(ctx context.Context, op string, verb Verb, q MoveRequest) (Payment, error) {
	var issues tierhost.Issues
	if q.Key == "" {
		issues.Add("key", "required", "there is none")
	}
	checkTexts(&issues, map[string]string{"key": q.Key, "reason": q.Reason})
	if q.Amount.Currency() != (money.Currency{}) {
		checkAmount(&issues, "amount", q.Amount)
	}
	if err := issues.Err(); err != nil {
		return Payment{}, err
	}
	key := fingerprint(string(verb), q) + "/" + q.Key
	var p Payment
	var w *work
	err := m.update(ctx, func(ctx context.Context, u *unit) (err error) {
		w = nil
		if p, err = u.rows.Payment(ctx, q.Payment); err != nil {
			return missing(ErrNoPayment, err)
		}
		for _, a := range p.Attempts {
			if a.Key == key {
				return nil // made before
			}
			if a.Key != "" && a.Key[65:] == q.Key {
				return fmt.Errorf("%w: %.128q", ErrKeyReused, q.Key)
			}
		}
		if p.Lease.Token != "" && u.now.Before(p.Lease.Until) {
			return ErrBusy
		}
		if a := p.open(); a != nil && (a.State != AttemptPending || verb != VerbRefund || a.Verb != VerbRefund) {
			return fmt.Errorf("%w: what became of %s is not known yet", ErrBusy, a.ID)
		}
		amount, err := p.movable(verb, q.Amount)
		if err != nil {
			return err
		}
		through, of := p.Account, OperationID("")
		if verb == VerbRefund {
			taken, err := p.refundOf(amount)
			if err != nil {
				return err
			}
			if taken != nil {
				through, of = taken.Account, taken.ID
			}
		}
		at, err := u.rows.Account(ctx, through)
		if err != nil {
			return missing(ErrNoAccount, err)
		}
		able := u.able(ctx, &Attempt{Account: at.ID})
		if err := able.Check(verb, amount); m.opt.Gateways[at.Gateway] != nil && err != nil {
			return err
		}
		if all, _ := p.movable(verb, money.Money{}); !amount.Equal(all) {
			if verb == VerbCapture && !able.PartialCapture || verb == VerbRefund && !able.PartialRefund {
				return tierhost.E("", tierhost.KindUnsupported, "whole_only", errors.New("the gateway does not "+string(verb)+" a part"))
			}
		}
		w, err = u.begin(ctx, &p, Attempt{Verb: verb, Account: at.ID, Amount: amount, Key: key, Reason: q.Reason, Of: of}, at, nil)
		return err
	})
	if err != nil {
		if _, invalid := errors.AsType[*tierhost.Invalid](err); invalid {
			return Payment{}, err
		}
		return Payment{}, tierhost.E(op, 0, "", err)
	}
	if w == nil {
		return p, nil
	}
	p, _, err = m.perform(ctx, w)
	return p, err
}

// movable is how much a verb may move: all that there is if nothing is asked for.
func (p *Payment) movable(verb Verb, asked money.Money) (money.Money, error) {
	var most money.Money
	switch verb {
	case VerbRefund:
		if p.Captured().IsZero() {
			return most, fmt.Errorf("%w: nothing was taken", ErrPhase)
		}
		most = p.Refundable()
	default:
		if p.Phase != PhaseAuthorized || p.authorized().IsZero() {
			return most, fmt.Errorf("%w: it is %s, nothing is set aside", ErrPhase, p.Phase)
		}
		most = p.authorized()
	}
	if asked.Currency() == (money.Currency{}) {
		asked = most
	}
	c, err := asked.Cmp(most)
	switch {
	case err != nil:
		return most, err
	case verb == VerbVoid && c != 0:
		return most, fmt.Errorf("%w: a void is of all that is set aside, %s", ErrTooMuch, most)
	case c > 0 || most.Sign() <= 0:
		return most, fmt.Errorf("%w: %s was asked for, there is %s", ErrTooMuch, asked, most)
	}
	return asked, nil
}

// Payment returns a payment, or [ErrNoPayment].
func (m *Manager) Payment(ctx context.Context, id PaymentID) (p Payment, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) error {
		p, err = rows.Payment(ctx, id)
		return missing(ErrNoPayment, err)
	})
	return m.shown(ctx, p), err
}

// Payments yields the payments that match, by ID. An error is yielded once and ends the
// sequence. No transaction is held meanwhile. What a customer has to do is sealed in them:
// [Manager.Payment] shows it.
func (m *Manager) Payments(ctx context.Context, q PaymentQuery) iter.Seq2[Payment, error] {
	return pages(m, ctx, func(p Payment) PaymentID { return p.ID }, func(ctx context.Context, rows Rows, after PaymentID) ([]Payment, error) {
		return rows.Payments(ctx, q, after, pageSize)
	})
}

// ChargeLog yields what was said to providers about a payment, in its order.
func (m *Manager) ChargeLog(ctx context.Context, id PaymentID) iter.Seq2[LogEntry, error] {
	return pages(m, ctx, func(e LogEntry) int64 { return e.Number }, func(ctx context.Context, rows Rows, after int64) ([]LogEntry, error) {
		return rows.Exchanges(ctx, id, after, pageSize)
	})
}

// Statistics returns how often what had which outcome at an account, by day (UTC), from a
// day to a day, both included.
func (m *Manager) Statistics(ctx context.Context, account AccountID, from, to time.Time) (all []Count, err error) {
	err = m.view(ctx, func(ctx context.Context, rows Rows) error {
		all, err = rows.Counts(ctx, account, from.UTC().Format("2006-01-02"), to.UTC().Format("2006-01-02"))
		return err
	})
	return all, err
}

// pages yields rows page by page, each in a transaction of its own.
func pages[K, V any](
	m *Manager, ctx context.Context, key func(V) K, page func(ctx context.Context, rows Rows, after K) ([]V, error),
) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var after K
		for {
			var got []V
			err := m.view(ctx, func(ctx context.Context, rows Rows) (err error) {
				got, err = page(ctx, rows, after)
				return err
			})
			if err != nil {
				var none V
				yield(none, err)
				return
			}
			for _, row := range got {
				if !yield(row, nil) {
					return
				}
				after = key(row)
			}
			if len(got) < pageSize {
				return
			}
		}
	}
}
