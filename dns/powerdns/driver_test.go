package powerdns_test

import (
	"context"
	"encoding/json"
	"fmt"
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
	body, err := json.Marshal(map[string]any{"rrsets": sets})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, url+"/api/v1/servers/localhost/zones/"+zone.FQDN(), strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.Header.Set("X-API-Key", key)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("meddle: %s", answer.Status)
	}
	return nil
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
