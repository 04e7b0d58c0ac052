package libdns_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	lib "github.com/libdns/libdns"
	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/libdns"
	"github.com/tierhost/tierhost/storage/memory"
)

// office is a manager with a name server at a provider, a template and a zone of account 42.
func office(t *testing.T) (*dns.Manager, *company) {
	t.Helper()
	at := newCompany(true)
	at.create("shop.example.", nil)
	server, err := libdns.New(setting{at}, libdns.Options{Types: allTypes()})
	require.NoError(t, err)
	m, err := dns.NewManager(memory.New(), dns.Options{
		Clock: tierhost.NewTestClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)), IDs: tierhost.NewSequenceIDs(), Seed: 1, Waiver: true,
		Drivers: map[string]dns.NameServer{"provider": server},
	})
	require.NoError(t, err)
	for _, id := range []dns.ServerID{"ns1", "ns2"} {
		_, err = m.PutServer(t.Context(), dns.Server{ID: id, Name: dns.Name(id) + ".host.example", Machine: "m", Driver: "provider"})
		require.NoError(t, err)
	}
	_, err = m.AddTemplate(t.Context(), dns.Template{ID: "web", Rules: []dns.Rule{
		{ID: "root", Name: "@", TTL: 3600, Type: dns.TypeA, Data: "${address}"},
		{ID: "six", Name: "@", TTL: 3600, Type: dns.TypeAAAA, Data: "2001:db8::1"},
		{ID: "www", Name: "www", TTL: 3600, Type: dns.TypeA, Data: "${address}"},
		{ID: "note", Name: "note", TTL: 3600, Type: dns.TypeTXT, Data: "hello"},
	}}, 0, "staff")
	require.NoError(t, err)
	vars := dns.Vars{}
	vars.SetAddrs("address", netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"))
	_, err = m.Create(t.Context(), dns.ZoneRequest{Name: "shop.example", Account: "42", Templates: []dns.TemplateID{"web"}, Vars: vars, Servers: []dns.ServerID{"ns1"}})
	require.NoError(t, err)
	return m, at
}

func provider(t *testing.T, m *dns.Manager, opt libdns.ProviderOptions) *libdns.Provider {
	t.Helper()
	p, err := libdns.NewProvider(m, opt)
	require.NoError(t, err)
	return p
}

// lines are what a zone has at a name, with the layer of each record.
func lines(t *testing.T, m *dns.Manager, name dns.Name) (out []string) {
	t.Helper()
	e, err := m.Effective(t.Context(), "shop.example")
	require.NoError(t, err)
	for _, s := range e.Shown {
		if s.Record.Name == name && s.Layer != dns.LayerSystem {
			out = append(out, fmt.Sprintf("%s %d %s %s", s.Layer, s.Record.TTL, s.Record.Type(), s.Record.Data))
		}
	}
	return out
}

// A zone is published through a provider, by the manager, and what somebody changes there is
// put right.
func TestManagerPublishes(t *testing.T) {
	t.Parallel()
	m, at := office(t)
	settle := func() {
		t.Helper()
		for worked := true; worked; {
			var err error
			worked, err = m.Step(t.Context())
			require.NoError(t, err)
		}
		z, err := m.Zone(t.Context(), "shop.example")
		require.NoError(t, err)
		e, err := m.Effective(t.Context(), "shop.example")
		require.NoError(t, err)
		p, err := at.published("shop.example")
		require.NoError(t, err)
		require.Equal(t, e.Records(), dns.Sorted(p.Records))
		require.Equal(t, z.Serial, p.Serial)
		status, err := m.Status(t.Context(), "shop.example")
		require.NoError(t, err)
		require.Equal(t, dns.PublicationSettled, status[0].State, "%+v", status[0])
	}
	settle()
	_, err := provider(t, m, libdns.ProviderOptions{Account: "42"}).AppendRecords(t.Context(), "shop.example.", []lib.Record{
		lib.MX{Name: "@", Preference: 10, Target: "mail.other.example"},
	})
	require.NoError(t, err)
	settle()
	_, err = at.AppendRecords(t.Context(), "shop.example.", []lib.Record{lib.TXT{Name: "byhand", TTL: time.Minute, Text: "x"}})
	require.NoError(t, err)
	require.NoError(t, m.Check(t.Context(), "shop.example"))
	settle()
}

