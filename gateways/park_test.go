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
	"github.com/tierhost/tierhost/money"
)

// A payment that the books have refused goes on when they take it, by whatever way.
func TestRefusedByTheBooks(t *testing.T) {
	t.Parallel()
	refused := tierhost.E("books", tierhost.KindPrecondition, "closed", errors.New("the month is closed"))
	for name, out := range map[string]func(w *world, p gateways.Payment){
		"looked at again": func(w *world, p gateways.Payment) {
			_, err := w.Settle(w.t.Context(), "first", p.Attempts[0].ID, "")
			require.NoError(w.t, err)
		},
		"staff says what has moved": func(w *world, p gateways.Payment) {
			_, err := w.Resolve(w.t.Context(), p.ID, p.Attempts[0].ID, eur("10.00"), "eva")
			require.NoError(w.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.refuse = refused
			p := w.charge("1")
			require.Equal(t, gateways.ParkRefused, p.Parked.Reason)
			require.Equal(t, p.Attempts[0].ID, p.Parked.Operation)
			w.work(24 * time.Hour)
			_, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
			require.NoError(t, err)
			require.Equal(t, gateways.ParkRefused, w.now(p).Parked.Reason)
			w.refuse = nil
			out(w, p)
			p = w.now(p)
			require.Nil(t, p.Parked)
			require.Equal(t, gateways.PhasePaid, p.Phase)
			w.balanced()
		})
	}
	t.Run("a page that was given up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.checkout("1")
		for range 6 {
			w.work(6 * time.Hour)
		}
		require.Equal(t, gateways.PhaseFailed, w.now(p).Phase)
		w.first.Pay(p.Attempts[0].ID)
		w.refuse = refused
		w.tell()
		p = w.now(p)
		require.Equal(t, gateways.ParkRefused, p.Parked.Reason)
		w.refuse = nil
		p, err := w.Resolve(t.Context(), p.ID, p.Attempts[0].ID, eur("10.00"), "eva")
		require.NoError(t, err)
		require.Equal(t, gateways.PhasePaid, p.Phase)
		w.balanced()
	})
	t.Run("a refund that came back", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p, back := w.refund(w.charge("1"), "r", "4.00")
		w.first.Undo(back.ID)
		w.refuse = refused
		w.tell()
		require.Equal(t, gateways.ParkRefused, w.now(p).Parked.Reason)
		require.Equal(t, gateways.AttemptApproved, w.attempt(p, back.ID).State)
		w.refuse = nil
		p, err := w.Resolve(t.Context(), p.ID, back.ID, money.Money{}, "eva")
		require.NoError(t, err)
		require.Nil(t, p.Parked)
		require.True(t, p.Refunded().IsZero())
		w.balanced()
	})
}

