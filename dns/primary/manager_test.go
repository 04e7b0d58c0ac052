package primary_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest/daemon"
	"github.com/tierhost/tierhost/dns/primary"
	"github.com/tierhost/tierhost/storage/memory"
)

// The manager keeps zones, the primary publishes them, and real secondaries take them by its
// catalog: zones are made, edited and removed while one secondary is down, which has it all
// when it returns; and after the primary was started anew nothing is lost.
func TestManagerWithSecondaries(t *testing.T) {
	t.Parallel()
	l, packets := sockets(t)
	setup := daemon.Setup{Key: daemon.Key{Name: string(key.Name), Secret: keySecret}, Primary: l.Addr().String(), Catalog: string(catalogName)}
	f := &fleet{servers: map[string]*daemon.Server{"BIND": daemon.BIND(t, setup), "Knot": daemon.Knot(t, setup)}}
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

	m, err := dns.NewManager(memory.New(), dns.Options{Waiver: true, Drivers: map[string]dns.NameServer{"primary": f.primary}})
	require.NoError(t, err)
	_, err = m.PutServer(t.Context(), dns.Server{ID: "hidden", Name: "ns1.host.example", Machine: "m1", Driver: "primary"})
	require.NoError(t, err)
	settle := func() {
		t.Helper()
		for worked := true; worked; {
			worked, err = m.Step(t.Context())
			require.NoError(t, err)
		}
		st, err := m.Standing(t.Context(), "hidden")
		require.NoError(t, err)
		require.True(t, st.AllSettled(), "%+v", st)
	}
	wanted := func() map[dns.Name][]dns.Record {
		zones := map[dns.Name][]dns.Record{}
		for z, err := range m.Zones(t.Context(), dns.ZoneQuery{State: dns.ZoneActive}) {
			require.NoError(t, err)
			e, err := m.Effective(t.Context(), z.Name)
			require.NoError(t, err)
			zones[z.Name] = e.Records()
		}
		return zones
	}
	var names []dns.Name
	for i := range 200 {
		name := dns.Name(fmt.Sprintf("z%03d.example", i))
		names = append(names, name)
		_, err := m.Create(t.Context(), dns.ZoneRequest{Name: name, Account: "42", Custom: []dns.Record{
			{Name: "www." + name, TTL: 60, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.80")}},
		}})
		require.NoError(t, err)
	}
	settle()
	f.primary.Open()
	f.converged(t, "new", wanted(), nil, "BIND", "Knot")

	f.servers["Knot"].Kill()
	for _, name := range names[:50] {
		_, err := m.Edit(t.Context(), dns.EditRequest{Name: name, Edits: []dns.Edit{
			{Action: dns.EditAdd, Record: dns.Record{Name: "note." + name, TTL: 60, Data: dns.TXT{Text: "one is down"}}},
		}})
		require.NoError(t, err)
	}
	gone := names[150:]
	for _, name := range gone {
		guarded := new(dns.GuardedError)
		if err := m.Remove(t.Context(), dns.RemoveRequest{Name: name}); !errors.As(err, &guarded) {
			require.NoError(t, err)
		}
		require.NoError(t, m.Remove(t.Context(), dns.RemoveRequest{Name: name, Token: guarded.Plan.Token()}))
	}
	settle()
	f.converged(t, "one is down", wanted(), gone, "BIND")
	f.servers["Knot"].Restart(t)
	f.converged(t, "back again", wanted(), gone, "BIND", "Knot")
	f.dug(t, wanted())
}