// An ACME client sets its challenge and takes it away, and can do nothing else.
func TestChallenge(t *testing.T) {
	t.Parallel()
	m, _ := office(t)
	p := provider(t, m, libdns.ProviderOptions{Account: "42", Allow: libdns.OnlyChallenges, By: "acme"})
	first, second := lib.TXT{Name: "_acme-challenge", Text: "token-1"}, lib.TXT{Name: "_acme-challenge", Text: "token-2", TTL: time.Hour}
	got, err := p.AppendRecords(t.Context(), "shop.example.", []lib.Record{first})
	require.NoError(t, err)
	require.Equal(t, []lib.Record{lib.TXT{Name: "_acme-challenge", Text: "token-1", TTL: 5 * time.Minute}}, got)
	_, err = p.AppendRecords(t.Context(), "shop.example", []lib.Record{second})
	require.NoError(t, err)
	require.Equal(t, []string{"custom 300 TXT \"token-1\"", "custom 300 TXT \"token-2\""}, lines(t, m, "_acme-challenge.shop.example"), "one TTL")
	got, err = p.AppendRecords(t.Context(), "shop.example", []lib.Record{first})
	require.NoError(t, err)
	require.Empty(t, got, "it is there")
	got, err = p.DeleteRecords(t.Context(), "shop.example.", []lib.Record{first})
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, []string{"custom 300 TXT \"token-2\""}, lines(t, m, "_acme-challenge.shop.example"))
	got, err = p.DeleteRecords(t.Context(), "shop.example.", []lib.Record{first})
	require.NoError(t, err, "it is not there")
	require.Empty(t, got)

	for name, try := range map[string]func() ([]lib.Record, error){
		"another name": func() ([]lib.Record, error) {
			return p.AppendRecords(t.Context(), "shop.example", []lib.Record{lib.TXT{Name: "@", Text: "x"}})
		},
		"another type": func() ([]lib.Record, error) {
			return p.SetRecords(t.Context(), "shop.example", []lib.Record{lib.Address{Name: "_acme-challenge.a", IP: netip.MustParseAddr("192.0.2.1")}})
		},
		"what is there": func() ([]lib.Record, error) {
			return p.DeleteRecords(t.Context(), "shop.example", []lib.Record{lib.RR{Name: "www"}})
		},
		"set over others": func() ([]lib.Record, error) {
			return p.SetRecords(t.Context(), "shop.example", []lib.Record{lib.Address{Name: "www", IP: netip.MustParseAddr("192.0.2.9")}})
		},
	} {
		before, err := m.Zone(t.Context(), "shop.example")
		require.NoError(t, err)
		_, err = try()
		require.ErrorIs(t, err, tierhost.ErrDenied, name)
		after, err := m.Zone(t.Context(), "shop.example")
		require.NoError(t, err)
		require.Equal(t, before, after, name)
	}
}

// Sets are replaced, across the layers.
func TestSetRecords(t *testing.T) {
	t.Parallel()
	a := func(name, addr string) lib.Address {
		return lib.Address{Name: name, TTL: time.Minute, IP: netip.MustParseAddr(addr)}
	}
	six := "custom 3600 AAAA 2001:db8::1"
	for _, c := range []struct {
		name string
		do   func(p *libdns.Provider) ([]lib.Record, error)
		at   dns.Name
		want []string
	}{
		{"a template's addresses are replaced, those of the other family stay",
			func(p *libdns.Provider) ([]lib.Record, error) {
				return p.SetRecords(context.Background(), "shop.example", []lib.Record{a("@", "192.0.2.7")})
			},
			"shop.example", []string{"custom 60 A 192.0.2.7", six}},
		{"one address more, the template's stay",
			func(p *libdns.Provider) ([]lib.Record, error) {
				return p.AppendRecords(context.Background(), "shop.example", []lib.Record{a("@", "192.0.2.7")})
			},
			"shop.example", []string{"custom 3600 A 192.0.2.1", "custom 3600 A 192.0.2.2", "custom 3600 A 192.0.2.7", six}},
		{"an address of the template is deleted, the other stays",
			func(p *libdns.Provider) ([]lib.Record, error) {
				return p.DeleteRecords(context.Background(), "shop.example", []lib.Record{lib.RR{Name: "@", Type: "A", Data: "192.0.2.1"}})
			},
			"shop.example", []string{"custom 3600 A 192.0.2.2", six}},
		{"all at a name but what the system has",
			func(p *libdns.Provider) ([]lib.Record, error) {
				return p.DeleteRecords(context.Background(), "shop.example", []lib.Record{lib.RR{Name: "@"}})
			},
			"shop.example", nil},
		{"a text beside the template's",
			func(p *libdns.Provider) ([]lib.Record, error) {
				return p.AppendRecords(context.Background(), "shop.example", []lib.Record{lib.TXT{Name: "note", Text: "more"}})
			},
			"note.shop.example", []string{`template 3600 TXT "hello"`, `custom 3600 TXT "more"`}},
		{"a text in the place of the template's",
			func(p *libdns.Provider) ([]lib.Record, error) {
				return p.SetRecords(context.Background(), "shop.example", []lib.Record{lib.TXT{Name: "note", Text: "more"}})
			},
			"note.shop.example", []string{`custom 300 TXT "more"`}},
		{"an alias in the place of addresses",
			func(p *libdns.Provider) ([]lib.Record, error) {
				return p.SetRecords(context.Background(), "shop.example", []lib.Record{lib.CNAME{Name: "www", TTL: time.Minute, Target: "shops.example.net"}})
			},
			"www.shop.example", []string{"custom 60 CNAME shops.example.net."}},
		{"what is there already", func(p *libdns.Provider) ([]lib.Record, error) {
			return p.SetRecords(context.Background(), "shop.example", []lib.Record{lib.Address{Name: "www", TTL: time.Hour, IP: netip.MustParseAddr("192.0.2.1")}, lib.Address{Name: "www", TTL: time.Hour, IP: netip.MustParseAddr("192.0.2.2")}})
		}, "www.shop.example", []string{"template 3600 A 192.0.2.1", "template 3600 A 192.0.2.2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, _ := office(t)
			_, err := c.do(provider(t, m, libdns.ProviderOptions{Account: "42"}))
			require.NoError(t, err)
			require.Equal(t, c.want, lines(t, m, c.at))
		})
	}
}

