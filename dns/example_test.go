package dns_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/tierhost/tierhost/dns"
)

func ExampleParseName() {
	name, err := dns.ParseName("WWW.Bücher.example.")
	fmt.Println(name, err)
	fmt.Println(name.Unicode())
	_, err = dns.ParseName("no spaces.example")
	fmt.Println(err)
	// Output:
	// www.xn--bcher-kva.example <nil>
	// www.bücher.example
	// invalid: name "no spaces.example": the label "no spaces" holds ' ' (bad_character)
}

func ExampleParseRData() {
	for _, text := range []string{"10 mail", "10 mail.example.net.", "ten mail", "10 mail\nevil 60 A 192.0.2.1"} {
		data, err := dns.ParseRData(dns.TypeMX, text, "example.com")
		fmt.Println(data, err)
	}
	// Output:
	// 10 mail.example.com. <nil>
	// 10 mail.example.net. <nil>
	// <nil> invalid: preference: "ten" is no number from 0 to 65535 (bad_number)
	// <nil> invalid: there is more than one line (line_break)
}

func ExampleReadZone() {
	records, err := dns.ReadZone(strings.NewReader(`$ORIGIN example.com.
$TTL 1h
@    MX  10 mail
mail A   192.0.2.1
     A   192.0.2.300
$INCLUDE /etc/passwd
`), dns.ReadOptions{})
	fmt.Println(err)
	_ = dns.WriteZone(os.Stdout, records)
	// Output:
	// invalid: lines[5].data.addr: "192.0.2.300" is no IPv4 address (bad_address); lines[6]: other files are not read (include_refused)
	// example.com.	3600	IN	MX	10 mail.example.com.
	// mail.example.com.	3600	IN	A	192.0.2.1
}

// A customer's zone: what the host needs, what the account has, what the customer wrote.
func ExampleMerge() {
	web := dns.Template{ID: "web", Rules: []dns.Rule{
		{ID: "apex", Name: "@", TTL: 3600, Type: dns.TypeA, Data: "${web.ipv4}"},
		{ID: "www", Name: "www", TTL: 3600, Type: dns.TypeCNAME, Data: "@"},
	}}
	vars := dns.Vars{}
	vars.SetAddrs("web.ipv4", netip.MustParseAddr("192.0.2.1"))
	template, err := dns.Expand("example.com", []dns.Template{web}, vars)
	if err != nil {
		fmt.Println(err)
		return
	}
	zone := dns.Merge(dns.Layers{
		Zone: "example.com",
		System: []dns.Entry{
			{ID: "soa", Record: dns.Record{Name: "example.com", TTL: 3600, Data: dns.SOA{Primary: "ns1.example.net", Mailbox: "hostmaster.example.net",
				Refresh: 7200, Retry: 900, Expire: 1209600, Minimum: 300}}},
			{ID: "ns1", Record: dns.Record{Name: "example.com", TTL: 3600, Data: dns.NS{Host: "ns1.example.net"}}},
			{ID: "ns2", Record: dns.Record{Name: "example.com", TTL: 3600, Data: dns.NS{Host: "ns2.example.net"}}},
		},
		Template: template,
		Custom: []dns.Entry{
			{ID: "c1", Owner: "ann", Record: dns.Record{Name: "www.example.com", TTL: 300, Data: dns.CNAME{Target: "shops.example.org"}}},
		},
	})
	fmt.Println("valid:", dns.Validate(zone, dns.ValidateOptions{}) == nil)
	for _, e := range zone.Shown {
		fmt.Printf("%-8s %s\n", e.Layer, strings.ReplaceAll(e.Record.String(), "\t", " "))
	}
	for _, h := range zone.Hidden {
		fmt.Println(h.ID, h.Reason, "by", h.By)
	}
	// Output:
	// valid: true
	// system   example.com. 3600 IN SOA ns1.example.net. hostmaster.example.net. 0 7200 900 1209600 300
	// system   example.com. 3600 IN NS ns1.example.net.
	// system   example.com. 3600 IN NS ns2.example.net.
	// template example.com. 3600 IN A 192.0.2.1
	// custom   www.example.com. 300 IN CNAME shops.example.org.
	// web/www overridden by c1
}

