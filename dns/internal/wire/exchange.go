package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/tierhost/tierhost"
)

// Client exchanges messages with servers. The zero Client signs nothing. It is safe for
// concurrent use.
type Client struct {
	// Key signs what is sent, and what comes back must be signed with it; nil: nothing is.
	Key *Key
	// Now tells the time for signatures; needed with a key.
	Now func() time.Time
	// Timeout bounds each message of an exchange; 0: 10 s.
	Timeout time.Duration
}

// SentError is an error after a message was sent: the server may have acted on it.
type SentError struct{ Err error }

func (e *SentError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SentError) Unwrap() error { return e.Err }

// UnsignedError is a refusal that is not signed although the question was: of a server that
// does not know the zone, and so not its keys, or of somebody else.
type UnsignedError struct{ Rcode int }

func (e *UnsignedError) Error() string {
	return fmt.Sprintf("the server says %s: %v", RcodeText(e.Rcode), ErrUnsigned)
}

// Unwrap returns ErrUnsigned.
func (*UnsignedError) Unwrap() error { return ErrUnsigned }

func (c Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return 10 * time.Second
}

// Stream is a sequence of answers to one message, over TCP.
type Stream struct {
	client Client
	conn   net.Conn
	done   func() bool
	ctx    context.Context
	id     uint16
	mac    []byte
	later  bool
	// between are the messages since the last that was signed.
	between  []byte
	unsigned int
	size     int
}

// Start sends a message over TCP. Answers come by [Stream.Next]. An error that is no
// [*SentError] means that nothing was sent.
func (c Client) Start(ctx context.Context, addr string, msg []byte) (*Stream, error) {
	dialer := net.Dialer{Timeout: c.timeout()}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	// A context that ends breaks whatever waits.
	s := &Stream{client: c, conn: conn, ctx: ctx, id: binary.BigEndian.Uint16(msg)}
	s.done = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	out := append([]byte{0, 0}, msg...)
	if c.Key != nil {
		var signed []byte
		signed, s.mac = c.Key.Sign(append([]byte(nil), msg...), nil, false, c.Now())
		out = append(out[:2], signed...)
	}
	if len(out)-2 > MaxMessage {
		_ = s.Close()
		return nil, fmt.Errorf("the message has %d octets, and %d at most can be sent", len(out)-2, MaxMessage)
	}
	binary.BigEndian.PutUint16(out, uint16(len(out)-2))
	if n, err := conn.Write(out); err != nil {
		err = s.cause(err)
		_ = s.Close()
		if n < len(out) {
			return nil, err // a message in part is none
		}
		return nil, &SentError{err}
	}
	return s, nil
}

// cause names the context that has ended.
func (s *Stream) cause(err error) error {
	if ctxErr := s.ctx.Err(); ctxErr != nil {
		return errors.Join(ctxErr, err)
	}
	return err
}

// Next returns the next message, verified and without its signature. All errors are
// [*SentError]s.
func (s *Stream) Next() ([]byte, error) {
	msg, err := s.next()
	if err != nil {
		return nil, &SentError{s.cause(err)}
	}
	return msg, nil
}

// maxUnsigned is how many messages of a sequence may come without a signature, one after
// the other: RFC 8945, 5.3.1.
const maxUnsigned = 99

func (s *Stream) next() ([]byte, error) {
	if s.ctx.Err() == nil {
		limit := s.client.timeout()
		// Not the clock of signatures: that of the machine, as sockets have it.
		if err := s.conn.SetDeadline(tierhost.SystemClock().Now().Add(limit)); err != nil {
			return nil, err
		}
		if s.ctx.Err() != nil { // it ended between the two
			_ = s.conn.SetDeadline(time.Unix(1, 0))
		}
	}
	var length [2]byte
	if _, err := io.ReadFull(s.conn, length[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(s.conn, msg); err != nil {
		return nil, err
	}
	h, err := ParseHeader(msg)
	if err != nil {
		return nil, err
	}
	if h.ID != s.id || !h.Response() {
		return nil, fmt.Errorf("%w: it is no answer to what was asked", ErrFormat)
	}
	s.size += len(msg)
	return s.verify(msg, h)
}

func (s *Stream) verify(msg []byte, h Header) ([]byte, error) {
	if s.client.Key == nil {
		return msg, nil
	}
	own := func(name string) *Key {
		if name == s.client.Key.Name() {
			return s.client.Key
		}
		return nil
	}
	stripped, signature, err := Verify(msg, own, s.mac, s.between, s.later, s.client.Now())
	if errors.Is(err, ErrUnsigned) && s.later && s.unsigned < maxUnsigned {
		s.unsigned++
		s.between = append(s.between, msg...)
		return msg, nil
	}
	if err != nil {
		if signature != nil {
			if said := signature.CodeError(); said != nil {
				return nil, fmt.Errorf("the server says %s: %w", RcodeText(h.Rcode()), said)
			}
		}
		if h.Rcode() != RcodeNoError && errors.Is(err, ErrUnsigned) {
			return nil, &UnsignedError{h.Rcode()}
		}
		return nil, err
	}
	if said := signature.CodeError(); said != nil {
		return nil, fmt.Errorf("the server says %s: %w", RcodeText(h.Rcode()), said)
	}
	s.mac, s.later, s.between, s.unsigned = append([]byte(nil), signature.MAC...), true, s.between[:0], 0
	return stripped, nil
}

// Verified reports whether everything that came so far is covered by a signature, or needs
// none. In a sequence a server may sign some messages only, and the last.
func (s *Stream) Verified() bool { return s.unsigned == 0 }

// Size returns the octets that came so far.
func (s *Stream) Size() int { return s.size }

// Close ends the connection.
func (s *Stream) Close() error {
	s.done()
	return s.conn.Close()
}

// Exchange sends a message over TCP and returns the only answer.
func (c Client) Exchange(ctx context.Context, addr string, msg []byte) ([]byte, error) {
	s, err := c.Start(ctx, addr, msg)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Next()
}
