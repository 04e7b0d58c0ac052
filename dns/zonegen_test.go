package dns_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/dns"
)

// generator draws records that are often wrong, so that what validation lets through is
// what is to be shown. It draws from few names, so that records meet.
type generator struct {
	*rand.Rand
	zone dns.Name
}

func newGenerator(seed uint64, zone dns.Name) generator {
	return generator{rand.New(rand.NewPCG(seed, 53)), zone}
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) label() string {
	switch g.IntN(12) {
	case 0:
		return strings.Repeat(pick(g, "a", "z9", "x-x"), 1+g.IntN(20))
	case 1:
		return pick(g, "_sip", "_tcp", "_dmarc", "_domainkey", "_443")
	case 2:
		return pick(g, "xn--bcher-kva", "xn--mnchen-3ya")
	case 3:
		return pick(g, `\000`, `a\046b`, `\255x`, `a\032b`, "-a", "a_b", "a/b", "0", "1")
	}
	return pick(g, "www", "mail", "ns", "sub", "a", "b", "d", "w")
}

// name is a name of the zone, or nearly one.
func (g generator) name() dns.Name {
	n := g.zone
	for range g.IntN(4) {
		n = dns.Name(g.label()) + "." + n
	}
	if g.IntN(10) == 0 {
		n = "*." + n
	}
	return n
}

func (g generator) target() dns.Name {
	switch g.IntN(8) {
	case 0:
		return dns.Root
	case 1, 2, 3:
		return pick(g, dns.Name("mx.example.net"), "ns1.example.net", "_x.example.net", "192.0.2.1", "net")
	}
	return g.name()
}

func (g generator) octets(most int) string {
	b := make([]byte, g.IntN(most+1))
	printable := g.IntN(2) == 0
	for i := range b {
		b[i] = byte(g.IntN(256))
		if printable {
			b[i] = "abc ;\"\\()$@\t"[g.IntN(12)]
		}
	}
	return string(b)
}

func (g generator) uint16() uint16 {
	return pick(g, 0, 1, 10, 443, uint16(g.IntN(1<<16)), 65535)
}

func (g generator) text() string {
	switch g.IntN(8) {
	case 0:
		return "v=spf1 " + pick(g, "mx -all", "a:"+string(g.name())+" -all", "include:"+string(g.name())+" ~all", "ip4:192.0.2.0/24 -all", "nonsense")
	case 1:
		return "v=DMARC1; p=" + pick(g, "none", "reject", "x")
	case 2:
		return g.octets(700)
	}
	return g.octets(30)
}

func (g generator) svc() (uint16, dns.Name, dns.SvcParams) {
	params, err := dns.ParseSvcParams(pick(g, "", "alpn=h2", "alpn=h2,h3 no-default-alpn", "port=443 ipv4hint=192.0.2.1", "mandatory=port port=1", "mandatory=alpn",
		"ipv6hint=2001:db8::1,2001:db8::2", "ech=AAEC", "dohpath=/q{?dns}", `key700="a\"\000b"`, "no-default-alpn", `alpn="a\\,b,c"`, "key701"))
	if err != nil {
		params = ""
	}
	if g.IntN(10) == 0 {
		params = dns.SvcParams(g.octets(12))
	}
	return pick(g, uint16(0), 1, 2), g.target(), params
}

func (g generator) data() dns.RData {
	switch g.IntN(21) {
	case 0, 1, 2, 3:
		return dns.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(g.IntN(8))})}
	case 4:
		return dns.AAAA{Addr: netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(g.IntN(8))})}
	case 5, 6:
		return dns.CNAME{Target: g.target()}
	case 7, 8:
		return dns.MX{Preference: g.uint16(), Host: g.target()}
	case 9, 10:
		return dns.TXT{Text: g.text()}
	case 11:
		return dns.SRV{Priority: g.uint16(), Weight: g.uint16(), Port: g.uint16(), Target: g.target()}
	case 12:
		return dns.CAA{Flags: pick(g, uint8(0), 128, 1), Tag: pick(g, "issue", "issuewild", "iodef", "tbs", "x1"),
			Value: pick(g, "ca.example.net", ";", "ca.example.net; account=7", "mailto:a@example.com", g.octets(300))}
	case 13:
		return dns.NS{Host: g.target()}
	case 14:
		return dns.PTR{Target: g.target()}
	case 15:
		p, t, params := g.svc()
		if g.IntN(2) == 0 {
			return dns.SVCB{Priority: p, Target: t, Params: params}
		}
		return dns.HTTPS{Priority: p, Target: t, Params: params}
	case 16:
		return dns.TLSA{Usage: uint8(g.IntN(5)), Selector: uint8(g.IntN(3)), Matching: uint8(g.IntN(4)), Data: dns.Octets(g.digest())}
	case 17:
		return dns.SSHFP{Algorithm: uint8(g.IntN(6)), Hash: uint8(g.IntN(4)), Fingerprint: dns.Octets(g.digest())}
	case 18:
		return dns.NAPTR{Order: g.uint16(), Preference: g.uint16(), Flags: pick(g, "u", "S", "", "a"), Service: pick(g, "E2U+sip", "", "SIP+D2U", g.octets(20)),
			Regexp: g.regexp(), Replacement: pick(g, dns.Root, g.target())}
	case 19:
		return pick[dns.RData](g, dns.DS{KeyTag: g.uint16(), Algorithm: 13, DigestType: uint8(g.IntN(5)), Digest: dns.Octets(g.digest())}, dns.DNAME{Target: g.target()})
	}
	// Types that others know by their layout, that nobody knows, and that are no data.
	typ := pick(g, dns.Type(g.IntN(300)), dns.Type(65280+g.IntN(200)), 13, 17, 18, 37, 49, 53, 61, 99, 108, 109, 256)
	data := g.octets(40)
	switch typ {
	case 13:
		data = "\x01a\x02bc"
	case 17:
		data = "\x01a\x00\x00"
	case 18:
		data = "\x00\x01\x01a\x00"
	case 109:
		data = "12345678"
	case 108:
		data = "123456"
	case 256:
		data = "\x00\x01\x00\x01https://example.com/"
	}
	return dns.Unknown{RType: typ, Data: dns.Octets(data)}
}

