package mailbox_test

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/mailbox"
)

// What an agent writes goes to who has written, in the thread, in the brand of the queue.
func TestAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.Letterheads, o.TagSubjects = brand{}, true })
	w.receive(mailOf(`"Älice" <alice@example.org>`, helpAddress, "=?utf-8?q?Hilfe_f=C3=BCr_mich?=", "It is slow.", "Message-ID: <1@example.org>"))
	b, to := w.outbox()
	w.send(b)
	_, err := w.ann().Answer(w.ctx, 1, support.Reply{Text: "Grüße", As: "Ann", Files: []support.File{
		{Name: "häuser.txt", Type: "text/plain", Content: []byte("one\n")}, {Name: "x.eml", Type: "message/rfc822", Content: []byte("Subject: x\n\ny\n")},
	}})
	require.NoError(t, err)
	require.Equal(t, 1, w.send(b))
	sent := to.Sent()[1]
	require.Equal(t, "bounces@acme.test", sent.From)
	require.Equal(t, alice, sent.To)
	m := mailbox.Parse([]byte(sent.Mail), mailbox.Limits{})
	require.Empty(t, m.Faults)
	require.Equal(t, helpAddress, m.From)
	require.Equal(t, "Ann (Acme)", m.Name)
	require.Equal(t, "Re: Hilfe für mich [#"+w.sign(alice)+"]", m.Subject)
	require.Equal(t, "Grüße\n\n-- \nAcme, Main Street 1", m.Text)
	require.Equal(t, "<"+helpAddress+">", m.Header.Get("Reply-To"))
	require.Equal(t, "=?utf-8?q?=C3=84lice?= <alice@example.org>", m.Header.Get("To"))
	require.Equal(t, w.sign(alice)+".2@acme.test", m.MessageID)
	require.Contains(t, m.References, "1@example.org")
	require.Equal(t, []support.File{
		{Name: "häuser.txt", Type: "text/plain", Content: []byte("one\n")}, {Name: "x.eml", Type: "application/octet-stream", Content: []byte("Subject: x\n\ny\n")},
	}, m.Files)
	require.Empty(t, m.Header.Get("Auto-Submitted"))
	require.NotContains(t, strings.ReplaceAll(sent.Mail, "\r\n", ""), "\n", "lines end with CRLF")
}

type brand struct{}

func (brand) Letterhead(context.Context, storage.Tx, string, support.QueueID) (mailbox.Letterhead, error) {
	return mailbox.Letterhead{Name: "Acme", Footer: "Acme, Main Street 1", Envelope: "bounces@acme.test", Ack: "We have it."}, nil
}

// Notes, drafts, what the seller above has answered, and copies of a split never leave.
func TestNotesNeverLeave(t *testing.T) {
	t.Parallel()
	const hidden = "zebra"
	w := newWorld(t)
	b, to := w.outbox()
	w.receive(mailOf(alice, helpAddress, "Help", "It is slow."))
	_, err := w.ann().Note(w.ctx, 1, support.Reply{Text: hidden, Files: []support.File{{Name: hidden, Content: []byte(hidden)}}})
	require.NoError(t, err)
	up, err := w.ann().PassUp(w.ctx, 1, support.PassUp{Queue: "top", Title: hidden, Text: hidden})
	require.NoError(t, err)
	_, err = w.desk.Agent("host", "hugo").Answer(w.ctx, up.Number, support.Reply{Text: hidden})
	require.NoError(t, err)
	w.answer(1, "It is well again.")
	_, err = w.ann().Split(w.ctx, 1, "Other", []support.Origin{{Ticket: 1, Number: 2}})
	require.NoError(t, err)
	w.send(b)
	n := 0
	for _, s := range to.Sent() {
		if s.To == alice {
			require.NotContains(t, s.Mail, hidden)
			require.NotContains(t, strings.ToLower(s.Mail), "host", "the customer is told of nobody above its seller")
			n++
		}
	}
	require.Equal(t, 2, n, "the acknowledgement and the answer, once")
}

