package dns_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

func on(servers ...dns.ServerID) func(r *dns.ZoneRequest) {
	return func(r *dns.ZoneRequest) { r.Servers = servers }
}

func third(r *dns.ZoneRequest) { r.Purpose = dns.PurposeThird }

// shared is a world with four name servers and an open zone on two of them.
func shared(t *testing.T, more ...func(r *dns.ZoneRequest)) *world {
	t.Helper()
	w := open(t, dns.Options{})
	w.server("ns3", "m3")
	w.server("ns4", "m4")
	w.create("shared.example", "1", append([]func(r *dns.ZoneRequest){on("ns1", "ns2"), func(r *dns.ZoneRequest) { r.Open = true }}, more...)...)
	return w
}

// delegated are the records of a zone at a name and below it, as its servers publish them.
func (w *world) delegated(zone, name dns.Name) (out []string) {
	w.t.Helper()
	w.settle()
	for _, r := range w.published(zone) {
		if r.Name.Within(name) {
			out = append(out, strings.ReplaceAll(strings.TrimPrefix(r.String(), string(r.Name)+"."), "\t", " "))
		}
	}
	return out
}

// A third-level zone is on the servers of the zone above, if nobody says otherwise: then
// that zone stays as it is.
func TestThirdLevelOnTheSameServers(t *testing.T) {
	t.Parallel()
	w := shared(t)
	before, err := w.Zone(t.Context(), "shared.example")
	require.NoError(t, err)
	for i := range 10 {
		z := w.create(dns.Name(fmt.Sprintf("site%d.shared.example", i)), "2", third)
		require.Equal(t, dns.ServerID("ns1"), z.Servers[0].Server)
		require.Equal(t, dns.ServerID("ns2"), z.Servers[1].Server)
	}
	after, err := w.Zone(t.Context(), "shared.example")
	require.NoError(t, err)
	require.Equal(t, before, after)
	// A server that gets no new zones has the others choose.
	drained := w.serve("ns1", func(s *dns.Server) { s.Status = dns.ServerDraining })
	z := w.create("late.shared.example", "2", third)
	require.False(t, slices.ContainsFunc(z.Servers, func(s dns.ApexServer) bool { return s.Server == drained.ID }))
	require.NotEmpty(t, w.delegated("shared.example", z.Name))
}

// serve changes a server.
func (w *world) serve(id dns.ServerID, change func(s *dns.Server)) dns.Server {
	w.t.Helper()
	s, err := w.Server(w.t.Context(), id)
	require.NoError(w.t, err)
	change(&s)
	s, err = w.PutServer(w.t.Context(), s)
	require.NoError(w.t, err)
	return s
}

// On other servers the zone above delegates it, with the addresses of servers that are named
// within it, as long as that is so.
func TestThirdLevelOnOtherServers(t *testing.T) {
	t.Parallel()
	w := shared(t)
	_, err := w.PutSettings(t.Context(), dns.Settings{Seller: "acme", NameServers: map[dns.ServerID]dns.Name{
		"ns1": "a.dns.acme.example", "ns2": "b.dns.acme.example", "ns3": "a.site.shared.example", "ns4": "d.dns.acme.example",
	}})
	require.NoError(t, err)
	vanity := func(r *dns.ZoneRequest) { r.Seller = "acme" }
	require.Empty(t, w.delegated("shared.example", "site.shared.example"))
	first := w.create("site.shared.example", "2", third, on("ns3", "ns4"), vanity)
	require.Equal(t, []string{
		" 3600 IN NS d.dns.acme.example.", " 3600 IN NS a.site.shared.example.", " 3600 IN A 192.0.2.54",
	}, w.delegated("shared.example", "site.shared.example"))

	change := func(name dns.Name, servers ...dns.ServerID) {
		t.Helper()
		w.change(t, dns.ZoneChange{Name: name, Servers: &servers})
	}
	change("site.shared.example", "ns2", "ns1")
	require.Empty(t, w.delegated("shared.example", "site.shared.example"), "it has come to the same servers")
	change("shared.example", "ns1", "ns3")
	require.Equal(t, []string{" 3600 IN NS a.dns.acme.example.", " 3600 IN NS b.dns.acme.example."},
		w.delegated("shared.example", "site.shared.example"), "the zone above has gone from one")
	change("shared.example", "ns2", "ns1")
	require.Empty(t, w.delegated("shared.example", "site.shared.example"))

	change("site.shared.example", "ns3", "ns4")
	require.NotEmpty(t, w.delegated("shared.example", "site.shared.example"))
	w.remove("site.shared.example")
	require.Empty(t, w.delegated("shared.example", "site.shared.example"))
	again := w.create("site.shared.example", "3", third, on("ns3", "ns4"))
	require.True(t, again.Serial.After(first.Serial))
	require.Equal(t, []string{" 3600 IN NS ns3.host.example.", " 3600 IN NS ns4.host.example."}, w.delegated("shared.example", "site.shared.example"))
}

