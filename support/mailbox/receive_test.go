package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest"
)

const alice, bob, eve = "alice@example.org", "bob@example.org", "eve@example.net"

func (w *world) outbox() (*mailbox.Outbox, *mailboxtest.Transport) {
	w.t.Helper()
	to := &mailboxtest.Transport{}
	b, err := w.office.Outbox(to, mailbox.OutboxOptions{})
	require.NoError(w.t, err)
	return b, to
}

// conversation opens ticket 1 of alice and answers it; it returns the Message-ID of the
// answer.
func (w *world) conversation() string {
	w.t.Helper()
	b, to := w.outbox()
	require.Equal(w.t, mailbox.Opened, w.receive(mailOf(alice, helpAddress, "Help", "It is slow.", "Message-ID: <first@example.org>")).Outcome)
	w.answer(1, "Which one?")
	w.send(b)
	all := to.Sent()
	return field(w.t, all[len(all)-1].Mail, "Message-Id")
}

// A mail is one ticket, however often it comes, and by whatever servers; two mails with one
// Message-ID are two.
func TestOneMailOneTicket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mail := mailOf(alice, helpAddress, "Help", "It is slow.", "Message-ID: <1@example.org>")
	first := w.receive(mail)
	require.Equal(t, mailbox.Receipt{Outcome: mailbox.Opened, Seller: "acme", Queue: "help", Ticket: 1, Number: 1}, first)
	for _, again := range []string{
		mail,
		"Received: from other.example\r\nDelivered-To: " + helpAddress + "\r\n" + mail,
		strings.ReplaceAll(mail, "\r\n", "\n"),
	} {
		r := w.receive(again)
		require.True(t, r.Replayed, again)
		require.Equal(t, int64(1), r.Ticket)
	}
	require.Equal(t, int64(2), w.receive(strings.Replace(mail, "slow", "fast", 1)).Ticket, "another content")
	without := mailOf(alice, helpAddress, "Help", "No identifier.")
	require.Equal(t, int64(3), w.receive(without).Ticket)
	require.True(t, w.receive(without).Replayed)
	require.Equal(t, 3, w.tickets())
}

// Two processes that take the same mail at the same time make one ticket of it.
func TestOneTicketByTwoAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mail := []byte(mailOf(alice, helpAddress, "Help", "It is slow.", "Message-ID: <1@example.org>"))
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := w.office.Receive(w.ctx, mailbox.Delivery{Mailbox: "inbox", Raw: mail})
			errs <- err
		}()
	}
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 1, w.tickets())
}

