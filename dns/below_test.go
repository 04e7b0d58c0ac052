package dns_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost/dns"
)

// Below a zone that is open nobody gets a zone in whose place something stands: it would
// answer instead.
func TestNobodyShadowsWhatStandsInAnOpenZone(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	w.create("service.example", "", func(r *dns.ZoneRequest) {
		r.Purpose, r.Bare, r.Open = dns.PurposeService, true, true
		r.Custom = []dns.Record{
			{Name: "cockpit.service.example", TTL: 300, Data: addr("192.0.2.1")}, {Name: "a.deep.service.example", TTL: 300, Data: addr("192.0.2.53")},
		}
	})
	w.create("shop.example", "owner", func(r *dns.ZoneRequest) { r.Open = true })
	held, err := w.TakeAlias(t.Context(), dns.AliasRequest{Account: "victim", Site: "s", Data: []dns.RData{addr("192.0.2.80")}})
	require.NoError(t, err)
	rests, err := w.TakeAlias(t.Context(), dns.AliasRequest{Account: "victim", Site: "r", Data: []dns.RData{addr("192.0.2.80")}})
	require.NoError(t, err)
	require.NoError(t, w.ReleaseAlias(t.Context(), "", "victim", "r", ""))
	try := func(name dns.Name, leave ...dns.Name) error {
		_, err := w.Create(t.Context(), dns.ZoneRequest{Name: name, Account: "stranger", Purpose: dns.PurposeThird, Leave: leave})
		return err
	}
	for why, name := range map[string]dns.Name{
		"a record": "cockpit.service.example", "a record below": "deep.service.example", "a reserved label": "login.service.example",
		"one with a number": "ns7.service.example", "below a reserved label": "my.webmail.service.example",
		"an alias": held.Name, "below an alias": "x." + held.Name, "an alias at rest": rests.Name, "of the template": "www.shop.example",
	} {
		require.ErrorIs(t, try(name), dns.ErrForeignZone, why)
	}
	require.NoError(t, try("mine.service.example"))
	require.NoError(t, try("login.shop.example"), "it is the owner's business what is below a domain")
	require.NoError(t, try("www.shop.example", "shop.example"), "with leave")
	w.clock.Advance(91 * 24 * 3600e9)
	require.NoError(t, try(rests.Name), "the rest is over")
	w.remove("mine.service.example")
	require.NoError(t, try("mine.service.example"), "a delegation that was made for it is none of what stands there")
}

// Names in a zone of their own right below are none of the zone: mail and services may lead
// there, whether that zone is on the same servers or delegated. What is published stays good
// when it goes.
func TestTargetsInAZoneBelow(t *testing.T) {
	t.Parallel()
	mx := func(host dns.Name) dns.Record {
		return dns.Record{Name: "example.org", TTL: 300, Data: dns.MX{Preference: 10, Host: host}}
	}
	for _, servers := range [][]dns.ServerID{{"ns1", "ns2"}, {"ns3", "ns4"}} {
		w := open(t, dns.Options{})
		w.server("ns3", "m3")
		w.server("ns4", "m4")
		bare := func(r *dns.ZoneRequest) { r.Bare = true }
		w.create("example.org", "42", bare, on("ns1", "ns2"), func(r *dns.ZoneRequest) {
			r.Custom = []dns.Record{{Name: "*.example.org", TTL: 300, Data: dns.CNAME{Target: "web.example"}}}
		})
		w.create("mail.example.org", "42", bare, on(servers...))
		edit := func(edits ...dns.Edit) error {
			_, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.org", Edits: edits})
			return err
		}
		srv := func(host dns.Name) dns.RData { return dns.SRV{Priority: 1, Weight: 1, Port: 143, Target: host} }
		require.NoError(t, edit(add("example.org", mx("mail.example.org").Data), add("_imap._tcp.example.org", srv("in.mail.example.org")),
			add("webmail.example.org", dns.CNAME{Target: "web.mail.example.org"})))
		require.Equal(t, []string{"records[4].data.host target_is_alias"}, code(t, edit(add("example.org", mx("mail2.example.org").Data))))
		w.settle()
		w.published("example.org")
		w.published("mail.example.org")
		if servers[0] == "ns1" {
			w.remove("mail.example.org")
			require.NoError(t, w.Retry(t.Context(), "example.org", "ns1"))
			w.settle()
			w.published("example.org")
			require.Equal(t, []string{"records[3].data.host target_is_alias", "records[5].data.target target_is_alias"},
				code(t, edit(add("a.example.org", addr("192.0.2.1")))), "whoever changes it then is told")
		}
	}
	w := open(t, dns.Options{})
	w.create("mail.example.org", "42")
	_, report, err := w.Import(t.Context(), dns.ImportRequest{
		Zone: dns.ZoneRequest{Name: "example.org", Account: "42", Bare: true}, Records: []dns.Record{mx("mail.example.org"), mx("gone.example.org")},
	})
	require.NoError(t, err)
	require.Len(t, report.Kept, 1)
	require.Len(t, report.Refused, 1)
}
