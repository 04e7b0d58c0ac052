package primary_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/primary"
	"github.com/tierhost/tierhost/secret"
)

func peered(t testing.TB, opt primary.Options) (*primary.Server, string) {
	opt.Keys, opt.Peers = append(opt.Keys, key), append(opt.Peers, primary.Peer{Key: key.Name})
	return start(t, opt)
}

// ixfr asks for what has changed since a serial, and returns the records as they come.
func ixfr(t *testing.T, addr string, name dns.Name, since dns.Serial) []miekg.RR {
	t.Helper()
	m := new(miekg.Msg)
	m.SetIxfr(name.FQDN(), uint32(since), "a.", "b.")
	m.SetTsig(key.Name.FQDN(), miekg.HmacSHA256, 300, time.Now().Unix())
	tr := miekg.Transfer{TsigSecret: map[string]string{key.Name.FQDN(): keySecret}}
	envelopes, err := tr.In(m, addr)
	require.NoError(t, err)
	var all []miekg.RR
	for e := range envelopes {
		require.NoError(t, e.Error)
		all = append(all, e.RR...)
	}
	return all
}

func serials(list []miekg.RR) (n []uint32) {
	for _, rr := range list {
		if soa, ok := rr.(*miekg.SOA); ok {
			n = append(n, soa.Serial)
		}
	}
	return n
}

func TestIncremental(t *testing.T) {
	t.Parallel()
	s, addr := peered(t, primary.Options{})
	const name dns.Name = "example.org"
	var hosts []string
	for i := range 200 {
		hosts = append(hosts, fmt.Sprintf("host%d 60 A 192.0.2.%d", i, i))
	}
	now := zone(t, name, 1, hosts...)
	put(t, s, name, nil, now)
	edit := func(serial dns.Serial, lines ...string) {
		next := zone(t, name, serial, lines...)
		put(t, s, name, now, next)
		now = next
	}
	edit(2, append(hosts[1:], "new 60 A 192.0.2.1")...)
	edit(3, append(hosts[2:], "new 60 A 192.0.2.2")...)
	all := ixfr(t, addr, name, 1)
	require.Equal(t, []uint32{3, 1, 2, 2, 3, 3}, serials(all), "SOA: new; old, new of each step; new")
	require.Len(t, all, 6+2+3)
	require.Equal(t, []uint32{3, 2, 3, 3}, serials(ixfr(t, addr, name, 2)))
	require.Equal(t, []uint32{3}, serials(ixfr(t, addr, name, 3)), "nothing newer")
	require.Equal(t, []uint32{3}, serials(ixfr(t, addr, name, 4)), "the other side is ahead")
	whole := ixfr(t, addr, name, 4294967290)
	require.Equal(t, []uint32{3, 3}, serials(whole), "a serial that is not in the journal gets the whole zone")
	require.Len(t, whole, len(now)+1)

	// A burst: the journal is bounded by the size of the zone, and the whole zone is sent
	// to those who are further behind.
	for n := dns.Serial(4); n < 300; n++ {
		edit(n, append(hosts[2:], fmt.Sprintf("_acme-challenge 60 TXT \"%s\"", strings.Repeat("x", int(n)%40)))...)
	}
	require.Equal(t, []uint32{299, 299}, serials(ixfr(t, addr, name, 1)))
	require.Equal(t, []uint32{299, 297, 298, 298, 299, 299}, serials(ixfr(t, addr, name, 297)))

	// Made again after a removal: no history of the old zone.
	require.NoError(t, s.Remove(t.Context(), dns.Place{}, name))
	put(t, s, name, nil, zone(t, name, 400))
	require.Equal(t, []uint32{400, 400}, serials(ixfr(t, addr, name, 298)))

	// Over UDP there is the serial only.
	m := new(miekg.Msg)
	m.SetIxfr(name.FQDN(), 1, "a.", "b.")
	m.SetTsig(key.Name.FQDN(), miekg.HmacSHA256, 300, time.Now().Unix())
	a, _, err := (&miekg.Client{TsigSecret: map[string]string{key.Name.FQDN(): keySecret}}).Exchange(m, addr)
	require.NoError(t, err)
	require.Equal(t, []uint32{400}, serials(a.Answer))

	none, addrNone := peered(t, primary.Options{Journal: -1})
	put(t, none, name, nil, zone(t, name, 1))
	put(t, none, name, zone(t, name, 1), zone(t, name, 2, hosts[0]))
	require.Equal(t, []uint32{2, 2}, serials(ixfr(t, addrNone, name, 1)), "without a journal")
}

