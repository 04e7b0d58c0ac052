package dns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
)

// Nobody gets a name that names are registered below, or those of addresses as a domain:
// everybody else would be shut out.
func TestPublicSuffixesAreNobodysZones(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	for _, c := range []struct {
		name dns.Name
		r    dns.ZoneRequest
		code string
	}{
		{"co.uk", dns.ZoneRequest{}, "name public_suffix"},
		{"com", dns.ZoneRequest{}, "name public_suffix"},
		{"example", dns.ZoneRequest{}, "name public_suffix"},
		{"kawasaki.jp", dns.ZoneRequest{}, "name public_suffix"}, // *.kawasaki.jp
		{"arpa", dns.ZoneRequest{}, "name public_suffix"},
		{"in-addr.arpa", dns.ZoneRequest{Purpose: dns.PurposeReverse}, "name public_suffix"},
		{"2.0.192.in-addr.arpa", dns.ZoneRequest{}, "name reverse_only"},
		{"2.0.192.in-addr.arpa", dns.ZoneRequest{Purpose: dns.PurposeReverse, Bare: true}, ""},
		{"honest.co.uk", dns.ZoneRequest{}, ""},
		{"city.kawasaki.jp", dns.ZoneRequest{}, ""}, // an exception of the list
		{"blogs.github.io", dns.ZoneRequest{}, ""},
		{"github.io", dns.ZoneRequest{Account: "other"}, "foreign"},
		{"org.uk", dns.ZoneRequest{Registry: true}, ""},
	} {
		c.r.Name = c.name
		_, err := w.Create(t.Context(), c.r)
		switch c.code {
		case "":
			require.NoError(t, err, c.name)
		case "foreign":
			require.ErrorIs(t, err, dns.ErrForeignZone, "a suffix of somebody's own is a name that can be had")
		default:
			require.Equal(t, []string{c.code}, code(t, err), c.name)
		}
	}
}

// Instant aliases stand in service zones of their own seller only.
func TestAliasesStandInTheSellersOwnServiceZone(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	names := func(seller string) dns.Settings {
		return dns.Settings{Seller: seller, NameServers: map[dns.ServerID]dns.Name{"ns1": dns.Name("a." + seller + ".example"), "ns2": dns.Name("b." + seller + ".example")}}
	}
	for _, seller := range []string{"r1", "r9"} {
		_, err := w.PutSettings(t.Context(), names(seller))
		require.NoError(t, err)
	}
	w.create("victim.example", "42", func(r *dns.ZoneRequest) { r.Seller = "r1" })
	s := names("r2")
	s.ServiceZone = "victim.example"
	_, err := w.PutSettings(t.Context(), s)
	require.Equal(t, []string{"service_zone not_a_service_zone"}, code(t, err))
	s.ServiceZone = "svc.example"
	_, err = w.PutSettings(t.Context(), s)
	require.NoError(t, err, "it may be made later")
	take := func(site string) (dns.Alias, error) {
		return w.TakeAlias(t.Context(), dns.AliasRequest{Seller: "r2", Account: "x", Site: site, Data: []dns.RData{addr("192.0.2.66")}})
	}
	w.create("svc.example", "", func(r *dns.ZoneRequest) { r.Seller, r.Purpose, r.Bare = "r2", dns.PurposeService, true })
	_, err = take("s")
	require.NoError(t, err)
	w.remove("svc.example")
	own := w.create("svc.example", "77", func(r *dns.ZoneRequest) { r.Seller = "r9" })
	for _, site := range []string{"s", "another"} {
		_, err = take(site)
		require.ErrorIs(t, err, tierhost.ErrPrecondition)
		require.Equal(t, "no_service_zone", tierhost.CodeOf(err))
	}
	require.NoError(t, w.ReleaseAlias(t.Context(), "r2", "x", "s", ""))
	same, err := w.Zone(t.Context(), "svc.example")
	require.NoError(t, err)
	require.Equal(t, own, same, "it is somebody else's zone")
}

