package daemon_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns/dnstest/daemon"
)

var key = daemon.Key{Name: "suite-key", Secret: "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="}

const zone = `$TTL 300
@ SOA ns1.example.net. hostmaster.example.net. 7 3600 600 86400 60
@ NS ns1.example.net.
www A 192.0.2.1
`

// eventually asks until the answer is as wanted.
func eventually(t *testing.T, s *daemon.Server, name, rrtype string, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		got, err := daemon.Dig(ctx, s.Addr(), name, rrtype)
		if ctx.Err() != nil {
			t.Fatalf("%s %s is %q (%v), want %q; the server's log:\n%s", name, rrtype, got, err, want, s.Log())
		}
		if err == nil && len(got) == len(want) && (len(got) == 0 || got[0] == want[0]) {
			return
		}
	}
}

// Each server serves a zone of its own, and takes zones from the first.
func TestServers(t *testing.T) {
	t.Parallel()
	setup := daemon.Setup{Key: key, Zones: map[string]string{"example.org": zone}}
	bind := daemon.BIND(t, setup)
	eventually(t, bind, "www.example.org", "A", "192.0.2.1")
	from := daemon.Setup{Key: key, Primary: bind.Addr(), Secondary: []string{"example.org"}}
	for name, start := range map[string]func(testing.TB, daemon.Setup) *daemon.Server{
		"BIND": daemon.BIND, "Knot": daemon.Knot, "NSD": daemon.NSD, "PowerDNS": daemon.PowerDNS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, from)
			eventually(t, s, "www.example.org", "A", "192.0.2.1")
			s.Kill()
			s.Restart(t)
			eventually(t, s, "www.example.org", "A", "192.0.2.1")
			if name == "PowerDNS" {
				return // its own zones come by its API
			}
			eventually(t, start(t, setup), "www.example.org", "A", "192.0.2.1")
		})
	}
}

func TestNSDTakesZonesByControl(t *testing.T) {
	t.Parallel()
	bind := daemon.BIND(t, daemon.Setup{Key: key, Zones: map[string]string{"example.org": zone}})
	nsd := daemon.NSD(t, daemon.Setup{Key: key, Primary: bind.Addr()})
	nsd.Add(t, "example.org")
	eventually(t, nsd, "www.example.org", "A", "192.0.2.1")
	nsd.Remove(t, "example.org")
	eventually(t, nsd, "www.example.org", "A")
	_, err := daemon.Dig(t.Context(), nsd.Addr(), "www.example.org", "A")
	require.NoError(t, err)
}
