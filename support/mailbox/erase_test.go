package mailbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/storage/memory"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest"
	"github.com/tierhost/tierhost/support/supporttest"
)

// Of a ticket that was erased nothing says with whom it was talked about, what was not sent
// is not sent, and what comes for it is a new ticket.
func TestErase(t *testing.T) {
	t.Parallel()
	store := supporttest.NewWitness(memory.New())
	w := newWorldOn(t, store)
	first := w.receive(mailOf(`"Älice" <alice@example.org>`, helpAddress, "Help", "It is slow.", "Message-ID: <1@example.org>"))
	second := w.receive(mailOf(alice, helpAddress, "More", "And loud.", "Message-ID: <2@example.org>"))
	require.NoError(t, w.ann().Merge(w.ctx, second.Ticket, first.Ticket))
	b, to := w.outbox()
	w.send(b)
	w.answer(first.Ticket, "We look.")
	w.send(b)
	// Somebody else has answered to it, and has a ticket of its own.
	w.receive(mailOf("eve@example.net", helpAddress, "Re: Help", "Me too.", "Message-ID: <3@example.net>", "References: <1@example.org>"))
	w.answer(first.Ticket, "It is mended.")
	w.drain(b) // and is not sent yet
	require.NotEmpty(t, store.Shows(t, "alice@example.org"))
	sent := len(to.Sent())

	_, err := w.ann().Erase(w.ctx, first.Ticket)
	require.NoError(t, err)
	worked, err := b.Step(w.ctx) // which has not heard of it yet
	require.NoError(t, err)
	require.True(t, worked)
	w.send(b)
	require.Len(t, to.Sent(), sent+1, "what was written is gone")
	require.Equal(t, "eve@example.net", to.Sent()[sent].To, "who is told that its mail has come")
	require.Empty(t, store.Shows(t, "alice@example.org", "lice"))
	require.NotEmpty(t, store.Shows(t, "eve@example.net"), "which is another ticket's")

	s := &mailboxtest.Source{}
	f := w.fetcher(s)
	s.Deliver(mailOf(alice, helpAddress, "Re: Help", "Thank you!", "Message-ID: <4@example.org>", "References: <"+w.sign(alice)+".2@acme.test>"))
	s.Deliver(mailOf("mailer-daemon@example.org", helpAddress, "Undelivered", "Returned.", "Message-ID: <5@example.org>",
		"References: <"+w.sign(alice)+".2@acme.test>", "Auto-Submitted: auto-replied"))
	s.Deliver(numbered(6))
	w.fetch(f)
	require.Zero(t, s.Waiting(), "none stands in the way of others")
	require.Equal(t, support.StateClosed, w.ticket(first.Ticket).State)
	require.Equal(t, 5, w.tickets(), "two that were merged, the stranger's, and two new ones")
}

// A stranger whose own ticket was erased gets a new one.
func TestEraseStrangers(t *testing.T) {
	t.Parallel()
	store := supporttest.NewWitness(memory.New())
	w := newWorldOn(t, store)
	w.receive(mailOf(alice, helpAddress, "Help", "It is slow.", "Message-ID: <1@example.org>"))
	stranger := func(id, text string) mailbox.Receipt {
		return w.receive(mailOf("eve@example.net", helpAddress, "Re: Help", text, "Message-ID: <"+id+"@example.net>", "References: <1@example.org>"))
	}
	hers := stranger("2", "Me too.")
	require.Equal(t, hers.Ticket, stranger("3", "Still.").Ticket)
	_, err := w.ann().Erase(w.ctx, hers.Ticket)
	require.NoError(t, err)
	b, _ := w.outbox()
	w.send(b)
	w.clock.Advance(time.Minute)
	require.Empty(t, store.Shows(t, "eve@example.net"), "the other ticket does not say who it was")
	next := stranger("4", "And now?")
	require.NotEqual(t, hers.Ticket, next.Ticket)
	require.Equal(t, next.Ticket, stranger("5", "Hello?").Ticket)
}