// A variable holds what a TXT does, such as a long key of DKIM.
func TestVariablesHoldLongTexts(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	set := func(length int) error {
		v := dns.Vars{}
		v.SetTexts("dkim.key", strings.Repeat("A", length))
		_, err := w.AddSet(t.Context(), dns.SetID(fmt.Sprint("dkim", length)), v, 0, "staff")
		return err
	}
	require.NoError(t, set(410)) // 2048 bits
	require.NoError(t, set(63749))
	require.NoError(t, dns.CheckRData(dns.TXT{Text: strings.Repeat("A", 63749)}), "as long as a TXT may be")
	require.Error(t, dns.CheckRData(dns.TXT{Text: strings.Repeat("A", 63750)}))
	require.Equal(t, []string{"vars.dkim.key[0].text too_long"}, code(t, set(63750)))
}

// What the servers of a zone cannot publish is refused, and not kept to stop the zone.
func TestWhatTheServersCannotPublishIsRefused(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42")
	w.settle()
	long := dns.TXT{Text: strings.Repeat("x", 6000)}
	for want, data := range map[string]dns.RData{"unsupported_type": dns.ALIAS{Target: "x.example.net"}, "text_too_long": long} {
		_, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{add("z.example.com", data)}})
		require.Contains(t, code(t, err)[0], want)
	}
	// Also when it would come with a template.
	text := dns.Vars{}
	text.SetTexts("text", long.Text)
	_, err := w.AddTemplate(t.Context(), dns.Template{ID: "long", Rules: []dns.Rule{{ID: "t", Name: "t", TTL: 60, Type: dns.TypeTXT, Data: `"${text}"`}}}, 0, "staff")
	require.NoError(t, err)
	_, err = w.Create(t.Context(), dns.ZoneRequest{Name: "example.org", Account: "42", Templates: []dns.TemplateID{"long"}, Vars: text})
	require.Contains(t, code(t, err)[0], "text_too_long")
	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: []dns.Edit{add("z.example.com", addr("192.0.2.7"))}})
	require.NoError(t, err)
	w.settle()
	w.published("example.com")
}

// A server that is dead for good is forgotten, once its zones are elsewhere.
func TestADeadServerIsForgotten(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("example.com", "42", on("ns1", "ns2"))
	w.server("ns4", "m3")
	w.settle()
	w.net.fault = func(_ string, at dns.ServerID, _ dns.Name) error {
		return map[dns.ServerID]error{"ns1": errDown}[at]
	}
	require.ErrorIs(t, w.Forget(t.Context(), "example.com", "ns1"), dns.ErrInUse)
	servers := []dns.ServerID{"ns2", "ns4"}
	change := dns.ZoneChange{Name: "example.com", Servers: &servers}
	_, err := w.Change(t.Context(), change)
	guarded := new(dns.GuardedError)
	require.ErrorAs(t, err, &guarded)
	change.Token = guarded.Plan.Token()
	_, err = w.Change(t.Context(), change)
	require.NoError(t, err)
	w.run(time.Hour)
	s, err := w.Server(t.Context(), "ns1")
	require.NoError(t, err)
	require.ErrorIs(t, w.RemoveServer(t.Context(), "ns1", s.Version), dns.ErrInUse)
	require.NoError(t, w.Forget(t.Context(), "example.com", "ns1"))
	require.ErrorIs(t, w.Forget(t.Context(), "example.com", "ns1"), dns.ErrNoZone)
	require.NoError(t, w.RemoveServer(t.Context(), "ns1", s.Version))
	w.settle()
	w.published("example.com")
}

// A reseller without names of its own gets no zones that show the host's, unless that is
// meant; and why is told to staff only.
func TestAResellerWithoutNames(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	r := dns.ZoneRequest{Name: "customer.example", Account: "7", Seller: "acme"}
	_, err := w.Create(t.Context(), r)
	none := new(dns.NoServersError)
	require.ErrorAs(t, err, &none)
	require.Equal(t, map[dns.ServerID]string{"ns1": "no_name", "ns2": "no_name"}, none.Why)
	require.NotContains(t, err.Error(), "ns1")
	require.Contains(t, err.Error(), "no_name: 2")
	_, err = w.PutSettings(t.Context(), dns.Settings{Seller: "acme", HostNames: true})
	require.NoError(t, err)
	_, err = w.Create(t.Context(), r)
	require.NoError(t, err)
}