// What was given up or declined, is told to have moved money, and is refused by the books,
// is neither charged again nor given back again.
func TestRefusedAfterItWasGivenUp(t *testing.T) {
	t.Parallel()
	refused := tierhost.E("books", tierhost.KindPrecondition, "closed", errors.New("the month is closed"))
	soft := &gateways.Decline{Code: gateways.DeclineFunds}
	t.Run("a charge that was given up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.first.Script(fake.Script{After: true, Hidden: true}, fake.Script{Decline: soft})
		p := w.charge("1")
		w.work(16 * time.Minute)
		require.Equal(t, gateways.PhaseWaiting, w.now(p).Phase)
		w.refuse = refused
		w.first.Reveal()
		w.tell()
		w.refuse = nil
		w.clock.Advance(100 * time.Hour)
		got := w.now(p)
		require.Equal(t, gateways.ParkRefused, got.Parked.Reason)
		require.Equal(t, gateways.AttemptUnknown, got.Attempts[0].State)
		require.NotEmpty(t, got.Attempts[0].Reference)
		require.Zero(t, got.Attempts[0].Ended)
		require.Zero(t, got.Again)
		require.Zero(t, got.Due)
		_, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
		require.NoError(t, err)
		w.work(100 * time.Hour)
		got = w.now(p)
		require.Len(t, got.Attempts, 2, "it is not charged again")
		require.Nil(t, got.Parked)
		require.Equal(t, gateways.PhasePaid, got.Phase)
		w.balanced()
	})
	t.Run("a charge that was declined", func(t *testing.T) {
		t.Parallel()
		w, tell := newScripted(t)
		w.first.Script(fake.Script{Decline: soft})
		p := w.charge("1")
		require.NotZero(t, p.Again)
		w.refuse = refused
		tell(gateways.Notice{
			Event: "e", Operation: p.Attempts[0].ID, Result: &gateways.Result{Outcome: gateways.Approved, Reference: "late", Amount: eur("10.00")},
		})
		p = w.now(p)
		require.Equal(t, gateways.PhaseOpen, p.Phase)
		require.Equal(t, "late", p.Attempts[0].Reference)
		w.work(100 * time.Hour)
		require.Len(t, w.now(p).Attempts, 1)
		p, err := w.Resolve(t.Context(), p.ID, p.Attempts[0].ID, money.Money{}, "eva")
		require.NoError(t, err, "staff knows better")
		require.NotZero(t, p.Again)
	})
	t.Run("a refund that was given up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.charge("1")
		w.first.Script(fake.Script{Verb: gateways.VerbRefund, After: true, Hidden: true})
		p, back := w.refund(p, "a", "6.00")
		for range 6 {
			w.work(10 * time.Minute)
		}
		require.Equal(t, gateways.AttemptFailed, w.attempt(p, back.ID).State)
		w.refuse = refused
		w.first.Reveal()
		w.tell()
		p = w.now(p)
		require.Equal(t, gateways.ParkRefused, p.Parked.Reason)
		require.True(t, p.Refundable().Equal(eur("4.00")), "%s", p.Refundable())
		_, err := w.Refund(t.Context(), gateways.MoveRequest{Key: "b", Payment: p.ID, Amount: eur("10.00")})
		require.ErrorIs(t, err, gateways.ErrBusy)
		w.refuse = nil
		_, err = w.Settle(t.Context(), "first", back.ID, "")
		require.NoError(t, err)
		require.Equal(t, gateways.AttemptApproved, w.attempt(p, back.ID).State)
		w.balanced()
	})
}

// A payment whose outcome was lost goes on when the provider tells it after all.
func TestLostIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script fake.Script
		phase  gateways.Phase
	}{
		"it was taken":    {fake.Script{After: true}, gateways.PhasePaid},
		"it was declined": {fake.Script{After: true, Decline: &gateways.Decline{Code: gateways.DeclineLost, Hard: true}}, gateways.PhaseDeclined},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *gateways.Options) { o.Give = 3 })
			w.first.Script(c.script)
			p := w.charge("1")
			w.first.SetDown(true)
			for range 10 {
				w.work(7 * time.Hour)
			}
			p = w.now(p)
			require.Equal(t, gateways.ParkLost, p.Parked.Reason)
			require.Zero(t, p.Due)
			w.first.SetDown(false)
			p, err := w.Settle(t.Context(), "first", p.Attempts[0].ID, "")
			require.NoError(t, err)
			require.Nil(t, p.Parked)
			require.Equal(t, c.phase, p.Phase)
			w.balanced()
		})
	}
}

