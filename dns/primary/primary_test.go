package primary_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/primary"
	"github.com/tierhost/tierhost/secret"
)

const keySecret = "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="

var (
	key      = primary.Key{Name: "transfer-key", Secret: secret.New(keySecret)}
	asKey    = dnstest.Key{Name: "transfer-key", Secret: keySecret}
	loopback = netip.MustParsePrefix("127.0.0.0/8")
)

// start runs a server on loopback until t ends.
func start(t testing.TB, opt primary.Options) (s *primary.Server, addr string) {
	t.Helper()
	s, err := primary.New(opt)
	require.NoError(t, err)
	return s, serve(t, s)
}

func serve(t testing.TB, s *primary.Server) (addr string) {
	t.Helper()
	l, packets := sockets(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { _ = s.Serve(ctx, packets, l); done <- struct{}{} }()
	go func() { _ = s.Notify(ctx); done <- struct{}{} }()
	t.Cleanup(func() { cancel(); <-done; <-done })
	return l.Addr().String()
}

// sockets returns sockets of one port.
func sockets(t testing.TB) (net.Listener, *net.UDPConn) {
	t.Helper()
	packets, streams, err := primary.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	return streams, packets
}

// zone makes records: SOA, NS and what lines add.
func zone(t testing.TB, name dns.Name, serial dns.Serial, lines ...string) []dns.Record {
	t.Helper()
	records := []dns.Record{
		{Name: name, TTL: 3600, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "hostmaster.example.net", Serial: serial, Refresh: 900, Retry: 2, Expire: 86400, Minimum: 300}},
		{Name: name, TTL: 3600, Data: dns.NS{Host: "ns1.example.net"}},
	}
	for _, line := range lines {
		var owner, rrtype, rest string
		var ttl uint32
		_, err := fmt.Sscanf(line, "%s %d %s", &owner, &ttl, &rrtype)
		require.NoError(t, err, line)
		rest = line[len(fmt.Sprintf("%s %d %s ", owner, ttl, rrtype)):]
		own, err := dns.ParseAnyName(owner, name)
		require.NoError(t, err)
		typ, err := dns.ParseType(rrtype)
		require.NoError(t, err)
		data, err := dns.ParseRData(typ, rest, name)
		require.NoError(t, err, line)
		records = append(records, dns.Record{Name: own, TTL: ttl, Data: data})
	}
	return records
}

func serial(records []dns.Record) dns.Serial { return records[0].Data.(dns.SOA).Serial }

// put publishes records in the place of others; nil: of none.
func put(t testing.TB, s *primary.Server, name dns.Name, from, to []dns.Record) {
	t.Helper()
	c := dns.Change{Operation: "op", Zone: name, Serial: serial(to), Desired: dns.Sorted(to), Steps: dnstest.Steps(from, to)}
	if from != nil {
		c.Expect = dns.Expect{Present: true, Serial: serial(from)}
	}
	require.NoError(t, s.Apply(context.Background(), dns.Place{}, c))
}

// The server is a driver as any other.
func TestNameServer(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	dnstest.TestNameServer(t, dnstest.Harness{
		New: func(t *testing.T) dnstest.Site {
			told := newSecondary(t)
			s, addr := start(t, primary.Options{
				Keys: []primary.Key{key}, NotifyRetry: 50 * time.Millisecond,
				Peers: []primary.Peer{{Key: key.Name, Notify: []netip.AddrPort{told.addr}}},
			})
			return dnstest.Site{
				Server: s, Secrets: []string{keySecret},
				Zone: func() dns.Name { return dns.Name(fmt.Sprintf("zone%d.example", n.Add(1))) },
				Ask: func(ctx context.Context, zone dns.Name) (dns.Published, error) {
					return dnstest.Transfer(ctx, addr, zone, asKey)
				},
				Meddle: func(ctx context.Context, zone dns.Name, records []dns.Record) error {
					p, err := s.Fetch(ctx, dns.Place{}, zone)
					if err != nil {
						return err
					}
					return s.Apply(ctx, dns.Place{}, dns.Change{Zone: zone, Expect: dns.Expect{Present: true, Serial: p.Serial}, Serial: serial(records), Desired: records})
				},
				Notified: func(ctx context.Context, zone dns.Name) ([]dns.Serial, error) {
					if err := told.await(ctx, zone); err != nil {
						return nil, err
					}
					n, _, err := dnstest.Ask(ctx, addr, zone, asKey)
					return []dns.Serial{n}, err
				},
			}
		},
		Features: dnstest.Features{Serials: true, Lists: true},
		Without:  map[string]string{"CUT-1": "nothing is sent", "CUT-2": "nothing is sent", "CTX-2": "nothing is sent"},
	})
}