// change changes a zone, with the token if that is needed.
func (w *world) change(t require.TestingT, c dns.ZoneChange) {
	_, err := w.Change(w.t.Context(), c)
	if guarded := new(dns.GuardedError); err != nil {
		require.ErrorAs(t, err, &guarded)
		c.Token = guarded.Plan.Token()
		_, err = w.Change(w.t.Context(), c)
	}
	require.NoError(t, err)
}

func (w *world) remove(name dns.Name) {
	w.t.Helper()
	err := w.Remove(w.t.Context(), dns.RemoveRequest{Name: name})
	guarded := new(dns.GuardedError)
	require.ErrorAs(w.t, err, &guarded)
	require.NoError(w.t, w.Remove(w.t.Context(), dns.RemoveRequest{Name: name, Token: guarded.Plan.Token()}))
}

// A zone that is signed is delegated with DS wherever it is, or validating resolvers get no
// answers.
func TestThirdLevelSigned(t *testing.T) {
	t.Parallel()
	w := shared(t)
	w.create("site.shared.example", "2", third)
	keys := []dns.DS{{KeyTag: 60485, Algorithm: 13, DigestType: 2, Digest: dns.Octets(strings.Repeat("\xab", 32))}}
	_, err := w.Change(t.Context(), dns.ZoneChange{Name: "site.shared.example", Keys: &keys})
	require.NoError(t, err)
	require.Equal(t, []string{
		" 3600 IN NS ns1.host.example.", " 3600 IN NS ns2.host.example.", " 3600 IN DS 60485 13 2 " + strings.Repeat("ab", 32),
	}, w.delegated("shared.example", "site.shared.example"))
	_, err = w.Change(t.Context(), dns.ZoneChange{Name: "site.shared.example", Keys: &[]dns.DS{}})
	require.NoError(t, err)
	require.Empty(t, w.delegated("shared.example", "site.shared.example"))
	_, err = w.Change(t.Context(), dns.ZoneChange{Name: "site.shared.example", Keys: &[]dns.DS{{KeyTag: 1, DigestType: 2, Digest: "short"}}})
	require.ErrorIs(t, err, tierhost.ErrInvalid)
}

// A zone that is signed delegates what is below it wherever that is: validating resolvers want
// proof that there is no DS, beside an NS (RFC 4035, 5.2).
func TestBelowASignedZone(t *testing.T) {
	t.Parallel()
	w := shared(t)
	w.create("old.shared.example", "2", third)
	keys := []dns.DS{{KeyTag: 60485, Algorithm: 13, DigestType: 2, Digest: dns.Octets(strings.Repeat("\xab", 32))}}
	delegation := []string{" 3600 IN NS ns1.host.example.", " 3600 IN NS ns2.host.example."}
	require.Empty(t, w.delegated("shared.example", "old.shared.example"))
	w.change(t, dns.ZoneChange{Name: "shared.example", Keys: &keys})
	require.Equal(t, delegation, w.delegated("shared.example", "old.shared.example"))
	w.create("new.shared.example", "2", third)
	require.Equal(t, delegation, w.delegated("shared.example", "new.shared.example"))
	w.create("below.new.shared.example", "2", third)
	require.Empty(t, w.delegated("new.shared.example", "below.new.shared.example"), "the zone right above is not signed")
	w.change(t, dns.ZoneChange{Name: "shared.example", Keys: &[]dns.DS{}})
	require.Empty(t, w.delegated("shared.example", "old.shared.example"))
	require.Empty(t, w.delegated("shared.example", "new.shared.example"))
}

