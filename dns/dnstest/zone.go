package dnstest

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/tierhost/tierhost/dns"
)

// at makes the records of a small zone with a serial: SOA and NS, and what add says.
func at(zone dns.Name, serial dns.Serial, add ...dns.Record) []dns.Record {
	return append([]dns.Record{
		{Name: zone, TTL: 3600, Data: soa(serial)},
		{Name: zone, TTL: 3600, Data: dns.NS{Host: "ns1.example.net"}},
		{Name: zone, TTL: 3600, Data: dns.NS{Host: "ns2.example.net"}},
	}, add...)
}

func soa(serial dns.Serial) dns.SOA {
	return dns.SOA{Primary: "ns1.example.net", Mailbox: "hostmaster.example.net", Serial: serial, Refresh: 7200, Retry: 900, Expire: 1209600, Minimum: 300}
}

func sub(label string, zone dns.Name) dns.Name { return dns.Name(label) + "." + zone }

func addr(last int) dns.A {
	return dns.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(last)})}
}

// small is a zone as most are.
func small(serial dns.Serial) func(dns.Name) []dns.Record {
	return func(zone dns.Name) []dns.Record {
		return at(zone, serial,
			dns.Record{Name: zone, TTL: 300, Data: addr(1)},
			dns.Record{Name: sub("www", zone), TTL: 300, Data: addr(2)},
			dns.Record{Name: sub("www", zone), TTL: 300, Data: addr(3)},
			dns.Record{Name: zone, TTL: 600, Data: dns.MX{Preference: 10, Host: sub("mail", zone)}},
			dns.Record{Name: sub("mail", zone), TTL: 300, Data: addr(4)},
			dns.Record{Name: sub("ftp", zone), TTL: 300, Data: dns.CNAME{Target: sub("www", zone)}},
		)
	}
}

// other differs from small in every way.
func other(serial dns.Serial) func(dns.Name) []dns.Record {
	return func(zone dns.Name) []dns.Record {
		z := at(zone, serial,
			dns.Record{Name: zone, TTL: 301, Data: addr(1)},                                       // another TTL
			dns.Record{Name: sub("www", zone), TTL: 300, Data: addr(3)},                           // a record less
			dns.Record{Name: sub("www", zone), TTL: 300, Data: addr(9)},                           // another one
			dns.Record{Name: sub("ftp", zone), TTL: 300, Data: addr(5)},                           // no alias any more
			dns.Record{Name: sub("mail", zone), TTL: 300, Data: dns.CNAME{Target: "mx.example"}},  // an alias now
			dns.Record{Name: sub("new", zone), TTL: 60, Data: dns.TXT{Text: "v=spf1 -all"}},       // a new name
			dns.Record{Name: sub("a.b.c.d", zone), TTL: 60, Data: dns.TXT{Text: "below nothing"}}, // below empty ones
		)
		z[1].Data = dns.NS{Host: "ns3.example.net"} // and another name server
		return z
	}
}

// rich has every type, and data that are hard to carry.
func rich(zone dns.Name) []dns.Record {
	var all []dns.Record
	add := func(label string, ttl uint32, data ...dns.RData) {
		name := zone
		if label != "" {
			name = sub(label, zone)
		}
		for _, d := range data {
			all = append(all, dns.Record{Name: name, TTL: ttl, Data: d})
		}
	}
	v6 := dns.AAAA{Addr: netip.MustParseAddr("2001:db8::53")}
	mapped := dns.AAAA{Addr: netip.MustParseAddr("::ffff:192.0.2.1")}
	add("", 300, addr(1), addr(2), v6)
	add("", 0, dns.CAA{Tag: "issue", Value: "ca.example.net; account=17"}, dns.CAA{Flags: 128, Tag: "iodef", Value: "mailto:a@example.net"}, dns.CAA{Tag: "issuewild", Value: ""})
	add("", dns.MaxTTL, dns.MX{Host: dns.Root})
	add("six", 1, mapped)
	add("*", 5, dns.TXT{Text: "any"})
	add("*.deep", 5, addr(7))
	add("_sip._tcp", 60, dns.SRV{Priority: 1, Weight: 65535, Port: 5060, Target: sub("host", zone)}, dns.SRV{Priority: 2, Target: dns.Root})
	add("host", 60, addr(8))
	add("alias", 60, dns.CNAME{Target: "target.example"})
	add("dname", 60, dns.DNAME{Target: "tree.example"})
	add("xn--bcher-kva", 60, addr(9))
	add(strings.Repeat("l", 63), 60, addr(10))
	add("_443._tcp", 60, dns.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: dns.Octets(strings.Repeat("\x00\xff", 16))})
	add("host", 60, dns.SSHFP{Algorithm: 4, Hash: 2, Fingerprint: dns.Octets(strings.Repeat("\x01", 32))})
	add("naptr", 60, dns.NAPTR{Order: 100, Preference: 10, Flags: "u", Service: "E2U+sip", Regexp: `!^.*$!sip:info@example.com!`, Replacement: dns.Root})
	add("child", 60, dns.NS{Host: sub("ns.child", zone)}, dns.NS{Host: "ns.example.net"})
	add("ns.child", 60, addr(11))
	add("child", 60, dns.DS{KeyTag: 60485, Algorithm: 13, DigestType: 2, Digest: dns.Octets(strings.Repeat("\xab", 32))})
	add("ptr", 60, dns.PTR{Target: "host.example"})
	for label, text := range map[string]string{
		"quote": `say "hi" \ and \"bye\"`, "semi": "v=DKIM1; k=rsa; p=MIG", "space": "  leading and trailing  ", "empty": "",
		"lines": "one\ntwo\r\nthree\ttab", "dollar": "$INCLUDE /etc/passwd", "paren": "( ) @ $ORIGIN", "utf8": "grüße, 世界", "octets": "\x00\x01\x7f\x80\xff",
		"long": strings.Repeat("0123456789", 100), "b255": strings.Repeat("x", 255), "b256": strings.Repeat("y", 256), "b510": strings.Repeat("z", 510),
	} {
		add("txt-"+label, 60, dns.TXT{Text: text})
	}
	add("many", 60, dns.TXT{Text: "a"}, dns.TXT{Text: "b"}, dns.TXT{Text: "A"})
	add("unknown", 60, dns.Unknown{RType: 65280, Data: "\x01\x02\x03"})
	return all
}

// wide has n hosts.
func wide(zone dns.Name, serial dns.Serial, n int) []dns.Record {
	all := at(zone, serial)
	for i := range n {
		all = append(all, dns.Record{Name: sub(fmt.Sprintf("host-%05d", i), zone), TTL: 300, Data: dns.A{Addr: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}})
	}
	return all
}
