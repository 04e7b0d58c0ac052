package mailbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"time"

	"github.com/tierhost/tierhost"
)

// SMTP is a server that takes mail to be sent (RFC 5321, 6409): a [Transport].
type SMTP struct {
	// Server is where it is; without a Username nobody logs in. A password is never sent
	// in the clear, but to the machine itself.
	Server Server
	Hello  string // the name that we go by; "": localhost
	// Final bounds the answer to a whole mail, which a server may take its time for: one that
	// is not waited for is a mail that comes twice. 0: 10 minutes (RFC 5321 section 4.5.3.2.6).
	// Server.Timeout bounds all other steps.
	Final time.Duration
}

// Send implements [Transport].
func (s *SMTP) Send(ctx context.Context, from, to string, mail []byte) error {
	if err := s.Server.check(false); err != nil {
		return err
	}
	if from != "" && !validAddress(from) || !validAddress(to) {
		return fmt.Errorf("%w: %.100q or %.100q is no address", ErrRefused, from, to)
	}
	each := s.Server.timeout()
	conn, err := s.Server.dial(ctx, &each)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	host, _, _ := net.SplitHostPort(s.Server.Address)
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return ended(ctx, temporary("greeting", err))
	}
	if s.Hello != "" {
		if err := c.Hello(s.Hello); err != nil {
			return ended(ctx, temporary("hello", err))
		}
	}
	if s.Server.Encryption == StartTLS {
		if offered, _ := c.Extension("STARTTLS"); !offered {
			return fmt.Errorf("%w: it is not offered", ErrTLS)
		}
		if err := c.StartTLS(s.Server.tls()); err != nil {
			return ended(ctx, untrusted(err))
		}
	}
	if s.Server.Username != "" {
		if err := c.Auth(smtp.PlainAuth("", s.Server.Username, s.Server.Password.Reveal(), host)); err != nil {
			return ended(ctx, fmt.Errorf("%w: %w", ErrLogin, err))
		}
	}
	if err := c.Mail(from); err != nil {
		return ended(ctx, answered("sender", err))
	}
	if err := c.Rcpt(to); err != nil {
		return ended(ctx, answered("recipient", err))
	}
	w, err := c.Data()
	if err != nil {
		return ended(ctx, answered("data", err))
	}
	if _, err := w.Write(mail); err != nil {
		return ended(ctx, temporary("data", err))
	}
	// From here on the server may have taken it although its answer is lost: then it gets
	// the same mail once more, with the same Message-ID.
	each = s.final()
	if err := w.Close(); err != nil {
		return ended(ctx, answered("data", err))
	}
	each = s.Server.timeout()
	_ = c.Quit() // it is taken
	return nil
}

func (s *SMTP) final() time.Duration {
	if s.Final <= 0 {
		return 10 * time.Minute
	}
	return s.Final
}

func temporary(step string, err error) error {
	return tierhost.E("", tierhost.KindUnavailable, "not_sent", fmt.Errorf("%s: %w", step, err))
}

// answered tells a refusal for ever from one for now. That we have to log in first, or to
// encrypt, is a matter of settings and not of the mail.
func answered(step string, err error) error {
	no, ok := errors.AsType[*textproto.Error](err)
	if !ok || no.Code < 500 || no.Code == 530 || no.Code == 538 || no.Code == 535 {
		return temporary(step, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrRefused, step, err)
}