// The answer to a ticket that was passed up goes to the reseller by mail, too, and what it
// writes back is added there.
func TestPassedTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, to := w.outbox()
	w.receive(mailOf(alice, helpAddress, "Help", "It is slow."))
	up, err := w.ann().PassUp(w.ctx, 1, support.PassUp{Queue: "top", Title: "Slow", Text: "Please look."})
	require.NoError(t, err)
	_, err = w.desk.Agent("host", "hugo").Answer(w.ctx, up.Number, support.Reply{Text: "Where?"})
	require.NoError(t, err)
	w.send(b)
	sent := to.Sent()[1]
	require.Equal(t, "boss@reseller.test", sent.To)
	r := w.receive(mailOf(sent.To, hostAddress, "Re: Slow", "On web3.", "In-Reply-To: "+field(t, sent.Mail, "Message-Id")))
	require.Equal(t, mailbox.Receipt{Outcome: mailbox.Added, Seller: "host", Queue: "top", Ticket: up.Number, Number: 3}, r)
}

// Who has opened a ticket at the panel is written to at its address; a queue without an
// address writes to nobody, and neither is a queue written to.
func TestWhoIsWrittenTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.queue("acme", support.Queue{ID: "quiet", Name: "Quiet", AutoClose: -1})
	b, to := w.outbox()
	for _, n := range []support.NewTicket{{Queue: "help", Title: "x", Text: "y"}, {Queue: "quiet", Title: "x", Text: "y"}} {
		opened, err := w.desk.Customer("acme", "alice").Open(w.ctx, n)
		require.NoError(t, err)
		w.answer(opened.Number, "Yes.")
	}
	unreachable, err := w.desk.Customer("acme", "carol").Open(w.ctx, support.NewTicket{Queue: "help", Title: "x", Text: "y"})
	require.NoError(t, err)
	w.answer(unreachable.Number, "Yes.")
	w.send(b)
	require.Len(t, to.Sent(), 1)
	require.Equal(t, alice, to.Sent()[0].To)
	require.Empty(t, w.notes(unreachable.Number), "it is read where the ticket was opened")
	r := w.receive(mailOf(alice, helpAddress, "Re: x", "Thank you.", "In-Reply-To: "+field(t, to.Sent()[0].Mail, "Message-Id")))
	require.Equal(t, int64(1), r.Ticket)
}

// That an answer to a mail goes nowhere is told to the desk, once.
func TestAnswersThatGoNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.outbox()
	nobody := w.receive("To: help@acme.test\nFrom: a@b.c, d@e.f\n\nwho are we?")
	w.queue("acme", support.Queue{ID: "quiet", Name: "Quiet", AutoClose: -1})
	quiet, err := w.desk.Post("acme").Open(w.ctx, "alice", support.NewTicket{Queue: "quiet", Title: "x", Text: "y", Mail: support.Mail{From: alice}})
	require.NoError(t, err)
	for ticket, why := range map[int64]string{nobody.Ticket: "no address of the customer is known", quiet.Number: "the queue has no address"} {
		w.answer(ticket, "Yes.")
		require.Zero(t, w.send(b))
		event := storage.Event{ID: "x", Type: "support.message.added", Version: 1, Seller: "acme", Data: fmt.Appendf(nil, `{"ticket":%d,"message":2,"role":"agent"}`, ticket)}
		require.NoError(t, b.Take(w.ctx, event))
		require.Equal(t, []string{"This answer was not sent by mail: " + why + "."}, w.notes(ticket))
	}
}

