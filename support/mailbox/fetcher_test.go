package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest"
)

func (w *world) fetcher(source mailbox.Source, change ...func(*mailbox.FetcherOptions)) *mailbox.Fetcher {
	w.t.Helper()
	o := mailbox.FetcherOptions{}
	for _, c := range change {
		c(&o)
	}
	f, err := w.office.Fetcher("inbox", source, o)
	require.NoError(w.t, err)
	return f
}

func numbered(n int) string {
	return mailOf(alice, helpAddress, "Help", fmt.Sprint("mail ", n), fmt.Sprintf("Message-ID: <%d@example.org>", n))
}

// unread checks that one mail is set aside, which could not be read for a reason.
func (w *world) unread(f *mailbox.Fetcher, reason string) {
	w.t.Helper()
	n := 0
	for a, err := range f.Aside(w.ctx) {
		require.NoError(w.t, err)
		require.Equal(w.t, mailbox.ReasonUnread, a.Reason)
		require.Contains(w.t, a.Detail, reason)
		n++
	}
	require.Equal(w.t, 1, n)
}

// steps until there is nothing to do.
func (w *world) fetch(f *mailbox.Fetcher) {
	w.t.Helper()
	for worked := true; worked; {
		var err error
		worked, err = f.Step(w.ctx)
		require.NoError(w.t, err)
	}
}

// Each mail is taken once and marked after it; what was taken is not fetched again.
func TestFetch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &mailboxtest.Source{}
	f := w.fetcher(s, func(o *mailbox.FetcherOptions) { o.Batch = 2 })
	for n := range 5 {
		s.Deliver(numbered(n))
	}
	w.fetch(f)
	require.Equal(t, 5, w.tickets())
	require.Zero(t, s.Waiting())
	before := len(s.Calls())
	for range 100 {
		w.clock.Advance(time.Minute)
		w.fetch(f)
	}
	for _, c := range s.Calls()[before:] {
		require.NotContains(t, c, "fetch")
	}
	st, err := f.Status(w.ctx)
	require.NoError(t, err)
	require.Equal(t, mailbox.Status{Looked: w.clock.Now(), Next: w.clock.Now().Add(time.Minute), Taken: 5}, st)

	// A server that numbers its mails anew has all of them fetched again, and none taken.
	s.Renumber()
	s.Deliver(numbered(5))
	w.clock.Advance(time.Minute)
	w.fetch(f)
	require.Equal(t, 6, w.tickets())
}

// Whatever call fails, and whenever, each mail becomes one ticket and is marked in the end.
func TestFetchWithFailures(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"open", "list", "fetch", "done", "close"} {
		for after := range 3 {
			t.Run(fmt.Sprint(call, after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				s := &mailboxtest.Source{}
				f := w.fetcher(s, func(o *mailbox.FetcherOptions) { o.Batch = 2 })
				for n := range 6 {
					s.Deliver(numbered(n))
				}
				for range after {
					s.Fail(call, nil)
				}
				s.Fail(call, errors.New("the line is dead"))
				failed := 0
				for range 20 {
					if _, err := f.Step(w.ctx); err != nil {
						failed++
						st, err := f.Status(w.ctx)
						require.NoError(t, err)
						require.Equal(t, 1, st.Failures)
						require.Contains(t, st.Fault, "the line is dead")
						require.True(t, st.Next.After(w.clock.Now()))
					}
					w.clock.Advance(time.Minute)
				}
				require.Equal(t, 1, failed)
				require.Equal(t, 6, w.tickets())
				require.Zero(t, s.Waiting())
			})
		}
	}
}

// A mail at which sessions end again and again is set aside, and those behind it are taken.
func TestStuck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &mailboxtest.Source{}
	f := w.fetcher(s)
	s.Deliver(numbered(1))
	s.Deliver(numbered(2))
	for range 5 {
		s.Fail("fetch", errors.New("* BYE internal error"))
	}
	for range 5 {
		_, err := f.Step(w.ctx)
		require.Error(t, err)
		w.clock.Advance(time.Hour)
	}
	w.fetch(f)
	require.Equal(t, 1, w.tickets())
	w.unread(f, "BYE internal error")
}

