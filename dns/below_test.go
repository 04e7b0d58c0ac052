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
