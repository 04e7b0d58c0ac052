package gateways_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
)

func (w *world) checkout(key string) gateways.Payment {
	w.t.Helper()
	p, err := w.Checkout(w.t.Context(), gateways.CheckoutRequest{
		Key: key, Seller: "shop", Customer: "anna", Purpose: "invoice/" + key, Amount: eur("10.00"), Account: "first",
		Return: "https://panel.shop.example/paid",
	})
	require.NoError(w.t, err)
	require.Equal(w.t, gateways.PhaseAction, p.Phase)
	return p
}

// The customer's return, the notification and the worker meet in any order and number: the
// money is credited once.
func TestReturnAndNotification(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t)
		p := w.checkout("1")
		id := p.Attempts[0].ID
		var sent []*http.Request
		paid := false
		for range 12 {
			switch rnd.IntN(6) {
			case 0:
				if !paid {
					w.first.Pay(id)
					paid = true
					var err error
					sent, err = w.first.Notifications("first", "https://api.shop.example/pay/first", signingKey)
					require.NoError(t, err)
				}
			case 1, 2:
				_, err := w.Returned(t.Context(), "first", url.Values{"operation": {string(id)}})
				require.NoError(t, err)
			case 3, 4:
				for _, r := range sent {
					rec := httptest.NewRecorder()
					r2 := r.Clone(t.Context())
					body, err := r.GetBody()
					require.NoError(t, err)
					r2.Body = body
					w.Handler().ServeHTTP(rec, r2)
					require.Equal(t, http.StatusOK, rec.Code)
				}
			default:
				w.work(time.Duration(rnd.IntN(90)) * time.Minute)
			}
		}
		if !paid {
			w.first.Pay(id)
		}
		w.work(7 * time.Hour)
		require.Equal(t, gateways.PhasePaid, w.now(p).Phase, "seed %d", seed)
		require.Len(t, w.booked, 1, "seed %d", seed)
		w.balanced()
	}
}

// A page on which nobody pays ends as nothing; money that comes later is booked all the
// same.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.checkout("1")
	for range 6 {
		w.work(6 * time.Hour)
	}
	require.Equal(t, gateways.PhaseFailed, w.now(p).Phase)
	w.work(100 * time.Hour) // the last look at it
	looks := len(w.first.Calls())
	w.work(100 * time.Hour)
	require.Len(t, w.first.Calls(), looks, "nobody is asked any more")

	w.first.Pay(p.Attempts[0].ID)
	sent, err := w.first.Notifications("first", "https://api.shop.example/pay/first", signingKey)
	require.NoError(t, err)
	w.Handler().ServeHTTP(httptest.NewRecorder(), sent[0])
	w.work(time.Hour)
	require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
	w.balanced()
}

func TestForgedNotifications(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.checkout("1")
	w.first.Pay(p.Attempts[0].ID)
	sent, err := w.first.Notifications("first", "https://api.shop.example/pay/first", "another key")
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, sent[0])
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Empty(t, w.booked)
	for path, status := range map[string]int{"/pay/nobody": http.StatusNotFound, "/pay/": http.StatusNotFound} {
		rec := httptest.NewRecorder()
		w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, nil))
		require.Equal(t, status, rec.Code, path)
	}
}

// A notice that failed is not done: it is tried again.
func TestNoticesAreTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.checkout("1")
	w.first.Pay(p.Attempts[0].ID)
	sent, err := w.first.Notifications("first", "https://api.shop.example/pay/first", signingKey)
	require.NoError(t, err)
	w.first.SetDown(true)
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, sent[0])
	require.Equal(t, http.StatusOK, rec.Code)
	require.Empty(t, w.booked)
	w.first.SetDown(false)
	w.work(time.Hour)
	require.Len(t, w.booked, 1)
	w.balanced()
}