// A mail at which the server hangs until the session is over is set aside like one at which it
// fails, though the session's connection does not look at the context of a call; those in front
// of it and behind it are taken.
func TestStuckAtAServerThatHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &mailboxtest.Source{}
	f := w.fetcher(hanging{s, "0:2"}, func(o *mailbox.FetcherOptions) { o.Lease, o.Tries = 3*time.Second, 2 })
	for n := range 3 {
		s.Deliver(numbered(n))
	}
	for n := range 2 {
		_, err := f.Step(w.ctx)
		require.Equal(t, "fetch_timeout", tierhost.CodeOf(err), "%v", err)
		st, err := f.Status(w.ctx)
		require.NoError(t, err)
		require.Equal(t, n+1, st.Failures)
		require.True(t, st.Next.After(w.clock.Now()))
		w.clock.Advance(time.Hour)
	}
	w.fetch(f)
	require.Equal(t, 2, w.tickets())
	w.unread(f, "did not give it out")
}

// hanging is a source whose server says nothing more once it is asked for a mail.
type hanging struct {
	*mailboxtest.Source
	at string
}

type hangingSession struct {
	mailbox.Session
	at    string
	ended <-chan struct{}
}

func (h hanging) Open(ctx context.Context) (mailbox.Session, error) {
	s, err := h.Source.Open(ctx)
	return hangingSession{s, h.at, ctx.Done()}, err
}

func (h hangingSession) Fetch(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error) {
	if e.ID == h.at {
		<-h.ended
		return nil, errors.New("use of closed network connection")
	}
	return h.Session.Fetch(ctx, e, most)
}

// While one process has the mailbox another leaves it alone; when its lease has ended,
// because it was killed, the other one goes on. If both work, each mail is still one ticket.
func TestLeases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &mailboxtest.Source{}
	s.Deliver(numbered(1))
	inside, goOn := make(chan struct{}), make(chan struct{})
	first := w.fetcher(slow{s, inside, goOn})
	second := w.fetcher(s)
	done := make(chan error, 1)
	go func() {
		_, err := first.Step(context.WithoutCancel(w.ctx))
		done <- err
	}()
	<-inside
	worked, err := second.Step(w.ctx)
	require.NoError(t, err)
	require.False(t, worked, "the other one has it")
	due, err := second.NextDue(w.ctx)
	require.NoError(t, err)
	require.Equal(t, w.clock.Now().Add(5*time.Minute), due)
	w.clock.Advance(5 * time.Minute)
	worked, err = second.Step(w.ctx)
	require.NoError(t, err)
	require.True(t, worked)
	s.Deliver(numbered(2))
	close(goOn)
	require.NoError(t, <-done)
	w.clock.Advance(time.Minute)
	w.fetch(second)
	require.Equal(t, 2, w.tickets())
	require.Zero(t, s.Waiting())
}

// A session ends before its lease does: what it has taken is marked by then.
func TestSessionsEndInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &mailboxtest.Source{}
	for n := range 5 {
		s.Deliver(numbered(n))
	}
	f := w.fetcher(lasting{s, func() { w.clock.Advance(2 * time.Minute) }})
	for _, left := range []int{3, 1, 0} {
		worked, err := f.Step(w.ctx)
		require.NoError(t, err)
		require.True(t, worked)
		require.Equal(t, left, s.Waiting())
	}
	require.Equal(t, 5, w.tickets())
}

// lasting is a source that takes its time for each mail.
type lasting struct {
	*mailboxtest.Source
	wait func()
}

type lastingSession struct {
	mailbox.Session
	wait func()
}

func (l lasting) Open(ctx context.Context) (mailbox.Session, error) {
	s, err := l.Source.Open(ctx)
	return lastingSession{s, l.wait}, err
}

func (l lastingSession) Fetch(ctx context.Context, e mailbox.Entry, most int64) ([]byte, error) {
	l.wait()
	return l.Session.Fetch(ctx, e, most)
}

