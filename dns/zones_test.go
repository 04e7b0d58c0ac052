package dns_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

func addr(s string) dns.A { return dns.A{Addr: netip.MustParseAddr(s)} }

// The result of edits is looked at as a whole zone, all faults are told at once, and
// nothing is kept if there is one.
func TestEditsAreKeptWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	z := w.create("example.com", "42")
	_, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{
		add("a.example.com", addr("192.0.2.1")),
		add("example.org", addr("192.0.2.1")),
		add("example.com", dns.NS{Host: "ns.evil.example"}),
		{Action: dns.EditReplace, ID: "r9", Record: dns.Record{Name: "b.example.com", TTL: 1 << 31, Data: addr("192.0.2.2")}},
		{Action: dns.EditDelete, ID: "web/nothing"},
		{Action: dns.EditRestore, ID: "r1"},
		{Action: "explode"},
	}})
	require.Equal(t, []string{
		"edits[1].record.name out_of_zone", "edits[2].record.type system_record", "edits[3].record.ttl too_large",
		"edits[3].id no_record", "edits[4].id no_record", "edits[5].id no_record", "edits[6].action unknown_action",
	}, code(t, err))
	// Each edit is right by itself, but not both.
	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{
		add("a.example.com", dns.CNAME{Target: "b.example"}), add("a.example.com", dns.TXT{Text: "x"}),
	}})
	require.NotEmpty(t, code(t, err))
	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{add("example.com", dns.CNAME{Target: "b.example"})}})
	require.NotEmpty(t, code(t, err), "a CNAME at the apex, beside what the template has there")
	same, err := w.Zone(t.Context(), "example.com")
	require.NoError(t, err)
	require.Equal(t, z, same)
	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "nowhere.example"})
	require.ErrorIs(t, err, dns.ErrNoZone)
}

// What is not published otherwise has no new serial; what is has one, also a removal.
func TestOnlyChangesOfContentBumpTheSerial(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	z := w.create("example.com", "42")
	edit := func(edits ...dns.Edit) dns.Zone {
		t.Helper()
		w.clock.Advance(time.Minute)
		z, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: edits})
		require.NoError(t, err)
		return z
	}
	require.Equal(t, z.Serial, edit().Serial, "no edits")
	added := edit(add("a.example.com", addr("192.0.2.1")))
	require.True(t, added.Serial.After(z.Serial))
	id := added.Custom[0].ID
	require.Equal(t, added.Serial, edit(dns.Edit{Action: dns.EditReplace, ID: id, Record: added.Custom[0].Record}).Serial, "the same again")
	require.Equal(t, added.Serial, edit(dns.Edit{Action: dns.EditDisable, ID: id}, dns.Edit{Action: dns.EditEnable, ID: id}).Serial, "off and on")
	off := edit(dns.Edit{Action: dns.EditDisable, ID: id})
	require.True(t, off.Serial.After(added.Serial))
	w.settle()
	require.NotContains(t, w.published("example.com"), added.Custom[0].Record, "a disabled record is left out, and the zone is there")
	require.Equal(t, off.Serial, edit(dns.Edit{Action: dns.EditDelete, ID: id}).Serial, "a disabled record is deleted")
	gone := edit(dns.Edit{Action: dns.EditDelete, ID: "web/www"})
	require.True(t, gone.Serial.After(off.Serial))
	w.settle()
	for _, r := range w.published("example.com") {
		require.NotEqual(t, dns.Name("www.example.com"), r.Name)
	}
	back := edit(dns.Edit{Action: dns.EditRestoreAll})
	require.True(t, back.Serial.After(gone.Serial))
	for range 200 { // more than a day has numbers, in one instant
		next, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{add("b.example.com", dns.TXT{Text: back.Serial.String()})}})
		require.NoError(t, err)
		require.True(t, next.Serial.After(back.Serial))
		back = next
	}
}

// An edit that touches much of a zone wants the token of the plan that it shows, which is
// good for that edit only.
func TestEditsThatTouchMuchAreGuarded(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42", func(r *dns.ZoneRequest) {
		for i := range 12 {
			r.Custom = append(r.Custom, dns.Record{Name: dns.Name("h" + string(rune('a'+i)) + ".example.com"), TTL: 300, Data: addr("192.0.2.1")})
		}
	})
	w.settle()
	z, err := w.Zone(t.Context(), "example.com")
	require.NoError(t, err)
	var edits []dns.Edit
	for _, c := range z.Custom {
		edits = append(edits, dns.Edit{Action: dns.EditDelete, ID: c.ID})
	}
	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: edits})
	require.ErrorIs(t, err, dns.ErrGuarded)
	guarded, ok := errors.AsType[*dns.GuardedError](err)
	require.True(t, ok)
	require.Equal(t, 12, guarded.Plan.Counts.Removed)
	token := guarded.Plan.Token()
	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: edits[1:], Token: token})
	require.ErrorIs(t, err, dns.ErrToken, "of another edit")
	w.clock.Advance(time.Hour)
	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: edits, Token: token})
	require.NoError(t, err)
	require.Equal(t, 2, w.settle(), "what was approved once is published without asking again")
	w.published("example.com")
}

