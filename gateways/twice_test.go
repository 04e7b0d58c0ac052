package gateways_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/storage"
)

// A retry whose answer is lost is looked up by its own reference, not by that of the
// attempt before, under which the provider does not know it.
func TestLostRetryIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}}, fake.Script{After: true})
	p := w.charge("1")
	require.NotEmpty(t, p.Attempts[0].Reference)
	w.work(48 * time.Hour)
	w.work(time.Hour)
	p = w.now(p)
	require.Len(t, p.Attempts, 2)
	require.Equal(t, gateways.PhasePaid, p.Phase)
	require.Equal(t, p.Attempts[1].Reference, p.Reference)
	w.balanced()
}

// Two attempts that have both taken the money: one is booked, and staff hears of the other.
func TestBothAttemptsTook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{After: true, Hidden: true}, fake.Script{After: true})
	p := w.charge("1")
	w.work(16 * time.Minute) // the first is given up, the second is made, and its answer lost
	require.Len(t, w.now(p).Attempts, 2)
	w.first.Reveal()
	_, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
	require.NoError(t, err)
	w.work(time.Hour)
	p = w.now(p)
	require.Equal(t, gateways.ParkTwice, p.Parked.Reason)
	require.Len(t, w.booked, 1)
	require.Equal(t, p.Attempts[0].Reference, p.Reference, "captures and refunds are of what was booked")
	require.True(t, p.Captured().Equal(eur("10.00")))
}

// Money that has moved otherwise than was asked for is no failed payment: nobody may be told
// to pay again.
func TestSuspenseIsNotOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Amount: eur("9.99")})
	p := w.charge("1")
	require.Equal(t, gateways.ParkAmount, p.Parked.Reason)
	require.Equal(t, gateways.PhaseOpen, p.Phase)
	require.False(t, p.Phase.Over())
	w.work(48 * time.Hour)
	require.Len(t, w.now(p).Attempts, 1)
}

// What a refund has moved otherwise than was asked for is not given back again.
func TestRefundInSuspenseCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1")
	w.first.Script(fake.Script{Verb: gateways.VerbRefund, Amount: eur("6.00")})
	_, err := w.Refund(t.Context(), gateways.MoveRequest{Key: "r1", Payment: p.ID, Amount: eur("5.00")})
	require.NoError(t, err)
	p = w.now(p)
	require.Equal(t, gateways.ParkAmount, p.Parked.Reason)
	require.True(t, p.Refundable().Equal(eur("5.00")), "%s", p.Refundable())
	_, err = w.Refund(t.Context(), gateways.MoveRequest{Key: "r2", Payment: p.ID, Amount: eur("10.00")})
	require.ErrorIs(t, err, gateways.ErrTooMuch)
}

// A process that has not got the gateway of a payment leaves it to those that have.
func TestGatewayOfAnotherProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, err := secret.GenerateKey("k2")
	require.NoError(t, err)
	keys, err := secret.NewKeyring(key)
	require.NoError(t, err)
	other, err := gateways.New(w.store, gateways.Options{Clock: w.clock, Settler: gateways.SettlerFunc(func(context.Context, storage.Tx, gateways.Settlement) error {
		return errors.New("it has nothing to settle")
	}), Sealer: keys})
	require.NoError(t, err)
	w.first.Script(fake.Script{After: true}, fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}})
	w.charge("lost")
	w.charge("declined")
	for range 100 {
		w.clock.Advance(time.Hour)
		for {
			worked, err := other.Step(t.Context())
			require.NoError(t, err)
			if !worked {
				break
			}
		}
	}
	w.work(0)
	w.work(48 * time.Hour)
	n := 0
	for p, err := range w.Payments(t.Context(), gateways.PaymentQuery{AllSellers: true}) {
		require.NoError(t, err)
		require.Equal(t, gateways.PhasePaid, p.Phase, "%+v", p)
		n++
	}
	require.Equal(t, 2, n)
	w.balanced()
}

// An account that was open in one of the provider's systems would not find its payments in
// the other.
func TestAccountStaysLiveOrTest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.Account(t.Context(), "first")
	require.NoError(t, err)
	a.Live = true
	_, err = w.PutAccount(t.Context(), a, secret.Text{})
	require.Equal(t, "other_system", tierhost.CodeOf(err))
}