// Whatever is applied while transfers run, each is of one revision: a zone in which every
// record carries its serial never mixes two.
func TestOneRevision(t *testing.T) {
	t.Parallel()
	s, addr := peered(t, primary.Options{})
	const name dns.Name = "example.org"
	make := func(serial dns.Serial) []dns.Record {
		list := zone(t, name, serial)
		for i := range 3000 {
			list = append(list, dns.Record{Name: dns.Name(fmt.Sprintf("h%d.example.org", i)), TTL: 60, Data: dns.TXT{Text: serial.String()}})
		}
		return list
	}
	now := make(1)
	put(t, s, name, nil, now)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				p, err := dnstest.Transfer(context.WithoutCancel(ctx), addr, name, asKey)
				if err != nil || len(p.Records) != 3002 {
					t.Errorf("%d records: %v", len(p.Records), err)
					return
				}
				for _, r := range p.Records {
					if txt, ok := r.Data.(dns.TXT); ok && txt.Text != p.Serial.String() {
						t.Errorf("a transfer of serial %d has a record of %s", p.Serial, txt.Text)
						return
					}
				}
			}
		})
	}
	for n := dns.Serial(2); ctx.Err() == nil; n++ {
		next := make(n)
		put(t, s, name, now, next)
		now = next
	}
	wg.Wait()
}

// Wrong keys, wrong times and replayed messages are refused, with the errors of RFC 8945.
func TestTSIG(t *testing.T) {
	t.Parallel()
	clock := tierhost.NewTestClock(time.Now())
	var log lockedLog
	s, addr := peered(t, primary.Options{Clock: clock, Logger: log.logger(),
		Keys: []primary.Key{{Name: "other-key", Algorithm: "hmac-sha512", Secret: secret.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 64))))}}})
	put(t, s, "example.org", nil, puzzling(t))
	wrong := base64.StdEncoding.EncodeToString([]byte("another secret of enough octets"))
	now := clock.Now().Unix()
	for what, c := range map[string]struct {
		name, algorithm, secret string
		at                      int64
		rcode                   int
		code                    uint16
	}{
		"right":                {"transfer-key.", miekg.HmacSHA256, keySecret, now, miekg.RcodeSuccess, 0},
		"in upper case":        {"TRANSFER-key.", miekg.HmacSHA256, keySecret, now, miekg.RcodeSuccess, 0},
		"nearly too late":      {"transfer-key.", miekg.HmacSHA256, keySecret, now - 299, miekg.RcodeSuccess, 0},
		"wrong secret":         {"transfer-key.", miekg.HmacSHA256, wrong, now, miekg.RcodeNotAuth, miekg.RcodeBadSig},
		"unknown key":          {"nobodys-key.", miekg.HmacSHA256, keySecret, now, miekg.RcodeNotAuth, miekg.RcodeBadKey},
		"wrong algorithm":      {"transfer-key.", miekg.HmacSHA512, keySecret, now, miekg.RcodeNotAuth, miekg.RcodeBadKey},
		"too late":             {"transfer-key.", miekg.HmacSHA256, keySecret, now - 301, miekg.RcodeNotAuth, miekg.RcodeBadTime},
		"too early":            {"transfer-key.", miekg.HmacSHA256, keySecret, now + 301, miekg.RcodeNotAuth, miekg.RcodeBadTime},
		"a key, but no peer's": {"other-key.", miekg.HmacSHA512, base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 64))), now, miekg.RcodeRefused, 0},
	} {
		m := new(miekg.Msg)
		m.SetQuestion("example.org.", miekg.TypeSOA)
		m.SetTsig(c.name, c.algorithm, 300, c.at)
		packed, _, err := miekg.TsigGenerate(m, c.secret, "", false)
		require.NoError(t, err)
		answer := new(miekg.Msg)
		require.NoError(t, answer.Unpack(raw(t, "udp", addr, packed)), what)
		require.Equal(t, c.rcode, answer.Rcode, what)
		require.NotNil(t, answer.IsTsig(), what)
		require.Equal(t, c.code, answer.IsTsig().Error, what)
		if c.code == miekg.RcodeBadSig || c.code == miekg.RcodeBadKey {
			require.Zero(t, answer.IsTsig().MACSize, what)
		}
		if c.rcode != miekg.RcodeSuccess {
			require.Empty(t, answer.Answer, what)
		}
	}
	// A transfer that was listened to, sent once more.
	m := new(miekg.Msg)
	m.SetAxfr("example.org.")
	m.SetTsig("transfer-key.", miekg.HmacSHA256, 300, now)
	packed, _, err := miekg.TsigGenerate(m, keySecret, "", false)
	require.NoError(t, err)
	for i, rcode := range []int{miekg.RcodeSuccess, miekg.RcodeRefused, miekg.RcodeRefused} {
		answer := new(miekg.Msg)
		require.NoError(t, answer.Unpack(raw(t, "tcp", addr, packed)))
		require.Equal(t, rcode, answer.Rcode, "time %d", i)
	}
	clock.Advance(10 * time.Minute)
	answer := new(miekg.Msg)
	require.NoError(t, answer.Unpack(raw(t, "tcp", addr, packed)))
	require.Equal(t, miekg.RcodeNotAuth, answer.Rcode, "much later it is too old")
	require.Contains(t, log.String(), "BADTIME")
	require.NotContains(t, log.String(), keySecret)
	// A changed bit anywhere.
	clock.Set(time.Unix(now, 0))
	m.Id++
	m.SetTsig("transfer-key.", miekg.HmacSHA256, 300, now)
	packed, _, err = miekg.TsigGenerate(m, keySecret, "", false)
	require.NoError(t, err)
	for i := 2; i < len(packed); i++ { // not the ID, which forwarders may change
		bad := append([]byte(nil), packed...)
		bad[i] ^= 1
		reply := new(miekg.Msg)
		if b := raw(t, "udp", addr, bad); b != nil && reply.Unpack(b) == nil {
			require.NotEqual(t, miekg.RcodeSuccess, reply.Rcode, "bit of octet %d", i)
		}
	}
}

