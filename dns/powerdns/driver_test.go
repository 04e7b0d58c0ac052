package powerdns_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	"github.com/tierhost/tierhost/dns/powerdns"
	"github.com/tierhost/tierhost/provisioning/provisioningtest"
	"github.com/tierhost/tierhost/secret"
)

func place(t testing.TB, url string) dns.Place {
	t.Helper()
	config, err := json.Marshal(powerdns.Config{URL: url, Key: "main"})
	require.NoError(t, err)
	return dns.Place{Server: "ns1", Config: config}
}

func driver(key string) *powerdns.Driver {
	return powerdns.New(powerdns.Options{Keys: map[string]secret.Text{"main": secret.New(key)},
		Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
}

// told takes NOTIFY messages and asks for the serial.
type told struct {
	mu    sync.Mutex
	zones map[string]int
}

func (n *told) ServeDNS(w miekg.ResponseWriter, m *miekg.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.zones[m.Question[0].Name]++
	_ = w.WriteMsg(new(miekg.Msg).SetReply(m))
}

func (n *told) get(zone dns.Name) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.zones[zone.FQDN()]
}

func listen(t *testing.T) (*told, string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	n := &told{zones: map[string]int{}}
	ready, done := make(chan struct{}), make(chan struct{})
	server := &miekg.Server{PacketConn: conn, Handler: n, NotifyStartedFunc: func() { close(ready) },
		MsgAcceptFunc: func(miekg.Header) miekg.MsgAcceptAction { return miekg.MsgAccept }}
	go func() { defer close(done); _ = server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = server.Shutdown(); <-done })
	return n, conn.LocalAddr().String()
}

// All that a driver must, on PowerDNS.
func TestPowerDNS(t *testing.T) {
	t.Parallel()
	n, addr := listen(t)
	server := daemon.PowerDNS(t, daemon.Setup{Key: daemon.Key{Name: "k", Secret: "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="}, Notify: addr})
	url, key := server.API()
	var count atomic.Int64
	dnstest.TestNameServer(t, dnstest.Harness{
		New: func(t *testing.T) dnstest.Site {
			dead := place(t, "http://127.0.0.1:9")
			d := driver(key)
			return dnstest.Site{
				Server: d, Place: place(t, url), Dead: &dead, Secrets: []string{key},
				Zone: func() dns.Name { return dns.Name(fmt.Sprintf("zone%d.example", count.Add(1))) },
				Ask: func(ctx context.Context, zone dns.Name) (dns.Published, error) {
					return dnstest.Transfer(ctx, server.Addr(), zone, dnstest.Key{})
				},
				Meddle: func(ctx context.Context, zone dns.Name, records []dns.Record) error {
					return meddle(ctx, url, key, zone, records)
				},
				Notified: func(ctx context.Context, zone dns.Name) ([]dns.Serial, error) {
					for n.get(zone) < 2 && ctx.Err() == nil { // of the creation and of the edit
						time.Sleep(10 * time.Millisecond)
					}
					serial, _, err := dnstest.Ask(ctx, server.Addr(), zone, dnstest.Key{})
					return []dns.Serial{serial}, err
				},
				Break: func(t *testing.T, point int, how dnstest.Fault) dnstest.Broken {
					_, api, _ := strings.Cut(url, "//")
					wire := provisioningtest.NewWire(t, "tcp", api, point, provisioningtest.Fault(how))
					at := place(t, "http://"+wire.Addr().String())
					return dnstest.Broken{Place: &at, Reached: wire.Reached()}
				},
			}
		},
		Features: dnstest.Features{Serials: true, Lists: true, Probes: true},
	})
}

// meddle replaces a set and the SOA by a request of its own.
func meddle(ctx context.Context, url, key string, zone dns.Name, records []dns.Record) error {
	type rr struct {
		Content string `json:"content"`
	}
	var sets []map[string]any
	for _, s := range dns.Sets(records) {
		var list []rr
		for _, d := range s.Data {
			list = append(list, rr{d.String()})
		}
		sets = append(sets, map[string]any{"name": s.Name.FQDN(), "type": s.Type.String(), "ttl": s.TTL, "changetype": "REPLACE", "records": list})
	}
	return patch(ctx, url, key, zone, sets)
}

