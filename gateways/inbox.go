package gateways

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
)

// maxNotice bounds the body of a notification.
const maxNotice = 1 << 20

// noticeTries is how often a notice that fails is tried before staff has to look.
const noticeTries = 20

// Handler returns the handler of the notifications of all providers. It is mounted at any
// path; the last element of a request's path is the account's ID, so that each account has
// a URL of its own. What is not signed as the provider signs is answered with 401 and
// kept nowhere.
//
// A notification is kept in the inbox before it is answered, then worked on. If that
// fails, the provider hears that it was taken all the same, and [Manager.Step] tries again:
// an event is done when what it is about was found out, not when it came.
func (m *Manager) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account := AccountID(r.PathValue("account"))
		if account == "" {
			for i := len(r.URL.Path) - 1; i >= 0; i-- {
				if r.URL.Path[i] == '/' {
					account = AccountID(r.URL.Path[i+1:])
					break
				}
			}
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotice))
		if err != nil {
			http.Error(w, "the body is too large or was cut off", http.StatusRequestEntityTooLarge)
			return
		}
		in := Incoming{Method: r.Method, URL: r.URL, Header: r.Header, Body: body}
		if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			in.Remote = at.Addr().Unmap()
		}
		answer, err := m.Notified(r.Context(), account, in)
		switch {
		case err == nil:
		case errors.Is(err, ErrSignature):
			http.Error(w, "not signed as it should be", http.StatusUnauthorized)
			return
		case errors.Is(err, ErrNoAccount), errors.Is(err, tierhost.ErrUnsupported):
			http.NotFound(w, r)
			return
		case errors.Is(err, tierhost.ErrInvalid):
			http.Error(w, "not understood", http.StatusBadRequest)
			return
		default:
			m.opt.Logger.ErrorContext(r.Context(), "a notification was not kept", "account", account, "error", err)
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		if answer.Type != "" {
			w.Header().Set("Content-Type", answer.Type)
		}
		if answer.Status != 0 {
			w.WriteHeader(answer.Status)
		}
		_, _ = w.Write(answer.Body) // the provider repeats what it did not hear
	})
}

// Notified takes a notification of a provider, as [Manager.Handler] does: it checks that
// it is the provider's, keeps it, works on it, and returns what the provider wants to
// hear.
//
// It fails with [ErrSignature], [ErrNoAccount], tierhost.KindInvalid for what cannot be
// read, tierhost.KindUnsupported for an account whose gateway takes none, and with errors
// of the store; a failure to work on it is none.
func (m *Manager) Notified(ctx context.Context, account AccountID, in Incoming) (Answer, error) {
	const op = "gateways.Notified"
	a, err := m.Account(ctx, account)
	if err != nil {
		return Answer{}, tierhost.E(op, 0, "", err)
	}
	at, g, err := m.place(ctx, a)
	if err != nil {
		return Answer{}, tierhost.E(op, 0, "", err)
	}
	notifier, has := As[Notifier](g)
	if !has {
		return Answer{}, tierhost.E(op, tierhost.KindUnsupported, "no_notifications", errors.New("the gateway takes no notifications"))
	}
	now := m.now()
	within, cancel := context.WithTimeout(ctx, m.opt.Timeout)
	defer cancel()
	notices, err := notifier.Notices(within, at, in, now)
	if err != nil {
		if !errors.Is(err, ErrSignature) {
			err = discreetError(err, at.secrets())
		}
		return Answer{}, tierhost.E(op, 0, "", err)
	}
	for i := range notices {
		if notices[i].Result != nil {
			r := discreet(*notices[i].Result, at.secrets())
			notices[i].Result = &r
		}
	}
	var fresh []Inbound
	err = m.update(ctx, func(ctx context.Context, u *unit) error {
		fresh = nil
		for _, n := range notices {
			in, err := u.receive(ctx, account, n)
			if err != nil {
				return err
			}
			if in != nil {
				fresh = append(fresh, *in)
			}
		}
		return nil
	})
	if err != nil {
		return Answer{}, tierhost.E(op, 0, "", err)
	}
	for _, in := range fresh {
		if err := m.attend(ctx, in); err != nil {
			m.opt.Logger.WarnContext(ctx, "a notice is tried again", "account", account, "event", in.Event, "error", err)
		}
	}
	answer, err := notifier.Answer(within, at, in, now)
	if err != nil {
		return Answer{}, tierhost.E(op, 0, "", err)
	}
	return answer, nil
}

// receive keeps a notice in the inbox, and returns it unless it is done already.
func (u *unit) receive(ctx context.Context, account AccountID, n Notice) (*Inbound, error) {
	if n.Event == "" {
		text, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		n.Event = "sha256:" + hex.EncodeToString(sum[:])
	}
	old, err := u.rows.Notice(ctx, account, n.Event)
	switch {
	case err == nil && !old.Done.IsZero():
		return nil, nil
	case err == nil:
		return &old, nil
	case !errors.Is(err, storage.ErrNotFound):
		return nil, err
	}
	// If its worker ends it is tried again.
	in := Inbound{
		Account: account, Event: n.Event, Version: 1, Kind: n.Kind, Came: u.now, State: NoticeReceived, Notice: n, Due: u.now.Add(u.m.opt.Lease),
	}
	return &in, u.rows.PutNotice(ctx, in)
}

