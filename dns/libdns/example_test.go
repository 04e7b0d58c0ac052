package libdns_test

import (
	"context"
	"fmt"

	lib "github.com/libdns/libdns"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/libdns"
	"github.com/tierhost/tierhost/storage/memory"
)

// An ACME client that knows libdns sets the text that proves the domain, in one customer's
// zones, and can change nothing else there.
func ExampleProvider() {
	ctx := context.Background()
	m, _ := dns.NewManager(memory.New(), dns.Options{Waiver: true})
	_, _ = m.PutServer(ctx, dns.Server{ID: "a", Name: "ns1.host.example", Machine: "m1", Driver: "primary"})
	_, _ = m.PutServer(ctx, dns.Server{ID: "b", Name: "ns2.host.example", Machine: "m2", Driver: "primary"})
	if _, err := m.Create(ctx, dns.ZoneRequest{Name: "bakery.example", Account: "42"}); err != nil {
		fmt.Println(err)
	}

	p, _ := libdns.NewProvider(m, libdns.ProviderOptions{Account: "42", Allow: libdns.OnlyChallenges, By: "acme"})
	_, err := p.AppendRecords(ctx, "bakery.example.", []lib.Record{lib.TXT{Name: "_acme-challenge", Text: "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"}})
	fmt.Println(err)
	zone, _ := m.Zone(ctx, "bakery.example")
	fmt.Println(zone.Custom[0].Record.Name, zone.Custom[0].Record.Data, "by", zone.Custom[0].By)
	_, err = p.AppendRecords(ctx, "bakery.example.", []lib.Record{lib.MX{Name: "@", Preference: 10, Target: "mail.elsewhere.example."}})
	fmt.Println(err)
	// Output:
	// <nil>
	// _acme-challenge.bakery.example "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0" by acme
	// libdns: bakery.example MX is not to be changed from here
}