// raw sends octets and returns the first message that comes back; nil: none.
func raw(t *testing.T, network, addr string, msg []byte) []byte {
	t.Helper()
	conn, err := net.Dial(network, addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(300*time.Millisecond)))
	c := miekg.Conn{Conn: conn}
	_, err = c.Write(msg)
	require.NoError(t, err)
	b := make([]byte, 65535)
	n, err := c.Read(b)
	if err != nil {
		return nil
	}
	return b[:n]
}

func TestPeers(t *testing.T) {
	t.Parallel()
	s, addr := start(t, primary.Options{Unsigned: true, Peers: []primary.Peer{{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}})
	put(t, s, "example.org", nil, puzzling(t))
	p, err := dnstest.Transfer(t.Context(), addr, "example.org", dnstest.Key{})
	require.NoError(t, err)
	require.False(t, p.Present, "from another network")
	s, addr = start(t, primary.Options{Unsigned: true, Peers: []primary.Peer{{Networks: []netip.Prefix{loopback}}}})
	put(t, s, "example.org", nil, puzzling(t))
	p, err = dnstest.Transfer(t.Context(), addr, "example.org", dnstest.Key{})
	require.NoError(t, err)
	require.Len(t, p.Records, len(puzzling(t)))

	_, err = primary.New(primary.Options{
		Keys:    []primary.Key{{Name: "a", Secret: secret.New("c2hvcnQ=")}, {Name: "b", Secret: secret.New("not base64!")}, {Name: "c", Algorithm: "hmac-md5", Secret: secret.New(keySecret)}},
		Peers:   []primary.Peer{{}, {Key: "nobody"}, {Key: "c", Notify: []netip.AddrPort{{}}}},
		Catalog: "not a name",
	})
	inv, ok := err.(*tierhost.Invalid)
	require.True(t, ok)
	var found []string
	for _, i := range inv.Issues {
		found = append(found, i.Path+" "+i.Code)
	}
	require.Equal(t, []string{"keys[0].secret weak_secret", "keys[1].secret bad_secret", "keys[2].algorithm bad_algorithm", "peers[0].key required",
		"peers[0].networks required", "peers[1].key unknown_key", "peers[2].key unknown_key", "peers[2].notify[0] bad_address", "catalog bad_name"}, found)
	require.NotContains(t, err.Error(), "base64!")
}

// The catalog lists the zones by names that never change, and is not served before Open.
func TestCatalog(t *testing.T) {
	t.Parallel()
	clock := tierhost.NewTestClock(time.Now())
	s, addr := peered(t, primary.Options{Catalog: catalogName, Clock: clock})
	put(t, s, "b.example", nil, zone(t, "b.example", 1))
	p, err := dnstest.Transfer(t.Context(), addr, catalogName, asKey)
	require.NoError(t, err)
	require.False(t, p.Present, "not before Open: an empty catalog would drop all zones")
	put(t, s, "a.example", nil, zone(t, "a.example", 1))
	s.Open()
	get := func() (dns.Serial, string) {
		p, err := dnstest.Transfer(t.Context(), addr, catalogName, asKey)
		require.NoError(t, err)
		require.True(t, p.Present)
		text := ""
		for _, r := range dns.Sorted(p.Records) {
			if r.Type() != dns.TypeSOA {
				text += r.Name.Relative(catalogName) + " " + r.Data.Type().String() + " " + r.Data.String() + "\n"
			}
		}
		return p.Serial, text
	}
	first, text := get()
	want := "@ NS invalid.\nversion TXT \"2\"\n"
	a, b := primary.MemberID("a.example")+".zones PTR a.example.\n", primary.MemberID("b.example")+".zones PTR b.example.\n"
	if a > b {
		a, b = b, a
	}
	for _, line := range strings.SplitAfter(want+a+b, "\n") {
		require.Contains(t, text, line)
	}
	require.Len(t, text, len(want+a+b))
	require.Equal(t, dns.Serial(clock.Now().Unix()), first)

	require.NoError(t, s.Remove(t.Context(), dns.Place{}, "b.example"))
	again, _ := get()
	require.Equal(t, first, again, "one revision a second, so that the serial is never ahead of the clock")
	clock.Advance(time.Second)
	next, text := get()
	require.True(t, next.After(first))
	require.NotContains(t, text, "b.example")
	clock.Advance(-4 * time.Minute)
	require.NoError(t, s.Remove(t.Context(), dns.Place{}, "a.example"))
	last, _ := get()
	require.Equal(t, next+1, last, "the clock was put back: it counts")
	err = s.Apply(t.Context(), dns.Place{}, dns.Change{Zone: catalogName, Serial: 1, Desired: zone(t, catalogName, 1)})
	require.ErrorIs(t, err, tierhost.ErrPrecondition)
}