// What a mail answers to, and who has sent it, say where it belongs.
func TestThreads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from    string
		fields  func(answer string) []string
		subject func(w *world) string
		joins   bool
		links   bool
	}{
		"the token that the customer was given":   {from: alice, fields: func(a string) []string { return []string{"In-Reply-To: " + a} }, joins: true},
		"in other letters of the address":         {from: "Alice@Example.ORG", fields: func(a string) []string { return []string{"In-Reply-To: " + a} }, joins: true},
		"among many references":                   {from: alice, fields: func(a string) []string { return []string{"References: <x@y> " + a + " <z@y>"} }, joins: true},
		"the customer's own mail":                 {from: alice, fields: func(string) []string { return []string{"References: <first@example.org>"} }, joins: true},
		"a stranger with the token":               {from: eve, fields: func(a string) []string { return []string{"In-Reply-To: " + a} }, links: true},
		"another customer with the token":         {from: bob, fields: func(a string) []string { return []string{"In-Reply-To: " + a} }, links: true},
		"a stranger with the customer's own mail": {from: eve, fields: func(string) []string { return []string{"References: <first@example.org>"} }, links: true},
		"a token that nobody has signed": {from: alice, fields: func(string) []string {
			return []string{"In-Reply-To: <1-k1-" + strings.Repeat("a", 32) + ".2@acme.test>"}
		}},
		"a number in the subject":                  {from: alice, subject: func(*world) string { return "Re: [#1] Ticket#1 Help" }},
		"the same subject":                         {from: alice, subject: func(*world) string { return "Help" }},
		"the token in the subject":                 {from: alice, subject: func(w *world) string { return "Re: Help [#" + w.sign(alice) + "]" }, joins: true},
		"the token in the subject, by another one": {from: eve, subject: func(w *world) string { return "Re: Help [#" + w.sign(alice) + "]" }},
		"a mail that nobody knows":                 {from: alice, fields: func(string) []string { return []string{"In-Reply-To: <nobody@knows>"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			answer := w.conversation()
			subject, fields := "Re: Help", []string(nil)
			if c.subject != nil {
				subject = c.subject(w)
			}
			if c.fields != nil {
				fields = c.fields(answer)
			}
			r := w.receive(mailOf(c.from, helpAddress, subject, "More.", append(fields, "Message-ID: <second@example.org>")...))
			if c.joins {
				require.Equal(t, mailbox.Added, r.Outcome)
				require.Equal(t, []string{"customer: It is slow.", "agent: Which one?", "customer: More."}, w.messages(1))
				require.Equal(t, support.StateOpen, w.ticket(1).State)
				require.Equal(t, 1, w.tickets())
				return
			}
			require.Equal(t, mailbox.Opened, r.Outcome)
			require.Equal(t, int64(2), r.Ticket)
			require.Equal(t, []string{"customer: It is slow.", "agent: Which one?"}, w.messages(1), "nothing was added")
			require.Equal(t, support.StateWaiting, w.ticket(1).State)
			require.Len(t, w.notes(1), map[bool]int{true: 1}[c.links])
			require.Len(t, w.notes(2), map[bool]int{true: 1}[c.links])
			if c.links {
				again := w.receive(mailOf(c.from, helpAddress, subject, "And more.", append(fields, "Message-ID: <third@example.org>")...))
				require.Equal(t, mailbox.Added, again.Outcome, "what it writes about that ticket is one ticket of its own")
				require.Equal(t, int64(2), again.Ticket)
			}
		})
	}
}

func (w *world) sign(to string) string {
	return w.tokens.Sign(support.TokenSubject{Seller: "acme", Ticket: 1, Recipient: to})
}

// A token of one seller's opens nothing at another's.
func TestTokensAreOfOneSeller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.conversation()
	r := w.receive(mailOf(alice, hostAddress, "Re: Help", "More.", "In-Reply-To: "+answer, "Message-ID: <2@example.org>"))
	require.Equal(t, mailbox.Opened, r.Outcome)
	require.Equal(t, "host", r.Seller)
	for n, err := range w.desk.Agent("host", "hugo").Notes(w.ctx, r.Ticket) {
		t.Errorf("the host is told of a ticket of its reseller's: %q, %v", n.Text, err)
	}
}

// Whose the queue is, and so the brand, the recipient says.
func TestRecipients(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mail   string
		seller string
		queue  support.QueueID
	}{
		"To":                    {mailOf(alice, helpAddress, "x", "y"), "acme", "help"},
		"plus":                  {mailOf(alice, "help+today@acme.test", "x", "y"), "acme", "help"},
		"other letters":         {mailOf(alice, "HELP@Acme.Test", "x", "y"), "acme", "help"},
		"Cc":                    {mailOf(alice, "x@y.test", "x", "y", "Cc: Help <help@acme.test>"), "acme", "help"},
		"the server's own word": {"Delivered-To: " + hostAddress + "\r\n" + mailOf(alice, helpAddress, "x", "y"), "host", "top"},
		"as the sender wrote":   {"X-Original-To: help+x@acme.test\r\n" + mailOf(alice, hostAddress, "x", "y"), "acme", "help"},
		"one of many":           {mailOf(alice, "a@b.test, Help: help@acme.test, c@d.test", "x", "y"), "acme", "help"},
		"none: the mailbox's":   {mailOf(alice, "undisclosed-recipients:;", "x", "y"), "host", "top"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r, err := w.office.Receive(w.ctx, mailbox.Delivery{Mailbox: "inbox", Raw: []byte(c.mail), Address: hostAddress})
			require.NoError(t, err)
			require.Equal(t, c.seller, r.Seller)
			require.Equal(t, c.queue, r.Queue)
		})
	}
	w := newWorld(t)
	_, err := w.office.Receive(w.ctx, mailbox.Delivery{Mailbox: "inbox", Raw: []byte(mailOf(alice, "nobody@acme.test", "x", "y"))})
	require.ErrorIs(t, err, mailbox.ErrNoQueue)
}

