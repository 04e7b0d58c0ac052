package rfc2136_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/dnstest/daemon"
	"github.com/tierhost/tierhost/dns/rfc2136"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/secret"
)

const keySecret = "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="

var (
	asKey     = dnstest.Key{Name: "update-key", Secret: keySecret}
	daemonKey = daemon.Key{Name: "update-key", Secret: keySecret}
)

func driver(t testing.TB) *rfc2136.Driver {
	t.Helper()
	d, err := rfc2136.New(rfc2136.Options{Keys: []rfc2136.Key{{Name: "update-key", Secret: secret.New(keySecret)}, {Name: "other-key", Secret: secret.New("b3RoZXIgc2VjcmV0IG9mIG9jdGV0cw==")}}})
	require.NoError(t, err)
	return d
}

func place(t testing.TB, addr, key string) dns.Place {
	t.Helper()
	config, err := json.Marshal(rfc2136.Config{Addr: addr, Key: dns.Name(key)})
	require.NoError(t, err)
	return dns.Place{Server: "ns1", Config: config}
}

func text(records []dns.Record) string {
	var b strings.Builder
	for _, r := range records {
		b.WriteString(r.String() + "\n")
	}
	return b.String()
}

// notified takes NOTIFY messages.
type notified struct {
	mu      sync.Mutex
	serials map[string][]dns.Serial
}

func (n *notified) ServeDNS(w miekg.ResponseWriter, m *miekg.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, rr := range m.Answer {
		if soa, ok := rr.(*miekg.SOA); ok {
			n.serials[rr.Header().Name] = append(n.serials[rr.Header().Name], dns.Serial(soa.Serial))
		}
	}
	_ = w.WriteMsg(new(miekg.Msg).SetReply(m))
}

func (n *notified) get(zone dns.Name) []dns.Serial {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.serials[zone.FQDN()]
}

func listen(t *testing.T) (*notified, string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &notified{serials: map[string][]dns.Serial{}}
	ready, done := make(chan struct{}), make(chan struct{})
	server := &miekg.Server{PacketConn: conn, Handler: n, NotifyStartedFunc: func() { close(ready) },
		MsgAcceptFunc: func(miekg.Header) miekg.MsgAcceptAction { return miekg.MsgAccept }}
	go func() { defer close(done); _ = server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = server.Shutdown(); <-done })
	return n, conn.LocalAddr().String()
}

// meddle changes a zone by another client.
func meddle(ctx context.Context, addr string, zone dns.Name, records []dns.Record) error {
	p, err := dnstest.Transfer(ctx, addr, zone, asKey)
	if err != nil {
		return err
	}
	m := new(miekg.Msg)
	m.SetUpdate(zone.FQDN())
	convert := func(list []dns.Record) (all []miekg.RR, err error) {
		for _, r := range list {
			rr, err := miekg.NewRR(r.String()) // our own records of the test
			if err != nil {
				return nil, err
			}
			all = append(all, rr)
		}
		return all, nil
	}
	old, err := convert(p.Records)
	if err != nil {
		return err
	}
	wanted, err := convert(records)
	if err != nil {
		return err
	}
	m.RemoveRRset(old)
	m.Insert(wanted)
	m.SetTsig(asKey.Name.FQDN(), miekg.HmacSHA256, 300, time.Now().Unix())
	answer, _, err := (&miekg.Client{Net: "tcp", TsigSecret: map[string]string{asKey.Name.FQDN(): keySecret}}).ExchangeContext(ctx, m, addr)
	if err == nil && answer.Rcode != miekg.RcodeSuccess {
		err = fmt.Errorf("meddle: %s", miekg.RcodeToString[answer.Rcode])
	}
	return err
}