// While another process has the mailbox nobody logs in to wait for news.
func TestNoWatchBesideALease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &mailboxtest.Source{}
	s.Deliver(numbered(1))
	inside, goOn := make(chan struct{}), make(chan struct{})
	first, second := w.fetcher(slow{s, inside, goOn}), w.fetcher(s)
	done := make(chan error, 1)
	go func() {
		_, err := first.Step(context.WithoutCancel(w.ctx))
		done <- err
	}()
	<-inside
	calls := &counted{}
	second.Watch(w.ctx, calls, time.Millisecond)
	require.Zero(t, calls.n, "the other one has it")
	close(goOn)
	require.NoError(t, <-done)
	second.Watch(w.ctx, calls, time.Hour)
	require.Equal(t, 1, calls.n)
}

type counted struct {
	mailboxtest.Source
	n int
}

func (c *counted) Watch(context.Context, string) error {
	c.n++
	return nil
}

// slow is a source that waits as it is opened.
type slow struct {
	*mailboxtest.Source
	inside, goOn chan struct{}
}

func (s slow) Open(ctx context.Context) (mailbox.Session, error) {
	close(s.inside)
	<-s.goOn
	return s.Source.Open(ctx)
}

// Run takes what comes, told by the server, and ends with its context.
func TestRunWatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &watched{news: make(chan struct{}, 1)}
	f := w.fetcher(s, func(o *mailbox.FetcherOptions) { o.Poll = time.Hour })
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	for n := range 3 {
		s.Deliver(numbered(n))
		s.news <- struct{}{}
		require.Eventually(t, func() bool { return s.Waiting() == 0 }, 20*time.Second, time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Equal(t, 3, w.tickets())
}

type watched struct {
	mailboxtest.Source
	news chan struct{}
}

func (s *watched) Watch(ctx context.Context, _ string) error {
	select {
	case <-s.news:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestFetcherNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"", "a\nb", strings.Repeat("x", 201)} {
		_, err := w.office.Fetcher(name, &mailboxtest.Source{}, mailbox.FetcherOptions{})
		require.ErrorIs(t, err, tierhost.ErrInvalid)
	}
}

// broken are senders of which one cannot be looked up, whenever it is tried.
type broken struct{ people }

func (b broken) Sender(ctx context.Context, tx storage.Tx, seller, address string) (string, error) {
	if address == bob {
		return "", tierhost.E("senders", tierhost.KindInternal, "row_unreadable", nil)
	}
	return b.people.Sender(ctx, tx, seller, address)
}

// A mail that the desk fails at for a reason that lasts is set aside in the end, and those
// behind it are taken.
func TestStuckAtTheDesk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.Senders = broken{} })
	s := &mailboxtest.Source{}
	f := w.fetcher(s)
	s.Deliver(mailOf(bob, helpAddress, "Help", "It is slow.", "Message-ID: <1@example.org>"))
	s.Deliver(numbered(2))
	for range 5 {
		_, err := f.Step(w.ctx)
		require.ErrorContains(t, err, "row_unreadable")
		w.clock.Advance(time.Hour)
	}
	w.fetch(f)
	require.Equal(t, 1, w.tickets())
	for a, err := range f.Aside(w.ctx) {
		require.NoError(t, err)
		require.Equal(t, mailbox.ReasonUnread, a.Reason)
	}
}

// After a failure a mailbox is left alone until it is due: news does not undo the longer waits.
func TestNoWatchAfterAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &counted{}
	s.Deliver(numbered(1))
	f := w.fetcher(s)
	s.Fail("open", mailbox.ErrLogin)
	_, err := f.Step(w.ctx)
	require.ErrorIs(t, err, mailbox.ErrLogin)
	due, err := f.NextDue(w.ctx)
	require.NoError(t, err)
	require.True(t, due.After(w.clock.Now()))
	f.Watch(w.ctx, s, time.Millisecond)
	require.Zero(t, s.n)
	again, err := f.NextDue(w.ctx)
	require.NoError(t, err)
	require.Equal(t, due, again)
	w.clock.Set(due)
	w.fetch(f)
	f.Watch(w.ctx, s, time.Hour)
	require.Equal(t, 1, s.n)
}
