package support_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/support"
)

// What comes by mail from nobody who is known is a ticket with an address, which waits for
// an answer as any other; no customer's read reaches it.
func TestPostOfAStranger(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.queue("acme", support.Queue{ID: "mail", Name: "Mail", FirstAnswer: time.Hour, AutoClose: -1})
	post, ann := d.m.Post("acme"), d.m.Agent("acme", "ann")
	opened, err := post.Open(d.ctx, "", support.NewTicket{Queue: "mail", Title: "Hello", Text: "Hello", Mail: support.Mail{From: "Bob@Example.org"}})
	require.NoError(t, err)
	got, err := ann.Ticket(d.ctx, opened.Number)
	require.NoError(t, err)
	require.Equal(t, "bob@example.org", got.Contact)
	require.Equal(t, support.SourceMail, got.Source)
	require.Equal(t, start().Add(time.Hour), got.FirstBy)
	_, err = d.m.Customer("acme", "").Ticket(d.ctx, opened.Number)
	require.ErrorIs(t, err, support.ErrNoTicket)
	_, err = d.m.Customer("acme", "").Open(d.ctx, support.NewTicket{Queue: "mail", Title: "Hello", Text: "Hello", Source: support.SourceMail})
	require.ErrorIs(t, err, tierhost.ErrInvalid)

	_, err = ann.Answer(d.ctx, opened.Number, support.Reply{Text: "Yes?"})
	require.NoError(t, err)
	written, err := post.Reply(d.ctx, opened.Number, "", support.Reply{Text: "It is broken."})
	require.NoError(t, err)
	m, err := ann.Message(d.ctx, written.Ticket, written.Number)
	require.NoError(t, err)
	require.Equal(t, support.RoleCustomer, m.From.Role)
	require.Equal(t, "It is broken.", m.Text)
	_, err = ann.Message(d.ctx, written.Ticket, 99)
	require.ErrorIs(t, err, support.ErrNoMessage)
	_, err = d.m.Agent("bit", "eve").Message(d.ctx, written.Ticket, written.Number)
	require.ErrorIs(t, err, support.ErrNoTicket)
	got, err = ann.Ticket(d.ctx, opened.Number)
	require.NoError(t, err)
	require.Equal(t, support.StateOpen, got.State)
	require.Equal(t, start(), got.Answered, "its first answer counts")

	// Tickets of two who are not known are not of one customer.
	other, err := post.Open(d.ctx, "", support.NewTicket{Queue: "mail", Title: "Hello", Text: "Hello", Mail: support.Mail{From: "eve@example.org"}})
	require.NoError(t, err)
	require.ErrorIs(t, ann.Merge(d.ctx, other.Number, opened.Number), support.ErrForeign)
}

// Mail adds to the ticket of an account, or of the ticket that took it up, and never to
// another account's; a note by mail changes no state.
func TestPostToATicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	post, ann := d.m.Post("acme"), d.m.Agent("acme", "ann")
	first, second := d.open("acme", "alice", "one"), d.open("acme", "alice", "two")
	require.NoError(t, ann.Merge(d.ctx, first, second))
	written, err := post.Reply(d.ctx, first, "alice", support.Reply{Text: "more"})
	require.NoError(t, err)
	require.Equal(t, second, written.Ticket)
	_, err = post.Reply(d.ctx, first, "bob", support.Reply{Text: "mine"})
	require.ErrorIs(t, err, support.ErrForeign)

	require.NoError(t, ann.Close(d.ctx, second))
	_, err = post.Note(d.ctx, first, support.Reply{Text: "I am on holiday."})
	require.NoError(t, err)
	got, err := post.Ticket(d.ctx, first)
	require.NoError(t, err)
	require.Equal(t, support.StateClosed, got.State)
	for n, err := range ann.Notes(d.ctx, second) {
		require.NoError(t, err)
		require.Equal(t, support.NoteMail, n.Kind)
		require.Equal(t, "I am on holiday.", n.Text)
	}
}
