package primary

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns/internal/wire"
)

// Run listens on addresses ("192.0.2.1:53", ":53"), over UDP and TCP, serves there and
// tells the peers of changes, until ctx ends or a socket fails. It returns when nothing
// runs any more; the error is that of ctx if that ended it.
func (s *Server) Run(ctx context.Context, addrs ...string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, addr := range addrs {
		packets, streams, err := Listen(ctx, addr)
		if err != nil {
			cancel(err)
			return err
		}
		wg.Go(func() { cancel(s.Serve(ctx, packets, streams)) })
	}
	wg.Go(func() { _ = s.Notify(ctx) })
	<-ctx.Done()
	return context.Cause(ctx)
}

// Listen opens the two sockets that [Server.Serve] takes, on one port. For port 0 it finds
// one that is free for both: that it is for one says nothing of the other.
func Listen(ctx context.Context, addr string) (packets *net.UDPConn, streams net.Listener, err error) {
	const tries = 50
	var config net.ListenConfig
	for range tries {
		if streams, err = config.Listen(ctx, "tcp", addr); err != nil {
			return nil, nil, err
		}
		at := streams.Addr().String()
		p, taken := config.ListenPacket(ctx, "udp", at)
		if taken == nil {
			return p.(*net.UDPConn), streams, nil
		}
		err = errors.Join(taken, streams.Close())
		if _, port, _ := net.SplitHostPort(addr); port != "0" && port != "" || ctx.Err() != nil {
			break
		}
	}
	return nil, nil, err
}

// Serve answers on a socket and a listener until ctx ends or one of them fails, and closes
// both. Either may be nil. It returns when nothing runs any more. It may be called several
// times, for several addresses.
func (s *Server) Serve(ctx context.Context, packets *net.UDPConn, streams net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		if packets != nil {
			_ = packets.Close()
		}
		if streams != nil {
			_ = streams.Close()
		}
	})
	defer stop()
	var wg sync.WaitGroup
	if packets != nil {
		_ = packets.SetReadBuffer(4 << 20)
		_ = packets.SetWriteBuffer(4 << 20)
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() { cancel(s.servePackets(packets)) })
		}
	}
	if streams != nil {
		wg.Go(func() { cancel(s.serveStreams(ctx, streams)) })
	}
	wg.Wait()
	return context.Cause(ctx)
}

// servePackets answers over UDP until the socket is closed.
func (s *Server) servePackets(conn *net.UDPConn) error {
	var (
		in   [4096]byte // a question with EDNS options and TSIG
		name [wire.MaxName]byte
		out  = make([]byte, 0, wire.MaxMessage)
		q    question
	)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(in[:])
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			continue // such as an ICMP message about an earlier answer
		}
		if from.Port() == 0 {
			continue
		}
		c := client{from: from.Addr()}
		answer, _ := s.hear(out, in[:n], &q, name[:], &c)
		if answer == nil {
			continue
		}
		if s.limiter != nil && c.signature == nil && !s.allowed(c.from, nil) {
			switch s.limiter.take(c.from, s.opt.Clock.Now()) {
			case drop:
				continue
			case truncate:
				if answer = truncated(answer, &q); answer == nil {
					continue
				}
			}
		}
		_, _ = conn.WriteToUDPAddrPort(answer, from)
	}
}