// What would not be a valid zone is refused with all faults, and so are zones of others.
func TestProviderRefuses(t *testing.T) {
	t.Parallel()
	m, _ := office(t)
	p := provider(t, m, libdns.ProviderOptions{Account: "42"})
	set := func(zone string, r ...lib.Record) error { _, err := p.SetRecords(t.Context(), zone, r); return err }
	for code, err := range map[string]error{
		"cname_at_apex": set("shop.example", lib.CNAME{Name: "@", TTL: time.Minute, Target: "a.example.net"}),
		"system_only":   set("shop.example", lib.NS{Name: "@", TTL: time.Hour, Target: "ns.evil.example"}),
		"bad_record":    set("shop.example", lib.RR{Name: "x", TTL: -time.Second, Type: "A", Data: "192.0.2.1"}),
		"unknown_type":  set("shop.example", lib.RR{Name: "x", Type: "NONSENSE", Data: "x"}),
		"bad_address":   set("shop.example", lib.RR{Name: "x", Type: "A", Data: "one two"}),
		"ttl_differs":   set("shop.example", lib.TXT{Name: "x", TTL: time.Minute, Text: "a"}, lib.TXT{Name: "x", TTL: time.Hour, Text: "b"}),
		"out_of_zone":   set("shop.example", lib.TXT{Name: "www.other.example.", TTL: time.Minute, Text: "a"}),
	} {
		invalid, ok := errors.AsType[*tierhost.Invalid](err)
		require.True(t, ok, "%s: %v", code, err)
		codes := map[string]bool{}
		for _, i := range invalid.Issues {
			codes[i.Code] = true
		}
		require.True(t, codes[code], "%s: %v", code, err)
	}
	require.ErrorIs(t, set("elsewhere.example", lib.TXT{Name: "x", Text: "x"}), dns.ErrNoZone)
	other := provider(t, m, libdns.ProviderOptions{Account: "43"})
	_, err := other.GetRecords(t.Context(), "shop.example")
	require.ErrorIs(t, err, dns.ErrNoZone, "it is somebody else's")
	for _, opt := range []libdns.ProviderOptions{{Account: "43"}, {Seller: "s"}, {}} {
		zones, err := provider(t, m, opt).ListZones(t.Context())
		require.NoError(t, err)
		require.Empty(t, zones)
	}
	for _, opt := range []libdns.ProviderOptions{{Account: "42"}, {All: true}} {
		zones, err := provider(t, m, opt).ListZones(t.Context())
		require.NoError(t, err)
		require.Equal(t, []lib.Zone{{Name: "shop.example."}}, zones)
		records, err := provider(t, m, opt).GetRecords(t.Context(), "shop.example.")
		require.NoError(t, err)
		require.Len(t, records, 8)
	}
	_, err = libdns.NewProvider(nil, libdns.ProviderOptions{TTL: 1 << 31, All: true, Seller: "s"})
	invalid, ok := errors.AsType[*tierhost.Invalid](err)
	require.True(t, ok)
	require.Len(t, invalid.Issues, 3)
}

// Clients that write at the same time lose nothing.
func TestAtTheSameTime(t *testing.T) {
	t.Parallel()
	m, _ := office(t)
	const clients = 8
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		p := provider(t, m, libdns.ProviderOptions{Account: "42"})
		wg.Go(func() {
			_, errs[i] = p.AppendRecords(t.Context(), "shop.example", []lib.Record{lib.TXT{Name: "_acme-challenge", Text: fmt.Sprint(i)}})
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Len(t, lines(t, m, "_acme-challenge.shop.example"), clients)
}
