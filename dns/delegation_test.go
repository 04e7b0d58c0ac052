package dns_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
)

type parent struct {
	delegation dns.Delegation
	err        error
}

func (p parent) Delegation(context.Context, dns.Name) (dns.Delegation, error) {
	return p.delegation, p.err
}

// TestCheckDelegation: what a customer has to set at the registrar.
func TestCheckDelegation(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr
	want := dns.WantedDelegation("example.com", readRecords(t, `@ 60 NS ns1
@ 60 NS ns2.example.net.
ns1 60 A 192.0.2.2
ns1 60 AAAA 2001:db8::1
sub 60 NS other.example.org.`, "example.com"), nil)
	require.Equal(t, dns.Delegation{Hosts: []dns.DelegatedHost{
		{Name: "ns1.example.com", Glue: []netip.Addr{addr("192.0.2.2"), addr("2001:db8::1")}}, {Name: "ns2.example.net"},
	}}, want)
	signed := want
	signed.DS = []dns.DS{{KeyTag: 1, Algorithm: 13, DigestType: 2, Digest: "x"}}
	both := want.Hosts
	for _, c := range []struct {
		name       string
		have, want dns.Delegation
		faults     []dns.DelegationFault
	}{
		{"all is well", dns.Delegation{Hosts: []dns.DelegatedHost{both[1], both[0]}}, want, nil},
		{"nothing is set", dns.Delegation{}, want, []dns.DelegationFault{{Code: dns.NotDelegated},
			{Code: dns.HostMissing, Host: "ns1.example.com", Want: both[0].Glue}, {Code: dns.HostMissing, Host: "ns2.example.net"}}},
		{"the old provider's", dns.Delegation{Hosts: []dns.DelegatedHost{both[0], {Name: "ns.old.example"}}}, want, []dns.DelegationFault{
			{Code: dns.HostMissing, Host: "ns2.example.net"}, {Code: dns.HostForeign, Host: "ns.old.example"}}},
		{"no addresses", dns.Delegation{Hosts: []dns.DelegatedHost{{Name: "ns1.example.com"}, both[1]}}, want, []dns.DelegationFault{
			{Code: dns.GlueMissing, Host: "ns1.example.com", Want: both[0].Glue}}},
		{"old addresses", dns.Delegation{Hosts: []dns.DelegatedHost{{Name: "ns1.example.com", Glue: []netip.Addr{addr("192.0.2.1")}}, both[1]}}, want, []dns.DelegationFault{
			{Code: dns.GlueDiffers, Host: "ns1.example.com", Have: []netip.Addr{addr("192.0.2.1")}, Want: both[0].Glue}}},
		{"signed, and nobody knows", want, signed, []dns.DelegationFault{{Code: dns.DSMissing, DS: signed.DS}}},
		{"not signed any more", signed, want, []dns.DelegationFault{{Code: dns.DSForeign, DS: signed.DS}}},
		{"one of the keys fits", dns.Delegation{Hosts: both, DS: append([]dns.DS{{KeyTag: 7}}, signed.DS...)}, signed, nil},
	} {
		faults, err := dns.CheckDelegation(t.Context(), parent{delegation: c.have}, "example.com", c.want)
		require.NoError(t, err)
		require.Equal(t, c.faults, faults, c.name)
	}
	broken := errors.New("no answer")
	_, err := dns.CheckDelegation(t.Context(), parent{err: broken}, "example.com", want)
	require.ErrorIs(t, err, broken)
}

// TestCapabilities (bug 20): what a server cannot publish is told before anything is
// changed.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	records := readRecords(t, baseRecords+"@ 60 ALIAS x.example.net.\nlong 60 TXT aaaaaaaaaaaa\nx 60 CAA 0 issue ca.example", "example.com")
	require.NoError(t, dns.Capabilities{Alias: true}.Check(records))
	require.Equal(t, "records[3] unsupported_type", codes(t, dns.Capabilities{}.Check(records)))
	require.Equal(t, "records[5] unsupported_type", codes(t, dns.Capabilities{Alias: true, Except: []dns.Type{dns.TypeCAA, dns.TypeHTTPS}}.Check(records)))
	require.Equal(t, "records too_many_records; records[3] unsupported_type; records[4] text_too_long; records[5] unsupported_type",
		codes(t, dns.Capabilities{MaxRecords: 5, MaxText: 10, Types: []dns.Type{dns.TypeA, dns.TypeTXT}}.Check(records)))
}

// wrapped is a decorator.
type wrapped struct{ dns.NameServer }

func (w wrapped) Unwrap() dns.NameServer { return w.NameServer }

type probing struct{ dns.NameServer }

func (probing) Probe(context.Context, dns.Place) error { return nil }

// TestAs: abilities are found through decorators.
func TestAs(t *testing.T) {
	t.Parallel()
	_, ok := dns.As[dns.Prober](wrapped{wrapped{probing{}}})
	require.True(t, ok)
	_, ok = dns.As[dns.Lister](wrapped{probing{}})
	require.False(t, ok)
	_, ok = dns.As[dns.Prober](nil)
	require.False(t, ok)
}
