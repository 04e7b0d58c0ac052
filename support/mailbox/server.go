package mailbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/secret"
)

// Encryption says how a connection is protected.
type Encryption string

// The kinds of encryption.
const (
	TLS       Encryption = "tls"      // from the first byte on
	StartTLS  Encryption = "starttls" // asked for in the clear; without it there is no session
	Cleartext Encryption = "none"     // none: on the machine itself, or a network that is safe
)

// Server is where a mail server is, and how to get in.
type Server struct {
	Address    string     // with the port
	Encryption Encryption // "": [TLS]
	// TLSConfig says whom to trust, and more; nil: what the system trusts. Without a
	// ServerName it is the host of Address.
	TLSConfig *tls.Config
	Username  string
	Password  secret.Text
	// Timeout bounds each step of the conversation; 0: 30 s.
	Timeout time.Duration
}

func (s Server) check(user bool) error {
	var issues tierhost.Issues
	if _, _, err := net.SplitHostPort(s.Address); err != nil {
		issues.Add("address", "invalid_address", "%.100q is no host with a port", s.Address)
	}
	switch s.Encryption {
	case "", TLS, StartTLS, Cleartext:
	default:
		issues.Add("encryption", "unknown_encryption", "%.30q", string(s.Encryption))
	}
	if user && s.Username == "" {
		issues.Add("username", "required", "it is missing")
	}
	return issues.Err()
}

func (s Server) timeout() time.Duration {
	if s.Timeout <= 0 {
		return 30 * time.Second
	}
	return s.Timeout
}

func (s Server) tls() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLSConfig != nil {
		c = s.TLSConfig.Clone()
	}
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(s.Address)
	}
	return c
}

// dial connects, with TLS from the start if the server is such a one. The connection is
// closed when ctx is done. each, as it stands then, bounds every read and write; nil: nothing does.
func (s Server) dial(ctx context.Context, each *time.Duration) (net.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(dialing, "tcp", s.Address)
	if err != nil {
		return nil, s.unreached(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	bound := &boundConn{conn, stop, each}
	if s.Encryption != "" && s.Encryption != TLS {
		return bound, nil
	}
	secure := tls.Client(bound, s.tls())
	if err := secure.HandshakeContext(dialing); err != nil {
		_ = bound.Close()
		return nil, untrusted(err)
	}
	return secure, nil
}

// boundConn is a connection that ends with a context, and whose reads and writes may have
// a time each.
type boundConn struct {
	net.Conn
	stop func() bool
	each *time.Duration
}

func (c *boundConn) Read(b []byte) (int, error) {
	if err := c.bound(c.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *boundConn) Write(b []byte) (int, error) {
	if err := c.bound(c.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *boundConn) bound(set func(time.Time) error) error {
	if c.each == nil {
		return nil
	}
	return set(tierhost.SystemClock().Now().Add(*c.each)) // connections go by the system's
}

func (c *boundConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

func (s Server) unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return tierhost.E("", tierhost.KindUnavailable, "unreachable", err)
}

// untrusted is a failure of the encryption.
func untrusted(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrTLS, err)
}
