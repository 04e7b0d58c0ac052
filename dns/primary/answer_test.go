package primary_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest/daemon"
	"github.com/tierhost/tierhost/dns/primary"
)

// puzzling is a zone with what servers get wrong: the wildcards of RFC 4592, empty names
// between, chains and circles of aliases, delegations with and without glue, DNAME.
func puzzling(t testing.TB) []dns.Record {
	return zone(t, "example.org", 7,
		"@ 300 A 192.0.2.1", "@ 300 MX 10 mail", "@ 300 TXT \"apex\"",
		"* 60 TXT \"this is a wildcard\"", "* 60 MX 10 host1",
		"sub.* 60 TXT \"not a wildcard\"", "host1 60 A 192.0.2.2", "host1 60 AAAA 2001:db8::2",
		"_ssh._tcp.host1 60 SRV 0 0 22 host1", "_ssh._tcp.host2 60 SRV 0 0 22 host1",
		"subdel 60 NS ns.example.com.", "subdel 60 NS ns.example.net.",
		"glue 60 NS ns1.glue", "glue 60 NS ns2.glue", "ns1.glue 60 A 192.0.2.53", "ns2.glue 60 AAAA 2001:db8::53",
		"glue 60 DS 60485 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A", "below.glue 60 A 192.0.2.99",
		"mail 60 A 192.0.2.3", "www 60 CNAME alias1", "alias1 60 CNAME alias2", "alias2 60 CNAME host1",
		"out 60 CNAME www.example.com.", "dangling 60 CNAME nowhere.nothing.at.all.missing.under.host1", "todel 60 CNAME x.glue",
		"loop1 60 CNAME loop2", "loop2 60 CNAME loop1", "towild 60 CNAME anything-at-all",
		"*.wild 60 CNAME host1", "a.b.c.d 60 A 192.0.2.4", "*.c.d 60 A 192.0.2.5", "tree 60 DNAME other.example.org.", "x.other 60 A 192.0.2.6",
		"out-tree 60 DNAME example.net.", "text 60 TXT \""+strings.Repeat("x", 200)+"\"",
	)
}

