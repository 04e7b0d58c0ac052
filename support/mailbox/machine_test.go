package mailbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/mailbox"
)

// A person whose mail no machine may answer is heard: what it writes to a ticket of its own
// is a message, which reopens it.
func TestPeopleThatAreNotAnswered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, field string
		want        mailbox.Outcome
	}{
		{"postmaster@example.org", "", mailbox.Added},
		{"noreply@example.org", "", mailbox.Added},
		{"hosting-request@example.org", "", mailbox.Added},
		{alice, "List-Id: <office.example.org>", mailbox.Added},
		{alice, "List-Unsubscribe: <mailto:x@example.org>", mailbox.Added},
		{alice, "Precedence: list", mailbox.Added},
		{alice, "X-Auto-Response-Suppress: All", mailbox.Added},
		{alice, "Auto-Submitted: no", mailbox.Added},
		{alice, "Precedence: bulk", mailbox.Noted},
		{alice, "Precedence: junk", mailbox.Noted},
		{alice, "Precedence: auto_reply", mailbox.Noted},
		{alice, "Auto-Submitted: auto-generated", mailbox.Noted},
		{alice, "X-Autoreply: yes", mailbox.Noted},
		{"mailer-daemon@example.org", "", mailbox.Noted},
	} {
		w := newWorld(t, func(o *mailbox.Options) { o.Senders.(people)["acme/"+c.from] = "alice" })
		w.receive(mailOf(alice, helpAddress, "Help", "It is slow."))
		require.NoError(t, w.ann().Close(w.ctx, 1))
		fields := []string{"In-Reply-To: <" + w.sign(c.from) + ".2@acme.test>", "Message-ID: <2@example.org>"}
		if c.field != "" {
			fields = append(fields, c.field)
		}
		r := w.receive(mailOf(c.from, helpAddress, "Re: Help", "Slow still.", fields...))
		require.Equal(t, c.want, r.Outcome, c)
		require.Equal(t, int64(1), r.Ticket, c)
		require.Equal(t, c.want == mailbox.Added, w.ticket(1).State == support.StateReopened, c)
	}
}

// Machines do not talk with us: no ticket reopens, none is opened by an answer, and what is
// ours never comes in.
func TestMachines(t *testing.T) {
	t.Parallel()
	auto := "Auto-Submitted: auto-replied"
	report := func(id string) string {
		return "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.org\r\nTo: " + helpAddress + "\r\nSubject: Undelivered\r\nAuto-Submitted: auto-replied\r\n" +
			"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" +
			"--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n" +
			"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n" +
			"Final-Recipient: rfc822; alice@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n\r\n" +
			"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: " + id + "\r\nSubject: Re: Help\r\n\r\nWhich one?\r\n--b--\r\n"
	}
	for name, c := range map[string]struct {
		mail    func(answer string) string
		outcome mailbox.Outcome
		reason  mailbox.Reason
	}{
		"holiday": {func(a string) string {
			return mailOf(alice, helpAddress, "Away", "I am away.", "In-Reply-To: "+a, auto)
		}, mailbox.Noted, ""},
		"bounce":             {report, mailbox.Noted, ""},
		"bounce of nothing":  {func(string) string { return report("<x@y>") }, mailbox.Dropped, mailbox.ReasonAnswer},
		"forged bounce":      {func(string) string { return report("<1-k1-" + strings.Repeat("a", 32) + ".2@acme.test>") }, mailbox.Dropped, mailbox.ReasonAnswer},
		"holiday of nothing": {func(string) string { return mailOf(alice, helpAddress, "Away", "I am away.", auto) }, mailbox.Dropped, mailbox.ReasonAnswer},
		"our own mail":       {func(string) string { return mailOf(helpAddress, helpAddress, "Hello", "Hello.") }, mailbox.Dropped, mailbox.ReasonOwn},
		"another desk's":     {func(string) string { return mailOf(hostAddress, helpAddress, "Hello", "Hello.") }, mailbox.Dropped, mailbox.ReasonOwn},
		"redirected to us":   {func(string) string { return mailOf(alice, helpAddress, "Hello", "Hello.", "X-Loop: "+helpAddress) }, mailbox.Dropped, mailbox.ReasonOwn},
		"a program's report": {func(string) string {
			return mailOf(eve, helpAddress, "Backup", "It failed.", "Auto-Submitted: auto-generated")
		}, mailbox.Opened, ""},
		"a list": {func(string) string { return mailOf(eve, helpAddress, "News", "News.", "List-Id: <news.test>") }, mailbox.Opened, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			answer := w.conversation()
			require.NoError(t, w.ann().Close(w.ctx, 1))
			b, to := w.outbox()
			w.send(b)
			before := len(to.Sent())
			r := w.receive(c.mail(answer))
			require.Equal(t, c.outcome, r.Outcome)
			require.Equal(t, c.reason, r.Reason)
			require.Equal(t, support.StateClosed, w.ticket(1).State)
			require.Len(t, w.messages(1), 2)
			w.send(b)
			require.Len(t, to.Sent(), before, "no machine is answered")
			dropped, err := w.office.Dropped(w.ctx, "inbox")
			require.NoError(t, err)
			if c.outcome == mailbox.Dropped {
				require.Equal(t, []mailbox.DroppedMail{{Reason: c.reason, Count: 1, Last: w.clock.Now()}}, dropped)
			}
			if name == "bounce" {
				require.Contains(t, w.notes(1)[0], "Our mail to alice@example.org: failed 5.1.1 550 no such user")
			}
		})
	}
}

