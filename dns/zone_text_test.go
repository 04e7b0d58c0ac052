package dns_test

import (
	"bytes"
	"strings"
	"testing"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

const zoneFile = `$ORIGIN example.com.
$TTL 1h
@   IN SOA ns1.example.net. hostmaster ( 2026112600 ; serial
        2h 15m
        2w 5m )   ; minimum
    NS  ns1.example.net.
 60 IN NS ns2.example.net.
www IN 300 A 192.0.2.1
    300 IN A 192.0.2.2
WWW AAAA 2001:db8::1
@   MX 10 mail
mail A 192.0.2.3
txt TXT "a;b" "c \"d\""   ; two strings
key._domainkey TXT ( "v=DKIM1; "
                     "p=AAAA" )
old TYPE1 \# 4 c0000204
x   SRV 0 0 443 www.example.com.
`

// TestReadZone: what zone files of other programs look like.
func TestReadZone(t *testing.T) {
	t.Parallel()
	records, err := dns.ReadZone(strings.NewReader(zoneFile), dns.ReadOptions{})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, dns.WriteZone(&out, records))
	require.Equal(t, strings.ReplaceAll(`example.com. 3600 IN SOA ns1.example.net. hostmaster.example.com. 2026112600 7200 900 1209600 300
example.com. 3600 IN NS ns1.example.net.
example.com. 60 IN NS ns2.example.net.
www.example.com. 300 IN A 192.0.2.1
www.example.com. 300 IN A 192.0.2.2
www.example.com. 3600 IN AAAA 2001:db8::1
example.com. 3600 IN MX 10~mail.example.com.
mail.example.com. 3600 IN A 192.0.2.3
txt.example.com. 3600 IN TXT "a;bc~\"d\""
key._domainkey.example.com. 3600 IN TXT "v=DKIM1;~p=AAAA"
old.example.com. 3600 IN A 192.0.2.4
x.example.com. 3600 IN SRV 0~0~443~www.example.com.
`, "~", " "), normalSpaces(out.String()))
	again, err := dns.ReadZone(&out, dns.ReadOptions{})
	require.NoError(t, err)
	require.Equal(t, records, again)
}

func normalSpaces(s string) string { return strings.ReplaceAll(s, "\t", " ") }

// TestReadZoneFaults: every fault is told with its line, and what is right is read.
func TestReadZoneFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, want string }{
		{"include", "$INCLUDE /etc/passwd\nwww.example.com. 60 A 192.0.2.1", "lines[1] include_refused"},
		{"generate", "$GENERATE 1-9 h$ A 192.0.2.$", "lines[1] generate_refused"},
		{"unknown directive", "$FOO", "lines[1] unknown_directive"},
		{"no origin", "www 60 A 192.0.2.1\n$ORIGIN com\nx.example. 60 NS ns", "lines[1].name no_origin; lines[2].origin no_origin; lines[3].data.host no_origin"},
		{"no owner", "  60 A 192.0.2.1", "lines[1].name no_owner"},
		{"no ttl", "a.example. A 192.0.2.1", "lines[1].ttl no_ttl"},
		{"big ttl", "a.example. 2147483648 A 192.0.2.1", "lines[1].ttl bad_duration"},
		{"type", "a.example. 60 FOO x", "lines[1].type unknown_type"},
		{"class", "a.example. 60 CH TXT x", "lines[1].class bad_class"},
		{"quote", "a.example. 60 TXT \"x\nb.example. 60 A 192.0.2.1", "lines[1] unclosed_quote"},
		{"parenthesis", "a.example. 60 TXT ( x", "lines[1] bad_parenthesis"},
		{"two fields", "a.example. 60 MX 70000", "lines[1].data.preference bad_number; lines[1].data.host required"},
		{"unsupported", "a.example. 60 TYPE99 x", "lines[1].data unsupported_type"},
		{"trailing", "a.example. 60 A 192.0.2.1 192.0.2.2", "lines[1].data trailing_text"},
		{"address", "a.example. 60 AAAA fe80::1%eth0", "lines[1].data.addr bad_address"},
		{"empty label", "a..example. 60 A 192.0.2.1", "lines[1].name empty_label"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := dns.ReadZone(strings.NewReader(c.file), dns.ReadOptions{})
			require.Equal(t, c.want, codes(t, err))
		})
	}
}

