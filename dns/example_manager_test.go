package dns_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/fake"
	"github.com/tierhost/tierhost/storage/memory"
)

// A zone is made from a template, published on two name servers, and follows when the web
// server moves; a server that is away gets it when it is back.
func ExampleManager() {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	clock := tierhost.NewTestClock(time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC))
	net := fake.New(fake.Options{}) // in production: primary, rfc2136, powerdns …
	m, err := dns.NewManager(memory.New(), dns.Options{
		Clock: clock, Seed: 1, Drivers: map[string]dns.NameServer{"fake": net}, Work: dns.WorkOptions{Rand: func() float64 { return 0 }},
	})
	must(err)
	for _, id := range []dns.ServerID{"ns1", "ns2"} {
		_, err := m.PutServer(ctx, dns.Server{ID: id, Name: dns.Name(id) + ".host.example", Machine: dns.MachineID(id), Driver: "fake"})
		must(err)
	}
	_, err = m.AddTemplate(ctx, dns.Template{ID: "web", Rules: []dns.Rule{
		{ID: "root", Name: "@", TTL: 3600, Type: dns.TypeA, Data: "${web}"},
		{ID: "www", Name: "www", TTL: 3600, Type: dns.TypeCNAME, Data: "@"},
	}}, 0, "staff")
	must(err)
	address := func(after int64, addr string) {
		vars := dns.Vars{}
		vars.SetAddrs("web", netip.MustParseAddr(addr))
		_, err := m.AddSet(ctx, "web1", vars, after, "staff")
		must(err)
	}
	work := func() {
		for worked := true; worked; {
			var err error
			worked, err = m.Step(ctx)
			must(err)
		}
	}
	show := func() {
		status, err := m.Status(ctx, "bakery.example")
		must(err)
		for _, p := range status {
			fmt.Print(p.Server, " ", p.State)
			for _, r := range net.Zone(p.Server, "bakery.example").Records {
				if r.Type() == dns.TypeA {
					fmt.Print(", ", r.Data)
				}
			}
			fmt.Println()
		}
	}

	address(0, "192.0.2.80")
	_, err = m.Create(ctx, dns.ZoneRequest{Name: "bakery.example", Account: "42", Key: "order 7", Templates: []dns.TemplateID{"web"}, Sets: []dns.SetID{"web1"}})
	must(err)
	work()
	show()

	address(1, "192.0.2.81")
	preview, err := m.Preview(ctx, dns.Scope{Set: "web1"})
	must(err)
	fmt.Println(preview.Changed, "of", preview.Zones, "changes:", preview.Counts.Added, "record more,", preview.Counts.Removed, "less")
	net.SetDown("ns2", true)
	_, err = m.Apply(ctx, dns.ApplyRequest{Scope: dns.Scope{Set: "web1"}, Token: preview.Token})
	must(err)
	work()
	show()
	net.SetDown("ns2", false)
	clock.Advance(time.Minute)
	work()
	show()

	err = m.Remove(ctx, dns.RemoveRequest{Name: "bakery.example"})
	guarded, _ := errors.AsType[*dns.GuardedError](err)
	fmt.Println(guarded.Plan.Guards[0].Message)
	// Output:
	// ns1 settled, 192.0.2.80
	// ns2 settled, 192.0.2.80
	// 1 of 1 changes: 1 record more, 1 less
	// ns1 settled, 192.0.2.81
	// ns2 pending, 192.0.2.80
	// ns1 settled, 192.0.2.81
	// ns2 settled, 192.0.2.81
	// the zone bakery.example is removed, with 4 records
}