// The account is the one of the address, at that seller; who has none has a ticket with an
// address.
func TestSenders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, "alice", w.ticket(w.receive(mailOf(alice, helpAddress, "x", "y")).Ticket).Account)
	stranger := w.ticket(w.receive(mailOf(eve, helpAddress, "x", "y")).Ticket)
	require.Empty(t, stranger.Account)
	require.Equal(t, eve, stranger.Contact)
	r := w.receive(mailOf(alice, hostAddress, "x", "y"))
	elsewhere, err := w.desk.Agent("host", "hugo").Ticket(w.ctx, r.Ticket)
	require.NoError(t, err)
	require.Empty(t, elsewhere.Account, "the host has no account of a reseller's customer")

	b, to := w.outbox()
	w.answer(stranger.Number, "Who are you?")
	w.send(b)
	sent := to.Sent()
	require.Equal(t, eve, sent[len(sent)-1].To)
}

// With Authserv an address is believed if that server says so, and by its first word only.
func TestAuthenticationResults(t *testing.T) {
	t.Parallel()
	for field, believed := range map[string]bool{
		"": false,
		"Authentication-Results: mx.acme.test; dmarc=pass header.from=example.org":                                                                 true,
		"Authentication-Results: mx.acme.test 1; spf=fail smtp.mailfrom=x@evil.test; dkim=pass (2048-bit; good) header.d=example.org header.i=@x":  true,
		"Authentication-Results: MX.acme.test;\r\n dkim = pass header.d = mail.example.org":                                                        true,
		"Authentication-Results: mx.acme.test; spf=pass smtp.mailfrom=alice@example.org":                                                           true,
		"Authentication-Results: mx.acme.test; dkim=pass header.d=evil.test":                                                                       false,
		"Authentication-Results: mx.acme.test; dkim=fail header.d=example.org":                                                                     false,
		"Authentication-Results: mx.acme.test; dmarc=pass":                                                                                         false,
		"Authentication-Results: mx.acme.test; spf=fail (dmarc=pass header.from=example.org; dkim=pass header.d=example.org) smtp.mailfrom=x@y.zz": false,
		`Authentication-Results: mx.acme.test; spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.org"@evil.test`:                           false,
		"Authentication-Results: mx.acme.test (; dmarc=pass header.from=example.org":                                                               false,
		"Authentication-Results: other.test; dmarc=pass header.from=example.org":                                                                   false,
		"Authentication-Results: mx.acme.test; none\r\nAuthentication-Results: mx.acme.test; dmarc=pass header.from=example.org":                   false,
		"Authentication-Results: mx.acme.test 2; dmarc=pass header.from=example.org":                                                               false,
		"Authentication-Results: mx.acme.test; dkim=pass header.d=org":                                                                             false,
	} {
		w := newWorld(t, func(o *mailbox.Options) { o.Authserv = "mx.acme.test" })
		var fields []string
		if field != "" {
			fields = []string{field}
		}
		got := w.ticket(w.receive(mailOf(alice, helpAddress, "x", "y", fields...)).Ticket)
		if believed {
			require.Equal(t, "alice", got.Account, field)
		} else {
			require.Empty(t, got.Account, field)
			require.Equal(t, alice, got.Contact, field)
		}
	}
	// References to a sender's own mail, or a token, which whoever was sent a copy has, prove
	// nothing then by themselves.
	w := newWorld(t, func(o *mailbox.Options) { o.Authserv = "mx.acme.test" })
	answer := w.conversation()
	require.Equal(t, mailbox.Opened, w.receive(mailOf(alice, helpAddress, "x", "y", "References: <first@example.org>")).Outcome)
	forged := w.receive(mailOf(alice, helpAddress, "x", "z", "References: "+answer))
	require.NotEqual(t, int64(1), forged.Ticket)
	require.NotEqual(t, int64(1), w.receive(mailOf(alice, helpAddress, "Re: [#"+w.sign(alice)+"]", "zz")).Ticket)
	require.Len(t, w.messages(1), 2)
	require.Contains(t, w.notes(forged.Ticket)[0], "ticket 1")
	require.Equal(t, int64(1), w.receive(passed(mailOf(alice, helpAddress, "x", "zzz", "References: "+answer))).Ticket)
}