// On a provider's page a customer whose card was declined gives another one: a notice about
// what was declined is a reason to look again.
func TestDeclinedIsPaidAfterAll(t *testing.T) {
	t.Parallel()
	second := &secondThoughts{}
	w := newWorld(t, func(o *gateways.Options) {
		second.Provider = o.Gateways["first"].(*fake.Provider)
		o.Gateways["first"] = second
	})
	w.first.Script(fake.Script{Decline: &gateways.Decline{Code: gateways.DeclineFunds}})
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Present = true })
	require.Equal(t, gateways.PhaseDeclined, p.Phase)
	look := func() gateways.Payment {
		p, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
		require.NoError(t, err)
		return p
	}
	require.Equal(t, gateways.PhaseDeclined, look().Phase)
	second.paid = true
	for range 2 {
		require.Equal(t, gateways.PhasePaid, look().Phase)
	}
	require.Len(t, w.booked, 1)
}

// secondThoughts is a provider at which what was declined is paid later.
type secondThoughts struct {
	*fake.Provider
	paid bool
}

func (s *secondThoughts) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := s.Provider.Find(ctx, at, o)
	if s.paid && r.Outcome == gateways.Declined {
		r.Outcome, r.Decline, r.Amount = gateways.Approved, gateways.Decline{}, o.Amount
	}
	return r, err
}

// A worker that was stopped between its intent and its call does not charge any more: by
// then another one has found that nothing was made, and made it.
func TestStoppedWorkerDoesNotCharge(t *testing.T) {
	t.Parallel()
	slow := &stopping{}
	w := newWorld(t, func(o *gateways.Options) {
		slow.Sealer = o.Sealer
		o.Sealer = slow
	})
	slow.stop = func() {
		slow.stop = nil
		w.clock.Advance(20 * time.Minute) // while this one stands still, the others work
		w.work(0)
	}
	p := w.charge("1")
	w.work(time.Hour)
	p = w.now(p)
	require.Equal(t, gateways.PhasePaid, p.Phase)
	require.Nil(t, p.Parked)
	made := 0
	for _, c := range w.first.Calls() {
		if c.Method == "do" {
			made++
		}
	}
	require.Equal(t, 1, made)
	w.balanced()
}

// stopping opens a secret after its process has stood still.
type stopping struct {
	secret.Sealer
	stop func()
}

func (s *stopping) Open(ctx context.Context, sealed []byte, about string) ([]byte, error) {
	if s.stop != nil {
		s.stop()
	}
	return s.Sealer.Open(ctx, sealed, about)
}

// What was paid twice, and booked as that, is given back to where each came from.
func TestRefundsOfWhatWasPaidTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{After: true, Hidden: true}, fake.Script{After: true})
	p := w.charge("1")
	w.work(16 * time.Minute)
	w.first.Reveal()
	w.tell()
	w.work(time.Hour)
	p = w.now(p)
	require.Equal(t, gateways.ParkTwice, p.Parked.Reason)
	p, err := w.Resolve(t.Context(), p.ID, p.Parked.Operation, eur("10.00"), "eva")
	require.NoError(t, err)
	require.True(t, p.Refundable().Equal(eur("20.00")))
	p, _ = w.refund(p, "a", "4.00")
	for _, amount := range []string{"16.00", "11.00"} {
		_, err = w.Refund(t.Context(), gateways.MoveRequest{Key: amount, Payment: p.ID, Amount: eur(amount)})
		require.ErrorIs(t, err, gateways.ErrTooMuch)
	}
	p, _ = w.refund(p, "b", "10.00")
	p, _ = w.refund(p, "c", "6.00")
	of := []gateways.OperationID{}
	for _, a := range p.Attempts[2:] {
		require.Equal(t, gateways.AttemptApproved, a.State, a.Failure)
		of = append(of, a.Of)
	}
	require.Equal(t, []gateways.OperationID{p.Attempts[0].ID, p.Attempts[1].ID, p.Attempts[0].ID}, of)
	require.True(t, p.Refundable().IsZero())
	w.balanced()
}
