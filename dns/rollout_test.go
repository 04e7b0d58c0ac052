package dns_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
)

func mailTo(hosts ...dns.Name) dns.Vars {
	v := dns.Vars{}
	v.SetNames("mail.host", hosts...)
	return v
}

// Moving a mail server shows a plan for each zone, and moves all of them: custom records
// and overrides stay, zones with faults are left and told (Z7, Z9).
func TestAMailServerMovesForAllZones(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	const n = 450 // several pages
	for i := range n {
		w.create(dns.Name(fmt.Sprintf("z%03d.example", i)), "42")
	}
	mx := func(name, host dns.Name) dns.Record {
		return dns.Record{Name: name, TTL: 3600, Data: dns.MX{Preference: 10, Host: host}}
	}
	w.create("override.example", "42", func(r *dns.ZoneRequest) { r.Custom = []dns.Record{mx("override.example", "mail.elsewhere.example")} })
	w.create("removed.example", "42")
	_, err := w.Edit(t.Context(), dns.EditRequest{Name: "removed.example", Edits: []dns.Edit{{Action: dns.EditDelete, ID: "web/mx"}}})
	require.NoError(t, err)
	w.create("alias.example", "42", func(r *dns.ZoneRequest) {
		r.Custom = []dns.Record{{Name: "mx2.alias.example", TTL: 300, Data: dns.CNAME{Target: "x.example"}}}
	})
	w.create("bare.example", "42", func(r *dns.ZoneRequest) { r.Bare = true })
	before, err := w.Zone(t.Context(), "z000.example")
	require.NoError(t, err)

	_, err = w.AddSet(t.Context(), "mail1", mailTo("mx2.host.example", "mx2.alias.example"), 0, "staff")
	require.ErrorIs(t, err, dns.ErrStale, "a version is the one after the one that was read")
	_, err = w.AddSet(t.Context(), "mail1", mailTo("mx2.host.example", "mx2.alias.example"), 1, "staff")
	require.NoError(t, err)
	same, err := w.Zone(t.Context(), "z000.example")
	require.NoError(t, err)
	require.Equal(t, before, same, "nothing changes by itself")
	scope := dns.Scope{Set: "mail1"}
	p, err := w.Preview(t.Context(), scope)
	require.NoError(t, err)
	require.Equal(t, n+3, p.Zones)
	require.Equal(t, n, p.Changed)
	require.Equal(t, 1, p.Faulty, "in alias.example the host of the MX is an alias")
	require.Equal(t, 2*n, p.Counts.Added)
	require.Equal(t, n, p.Counts.Removed)
	again, err := w.Preview(t.Context(), scope)
	require.NoError(t, err)
	require.Equal(t, p, again)
	seen := 0
	for z, err := range w.Plans(t.Context(), scope) {
		require.NoError(t, err)
		if seen++; z.Zone == "alias.example" {
			require.NotEmpty(t, z.Faults)
		}
	}
	require.Equal(t, p.Zones, seen)

	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "z001.example", Edits: []dns.Edit{add("a.z001.example", addr("192.0.2.1"))}})
	require.NoError(t, err)
	_, err = w.Apply(t.Context(), dns.ApplyRequest{Scope: scope, Token: p.Token})
	require.ErrorIs(t, err, dns.ErrToken, "one of the zones is another by now")
	p, err = w.Preview(t.Context(), scope)
	require.NoError(t, err)
	done, err := w.Apply(t.Context(), dns.ApplyRequest{Scope: scope, Token: p.Token, By: "staff"})
	require.NoError(t, err)
	require.Equal(t, dns.Applied{Zones: n + 2, Changed: n, Left: map[dns.Name]string{"alias.example": "faulty"}}, done)
	for i := range n {
		name := dns.Name(fmt.Sprintf("z%03d.example", i))
		e, err := w.Effective(t.Context(), name)
		require.NoError(t, err)
		require.Contains(t, e.Records(), mx(name, "mx2.host.example"))
		require.NotContains(t, e.Records(), mx(name, "mx.host.example"))
	}
	e, err := w.Effective(t.Context(), "override.example")
	require.NoError(t, err)
	require.Contains(t, e.Records(), mx("override.example", "mail.elsewhere.example"))
	require.NotContains(t, e.Records(), mx("override.example", "mx2.host.example"))
	e, err = w.Effective(t.Context(), "removed.example")
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(e.Records(), func(r dns.Record) bool { return r.Type() == dns.TypeMX }), "what was deleted stays deleted")

	rest, err := w.Preview(t.Context(), scope)
	require.NoError(t, err)
	require.Equal(t, 1, rest.Zones, "what is left is what the next preview shows")
}

