package dns_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
)

// Events as they are kept and delivered: consumers depend on every name.
func TestEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		data dns.EventData
		json string
	}{
		{"dns.zone.changed", dns.ZoneChanged{Zone: "a.example", Account: "42", Revision: 2, Serial: 7, Made: true, By: "staff"},
			`{"zone":"a.example","account":"42","revision":2,"serial":7,"made":true,"by":"staff"}`},
		{"dns.zone.removed", dns.ZoneGone{Zone: "a.example", Account: "42", By: "staff"}, `{"zone":"a.example","account":"42","by":"staff"}`},
		{"dns.publication.changed",
			dns.PublicationChanged{Zone: "a.example", Server: "ns1", From: "pending", To: "parked", Desired: 7, Removed: true, Code: "unavailable", Text: "x"},
			`{"zone":"a.example","server":"ns1","from":"pending","to":"parked","desired":7,"removed":true,"code":"unavailable","text":"x"}`},
		{"dns.drift.found", dns.DriftFound{Zone: "a.example", Server: "ns1", Present: true, Observed: 8, Desired: 7},
			`{"zone":"a.example","server":"ns1","present":true,"observed":8,"desired":7}`},
		{"dns.server.breaker", dns.BreakerChanged{Server: "ns1", Open: true, Until: time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)},
			`{"server":"ns1","open":true,"until":"2031-01-02T03:04:05Z"}`},
		{"dns.alias.changed", dns.AliasChanged{Alias: "x.service.example", Account: "42", Site: "shop", Released: true},
			`{"alias":"x.service.example","account":"42","site":"shop","released":true}`},
	} {
		data, err := json.Marshal(c.data)
		require.NoError(t, err)
		require.Equal(t, c.json, string(data), c.name)
		got, err := dns.DecodeEvent(storage.Event{Type: c.name, Version: 1, Data: data})
		require.NoError(t, err)
		require.Equal(t, c.data, got)
		for _, e := range []storage.Event{{Type: c.name, Version: 2, Data: data}, {Type: c.name + "x", Version: 1, Data: data}} {
			_, err := dns.DecodeEvent(e)
			require.ErrorIs(t, err, tierhost.ErrUnsupported)
		}
		_, err = dns.DecodeEvent(storage.Event{Type: c.name, Version: 1, Data: []byte(`[`)})
		require.Error(t, err)
	}
}
