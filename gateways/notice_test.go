package gateways_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/gateways"
	"github.com/tierhost/tierhost/gateways/fake"
)

// scripted is a provider whose notifications are what the test says.
type scripted struct {
	*fake.Provider
	notices []gateways.Notice
}

func (s *scripted) Notices(context.Context, gateways.Place, gateways.Incoming, time.Time) ([]gateways.Notice, error) {
	return s.notices, nil
}

func newScripted(t *testing.T, change ...func(o *gateways.Options)) (*world, func(n gateways.Notice)) {
	t.Helper()
	s := &scripted{}
	w := newWorld(t, append(change, func(o *gateways.Options) {
		s.Provider = o.Gateways["first"].(*fake.Provider)
		o.Gateways["first"] = s
	})...)
	return w, func(n gateways.Notice) {
		t.Helper()
		s.notices = []gateways.Notice{n}
		_, err := w.Notified(t.Context(), "first", gateways.Incoming{})
		require.NoError(t, err)
	}
}

// inbox are the notices that match.
func (w *world) inbox(q gateways.NoticeQuery) (all []gateways.Inbound) {
	w.t.Helper()
	for n, err := range w.Notices(w.t.Context(), q) {
		require.NoError(w.t, err)
		all = append(all, n)
	}
	return all
}

// looks counts how often the first provider was asked what became of something.
func (w *world) looks() int { return w.calls("find") }

// calls counts the calls of the first provider, by their method.
func (w *world) calls(method string) (n int) {
	for _, c := range w.first.Calls() {
		if c.Method == method {
			n++
		}
	}
	return n
}

// A notice that cannot be worked on is told to staff, who lists it, has it tried again, or
// discards it.
func TestParkedNotices(t *testing.T) {
	t.Parallel()
	w, tell := newScripted(t, func(o *gateways.Options) { o.Give = 10 })
	p := w.charge("1")
	w.refuse = tierhost.E("books", tierhost.KindPrecondition, "closed", errors.New("the month is closed"))
	lost := func(event, amount string) {
		tell(gateways.Notice{Event: event, Kind: "lost", Operation: p.Attempts[0].ID, Dispute: &gateways.Dispute{Amount: eur(amount), Lost: true}})
	}
	lost("d1", "3.00")
	lost("d2", "2.00")
	for range 20 {
		w.work(7 * time.Hour)
	}
	parked := w.inbox(gateways.NoticeQuery{Seller: "shop", Parked: true})
	require.Len(t, parked, 2)
	require.Equal(t, gateways.NoticeParked, parked[0].State)
	require.Contains(t, parked[0].Failure, "the month is closed")
	require.Empty(t, w.inbox(gateways.NoticeQuery{Seller: "other", Parked: true}))
	require.Empty(t, w.inbox(gateways.NoticeQuery{Parked: true}), "the host's own, which has none")
	require.Empty(t, w.inbox(gateways.NoticeQuery{Seller: "shop", Account: "second"}))
	require.Len(t, w.inbox(gateways.NoticeQuery{AllSellers: true}), 2)
	require.Equal(t, 2, w.told("gateways.notice.parked"))

	still, err := w.RetryNotice(t.Context(), "first", "d1")
	require.NoError(t, err)
	require.Equal(t, gateways.NoticeReceived, still.State)
	require.NotZero(t, still.Due, "it is tried again as often as a new one")
	w.refuse = nil
	done, err := w.RetryNotice(t.Context(), "first", "d1")
	require.NoError(t, err)
	require.Equal(t, gateways.NoticeDone, done.State)
	require.True(t, w.now(p).Lost.Equal(eur("3.00")))
	_, err = w.RetryNotice(t.Context(), "first", "d1")
	require.ErrorIs(t, err, gateways.ErrPhase)

	_, err = w.DiscardNotice(t.Context(), "first", "d2", "", "")
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	_, err = w.DiscardNotice(t.Context(), "first", "d3", "eva", "seen")
	require.ErrorIs(t, err, gateways.ErrNoNotice)
	gone, err := w.DiscardNotice(t.Context(), "first", "d2", "eva", "it was booked by hand")
	require.NoError(t, err)
	require.Equal(t, []any{gateways.NoticeDiscarded, "eva", "it was booked by hand"}, []any{gone.State, gone.By, gone.Reason})
	lost("d2", "2.00")
	require.True(t, w.now(p).Lost.Equal(eur("3.00")), "what is discarded is done")
	require.Empty(t, w.inbox(gateways.NoticeQuery{Seller: "shop", Parked: true}))

	n, err := w.PurgeNotices(t.Context(), w.clock.Now())
	require.NoError(t, err)
	require.Zero(t, n)
	w.clock.Advance(time.Second)
	n, err = w.PurgeNotices(t.Context(), w.clock.Now())
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Empty(t, w.inbox(gateways.NoticeQuery{AllSellers: true}))
}

