package gateways

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/storage"
)

// DisputeRequest is what a seller's staff enters of a dispute that no notice has told of:
// many providers tell it by letter, or in their panel only.
type DisputeRequest struct {
	Payment PaymentID
	// Amount is what the customer's bank has taken back, or has given back, in the currency
	// of the payment.
	Amount money.Money
	Won    bool // it has given it back
	// Reference and Reason are those of the provider's statement.
	Reference string
	Reason    string
	Key       string // idempotency key, within the payment's account
	By        string // who enters it
}

// EnterDispute books that the customer's bank has taken money of a payment back, or has
// given it back, as a notice of the provider would: once for each key. What was entered is
// kept in the inbox, with who has entered it; the key is known until [Manager.PurgeNotices]
// deletes that. Through an account whose driver has notices tell of disputes it would be
// booked twice: there it is for what has not been told.
//
// It fails with a [*tierhost.Invalid] unless there are a key, a name and an amount, with
// [ErrNoPayment], with [ErrKeyReused], with [ErrTooMuch] if more would be gone than was
// taken, with tierhost.ErrInvalid if it is another currency or
// more is given back than was taken, and with what the books say. Then nothing was kept.
func (m *Manager) EnterDispute(ctx context.Context, q DisputeRequest) (p Payment, err error) {
	const op = "gateways.EnterDispute"
	var issues tierhost.Issues
	for _, f := range [][2]string{{"key", q.Key}, {"by", q.By}} {
		if f[1] == "" {
			issues.Add(f[0], "required", "there is none")
		}
	}
	if q.Amount.Sign() <= 0 || !q.Amount.IsWhole() {
		issues.Add("amount", "invalid", "%s is no amount above zero", q.Amount)
	}
	checkTexts(&issues, map[string]string{"key": q.Key, "by": q.By, "reason": q.Reason, "reference": q.Reference})
	if err := issues.Err(); err != nil {
		return Payment{}, err
	}
	d := Dispute{Amount: q.Amount, Lost: !q.Won, Won: q.Won, Reason: q.Reason}
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		if p, err = u.rows.Payment(ctx, q.Payment); err != nil {
			return missing(ErrNoPayment, err)
		}
		in := Inbound{
			Account: p.Account, Event: "entered/" + q.Key, Version: 1, Kind: "dispute", Came: u.now, State: NoticeReceived, Payment: p.ID, By: q.By, Reason: q.Reason,
			Due: u.now.Add(m.opt.Lease), Notice: Notice{Event: "entered/" + q.Key, Kind: "dispute", At: u.now, Reference: q.Reference, Dispute: &d},
		}
		old, err := u.rows.Notice(ctx, in.Account, in.Event)
		switch {
		case err == nil && old.Payment == p.ID && old.Notice.Reference == q.Reference && old.Notice.Dispute != nil && old.Notice.Dispute.same(d):
			return nil
		case err == nil:
			return fmt.Errorf("%w: %.128q", ErrKeyReused, q.Key)
		case !errors.Is(err, storage.ErrNotFound):
			return err
		}
		if !q.Won {
			if err := p.losable(q.Amount); err != nil {
				return err
			}
		}
		if err := u.rows.PutNotice(ctx, in); err != nil {
			return err
		}
		return u.dispute(ctx, &p, in)
	})
	if err != nil {
		return Payment{}, tierhost.E(op, 0, "", err)
	}
	return m.shown(ctx, p), nil
}

// losable fails unless a customer's bank can have taken so much back: more is a typing
// error.
func (p *Payment) losable(amount money.Money) error {
	gone, err := p.Lost.Add(p.Refunded())
	if err == nil {
		gone, err = gone.Add(amount)
	}
	if err != nil {
		return errors.Join(tierhost.ErrInvalid, err)
	}
	if more, err := gone.Cmp(p.Captured()); err != nil || more > 0 {
		return fmt.Errorf("%w: with %s more would be gone than %s that were taken", ErrTooMuch, amount, p.Captured())
	}
	return nil
}

func (d *Dispute) same(as Dispute) bool {
	return d.Amount.Equal(as.Amount) && d.Lost == as.Lost && d.Won == as.Won && d.Reason == as.Reason
}

// disputed keeps what a notice says of a dispute.
func (m *Manager) disputed(ctx context.Context, in Inbound) (PaymentID, error) {
	var p Payment
	err := m.update(ctx, func(ctx context.Context, u *unit) (err error) {
		if p, _, err = u.about(ctx, in.Account, in.Notice.Operation, in.Notice.Reference); err != nil {
			return err
		}
		now, err := u.rows.Notice(ctx, in.Account, in.Event)
		if err != nil || !now.Done.IsZero() {
			return err // somebody else was faster
		}
		if d := in.Notice.Dispute; !d.Lost && !d.Won {
			return nil // it is asked for; nothing has moved
		}
		return u.dispute(ctx, &p, now)
	})
	return p.ID, err
}

// dispute books that a customer's bank has taken money back, or has given it back. The
// notice of it is done with that, in one transaction, so that it is never booked again.
func (u *unit) dispute(ctx context.Context, p *Payment, in Inbound) error {
	d := in.Notice.Dispute
	at, err := u.rows.Account(ctx, in.Account)
	if err != nil {
		return err
	}
	s := Settlement{
		ID: "dispute/" + string(in.Account) + "/" + in.Event, Kind: Lost, Payment: p.ID, Seller: p.Seller, Customer: p.Customer, Purpose: p.Purpose,
		Account: in.Account, Live: at.Live, Amount: d.Amount, Reference: in.Notice.Reference, Reason: shortened(d.Reason), At: u.now,
	}
	sum, err := p.Lost.Add(d.Amount)
	if d.Won {
		s.Kind = Regained
		sum, err = p.Lost.Sub(d.Amount)
	}
	if err != nil || sum.Sign() < 0 || d.Amount.Sign() <= 0 {
		return fmt.Errorf("a dispute of %s does not belong to a payment of which %s are lost: %w", d.Amount, p.Lost, errors.Join(tierhost.ErrInvalid, err))
	}
	p.Lost = sum
	gone, err := sum.Add(p.Refunded())
	if err != nil {
		return err
	}
	if more, err := gone.Cmp(p.Captured()); err != nil || more > 0 {
		u.park(p, ParkExcess, "", fmt.Sprintf("with the dispute %s more is gone than %s that were taken", in.Event, p.Captured()))
	}
	if err := u.m.opt.Settler.Settled(ctx, u.tx, s); err != nil {
		return err
	}
	if err := u.put(ctx, p, p.Phase); err != nil {
		return err
	}
	in.Version++
	in.Tries++
	in.Payment, in.Failure, in.State, in.Done, in.Due = p.ID, "", NoticeDone, u.now, time.Time{}
	return u.rows.PutNotice(ctx, in)
}