// names asks about: all owners, and names beside, above and below them.
func names(records []dns.Record, r *rand.Rand) []string {
	all := []string{"nx.example.org.", "a.nx.example.org.", "deep.sub.host1.example.org.", "x.tree.example.org.", "tree.example.org.", "y.tree.example.org.",
		"q.out-tree.example.org.", "host3.example.org.", "foo.bar.example.org.", "sub.*.example.org.", "*.example.org.", "ghost.*.example.org.", "_tcp.host1.example.org.",
		"_telnet._tcp.host1.example.org.", "host.subdel.example.org.", "x.wild.example.org.", "x.y.wild.example.org.", "wild.example.org.", "d.example.org.", "x.c.d.example.org.",
		"c.d.example.org.", "x.d.example.org.", "below.glue.example.org.", "x.below.glue.example.org.", "EXAMPLE.org.", "WwW.eXample.ORG."}
	for _, rec := range records {
		all = append(all, rec.Name.FQDN(), "x."+rec.Name.FQDN(), fmt.Sprintf("r%d.%s", r.IntN(1000), rec.Name.FQDN()))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// essence is what an answer says, without what servers may do as they like: further
// records, the order of records.
func essence(m *miekg.Msg) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s aa=%v tc=%v\n", miekg.RcodeToString[m.Rcode], m.Authoritative, m.Truncated)
	section := func(name string, list []miekg.RR, keep func(miekg.RR) bool) {
		var lines []string
		for _, rr := range list {
			if keep(rr) {
				lines = append(lines, name+" "+strings.ToLower(rr.String()))
			}
		}
		slices.Sort(lines)
		b.WriteString(strings.Join(lines, "\n") + "\n")
	}
	section("answer", m.Answer, func(miekg.RR) bool { return true })
	referral := !m.Authoritative || len(m.Answer) == 0 || m.Answer[len(m.Answer)-1].Header().Rrtype == miekg.TypeCNAME
	section("authority", m.Ns, func(rr miekg.RR) bool {
		return referral || rr.Header().Rrtype == miekg.TypeSOA // NS beside a positive answer are a courtesy
	})
	section("additional", m.Extra, func(rr miekg.RR) bool {
		return !m.Authoritative && rr.Header().Rrtype != miekg.TypeOPT && strings.HasSuffix(rr.Header().Name, ".glue.example.org.")
	})
	return b.String()
}

// The server answers as NSD and Knot do with the same zone.
func TestAnswersAsOthersDo(t *testing.T) {
	t.Parallel()
	records := puzzling(t)
	s, addr := start(t, primary.Options{Public: true, Rate: -1})
	put(t, s, "example.org", nil, records)
	text := ""
	for _, r := range records {
		text += r.String() + "\n"
	}
	setup := daemon.Setup{Key: daemon.Key{Name: "k", Secret: keySecret}, Zones: map[string]string{"example.org": text}}
	nsd, knot := daemon.NSD(t, setup), daemon.Knot(t, setup)
	client := miekg.Client{Timeout: 5 * time.Second}
	ask := func(addr, name string, rrtype uint16) *miekg.Msg {
		m := new(miekg.Msg)
		m.SetQuestion(name, rrtype)
		m.RecursionDesired = false
		m.SetEdns0(1232, false)
		answer, _, err := client.Exchange(m, addr)
		require.NoError(t, err, "%s %s", name, miekg.TypeToString[rrtype])
		return answer
	}
	asked, alone := 0, 0
	for _, name := range names(records, rand.New(rand.NewPCG(1, 2))) {
		for _, rrtype := range []uint16{miekg.TypeA, miekg.TypeAAAA, miekg.TypeTXT, miekg.TypeMX, miekg.TypeNS, miekg.TypeCNAME, miekg.TypeSOA, miekg.TypeDS, miekg.TypeSRV, miekg.TypeDNAME} {
			own := essence(ask(addr, name, rrtype))
			a, b := essence(ask(nsd.Addr(), name, rrtype)), essence(ask(knot.Addr(), name, rrtype))
			asked++
			if own != a && own != b {
				t.Errorf("%s %s:\n%s\nNSD says\n%s\nKnot says\n%s", name, miekg.TypeToString[rrtype], own, a, b)
			} else if a != b {
				alone++ // the two do not agree with each other
			}
		}
	}
	t.Logf("%d questions; NSD and Knot differ from each other in %d", asked, alone)
}

// Where a server has a zone and the one above, it answers for the zone below from that, and
// for its DS from the one above, as NSD and Knot do.
func TestAnswersAboveAndBelow(t *testing.T) {
	t.Parallel()
	s, addr := start(t, primary.Options{Public: true, Rate: -1})
	above := zone(t, "example.org", 7, "child 60 NS ns1.child", "ns1.child 60 A 192.0.2.53",
		"child 60 DS 60485 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A", "plain 60 NS ns1.child")
	below := zone(t, "child.example.org", 3, "ns1 60 A 192.0.2.53", "www 60 A 192.0.2.80")
	plain := zone(t, "plain.example.org", 3, "www 60 A 192.0.2.81")
	setup := daemon.Setup{Key: daemon.Key{Name: "k", Secret: keySecret}, Zones: map[string]string{}}
	for name, records := range map[dns.Name][]dns.Record{"example.org": above, "child.example.org": below, "plain.example.org": plain} {
		put(t, s, name, nil, records)
		setup.Zones[string(name)] = fileOf(records)
	}
	nsd, knot := daemon.NSD(t, setup), daemon.Knot(t, setup)
	client := miekg.Client{Timeout: 5 * time.Second}
	for _, name := range []string{"example.org.", "child.example.org.", "www.child.example.org.", "plain.example.org.", "www.plain.example.org.", "ns1.child.example.org."} {
		for _, rrtype := range []uint16{miekg.TypeDS, miekg.TypeA, miekg.TypeNS, miekg.TypeSOA} {
			ask := func(addr string) string {
				m := new(miekg.Msg).SetQuestion(name, rrtype)
				m.RecursionDesired = false
				answer, _, err := client.Exchange(m, addr)
				require.NoError(t, err)
				return essence(answer)
			}
			require.Contains(t, []string{ask(nsd.Addr()), ask(knot.Addr())}, ask(addr), "%s %s", name, miekg.TypeToString[rrtype])
		}
	}
}

// Where all servers have a zone and the one above nothing delegates it: then nothing of the
// zone above is said of names in it, neither at the end of an alias (RFC 1034, 4.3.2) nor to
// a question for DS. So answers NSD.
func TestAnswersOfZonesThatNothingDelegates(t *testing.T) {
	t.Parallel()
	s, addr := start(t, primary.Options{Public: true, Rate: -1})
	setup := daemon.Setup{Key: daemon.Key{Name: "k", Secret: keySecret}, Zones: map[string]string{}}
	for name, records := range map[dns.Name][]dns.Record{
		"example.org": zone(t, "example.org", 7, "* 60 A 192.0.2.1", "www 60 CNAME child", "deep 60 CNAME www.child", "none 60 CNAME nothing.child",
			"twice 60 CNAME www", "tree 60 DNAME child", "own 60 CNAME wild", "up 60 CNAME up.child", "out 60 CNAME www.example.net.", "circle 60 CNAME circle.child", "cut 60 NS ns1.cut", "ns1.cut 60 A 192.0.2.53"),
		"child.example.org": zone(t, "child.example.org", 3, "@ 60 A 192.0.2.79", "www 60 A 192.0.2.80", "up 60 CNAME www.example.org.",
			"circle 60 CNAME b", "b 60 CNAME circle"),
		"example.net":            zone(t, "example.net", 3, "www 60 A 192.0.2.82"),
		"grand.tree.example.org": zone(t, "grand.tree.example.org", 3, "@ 60 A 192.0.2.81"),
	} {
		put(t, s, name, nil, records)
		setup.Zones[string(name)] = fileOf(records)
	}
	nsd := daemon.NSD(t, setup)
	client := miekg.Client{Timeout: 5 * time.Second}
	for _, name := range []string{"www", "deep", "none", "twice", "tree", "x.tree", "www.tree", "own", "up", "out", "circle", "child", "www.child", "nothing.child", "cut", "x.cut", "nothing"} {
		for _, rrtype := range []uint16{miekg.TypeA, miekg.TypeTXT, miekg.TypeDS} {
			t.Run(name+"/"+miekg.TypeToString[rrtype], func(t *testing.T) {
				ask := func(addr string) string {
					m := new(miekg.Msg).SetQuestion(name+".example.org.", rrtype)
					m.RecursionDesired = false
					answer, _, err := client.Exchange(m, addr)
					require.NoError(t, err)
					return essence(answer)
				}
				require.Equal(t, ask(nsd.Addr()), ask(addr))
			})
		}
	}
	// NSD has no zones below a DNAME.
	for rrtype, want := range map[uint16]int{miekg.TypeA: 1, miekg.TypeDS: 0} {
		answer, _, err := client.Exchange(new(miekg.Msg).SetQuestion("grand.tree.example.org.", rrtype), addr)
		require.NoError(t, err)
		require.Equal(t, miekg.RcodeSuccess, answer.Rcode)
		require.Len(t, answer.Answer, want)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s, addr := start(t, primary.Options{Public: true, Rate: -1, Catalog: "catalog.invalid"})
	s.Open()
	put(t, s, "example.org", nil, puzzling(t))
	big := zone(t, "big.example", 1)
	for i := range 60 {
		big = append(big, zone(t, "big.example", 1, fmt.Sprintf("many 60 TXT \"%d %s\"", i, strings.Repeat("x", 50)))[2:]...)
	}
	put(t, s, "big.example", nil, big)
	udp, tcp := miekg.Client{Timeout: 5 * time.Second}, miekg.Client{Net: "tcp", Timeout: 5 * time.Second}
	ask := func(c miekg.Client, name string, rrtype uint16, change func(*miekg.Msg)) *miekg.Msg {
		m := new(miekg.Msg)
		m.SetQuestion(name, rrtype)
		if change != nil {
			change(m)
		}
		answer, _, err := c.Exchange(m, addr)
		require.NoError(t, err)
		return answer
	}
	edns := func(size uint16) func(*miekg.Msg) { return func(m *miekg.Msg) { m.SetEdns0(size, true) } }

	a := ask(udp, "big.example.", miekg.TypeSOA, nil)
	require.True(t, a.Authoritative)
	require.True(t, a.RecursionDesired)
	require.False(t, a.RecursionAvailable)
	require.Nil(t, a.IsEdns0(), "who does not speak EDNS gets none")

	a = ask(udp, "many.big.example.", miekg.TypeTXT, nil)
	require.True(t, a.Truncated)
	require.Empty(t, a.Answer)
	a = ask(udp, "many.big.example.", miekg.TypeTXT, edns(4096))
	require.True(t, a.Truncated, "no more than 1232 octets leave over UDP")
	require.NotNil(t, a.IsEdns0())
	require.True(t, a.IsEdns0().Do())
	a = ask(tcp, "many.big.example.", miekg.TypeTXT, nil)
	require.False(t, a.Truncated)
	require.Len(t, a.Answer, 60)

	a = ask(udp, "example.org.", miekg.TypeANY, nil)
	require.NotEmpty(t, a.Answer)
	for _, rr := range a.Answer {
		require.Equal(t, a.Answer[0].Header().Rrtype, rr.Header().Rrtype, "ANY gets one set")
	}
	for _, name := range []string{"example.com.", "org.", ".", "catalog.invalid.", "version.catalog.invalid."} {
		a = ask(udp, name, miekg.TypeSOA, nil)
		require.Equal(t, miekg.RcodeRefused, a.Rcode, name)
		require.Empty(t, a.Answer)
	}
	a = ask(udp, "example.org.", miekg.TypeTXT, func(m *miekg.Msg) { m.Question[0].Qclass = miekg.ClassCHAOS })
	require.Equal(t, miekg.RcodeRefused, a.Rcode)
	a = ask(udp, "example.org.", miekg.TypeA, func(m *miekg.Msg) { m.SetEdns0(1232, false); m.IsEdns0().SetVersion(1) })
	require.Equal(t, miekg.RcodeBadVers, a.Rcode)
	for _, opcode := range []int{miekg.OpcodeNotify, miekg.OpcodeUpdate, miekg.OpcodeStatus, 15} {
		a = ask(udp, "example.org.", miekg.TypeSOA, func(m *miekg.Msg) { m.Opcode = opcode })
		require.Equal(t, miekg.RcodeNotImplemented, a.Rcode)
	}
	for _, rrtype := range []uint16{miekg.TypeAXFR, miekg.TypeIXFR} {
		a = ask(tcp, "example.org.", rrtype, func(m *miekg.Msg) {
			m.Ns = []miekg.RR{&miekg.SOA{Hdr: miekg.RR_Header{Name: "example.org.", Rrtype: miekg.TypeSOA, Class: 1}, Serial: 1}}
		})
		require.Equal(t, miekg.RcodeRefused, a.Rcode, "the public gets no transfers")
	}
}

// A hidden primary answers nobody but its peers.
func TestHidden(t *testing.T) {
	t.Parallel()
	s, addr := start(t, primary.Options{Keys: []primary.Key{key}, Peers: []primary.Peer{{Key: key.Name}}})
	put(t, s, "example.org", nil, puzzling(t))
	m := new(miekg.Msg)
	m.SetQuestion("example.org.", miekg.TypeSOA)
	a, _, err := new(miekg.Client).Exchange(m, addr)
	require.NoError(t, err)
	require.Equal(t, miekg.RcodeRefused, a.Rcode)
	m.SetTsig("transfer-key.", miekg.HmacSHA256, 300, time.Now().Unix())
	a, _, err = (&miekg.Client{TsigSecret: map[string]string{"transfer-key.": keySecret}}).Exchange(m, addr)
	require.NoError(t, err)
	require.Len(t, a.Answer, 1)
}

// Answers to one network are bounded; honest clients go on over TCP.
func TestRate(t *testing.T) {
	t.Parallel()
	s, addr := start(t, primary.Options{Public: true, Rate: 10})
	put(t, s, "example.org", nil, puzzling(t))
	whole, cut, none := 0, 0, 0
	client := miekg.Client{Timeout: 100 * time.Millisecond}
	for range 50 {
		m := new(miekg.Msg)
		m.SetQuestion("example.org.", miekg.TypeA)
		a, _, err := client.Exchange(m, addr)
		switch {
		case err != nil:
			none++
		case a.Truncated:
			cut++
		default:
			whole++
		}
	}
	require.Positive(t, cut)
	require.Positive(t, none)
	require.GreaterOrEqual(t, whole, 10)
	m := new(miekg.Msg)
	m.SetQuestion("example.org.", miekg.TypeA)
	a, _, err := (&miekg.Client{Net: "tcp"}).Exchange(m, addr)
	require.NoError(t, err)
	require.Len(t, a.Answer, 1)
}