// What staff has decided goes on by itself: it is tried again, and what is open beside it
// is looked up.
func TestResolvedGoesOn(t *testing.T) {
	t.Parallel()
	t.Run("nothing has moved", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *gateways.Options) { o.Give = 3 })
		w.first.Script(fake.Script{Before: true})
		p := w.charge("1")
		w.first.SetDown(true)
		for range 10 {
			w.work(7 * time.Hour)
		}
		w.first.SetDown(false)
		p = w.now(p)
		p, err := w.Resolve(t.Context(), p.ID, p.Parked.Operation, money.Money{}, "eva")
		require.NoError(t, err)
		require.NotZero(t, p.Due)
		w.work(time.Minute)
		require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
		w.balanced()
	})
	t.Run("another refund is pending", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.charge("1")
		w.first.Script(fake.Script{Verb: gateways.VerbRefund, Pending: true}, fake.Script{Verb: gateways.VerbRefund, Amount: eur("2.00")})
		p, pending := w.refund(p, "a", "4.00")
		p, other := w.refund(p, "b", "1.00")
		require.Equal(t, gateways.ParkAmount, p.Parked.Reason)
		w.first.Complete(pending.ID, nil)
		w.work(7 * time.Hour)
		require.Equal(t, gateways.AttemptApproved, w.attempt(p, pending.ID).State, "it is looked up though staff looks at another one")
		p, err := w.Resolve(t.Context(), p.ID, other.ID, eur("2.00"), "eva")
		require.NoError(t, err)
		require.Nil(t, p.Parked)
		w.balanced()
	})
	t.Run("both of two pending refunds are looked up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.charge("1")
		w.first.Script(fake.Script{Verb: gateways.VerbRefund, Pending: true}, fake.Script{Verb: gateways.VerbRefund, Pending: true})
		p, _ = w.refund(p, "a", "4.00")
		p, second := w.refund(p, "b", "1.00")
		w.first.Complete(second.ID, nil)
		for range 3 {
			w.work(7 * time.Hour)
		}
		require.Equal(t, gateways.AttemptApproved, w.attempt(p, second.ID).State)
	})
	t.Run("parked for two reasons", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.charge("1")
		w.first.Script(fake.Script{Verb: gateways.VerbRefund, Amount: eur("3.00")})
		p, odd := w.refund(p, "b", "1.00")
		w.first.Dispute(p.Attempts[0].ID, gateways.Dispute{Amount: eur("10.01"), Lost: true})
		w.tell()
		p = w.now(p)
		require.Equal(t, gateways.ParkAmount, p.Parked.Reason)
		require.Len(t, p.Also, 1)
		require.Equal(t, gateways.ParkExcess, p.Also[0].Reason)
		_, err := w.Resolve(t.Context(), p.ID, p.Attempts[0].ID, eur("10.00"), "eva")
		require.ErrorIs(t, err, gateways.ErrPhase, "it is not parked for the charge")
		p, err = w.Resolve(t.Context(), p.ID, odd.ID, money.Money{}, "eva")
		require.NoError(t, err)
		require.Equal(t, gateways.ParkExcess, p.Parked.Reason, "what else there is stays")
		p, err = w.Resolve(t.Context(), p.ID, "", money.Money{}, "eva")
		require.NoError(t, err)
		require.Nil(t, p.Parked)
		require.Equal(t, 2, w.told("gateways.payment.parked"))
	})
}

// An operation of which the provider has told is not given up because it says that it has
// never heard of it.
func TestKnownIsNotForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Pending: true})
	p := w.charge("1")
	w.first.Lose(p.Attempts[0].ID)
	for range 30 {
		w.work(7 * time.Hour)
	}
	p = w.now(p)
	require.Len(t, p.Attempts, 1, "it is not made again")
	require.Equal(t, gateways.ParkLost, p.Parked.Reason)
	looks := len(w.first.Calls())
	w.work(1000 * time.Hour)
	require.Len(t, w.first.Calls(), looks)
	p, err := w.Resolve(t.Context(), p.ID, p.Attempts[0].ID, eur("10.00"), "eva")
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, p.Phase)
}

// A provider that forgets what it does is not believed for ever: each attempt that it has
// never heard of may have taken the money.
func TestForgetfulProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 20 {
		w.first.Script(fake.Script{After: true, Hidden: true})
	}
	p := w.charge("1")
	for range 50 {
		w.work(7 * time.Hour)
	}
	p = w.now(p)
	require.Len(t, p.Attempts, 3)
	require.Equal(t, gateways.ParkLost, p.Parked.Reason)
	w.first.Heal()
	for _, a := range p.Attempts { // it has taken all of it
		_, err := w.Settle(t.Context(), "first", a.ID, "")
		require.NoError(t, err)
	}
	p = w.now(p)
	require.Len(t, w.booked, 1)
	require.Equal(t, gateways.ParkTwice, p.Parked.Reason)
	require.Len(t, p.Also, 1)
}