// A notice is not done because it was looked for in vain.
func TestNoticeIsDoneWhenFoundOut(t *testing.T) {
	t.Parallel()
	w, tell := newScripted(t)
	p, back := w.refund(w.charge("1"), "r", "4.00")
	w.first.Undo(back.ID)
	w.first.SetDown(true)
	tell(gateways.Notice{Event: "e", Operation: back.ID})
	require.Equal(t, gateways.NoticeReceived, w.inbox(gateways.NoticeQuery{Seller: "shop"})[0].State)
	q := w.checkout2("2")
	tell(gateways.Notice{Event: "e2", Operation: q.Attempts[0].ID})
	require.Equal(t, gateways.NoticeReceived, w.inbox(gateways.NoticeQuery{Seller: "shop"})[1].State)
	w.first.SetDown(false)
	w.work(time.Hour)
	for _, n := range w.inbox(gateways.NoticeQuery{Seller: "shop"}) {
		require.Equal(t, gateways.NoticeDone, n.State)
	}
	require.Equal(t, gateways.AttemptUndone, w.attempt(p, back.ID).State)
	w.balanced()
}

// checkout2 is a page that was begun before its provider went away.
func (w *world) checkout2(key string) gateways.Payment {
	w.first.SetDown(false)
	p := w.checkout(key)
	w.first.SetDown(true)
	return p
}

// What anybody can send does not fill the inbox, and is looked at once in a while only.
func TestUnsignedNotices(t *testing.T) {
	t.Parallel()
	w, tell := newScripted(t)
	p := w.checkout("1")
	for i := range 50 {
		tell(gateways.Notice{Event: fmt.Sprint("forged", i), Operation: gateways.OperationID(fmt.Sprint("guess", i)), Unsigned: true})
		tell(gateways.Notice{
			Event: fmt.Sprint("real", i), Kind: fmt.Sprint("kind", i), Operation: p.Attempts[0].ID, Reference: fmt.Sprint("r", i), Unsigned: true,
			Result: &gateways.Result{Outcome: gateways.Approved, Amount: eur("10.00")},
		})
	}
	require.Len(t, w.inbox(gateways.NoticeQuery{Seller: "shop"}), 1)
	require.Equal(t, 1, w.looks())
	require.Empty(t, w.booked)
	w.first.Pay(p.Attempts[0].ID)
	w.work(time.Minute)
	require.Equal(t, 2, w.looks(), "what came since is looked at a minute later")
	require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
}

// A customer who loads the page again and again neither has the payment given up nor makes
// the statistics wrong.
func TestReloadsDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *gateways.Options) { o.Give = 3 })
	p := w.checkout("1")
	due := w.now(p).Due
	back := url.Values{"operation": {string(p.Attempts[0].ID)}}
	for range 50 {
		_, err := w.Returned(t.Context(), "first", back)
		require.NoError(t, err)
	}
	require.Equal(t, due, w.now(p).Due, "the next look is not put off")
	w.first.SetDown(true)
	for range 50 {
		_, err := w.Returned(t.Context(), "first", back)
		require.NoError(t, err)
	}
	w.first.SetDown(false)
	require.Nil(t, w.now(p).Parked)
	require.Equal(t, 1, w.now(p).Attempts[0].Looks)
	for range 3 {
		w.work(7 * time.Hour)
	}
	w.first.Pay(p.Attempts[0].ID)
	w.tell()
	w.work(7 * time.Hour)
	counts, err := w.Statistics(t.Context(), "first", w.clock.Now().Add(-48*time.Hour), w.clock.Now())
	require.NoError(t, err)
	got := map[string]int64{}
	for _, c := range counts {
		got[c.Outcome] += c.Number
	}
	require.Equal(t, map[string]int64{"pending": 1, "approved": 1}, got)
}

// unsignedWorld is a world whose first provider does not sign, and what has it tell of a
// payment.
func unsignedWorld(t *testing.T, a *asked, change ...func(o *gateways.Options)) (*world, func(p gateways.Payment)) {
	t.Helper()
	s := &scripted{}
	w := newWorld(t, append(change, func(o *gateways.Options) {
		a.Provider = o.Gateways["first"].(*fake.Provider)
		s.Provider = a.Provider
		o.Gateways["first"] = unsignedGateway{a, s}
	})...)
	return w, func(p gateways.Payment) {
		t.Helper()
		s.notices = []gateways.Notice{{Operation: p.Attempts[0].ID, Unsigned: true}}
		_, err := w.Notified(t.Context(), "first", gateways.Incoming{})
		require.NoError(t, err)
	}
}

type unsignedGateway struct {
	*asked
	tells *scripted
}

