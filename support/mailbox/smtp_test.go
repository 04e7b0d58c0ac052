package mailbox_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
	"github.com/tierhost/tierhost/support/mailbox"
)

// answering is an SMTP server on the loopback address that answers some commands in its
// own way: "" ends the connection.
func answering(t *testing.T, own map[string]string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		say := func(command, usual string) bool {
			if text, there := own[command]; there {
				usual = text
			}
			_, err := fmt.Fprint(conn, usual)
			return err == nil && usual != ""
		}
		in := bufio.NewScanner(conn)
		for ok := say("greeting", "220 hello\r\n"); ok && in.Scan(); {
			switch word, _, _ := strings.Cut(in.Text(), " "); word {
			case "EHLO":
				ok = say(word, "250-hello\r\n250 AUTH PLAIN\r\n")
			case "DATA":
				if ok = say(word, "354 go on\r\n"); ok {
					for in.Scan() && in.Text() != "." {
					}
					ok = say(".", "250 taken\r\n")
				}
			default:
				ok = say(word, "250 well\r\n")
			}
		}
	}()
	return l.Addr().String()
}

// What is refused for ever is told from what may go later; what has to do with us and not
// with the mail is never a refusal of the mail.
func TestSMTPAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		command, answer string
		want            error
	}{
		{"", "", nil},
		{"greeting", "554 no\r\n", tierhost.ErrUnavailable},
		{"greeting", "", tierhost.ErrUnavailable},
		{"AUTH", "535 5.7.8 wrong\r\n", mailbox.ErrLogin},
		{"AUTH", "454 4.7.0 later\r\n", mailbox.ErrLogin},
		{"MAIL", "530 5.7.0 log in first\r\n", tierhost.ErrUnavailable},
		{"MAIL", "550 5.7.1 not from there\r\n", mailbox.ErrRefused},
		{"RCPT", "450 4.2.0 later\r\n", tierhost.ErrUnavailable},
		{"RCPT", "550 5.1.1 nobody\r\n", mailbox.ErrRefused},
		{"DATA", "451 4.3.0 later\r\n", tierhost.ErrUnavailable},
		{".", "552 5.3.4 too large\r\n", mailbox.ErrRefused},
		{".", "421 4.3.2 going down\r\n", tierhost.ErrUnavailable},
		{".", "", tierhost.ErrUnavailable},
		{"QUIT", "", nil},
	} {
		t.Run(c.command+" "+c.answer, func(t *testing.T) {
			t.Parallel()
			own := map[string]string{"AUTH": "235 in\r\n", c.command: c.answer}
			s := &mailbox.SMTP{Server: mailbox.Server{
				Address: answering(t, own), Encryption: mailbox.Cleartext, Username: "u", Password: secret.New("not to be told"), Timeout: 20 * time.Second,
			}}
			err := s.Send(t.Context(), "", alice, []byte("Subject: x\r\n\r\n.x\r\n"))
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.want == mailbox.ErrRefused, tierhost.CodeOf(err) == "mail_refused")
			require.NotContains(t, err.Error(), "not to be told")
		})
	}
}

// The answer to the whole mail has a bound of its own: a server may take its time for it.
func TestSMTPBounds(t *testing.T) {
	t.Parallel()
	s := &mailbox.SMTP{Server: mailbox.Server{Address: answering(t, nil), Encryption: mailbox.Cleartext, Timeout: 20 * time.Second}, Final: time.Nanosecond}
	err := s.Send(t.Context(), "", alice, []byte("Subject: x\r\n\r\nx\r\n"))
	require.ErrorIs(t, err, tierhost.ErrUnavailable)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Contains(t, err.Error(), "data", "all steps before it have the other bound")
}

// Nothing is sent without the encryption that was asked for, or to a server that is not
// well described.
func TestSMTPStaysEncrypted(t *testing.T) {
	t.Parallel()
	s := &mailbox.SMTP{Server: mailbox.Server{Address: answering(t, nil), Encryption: mailbox.StartTLS, Timeout: 20 * time.Second}}
	require.ErrorIs(t, s.Send(t.Context(), "", alice, nil), mailbox.ErrTLS, "it does not offer it")
	for _, bad := range []mailbox.Server{{Address: "no port"}, {Address: "127.0.0.1:25", Encryption: "maybe"}} {
		require.ErrorIs(t, (&mailbox.SMTP{Server: bad}).Send(t.Context(), "", alice, nil), tierhost.ErrInvalid)
	}
}
