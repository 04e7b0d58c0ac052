package dns_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// elsewhere puts a zone with so many hosts on a server, as somebody else does.
func (w *world) elsewhere(at dns.ServerID, zone dns.Name, hosts int) {
	w.net.edit(at, zone, func(p *dns.Published) {
		*p = dns.Published{Present: true, Serial: 5, Records: []dns.Record{
			{Name: zone, TTL: 3600, Data: dns.SOA{Primary: "ns1.host.example", Mailbox: "h.other.example", Refresh: 3600, Retry: 600, Expire: 86400, Minimum: 60}},
			{Name: zone, TTL: 3600, Data: dns.NS{Host: "ns1.host.example"}}, {Name: zone, TTL: 3600, Data: dns.NS{Host: "ns2.host.example"}},
		}}
		for i := range hosts {
			p.Records = append(p.Records, dns.Record{Name: dns.Name(fmt.Sprintf("h%d.%s", i, zone)), TTL: 300, Data: addr("198.51.100.1")})
		}
		p.Records = dns.Sorted(p.Records)
	})
}

// What a server has, and never took from here, is not overwritten without approval of that
// very plan, however little it is and though the name servers are the same.
func TestAForeignZoneIsNotOverwritten(t *testing.T) {
	t.Parallel()
	for _, hosts := range []int{1, 5, 50} {
		w := open(t, dns.Options{})
		w.elsewhere("ns1", "old.example", hosts)
		w.create("old.example", "newcomer")
		w.settle()
		p := w.status("old.example", "ns1")
		require.Equal(t, dns.PublicationGuarded, p.State, "%d hosts", hosts)
		require.Equal(t, dns.GuardForeign, p.Guards[len(p.Guards)-1].Code)
		require.Len(t, w.net.at("ns1", "old.example").Records, 3+hosts)
		// Nor once there is another revision.
		_, err := w.Edit(t.Context(), dns.EditRequest{Name: "old.example", Edits: []dns.Edit{add("a.old.example", addr("192.0.2.1"))}})
		require.NoError(t, err)
		w.settle()
		p = w.status("old.example", "ns1")
		require.Equal(t, dns.PublicationGuarded, p.State, "%d hosts", hosts)
		require.NoError(t, w.Approve(t.Context(), "old.example", "ns1", p.Token))
		w.settle()
		w.published("old.example")
	}
}

// The same records are taken over as they are.
func TestAForeignZoneWithTheSameRecordsIsTakenOver(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("old.example", "42")
	w.settle()
	had := w.net.at("ns1", "old.example")
	other := open(t, dns.Options{})
	other.net.edit("ns1", "old.example", func(p *dns.Published) { *p = had; p.Serial += 9 })
	other.create("old.example", "42")
	other.settle()
	other.published("old.example")
	require.Equal(t, 0, other.net.count("apply ns1 old.example"))
}

// Nor is it removed: with the zone that is kept here, and when that goes to other servers.
func TestAForeignZoneIsNotRemoved(t *testing.T) {
	t.Parallel()
	for what, leave := range map[string]func(w *world){
		"removed": func(w *world) { w.remove("old.example") },
		"moved": func(w *world) {
			servers := []dns.ServerID{"ns3", "ns2"}
			r := dns.ZoneChange{Name: "old.example", Servers: &servers}
			_, err := w.Change(t.Context(), r)
			guarded, ok := errors.AsType[*dns.GuardedError](err)
			require.True(t, ok, "%v", err)
			r.Token = guarded.Plan.Token()
			_, err = w.Change(t.Context(), r)
			require.NoError(t, err)
		},
	} {
		w := open(t, dns.Options{})
		w.elsewhere("ns1", "old.example", 50)
		w.create("old.example", "42", func(r *dns.ZoneRequest) { r.Servers = []dns.ServerID{"ns1", "ns2"} })
		w.server("ns3", "m3")
		w.settle()
		leave(w)
		w.settle()
		require.True(t, w.net.at("ns1", "old.example").Present, what)
		p := w.status("old.example", "ns1")
		require.True(t, p.Remove)
		require.Equal(t, dns.PublicationGuarded, p.State, what)
		require.Equal(t, []dns.GuardCode{dns.GuardZoneRemoval, dns.GuardForeign}, []dns.GuardCode{p.Guards[0].Code, p.Guards[1].Code})
		// What was approved is what was there.
		w.net.edit("ns1", "old.example", func(p *dns.Published) { p.Records[len(p.Records)-1].Data = addr("198.51.100.2") })
		require.NoError(t, w.Approve(t.Context(), "old.example", "ns1", p.Token))
		w.settle()
		require.True(t, w.net.at("ns1", "old.example").Present, "it is another zone by now")
		require.NoError(t, w.Approve(t.Context(), "old.example", "ns1", w.status("old.example", "ns1").Token))
		w.settle()
		require.False(t, w.net.at("ns1", "old.example").Present)
	}
}

// What a server took while the answer was lost is known to be from here: it is changed and
// removed without asking.
func TestWhatWasSentAndNotConfirmedIsOurs(t *testing.T) {
	t.Parallel()
	for _, then := range []string{"edit", "remove"} {
		w := open(t, dns.Options{})
		w.net.after = func(call string, at dns.ServerID, _ dns.Name) error {
			if call == "apply" && at == "ns1" {
				return tierhost.Fail(tierhost.KindUnavailable, tierhost.EffectUnknown, errors.New("the answer is lost"))
			}
			return nil
		}
		w.create("example.com", "42")
		w.settle()
		require.True(t, w.net.at("ns1", "example.com").Present)
		require.Empty(t, w.status("example.com", "ns1").Content)
		w.net.after = nil
		if then == "remove" {
			w.remove("example.com")
			w.settle()
			require.False(t, w.net.at("ns1", "example.com").Present)
			continue
		}
		_, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{{Action: dns.EditDelete, ID: "web/www"}, {Action: dns.EditDelete, ID: "web/mx"}}})
		require.NoError(t, err)
		w.settle()
		w.published("example.com")
	}
}