// passed is a mail that its domain's rules have passed for the server of the tests.
func passed(mail string) string {
	return "Authentication-Results: mx.acme.test; dmarc=pass header.from=example.org\r\n" + mail
}

// What a stranger writes about a ticket is a ticket of its account: who only says that it is
// that sender adds nothing to it.
func TestStrangersThatAreNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.Authserv = "mx.acme.test" })
	require.Equal(t, int64(1), w.receive(passed(mailOf(alice, helpAddress, "Help", "It is slow.", "Message-ID: <first@example.org>"))).Ticket)
	about := "References: <first@example.org>"
	require.Equal(t, int64(2), w.receive(passed(mailOf(bob, helpAddress, "Re: Help", "Me too.", about))).Ticket)
	require.Equal(t, "bob", w.ticket(2).Account)
	require.Equal(t, mailbox.Opened, w.receive(mailOf(bob, helpAddress, "Re: Help", "Send me the password.", about)).Outcome)
	require.Len(t, w.messages(2), 1)
	for _, n := range append(w.notes(1), w.notes(2)...) {
		require.NotContains(t, n, bob, "one customer's ticket does not tell who another is")
	}
}

// Where senders are looked at, nobody gets an acknowledgement of what another has sent.
func TestAcknowledgementsOfForgedMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.Authserv = "mx.acme.test" })
	b, to := w.outbox()
	w.receive(mailOf(alice, helpAddress, "Help", "I am not alice."))
	require.Zero(t, w.send(b))
	w.receive(passed(mailOf(alice, helpAddress, "Help", "I am.")))
	require.Equal(t, 1, w.send(b))
	require.Equal(t, alice, to.Sent()[0].To)
}

// Who has left an account does not speak for it, and is not told what is written to it.
func TestWhoHasLeftTheAccount(t *testing.T) {
	t.Parallel()
	const fresh = "alice@example.com"
	var who people
	w := newWorld(t, func(o *mailbox.Options) { who, o.AckMost = o.Senders.(people), -1 })
	answer := w.conversation()
	delete(who, "acme/"+alice)
	who["acme/"+fresh] = "alice"
	b, to := w.outbox()
	w.answer(1, "The password is sesame.")
	w.send(b)
	require.Len(t, to.Sent(), 1)
	require.Equal(t, fresh, to.Sent()[0].To)
	r := w.receive(mailOf(alice, helpAddress, "Re: Help", "And now?", "In-Reply-To: "+answer))
	require.Equal(t, mailbox.Opened, r.Outcome)
	require.Empty(t, w.ticket(r.Ticket).Account)
	who["acme/"+alice] = "bob"
	w.answer(1, "And the name is ali.")
	w.send(b)
	require.Equal(t, fresh, to.Sent()[1].To)
	r = w.receive(mailOf(alice, helpAddress, "Re: Help", "And then?", "In-Reply-To: "+answer))
	require.Equal(t, "bob", w.ticket(r.Ticket).Account)
	require.Len(t, w.messages(1), 4)
}