// The nearest zone above delegates: one that comes in between takes that over, and gives it
// back when it goes.
func TestZonesInBetween(t *testing.T) {
	t.Parallel()
	w := shared(t)
	leave := func(r *dns.ZoneRequest) { r.Leave = []dns.Name{"a.b.shared.example"} }
	w.create("a.b.shared.example", "2", third, on("ns3", "ns4"))
	require.Len(t, w.delegated("shared.example", "a.b.shared.example"), 2)
	w.create("b.shared.example", "3", third, leave)
	require.Empty(t, w.delegated("shared.example", "b.shared.example"))
	require.Len(t, w.delegated("b.shared.example", "a.b.shared.example"), 2)
	w.remove("b.shared.example")
	require.Len(t, w.delegated("shared.example", "a.b.shared.example"), 2)
}

// What the zone above has at the name itself is in the way: then the zone below is not made.
func TestInTheWay(t *testing.T) {
	t.Parallel()
	w := shared(t, func(r *dns.ZoneRequest) {
		r.Custom = []dns.Record{{Name: "old.site.shared.example", TTL: 60, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.1")}}}
	})
	before, err := w.Zone(t.Context(), "shared.example")
	require.NoError(t, err)
	r := dns.ZoneRequest{Name: "site.shared.example", Account: "2", Purpose: dns.PurposeThird, Servers: []dns.ServerID{"ns3", "ns4"}}
	_, err = w.Create(t.Context(), r)
	require.ErrorIs(t, err, dns.ErrForeignZone, "somebody else is not told what is there")
	r.Account = "1"
	_, err = w.Create(t.Context(), r)
	require.Equal(t, []string{"above.records[7].name below_delegation"}, code(t, err))
	_, err = w.Zone(t.Context(), "site.shared.example")
	require.ErrorIs(t, err, dns.ErrNoZone)
	after, err := w.Zone(t.Context(), "shared.example")
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// A zone that is taken over above one that is kept here delegates that one to where it is
// now, and not to where the old records say.
func TestImportAbove(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.server("ns3", "m3")
	w.create("site.old.example", "1", on("ns3", "ns2"))
	_, report, err := w.Import(t.Context(), dns.ImportRequest{
		Zone: dns.ZoneRequest{Name: "old.example", Account: "1", Bare: true, Servers: []dns.ServerID{"ns1", "ns2"}},
		Records: []dns.Record{
			{Name: "site.old.example", TTL: 60, Data: dns.NS{Host: "ns.panel.example"}},
			{Name: "mail.old.example", TTL: 60, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.1")}},
		},
	})
	require.NoError(t, err)
	require.Len(t, report.Kept, 1)
	require.Equal(t, []string{" 3600 IN NS ns2.host.example.", " 3600 IN NS ns3.host.example."}, w.delegated("old.example", "site.old.example"))
}

// Names of servers that change reach the delegations with the zones: none is left behind.
func TestCutsFollowSettings(t *testing.T) {
	t.Parallel()
	w := shared(t)
	for i := range 30 { // more than one transaction
		w.create(dns.Name(fmt.Sprintf("s%02d.shared.example", i)), "2", third, on("ns3", "ns4"))
	}
	w.settle()
	w.serve("ns3", func(s *dns.Server) { s.Name = "new.host.example" })
	for range 2 { // the zone above comes first by name, and then last
		scope := dns.Scope{Settings: true}
		p, err := w.Preview(t.Context(), scope)
		require.NoError(t, err)
		done, err := w.Apply(t.Context(), dns.ApplyRequest{Scope: scope, Token: p.Token, Guarded: true})
		require.NoError(t, err)
		require.Empty(t, done.Left)
		require.Equal(t, p.Zones, done.Zones)
		e, err := w.Effective(t.Context(), "shared.example")
		require.NoError(t, err)
		server, err := w.Server(t.Context(), "ns3")
		require.NoError(t, err)
		n := 0
		for _, r := range e.Records() {
			if r.Data == (dns.NS{Host: server.Name}) {
				n++
			}
		}
		require.Equal(t, 30, n)
		w.serve("ns1", func(s *dns.Server) { s.Name = "first.host.example" }) // the zone above is concerned, too
		w.serve("ns3", func(s *dns.Server) { s.Name = "newer.host.example" })
	}
}

// A zone that the zone above cannot delegate as it would be is left, and told; all others are
// brought there.
func TestAZoneThatCannotBeDelegatedIsLeft(t *testing.T) {
	t.Parallel()
	w := shared(t)
	w.create("a.example", "3", on("ns3", "ns4"))
	w.create("site.shared.example", "2", third, on("ns3", "ns4"))
	w.create("z.example", "3", on("ns3", "ns4"))
	server := w.serve("ns3", func(s *dns.Server) { s.Name = "ns.shared.example" }) // of which the zone has no address
	before, err := w.Effective(t.Context(), "shared.example")
	require.NoError(t, err)
	scope := dns.Scope{Server: "ns3"}
	p, err := w.Preview(t.Context(), scope)
	require.NoError(t, err)
	require.Equal(t, 3, p.Zones)
	done, err := w.Apply(t.Context(), dns.ApplyRequest{Scope: scope, Token: p.Token, Guarded: true})
	require.NoError(t, err)
	require.Equal(t, dns.Applied{Zones: 2, Changed: 2, Left: map[dns.Name]string{"site.shared.example": "faulty"}}, done)
	for _, name := range []dns.Name{"a.example", "z.example"} {
		z, err := w.Zone(t.Context(), name)
		require.NoError(t, err)
		require.Contains(t, []dns.Name{z.Servers[0].Name, z.Servers[1].Name}, server.Name)
	}
	after, err := w.Effective(t.Context(), "shared.example")
	require.NoError(t, err)
	require.Equal(t, before, after)
	rest, err := w.Preview(t.Context(), scope)
	require.NoError(t, err)
	require.Equal(t, 1, rest.Zones, "what is left is what the next preview shows")
}

// Whatever becomes of zones that are above and below each other, each zone delegates those
// right below it that not all of its servers have or where one of both is signed, and
// nothing else.
func TestCutsProperty(t *testing.T) {
	t.Parallel()
	names := []dns.Name{"a.example", "b.a.example", "c.a.example", "d.b.a.example", "e.d.b.a.example", "f.b.a.example"}
	pairs := [][]dns.ServerID{{"ns1", "ns2"}, {"ns2", "ns1"}, {"ns1", "ns3"}, {"ns3", "ns4"}}
	rapid.Check(t, func(rt *rapid.T) {
		w := open(t, dns.Options{})
		w.server("ns3", "m3")
		w.server("ns4", "m4")
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "name")
			servers := rapid.SampledFrom(pairs).Draw(rt, "servers")
			z, err := w.Zone(t.Context(), name)
			switch verb := rapid.IntRange(0, 2).Draw(rt, "verb"); {
			case err != nil:
				w.create(name, "1", on(servers...))
			case verb == 0:
				w.remove(name)
			default:
				c := dns.ZoneChange{Name: name, Servers: &servers}
				if verb == 1 {
					c = dns.ZoneChange{Name: name, Keys: &[]dns.DS{}}
					if len(z.Keys) == 0 {
						*c.Keys = append(*c.Keys, dns.DS{KeyTag: 1, Algorithm: 13, DigestType: 2, Digest: dns.Octets(strings.Repeat("\xab", 32))})
					}
				}
				w.change(rt, c)
			}
		}
		zones := map[dns.Name]dns.Zone{}
		for z, err := range w.Zones(t.Context(), dns.ZoneQuery{State: dns.ZoneActive}) {
			require.NoError(rt, err)
			zones[z.Name] = z
		}
		want := map[dns.Name][]string{}
		for name, z := range zones {
			n := name.Parent()
			for _, ok := zones[n]; !ok && n.NumLabels() > 1; _, ok = zones[n] {
				n = n.Parent()
			}
			above, ok := zones[n]
			if !ok {
				continue
			}
			missing := slices.ContainsFunc(above.Servers, func(s dns.ApexServer) bool {
				return !slices.ContainsFunc(z.Servers, func(o dns.ApexServer) bool { return o.Server == s.Server })
			})
			if !missing && len(z.Keys) == 0 && len(above.Keys) == 0 {
				continue
			}
			for _, s := range z.Servers {
				want[n] = append(want[n], fmt.Sprint(name, " NS ", s.Name))
			}
			if len(z.Keys) > 0 {
				want[n] = append(want[n], fmt.Sprint(name, " DS"))
			}
		}
		for name := range zones {
			e, err := w.Effective(t.Context(), name)
			require.NoError(rt, err)
			var have []string
			for _, r := range e.Records() {
				switch d := r.Data.(type) {
				case dns.NS:
					if r.Name != name {
						have = append(have, fmt.Sprint(r.Name, " NS ", d.Host))
					}
				case dns.DS:
					have = append(have, fmt.Sprint(r.Name, " DS"))
				}
			}
			slices.Sort(have)
			slices.Sort(want[name])
			require.Equal(rt, want[name], have, "%s", name)
		}
	})
}
