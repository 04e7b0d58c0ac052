package primary_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/primary"
)

// lockedLog keeps what is logged.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lockedLog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func telling(t *testing.T, retry time.Duration, addrs ...netip.AddrPort) *primary.Server {
	t.Helper()
	s, _ := peered(t, primary.Options{NotifyRetry: retry, Peers: []primary.Peer{{Key: key.Name, Notify: addrs}}})
	return s
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, done, 20*time.Second, 5*time.Millisecond, what)
}

// Each zone is told, with a signature, once if it is answered.
func TestNotify(t *testing.T) {
	t.Parallel()
	second := newSecondary(t)
	s := telling(t, time.Minute, second.addr)
	for i := range 300 {
		name := dns.Name(fmt.Sprintf("z%d.example", i))
		put(t, s, name, nil, zone(t, name, 1))
	}
	await(t, "all are told", func() bool { return s.Queues()[0].Zones == 0 })
	for i := range 300 {
		require.Equal(t, 1, second.count(dns.Name(fmt.Sprintf("z%d.example", i))))
	}
	_, bad := second.totals()
	require.Zero(t, bad)
	require.NoError(t, s.Queues()[0].LastError)
}

// A server that does not have the zone yet is told again, five times at most.
func TestNotifyRefused(t *testing.T) {
	t.Parallel()
	second := newSecondary(t)
	second.set(miekg.RcodeNotAuth, false)
	s := telling(t, 30*time.Millisecond, second.addr)
	put(t, s, "a.example", nil, zone(t, "a.example", 1))
	await(t, "given up", func() bool { return s.Queues()[0].Zones == 0 })
	require.Equal(t, 5, second.count("a.example"))
	require.ErrorContains(t, s.Queues()[0].LastError, "NOTAUTH")
	second.set(0, false)
	put(t, s, "a.example", zone(t, "a.example", 1), zone(t, "a.example", 2))
	await(t, "told of the next change", func() bool { return second.count("a.example") == 6 && s.Queues()[0].LastError == nil })
}

// A server that is down holds nobody back, and is told all that it missed when it is back;
// many changes of a zone are one message.
func TestNotifySilent(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	silent := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	require.NoError(t, conn.Close())
	second := newSecondary(t)
	s := telling(t, 30*time.Millisecond, silent, second.addr)
	for i := range 200 {
		name := dns.Name(fmt.Sprintf("z%d.example", i))
		now := zone(t, name, 1)
		put(t, s, name, nil, now)
		for n := dns.Serial(2); n < 4; n++ {
			put(t, s, name, now, zone(t, name, n))
			now = zone(t, name, n)
		}
	}
	await(t, "the other one is told", func() bool { return s.Queues()[1].Zones == 0 })
	await(t, "it is held to be silent", func() bool { return s.Queues()[0].Silent })
	require.Equal(t, 200, s.Queues()[0].Zones, "nothing is forgotten")
	require.Error(t, s.Queues()[0].LastError)
	conn, err = new(net.ListenConfig).ListenPacket(context.Background(), "udp", silent.String())
	require.NoError(t, err)
	back := secondaryOn(t, conn)
	await(t, "it is told", func() bool { return s.Queues()[0].Zones == 0 })
	require.False(t, s.Queues()[0].Silent)
	for i := range 200 {
		require.Positive(t, back.count(dns.Name(fmt.Sprintf("z%d.example", i))))
	}
	if all, _ := back.totals(); all > 1000 {
		t.Errorf("%d messages for 200 zones", all)
	}
}
