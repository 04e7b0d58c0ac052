package dns_test

import (
	"strings"
	"testing"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
)

// presentations are texts of data in the form that is written.
var presentations = map[dns.Type][]string{
	dns.TypeA:     {"192.0.2.1"},
	dns.TypeAAAA:  {"2001:db8::1", "::ffff:192.0.2.1"},
	dns.TypeCNAME: {"www.example.com.", "."},
	dns.TypeDNAME: {"example.net."},
	dns.TypeALIAS: {"app.example.net."},
	dns.TypeNS:    {"ns1.example.net."},
	dns.TypePTR:   {"host.example.net."},
	dns.TypeMX:    {"10 mail.example.com.", "0 ."},
	dns.TypeTXT: {`""`, `"v=spf1 -all"`, `"a;b \"c\" \\ d\009\255"`, `" leading and trailing "`,
		`"` + strings.Repeat("x", 255) + `"`, `"` + strings.Repeat("x", 255) + `" "y"`},
	dns.TypeSRV:   {"0 5 443 app.example.com.", "0 0 0 ."},
	dns.TypeCAA:   {`0 issue "letsencrypt.org"`, `128 issue "ca.example; account=1"`, `0 iodef "mailto:a@example.com"`, `0 tbs ""`},
	dns.TypeSVCB:  {"0 svc.example.net.", `1 . alpn="h2,h3" port="853" ipv4hint="192.0.2.1,192.0.2.2"`},
	dns.TypeHTTPS: {`1 . mandatory="alpn,port" alpn="h2" no-default-alpn port="8443" ech="AAEC" ipv6hint="2001:db8::1" dohpath="/q{?dns}" key667="a\"b"`},
	dns.TypeTLSA:  {"3 1 1 0a0b0c"},
	dns.TypeSSHFP: {"4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789"},
	dns.TypeNAPTR: {`100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .`, `100 50 "s" "SIP+D2U" "" _sip._udp.example.com.`},
	dns.TypeDS:    {"60485 13 2 d4b7d520e7bb5f0f67674a0cceb1e3e0614b93c4f9e99b8383f6a1e4469da50a"},
	dns.TypeSOA:   {`ns1.example.com. john\046doe.example.com. 4294967295 7200 900 1209600 300`},
	dns.Type(731): {`\# 6 abcdef012345`, `\# 0`},
}

// TestRDataRoundTrip: text and octets give back the same data and the same text.
func TestRDataRoundTrip(t *testing.T) {
	t.Parallel()
	for typ, texts := range presentations {
		for _, text := range texts {
			d, err := dns.ParseRData(typ, text, "")
			require.NoError(t, err, "%s %s", typ, text)
			require.Equal(t, text, d.String(), typ)
			require.Equal(t, typ, d.Type())
			require.NoError(t, dns.CheckRData(d))
			wire, err := dns.AppendWireRData(nil, d)
			require.NoError(t, err)
			back, err := dns.ParseWireRData(typ, wire)
			require.NoError(t, err, "%s %s", typ, text)
			require.Equal(t, d, back)
		}
	}
}

// TestRDataAgainstOracle: another implementation reads our text as the same octets.
func TestRDataAgainstOracle(t *testing.T) {
	t.Parallel()
	for typ, texts := range presentations {
		if typ == dns.TypeALIAS {
			continue // no type of DNS
		}
		for _, text := range texts {
			d, err := dns.ParseRData(typ, text, "")
			require.NoError(t, err)
			r := dns.Record{Name: "x.example.com", TTL: 300, Data: d}
			requireOracleReads(t, r)
		}
	}
}

// requireOracleReads: the line of a record is one record of the same octets for another
// implementation, which checks data of types that we know by their octets only.
func requireOracleReads(t require.TestingT, r dns.Record) {
	if _, known := miekg.TypeToRR[uint16(r.Type())]; known && !r.Type().Known() {
		return
	}
	zp := miekg.NewZoneParser(strings.NewReader(r.String()+"\n"), "", "")
	rr, ok := zp.Next()
	require.NoError(t, zp.Err(), r.String())
	require.True(t, ok, r.String())
	_, more := zp.Next()
	require.False(t, more, "a second record came out of %s", r)
	require.NoError(t, zp.Err())
	buf := make([]byte, 66000)
	n, err := miekg.PackRR(rr, buf, 0, nil, false)
	require.NoError(t, err, r.String())
	want, err := r.Name.AppendWire(nil)
	require.NoError(t, err)
	head := len(want) + 10 // type, class, TTL, length
	data, err := dns.AppendWireRData(nil, r.Data)
	require.NoError(t, err)
	require.Equal(t, strings.ToLower(string(want)), strings.ToLower(string(buf[:len(want)])))
	require.Equal(t, string(data), string(buf[head:n]), r.String())
	require.Equal(t, r.TTL, rr.Header().Ttl)
	require.Equal(t, uint16(r.Type()), rr.Header().Rrtype)
}
