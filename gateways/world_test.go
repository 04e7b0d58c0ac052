package gateways_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/money"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// world is a seller with two accounts at two providers, and a customer with a card that
// both know.
type world struct {
	*gateways.Manager
	t      *testing.T
	clock  *tierhost.TestClock
	store  *memory.Store
	first  *fake.Provider
	second *fake.Provider
	card   gateways.Instrument
	booked map[string]gateways.Settlement
	refuse error // what the books say
	heard  []storage.Event
}

const (
	signingKey = "the key of the account"
	cardToken  = "tok_4f8a1c"
)

var visa = gateways.Card{Brand: gateways.Visa, LastFour: "4242", Year: 2031, Month: time.May}

func newWorld(t *testing.T, change ...func(o *gateways.Options)) *world {
	t.Helper()
	w := &world{
		t: t, clock: tierhost.NewTestClock(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), store: memory.New(),
		first: fake.New(fake.Options{}), second: fake.New(fake.Options{}), booked: map[string]gateways.Settlement{},
	}
	key, err := secret.GenerateKey("k1")
	require.NoError(t, err)
	keys, err := secret.NewKeyring(key)
	require.NoError(t, err)
	o := gateways.Options{
		Clock: w.clock, IDs: tierhost.NewSequenceIDs(), Sealer: keys, Rand: func() float64 { return 0 },
		Gateways: map[string]gateways.Gateway{"first": w.first, "second": w.second},
		Settler: gateways.SettlerFunc(func(_ context.Context, _ storage.Tx, s gateways.Settlement) error {
			if w.refuse != nil {
				return w.refuse
			}
			require.NotContains(t, w.booked, s.ID, "booked twice")
			w.booked[s.ID] = s
			return nil
		}),
	}
	for _, c := range change {
		c(&o)
	}
	w.Manager, err = gateways.New(w.store, o)
	require.NoError(t, err)
	for i, name := range []string{"first", "second"} {
		_, err := w.PutAccount(t.Context(), gateways.Account{
			ID: gateways.AccountID(name), Seller: "shop", Gateway: name, Active: true,
			Brands: map[gateways.Brand]int{gateways.Visa: i, gateways.Mastercard: 1 - i},
		}, secret.New(signingKey))
		require.NoError(t, err)
	}
	w.first.Put(cardToken, visa)
	w.second.Put(cardToken, visa)
	w.card, err = w.Keep(t.Context(), gateways.KeepRequest{
		Seller: "shop", Customer: "anna", Account: "first", Token: gateways.Token{Value: secret.New(cardToken)}, Card: visa,
	})
	require.NoError(t, err)
	return w
}

// through has the first provider asked through a gateway of the test's, which has it.
func through(provider **fake.Provider, gateway gateways.Gateway) func(o *gateways.Options) {
	return func(o *gateways.Options) {
		*provider = o.Gateways["first"].(*fake.Provider)
		o.Gateways["first"] = gateway
	}
}

func eur(text string) money.Money {
	m, err := money.Parse(text, euro())
	if err != nil {
		panic(err)
	}
	return m
}

func euro() money.Currency {
	c, err := money.ISO("EUR")
	if err != nil {
		panic(err)
	}
	return c
}

// tell brings what the first provider has to say, and returns how it was answered.
func (w *world) tell() (status []int) {
	w.t.Helper()
	sent, err := w.first.Notifications("first", "https://api.shop.example/pay/first", signingKey)
	require.NoError(w.t, err)
	for _, r := range sent {
		status = append(status, w.deliver(r))
	}
	return status
}

// deliver brings a notification.
func (w *world) deliver(r *http.Request) (status int) {
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, r)
	return rec.Code
}

// refund gives a part of a payment back, and returns the payment and the refund.
func (w *world) refund(p gateways.Payment, key, amount string) (gateways.Payment, gateways.Attempt) {
	w.t.Helper()
	p, err := w.Refund(w.t.Context(), gateways.MoveRequest{Key: key, Payment: p.ID, Amount: eur(amount)})
	require.NoError(w.t, err)
	return p, p.Attempts[len(p.Attempts)-1]
}

// attempt is an attempt as it is now.
func (w *world) attempt(p gateways.Payment, id gateways.OperationID) gateways.Attempt {
	w.t.Helper()
	for _, a := range w.now(p).Attempts {
		if a.ID == id {
			return a
		}
	}
	require.Fail(w.t, "there is no such attempt")
	return gateways.Attempt{}
}

// charge pays 10.00 EUR with the card.
func (w *world) charge(key string, change ...func(q *gateways.ChargeRequest)) gateways.Payment {
	w.t.Helper()
	q := gateways.ChargeRequest{Key: key, Seller: "shop", Customer: "anna", Purpose: "invoice/" + key, Amount: eur("10.00"), Instrument: w.card.ID}
	for _, c := range change {
		c(&q)
	}
	p, err := w.Charge(w.t.Context(), q)
	require.NoError(w.t, err)
	return p
}

// work lets time pass and does all there is to do.
func (w *world) work(passes time.Duration) {
	w.t.Helper()
	w.clock.Advance(passes)
	for range 100 {
		worked, err := w.Step(w.t.Context())
		require.NoError(w.t, err)
		if !worked {
			return
		}
	}
	require.Fail(w.t, "the work does not end")
}

// now is a payment as it is now.
func (w *world) now(p gateways.Payment) gateways.Payment {
	w.t.Helper()
	p, err := w.Payment(w.t.Context(), p.ID)
	require.NoError(w.t, err)
	return p
}

// books is what was booked, in minor units.
func (w *world) books() (received, returned int64) {
	for _, s := range w.booked {
		minor, err := s.Amount.Minor()
		require.NoError(w.t, err)
		switch s.Kind {
		case gateways.Received:
			received += minor
		case gateways.Undone:
			returned -= minor
		default:
			returned += minor
		}
	}
	return received, returned
}

// balanced checks that what the providers have moved is what was booked.
func (w *world) balanced() {
	w.t.Helper()
	taken1, given1 := w.first.Moved("first", euro())
	taken2, given2 := w.second.Moved("second", euro())
	received, returned := w.books()
	require.Equal(w.t, [2]int64{taken1 + taken2, given1 + given2}, [2]int64{received, returned}, "taken and given back, and what was booked")
}

// told counts the events of a sort.
func (w *world) told(name string) (n int) {
	w.t.Helper()
	for _, e := range w.events() {
		if e.Type == name {
			n++
		}
	}
	return n
}

// events are all that were told so far, each of which decodes.
func (w *world) events() []storage.Event {
	w.t.Helper()
	var fresh []storage.Event
	require.NoError(w.t, w.store.Update(w.t.Context(), func(ctx context.Context, tx storage.Tx) error {
		outbox, err := w.store.Outbox(tx)
		if err != nil {
			return err
		}
		now := w.clock.Now()
		fresh, err = outbox.Lease(ctx, "test", now, now.Add(10000*time.Hour), 10000)
		return err
	}))
	for _, e := range fresh {
		_, err := gateways.DecodeEvent(e)
		require.NoError(w.t, err)
	}
	w.heard = append(w.heard, fresh...)
	return w.heard
}
