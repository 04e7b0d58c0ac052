package zonefile_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/dnstest"
	"github.com/tierhost/tierhost/dns/dnstest/daemon"
	"github.com/tierhost/tierhost/dns/zonefile"
	"github.com/tierhost/tierhost/storage/memory"
)

// The manager keeps zones and BIND reads their files: they are made and removed, and
// what BIND could not be told while it was down it is told when it is back.
func TestManagerWithBIND(t *testing.T) {
	t.Parallel()
	bind := daemon.BIND(t, daemon.Setup{Key: daemon.Key{Name: "k", Secret: "c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ="}})
	at := place(t, bind.File("data"))
	driver := zonefile.New(zonefile.Options{Reload: func(_ context.Context, _ dns.Place, zone dns.Name, present bool) error {
		return bind.Load(string(zone), present)
	}})
	m, err := dns.NewManager(memory.New(), dns.Options{
		Waiver: true, Drivers: map[string]dns.NameServer{"file": driver},
		Work: dns.WorkOptions{First: 10 * time.Millisecond, Max: 50 * time.Millisecond, TripFirst: 10 * time.Millisecond, TripMax: 50 * time.Millisecond, Attempts: 1000},
	})
	require.NoError(t, err)
	_, err = m.PutServer(t.Context(), dns.Server{ID: "ns1", Name: "ns1.host.example", Machine: "m1", Driver: "file", Config: at.Config})
	require.NoError(t, err)
	step := func() {
		for range 20 {
			_, err := m.Step(t.Context())
			require.NoError(t, err)
		}
	}
	serves := func(zone dns.Name, present bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			step()
			serial, there, err := dnstest.Ask(t.Context(), bind.Addr(), zone, dnstest.Key{})
			if err != nil || there != present {
				return false
			}
			z, err := m.Zone(t.Context(), zone)
			return !present || err == nil && serial == z.Serial
		}, time.Minute, 5*time.Millisecond, "%s", zone)
	}
	create := func(name dns.Name) {
		_, err := m.Create(t.Context(), dns.ZoneRequest{Name: name, Account: "42", Custom: []dns.Record{
			{Name: "www." + name, TTL: 60, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.80")}},
		}})
		require.NoError(t, err)
	}
	for i := range 10 {
		create(dns.Name(fmt.Sprintf("z%d.example", i)))
	}
	for i := range 10 {
		serves(dns.Name(fmt.Sprintf("z%d.example", i)), true)
	}
	guarded := new(dns.GuardedError)
	require.ErrorAs(t, m.Remove(t.Context(), dns.RemoveRequest{Name: "z1.example"}), &guarded)
	require.NoError(t, m.Remove(t.Context(), dns.RemoveRequest{Name: "z1.example", Token: guarded.Plan.Token()}))
	serves("z1.example", false)
	bind.Kill()
	create("late.example")
	_, err = m.Edit(t.Context(), dns.EditRequest{Name: "z0.example", Edits: []dns.Edit{
		{Action: dns.EditAdd, Record: dns.Record{Name: "note.z0.example", TTL: 60, Data: dns.TXT{Text: "it is down"}}},
	}})
	require.NoError(t, err)
	step()
	bind.Restart(t)
	serves("z0.example", true)
	serves("late.example", true)
}
