package powerdns_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/tierhost/tierhost/dns"
	"github.com/tierhost/tierhost/dns/powerdns"
	"github.com/tierhost/tierhost/secret"
)

// The API key is given to the driver; a place says where the API is and names the key.
func Example() {
	driver := powerdns.New(powerdns.Options{Keys: map[string]secret.Text{"ns1": secret.New("the API key")}})
	config, err := json.Marshal(powerdns.Config{URL: "https://ns1.example.net:8081", Key: "ns1"})
	if err != nil {
		log.Fatal(err)
	}
	at := dns.Place{Server: "ns1", Config: config}
	fmt.Println(string(at.Config))
	c := driver.Capabilities()
	fmt.Println(c.Atomic, c.Conditional, c.Creates)
	// Output:
	// {"url":"https://ns1.example.net:8081","key":"ns1"}
	// zone false true
}
