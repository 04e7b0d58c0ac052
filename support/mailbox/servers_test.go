package mailbox_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/support"
	"github.com/tierhost/tierhost/support/mailbox"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest"
	"github.com/tierhost/tierhost/support/mailbox/mailboxtest/daemon"
)

// server is how to get into one of the test's servers.
func server(m *daemon.Mail, service, user string, e mailbox.Encryption) mailbox.Server {
	s := mailbox.Server{Address: m.Addr(service), Encryption: e, Username: user, TLSConfig: &tls.Config{RootCAs: m.CA()}} //nolint:gosec // the default
	if user != "" {
		s.Password = secret.New(daemon.Password)
	}
	return s
}

// arrives waits until an address has so many mails, and returns them.
func arrives(t testing.TB, m *daemon.Mail, address string, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if all := m.Mails(t, address); len(all) >= n {
			return all
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%s has %d mails, not %d; the servers' log:\n%s", address, len(m.Mails(t, address)), n, m.Log())
		}
	}
}

// A customer writes; its mail is fetched by IMAP and is one ticket; the desk's answer goes
// out by SMTP; what the customer replies to it comes back to the same ticket; twice.
func TestRoundTripOnRealServers(t *testing.T) {
	t.Parallel()
	m := daemon.Start(t, helpAddress, "alice@example.org")
	w := newWorld(t)
	smtp := &mailbox.SMTP{Server: server(m, "smtp", "", mailbox.StartTLS)}
	imap := &mailbox.IMAP{Server: server(m, "imap", helpAddress, mailbox.StartTLS)}
	fetcher, err := w.office.Fetcher("inbox", imap, mailbox.FetcherOptions{})
	require.NoError(t, err)
	outbox, err := w.office.Outbox(smtp, mailbox.OutboxOptions{})
	require.NoError(t, err)

	write := func(text string, fields ...string) {
		require.NoError(t, smtp.Send(w.ctx, "alice@example.org", helpAddress, []byte(mailOf("alice@example.org", helpAddress, "My site is slow", text, fields...))))
	}
	write("Since yesterday.", "Message-ID: <one@example.org>")
	arrives(t, m, helpAddress, 1)
	worked, err := fetcher.Step(w.ctx)
	require.NoError(t, err)
	require.True(t, worked)
	require.Equal(t, []string{"customer: Since yesterday."}, w.messages(1))
	require.Equal(t, "alice", w.ticket(1).Account)
	require.Equal(t, 1, w.send(outbox), "the acknowledgement")
	ack := arrives(t, m, "alice@example.org", 1)[0]
	require.Equal(t, "auto-replied", field(t, ack, "Auto-Submitted"))
	require.Equal(t, "<>", field(t, ack, "Return-Path"))
	require.Equal(t, "<one@example.org>", field(t, ack, "In-Reply-To"))

	seen := map[string]bool{ack: true}
	for round, want := range []int{2, 3} {
		w.answer(1, "Which one?")
		require.Equal(t, 1, w.send(outbox))
		var answer string
		for _, mail := range arrives(t, m, "alice@example.org", want) {
			if !seen[mail] {
				answer, seen[mail] = mail, true
			}
		}
		require.Equal(t, `"Ann (Acme Help)" <help@acme.test>`, field(t, answer, "From"))
		write("example.org", "Message-ID: <"+string(rune('a'+round))+"@example.org>", "In-Reply-To: "+field(t, answer, "Message-ID"))
		arrives(t, m, helpAddress, want)
		w.clock.Advance(time.Hour)
		worked, err := fetcher.Step(w.ctx)
		require.NoError(t, err)
		require.True(t, worked)
	}
	require.Equal(t, []string{"customer: Since yesterday.", "agent: Which one?", "customer: example.org", "agent: Which one?", "customer: example.org"}, w.messages(1))
	require.Equal(t, 1, w.tickets())
}

// Mailboxes of a real server, by each protocol and kind of encryption.
func TestSourcesOfDovecot(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(s mailbox.Server) mailbox.Source{
		"imap starttls": func(s mailbox.Server) mailbox.Source { return &mailbox.IMAP{Server: s} },
		"imaps tls":     func(s mailbox.Server) mailbox.Source { return &mailbox.IMAP{Server: s, MoveTo: "Taken"} },
		"pop3 starttls": func(s mailbox.Server) mailbox.Source { return &mailbox.POP3{Server: s} },
		"pop3s tls":     func(s mailbox.Server) mailbox.Source { return &mailbox.POP3{Server: s} },
		"pop3 none":     func(s mailbox.Server) mailbox.Source { return &mailbox.POP3{Server: s} },
	}
	var all []string
	for kind := range kinds {
		for n := range len(mailboxtest.SourceRules()) + 1 {
			all = append(all, fmt.Sprintf("%s-%d@acme.test", strings.ReplaceAll(kind, " ", "-"), n))
		}
	}
	m := daemon.Start(t, all...)
	for kind, source := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			service, encryption, _ := strings.Cut(kind, " ")
			var boxes, mails atomic.Int64
			mailboxtest.TestSource(t, mailboxtest.Harness{
				Removes: strings.HasPrefix(kind, "pop3"),
				New: func(t testing.TB) (mailbox.Source, func(string)) {
					user := fmt.Sprintf("%s-%d@acme.test", strings.ReplaceAll(kind, " ", "-"), boxes.Add(1))
					return source(server(m, service, user, mailbox.Encryption(encryption))), func(raw string) {
						m.Deliver(t, user, fmt.Sprintf("%d.%09d", time.Now().Unix(), mails.Add(1)), raw)
					}
				},
			})
		})
	}
}

