package primary_test

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/primary"
)

// Strangers of one network cannot take all connections, whatever addresses they use.
func TestStrangersDoNotTakeAllConnections(t *testing.T) {
	t.Parallel()
	_, addr := start(t, primary.Options{Public: true, Connections: 64})
	for i := range 64 {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}}
		c, err := d.Dial("tcp", addr)
		require.NoError(t, err)
		defer c.Close()
	}
	m := new(miekg.Msg)
	m.SetQuestion("example.com.", miekg.TypeSOA)
	r, _, err := (&miekg.Client{Net: "tcp"}).Exchange(m, addr)
	require.NoError(t, err)
	require.Equal(t, miekg.RcodeRefused, r.Rcode)
}

// And those of many networks leave some for the networks of peers.
func TestSomeConnectionsAreKeptForPeers(t *testing.T) {
	t.Parallel()
	_, addr := start(t, primary.Options{Keys: []primary.Key{key}, Peers: []primary.Peer{{Key: key.Name, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/24")}}}, Connections: 64})
	for i := range 100 {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i), 1)}}
		c, err := d.Dial("tcp", addr)
		require.NoError(t, err)
		defer c.Close()
	}
	m := new(miekg.Msg)
	m.SetQuestion("example.com.", miekg.TypeSOA)
	r, _, err := (&miekg.Client{Net: "tcp"}).Exchange(m, addr)
	require.NoError(t, err)
	require.Equal(t, miekg.RcodeRefused, r.Rcode)
	stranger := &miekg.Client{Net: "tcp", Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, 200, 1)}}}
	_, _, err = stranger.Exchange(m, addr)
	require.Error(t, err)
}

// What is over the rate and was not understood gets no answer, also no empty one.
func TestNoEmptyAnswers(t *testing.T) {
	t.Parallel()
	_, addr := start(t, primary.Options{Public: true, Rate: 1})
	c, err := net.Dial("udp", addr)
	require.NoError(t, err)
	defer c.Close()
	bad := make([]byte, 12)
	bad[5] = 9 // questions, of which none is there
	for range 20 {
		_, err = c.Write(bad)
		require.NoError(t, err)
		b := make([]byte, 512)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if n, err := c.Read(b); err == nil {
			require.Positive(t, n)
		}
	}
}

// Strangers write no log.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	var log lockedLog
	_, addr := start(t, primary.Options{Keys: []primary.Key{key}, Peers: []primary.Peer{{Key: key.Name}}, Logger: log.logger()})
	began := time.Now()
	for range 200 {
		m := new(miekg.Msg)
		m.SetQuestion("example.com.", miekg.TypeA)
		m.SetTsig("nobody.", miekg.HmacSHA256, 300, time.Now().Unix())
		c := &miekg.Client{Net: "udp", TsigSecret: map[string]string{"nobody.": keySecret}}
		_, _, _ = c.Exchange(m, addr)
	}
	lines := strings.Count(log.String(), "\n")
	require.Positive(t, lines)
	require.LessOrEqual(t, lines, int(time.Since(began)/time.Second)+2)
}

// The DS of a zone is in the zone above, also where one server has both.
func TestDSIsAnsweredFromAbove(t *testing.T) {
	t.Parallel()
	s, addr := start(t, primary.Options{Public: true})
	ds := dns.DS{KeyTag: 1, Algorithm: 13, DigestType: 2, Digest: dns.Octets(bytes.Repeat([]byte{1}, 32))}
	put := func(z dns.Name, more ...dns.Record) {
		records := append([]dns.Record{{Name: z, TTL: 1, Data: dns.SOA{Primary: "ns.x", Mailbox: "h.x", Serial: 1, Expire: 5}}, {Name: z, TTL: 1, Data: dns.NS{Host: "ns.x"}}}, more...)
		require.NoError(t, s.Apply(t.Context(), dns.Place{}, dns.Change{Zone: z, Serial: 1, Desired: dns.Sorted(records)}))
	}
	ask := func(name string) *miekg.Msg {
		m := new(miekg.Msg)
		m.SetQuestion(name, miekg.TypeDS)
		r, err := miekg.Exchange(m, addr)
		require.NoError(t, err)
		return r
	}
	put("c.example.com")
	require.Equal(t, "c.example.com.", ask("c.example.com.").Ns[0].Header().Name, "the zone above is not here")
	put("example.com", dns.Record{Name: "c.example.com", TTL: 1, Data: dns.NS{Host: "ns.x"}}, dns.Record{Name: "c.example.com", TTL: 1, Data: ds})
	require.Len(t, ask("c.example.com.").Answer, 1)
	require.Equal(t, "c.example.com.", ask("a.c.example.com.").Ns[0].Header().Name)
}