// attend works on a notice, and keeps whether it is done.
func (m *Manager) attend(ctx context.Context, in Inbound) error {
	payment, failed := m.hear(ctx, in)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	err := m.update(ctx, func(ctx context.Context, u *unit) error {
		now, err := u.rows.Notice(ctx, in.Account, in.Event)
		if err != nil {
			return err
		}
		if !now.Done.IsZero() {
			return nil
		}
		now.Version++
		now.Tries++
		now.Payment, now.Failure = payment, ""
		switch {
		case failed == nil:
			now.State, now.Done, now.Due = NoticeDone, u.now, time.Time{}
		case errors.Is(failed, ErrNoPayment) && now.Tries >= 3:
			// The transaction that made it may not have been committed at first.
			now.State, now.Done, now.Due = NoticeIgnored, u.now, time.Time{}
		case now.Tries >= noticeTries:
			now.State, now.Failure, now.Due = NoticeParked, shortened(failed.Error()), time.Time{}
		default:
			now.Failure, now.Due = shortened(failed.Error()), u.now.Add(m.patience(now.Tries))
		}
		return u.rows.PutNotice(ctx, now)
	})
	return errors.Join(failed, err)
}

// hear finds out what a notice is about.
func (m *Manager) hear(ctx context.Context, in Inbound) (PaymentID, error) {
	n := in.Notice
	if n.Operation == "" && n.Reference == "" {
		return "", nil // it is about nothing of ours
	}
	if n.Dispute != nil {
		return m.disputed(ctx, in)
	}
	if n.Result == nil || n.Unsigned {
		p, err := m.Settle(ctx, in.Account, n.Operation, n.Reference)
		if errors.Is(err, ErrNoPayment) && n.Operation != "" { // the keeping of an instrument has its ID
			if _, err := m.registered(ctx, InstrumentID(n.Operation), in.Account); !errors.Is(err, ErrNoInstrument) {
				return "", err
			}
		}
		return p.ID, err
	}
	var p Payment
	err := m.update(ctx, func(ctx context.Context, u *unit) error {
		found, id, err := u.about(ctx, in.Account, n.Operation, n.Reference)
		if err != nil {
			return err
		}
		a, err := u.rows.Account(ctx, in.Account)
		if err != nil {
			return err
		}
		p, _, err = u.conclude(ctx, &work{payment: found, attempt: id, account: a, look: true, token: "none"}, *n.Result, nil, nil)
		return err
	})
	return p.ID, err
}

// disputed keeps that a customer's bank takes money back, or has to give it back.
func (m *Manager) disputed(ctx context.Context, in Inbound) (PaymentID, error) {
	n, d := in.Notice, in.Notice.Dispute
	var p Payment
	err := m.update(ctx, func(ctx context.Context, u *unit) (err error) {
		if p, _, err = u.about(ctx, in.Account, n.Operation, n.Reference); err != nil {
			return err
		}
		now, err := u.rows.Notice(ctx, in.Account, in.Event)
		if err != nil || !now.Done.IsZero() {
			return err // somebody else was faster
		}
		if !d.Lost && !d.Won {
			return nil // it is asked for; nothing has moved
		}
		s := Settlement{
			ID: "dispute/" + string(in.Account) + "/" + in.Event, Kind: Lost, Payment: p.ID, Seller: p.Seller, Customer: p.Customer, Purpose: p.Purpose,
			Account: in.Account, Amount: d.Amount, Reference: n.Reference, Reason: shortened(d.Reason), At: u.now,
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
			u.park(&p, ParkAmount, fmt.Sprintf("with the dispute %s more is gone than %s that were taken", in.Event, p.Captured()))
		}
		if err := m.opt.Settler.Settled(ctx, u.tx, s); err != nil {
			return err
		}
		if err := u.put(ctx, &p, p.Phase); err != nil {
			return err
		}
		// Booked and done in one transaction, so that it is never booked again.
		now.Version++
		now.Tries++
		now.Payment, now.Failure, now.State, now.Done, now.Due = p.ID, "", NoticeDone, u.now, time.Time{}
		return u.rows.PutNotice(ctx, now)
	})
	return p.ID, err
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
		in[0].Due = u.now.Add(m.opt.Lease) // nobody else's until then
		return u.rows.PutNotice(ctx, in[0])
	})
	if err != nil || len(in) == 0 {
		return false, err
	}
	if failed := m.attend(ctx, in[0]); failed != nil {
		m.opt.Logger.WarnContext(ctx, "a notice is tried again", "account", in[0].Account, "event", in[0].Event, "error", failed)
	}
	return true, nil
}