// codes lists the paths and codes of an error's issues.
func codes(t require.TestingT, err error) string {
	if err == nil {
		return ""
	}
	var inv *tierhost.Invalid
	require.ErrorAs(t, err, &inv)
	var list []string
	for _, i := range inv.Issues {
		list = append(list, strings.TrimSpace(i.Path+" "+i.Code))
	}
	return strings.Join(list, "; ")
}

// TestTypedData: what a customer types is one record or an error, never a part of one.
func TestTypedData(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ        dns.Type
		text, want string // the data, or the code
	}{
		{dns.TypeTXT, `v=DKIM1; k=rsa`, "unquoted_semicolon"},
		{dns.TypeTXT, `two words`, "unquoted_space"},
		{dns.TypeTXT, `"two words"`, `"two words"`},
		{dns.TypeTXT, "\"a\"\n$INCLUDE /etc/passwd", "line_break"},
		{dns.TypeTXT, "a\x00b", "control_character"},
		{dns.TypeTXT, "(\n\"a\"\n\"b\"\n)\n", `"ab"`},
		{dns.TypeA, "192.0.2.1\nwww A 192.0.2.2", "line_break"},
		{dns.TypeA, "192.0.2.1 ; note", "unquoted_semicolon"},
		{dns.TypeA, "$INCLUDE /etc/passwd", "addr bad_address"},
		{dns.TypeA, "192.0.2.01", "addr bad_address"},
		{dns.TypeMX, "10 mail", "10 mail.example.com."},
		{dns.TypeMX, "10 @", "10 example.com."},
		{dns.TypeMX, "10", "host required"},
		{dns.TypeMX, "x", "preference bad_number; host required"},
		{dns.TypeCNAME, "Bücher.example.", "xn--bcher-kva.example."},
		{dns.TypeCNAME, "bücher", "xn--bcher-kva.example.com."},
		{dns.TypeCNAME, `a\.b`, `a\046b.example.com.`},
		{dns.TypeCNAME, `a\.`, `a\046.example.com.`},
		{dns.TypeCAA, `0 ISSUE "ca.example"`, `0 issue "ca.example"`},
		{dns.TypeCAA, `256 issue "x"`, "flags bad_number"},
		{dns.TypeHTTPS, `1 . alpn=h2,h3`, `1 . alpn="h2,h3"`},
		{dns.TypeHTTPS, `1 . port=1 alpn=h2`, `1 . alpn="h2" port="1"`},
		{dns.TypeHTTPS, `1 . alpn=h2 alpn=h3`, "params.alpn duplicate"},
		{dns.TypeHTTPS, `0 . alpn=h2`, "params conflict"},
		{dns.TypeHTTPS, `1 . mandatory=port`, "params missing_key"},
		{dns.TypeSVCB, `1 . foo=1`, "params.foo unknown_key"},
		{dns.TypeDS, `1 13 2 0`, "digest bad_hex"},
		{dns.TypeTLSA, `3 1 1 0a 0B`, "3 1 1 0a0b"},
		{dns.TypeA, `\# 4 c0000201`, "192.0.2.1"},
		{dns.TypeA, `\# 3 c00002`, "data bad_wire"},
		{dns.TypeA, `\# 5 c0000201`, "length bad_length"},
		{dns.Type(99), `x`, "unsupported_type"},
		{dns.Type(41), `\# 0`, "data.type bad_type"},
	} {
		d, err := dns.ParseRData(c.typ, c.text, "example.com")
		got := codes(t, err)
		if err == nil {
			got = d.String()
		}
		require.Equal(t, c.want, got, "%s %q", c.typ, c.text)
	}
}