// An event that comes again when there is another reason not to send the answer holds up nothing.
func TestAnswersThatGoNowhereForAnotherReason(t *testing.T) {
	t.Parallel()
	who := people{"acme/" + alice: "alice"}
	w := newWorld(t, func(o *mailbox.Options) { o.Senders, o.Recipients = who, who })
	b, _ := w.outbox()
	w.queue("acme", support.Queue{ID: "quiet", Name: "Quiet", AutoClose: -1})
	quiet, err := w.desk.Post("acme").Open(w.ctx, "alice", support.NewTicket{Queue: "quiet", Title: "x", Text: "y", Mail: support.Mail{From: alice}})
	require.NoError(t, err)
	w.answer(quiet.Number, "Yes.")
	require.Zero(t, w.send(b))
	delete(who, "acme/"+alice)
	event := storage.Event{ID: "x", Type: "support.message.added", Version: 1, Seller: "acme", Data: []byte(`{"ticket":1,"message":2,"role":"agent"}`)}
	require.NoError(t, b.Take(w.ctx, event))
	require.NoError(t, b.Take(w.ctx, event))
	require.Equal(t, []string{
		"This answer was not sent by mail: the queue has no address.", "This answer was not sent by mail: no address of the customer is known.",
	}, w.notes(quiet.Number))
}

// A mail is leased for longer than a server may take for it.
func TestLeaseOfAMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var due time.Time
	var b *mailbox.Outbox
	b, err := w.office.Outbox(sending(func() (err error) {
		due, err = b.NextDue(w.ctx)
		return err
	}), mailbox.OutboxOptions{})
	require.NoError(t, err)
	w.receive(mailOf(alice, helpAddress, "Help", "It is slow."))
	require.Equal(t, 1, w.send(b))
	require.Greater(t, due.Sub(w.clock.Now()), (&mailbox.SMTP{}).FinalBound())
	require.Equal(t, 10*time.Minute, (&mailbox.SMTP{}).FinalBound())
}

type sending func() error

func (s sending) Send(context.Context, string, string, []byte) error { return s() }

// A mail is sent again until it is taken, later each time, and is the same mail each time;
// nothing is sent twice for an event that comes twice.
func TestSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.AckMost = -1 })
	b, to := w.outbox()
	w.receive(mailOf(alice, helpAddress, "Help", "It is slow."))
	w.answer(1, "Which one?")
	to.Fail(tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, fmt.Errorf("421 later")))
	to.LoseAnswer()
	require.Equal(t, 1, w.send(b))
	require.Empty(t, to.Sent())
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute} {
		due, err := b.NextDue(w.ctx)
		require.NoError(t, err)
		require.Equal(t, w.clock.Now().Add(wait), due)
		w.clock.Advance(wait - time.Second)
		require.Zero(t, w.send(b))
		w.clock.Advance(time.Second)
		require.Equal(t, 1, w.send(b))
	}
	sent := to.Sent()
	require.Len(t, sent, 2, "at least once")
	require.Equal(t, sent[0], sent[1], "whoever got it twice can tell by its Message-ID")
	require.Zero(t, w.send(b))
	require.Empty(t, w.notes(1))

	event := storage.Event{ID: "x", Type: "support.message.added", Version: 1, Seller: "acme", Data: []byte(`{"ticket":1,"message":2,"role":"agent"}`)}
	require.NoError(t, b.Take(w.ctx, event))
	require.Zero(t, w.send(b))
	require.NoError(t, b.Take(w.ctx, storage.Event{Type: "billing.document.issued", Version: 1}), "others' events are passed over")
}

// What is refused, or not sent for too long, is told to the desk, and not tried again.
func TestNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.AckMost = -1 })
	b, to := w.outbox()
	w.receive(mailOf(alice, helpAddress, "Help", "It is slow."))
	w.answer(1, "Which one?")
	to.Fail(fmt.Errorf("%w: 550 5.1.1\r\nno such user", mailbox.ErrRefused))
	require.Equal(t, 1, w.send(b))
	require.Equal(t, []string{"The mail to alice@example.org was not sent: 550 5.1.1 no such user"}, w.notes(1))

	w.answer(1, "Are you there?")
	tried := 0
	for range 200 {
		to.Fail(tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectNone, fmt.Errorf("421 later")))
		tried += w.send(b)
		w.clock.Advance(time.Hour)
	}
	require.Greater(t, tried, 40)
	require.Less(t, tried, 60, "two days, by the hour")
	require.Len(t, w.notes(1), 2)
	require.Empty(t, to.Sent())
}