// A mailbox that is one seller's takes nothing for another, whatever the mail says.
func TestMailboxOfOneSeller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deliver := func(mail string) (mailbox.Receipt, error) {
		return w.office.Receive(w.ctx, mailbox.Delivery{Mailbox: "acme's", Raw: []byte(mail), Seller: "acme"})
	}
	_, err := deliver(mailOf(alice, hostAddress, "x", "y"))
	require.ErrorIs(t, err, mailbox.ErrNoQueue)
	r, err := deliver(mailOf(alice, hostAddress+", "+helpAddress, "x", "y"))
	require.NoError(t, err)
	require.Equal(t, "acme", r.Seller)

	s := &mailboxtest.Source{}
	s.Deliver(mailOf(alice, hostAddress, "x", "y"))
	f := w.fetcher(s, func(o *mailbox.FetcherOptions) { o.Seller = "acme" })
	w.fetch(f)
	for a, err := range f.Aside(w.ctx) {
		require.NoError(t, err)
		require.Equal(t, mailbox.ReasonNobody, a.Reason)
	}
	require.Equal(t, 1, s.Waiting())
}

// A mail reopens a ticket that was done, once; the next one is a ticket of its own, which
// takes what follows. However often the mailbox is looked at.
func TestReopenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.conversation()
	reply := func(n int) mailbox.Receipt {
		mail := mailOf(alice, helpAddress, "Re: Help", fmt.Sprint("reply ", n), "In-Reply-To: "+answer, fmt.Sprintf("Message-ID: <reply%d@example.org>", n))
		first := w.receive(mail)
		for range 20 {
			again := w.receive(mail)
			require.True(t, again.Replayed)
			require.Equal(t, first.Ticket, again.Ticket)
		}
		return first
	}
	require.NoError(t, w.ann().Close(w.ctx, 1))
	require.Equal(t, int64(1), reply(1).Ticket)
	require.Equal(t, support.StateReopened, w.ticket(1).State)
	require.Equal(t, int64(1), reply(2).Ticket)
	require.NoError(t, w.ann().Close(w.ctx, 1))
	for n := 3; n < 6; n++ {
		require.Equal(t, int64(2), reply(n).Ticket, "one ticket follows, not one for each mail")
	}
	require.Equal(t, support.StateClosed, w.ticket(1).State)
	require.Len(t, w.notes(1), 1)
	require.Len(t, w.notes(2), 1)
	require.Contains(t, w.notes(2)[0], "ticket 1")
	require.Equal(t, 2, w.tickets())
}

// Mail to a ticket that was merged goes to the one that took it up.
func TestMergedTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answer := w.conversation()
	second := w.receive(mailOf(alice, helpAddress, "Other", "Other."))
	require.NoError(t, w.ann().Merge(w.ctx, 1, second.Ticket))
	r := w.receive(mailOf(alice, helpAddress, "Re: Help", "More.", "In-Reply-To: "+answer))
	require.Equal(t, second.Ticket, r.Ticket)
	require.Equal(t, mailbox.Added, r.Outcome)
}

// A store that fails in the middle leaves nothing, and the mail is taken the next time.
func TestReceiveIsOneTransaction(t *testing.T) {
	t.Parallel()
	broken := errors.New("no account can be looked up")
	fail := true
	w := newWorld(t, func(o *mailbox.Options) {
		inner := o.Senders
		o.Senders = senders(func(ctx context.Context, tx storage.Tx, seller, address string) (string, error) {
			if fail {
				return "", broken
			}
			return inner.Sender(ctx, tx, seller, address)
		})
	})
	mail := []byte(mailOf(alice, helpAddress, "x", "y"))
	_, err := w.office.Receive(w.ctx, mailbox.Delivery{Mailbox: "inbox", Raw: mail})
	require.ErrorIs(t, err, broken)
	require.Zero(t, w.tickets())
	fail = false
	require.Equal(t, mailbox.Opened, w.receive(string(mail)).Outcome)
}

type senders func(ctx context.Context, tx storage.Tx, seller, address string) (string, error)

func (s senders) Sender(ctx context.Context, tx storage.Tx, seller, address string) (string, error) {
	return s(ctx, tx, seller, address)
}

func TestNewWithout(t *testing.T) {
	t.Parallel()
	_, err := mailbox.New(nil, nil, mailbox.Options{})
	invalid, ok := errors.AsType[*tierhost.Invalid](err)
	require.True(t, ok)
	require.Len(t, invalid.Issues, 3)
}