// Another version of a template reaches the zones that are made from it, and another name
// of a name server those of its seller; both only when applied.
func TestTemplatesAndSettingsReachTheirZones(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42")
	w.settle()
	v, err := w.Template(t.Context(), "web", 0)
	require.NoError(t, err)
	tpl := v.Template
	tpl.Rules = append(tpl.Rules, dns.Rule{ID: "ftp", Name: "ftp", TTL: 3600, Type: dns.TypeA, Data: "${web.address}"},
		dns.Rule{ID: "new", Name: "new", TTL: 3600, Type: dns.TypeA, Data: "${web.other}"})
	_, err = w.AddTemplate(t.Context(), tpl, 1, "staff")
	require.NoError(t, err)
	p, err := w.Preview(t.Context(), dns.Scope{Template: "web"})
	require.NoError(t, err)
	require.Equal(t, 1, p.Faulty, "a variable is missing")
	tpl.Rules = tpl.Rules[:len(tpl.Rules)-1]
	_, err = w.AddTemplate(t.Context(), tpl, 2, "staff")
	require.NoError(t, err)
	p, err = w.Preview(t.Context(), dns.Scope{Template: "web"})
	require.NoError(t, err)
	_, err = w.Apply(t.Context(), dns.ApplyRequest{Scope: dns.Scope{Template: "web"}, Token: p.Token})
	require.NoError(t, err)
	require.Equal(t, 2, w.settle())
	require.Contains(t, w.published("example.com"), dns.Record{Name: "ftp.example.com", TTL: 3600, Data: addr("192.0.2.80")})

	s, err := w.Server(t.Context(), "ns1")
	require.NoError(t, err)
	s.Name = "a.dns.example"
	_, err = w.PutServer(t.Context(), s)
	require.NoError(t, err)
	require.Zero(t, w.settle())
	host := dns.Scope{Settings: true}
	p, err = w.Preview(t.Context(), host)
	require.NoError(t, err)
	require.Equal(t, 1, p.Guarded, "the name servers of a zone change")
	done, err := w.Apply(t.Context(), dns.ApplyRequest{Scope: host, Token: p.Token})
	require.NoError(t, err)
	require.Equal(t, map[dns.Name]string{"example.com": "guarded"}, done.Left)
	_, err = w.Apply(t.Context(), dns.ApplyRequest{Scope: host, Token: p.Token, Guarded: true})
	require.NoError(t, err)
	w.settle()
	require.Contains(t, w.published("example.com"), dns.Record{Name: "example.com", TTL: 3600, Data: dns.NS{Host: "a.dns.example"}})
	p, err = w.Preview(t.Context(), host)
	require.NoError(t, err)
	require.Zero(t, p.Zones)
	for _, s := range []dns.Scope{{}, {Template: "web", Set: "mail1"}, {Set: "mail1", Seller: "x"}} {
		_, err = w.Preview(t.Context(), s)
		require.Equal(t, []string{"scope not_one"}, code(t, err))
	}
	_, err = w.Preview(t.Context(), dns.Scope{Template: "nothing"})
	require.ErrorIs(t, err, dns.ErrNoTemplate)
}

// Instant aliases are unique, stable, none of the seller's own hosts, and at rest before
// somebody else gets them (Z8).
func TestInstantAliases(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	request := func(site string) dns.AliasRequest {
		return dns.AliasRequest{Account: "42", Site: site, Data: []dns.RData{addr("192.0.2.80")}, By: "42"}
	}
	_, err := w.TakeAlias(t.Context(), request("shop"))
	require.Error(t, err, "there is no service zone yet")
	w.create("service.example", "", func(r *dns.ZoneRequest) { r.Purpose, r.Bare = dns.PurposeService, true })
	a, err := w.TakeAlias(t.Context(), request("shop"))
	require.NoError(t, err)
	require.True(t, a.Name.Below("service.example"))
	w.settle()
	require.Contains(t, w.published("service.example"), dns.Record{Name: a.Name, TTL: 300, Data: addr("192.0.2.80")})
	z, err := w.Zone(t.Context(), "service.example")
	require.NoError(t, err)
	b, err := w.TakeAlias(t.Context(), request("shop"))
	require.NoError(t, err)
	require.Equal(t, a, b, "asked again it is the same")
	same, err := w.Zone(t.Context(), "service.example")
	require.NoError(t, err)
	require.Equal(t, z, same)
	moved := request("shop")
	moved.Data = []dns.RData{addr("192.0.2.81"), dns.AAAA{Addr: netip.MustParseAddr("2001:db8::1")}}
	b, err = w.TakeAlias(t.Context(), moved)
	require.NoError(t, err)
	require.Equal(t, a.Name, b.Name)
	require.Len(t, b.Records, 2)

	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "service.example", Edits: []dns.Edit{
		{Action: dns.EditDelete, ID: b.Records[0]}, {Action: dns.EditReplace, ID: b.Records[1], Record: dns.Record{Name: a.Name, TTL: 60, Data: addr("192.0.2.99")}},
	}})
	require.Equal(t, []string{"edits[0].id of_alias", "edits[1].id of_alias"}, code(t, err), "nobody edits it")

	names := map[dns.Name]bool{a.Name: true}
	for i := range 50 {
		a, err := w.TakeAlias(t.Context(), request(fmt.Sprint("site", i)))
		require.NoError(t, err)
		require.False(t, names[a.Name])
		require.NotContains(t, dns.ReservedLabels(), a.Name.First())
		names[a.Name] = true
	}
	require.NoError(t, w.ReleaseAlias(t.Context(), "", "42", "shop", "42"))
	require.NoError(t, w.ReleaseAlias(t.Context(), "", "42", "shop", "42"), "again")
	_, err = w.AliasOf(t.Context(), "", "42", "shop")
	require.ErrorIs(t, err, dns.ErrNoAlias)
	w.settle()
	require.False(t, slices.ContainsFunc(w.published("service.example"), func(r dns.Record) bool { return r.Name == a.Name }))

	settings, err := w.Settings(t.Context(), "")
	require.NoError(t, err)
	for _, label := range []string{"user", "${random}.x", "${random}${random}", "*${random}", "under score ${random}"} {
		settings.AliasLabel = label
		_, err = w.PutSettings(t.Context(), settings)
		require.Equal(t, []string{"alias_label bad_pattern"}, code(t, err), label)
	}
	settings.AliasLabel = "u-${random}-x"
	_, err = w.PutSettings(t.Context(), settings)
	require.NoError(t, err)
	patterned, err := w.TakeAlias(t.Context(), request("by-pattern"))
	require.NoError(t, err)
	require.Regexp(t, `^u-[a-z0-9]{10}-x\.service\.example$`, string(patterned.Name))

	bad := request("")
	bad.Data = []dns.RData{dns.TXT{Text: "x"}}
	_, err = w.TakeAlias(t.Context(), bad)
	require.Equal(t, []string{"site required", "data[0] unsupported_type"}, code(t, err))
}