// Custom records are bounded, those that are not published too, and so are edits.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{MaxRecords: 3})
	w.create("example.com", "42")
	hidden := func(i int) []dns.Edit {
		return []dns.Edit{add("a.example.com", dns.TXT{Text: fmt.Sprint(i)}), {Action: dns.EditDisable, ID: dns.RecordID(fmt.Sprint("r", i))}}
	}
	edit := func(edits ...dns.Edit) error {
		_, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Edits: edits})
		return err
	}
	for i := range 3 {
		require.NoError(t, edit(hidden(i+1)...))
	}
	require.Equal(t, []string{"zone too_many_records"}, code(t, edit(hidden(4)...)))
	require.NoError(t, edit(dns.Edit{Action: dns.EditDelete, ID: "r1"}))
	require.NoError(t, edit(hidden(4)...))
	require.Equal(t, []string{"edits too_many_edits"}, code(t, edit(make([]dns.Edit, 10_001)...)))
	w.create("service.example", "", func(r *dns.ZoneRequest) {
		r.Purpose, r.Bare = dns.PurposeService, true
		for i := range 10 {
			r.Custom = append(r.Custom, dns.Record{Name: dns.Name(fmt.Sprintf("h%d.service.example", i)), TTL: 60, Data: addr("192.0.2.1")})
		}
	})
}

// The address of a name server moves in the zones of all sellers that are on it.
func TestTheAddressOfAServerMoves(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	_, err := w.PutSettings(t.Context(), dns.Settings{Seller: "acme", NameServers: map[dns.ServerID]dns.Name{"ns1": "ns1.acme.example", "ns2": "ns2.acme.example"}})
	require.NoError(t, err)
	w.create("acme.example", "", func(r *dns.ZoneRequest) { r.Seller = "acme" })
	w.create("host.example", "", func(r *dns.ZoneRequest) { r.Bare = true })
	w.create("elsewhere.example", "1") // holds no address of a server
	w.settle()
	s, err := w.Server(t.Context(), "ns1")
	require.NoError(t, err)
	s.Addresses = []netip.Addr{netip.MustParseAddr("203.0.113.9")}
	_, err = w.PutServer(t.Context(), s)
	require.NoError(t, err)
	scope := dns.Scope{Server: "ns1"}
	p, err := w.Preview(t.Context(), scope)
	require.NoError(t, err)
	require.Equal(t, []int{3, 2, 0}, []int{p.Zones, p.Changed, p.Faulty})
	done, err := w.Manager.Apply(t.Context(), dns.ApplyRequest{Scope: scope, Token: p.Token, Guarded: true})
	require.NoError(t, err)
	require.Equal(t, []int{3, 2}, []int{done.Zones, done.Changed})
	w.settle()
	require.Contains(t, w.published("acme.example"), dns.Record{Name: "ns1.acme.example", TTL: 3600, Data: addr("203.0.113.9")})
	require.Contains(t, w.published("host.example"), dns.Record{Name: "ns1.host.example", TTL: 3600, Data: addr("203.0.113.9")})
	p, err = w.Preview(t.Context(), scope)
	require.NoError(t, err)
	require.Zero(t, p.Zones)
	_, err = w.Preview(t.Context(), dns.Scope{Server: "ns9"})
	require.ErrorIs(t, err, dns.ErrNoServer)
}

// Timers with which every zone would be at fault are no settings.
func TestTimersThatNoZoneCanHave(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	_, err := w.PutSettings(t.Context(), dns.Settings{Seller: "r", Timers: dns.Timers{Expire: 60}})
	require.Equal(t, []string{"timers soa_times"}, code(t, err))
}