// A flood of machines' mails ends: for one sender, and for one ticket.
func TestMachinesAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *mailbox.Options) { o.MachineMost = 3 })
	answer := w.conversation()
	count := map[mailbox.Outcome]int{}
	for i := range 10 {
		count[w.receive(mailOf(eve, helpAddress, "Cron", fmt.Sprint(i), "Precedence: bulk")).Outcome]++
		count[w.receive(mailOf(alice, helpAddress, "Away", fmt.Sprint(i), "In-Reply-To: "+answer, "Auto-Submitted: auto-replied")).Outcome]++
	}
	require.Equal(t, map[mailbox.Outcome]int{mailbox.Opened: 3, mailbox.Noted: 3, mailbox.Dropped: 14}, count)
	w.clock.Advance(24 * time.Hour)
	require.Equal(t, mailbox.Opened, w.receive(mailOf(eve, helpAddress, "Cron", "11", "Precedence: bulk")).Outcome, "the next day")
}

// Acknowledgements go to new tickets of people, so many within the time, also when the
// process has begun anew.
func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, to := w.outbox()
	for i := range 5 {
		w.receive(mailOf(eve, helpAddress, "Hello", fmt.Sprint(i)))
	}
	w.receive(mailOf(bob, helpAddress, "Hello", "Hello"))
	w.send(b)
	var got []string
	for _, s := range to.Sent() {
		got = append(got, s.To)
		require.Empty(t, s.From, "nobody is to answer it")
		require.Equal(t, "auto-replied", field(t, s.Mail, "Auto-Submitted"))
		require.Equal(t, helpAddress, field(t, s.Mail, "X-Loop"))
		require.Empty(t, field(t, s.Mail, "List-Id"))
	}
	require.Equal(t, []string{eve, eve, eve, bob}, got)
	w.clock.Advance(24 * time.Hour)
	w.receive(mailOf(eve, helpAddress, "Hello", "tomorrow"))
	require.Equal(t, 1, w.send(b))
}

// Two desks that answer each other by machine stop at once; so does a machine that hides.
func TestLoopsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, to := w.outbox()
	w.receive(mailOf(eve, helpAddress, "Hello", "Hello", "Message-ID: <0@example.net>"))
	answered := 0
	for round := 0; round < 50; round++ {
		w.send(b)
		sent := to.Sent()
		for ; answered < len(sent); answered++ { // a program that answers all it gets, as if somebody had written
			w.receive(mailOf(eve, helpAddress, "Re: Hello", fmt.Sprint("Thank you ", round), "In-Reply-To: "+field(t, sent[answered].Mail, "Message-Id")))
		}
	}
	require.Len(t, to.Sent(), 1)
	require.Equal(t, 1, w.tickets())
}