// patch sends sets of records as they are. As the driver does, it repeats what the server fails
// at because its database is locked by another of its threads.
func patch(ctx context.Context, url, key string, zone dns.Name, sets []map[string]any) error {
	body, err := json.Marshal(map[string]any{"rrsets": sets})
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPatch, url+"/api/v1/servers/localhost/zones/"+zone.FQDN(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("X-API-Key", key)
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		switch {
		case answer.StatusCode == http.StatusNoContent:
			return nil
		case answer.StatusCode < 500 || try == 20:
			return fmt.Errorf("meddle: %s: %s", answer.Status, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func soaOf(zone dns.Name, serial dns.Serial) []dns.Record {
	return []dns.Record{
		{Name: zone, TTL: 300, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "h.example.net", Serial: serial, Refresh: 60, Retry: 60, Expire: 600, Minimum: 60}},
		{Name: zone, TTL: 300, Data: dns.NS{Host: "ns1.example.net"}},
	}
}

// Records that PowerDNS has by mnemonics which are not known here stop their zone, and say so;
// the server is well.
func TestUnreadableRecords(t *testing.T) {
	t.Parallel()
	server := daemon.PowerDNS(t, daemon.Setup{Key: daemon.Key{Name: "k", Secret: "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="}})
	url, key := server.API()
	d, at := driver(key), place(t, url)
	for rrtype, content := range map[string]string{
		"HINFO": `"PC" "Linux"`, "LOC": "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m", "RP": "h.example.net. t.example.net.",
		"OPENPGPKEY": "mQENBFVHm5sBCAA=", "URI": `10 1 "https://example.net/"`, "LUA": `A "'192.0.2.1'"`, "KEY": "256 3 13 AQID",
	} {
		zone := dns.Name(strings.ToLower(rrtype)) + ".example"
		set := func(disabled bool) []map[string]any {
			return []map[string]any{{"name": "x." + zone.FQDN(), "type": rrtype, "ttl": 60, "changetype": "REPLACE", "records": []map[string]any{{"content": content, "disabled": disabled}}}}
		}
		a, b := soaOf(zone, 1), soaOf(zone, 2)
		require.NoError(t, d.Apply(t.Context(), at, dns.Change{Operation: "a", Zone: zone, Serial: 1, Desired: a, Steps: dnstest.Steps(nil, a)}))
		require.NoError(t, patch(t.Context(), url, key, zone, set(false)), rrtype)
		_, err := d.Fetch(t.Context(), at, zone)
		require.Equal(t, "unreadable_record", tierhost.CodeOf(err), "%s: %v", rrtype, err)
		require.Equal(t, tierhost.KindPrecondition, tierhost.KindOf(err), rrtype)
		require.Equal(t, tierhost.EffectNone, tierhost.EffectOf(err), rrtype)
		require.ErrorContains(t, err, "x."+string(zone))
		require.NoError(t, patch(t.Context(), url, key, zone, set(true)), rrtype)
		p, err := d.Fetch(t.Context(), at, zone)
		require.NoError(t, err, "%s, disabled", rrtype)
		require.Equal(t, dns.Sorted(a), dns.Sorted(p.Records))
		require.NoError(t, d.Apply(t.Context(), at, dns.Change{Operation: "b", Zone: zone, Serial: 2, Expect: dns.Expect{Present: true, Serial: 1}, Desired: b, Steps: dnstest.Steps(a, b)}))
	}
}

// Signatures that are in a database are no records that anybody publishes.
func TestPresigned(t *testing.T) {
	t.Parallel()
	server := daemon.PowerDNS(t, daemon.Setup{Key: daemon.Key{Name: "k", Secret: "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="}})
	url, key := server.API()
	d, at, a := driver(key), place(t, url), soaOf("example.org", 1)
	require.NoError(t, d.Apply(t.Context(), at, dns.Change{Operation: "a", Zone: "example.org", Serial: 1, Desired: a, Steps: dnstest.Steps(nil, a)}))
	require.NoError(t, patch(t.Context(), url, key, "example.org", []map[string]any{{"name": "example.org.", "type": "CDS", "ttl": 60, "changetype": "REPLACE",
		"records": []map[string]any{{"content": "12345 13 2 0000000000000000000000000000000000000000000000000000000000000001"}}}}))
	p, err := d.Fetch(t.Context(), at, "example.org")
	require.NoError(t, err)
	require.Equal(t, dns.Sorted(a), dns.Sorted(p.Records))
}

// What PowerDNS knows by mnemonics it does not take by numbers: that is said before anything
// is sent. All others that a zone can hold it takes.
func TestNumberedTypes(t *testing.T) {
	t.Parallel()
	server := daemon.PowerDNS(t, daemon.Setup{Key: daemon.Key{Name: "k", Secret: "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="}})
	url, key := server.API()
	d, at := driver(key), place(t, url)
	host := "\x03ns2\x00"
	for rrtype, data := range map[dns.Type]string{
		13: "\x01a\x01b", 17: host + host, 18: "\x00\x01" + host, 21: "\x00\x01" + host, 36: "\x00\x01" + host, 37: "\x00\x01\x00\x01\x01k", 49: "\x01\x02\x03\x04\x05",
		53: "\x01\x01\x01abc", 61: "\x99\x01", 108: "\x01\x02\x03\x04\x05\x06", 109: "\x01\x02\x03\x04\x05\x06\x07\x08", 256: "\x00\x01\x00\x01https://x", 300: "x", 65280: "x", 65402: "x",
	} {
		zone := dns.Name(strings.ToLower(rrtype.String())) + ".example"
		records := append(soaOf(zone, 1), dns.Record{Name: "x." + zone, TTL: 60, Data: dns.Unknown{RType: rrtype, Data: dns.Octets(data)}})
		change := dns.Change{Operation: "a", Zone: zone, Serial: 1, Desired: records, Steps: dnstest.Steps(nil, records)}
		require.NoError(t, records[2].Check(), rrtype)
		if rrtype == 21 || rrtype == 300 || rrtype == 65280 {
			require.NoError(t, d.Apply(t.Context(), at, change), rrtype)
			p, err := d.Fetch(t.Context(), at, zone)
			require.NoError(t, err, rrtype)
			require.Equal(t, dns.Sorted(records), dns.Sorted(p.Records))
			continue
		}
		err := d.Capabilities().Check(records)
		require.Equal(t, "records[2]: the server cannot publish records of type "+rrtype.String(), issue(t, err))
		require.Equal(t, err, d.Apply(t.Context(), at, change), rrtype)
		plain := soaOf(zone, 1)
		require.NoError(t, d.Apply(t.Context(), at, dns.Change{Operation: "b", Zone: zone, Serial: 1, Desired: plain, Steps: dnstest.Steps(nil, plain)}))
		require.ErrorContains(t, meddle(t.Context(), url, key, zone, records[2:]), "422", "%s could be published", rrtype)
	}
}

func issue(t *testing.T, err error) string {
	t.Helper()
	var invalid *tierhost.Invalid
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Issues, 1)
	return invalid.Issues[0].Path + ": " + invalid.Issues[0].Message
}

// Answers are told apart, and the key is nowhere.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		kind   tierhost.Kind
		effect tierhost.Effect
	}{
		{401, "Unauthorized", tierhost.KindDenied, tierhost.EffectNone},
		{422, `{"error": "RRset www.example.org. IN A: Conflicts with pre-existing RRset"}`, tierhost.KindUnsupported, tierhost.EffectNone},
		{429, "", tierhost.KindLimited, tierhost.EffectNone},
		{500, "Internal Server Error", tierhost.KindUnavailable, tierhost.EffectUnknown},
		{301, "", tierhost.KindUnavailable, tierhost.EffectNone},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && c.status != 301 {
				w.WriteHeader(404)
				return
			}
			w.Header().Set("Location", "http://192.0.2.1/")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		t.Cleanup(server.Close)
		soa := dns.SOA{Primary: "ns1.example.net", Mailbox: "h.example.net", Serial: 1}
		d := powerdns.New(powerdns.Options{Keys: map[string]secret.Text{"main": secret.New("hunter2")}})
		err := d.Apply(t.Context(), place(t, server.URL), dns.Change{Zone: "example.org", Serial: 1, Desired: []dns.Record{{Name: "example.org", TTL: 1, Data: soa}}})
		require.Equal(t, c.kind, tierhost.KindOf(err), "%d: %v", c.status, err)
		require.Equal(t, c.effect, tierhost.EffectOf(err), "%d: %v", c.status, err)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, d), "hunter2")
	}
	for _, config := range []string{"", "{", `{"url":"ftp://x"}`, `{"url":"http://u:p@x","key":"main"}`, `{"url":"http://x","key":"none"}`} {
		_, err := driver("hunter2").Fetch(t.Context(), dns.Place{Config: json.RawMessage(config)}, "example.org")
		require.ErrorIs(t, err, tierhost.ErrInvalid, config)
	}
}
