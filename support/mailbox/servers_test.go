package mailbox_test

import (
	"context"
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/support/mailbox"
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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