// Two workers send a mail once; one whose lease has ended does not note what it did.
func TestTwoOutboxes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.AckMost = -1 })
	b, to := w.outbox()
	w.receive(mailOf(alice, helpAddress, "Help", "It is slow."))
	for i := range 20 {
		w.answer(1, fmt.Sprint("answer ", i))
	}
	w.drain(b)
	done := make(chan error, 4)
	for range cap(done) {
		go func() {
			for {
				worked, err := b.Step(w.ctx)
				if err != nil || !worked {
					done <- err
					return
				}
			}
		}()
	}
	for range cap(done) {
		require.NoError(t, <-done)
	}
	require.Len(t, to.Sent(), 20)
}

// Whatever a customer, an agent or a brand writes, the header of what is sent has the
// fields that it is meant to have, each once, and nothing of the text becomes one.
func TestNoHeaderIsInjected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, to := w.outbox()
	text := rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[ -~\r\n\t\x00äöü]{0,60}`),
		rapid.SampledFrom([]string{"x\r\nBcc: eve@example.net", "\r\n\r\nbody", "x\nX-Injected: yes", "=?utf-8?q?x=0D=0ABcc:_eve@example.net?=", "\u2028Bcc: x", "x\r\n .\r\n.\r\nQUIT", `"><script>`}),
	)
	var n int64
	rapid.Check(t, func(t *rapid.T) {
		title, name, as, body, file := text.Draw(t, "title"), text.Draw(t, "name"), text.Draw(t, "as"), text.Draw(t, "body"), text.Draw(t, "file")
		from := (&mail.Address{Name: name, Address: alice}).String()
		raw := fmt.Sprintf("Return-Path: <alice@example.org>\r\nFrom: %s\r\nTo: help@acme.test\r\nSubject: %s\r\nMessage-ID: <%d@example.org>\r\n\r\n%d", from,
			strings.NewReplacer("\r", "", "\n", "").Replace(title), n, n)
		n++
		r, err := w.office.Receive(w.ctx, mailbox.Delivery{Mailbox: "inbox", Raw: []byte(raw)})
		if err != nil {
			t.Fatal(err)
		}
		reply := support.Reply{Text: body + ".", As: as}
		if file != "" {
			reply.Files = []support.File{{Name: file, Type: file, Content: []byte(body)}}
		}
		if _, err := w.ann().Answer(w.ctx, r.Ticket, reply); err != nil {
			t.Skip("the desk does not take it") // controls in a name
		}
		if _, err := storage.Drain(w.ctx, w.store, b.Take, storage.DrainOptions{Clock: w.clock}); err != nil {
			t.Fatal(err)
		}
		for worked := true; worked; {
			if worked, err = b.Step(w.ctx); err != nil {
				t.Fatal(err)
			}
		}
		all := to.Sent()
		sent := all[len(all)-1]
		head, _, ok := strings.Cut(sent.Mail, "\r\n\r\n")
		if !ok || strings.ContainsAny(strings.ReplaceAll(head, "\r\n", ""), "\r\n\x00") {
			t.Fatalf("header %q", head)
		}
		seen := map[string]int{}
		for _, l := range strings.Split(head, "\r\n") {
			if len(l) > 998 {
				t.Fatalf("a line has %d bytes", len(l))
			}
			if name, _, field := strings.Cut(l, ":"); l[0] != ' ' && l[0] != '\t' && field {
				seen[strings.ToLower(name)]++
			} else if l[0] != ' ' && l[0] != '\t' {
				t.Fatalf("%q is no field", l)
			}
		}
		for name, times := range seen {
			switch name {
			case "from", "to", "reply-to", "date", "message-id", "subject", "references", "in-reply-to", "x-loop", "mime-version", "content-type",
				"content-transfer-encoding", "auto-submitted", "x-auto-response-suppress":
				if times != 1 {
					t.Fatalf("%s stands there %d times", name, times)
				}
			default:
				t.Fatalf("the field %q was not meant", name)
			}
		}
		m := mailbox.Parse([]byte(sent.Mail), mailbox.Limits{})
		if m.From != helpAddress || len(m.To) != 1 || m.To[0] != alice || sent.To != alice {
			t.Fatalf("from %q to %q", m.From, m.To)
		}
	})
}