// FuzzRecordText: whatever a record holds, its line is one record for us and for another
// reader, without a directive, and gives the record back if it is one that may be
// published.
func FuzzRecordText(f *testing.F) {
	f.Add("www.example.com", "192.0.2.1", uint8(0), uint16(10))
	f.Add("x\n$INCLUDE /etc/passwd", "a\"\n$ORIGIN evil.\n", uint8(3), uint16(1))
	f.Add(`a\`, `\`, uint8(4), uint16(1))
	f.Add("$INCLUDE", "; \x00 ( ", uint8(5), uint16(1))
	f.Add("(", ")", uint8(1), uint16(0))
	f.Fuzz(func(t *testing.T, owner, text string, kind uint8, n uint16) {
		var d dns.RData
		switch kind % 9 {
		case 0:
			d = dns.TXT{Text: text}
		case 1:
			d = dns.CNAME{Target: dns.Name(text)}
		case 2:
			d = dns.MX{Preference: n, Host: dns.Name(text)}
		case 3:
			d = dns.CAA{Flags: uint8(n), Tag: text, Value: text}
		case 4:
			d = dns.NAPTR{Order: n, Flags: text, Service: text, Regexp: text, Replacement: dns.Name(owner)}
		case 5:
			d = dns.HTTPS{Priority: n, Target: dns.Name(owner), Params: dns.SvcParams(text)}
		case 6:
			d = dns.SOA{Primary: dns.Name(text), Mailbox: dns.Name(owner), Serial: dns.Serial(n)}
		case 7:
			d = dns.Unknown{RType: dns.Type(n), Data: dns.Octets(text)}
		case 8:
			d = dns.SRV{Port: n, Target: dns.Name(text)}
		}
		r := dns.Record{Name: dns.Name(owner), TTL: uint32(n), Data: d}
		line := r.String()
		require.NotContains(t, line, "\n")
		require.NotContains(t, line, "\r")
		require.False(t, strings.HasPrefix(line, "$"), line)
		valid := r.Check() == nil

		file := "first.example. 60 IN A 192.0.2.1\n" + line + "\nlast.example. 60 IN A 192.0.2.2\n"
		records, err := dns.ReadZone(strings.NewReader(file), dns.ReadOptions{})
		if valid {
			require.NoError(t, err, line)
			require.Len(t, records, 3)
			require.Equal(t, r, records[1])
			requireOracleReads(t, r)
		}
		require.LessOrEqual(t, len(records), 3)
		require.Equal(t, dns.Name("first.example"), records[0].Name)
		require.Equal(t, dns.Name("last.example"), records[len(records)-1].Name)

		zp := miekg.NewZoneParser(strings.NewReader(file), "", "")
		seen := 0
		for _, ok := zp.Next(); ok; _, ok = zp.Next() {
			seen++
		}
		require.LessOrEqual(t, seen, 3, line)
	})
}

// FuzzParseRData: what is accepted is written and read back as the same.
func FuzzParseRData(f *testing.F) {
	for typ, texts := range presentations {
		for _, text := range texts {
			f.Add(uint16(typ), text)
		}
	}
	f.Fuzz(func(t *testing.T, typ uint16, text string) {
		d, err := dns.ParseRData(dns.Type(typ), text, "example.com")
		if err != nil {
			return
		}
		require.NoError(t, dns.CheckRData(d))
		again, err := dns.ParseRData(d.Type(), d.String(), "")
		require.NoError(t, err, d.String())
		require.Equal(t, d, again)
		if typ == uint16(dns.TypeALIAS) {
			return
		}
		requireOracleReads(t, dns.Record{Name: "x.example.com", TTL: 1, Data: d})
	})
}

// FuzzReadZone: any file is read to its end without a crash, and what was read is
// written and read again as the same.
func FuzzReadZone(f *testing.F) {
	f.Add(zoneFile)
	f.Add("$ORIGIN .\n@ 1 IN TXT a\\032b\n")
	f.Fuzz(func(t *testing.T, file string) {
		records, _ := dns.ReadZone(strings.NewReader(file), dns.ReadOptions{Origin: "example.com"})
		var out bytes.Buffer
		require.NoError(t, dns.WriteZone(&out, records))
		again, err := dns.ReadZone(&out, dns.ReadOptions{})
		require.NoError(t, err)
		require.Equal(t, records, again)
	})
}