// A customer who never does what the card's issuer has asked for holds nothing up for ever.
func TestActionHasADeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{Action: true})
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Present = true })
	require.Equal(t, gateways.PhaseAction, p.Phase)
	require.NotEmpty(t, p.Action.Client)
	for range 5 {
		w.work(7 * time.Hour)
	}
	require.Equal(t, gateways.PhaseFailed, w.now(p).Phase)
	for range 5 { // it is looked up once more, and once more
		w.work(7 * time.Hour)
	}
	require.Equal(t, gateways.PhaseFailed, w.now(p).Phase)
	next, err := w.NextDue(t.Context())
	require.NoError(t, err)
	require.Zero(t, next)
	w.first.Complete(p.Attempts[0].ID, nil)
	w.tell()
	require.Equal(t, gateways.PhasePaid, w.now(p).Phase, "and what comes late is booked")
	w.balanced()
}

// A provider says until when its page can be paid on.
func TestPageExpires(t *testing.T) {
	t.Parallel()
	pages := &shortPages{}
	w := newWorld(t, func(o *gateways.Options) {
		pages.Provider = o.Gateways["first"].(*fake.Provider)
		o.Gateways["first"] = pages
	})
	pages.until = w.clock.Now().Add(time.Hour)
	p := w.checkout("1")
	require.Equal(t, pages.until, p.Attempts[0].Until)
	w.work(59 * time.Minute)
	require.Equal(t, gateways.PhaseAction, w.now(p).Phase)
	w.work(2 * time.Hour)
	require.Equal(t, gateways.PhaseFailed, w.now(p).Phase)
}

type shortPages struct {
	*fake.Provider
	until time.Time
}

func (s *shortPages) Begin(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
	b, err := s.Provider.Begin(ctx, at, c)
	b.Expires = s.until
	return b, err
}

// Money that comes once more for what was paid, under another reference, is neither booked
// nor lost: staff decides.
func TestPaidOnceMore(t *testing.T) {
	t.Parallel()
	for name, proves := range map[string]bool{"the notice proves it": true, "the notice is a reason to look": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := &generous{}
			w := newWorld(t, func(o *gateways.Options) {
				again.Provider = o.Gateways["first"].(*fake.Provider)
				o.Gateways["first"] = again
			})
			p := w.checkout("1")
			id := p.Attempts[0].ID
			w.first.Pay(id)
			w.tell()
			require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
			again.other = "second receipt"
			n := gateways.Notice{Event: "e2", Operation: id, Reference: again.other}
			if proves {
				n.Result = &gateways.Result{Outcome: gateways.Approved, Reference: again.other, Amount: eur("7.00")}
			}
			for range 3 {
				again.notices = []gateways.Notice{n}
				_, err := w.Notified(t.Context(), "first", gateways.Incoming{})
				require.NoError(t, err)
				n.Event += "x"
			}
			p = w.now(p)
			require.Len(t, p.Attempts, 2)
			more := p.Attempts[1]
			require.Equal(t, gateways.AttemptSuspense, more.State)
			require.Equal(t, gateways.ParkTwice, p.Parked.Reason)
			require.Equal(t, more.ID, p.Parked.Operation)
			require.Len(t, w.booked, 1)
			p, err := w.Resolve(t.Context(), p.ID, more.ID, more.Amount, "eva")
			require.NoError(t, err)
			require.Nil(t, p.Parked)
			require.Len(t, w.booked, 2)
		})
	}
}

// generous is a provider at which the same operation can be paid more than once.
type generous struct {
	*fake.Provider
	other   string
	notices []gateways.Notice
}

func (g *generous) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	r, err := g.Provider.Find(ctx, at, o)
	if g.other != "" && o.Reference == "" && err == nil {
		r.Reference, r.Amount = g.other, eur("7.00")
	}
	return r, err
}

func (g *generous) Notices(ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	if g.notices != nil {
		return g.notices, nil
	}
	return g.Provider.Notices(ctx, at, in, now)
}

