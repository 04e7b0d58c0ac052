package gateways_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/secret"
)

func TestCharge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1")
	require.Equal(t, gateways.PhasePaid, p.Phase)
	require.Len(t, w.booked, 1)
	again := w.charge("1")
	require.Equal(t, p.ID, again.ID, "the same key is the same payment")
	require.Len(t, w.first.Calls(), 1)
	_, err := w.Charge(t.Context(), gateways.ChargeRequest{
		Key: "1", Seller: "shop", Customer: "anna", Amount: eur("11.00"), Instrument: w.card.ID,
	})
	require.ErrorIs(t, err, gateways.ErrKeyReused)
	w.balanced()
}

// An answer that was lost is looked up, and never asked for again.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script fake.Script
		dos    int
	}{
		"after its effect":                         {fake.Script{After: true}, 1},
		"after its effect, stated":                 {fake.Script{After: true, Sure: true}, 1},
		"before its effect":                        {fake.Script{Before: true}, 2},
		"after its effect, and not to be seen yet": {fake.Script{After: true, Hidden: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.first.Script(c.script)
			p := w.charge("1")
			require.Equal(t, gateways.PhaseOpen, p.Phase)
			w.work(time.Minute)
			w.first.Reveal()
			w.work(time.Hour)
			p = w.now(p)
			require.Equal(t, gateways.PhasePaid, p.Phase)
			dos := 0
			for _, call := range w.first.Calls() {
				if call.Method == "do" {
					dos++
				}
			}
			require.Equal(t, c.dos, dos, "calls that could move money")
			require.Empty(t, w.second.Calls(), "no other account is asked when the outcome is not known")
			w.balanced()
		})
	}
}

// A provider that certainly did nothing is passed over; one that declined is not.
func TestOtherAccounts(t *testing.T) {
	t.Parallel()
	both := func(w *world) {
		_, err := w.Also(w.t.Context(), w.card.ID, "second", gateways.Token{Value: secret.New(cardToken)})
		require.NoError(w.t, err)
	}
	t.Run("outage", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		both(w)
		w.first.SetDown(true)
		p := w.charge("1")
		require.Equal(t, gateways.PhasePaid, p.Phase)
		require.Equal(t, gateways.AccountID("second"), p.Account)
		w.balanced()
	})
	t.Run("outage of all", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		both(w)
		w.first.SetDown(true)
		w.second.SetDown(true)
		p := w.charge("1")
		require.Equal(t, gateways.PhaseWaiting, p.Phase)
		w.first.SetDown(false)
		w.work(time.Hour)
		require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
		w.balanced()
	})
	t.Run("decline", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		both(w)
		w.first.Script(fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}})
		p := w.charge("1")
		require.Equal(t, gateways.PhaseWaiting, p.Phase)
		require.Empty(t, w.second.Calls())
	})
}

// A soft decline is tried again after a day, four times in all; then nothing is paid with
// the card before it is reset. Meanwhile other payments with it wait.
func TestRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	soft := fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}}
	w.first.Script(soft, soft, soft, soft)
	p := w.charge("1")
	require.Equal(t, gateways.PhaseWaiting, p.Phase)
	held := w.charge("2")
	require.Equal(t, gateways.PhaseWaiting, held.Phase)
	require.Len(t, w.first.Calls(), 1, "the second payment has asked nobody")
	for range 3 {
		w.work(24 * time.Hour)
	}
	require.Equal(t, gateways.PhaseDeclined, w.now(p).Phase)
	card, err := w.Instrument(t.Context(), w.card.ID)
	require.NoError(t, err)
	require.Equal(t, "declined_too_often", card.Blocked)
	w.work(24 * time.Hour)
	require.Equal(t, gateways.PhaseDeclined, w.now(held).Phase)
	require.Len(t, w.first.Calls(), 4)

	_, err = w.Charge(t.Context(), gateways.ChargeRequest{Key: "3", Seller: "shop", Customer: "anna", Amount: eur("1.00"), Instrument: w.card.ID})
	require.ErrorIs(t, err, gateways.ErrUnusable)
	_, err = w.Reset(t.Context(), w.card.ID)
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, w.charge("3").Phase)
	w.balanced()
}

func TestHardDeclineStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Decline: &gateways.Decline{Hard: true, Code: gateways.DeclineLost}})
	p := w.charge("1")
	require.Equal(t, gateways.PhaseDeclined, p.Phase)
	w.work(1000 * time.Hour)
	require.Len(t, w.first.Calls(), 1)
	require.Empty(t, w.booked)
}

// What the provider moves otherwise than it was asked to is booked by nobody but staff.
func TestOtherAmount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Amount: eur("9.99")})
	p := w.charge("1")
	require.NotNil(t, p.Parked)
	require.Equal(t, gateways.ParkAmount, p.Parked.Reason)
	require.Empty(t, w.booked)
	p, err := w.Resolve(t.Context(), p.ID, p.Attempts[0].ID, eur("9.99"), "eva")
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, p.Phase)
	w.balanced()
}

// A payment that the books refuse is not forgotten.
func TestBooksRefuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refuse = gateways.ErrPhase // any error that does not pass
	p := w.charge("1")
	require.Equal(t, gateways.ParkRefused, p.Parked.Reason)
	w.refuse = nil
	p, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, p.Phase)
	w.balanced()
}

