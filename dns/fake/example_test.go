package fake_test

import (
	"context"
	"fmt"

	"github.com/tierhost/tierhost"
	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/fake"
)

// The answer to a change is lost: the caller reads before it repeats.
func Example() {
	ctx, at := context.Background(), dns.Place{Server: "ns1"}
	d := fake.New(fake.Options{})
	d.Next(fake.Apply, fake.Fault{After: fake.ErrTimeout})
	err := d.Apply(ctx, at, dns.Change{
		Operation: "op_1", Zone: "example.org", Serial: 1,
		Desired: []dns.Record{{Name: "example.org", TTL: 3600, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "hostmaster.example.net", Serial: 1}}},
	})
	fmt.Println(tierhost.EffectOf(err))
	p, err := d.Fetch(ctx, at, "example.org")
	fmt.Println(p.Present, p.Serial, err)
	// Output:
	// unknown
	// true 1 <nil>
}