// One payment at the provider, found for two of ours, is credited once.
func TestOneReferenceForTwo(t *testing.T) {
	t.Parallel()
	same := &sameReference{}
	w := newWorld(t, func(o *gateways.Options) {
		same.Provider = o.Gateways["first"].(*fake.Provider)
		o.Gateways["first"] = same
	})
	for _, key := range []string{"1", "2"} {
		p := w.checkout(key)
		w.first.Pay(p.Attempts[0].ID)
		w.tell()
	}
	require.Len(t, w.booked, 1)
	n := 0
	for p, err := range w.Payments(t.Context(), gateways.PaymentQuery{Seller: "shop", Parked: true}) {
		require.NoError(t, err)
		require.Equal(t, gateways.ParkTwice, p.Parked.Reason)
		n++
	}
	require.Equal(t, 1, n)
}

type sameReference struct{ *fake.Provider }

func (s *sameReference) Begin(ctx context.Context, at gateways.Place, c gateways.Checkout) (gateways.Begun, error) {
	b, err := s.Provider.Begin(ctx, at, c)
	b.Reference = ""
	return b, err
}

func (s *sameReference) Find(ctx context.Context, at gateways.Place, o gateways.Operation) (gateways.Result, error) {
	o.Reference = ""
	r, err := s.Provider.Find(ctx, at, o)
	r.Reference = "the same"
	return r, err
}

// Two captures of one authorization, of which the first was thought lost.
func TestBothCapturesTook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Later = true })
	w.first.Script(fake.Script{Verb: gateways.VerbCapture, After: true, Hidden: true})
	p, err := w.Capture(t.Context(), gateways.MoveRequest{Key: "c1", Payment: p.ID, Amount: eur("6.00")})
	require.NoError(t, err)
	for range 6 {
		w.work(10 * time.Minute)
	}
	lost := p.Attempts[1].ID
	require.Equal(t, gateways.AttemptFailed, w.attempt(p, lost).State)
	lenient := w.first // which lets a second capture through
	lenient.Lenient(true)
	p, err = w.Capture(t.Context(), gateways.MoveRequest{Key: "c2", Payment: p.ID, Amount: eur("10.00")})
	require.NoError(t, err)
	require.Equal(t, gateways.PhasePaid, p.Phase)
	w.first.Reveal()
	_, err = w.Settle(t.Context(), "first", lost, "")
	require.NoError(t, err)
	p = w.now(p)
	require.Equal(t, gateways.ParkTwice, p.Parked.Reason)
	require.True(t, p.Captured().Equal(eur("10.00")))
}

// An authorization that was thought lost, found after another one was made and let go, is
// not forgotten: it holds the customer's money.
func TestLateAuthorizationAfterAVoid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{After: true, Hidden: true})
	p := w.charge("1", func(q *gateways.ChargeRequest) { q.Later = true })
	w.work(16 * time.Minute)
	p, err := w.Void(t.Context(), gateways.MoveRequest{Key: "v", Payment: p.ID})
	require.NoError(t, err)
	require.Equal(t, gateways.PhaseVoided, p.Phase)
	w.first.Reveal()
	w.tell()
	p = w.now(p)
	require.Equal(t, gateways.ParkTwice, p.Parked.Reason)
	require.Equal(t, p.Attempts[0].ID, p.Parked.Operation)
}

// What staff says of a payment that the books have refused may be a second payment by then:
// it is not booked before staff knows.
func TestResolvedMayBeASecondPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.first.Script(fake.Script{After: true, Hidden: true})
	p := w.charge("1")
	w.refuse = gateways.ErrPhase
	w.work(16 * time.Minute) // the first is given up, and the books refuse the second
	p = w.now(p)
	require.Equal(t, gateways.ParkRefused, p.Parked.Reason)
	w.refuse = nil
	w.first.Reveal()
	w.tell()
	p, err := w.Resolve(t.Context(), p.ID, p.Attempts[1].ID, eur("10.00"), "eva")
	require.NoError(t, err)
	require.Equal(t, gateways.ParkTwice, p.Parked.Reason)
	require.Len(t, w.booked, 1)
	p, err = w.Resolve(t.Context(), p.ID, p.Attempts[1].ID, eur("10.00"), "eva")
	require.NoError(t, err)
	require.Nil(t, p.Parked)
	require.Len(t, w.booked, 2)
	w.balanced()
}