func TestAuthorizeAndCapture(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	later := func(q *gateways.ChargeRequest) { q.Later = true }
	p := w.charge("1", later)
	require.Equal(t, gateways.PhaseAuthorized, p.Phase)
	require.Empty(t, w.booked)
	_, err := w.Capture(t.Context(), gateways.MoveRequest{Key: "c", Payment: p.ID, Amount: eur("10.01")})
	require.ErrorIs(t, err, gateways.ErrTooMuch)
	p, err = w.Capture(t.Context(), gateways.MoveRequest{Key: "c", Payment: p.ID, Amount: eur("7.00")})
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, p.Phase)
	_, err = w.Void(t.Context(), gateways.MoveRequest{Key: "v", Payment: p.ID})
	require.ErrorIs(t, err, gateways.ErrPhase, "what was captured is refunded")
	w.balanced()

	p = w.charge("2", later)
	p, err = w.Void(t.Context(), gateways.MoveRequest{Key: "v", Payment: p.ID})
	require.NoError(t, err)
	require.Equal(t, gateways.PhaseVoided, p.Phase)
	w.balanced()
}

// Never more is given back than was taken, whatever is lost on the way.
func TestRefunds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1")
	p, err := w.Refund(t.Context(), gateways.MoveRequest{Key: "a", Payment: p.ID, Amount: eur("4.00"), Reason: "too much"})
	require.NoError(t, err)
	again, err := w.Refund(t.Context(), gateways.MoveRequest{Key: "a", Payment: p.ID, Amount: eur("4.00"), Reason: "too much"})
	require.NoError(t, err)
	require.Equal(t, p.Version, again.Version)
	_, err = w.Refund(t.Context(), gateways.MoveRequest{Key: "a", Payment: p.ID, Amount: eur("5.00")})
	require.ErrorIs(t, err, gateways.ErrKeyReused)
	_, err = w.Refund(t.Context(), gateways.MoveRequest{Key: "b", Payment: p.ID, Amount: eur("6.01")})
	require.ErrorIs(t, err, gateways.ErrTooMuch)

	w.first.Script(fake.Script{After: true})
	p, err = w.Refund(t.Context(), gateways.MoveRequest{Key: "c", Payment: p.ID, Amount: eur("5.00")})
	require.NoError(t, err)
	require.Equal(t, "1.00", p.Refundable().Digits(), "one whose answer was lost counts")
	_, err = w.Refund(t.Context(), gateways.MoveRequest{Key: "d", Payment: p.ID, Amount: eur("1.00")})
	require.ErrorIs(t, err, gateways.ErrBusy)
	w.work(time.Hour)
	p, err = w.Refund(t.Context(), gateways.MoveRequest{Key: "d", Payment: p.ID})
	require.NoError(t, err)
	require.True(t, p.Refunded().Equal(eur("10.00")))
	w.balanced()
}

// A seller's cards, customers and accounts are nobody else's.
func TestSellersAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Charge(t.Context(), gateways.ChargeRequest{Key: "1", Seller: "other", Customer: "anna", Amount: eur("1.00"), Instrument: w.card.ID})
	require.ErrorIs(t, err, gateways.ErrNoInstrument)
	_, err = w.Charge(t.Context(), gateways.ChargeRequest{Key: "1", Seller: "shop", Customer: "bert", Amount: eur("1.00"), Instrument: w.card.ID})
	require.ErrorIs(t, err, gateways.ErrNoInstrument)
	_, err = w.Keep(t.Context(), gateways.KeepRequest{
		Seller: "other", Customer: "anna", Account: "first", Token: gateways.Token{Value: secret.New("tok_x")}, Card: visa,
	})
	require.ErrorIs(t, err, gateways.ErrNoAccount)
	taken, _ := w.first.Moved("first", euro())
	require.Zero(t, taken)
}

// A card whose issuer wants to ask the customer is neither tried again without the customer
// nor counted as declined: the customer pays with it, present.
func TestAsksTheCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 5 {
		w.first.Script(fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineAsk}})
		p := w.charge(fmt.Sprint("renewal", n))
		require.Equal(t, gateways.PhaseDeclined, p.Phase)
		require.Zero(t, p.Again)
		require.Zero(t, p.Due)
	}
	i, err := w.Instrument(t.Context(), w.card.ID)
	require.NoError(t, err)
	require.Zero(t, i.Failures)
	require.Zero(t, i.Waits)
	require.Empty(t, i.Blocked)
	for _, e := range w.events() {
		if d, err := gateways.DecodeEvent(e); err == nil && e.Type == "gateways.payment.declined" {
			require.Equal(t, gateways.DeclineAsk, d.(gateways.PaymentDeclined).Code)
			require.False(t, d.(gateways.PaymentDeclined).Hard)
			require.Zero(t, d.(gateways.PaymentDeclined).Again)
		}
	}
	p := w.charge("present", func(q *gateways.ChargeRequest) { q.Present = true })
	require.Equal(t, gateways.PhasePaid, p.Phase)
	w.balanced()
}

// What an issuer asks for does not make up for soft declines before it: those are waited for
// still.
func TestAsksTheCustomerOfACardThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}}, fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineAsk}})
	p := w.charge("1")
	before, err := w.Instrument(t.Context(), w.card.ID)
	require.NoError(t, err)
	w.work(25 * time.Hour)
	require.Equal(t, gateways.PhaseDeclined, w.now(p).Phase)
	after, err := w.Instrument(t.Context(), w.card.ID)
	require.NoError(t, err)
	require.Equal(t, before, after)
}
