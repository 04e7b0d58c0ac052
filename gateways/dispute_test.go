package gateways_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
)

// What a bank takes back and no notice tells is entered by staff: booked once for a key,
// kept with who has entered it, and no longer there to be refunded; until the bank gives
// it back.
func TestEnterDispute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1")
	q := gateways.DisputeRequest{Payment: p.ID, Amount: eur("6.00"), Key: "case 7", By: "ann", Reference: "CB-7", Reason: "fraud"}
	for range 2 {
		got, err := w.EnterDispute(t.Context(), q)
		require.NoError(t, err)
		require.True(t, got.Lost.Equal(eur("6.00")))
	}
	p = w.now(p)
	require.True(t, p.Refundable().Equal(eur("4.00")))
	lost := w.booked["dispute/first/entered/case 7"]
	require.Equal(t, gateways.Lost, lost.Kind)
	require.Equal(t, "CB-7", lost.Reference)
	require.Len(t, w.booked, 2)
	w.work(time.Hour)
	for n, err := range w.Notices(t.Context(), gateways.NoticeQuery{AllSellers: true}) {
		require.NoError(t, err)
		require.Equal(t, [3]string{"done", "ann", "fraud"}, [3]string{string(n.State), n.By, n.Reason})
	}

	other := q
	other.Amount = eur("1.00")
	_, err := w.EnterDispute(t.Context(), other)
	require.ErrorIs(t, err, gateways.ErrKeyReused)
	won := q
	won.Key, won.Won = "case 7, won", true
	got, err := w.EnterDispute(t.Context(), won)
	require.NoError(t, err)
	require.True(t, got.Lost.IsZero())
	require.Equal(t, gateways.Regained, w.booked["dispute/first/entered/case 7, won"].Kind)
}

// Nothing is kept of a dispute that cannot be.
func TestEnterDisputeRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1")
	good := gateways.DisputeRequest{Payment: p.ID, Amount: eur("6.00"), Key: "1", By: "ann"}
	for name, spoil := range map[string]func(q *gateways.DisputeRequest){
		"no key":              func(q *gateways.DisputeRequest) { q.Key = "" },
		"nobody":              func(q *gateways.DisputeRequest) { q.By = "" },
		"nothing":             func(q *gateways.DisputeRequest) { q.Amount = eur("0.00") },
		"less than nothing":   func(q *gateways.DisputeRequest) { q.Amount = eur("-1.00") },
		"given back too much": func(q *gateways.DisputeRequest) { q.Won = true },
		"a card number":       func(q *gateways.DisputeRequest) { q.Reason = "4111 1111 1111 1111" },
	} {
		q := good
		spoil(&q)
		_, err := w.EnterDispute(t.Context(), q)
		require.ErrorIs(t, err, tierhost.ErrInvalid, name)
	}
	for amount, ok := range map[string]bool{"10.01": false, "10.00": true} {
		q := good
		q.Payment, q.Amount, q.Key = w.charge("of "+amount).ID, eur(amount), amount
		_, err := w.EnterDispute(t.Context(), q)
		require.Equal(t, ok, err == nil, "%v", err)
		if !ok {
			require.ErrorIs(t, err, gateways.ErrTooMuch)
		}
	}
	unknown := good
	unknown.Payment = "pay_none"
	_, err := w.EnterDispute(t.Context(), unknown)
	require.ErrorIs(t, err, gateways.ErrNoPayment)
	w.refuse = errors.New("the books are closed")
	_, err = w.EnterDispute(t.Context(), good)
	require.ErrorContains(t, err, "the books are closed")
	w.refuse = nil
	require.True(t, w.now(p).Lost.IsZero())
	for n, err := range w.Notices(t.Context(), gateways.NoticeQuery{AllSellers: true}) {
		require.NoError(t, err)
		require.Equal(t, "entered/10.00", n.Event)
	}
	_, err = w.EnterDispute(t.Context(), good)
	require.NoError(t, err, "the key is not used up")
}

// What a customer has to do has the deadline that the provider tells.
func TestActionExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Verb: gateways.VerbCharge, Action: true, Expires: w.clock.Now().Add(10 * time.Minute)})
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Present = true })
	require.Equal(t, gateways.PhaseAction, p.Phase)
	require.Equal(t, w.clock.Now().Add(10*time.Minute), p.Attempts[0].Until)
}

// A notice that names an operation that nobody knows is about what has its reference. Of
// money that is gone from a payment that nobody knows staff hears.
func TestDisputeOfWhat(t *testing.T) {
	t.Parallel()
	w, tell := newScripted(t)
	p := w.charge("1")
	lost := &gateways.Dispute{Amount: eur("3.00"), Lost: true}
	tell(gateways.Notice{Event: "e1", Operation: "case-1", Reference: p.Reference, Dispute: lost})
	require.True(t, w.now(p).Lost.Equal(eur("3.00")))
	tell(gateways.Notice{Event: "e2", Operation: "case-2", Reference: "unknown", Dispute: lost})
	tell(gateways.Notice{Event: "e3", Dispute: lost})
	tell(gateways.Notice{Event: "e4", Reference: "unknown", Dispute: &gateways.Dispute{Amount: eur("3.00")}})
	for range 5 {
		w.work(7 * time.Hour)
	}
	states := map[string]gateways.NoticeState{}
	for _, n := range w.inbox(gateways.NoticeQuery{AllSellers: true}) {
		states[n.Event] = n.State
	}
	require.Equal(t, map[string]gateways.NoticeState{
		"e1": gateways.NoticeDone, "e2": gateways.NoticeParked, "e3": gateways.NoticeParked, "e4": gateways.NoticeIgnored,
	}, states)
	require.Equal(t, 2, w.told("gateways.notice.parked"))
}
