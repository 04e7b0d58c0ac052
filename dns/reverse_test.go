package dns_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost/dns"
)

// TestReverseNames: both ways, for all addresses.
func TestReverseNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, dns.Name("1.2.0.192.in-addr.arpa"), dns.ReverseName(netip.MustParseAddr("192.0.2.1")))
	require.Equal(t, dns.Name("1.2.0.192.in-addr.arpa"), dns.ReverseName(netip.MustParseAddr("::ffff:192.0.2.1")))
	require.Equal(t, dns.Name("b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"), dns.ReverseName(netip.MustParseAddr("4321:0:1:2:3:4:567:89ab")), "RFC 3596, 2.5")
	require.Empty(t, dns.ReverseName(netip.Addr{}))
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "octets")
		a, _ := netip.AddrFromSlice(raw)
		if rapid.Bool().Draw(t, "v4") {
			a, _ = netip.AddrFromSlice(raw[:4])
		}
		n := dns.ReverseName(a)
		require.NoError(t, n.Check())
		back, ok := dns.ReverseAddr(n)
		require.True(t, ok)
		require.Equal(t, a.Unmap(), back)
	})
	for _, n := range []dns.Name{"2.0.192.in-addr.arpa", "01.2.0.192.in-addr.arpa", "256.2.0.192.in-addr.arpa", "x.ip6.arpa", "example.com"} {
		_, ok := dns.ReverseAddr(n)
		require.False(t, ok, n)
	}
}

// TestReverseZones: which zones a network has.
func TestReverseZones(t *testing.T) {
	t.Parallel()
	for network, want := range map[string]string{
		"192.0.2.0/24":     "2.0.192.in-addr.arpa",
		"192.0.2.77/24":    "2.0.192.in-addr.arpa",
		"192.0.0.0/22":     "0.0.192.in-addr.arpa 1.0.192.in-addr.arpa 2.0.192.in-addr.arpa 3.0.192.in-addr.arpa",
		"10.0.0.0/8":       "10.in-addr.arpa",
		"10.0.0.0/7":       "10.in-addr.arpa 11.in-addr.arpa",
		"192.0.2.64/26":    "64/26.2.0.192.in-addr.arpa",
		"192.0.2.7/32":     "7.2.0.192.in-addr.arpa",
		"0.0.0.0/0":        "in-addr.arpa",
		"2001:db8::/32":    "8.b.d.0.1.0.0.2.ip6.arpa",
		"2001:db8::/31":    "8.b.d.0.1.0.0.2.ip6.arpa 9.b.d.0.1.0.0.2.ip6.arpa",
		"2001:db8:10::/46": "0.1.0.0.8.b.d.0.1.0.0.2.ip6.arpa 1.1.0.0.8.b.d.0.1.0.0.2.ip6.arpa 2.1.0.0.8.b.d.0.1.0.0.2.ip6.arpa 3.1.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		zones, err := dns.ReverseZones(netip.MustParsePrefix(network))
		require.NoError(t, err)
		var got []string
		for _, z := range zones {
			got = append(got, z.String())
		}
		require.Equal(t, want, strings.Join(got, " "), network)
	}
	_, err := dns.ReverseZones(netip.Prefix{})
	require.Equal(t, "network bad_network", codes(t, err))
}

// TestClasslessReverse: RFC 2317, 4: the zone above and the zone of the part fit together
// and are valid.
func TestClasslessReverse(t *testing.T) {
	t.Parallel()
	part := netip.MustParsePrefix("192.0.2.64/30")
	above, err := dns.DelegateReverse(part, []dns.Name{"ns1.example.net", "ns2.example.net"}, 300)
	require.NoError(t, err)
	zone := "2.0.192.in-addr.arpa"
	var out strings.Builder
	require.NoError(t, dns.WriteZone(&out, above))
	require.Equal(t, `64/30.2.0.192.in-addr.arpa. 300 IN NS ns1.example.net.
64/30.2.0.192.in-addr.arpa. 300 IN NS ns2.example.net.
64.2.0.192.in-addr.arpa. 300 IN CNAME 64.64/30.2.0.192.in-addr.arpa.
65.2.0.192.in-addr.arpa. 300 IN CNAME 65.64/30.2.0.192.in-addr.arpa.
66.2.0.192.in-addr.arpa. 300 IN CNAME 66.64/30.2.0.192.in-addr.arpa.
67.2.0.192.in-addr.arpa. 300 IN CNAME 67.64/30.2.0.192.in-addr.arpa.
`, normalSpaces(out.String()))
	records := append(readRecords(t, baseRecords, dns.Name(zone)), above...)
	require.NoError(t, dns.Validate(dns.EffectiveOf(dns.Name(zone), dns.LayerSystem, records), dns.ValidateOptions{}))

	zones, err := dns.ReverseZones(part)
	require.NoError(t, err)
	pointer, err := dns.PointerName(netip.MustParseAddr("192.0.2.65"), zones[0])
	require.NoError(t, err)
	require.Equal(t, above[3].Data, dns.CNAME{Target: pointer})
	below := append(readRecords(t, baseRecords, zones[0]), dns.Record{Name: pointer, TTL: 300, Data: dns.PTR{Target: "www.example.net"}})
	require.NoError(t, dns.Validate(dns.EffectiveOf(zones[0], dns.LayerSystem, below), dns.ValidateOptions{}))
	_, err = dns.PointerName(netip.MustParseAddr("192.0.2.68"), zones[0])
	require.Equal(t, "address not_in_zone", codes(t, err))
	whole, err := dns.PointerName(netip.MustParseAddr("192.0.2.68"), dns.Name(zone))
	require.NoError(t, err)
	require.Equal(t, dns.Name("68.2.0.192.in-addr.arpa"), whole)
	_, err = dns.DelegateReverse(netip.MustParsePrefix("192.0.2.0/24"), nil, 300)
	require.Equal(t, "network bad_network; servers required", codes(t, err))
}