// What was let go and was taken, as the provider says, is not booked before staff has found
// out which.
func TestLetGoAndTaken(t *testing.T) {
	t.Parallel()
	// both moves what was authorized by one verb, whose answer is lost, and then by another.
	both := func(t *testing.T, first, second gateways.Verb) (*world, gateways.Payment, gateways.OperationID) {
		w := newWorld(t)
		p := w.charge("1", func(q *gateways.ChargeRequest) { q.Later = true })
		moves := map[gateways.Verb]func(context.Context, gateways.MoveRequest) (gateways.Payment, error){
			gateways.VerbCapture: w.Capture, gateways.VerbVoid: w.Void,
		}
		w.first.Script(fake.Script{Verb: first, After: true, Hidden: true})
		p, err := moves[first](t.Context(), gateways.MoveRequest{Key: "a", Payment: p.ID})
		require.NoError(t, err)
		for range 6 {
			w.work(10 * time.Minute)
		}
		lost := p.Attempts[1].ID
		require.Equal(t, gateways.AttemptFailed, w.attempt(p, lost).State)
		w.first.Lenient(true)
		p, err = moves[second](t.Context(), gateways.MoveRequest{Key: "b", Payment: p.ID})
		require.NoError(t, err)
		require.Equal(t, gateways.AttemptApproved, p.Attempts[2].State)
		booked := len(w.booked)
		w.first.Reveal()
		w.tell()
		w.work(100 * time.Hour)
		p = w.now(p)
		require.NotNil(t, p.Parked)
		require.Equal(t, gateways.ParkContrary, p.Parked.Reason)
		require.Equal(t, lost, p.Parked.Operation)
		require.Equal(t, gateways.AttemptSuspense, w.attempt(p, lost).State)
		require.Len(t, w.booked, booked)
		require.True(t, p.Refundable().IsZero())
		require.False(t, p.Phase.Over())
		return w, p, lost
	}
	t.Run("let go, and taken before", func(t *testing.T) {
		t.Parallel()
		w, p, lost := both(t, gateways.VerbCapture, gateways.VerbVoid)
		p, err := w.Resolve(t.Context(), p.ID, lost, eur("10.00"), "eva")
		require.NoError(t, err)
		require.Equal(t, gateways.Received, w.booked[string(lost)].Kind)
		require.Equal(t, gateways.PhasePaid, p.Phase)
		require.True(t, p.Refunded().IsZero())
		require.True(t, p.Refundable().Equal(eur("10.00")))
	})
	t.Run("let go, and not taken", func(t *testing.T) {
		t.Parallel()
		w, p, lost := both(t, gateways.VerbCapture, gateways.VerbVoid)
		p, err := w.Resolve(t.Context(), p.ID, lost, money.Money{}, "eva")
		require.NoError(t, err)
		require.Empty(t, w.booked)
		require.Equal(t, gateways.PhaseVoided, p.Phase)
	})
	t.Run("taken, and given back", func(t *testing.T) {
		t.Parallel()
		w, p, lost := both(t, gateways.VerbVoid, gateways.VerbCapture)
		_, err := w.Resolve(t.Context(), p.ID, lost, eur("10.01"), "eva")
		require.ErrorIs(t, err, gateways.ErrTooMuch)
		p, err = w.Resolve(t.Context(), p.ID, lost, eur("10.00"), "eva")
		require.NoError(t, err)
		require.Equal(t, gateways.Returned, w.booked[string(lost)].Kind)
		require.True(t, p.Refunded().Equal(eur("10.00")))
		require.True(t, p.Refundable().IsZero())
	})
	t.Run("taken, and not let go", func(t *testing.T) {
		t.Parallel()
		w, p, lost := both(t, gateways.VerbVoid, gateways.VerbCapture)
		p, err := w.Resolve(t.Context(), p.ID, lost, money.Money{}, "eva")
		require.NoError(t, err)
		require.Len(t, w.booked, 1)
		require.True(t, p.Refundable().Equal(eur("10.00")))
	})
}