func (g generator) regexp() string {
	if g.IntN(3) == 0 {
		return g.octets(20)
	}
	var b strings.Builder
	b.WriteString(pick(g, "!", "/", "u", "!"))
	for range g.IntN(5) {
		b.WriteString(pick(g, "^", ".*", "$", "(a)", "[a-z]", "\\.", "(", "a{2}", "x|y", "*", "[^]", "\\1", "a", "!", "+"))
	}
	b.WriteString("!")
	b.WriteString(pick(g, "sip:info@example.com", "\\1", "a", "", "\\2"))
	return b.String() + pick(g, "!", "!i", "!x", "")
}

func (g generator) digest() string {
	return strings.Repeat(pick(g, "\x00", "a"), pick(g, 0, 1, 20, 32, 48, 64))
}

func (g generator) record() dns.Record {
	return dns.Record{Name: g.name(), TTL: pick(g, uint32(60), 60, 60, 300, 0), Data: g.data()}
}

// system is what each zone has.
func (g generator) system() []dns.Entry {
	records := []dns.Record{
		{Name: g.zone, TTL: 3600, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "hostmaster.example.net", Serial: 1, Refresh: 7200, Retry: 900, Expire: 1209600, Minimum: 300}},
		{Name: g.zone, TTL: 3600, Data: dns.NS{Host: "ns1.example.net"}},
		{Name: g.zone, TTL: 3600, Data: dns.NS{Host: "ns2.example.net"}},
	}
	return entriesOf(dns.LayerSystem, records)
}

// edit tries an edit of the custom records: something is added, changed or removed, and
// the outcome is kept if validation lets it through.
func (g generator) edit(system, custom []dns.Entry) (edited []dns.Entry, kept bool) {
	next := slices.Clone(custom)
	switch k := g.IntN(10); {
	case g.IntN(12) == 0:
		at, entry := g.name(), func(name dns.Name, d dns.RData) dns.Entry {
			return dns.Entry{ID: fmt.Sprint(g.Uint64()), Record: dns.Record{Name: name, TTL: 60, Data: d}}
		}
		next = append(next, entry(at, dns.NS{Host: "ns." + at}), entry(at, dns.NS{Host: g.target()}),
			entry("ns."+at, dns.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, 9})}))
		if g.IntN(2) == 0 {
			next = append(next, entry(at, dns.DS{KeyTag: g.uint16(), Algorithm: 13, DigestType: 2, Digest: dns.Octets(strings.Repeat("x", 32))}))
		}
	case k < 7 || len(next) == 0:
		for range 1 + g.IntN(2) {
			next = append(next, dns.Entry{ID: fmt.Sprint(g.Uint64()), Record: g.record()})
		}
	case k < 8:
		next[g.IntN(len(next))].Record.Data = g.data()
	case k < 9:
		next[g.IntN(len(next))].Disabled = g.IntN(2) == 0
	default:
		i := g.IntN(len(next))
		next = slices.Delete(next, i, i+1)
	}
	e := dns.Merge(dns.Layers{Zone: g.zone, System: system, Custom: next})
	if dns.Validate(e, dns.ValidateOptions{}) != nil {
		return custom, false
	}
	return next, true
}

// valid makes a zone of about n custom records that validation lets through.
func (g generator) valid(n int) []dns.Record {
	system := g.system()
	var custom []dns.Entry
	for range 12 * n {
		if custom, _ = g.edit(system, custom); len(custom) >= n {
			break
		}
	}
	return dns.Merge(dns.Layers{Zone: g.zone, System: system, Custom: custom}).Records()
}
