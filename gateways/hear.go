package gateways

import (
	"context"
	"errors"
	"time"

	"github.com/tierhost/tierhost/storage"
)

// receive keeps a notice in the inbox, and returns it if it is to be worked on at once.
func (u *unit) receive(ctx context.Context, account AccountID, n Notice) (*Inbound, error) {
	if n.Unsigned {
		if ours, err := u.ours(ctx, account, n); err != nil || !ours {
			return nil, err // what anybody may send is not kept unless it is about something
		}
	}
	if n.Event == "" || n.Unsigned {
		name, err := digest(n)
		if err != nil {
			return nil, err
		}
		n.Event = name
	}
	old, err := u.rows.Notice(ctx, account, n.Event)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		// If its worker ends it is tried again.
		in := Inbound{
			Account: account, Event: n.Event, Version: 1, Kind: n.Kind, Came: u.now, State: NoticeReceived, Notice: n, Due: u.now.Add(u.m.opt.Lease),
		}
		return &in, u.rows.PutNotice(ctx, in)
	case err != nil:
		return nil, err
	case !n.Unsigned && old.Done.IsZero() && old.State != NoticeParked:
		return &old, nil
	case !n.Unsigned:
		return nil, nil
	}
	// What is not signed is looked at again, but not at each word of anybody.
	old.Version++
	switch {
	case !old.Done.IsZero():
	case old.State == NoticeParked: // by the worker, which looks later and later
		old.Kind, old.State, old.Notice, old.Tries, old.Failure, old.Due = n.Kind, NoticeReceived, n, 0, "", u.now
		return nil, u.rows.PutNotice(ctx, old)
	case old.Again:
		return nil, nil
	default: // whoever is at work on it may have asked already
		old.Again = true
		return nil, u.rows.PutNotice(ctx, old)
	}
	old.Kind, old.State, old.Notice, old.Tries, old.Failure, old.Again = n.Kind, NoticeReceived, n, 0, "", false
	next := old.Done.Add(u.m.opt.Look)
	old.Done, old.Due = time.Time{}, u.now.Add(u.m.opt.Lease)
	if u.now.Before(next) {
		old.Due = next
		return nil, u.rows.PutNotice(ctx, old)
	}
	return &old, u.rows.PutNotice(ctx, old)
}

// ours reports whether there is what a notice is about.
func (u *unit) ours(ctx context.Context, account AccountID, n Notice) (bool, error) {
	_, _, err := u.about(ctx, account, n.Operation, n.Reference)
	if errors.Is(err, ErrNoPayment) && n.Operation != "" {
		var i Instrument
		i, err = u.rows.Instrument(ctx, InstrumentID(n.Operation))
		if err == nil && (i.Handover == nil || i.Handover.Account != account) {
			return false, nil
		}
	}
	if errors.Is(err, ErrNoPayment) || errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// attend works on a notice, and keeps whether it is done.
func (m *Manager) attend(ctx context.Context, in Inbound) (now Inbound, err error) {
	payment, failed := m.hear(ctx, in)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		now, err = u.rows.Notice(ctx, in.Account, in.Event)
		if err != nil {
			return err
		}
		if !now.Done.IsZero() {
			return nil
		}
		now.Version++
		if errors.Is(failed, errElsewhere) { // which is no try: another process has it
			now.Failure, now.Due = shortened(failed.Error()), u.now.Add(m.patience(1))
			return u.rows.PutNotice(ctx, now)
		}
		now.Tries++
		now.Payment, now.Failure = payment, ""
		switch {
		case failed == nil && now.Again:
			now.Again, now.Tries, now.Due = false, 0, u.now.Add(m.opt.Look)
		case failed == nil:
			now.State, now.Done, now.Due = NoticeDone, u.now, time.Time{}
		case errors.Is(failed, ErrNoPayment) && now.Tries >= 3 && !now.Notice.lost():
			// The transaction that made it may not have been committed at first.
			now.State, now.Done, now.Due = NoticeIgnored, u.now, time.Time{}
		case now.Tries >= m.opt.Give, errors.Is(failed, ErrNoPayment) && now.Tries >= 3: // money is gone, and nobody knows of which payment
			now.State, now.Failure, now.Due = NoticeParked, shortened(failed.Error()), time.Time{}
			if err := u.toldParked(ctx, now); err != nil {
				return err
			}
		default:
			now.Failure, now.Due = shortened(failed.Error()), u.now.Add(m.patience(now.Tries))
		}
		return u.rows.PutNotice(ctx, now)
	})
	return now, errors.Join(failed, err)
}

