package label

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
)

type brandKey struct{}

// NewContext returns a context that carries the brand, for code that does not run behind
// the middleware, such as mails.
func NewContext(ctx context.Context, b Brand) context.Context {
	return context.WithValue(ctx, brandKey{}, &b)
}

// FromContext returns the brand of the request. It is shared with other requests: its
// maps and slices must not be changed (see [Brand.Clone]).
func FromContext(ctx context.Context) (b Brand, ok bool) {
	p, ok := ctx.Value(brandKey{}).(*Brand)
	if !ok {
		return Brand{}, false
	}
	return *p, true
}

// Middleware finds the brand of each request by its host and hands it to next in the
// context ([FromContext]). A request for an IP address, for a host that belongs to no
// brand, or to a seller that [Options.Serves] does not, or without a host is answered 421
// (Misdirected Request), and one for which nobody could be asked 503, both with an empty body and without any header that
// handlers around it have set: nothing tells who runs the machine.
//
// The host is that of the request line if it holds one, else the Host header.
// X-Forwarded-Host is ignored, unless the request comes from one of
// [Options.TrustedProxies] and has exactly one.
func (m *Manager) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, ok := m.requestHost(r)
		if !ok {
			refuse(w, http.StatusMisdirectedRequest)
			return
		}
		b, err := m.resolve(r.Context(), host)
		if err == nil && m.opt.Serves != nil {
			var serves bool
			if serves, err = m.opt.Serves(r.Context(), b.Seller); err == nil && !serves {
				err = ErrNoBrand
			}
		}
		switch {
		case errors.Is(err, ErrNoBrand):
			refuse(w, http.StatusMisdirectedRequest)
		case err != nil:
			if r.Context().Err() == nil {
				m.opt.Logger.ErrorContext(r.Context(), "label: the brand of a host cannot be looked up", "host", host, "error", err)
			}
			refuse(w, http.StatusServiceUnavailable)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), brandKey{}, b)))
		}
	})
}

// refuse answers with a status and nothing else.
func refuse(w http.ResponseWriter, status int) {
	h := w.Header()
	for name := range h {
		delete(h, name)
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(status)
}

// requestHost returns the host that a request is for; ok is false if it names none, or
// two.
func (m *Manager) requestHost(r *http.Request) (host string, ok bool) {
	if m.fromProxy(r) {
		switch forwarded := r.Header.Values("X-Forwarded-Host"); len(forwarded) {
		case 0:
		case 1:
			return forwarded[0], forwarded[0] != "" // a list is not a host name
		default:
			return "", false
		}
	}
	// net/http has put the host of an absolute-form target into r.Host.
	if line := r.URL.Host; line != "" && line != r.Host {
		a, errA := ParseHost(line)
		b, errB := ParseHost(r.Host)
		if errA != nil || errB != nil || a != b {
			return "", false
		}
	}
	return r.Host, r.Host != ""
}

func (m *Manager) fromProxy(r *http.Request) bool {
	if len(m.opt.TrustedProxies) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(m.opt.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}
