package primary_test

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/dnstest/daemon"
	"github.com/tierhost/tierhost/dns/primary"
)

const catalogName dns.Name = "catalog.invalid"

// fleet is a primary with real secondaries. NSD of Debian 12 knows no catalogs: it is told
// of zones by its control program, and then takes them as the others do.
type fleet struct {
	primary *primary.Server
	servers map[string]*daemon.Server
	nsd     *daemon.Server
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	l, packets := sockets(t)
	setup := daemon.Setup{Key: daemon.Key{Name: string(key.Name), Secret: keySecret}, Primary: l.Addr().String(), Catalog: string(catalogName)}
	f := &fleet{servers: map[string]*daemon.Server{}}
	f.servers["BIND"] = daemon.BIND(t, setup)
	f.servers["Knot"] = daemon.Knot(t, setup)
	f.servers["PowerDNS"] = daemon.PowerDNS(t, setup)
	f.nsd = daemon.NSD(t, setup)
	f.servers["NSD"] = f.nsd
	peer := primary.Peer{Key: key.Name}
	for _, s := range f.servers {
		peer.Notify = append(peer.Notify, netip.MustParseAddrPort(s.Addr()))
	}
	var err error
	f.primary, err = primary.New(primary.Options{Keys: []primary.Key{key}, Peers: []primary.Peer{peer}, Catalog: catalogName, NotifyRetry: 200 * time.Millisecond})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = f.primary.Serve(ctx, packets, l) })
	wg.Go(func() { _ = f.primary.Notify(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return f
}

// converged waits until all of some servers publish exactly these zones, and none of those
// that are gone.
func (f *fleet) converged(t *testing.T, what string, zones map[dns.Name][]dns.Record, gone []dns.Name, names ...string) {
	t.Helper()
	began := time.Now()
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() {
			server, as := f.servers[name], asKey
			if name == "PowerDNS" {
				as = dnstest.Key{} // it gives zones to addresses
			}
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			for zone, want := range zones {
				last := ""
				for {
					p, err := dnstest.Transfer(ctx, server.Addr(), zone, as)
					if err == nil && p.Present && p.Serial == serial(want) {
						if got, exp := lines(p.Records), lines(want); got != exp {
							t.Errorf("%s: %s publishes of %s\n%s\nwant\n%s", what, name, zone, got, exp)
							return
						}
						break
					}
					last = fmt.Sprintf("present %v, serial %d, %v", p.Present, p.Serial, err)
					select {
					case <-ctx.Done():
						log := server.Log()
						t.Errorf("%s: %s does not have %s with serial %d: %s\n%s", what, name, zone, serial(want), last, log[max(0, len(log)-3000):])
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			}
			for _, zone := range gone {
				for {
					_, present, err := dnstest.Ask(ctx, server.Addr(), zone, dnstest.Key{})
					if err == nil && !present {
						break
					}
					select {
					case <-ctx.Done():
						t.Errorf("%s: %s still has %s: %v", what, name, zone, err)
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			}
			t.Logf("%s: %s after %.1f s", what, name, time.Since(began).Seconds())
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// dug compares the serials of all zones as a client of somebody else's sees them.
func (f *fleet) dug(t *testing.T, zones map[dns.Name][]dns.Record) {
	t.Helper()
	program, err := exec.LookPath("kdig")
	if err != nil {
		program, err = exec.LookPath("dig")
	}
	require.NoError(t, err, "neither kdig nor dig")
	for name, server := range f.servers {
		args := []string{"+short", "+norec"}
		var want []string
		for zone, records := range zones {
			args = append(args, zone.FQDN(), "SOA")
			soa := records[0].Data.(dns.SOA)
			want = append(want, soa.String())
		}
		got, err := daemon.DigWith(t.Context(), program, server.Addr(), args...)
		require.NoError(t, err)
		require.Equal(t, want, got, "SOA records of %s", name)
	}
}

func lines(records []dns.Record) string {
	var b strings.Builder
	for _, r := range dns.Sorted(records) {
		b.WriteString(r.String() + "\n")
	}
	return b.String()
}

// A thousand zones are made, edited and removed; BIND, Knot and PowerDNS learn of them from
// the catalog, NSD from its control program, all of changes by NOTIFY, and all publish the
// same. While one is down the others go on, and it catches up when it is back.
func TestSecondaries(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	all := []string{"BIND", "Knot", "NSD", "PowerDNS"}
	n := 1000
	if race {
		n = 200 // it is the clients of this test that are slow then
	}
	zones := map[dns.Name][]dns.Record{}
	var names []dns.Name
	var plain []string
	for i := range n {
		name := dns.Name(fmt.Sprintf("customer%04d.example", i))
		names, plain = append(names, name), append(plain, string(name))
		zones[name] = zone(t, name, 100,
			"@ 300 A 192.0.2.1", "www 300 CNAME @", "@ 300 MX 10 mail.example.net.", "@ 300 TXT \"v=spf1 mx -all\"",
			"*.any 60 AAAA 2001:db8::1", fmt.Sprintf("id 60 TXT \"%d\"", i))
		put(t, f.primary, name, nil, zones[name])
	}
	f.primary.Open()
	f.nsd.Add(t, plain...)
	f.converged(t, "created", zones, nil, all...)
	f.dug(t, zones)

	edit := func(from, to int, line string) {
		for _, name := range names[from:to] {
			old := zones[name]
			next := append(zone(t, name, serial(old)+1), old[2:]...)
			next = append(next, zone(t, name, 0, line)[2:]...)
			zones[name] = next
			put(t, f.primary, name, old, next)
		}
	}
	edit(0, n/5, "new 60 A 192.0.2.9")
	edit(0, n/50, "newer 60 A 192.0.2.9") // twice in a burst
	f.converged(t, "edited", zones, nil, all...)

	f.servers["Knot"].Kill()
	edit(n/10, 3*n/10, "while-down 60 TXT \"one is down\"")
	late := dns.Name("late.example")
	zones[late] = zone(t, late, 1, "www 60 A 192.0.2.77")
	put(t, f.primary, late, nil, zones[late])
	f.nsd.Add(t, string(late))
	f.converged(t, "one is down", zones, nil, "BIND", "NSD", "PowerDNS")
	f.servers["Knot"].Restart(t)
	f.converged(t, "back again", zones, nil, all...)

	var gone []dns.Name
	for _, name := range names[:n/2] {
		require.NoError(t, f.primary.Remove(t.Context(), dns.Place{}, name))
		delete(zones, name)
		gone = append(gone, name)
	}
	f.nsd.Remove(t, plain[:n/2]...)
	f.converged(t, "removed", zones, gone, all...)

	again := names[0]
	zones[again] = zone(t, again, 1000, "again 60 A 192.0.2.1")
	put(t, f.primary, again, nil, zones[again])
	f.nsd.Add(t, string(again))
	f.converged(t, "made again", zones, gone[1:], all...)
	f.dug(t, zones)
}
