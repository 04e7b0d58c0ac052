package primary_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
)

// secondary takes NOTIFY messages, signed with the key, and answers as it is told.
type secondary struct {
	addr   netip.AddrPort
	server *miekg.Server
	mu     sync.Mutex
	got    map[string]int
	all    int
	rcode  int
	mute   bool
	bad    int // with a wrong signature, or none
	wake   chan struct{}
}

func newSecondary(t testing.TB) *secondary {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	return secondaryOn(t, conn)
}

func secondaryOn(t testing.TB, conn net.PacketConn) *secondary {
	t.Helper()
	s := &secondary{addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), got: map[string]int{}, wake: make(chan struct{}, 1)}
	s.server = &miekg.Server{PacketConn: conn, Handler: s, TsigSecret: map[string]string{key.Name.FQDN(): keySecret},
		MsgAcceptFunc: func(miekg.Header) miekg.MsgAcceptAction { return miekg.MsgAccept }}
	ready := make(chan struct{})
	s.server.NotifyStartedFunc = func() { close(ready) }
	done := make(chan struct{})
	go func() { defer close(done); _ = s.server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = s.server.Shutdown(); <-done })
	return s
}

// ServeDNS takes one message.
func (s *secondary) ServeDNS(w miekg.ResponseWriter, m *miekg.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all++
	if m.IsTsig() == nil || w.TsigStatus() != nil {
		s.bad++
	}
	if m.Opcode != miekg.OpcodeNotify || len(m.Question) != 1 || m.Question[0].Qtype != miekg.TypeSOA || !m.Authoritative {
		s.bad++
	}
	s.got[m.Question[0].Name]++
	select {
	case s.wake <- struct{}{}:
	default:
	}
	if s.mute {
		return
	}
	answer := new(miekg.Msg)
	answer.SetReply(m)
	answer.Rcode = s.rcode
	if t := m.IsTsig(); t != nil {
		answer.SetTsig(t.Hdr.Name, t.Algorithm, 300, int64(t.TimeSigned))
	}
	_ = w.WriteMsg(answer)
}

func (s *secondary) set(rcode int, mute bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcode, s.mute = rcode, mute
}

// totals are all messages, and those that were wrong.
func (s *secondary) totals() (all, bad int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all, s.bad
}

func (s *secondary) count(zone dns.Name) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[zone.FQDN()]
}

// await waits until it was told of a zone.
func (s *secondary) await(ctx context.Context, zone dns.Name) error {
	for s.count(zone) == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		}
	}
	return nil
}