func ExampleValidate() {
	records, _ := dns.ReadZone(strings.NewReader(`@ 60 SOA ns1.example.net. hostmaster.example.net. 1 7200 900 1209600 300
@ 60 NS ns1.example.net.
@ 60 CNAME www
@ 60 MX 10 mail
www 60 A 192.0.2.1
www 90 A 192.0.2.2`), dns.ReadOptions{Origin: "example.com"})
	err := dns.Validate(dns.EffectiveOf("example.com", dns.LayerSystem, records), dns.ValidateOptions{})
	fmt.Println(strings.ReplaceAll(err.Error(), "; ", "\n"))
	// Output:
	// invalid: zone: the zone has one name server, two are needed (ns_few)
	// records[2]: @ CNAME: the zone's own name has SOA and NS, so it cannot be an alias
	// ALIAS can stand there (cname_at_apex)
	// records[5].ttl: www A: the records of a set have one TTL, and another has 60: RFC 2181, 5.2 (ttl_differs)
	// records[3].data.host: @ MX: mail.example.com has no address (target_missing)
}

// A mail server moves: the plan is shown, then applied.
func ExampleNewPlan() {
	read := func(text string) []dns.Record {
		records, _ := dns.ReadZone(strings.NewReader(`@ 60 SOA ns1.example.net. hostmaster.example.net. 1 7200 900 1209600 300
@ 60 NS ns1.example.net.
@ 60 NS ns2.example.net.
`+text), dns.ReadOptions{Origin: "example.com"})
		return records
	}
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	first, _ := dns.Revise(dns.Revision{}, "example.com", read("@ 60 MX 10 old\nold 60 A 192.0.2.1"), nil, dns.SerialDate, now)
	second, _ := dns.Revise(first, "example.com", read("@ 60 MX 10 new\nnew 60 A 192.0.2.2"), nil, dns.SerialDate, now)

	plan, err := dns.NewPlan(dns.PlanInput{Server: "ns1", Zone: "example.com", Revision: second,
		Observed: dns.Published{Present: true, Serial: first.Serial, Records: first.Records}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan.Expect.Serial, "to", plan.Serial)
	for _, s := range plan.Steps {
		fmt.Println(s.Action(), s.Key().Name, s.Key().Type, s.Before.Data, s.After.Data)
	}
	change, err := plan.Change("op_1", second, "")
	fmt.Println(len(change.Desired), "records,", err)
	// Output:
	// 2026112600 to 2026112601
	// add new.example.com A [] [192.0.2.2]
	// replace example.com MX [10 old.example.com.] [10 new.example.com.]
	// remove old.example.com A [192.0.2.1] []
	// replace example.com SOA [ns1.example.net. hostmaster.example.net. 2026112600 7200 900 1209600 300] [ns1.example.net. hostmaster.example.net. 2026112601 7200 900 1209600 300]
	// 5 records, <nil>
}

func ExampleMergeSPF() {
	fmt.Println(dns.MergeSPF("v=spf1 ip4:192.0.2.1 -all", "v=spf1 include:_spf.example.net ~all"))
	// Output: v=spf1 ip4:192.0.2.1 include:_spf.example.net ~all <nil>
}

func ExampleWantedDelegation() {
	records, _ := dns.ReadZone(strings.NewReader("@ 60 NS ns1\n@ 60 NS ns2.example.net.\nns1 60 A 192.0.2.53"), dns.ReadOptions{Origin: "example.com"})
	for _, h := range dns.WantedDelegation("example.com", records, nil).Hosts {
		fmt.Println(h.Name, h.Glue)
	}
	// Output:
	// ns1.example.com [192.0.2.53]
	// ns2.example.net []
}
