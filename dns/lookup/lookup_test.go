package lookup_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest/daemon"
	"github.com/tierhost/tierhost/dns/lookup"
	"github.com/tierhost/tierhost/dns/primary"
)

// registry is a zone above others. Its first server does not answer.
const registry = `
@         SOA ns1 hostmaster 7 7200 900 1209600 300
@         NS  ns0
@         NS  ns1
ns0       A   127.66.66.66
ns1       A   127.0.0.1
shop      NS  ns1.shop
shop      NS  NS2.Host.test.
shop      DS  12345 13 2 0000000000000000000000000000000000000000000000000000000000000001
ns1.shop  A   192.0.2.1
ns1.shop  AAAA 2001:db8::1
here      NS  ns1
free      A   192.0.2.80
`

const here = `
@ SOA ns1.registry.example. hostmaster 7 7200 900 1209600 300
@ NS  ns1.registry.example.
@ NS  ns2.registry.example.
`

// serve serves zones on loopback and returns a resolver that takes the server for the whole
// world.
func serve(t *testing.T, zones map[dns.Name]string) *lookup.Resolver {
	t.Helper()
	s, err := primary.New(primary.Options{Public: true})
	require.NoError(t, err)
	for name, text := range zones {
		records, err := dns.ReadZone(strings.NewReader("$TTL 300\n"+text), dns.ReadOptions{Origin: name})
		require.NoError(t, err)
		require.NoError(t, s.Apply(t.Context(), dns.Place{}, dns.Change{Operation: "load", Zone: name, Serial: 7, Desired: dns.Sorted(records)}))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	packets, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ctx, packets, l) }()
	t.Cleanup(func() { cancel(); <-done })
	r, err := lookup.New(lookup.Options{Servers: []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.66.66.66"), addr.Port()), addr}, Port: addr.Port()})
	require.NoError(t, err)
	return r
}

func TestDelegation(t *testing.T) {
	t.Parallel()
	r := serve(t, map[dns.Name]string{"registry.example": registry, "here.registry.example": here})
	for _, c := range []struct {
		zone dns.Name
		want dns.Delegation
	}{
		{"shop.registry.example", dns.Delegation{
			Hosts: []dns.DelegatedHost{
				{Name: "ns1.shop.registry.example", Glue: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}},
				{Name: "ns2.host.test"},
			},
			DS: []dns.DS{{KeyTag: 12345, Algorithm: 13, DigestType: 2, Digest: "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"}},
		}},
		// Who asks the server of both gets what the zone itself says.
		{"here.registry.example", dns.Delegation{Hosts: []dns.DelegatedHost{{Name: "ns1.registry.example"}, {Name: "ns2.registry.example"}}}},
		{"free.registry.example", dns.Delegation{}},
		{"nothing.registry.example", dns.Delegation{}},
		{"deep.below.registry.example", dns.Delegation{}},
	} {
		t.Run(string(c.zone), func(t *testing.T) {
			t.Parallel()
			got, err := r.Delegation(t.Context(), c.zone)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// A server that has a zone and the one above, which does not delegate it, says NXDOMAIN to
// the question for DS, as BIND does: there is none.
func TestZoneThatNothingDelegates(t *testing.T) {
	t.Parallel()
	zones := map[string]string{}
	for name, text := range map[dns.Name]string{"registry.example": registry, "plain.registry.example": here} {
		records, err := dns.ReadZone(strings.NewReader("$TTL 300\n"+text), dns.ReadOptions{Origin: name})
		require.NoError(t, err)
		var b strings.Builder
		for _, r := range records {
			b.WriteString(r.String() + "\n")
		}
		zones[string(name)] = b.String()
	}
	bind := daemon.BIND(t, daemon.Setup{Key: daemon.Key{Name: "k", Secret: "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="}, Zones: zones})
	addr := netip.MustParseAddrPort(bind.Addr())
	r, err := lookup.New(lookup.Options{Servers: []netip.AddrPort{addr}, Port: addr.Port()})
	require.NoError(t, err)
	got, err := r.Delegation(t.Context(), "plain.registry.example")
	require.NoError(t, err)
	require.Equal(t, dns.Delegation{Hosts: []dns.DelegatedHost{{Name: "ns1.registry.example"}, {Name: "ns2.registry.example"}}}, got)
}

// What a customer is told to set at the registrar.
func TestCheckDelegation(t *testing.T) {
	t.Parallel()
	r := serve(t, map[dns.Name]string{"registry.example": registry})
	records, err := dns.ReadZone(strings.NewReader(`$TTL 300
@    SOA ns1 hostmaster 1 7200 900 1209600 300
@    NS  ns1
@    NS  ns3.host.test.
ns1  A   192.0.2.200
`), dns.ReadOptions{Origin: "shop.registry.example"})
	require.NoError(t, err)
	faults, err := dns.CheckDelegation(t.Context(), r, "shop.registry.example", dns.WantedDelegation("shop.registry.example", records, nil))
	require.NoError(t, err)
	var codes []dns.DelegationCode
	for _, f := range faults {
		codes = append(codes, f.Code)
	}
	require.Equal(t, []dns.DelegationCode{dns.GlueDiffers, dns.HostMissing, dns.HostForeign, dns.DSForeign}, codes)
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	for name, zone := range map[string]string{
		"the servers are dead":        "@ SOA ns hostmaster 7 7200 900 1209600 300\n@ NS ns0\nns0 A 127.66.66.66\n",
		"the servers have no address": "@ SOA ns hostmaster 7 7200 900 1209600 300\n@ NS ns0\n@ NS ns1.elsewhere.test.\nns0 TXT none\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := serve(t, map[dns.Name]string{"registry.example": zone})
			_, err := r.Delegation(t.Context(), "shop.registry.example")
			require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err), "%v", err)
		})
	}
	t.Run("nobody knows the zone above", func(t *testing.T) {
		t.Parallel()
		_, err := serve(t, nil).Delegation(t.Context(), "shop.registry.example")
		require.Equal(t, tierhost.KindUnavailable, tierhost.KindOf(err), "%v", err)
	})
	t.Run("the context has ended", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := serve(t, map[dns.Name]string{"registry.example": registry}).Delegation(ctx, "shop.registry.example")
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	for path, opt := range map[string]lookup.Options{
		"servers":    {},
		"servers[0]": {Servers: []netip.AddrPort{{}}},
	} {
		_, err := lookup.New(opt)
		var invalid *tierhost.Invalid
		require.ErrorAs(t, err, &invalid, path)
		require.Equal(t, path, invalid.Issues[0].Path)
	}
	r := serve(t, nil)
	for _, zone := range []dns.Name{"", ".", "Not Canonical"} {
		_, err := r.Delegation(t.Context(), zone)
		require.Equal(t, tierhost.KindInvalid, tierhost.KindOf(err), "%q: %v", zone, err)
	}
}
