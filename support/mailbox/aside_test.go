package mailbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest"
	"github.com/tierhost/tierhost/support/supporttest"
)

// What is too large is not fetched, what is for nobody is not taken: it stays, is listed
// with the reason, and does not stand in the way of others. When a queue gets the address it
// is taken.
func TestSetAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.Limits.Size = 4 << 10 })
	s := &mailboxtest.Source{}
	f := w.fetcher(s)
	huge := mailOf(alice, helpAddress, "Huge", strings.Repeat("x", 8<<10))
	s.Deliver(huge)
	s.DeliverSized(huge+"liar", 100)
	s.Deliver(mailOf(alice, "sales@acme.test", "Offer", "Please.", "Message-ID: <offer@example.org>"))
	s.Deliver(numbered(1))
	w.fetch(f)
	require.Equal(t, 1, w.tickets())
	require.Equal(t, 3, s.Waiting())
	require.NotContains(t, s.Calls(), "fetch 1")
	var reasons []mailbox.Reason
	for a, err := range f.Aside(w.ctx) {
		require.NoError(t, err)
		reasons = append(reasons, a.Reason)
	}
	require.ElementsMatch(t, []mailbox.Reason{mailbox.ReasonLarge, mailbox.ReasonLarge, mailbox.ReasonNobody}, reasons)
	st, err := f.Status(w.ctx)
	require.NoError(t, err)
	require.Equal(t, int64(3), st.Aside)

	w.queue("acme", support.Queue{ID: "sales", Name: "Sales", Address: "sales@acme.test", AutoClose: -1})
	require.NoError(t, f.Rewind(w.ctx))
	w.fetch(f)
	require.Equal(t, 2, w.tickets(), "the other one, and nothing twice")
	st, err = f.Status(w.ctx)
	require.NoError(t, err)
	require.Equal(t, int64(2), st.Aside)
}

// Where a session that set aside all it had does not end well, what is behind those mails is
// taken nevertheless.
func TestAsideBeforeFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &mailboxtest.Source{}
	f := w.fetcher(s, func(o *mailbox.FetcherOptions) { o.Batch = 2 })
	for n := range 5 {
		s.Deliver(mailOf(alice, "sales@acme.test", "Offer", "Please.", fmt.Sprintf("Message-ID: <offer-%d@example.org>", n)))
	}
	s.Deliver(numbered(1))
	s.Fail("close", errors.New("the line is dead"))
	_, err := f.Step(w.ctx)
	require.Error(t, err)
	for range 5 {
		w.clock.Advance(time.Hour)
		w.fetch(f)
	}
	require.Equal(t, 1, w.tickets())
	st, err := f.Status(w.ctx)
	require.NoError(t, err)
	require.Equal(t, int64(5), st.Aside)
}

// A mail that was set aside can be dismissed: nothing of its sender is kept, and it is not
// fetched again.
func TestDismiss(t *testing.T) {
	t.Parallel()
	store := supporttest.NewWitness(memory.New())
	w := newWorldOn(t, store)
	s := &mailboxtest.Source{Removes: true}
	f := w.fetcher(s)
	s.Deliver(mailOf(alice, "sales@acme.test", "Offer", "Please."))
	w.fetch(f)
	var id string
	for a, err := range f.Aside(w.ctx) {
		require.NoError(t, err)
		require.Equal(t, "alice@example.org", a.From)
		id = a.ID
	}
	require.NoError(t, f.Dismiss(w.ctx, id))
	for a, err := range f.Aside(w.ctx) {
		t.Error("still listed", a, err)
	}
	st, err := f.Status(w.ctx)
	require.NoError(t, err)
	require.Zero(t, st.Aside)
	require.NoError(t, f.Dismiss(w.ctx, id))
	require.ErrorIs(t, f.Dismiss(w.ctx, "another"), mailbox.ErrGone)
	before := len(s.Calls())
	w.clock.Advance(time.Hour)
	w.fetch(f)
	require.Equal(t, []string{"open", "list", "close"}, s.Calls()[before:])
	require.Empty(t, store.Shows(t, alice, "Offer"))
	require.NoError(t, f.Rewind(w.ctx))
	w.fetch(f)
	st, err = f.Status(w.ctx)
	require.NoError(t, err)
	require.Equal(t, int64(1), st.Aside)
}

// What was noted of who has sent what was set aside does not outlive a new beginning.
func TestRewindForgets(t *testing.T) {
	t.Parallel()
	store := supporttest.NewWitness(memory.New())
	w := newWorldOn(t, store)
	s := &mailboxtest.Source{}
	f := w.fetcher(s, func(o *mailbox.FetcherOptions) { o.Batch = 200 })
	for n := range 150 {
		s.Deliver(mailOf(alice, "sales@acme.test", "Offer", "Please.", fmt.Sprintf("Message-ID: <%d@example.org>", n)))
	}
	w.fetch(f)
	require.NotEmpty(t, store.Shows(t, alice, "Offer"))
	require.NoError(t, f.Rewind(w.ctx))
	require.Empty(t, store.Shows(t, alice, "Offer"))
	w.fetch(f)
	st, err := f.Status(w.ctx)
	require.NoError(t, err)
	require.Equal(t, int64(150), st.Aside)
}

// A mailbox that is older than the desk gives no tickets of the years before.
func TestSince(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"a server that says when", "one that does not", "one without an order"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := &mailboxtest.Source{Removes: kind == "one without an order"}
			since := w.clock.Now().Add(500 * time.Millisecond)
			put := func(n int, at time.Time) {
				if kind == "a server that says when" {
					s.DeliverAt(numbered(n), at)
				} else {
					s.Deliver(fmt.Sprintf("Received: from a by b (x; y)\r\n\tfor <help@acme.test>;\r\n\t%s (UTC)\r\nReceived: from c by a; Mon, 1 Jan 2001 00:00:00 +0000\r\n", at.Format(time.RFC1123Z)) + numbered(n))
				}
			}
			f := w.fetcher(s, func(o *mailbox.FetcherOptions) { o.Since, o.Batch = since, 2 })
			for n := range 7 {
				put(n, since.Add(-time.Duration(n+1)*time.Hour))
			}
			put(7, since.Truncate(time.Second))
			put(8, since.Add(time.Hour))
			s.Deliver(numbered(9)) // nobody says when
			for range 10 {
				w.fetch(f)
				w.clock.Advance(time.Hour)
			}
			require.Equal(t, 3, w.tickets())
			require.Equal(t, 7, s.Waiting())
			for a, err := range f.Aside(w.ctx) {
				t.Error("set aside", a, err)
			}
			before := len(s.Calls())
			w.fetch(f)
			for _, c := range s.Calls()[before:] {
				require.NotContains(t, c, "fetch")
			}
		})
	}
}