// All that a driver must, on BIND.
func TestBIND(t *testing.T) {
	t.Parallel()
	told, addr := listen(t)
	bind := daemon.BIND(t, daemon.Setup{Key: daemonKey, Notify: addr})
	var n atomic.Int64
	dnstest.TestNameServer(t, dnstest.Harness{
		New: func(t *testing.T) dnstest.Site {
			return dnstest.Site{
				Server: driver(t), Place: place(t, bind.Addr(), "update-key"), Secrets: []string{keySecret},
				Zone: func() dns.Name { return dns.Name(fmt.Sprintf("zone%d.example", n.Add(1))) },
				Ask: func(ctx context.Context, zone dns.Name) (dns.Published, error) {
					return dnstest.Transfer(ctx, bind.Addr(), zone, asKey)
				},
				Create: func(_ context.Context, zone dns.Name, records []dns.Record) error {
					return bind.AddZone(string(zone), text(records))
				},
				Meddle: func(ctx context.Context, zone dns.Name, records []dns.Record) error {
					return meddle(ctx, bind.Addr(), zone, records)
				},
				Notified: func(ctx context.Context, zone dns.Name) ([]dns.Serial, error) {
					for ctx.Err() == nil {
						if got := told.get(zone); len(got) > 0 && got[len(got)-1] == 2 {
							return got, nil
						}
						time.Sleep(10 * time.Millisecond)
					}
					return told.get(zone), ctx.Err()
				},
				Break: func(t *testing.T, point int, how dnstest.Fault) dnstest.Broken {
					wire := provisioningtest.NewWire(t, "tcp", bind.Addr(), point, provisioningtest.Fault(how))
					at := place(t, wire.Addr().String(), "update-key")
					return dnstest.Broken{Place: &at, Reached: wire.Reached()}
				},
			}
		},
		Features: dnstest.Features{Serials: true},
	})
}

func zone(name dns.Name, serial dns.Serial, hosts int) []dns.Record {
	all := []dns.Record{
		{Name: name, TTL: 300, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "h.example.net", Serial: serial, Refresh: 60, Retry: 60, Expire: 600, Minimum: 60}},
		{Name: name, TTL: 300, Data: dns.NS{Host: "ns1.example.net"}},
	}
	for i := range hosts {
		all = append(all, dns.Record{Name: dns.Name(fmt.Sprintf("host%d.", i)) + name, TTL: 60, Data: dns.TXT{Text: fmt.Sprint(serial, i)}})
	}
	return all
}

func change(name dns.Name, from, to []dns.Record) dns.Change {
	c := dns.Change{Operation: "op", Zone: name, Serial: to[0].Data.(dns.SOA).Serial, Desired: dns.Sorted(to), Steps: dnstest.Steps(from, to)}
	if from != nil {
		c.Expect = dns.Expect{Present: true, Serial: from[0].Data.(dns.SOA).Serial}
	}
	return c
}

// What others wrote in another way than we would, such as texts in strings of other lengths, is
// replaced: nothing of it stays beside what is wanted.
func TestForeignSpelling(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 300)
	a := zone("example.org", 1, 0)
	spelled := text(a) + `
mail._domainkey.example.org. 300 IN TXT "v=DKIM1; " "p=` + long[:100] + `" "` + long[100:] + `"
other.example.org.           300 IN TXT "a" "b"
other.example.org.           300 IN TXT "kept"
example.org.                 300 IN CAA 0 ISSUE "old.example"
mx.example.org.              300 IN MX  10 Mail.Example.ORG.
mail.example.org.            300 IN A   192.0.2.1
example.org.                 300 IN NS  NS2.Example.NET.
`
	for server, begin := range map[string]func(testing.TB, daemon.Setup) *daemon.Server{"BIND": daemon.BIND, "Knot": daemon.Knot} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			s := begin(t, daemon.Setup{Key: daemonKey, Zones: map[string]string{"example.org": spelled}})
			d, at := driver(t), place(t, s.Addr(), "update-key")
			p, err := d.Fetch(t.Context(), at, "example.org")
			require.NoError(t, err)
			b := append(zone("example.org", 2, 0),
				dns.Record{Name: "mail._domainkey.example.org", TTL: 300, Data: dns.TXT{Text: "v=DKIM1; p=" + strings.Repeat("n", 300)}},
				dns.Record{Name: "other.example.org", TTL: 300, Data: dns.TXT{Text: "kept"}},
				dns.Record{Name: "example.org", TTL: 300, Data: dns.CAA{Tag: "issue", Value: "new.example"}},
				dns.Record{Name: "mail.example.org", TTL: 300, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.1")}},
				dns.Record{Name: "mx.example.org", TTL: 300, Data: dns.MX{Preference: 20, Host: "mail.example.org"}},
			)
			require.NoError(t, d.Apply(t.Context(), at, change("example.org", p.Records, b)))
			p, err = dnstest.Transfer(t.Context(), s.Addr(), "example.org", asKey)
			require.NoError(t, err)
			require.Equal(t, text(dns.Sorted(b)), text(dns.Sorted(p.Records)))
		})
	}
}

