package zonefile_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/zonefile"
)

// A zone is written as a file; the server is told to read it.
func Example() {
	dir, err := os.MkdirTemp("", "zones")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	driver := zonefile.New(zonefile.Options{Reload: func(_ context.Context, _ dns.Place, zone dns.Name, _ bool) error {
		fmt.Println("rndc reload", zone)
		return nil
	}})
	config, err := json.Marshal(zonefile.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	soa := dns.SOA{Primary: "ns1.example.net", Mailbox: "hostmaster.example.net", Serial: 1, Refresh: 7200, Retry: 900, Expire: 1209600, Minimum: 300}
	err = driver.Apply(context.Background(), dns.Place{Server: "ns1", Config: config}, dns.Change{
		Operation: "op_1", Zone: "example.org", Serial: 1,
		Desired: []dns.Record{
			{Name: "example.org", TTL: 3600, Data: soa},
			{Name: "example.org", TTL: 3600, Data: dns.NS{Host: "ns1.example.net"}},
			{Name: "example.org", TTL: 300, Data: dns.MX{Preference: 10, Host: "mail.example.net"}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, zonefile.FileName("example.org")))
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// rndc reload example.org
	// example.org.	3600	IN	SOA	ns1.example.net. hostmaster.example.net. 1 7200 900 1209600 300
	// example.org.	3600	IN	NS	ns1.example.net.
	// example.org.	300	IN	MX	10 mail.example.net.
	// <nil>
}
