package primary_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/primary"
)

// A zone is published by the server's own driver, and changed.
func Example() {
	ctx := context.Background()
	server, err := primary.New(primary.Options{Public: true})
	if err != nil {
		log.Fatal(err)
	}
	records := func(serial dns.Serial) []dns.Record {
		return []dns.Record{
			{Name: "example.org", TTL: 3600, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "hostmaster.example.net", Serial: serial, Refresh: 7200, Retry: 900, Expire: 1209600, Minimum: 300}},
			{Name: "example.org", TTL: 3600, Data: dns.NS{Host: "ns1.example.net"}},
		}
	}
	err = server.Apply(ctx, dns.Place{}, dns.Change{Operation: "op_1", Zone: "example.org", Serial: 1, Desired: records(1)})
	fmt.Println(err)
	change := dns.Change{Operation: "op_2", Zone: "example.org", Expect: dns.Expect{Present: true, Serial: 1}, Serial: 2, Desired: records(2)}
	fmt.Println(server.Apply(ctx, dns.Place{}, change))
	change.Operation, change.Serial, change.Desired = "op_3", 3, records(3)
	fmt.Println(server.Apply(ctx, dns.Place{}, change)) // it expects serial 1
	serial, present, err := server.Serial(ctx, dns.Place{}, "example.org")
	fmt.Println(serial, present, err)
	// Output:
	// <nil>
	// <nil>
	// dns: conflict (zone_changed)
	// 2 true <nil>
}