// A record that others have and that cannot be read here stops its zone; the server is well.
func TestUnreadableRecord(t *testing.T) {
	t.Parallel()
	a := zone("example.org", 1, 0)
	bind := daemon.BIND(t, daemon.Setup{Key: daemonKey, Zones: map[string]string{"example.org": text(a) + `example.org. 300 IN CAA 0 issue "` + strings.Repeat("x", 300) + "\"\n"}})
	_, err := driver(t).Fetch(t.Context(), place(t, bind.Addr(), "update-key"), "example.org")
	require.Equal(t, "unreadable_record", tierhost.CodeOf(err), "%v", err)
	require.Equal(t, tierhost.KindPrecondition, tierhost.KindOf(err))
	require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err))
	require.ErrorContains(t, err, "example.org CAA")
}

// The same with Knot, whose zones are in its configuration.
func TestKnot(t *testing.T) {
	t.Parallel()
	a := zone("example.org", 1, 3)
	knot := daemon.Knot(t, daemon.Setup{Key: daemonKey, Zones: map[string]string{"example.org": text(a)}})
	d, at := driver(t), place(t, knot.Addr(), "update-key")
	p, err := d.Fetch(t.Context(), at, "example.org")
	require.NoError(t, err)
	require.Equal(t, dns.Sorted(a), dns.Sorted(p.Records))
	p, err = d.Fetch(t.Context(), at, "elsewhere.example")
	require.NoError(t, err)
	require.False(t, p.Present)
	b := zone("example.org", 2, 500)
	require.NoError(t, d.Apply(t.Context(), at, change("example.org", a, b)))
	p, err = dnstest.Transfer(t.Context(), knot.Addr(), "example.org", asKey)
	require.NoError(t, err)
	require.Equal(t, dns.Sorted(b), dns.Sorted(p.Records))
	require.ErrorIs(t, d.Apply(t.Context(), at, change("example.org", a, zone("example.org", 3, 1))), dns.ErrChanged)
}

// Errors are told apart: a wrong key, no key, a change that is too large.
func TestErrors(t *testing.T) {
	t.Parallel()
	a := zone("example.org", 1, 3)
	bind := daemon.BIND(t, daemon.Setup{Key: daemonKey, Zones: map[string]string{"example.org": text(a)}})
	d := driver(t)
	next := change("example.org", a, zone("example.org", 2, 4))
	for what, at := range map[string]dns.Place{"a key that the server does not know": place(t, bind.Addr(), "other-key"), "no key": place(t, bind.Addr(), "")} {
		err := d.Apply(t.Context(), at, next)
		require.ErrorIs(t, err, tierhost.ErrDenied, what)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), what)
	}
	require.ErrorIs(t, d.Apply(t.Context(), place(t, bind.Addr(), "no-such-key"), next), tierhost.ErrInvalid)
	require.ErrorIs(t, d.Apply(t.Context(), dns.Place{}, next), tierhost.ErrInvalid)
	late, err := rfc2136.New(rfc2136.Options{Keys: []rfc2136.Key{{Name: "update-key", Secret: secret.New(keySecret)}}, Clock: tierhost.NewTestClock(time.Now().Add(-time.Hour))})
	require.NoError(t, err)
	err = late.Apply(t.Context(), place(t, bind.Addr(), "update-key"), next)
	require.ErrorIs(t, err, tierhost.ErrDenied, "our clock is wrong")

	err = d.Apply(t.Context(), place(t, bind.Addr(), "update-key"), change("example.org", a, zone("example.org", 2, 5000)))
	require.Equal(t, "too_large", tierhost.CodeOf(err))
	require.ErrorIs(t, err, tierhost.ErrUnsupported)
	require.NoError(t, d.Apply(t.Context(), place(t, bind.Addr(), "update-key"), next))
	_, err = rfc2136.New(rfc2136.Options{Keys: []rfc2136.Key{{Name: ".", Secret: secret.New("not base64"), Algorithm: "hmac-md5"}}})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
	require.NotContains(t, err.Error(), "not base64")
}