// lost reports whether a provider proves that money is gone.
func (n *Notice) lost() bool { return n.Dispute != nil && n.Dispute.Lost && !n.Unsigned }

// toldParked tells that staff has to look at a notice.
func (u *unit) toldParked(ctx context.Context, n Inbound) error {
	at, err := u.at(ctx, n.Account)
	if err == nil {
		u.tellOf(at.Seller, "gateway/"+string(n.Account), NoticeStuck{
			Account: n.Account, Event: n.Event, Kind: n.Kind, Payment: n.Payment, Failure: n.Failure,
		})
	}
	return err
}

// hear finds out what a notice is about.
func (m *Manager) hear(ctx context.Context, in Inbound) (PaymentID, error) {
	n := in.Notice
	if n.Operation == "" && n.Reference == "" {
		if n.lost() {
			return "", ErrNoPayment
		}
		return "", nil // it is about nothing of ours
	}
	if n.Dispute != nil && !n.Unsigned {
		return m.disputed(ctx, in)
	}
	if n.Result == nil || n.Unsigned {
		return m.lookFor(ctx, in)
	}
	var p Payment
	var w *work
	err := m.update(ctx, func(ctx context.Context, u *unit) error {
		w = nil
		found, id, err := u.about(ctx, in.Account, n.Operation, n.Reference)
		if err != nil {
			return err
		}
		if u.account, err = u.rows.Account(ctx, in.Account); err != nil {
			return err
		}
		p = found
		a := found.attempt(id)
		if a.Verb == VerbRefund && !a.State.Open() && u.able(ctx, a).Finds {
			return nil // two words about one refund may have come in the wrong order
		}
		w = &work{payment: found, attempt: id, account: u.account, look: true, told: true, token: "none"}
		p, _, err = u.conclude(ctx, w, *n.Result, nil, nil)
		return err
	})
	switch {
	case err == nil && w == nil:
		return m.lookFor(ctx, in)
	case err != nil && w != nil && !passes(err): // the books; it is tried again all the same
		_, parked := m.setAside(ctx, w, *n.Result, err)
		err = errors.Join(err, parked)
	}
	return p.ID, err
}

// lookFor asks the provider about what a notice is about.
func (m *Manager) lookFor(ctx context.Context, in Inbound) (PaymentID, error) {
	n := in.Notice
	p, _, vain, err := m.settle(ctx, in.Account, n.Operation, n.Reference, true)
	if errors.Is(err, ErrNoPayment) && n.Operation != "" { // the keeping of an instrument has its ID
		if _, err := m.registered(ctx, InstrumentID(n.Operation), in.Account); !errors.Is(err, ErrNoInstrument) {
			return "", err
		}
	}
	return p.ID, errors.Join(err, vain)
}

// stepNotice works on a notice that is due.
func (m *Manager) stepNotice(ctx context.Context) (worked bool, err error) {
	var in []Inbound
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		in, err = u.rows.DueNotices(ctx, u.now, 1)
		if err != nil || len(in) == 0 {
			return err
		}
		in[0].Version++
		in[0].Again = false
		in[0].Due = u.now.Add(m.opt.Lease) // nobody else's until then
		return u.rows.PutNotice(ctx, in[0])
	})
	if err != nil || len(in) == 0 {
		return false, err
	}
	if _, failed := m.attend(ctx, in[0]); failed != nil {
		m.opt.Logger.WarnContext(ctx, "a notice is tried again", "account", in[0].Account, "event", in[0].Event, "error", failed)
	}
	return true, nil
}