// hear is answer, but to a message at which that panics there is none: the process does other
// things than to answer strangers.
func (s *Server) hear(b, msg []byte, q *question, nameBuf []byte, c *client) (out []byte, transfer bool) {
	defer func() {
		if p := recover(); p != nil {
			s.complain("a question is not answered: the server has panicked", "from", c.from, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return s.answer(b, msg, q, nameBuf, c)
}

// truncated cuts an answer to its question; nil: it has none that was understood.
func truncated(answer []byte, q *question) []byte {
	if q.end > len(answer) || q.end == wire.HeaderLen {
		return nil
	}
	answer = answer[:q.end]
	answer[2] |= wire.FlagTC >> 8
	for section := 1; section <= 3; section++ {
		wire.SetCount(answer, section, 0)
	}
	return answer
}

// conns counts TCP connections.
type conns struct {
	mu     sync.Mutex
	total  int
	each   map[netip.Prefix]int
	limit  int
	kept   int // for peers
	buffer sync.Pool
}

func (c *conns) init(limit int, peers []peer) {
	if slices.ContainsFunc(peers, func(p peer) bool { return len(p.networks) > 0 }) {
		c.kept = limit / 4
	}
	c.limit, c.each = max(limit, 1), map[netip.Prefix]int{}
	c.buffer.New = func() any { b := make([]byte, 0, wire.MaxMessage+2); return &b }
}

// enter counts a connection from an address. known: it is in a network of a peer's, which some
// are kept for.
func (c *conns) enter(addr netip.Addr, known bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	// While there is room nobody is counted: a secondary takes many zones at once.
	from := network(addr)
	crowded := c.total >= c.limit/2 && c.each[from] >= max(c.limit/8, 1) || c.total >= c.limit-c.kept
	if c.total >= c.limit || crowded && !known {
		return false
	}
	c.total++
	c.each[from]++
	return true
}

func (c *conns) leave(addr netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	from := network(addr)
	if c.each[from]--; c.each[from] == 0 {
		delete(c.each, from)
	}
}

// near reports whether an address is in a network of a peer's.
func (s *Server) near(from netip.Addr) bool {
	for _, p := range s.peers {
		for _, n := range p.networks {
			if n.Contains(from) {
				return true
			}
		}
	}
	return false
}

func (s *Server) serveStreams(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // such as that there are no more file descriptors
			select {
			case <-ctx.Done():
				return err
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		var from netip.Addr
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
			from = a.AddrPort().Addr().Unmap()
		}
		if !s.conns.enter(from, s.near(from)) {
			_ = conn.Close()
			continue
		}
		wg.Go(func() {
			defer s.conns.leave(from)
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer conn.Close()
			s.serveStream(ctx, conn, from)
		})
	}
}

// firstQuestion is how long a connection may take to ask anything: who opens one has a
// question.
const firstQuestion = 3 * time.Second

// serveStream answers the questions of one connection, one after the other.
func (s *Server) serveStream(ctx context.Context, conn net.Conn, from netip.Addr) {
	var (
		length [2]byte
		name   [wire.MaxName]byte
		q      question
	)
	in, out := s.conns.buffer.Get().(*[]byte), s.conns.buffer.Get().(*[]byte)
	defer s.conns.buffer.Put(in)
	defer s.conns.buffer.Put(out)
	write := func(msg []byte) error {
		if err := conn.SetWriteDeadline(s.deadline(3)); err != nil {
			return err
		}
		_, err := conn.Write(msg)
		return err
	}
	for first := true; ; first = false {
		wait := s.opt.Idle
		if first {
			wait = min(wait, firstQuestion)
		}
		if err := conn.SetReadDeadline(tierhost.SystemClock().Now().Add(wait)); err != nil {
			return
		}
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		msg := (*in)[:binary.BigEndian.Uint16(length[:])]
		if _, err := io.ReadFull(conn, msg); err != nil {
			return
		}
		c := client{from: from, stream: true}
		answer, transfer := s.hear((*out)[2:2], msg, &q, name[:], &c)
		switch {
		case transfer:
			select {
			case s.transfers <- struct{}{}:
			case <-ctx.Done():
				return
			}
			err := s.transfer(*out, msg, &q, &c, write)
			<-s.transfers
			if err != nil {
				s.complain("a transfer was not finished", "to", from, "error", err)
				return
			}
		case answer == nil:
			return
		default:
			framed := append(binary.BigEndian.AppendUint16((*out)[:0:0], uint16(len(answer))), answer...)
			if write(framed) != nil {
				return
			}
		}
	}
}

// deadline is the time by which a socket has to have done something: by the clock of the
// machine, as sockets have it.
func (s *Server) deadline(times int) time.Time {
	return tierhost.SystemClock().Now().Add(time.Duration(times) * s.opt.Idle)
}
