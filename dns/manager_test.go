package dns_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/storage"
	"github.com/tierhost/tierhost/storage/memory"
)

// world is a manager with name servers and what a host has of them.
type world struct {
	*dns.Manager
	t     *testing.T
	store dns.Store
	net   *nameServers
	clock *tierhost.TestClock
}

// open is a manager with two name servers, the host's settings and a template.
func open(t *testing.T, o dns.Options) *world {
	t.Helper()
	w := &world{t: t, store: memory.New(), net: newNameServers(), clock: tierhost.NewTestClock(time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC))}
	o.Clock, o.IDs = w.clock, tierhost.NewSequenceIDs()
	if o.Drivers == nil {
		o.Drivers = map[string]dns.NameServer{"mem": w.net}
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	var err error
	w.Manager, err = dns.NewManager(w.store, o)
	require.NoError(t, err)
	w.server("ns1", "m1")
	w.server("ns2", "m2")
	_, err = w.AddTemplate(t.Context(), dns.Template{ID: "web", Rules: []dns.Rule{
		{ID: "root", Name: "@", TTL: 3600, Type: dns.TypeA, Data: "${web.address}"},
		{ID: "www", Name: "www", TTL: 3600, Type: dns.TypeA, Data: "${web.address}"},
		{ID: "mx", Name: "@", TTL: 3600, Type: dns.TypeMX, Data: "10 ${mail.host}"},
	}}, 0, "staff")
	require.NoError(t, err)
	web, mail := dns.Vars{}, dns.Vars{}
	web.SetAddrs("web.address", netip.MustParseAddr("192.0.2.80"))
	mail.SetNames("mail.host", "mx.host.example")
	_, err = w.AddSet(t.Context(), "web1", web, 0, "staff")
	require.NoError(t, err)
	_, err = w.AddSet(t.Context(), "mail1", mail, 0, "staff")
	require.NoError(t, err)
	_, err = w.PutSettings(t.Context(), dns.Settings{
		ServiceZone: "service.example", Contact: "dns.host.example", Templates: []dns.TemplateID{"web"}, Sets: []dns.SetID{"web1", "mail1"},
	})
	require.NoError(t, err)
	return w
}

func (w *world) server(id dns.ServerID, machine dns.MachineID) dns.Server {
	w.t.Helper()
	n := byte(len(id)) + id[len(id)-1]
	s, err := w.PutServer(w.t.Context(), dns.Server{
		ID: id, Name: dns.Name(string(id) + ".host.example"), Machine: machine, Driver: "mem", Addresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, n})},
	})
	require.NoError(w.t, err)
	return s
}

func (w *world) create(name dns.Name, account string, more ...func(r *dns.ZoneRequest)) dns.Zone {
	w.t.Helper()
	r := dns.ZoneRequest{Name: name, Account: account, By: account}
	for _, m := range more {
		m(&r)
	}
	z, err := w.Create(w.t.Context(), r)
	require.NoError(w.t, err)
	return z
}

// settle steps until nothing is due, and returns how many steps that took.
func (w *world) settle() (steps int) {
	w.t.Helper()
	for ; steps < 1000; steps++ {
		worked, err := w.Step(w.t.Context())
		require.NoError(w.t, err)
		if !worked {
			require.Empty(w.t, w.net.wrong)
			return steps
		}
	}
	require.Fail(w.t, "it goes on for ever")
	return steps
}

// published checks that both servers have the zone's serial and records, and returns them.
func (w *world) published(name dns.Name) []dns.Record {
	w.t.Helper()
	z, err := w.Zone(w.t.Context(), name)
	require.NoError(w.t, err)
	e, err := w.Effective(w.t.Context(), name)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, z.Servers)
	for _, s := range z.Servers {
		p := w.net.at(s.Server, name)
		require.True(w.t, p.Present, "%s on %s", name, s.Server)
		require.Equal(w.t, z.Serial, p.Serial, "%s on %s", name, s.Server)
		require.Equal(w.t, e.Records(), p.Records, "%s on %s", name, s.Server)
	}
	status, err := w.Status(w.t.Context(), name)
	require.NoError(w.t, err)
	for _, p := range status {
		require.Equal(w.t, dns.PublicationSettled, p.State, "%+v", p)
		require.Equal(w.t, z.Serial, p.Observed)
		require.Equal(w.t, z.Serial, p.Pushed)
	}
	return e.Records()
}

// events are the types of the events so far, once each.
func (w *world) events() (out []dns.EventData) {
	w.t.Helper()
	_, err := storage.Drain(w.t.Context(), w.store, func(_ context.Context, e storage.Event) error {
		d, err := dns.DecodeEvent(e)
		out = append(out, d)
		return err
	}, storage.DrainOptions{})
	require.NoError(w.t, err)
	return out
}

func add(name dns.Name, data dns.RData) dns.Edit {
	return dns.Edit{Action: dns.EditAdd, Record: dns.Record{Name: name, TTL: 300, Data: data}}
}

func code(t *testing.T, err error) (codes []string) {
	t.Helper()
	inv, ok := errors.AsType[*tierhost.Invalid](err)
	require.True(t, ok, "%v", err)
	for _, i := range inv.Issues {
		codes = append(codes, i.Path+" "+i.Code)
	}
	return codes
}

// A zone is made from a template, published on both servers, edited, and published again.
func TestAZoneIsMadeEditedAndPublished(t *testing.T) {
	t.Parallel()
	w := open(t, dns.Options{})
	z := w.create("example.com", "42")
	require.Equal(t, int64(1), z.Revision)
	require.Equal(t, 2, w.settle())
	records := w.published("example.com")
	require.Contains(t, records, dns.Record{Name: "www.example.com", TTL: 3600, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.80")}})
	require.Contains(t, records, dns.Record{Name: "example.com", TTL: 3600, Data: dns.MX{Preference: 10, Host: "mx.host.example"}})
	require.Zero(t, w.settle(), "nothing more is due")

	z2, err := w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Version: z.Version, By: "42", Edits: []dns.Edit{
		add("shop.example.com", dns.CNAME{Target: "shops.example"}), add("example.com", dns.TXT{Text: "hello; world"}),
	}})
	require.NoError(t, err)
	require.True(t, z2.Serial.After(z.Serial))
	require.Equal(t, 2, w.settle())
	require.Contains(t, w.published("example.com"), dns.Record{Name: "shop.example.com", TTL: 300, Data: dns.CNAME{Target: "shops.example"}})

	_, err = w.Edit(t.Context(), dns.EditRequest{Name: "example.com", Version: z.Version, Edits: []dns.Edit{add("a.example.com", dns.TXT{Text: "x"})}})
	require.ErrorIs(t, err, dns.ErrStale)
}
