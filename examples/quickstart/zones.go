package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/primary"
)

// pensionZone is the domain of the customer whose zone is shown. The reseller that it buys
// from buys from a reseller itself, and has name servers' names of its own: nothing in the
// zone tells of anybody above.
const pensionZone dns.Name = "pilots-pension.example"

// openZones makes name servers, what zones are made from, and the customer's zone.
func (c *company) openZones(ctx context.Context, zones *dns.Manager) error {
	// Both names are of one machine here, which Options.Waiver allows.
	for i, id := range []dns.ServerID{"ns1", "ns2"} {
		_, err := zones.PutServer(ctx, dns.Server{
			ID: id, Name: dns.Name(id) + ".northwind.example", Addresses: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(53 + i)})},
			Machine: "iron1", Driver: "primary",
		})
		if err != nil {
			return err
		}
	}
	_, err := zones.AddTemplate(ctx, dns.Template{ID: "site", Rules: []dns.Rule{
		{ID: "root", Name: "@", TTL: 3600, Type: dns.TypeA, Data: "${web}"},
		{ID: "www", Name: "www", TTL: 3600, Type: dns.TypeA, Data: "${web}"},
		{ID: "mx", Name: "@", TTL: 3600, Type: dns.TypeMX, Data: "10 ${mail}"},
		{ID: "spf", Name: "@", TTL: 3600, Type: dns.TypeTXT, Data: `"v=spf1 mx -all"`},
	}}, 0, "staff")
	if err != nil {
		return err
	}
	shared := dns.Vars{} // of all sites on one web server
	shared.SetAddrs("web", netip.MustParseAddr("192.0.2.80"))
	shared.SetNames("mail", "mail.dockyard.example")
	if _, err := zones.AddSet(ctx, "iron1", shared, 0, "staff"); err != nil {
		return err
	}
	_, err = zones.PutSettings(ctx, dns.Settings{
		Seller: string(dockyard), ServiceZone: "dockyard.example", Contact: "dns.dockyard.example",
		NameServers: map[dns.ServerID]dns.Name{"ns1": "ns1.dockyard.example", "ns2": "ns2.dockyard.example"},
		Templates:   []dns.TemplateID{"site"}, Sets: []dns.SetID{"iron1"}, Scheme: dns.SerialDate,
	})
	if err != nil {
		return err
	}
	mail := dns.Record{Name: "mail.dockyard.example", TTL: 3600, Data: dns.A{Addr: netip.MustParseAddr("192.0.2.25")}}
	for _, r := range []dns.ZoneRequest{
		{Name: "dockyard.example", Purpose: dns.PurposeService, Bare: true, Custom: []dns.Record{mail}},
		{Name: pensionZone, Account: pension().name},
	} {
		r.Seller = string(dockyard)
		if _, err := zones.Create(ctx, r); err != nil {
			return err
		}
	}
	// What the customer writes goes before what the template has: the shop is elsewhere.
	_, err = zones.Edit(ctx, dns.EditRequest{Name: pensionZone, By: pension().name, Edits: []dns.Edit{
		{Action: dns.EditAdd, Record: dns.Record{Name: "www." + pensionZone, TTL: 300, Data: dns.CNAME{Target: "rooms.booking.example"}}},
		{Action: dns.EditAdd, Record: dns.Record{Name: pensionZone, TTL: 300, Data: dns.TXT{Text: "booking-verification=7f3a"}}},
	}})
	if err != nil {
		return err
	}
	for {
		if worked, err := zones.Step(ctx); err != nil || !worked {
			return err
		}
	}
}

// oneZone has one customer's zone served by this process, and asks for it.
func oneZone(ctx context.Context, c *company, w io.Writer) error {
	server, err := primary.New(primary.Options{Public: true})
	if err != nil {
		return err
	}
	zones, err := dns.NewManager(c.store, dns.Options{
		Clock: c.clock, Seed: 1, Waiver: true, Drivers: map[string]dns.NameServer{"primary": server},
	})
	if err != nil {
		return err
	}
	if err := c.openZones(ctx, zones); err != nil {
		return err
	}
	zone, err := zones.Effective(ctx, pensionZone)
	if err != nil {
		return err
	}
	title(w, "The zone of %s at %s, by the layer that each record comes from", pension().name, dockyard)
	t := newTable("lllll", "layer", "name", "ttl", "type", "data")
	add := func(e dns.Entry, layer string) {
		r := e.Record
		t.add(layer, r.Name.Relative(pensionZone), fmt.Sprint(r.TTL), r.Type().String(), r.Data.String())
	}
	for _, e := range zone.Shown {
		add(e, string(e.Layer))
	}
	t.rule()
	for _, h := range zone.Hidden {
		add(h.Entry, string(h.Reason))
	}
	t.writeTo(w)

	answers, err := ask(ctx, server)
	if err != nil {
		return err
	}
	title(w, "The same, asked of the name server in this process")
	t = newTable("ll", "question", "answer")
	for _, a := range answers {
		t.add(a.question, a.answer)
	}
	t.writeTo(w)
	return nil
}

type answer struct{ question, answer string }

// ask asks a name server as programs do, over loopback.
func ask(ctx context.Context, server *primary.Server) (answers []answer, err error) {
	packets, streams, err := primary.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := packets.LocalAddr().String()
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving, packets, streams) }()
	defer func() {
		stop()
		if end := <-served; !errors.Is(end, context.Canceled) {
			err = errors.Join(err, end)
		}
	}()

	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	site := pensionZone.FQDN()
	ns, err := resolver.LookupNS(ctx, site)
	if err != nil {
		return nil, err
	}
	for _, n := range ns {
		answers = append(answers, answer{"NS", n.Host})
	}
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.answer, b.answer) })
	hosts, err := resolver.LookupIP(ctx, "ip4", site)
	if err != nil {
		return nil, err
	}
	mail, err := resolver.LookupMX(ctx, site)
	if err != nil {
		return nil, err
	}
	texts, err := resolver.LookupTXT(ctx, site)
	if err != nil {
		return nil, err
	}
	answers = append(answers, answer{"A", hosts[0].String()}, answer{"MX", fmt.Sprintf("%d %s", mail[0].Pref, mail[0].Host)})
	slices.Sort(texts)
	for _, text := range texts {
		answers = append(answers, answer{"TXT", text})
	}
	at, err := resolver.LookupIP(ctx, "ip4", mail[0].Host) // in the reseller's own zone
	if err != nil {
		return nil, err
	}
	return append(answers, answer{"A of " + mail[0].Host, at[0].String()}), nil
}
