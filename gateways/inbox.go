package gateways

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"

	"github.com/tierhost/tierhost"
)

// maxNotice bounds the body of a notification.
const maxNotice = 1 << 20

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
		if n := notices[i]; !nameable(n.Event) || !nameable(string(n.Operation)) || !nameable(n.Reference) || n.Result != nil && !nameable(n.Result.Reference) {
			return Answer{}, tierhost.E(op, tierhost.KindInvalid, "bad_notice", errors.New("a name in it is too long, or no text"))
		}
		notices[i] = kept(notices[i], at.secrets())
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
		if _, err := m.attend(ctx, in); err != nil {
			m.opt.Logger.WarnContext(ctx, "a notice is tried again", "account", account, "event", in.Event, "error", err)
		}
	}
	answer, err := notifier.Answer(within, at, in, now)
	if err != nil {
		return Answer{}, tierhost.E(op, 0, "", err)
	}
	return answer, nil
}