// A server that nobody vouches for, or that does not know us, gets nothing from us.
func TestServersThatAreNotTrusted(t *testing.T) {
	t.Parallel()
	m := daemon.Start(t, helpAddress)
	stranger := func(s mailbox.Server) mailbox.Server {
		s.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()} //nolint:gosec // the default
		return s
	}
	wrong := func(s mailbox.Server) mailbox.Server {
		s.Password = secret.New("something else")
		return s
	}
	for _, c := range []struct {
		service    string
		encryption mailbox.Encryption
	}{{"imap", mailbox.StartTLS}, {"imaps", mailbox.TLS}, {"pop3", mailbox.StartTLS}, {"pop3s", mailbox.TLS}} {
		open := func(s mailbox.Server) error {
			var source mailbox.Source = &mailbox.IMAP{Server: s}
			if strings.HasPrefix(c.service, "pop3") {
				source = &mailbox.POP3{Server: s}
			}
			x, err := source.Open(t.Context())
			if err == nil {
				err = errors.Join(errors.New("it is open"), x.Close())
			}
			return err
		}
		s := server(m, c.service, helpAddress, c.encryption)
		require.ErrorIs(t, open(stranger(s)), mailbox.ErrTLS, c.service)
		err := open(wrong(s))
		require.ErrorIs(t, err, mailbox.ErrLogin, c.service)
		require.NotContains(t, err.Error(), "something else")
		s.Username = "x\r\nDELE 1"
		require.Error(t, open(s))
	}
	smtp := &mailbox.SMTP{Server: stranger(server(m, "smtp", "", mailbox.StartTLS))}
	err := smtp.Send(t.Context(), "", helpAddress, []byte("Subject: x\r\n\r\nx\r\n"))
	require.ErrorIs(t, err, mailbox.ErrTLS)
	require.NotErrorIs(t, err, mailbox.ErrRefused)
	require.NotContains(t, m.Log(), "something else")

	closed := mailbox.Server{Address: "127.0.0.1:1", Username: "x", Encryption: mailbox.Cleartext, Timeout: 5 * time.Second}
	_, err = (&mailbox.IMAP{Server: closed}).Open(t.Context())
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.ErrorIs(t, (&mailbox.SMTP{Server: closed}).Send(t.Context(), "", helpAddress, nil), tierhost.ErrUnavailable)
}

// A real server refuses some mail for ever; what it cannot deliver comes back as a report,
// which is a note of the ticket. By POP3, with the answer told by IDLE of another mailbox.
func TestRefusedAndReturnedOnRealServers(t *testing.T) {
	t.Parallel()
	const returned = "bob@" + daemon.Returns
	m := daemon.Start(t, helpAddress, alice)
	smtp := &mailbox.SMTP{Server: server(m, "smtp", "", mailbox.StartTLS)}
	require.ErrorIs(t, smtp.Send(t.Context(), "", "nobody@acme.test", []byte("Subject: x\r\n\r\nx\r\n")), mailbox.ErrRefused)
	require.ErrorIs(t, smtp.Send(t.Context(), "", "x@y\r\nDATA", nil), mailbox.ErrRefused)

	w := newWorld(t, func(o *mailbox.Options) { o.AckMost = -1 })
	fetcher := w.fetcher(&mailbox.POP3{Server: server(m, "pop3", helpAddress, mailbox.StartTLS)})
	outbox, err := w.office.Outbox(smtp, mailbox.OutboxOptions{})
	require.NoError(t, err)
	require.NoError(t, smtp.Send(w.ctx, returned, helpAddress, []byte(mailOf(returned, helpAddress, "Help", "Help."))))
	arrives(t, m, helpAddress, 1)
	w.fetch(fetcher)
	require.Equal(t, returned, w.ticket(1).Contact)
	w.answer(1, "Yes?")
	require.Equal(t, 1, w.send(outbox))
	arrives(t, m, helpAddress, 1)
	w.clock.Advance(time.Minute)
	w.fetch(fetcher)
	require.Equal(t, 1, w.tickets())
	require.Len(t, w.notes(1), 1)
	require.Contains(t, w.notes(1)[0], "Our mail to "+returned+": failed 5.1.2")
	require.Equal(t, support.StateWaiting, w.ticket(1).State)
	require.Empty(t, m.Mails(t, helpAddress))

	// An IMAP server tells of mail that comes.
	box := &mailbox.IMAP{Server: server(m, "imap", alice, mailbox.StartTLS)}
	told := make(chan error, 1)
	go func() { told <- box.Watch(w.ctx, "") }()
	require.NoError(t, smtp.Send(w.ctx, "", alice, []byte("Subject: x\r\n\r\nx\r\n")))
	require.NoError(t, <-told)
	require.NoError(t, box.Watch(w.ctx, ""), "at once, for what is there")
	ctx, cancel := context.WithCancel(w.ctx)
	x, err := box.Open(ctx)
	require.NoError(t, err)
	all, err := x.List(ctx, "", 10)
	require.NoError(t, err)
	require.NoError(t, x.Close())
	go func() { told <- box.Watch(ctx, all[len(all)-1].Position) }()
	cancel()
	require.ErrorIs(t, <-told, context.Canceled)
}