// Name servers are picked at random among those that may, on different machines.
func TestServersArePickedOnDifferentMachines(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	set := func(id dns.ServerID, change func(s *dns.Server)) {
		s, err := w.Server(t.Context(), id)
		require.NoError(t, err)
		change(&s)
		_, err = w.PutServer(t.Context(), s)
		require.NoError(t, err)
	}
	w.server("ns3", "m2")
	w.server("ns4", "m3")
	w.server("ns5", "m4")
	set("ns4", func(s *dns.Server) { s.Role = dns.RoleSecondary })
	set("ns5", func(s *dns.Server) { s.Status = dns.ServerDraining })
	machines := map[dns.ServerID]string{"ns1": "m1", "ns2": "m2", "ns3": "m2", "ns4": "m3"}
	pairs := map[string]int{}
	for i := range 400 {
		z := w.create(dns.Name("z"+strings.Repeat("x", i%50)+string(rune('a'+i/50))+".example"), "42")
		require.Len(t, z.Servers, 2)
		p, s := z.Servers[0].Server, z.Servers[1].Server
		require.NotEqual(t, machines[p], machines[s])
		require.NotEqual(t, dns.ServerID("ns4"), p)
		pairs[string(p+"/"+s)]++
	}
	require.Len(t, pairs, 7, "every pair that may is picked: %v", pairs)
	for pair, n := range pairs {
		require.Greater(t, n, 25, pair)
	}
	z := w.create("fixed.example", "42", func(r *dns.ZoneRequest) { r.Servers = []dns.ServerID{"ns2", "ns4", "ns1"} })
	require.Equal(t, []dns.ServerID{"ns2", "ns4", "ns1"}, []dns.ServerID{z.Servers[0].Server, z.Servers[1].Server, z.Servers[2].Server})
	_, err := w.Create(t.Context(), dns.ZoneRequest{Name: "no.example", Account: "42", Servers: []dns.ServerID{"ns4", "ns5", "ns9"}})
	none, ok := errors.AsType[*dns.NoServersError](err)
	require.True(t, ok, "%v", err)
	require.ErrorIs(t, err, dns.ErrNoServers)
	require.Equal(t, map[dns.ServerID]string{"ns4": "role", "ns5": "status", "ns9": "unknown"}, none.Why)
	for _, id := range []dns.ServerID{"ns1", "ns4"} {
		set(id, func(s *dns.Server) { s.Status = dns.ServerDraining })
	}
	_, err = w.Create(t.Context(), dns.ZoneRequest{Name: "no.example", Account: "42"})
	none, ok = errors.AsType[*dns.NoServersError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, map[dns.ServerID]string{"ns1": "status", "ns2": "machine", "ns3": "machine", "ns4": "status", "ns5": "status"}, none.Why)
	waived, err := dns.NewManager(w.store, dns.Options{Waiver: true, Clock: w.clock})
	require.NoError(t, err)
	z, err = waived.Create(t.Context(), dns.ZoneRequest{Name: "one.example", Account: "42"})
	require.NoError(t, err)
	require.Len(t, z.Servers, 2, "two servers of the one machine")
	require.NotEqual(t, z.Servers[0].Server, z.Servers[1].Server)
}

// No zone of a reseller that has names of its own holds a name of the host's, and its
// events name no server.
func TestAResellersZonesDoNotNameTheHost(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	_, err := w.PutSettings(t.Context(), dns.Settings{
		Seller: "acme", ServiceZone: "acme.example", NameServers: map[dns.ServerID]dns.Name{"ns1": "ns1.acme.example", "ns2": "ns2.acme.example"},
	})
	require.NoError(t, err)
	w.server("ns3", "m3") // acme has no name for it
	mine := func(r *dns.ZoneRequest) { r.Seller, r.Bare = "acme", true }
	for i := range 20 {
		w.create(dns.Name("shop"+string(rune('a'+i))+".example"), "7", mine)
	}
	w.create("acme.example", "", mine, func(r *dns.ZoneRequest) { r.Purpose = dns.PurposeService })
	w.settle()
	for z, err := range w.Zones(t.Context(), dns.ZoneQuery{Seller: "acme"}) {
		require.NoError(t, err)
		for _, r := range w.published(z.Name) {
			require.NotContains(t, r.String(), "host.example")
		}
	}
	records := w.published("acme.example")
	require.True(t, slices.ContainsFunc(records, func(r dns.Record) bool { return r.Name == "ns1.acme.example" && r.Type() == dns.TypeA }), "glue")
	_, err = storage.Drain(t.Context(), w.store, func(_ context.Context, e storage.Event) error {
		if e.Seller == "acme" {
			require.NotContains(t, string(e.Data), "ns1")
			require.NotContains(t, string(e.Data), "ns2")
		}
		return nil
	}, storage.DrainOptions{})
	require.NoError(t, err)
}