func (g unsignedGateway) Notices(ctx context.Context, at gateways.Place, in gateways.Incoming, now time.Time) ([]gateways.Notice, error) {
	return g.tells.Notices(ctx, at, in, now)
}

// What is not signed has one place in the inbox. A notice that comes while the one before is
// worked on, or after it was parked, is a new reason to look: it was answered.
func TestUnsignedComesAgain(t *testing.T) {
	t.Parallel()
	t.Run("while it is worked on", func(t *testing.T) {
		t.Parallel()
		a := &asked{}
		w, tell := unsignedWorld(t, a)
		p := w.checkout("1")
		a.answer = func(r gateways.Result) gateways.Result {
			if a.answer = nil; r.Outcome == gateways.Pending { // this is what the provider says; then it is paid, and told
				w.first.Pay(p.Attempts[0].ID)
				tell(p)
			}
			return r
		}
		tell(p)
		require.Equal(t, gateways.PhaseAction, w.now(p).Phase)
		in := w.inbox(gateways.NoticeQuery{Seller: "shop"})
		require.Len(t, in, 1)
		require.Zero(t, in[0].Done)
		require.Equal(t, w.clock.Now().Add(time.Minute), in[0].Due)
		w.stepNotices(time.Minute)
		require.Equal(t, gateways.PhasePaid, w.now(p).Phase)
		in = w.inbox(gateways.NoticeQuery{Seller: "shop"})
		require.Equal(t, gateways.NoticeDone, in[0].State)
		require.NotZero(t, in[0].Done)
		w.balanced()
	})
	t.Run("after it was parked", func(t *testing.T) {
		t.Parallel()
		a := &asked{}
		w, tell := unsignedWorld(t, a, func(o *gateways.Options) { o.Give = 3 })
		p := w.charge("1", func(q *gateways.ChargeRequest) { q.Later = true })
		w.first.SetDown(true)
		tell(p)
		for range 5 {
			w.work(7 * time.Hour)
		}
		require.Equal(t, gateways.NoticeParked, w.inbox(gateways.NoticeQuery{Seller: "shop"})[0].State)
		w.first.SetDown(false)
		tell(p)
		in := w.inbox(gateways.NoticeQuery{Seller: "shop"})
		require.Len(t, in, 1)
		require.Equal(t, gateways.NoticeReceived, in[0].State)
		require.Zero(t, in[0].Tries)
		require.Equal(t, w.clock.Now(), in[0].Due)
		w.work(0)
		require.Equal(t, gateways.NoticeDone, w.inbox(gateways.NoticeQuery{Seller: "shop"})[0].State)
	})
	t.Run("many at once", func(t *testing.T) {
		t.Parallel()
		a := &asked{}
		w, tell := unsignedWorld(t, a)
		p := w.checkout("1")
		for range 20 {
			tell(p)
		}
		require.Equal(t, 1, w.looks(), "not at each word of anybody")
		w.stepNotices(time.Minute)
		require.Equal(t, 2, w.looks())
	})
}

// stepNotices lets time pass and works on one notice.
func (w *world) stepNotices(passes time.Duration) {
	w.t.Helper()
	w.clock.Advance(passes)
	worked, err := w.Step(w.t.Context())
	require.NoError(w.t, err)
	require.True(w.t, worked)
}

// A process that has not got the gateway leaves a notice to another one: its tries are not
// used up.
func TestNoticeWithoutTheGateway(t *testing.T) {
	t.Parallel()
	for name, instrument := range map[string]bool{"of a payment": false, "of an instrument": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, tell := newScripted(t)
			var about gateways.OperationID
			if instrument {
				i, err := w.Register(t.Context(), gateways.RegisterRequest{Seller: "shop", Customer: "anna", Account: "first", Return: "https://panel.shop.example/"})
				require.NoError(t, err)
				about = gateways.OperationID(i.ID)
			} else {
				about = w.checkout("1").Attempts[0].ID
			}
			w.first.SetDown(true)
			tell(gateways.Notice{Event: "e1", Operation: about})
			tries := w.inbox(gateways.NoticeQuery{Seller: "shop"})[0].Tries
			require.Equal(t, 1, tries)
			other, err := gateways.New(w.store, gateways.Options{Clock: w.clock, Give: 3})
			require.NoError(t, err)
			for range 10 {
				w.clock.Advance(7 * time.Hour)
				_, err := other.Step(t.Context())
				require.NoError(t, err)
			}
			in := w.inbox(gateways.NoticeQuery{Seller: "shop"})[0]
			require.Equal(t, gateways.NoticeReceived, in.State)
			require.Equal(t, tries, in.Tries)
			require.True(t, in.Due.After(w.clock.Now()))
			if i, err := w.Instrument(t.Context(), gateways.InstrumentID(about)); instrument {
				require.NoError(t, err)
				require.NotContains(t, i.Handover.Failure, "no gateway")
			}
		})
	}
}
