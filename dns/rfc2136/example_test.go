package rfc2136_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/rfc2136"
	"github.com/tierhost/tierhost/secret"
)

// The key is given to the driver; a place says where a server is and which key it knows.
func Example() {
	driver, err := rfc2136.New(rfc2136.Options{Keys: []rfc2136.Key{
		{Name: "tierhost", Secret: secret.New("c2l4dGVlbiBieXRlcyBvciBtb3JlIGFyZSBuZWVkZWQ=")},
	}})
	if err != nil {
		log.Fatal(err)
	}
	config, err := json.Marshal(rfc2136.Config{Addr: "192.0.2.53:53", Key: "tierhost"})
	if err != nil {
		log.Fatal(err)
	}
	at := dns.Place{Server: "ns1", Config: config}
	fmt.Println(string(at.Config))
	c := driver.Capabilities()
	fmt.Println(c.Atomic, c.Conditional, c.Creates)
	// Output:
	// {"addr":"192.0.2.53:53","key":"tierhost"}
	// zone true false
}