// Nobody gets a zone above or below somebody else's, or the service zone (Z10).
func TestNobodyGetsAZoneAboveOrBelowAnothers(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("service.example", "", func(r *dns.ZoneRequest) { r.Purpose = dns.PurposeService })
	w.create("victim.example", "1")
	w.create("deep.sub.big.example", "1")
	w.create("shared.example", "1", func(r *dns.ZoneRequest) { r.Open = true })
	try := func(name dns.Name, account string, more ...func(r *dns.ZoneRequest)) error {
		r := dns.ZoneRequest{Name: name, Account: account}
		for _, m := range more {
			m(&r)
		}
		_, err := w.Create(t.Context(), r)
		return err
	}
	third := func(r *dns.ZoneRequest) { r.Purpose = dns.PurposeThird }
	for _, name := range []dns.Name{"www.victim.example", "a.b.victim.example", "big.example", "sub.big.example", "x.service.example"} {
		require.ErrorIs(t, try(name, "2"), dns.ErrForeignZone, name)
		require.NotContains(t, try(name, "2").Error(), "victim.example: ", "whose it is, is not told")
	}
	require.ErrorIs(t, try("x.service.example", ""), dns.ErrForeignZone, "nor does the host's own account, by accident")
	require.ErrorIs(t, try("example", "2", func(r *dns.ZoneRequest) { r.Registry = true }), dns.ErrForeignZone)
	require.ErrorIs(t, try("victim.example", "2"), dns.ErrZoneExists)
	require.ErrorIs(t, try("victim.example", "1"), dns.ErrZoneExists)
	require.ErrorIs(t, try("other.example", "2", third), dns.ErrForeignZone, "below no zone")
	require.NoError(t, try("notvictim.example", "2"))
	require.NoError(t, try("shop.victim.example", "1"), "one's own")
	require.NoError(t, try("site.shared.example", "2", third))
	require.ErrorIs(t, try("www.site.shared.example", "3", third), dns.ErrForeignZone, "the nearest decides")
	require.NoError(t, try("big.example", "2", func(r *dns.ZoneRequest) { r.Leave = []dns.Name{"deep.sub.big.example"} }))
	var codes []string
	for _, name := range []dns.Name{".", "*.example", "_x.example", "a/b.example", "UPPER.example", ""} {
		codes = append(codes, code(t, try(name, "2"))[0])
	}
	require.Equal(t, []string{"name root", "name wildcard_inside", "name bad_character", "name bad_character", "name not_canonical", "name required"}, codes)
}

// A request with a key is done once, also if it comes again after the zone was changed or
// removed.
func TestARequestWithAKeyIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	r := dns.ZoneRequest{Name: "example.com", Account: "42", Key: "order 7", By: "shop"}
	first, err := w.Create(t.Context(), r)
	require.NoError(t, err)
	r.By = "shop, again"
	again, err := w.Create(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, first, again)
	edited, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{add("x.example.com", dns.TXT{Text: "x"})}})
	require.NoError(t, err)
	again, err = w.Create(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, edited, again)
	for _, change := range []func(r *dns.ZoneRequest){
		func(r *dns.ZoneRequest) { r.Open = true }, func(r *dns.ZoneRequest) { r.Purpose = dns.PurposeParked },
		func(r *dns.ZoneRequest) { r.Servers = []dns.ServerID{"ns1", "ns2"} }, func(r *dns.ZoneRequest) { r.Vars = dns.Vars{"x": nil} },
		func(r *dns.ZoneRequest) {
			r.Custom = []dns.Record{{Name: "y.example.com", TTL: 60, Data: dns.TXT{Text: "y"}}}
		},
	} {
		other := r
		change(&other)
		_, err = w.Create(t.Context(), other)
		require.ErrorIs(t, err, dns.ErrKeyReused)
	}
	for _, change := range []func(r *dns.ZoneRequest){
		func(r *dns.ZoneRequest) { r.Key = "order 8" }, func(r *dns.ZoneRequest) { r.Key = "" }, func(r *dns.ZoneRequest) { r.Account = "43" },
	} {
		other := r
		change(&other)
		_, err = w.Create(t.Context(), other)
		require.ErrorIs(t, err, dns.ErrZoneExists)
	}
	w.remove("example.com")
	_, err = w.Create(t.Context(), r)
	require.ErrorIs(t, err, dns.ErrNoZone, "it does not come back by itself")
	r.Key = "order 9"
	_, err = w.Create(t.Context(), r)
	require.NoError(t, err)
}

// A zone made in a transaction of the host's is there, and published, if that commits.
func TestInATransactionOfTheHosts(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	refused := errors.New("no")
	for _, fail := range []error{refused, nil} {
		err := w.store.Update(t.Context(), func(ctx context.Context, tx storage.Tx) error {
			in := w.In(tx)
			if _, err := in.Create(ctx, dns.ZoneRequest{Name: "example.com", Account: "42"}); err != nil {
				return err
			}
			_, err := in.Step(ctx)
			require.ErrorIs(t, err, tierhost.ErrUnsupported, "drivers are called outside")
			return fail
		})
		require.ErrorIs(t, err, fail)
		_, err = w.Zone(t.Context(), "example.com")
		if fail != nil {
			require.ErrorIs(t, err, dns.ErrNoZone)
		} else {
			require.NoError(t, err)
		}
	}
	require.Equal(t, 2, w.settle())
	w.published("example.com")
}