// The name of an alias that was released is nobody's until it has rested: with dice that
// always fall the same way it is the first one tried.
func TestAReleasedAliasRests(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("service.example", "", func(r *dns.ZoneRequest) { r.Purpose, r.Bare = dns.PurposeService, true })
	take := func(site string) dns.Name { // each time by a manager whose dice start anew
		m, err := dns.NewManager(w.store, dns.Options{Clock: w.clock, Seed: 7})
		require.NoError(t, err)
		a, err := m.TakeAlias(t.Context(), dns.AliasRequest{Account: "42", Site: site, Data: []dns.RData{addr("192.0.2.80")}})
		require.NoError(t, err)
		return a.Name
	}
	first := take("a")
	require.NotEqual(t, first, take("b"), "it is of somebody else")
	require.NoError(t, w.ReleaseAlias(t.Context(), "", "42", "a", ""))
	require.NotEqual(t, first, take("c"), "it is at rest")
	w.clock.Advance(91 * 24 * time.Hour)
	require.Equal(t, first, take("d"))
}

// A zone of an old panel is taken over with a report of what was kept, changed and refused,
// and its serial goes on from the old one.
func TestManagerImport(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	record := func(name dns.Name, ttl uint32, d dns.RData) dns.Record {
		return dns.Record{Name: name, TTL: ttl, Data: d}
	}
	records := []dns.Record{
		record("example.com", 60, dns.SOA{Primary: "ns.old.example", Mailbox: "x.old.example", Serial: 4000000000, Refresh: 1, Retry: 1, Expire: 1, Minimum: 1}),
		record("example.com", 60, dns.NS{Host: "ns.old.example"}),
		record("www.example.com", 3600, addr("192.0.2.80")), // as the template has it
		record("mail.example.com", 300, addr("192.0.2.25")),
		record("mail.example.com", 60, addr("192.0.2.26")), // a set with two TTLs
		record("shop.example.com", 300, dns.CNAME{Target: "shops.example"}),
		record("shop.example.com", 300, dns.TXT{Text: "beside a CNAME"}),
		record("a.example.org", 300, addr("192.0.2.1")),
		record("mail.example.com", 300, addr("192.0.2.25")),
		record("example.com", 60, dns.Unknown{RType: dns.TypeDNSKEY, Data: "\x01\x02\x03\x04"}),
	}
	r := dns.ImportRequest{Zone: dns.ZoneRequest{Name: "example.com", Account: "42", By: "migration"}, Records: records, Dry: true}
	_, dry, err := w.Import(t.Context(), r)
	require.NoError(t, err)
	_, err = w.Zone(t.Context(), "example.com")
	require.ErrorIs(t, err, dns.ErrNoZone)
	r.Dry = false
	z, report, err := w.Import(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, dry, report)
	left := map[string]int{}
	for _, l := range report.Left {
		left[l.Code]++
	}
	require.Equal(t, map[string]int{"system": 2, "template": 1, "duplicate": 1, "signing": 1}, left)
	require.Len(t, report.Changed, 1)
	require.Len(t, report.Refused, 2, "a name of another zone, and one of two that cannot be together")
	require.Len(t, report.Kept, 3)
	require.Len(t, z.Custom, 3)
	require.Equal(t, string(z.Custom[0].ID), report.Kept[0].ID)
	require.True(t, z.Serial.After(4000000000))
	w.settle()
	require.Contains(t, w.published("example.com"), record("mail.example.com", 60, addr("192.0.2.25")))
	_, _, err = w.Import(t.Context(), r)
	require.ErrorIs(t, err, dns.ErrZoneExists)
}
